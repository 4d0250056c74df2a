"""The door: who is calling, and may they come in. Tokens for programs, sessions for browsers.

A right token always opens, whatever came from its address before: guessing one of 256 random bits is hopeless, and a
lock would keep out those alone who have one. Wrong tokens are counted, slowed down, and noted in the audit log.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from sceneseek.web.refusals import Refusal
from sceneseek.web.settings import Limits, Role, Settings, Token
from sceneseek.web.shares import oldest_of_greediest
from sceneseek.web.tokens import Keyring, digest_of

SESSION_COOKIE = "sceneseek_session"
"""What the names of session cookies hold; see ``cookie_name``."""
CSRF_HEADER = "X-CSRF-Token"
HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

_MOST_KEYS = 10_000
"""Callers that are remembered at a time, to count their requests."""

Clock = Callable[[], float]


@dataclass(frozen=True)
class Caller:
    """Somebody who was let in.

    Attributes:
        name: The token's name; ``"local"`` where no tokens are needed.
        role: What they may do.
        csrf: The session's CSRF token; ``None`` without a session.
        session: A name of the session, by which it cannot be entered; empty without one.
    """

    name: str
    role: Role
    csrf: str | None = None
    session: str = ""

    def check_role(self, needed: Role) -> None:
        """Make sure that they may do what needs a role.

        Raises:
            Refusal: (403) Theirs does not include it.
        """
        if not self.role.may(needed):
            raise Refusal(
                403, f"This needs the role {needed}.", found=str(self.role), expected=f"{needed}, or a role above it"
            )


LOCAL = Caller("local", Role.KEEPER)
"""Everybody, where the server listens to this machine alone and has no tokens."""


class Buckets:
    """A rate limit for each of many callers: a bucket of ``burst`` that fills again at ``rate`` a second.

    Args:
        rate: Requests a second that may go on for ever.
        burst: Requests that may come at once.
        clock: Seconds; for tests.

    Example:
        >>> buckets = Buckets(rate=1.0, burst=2, clock=lambda: 0.0)
        >>> [buckets.take("anna") for _ in range(3)]
        [0.0, 0.0, 1.0]
    """

    def __init__(self, rate: float, burst: float, clock: Clock = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, float(burst), clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Count one request; returns 0, or for how many seconds the caller has to wait."""
        now = self._clock()
        level, then = self._levels.pop(key, (self._burst, now))
        level = min(self._burst, level + (now - then) * self._rate)
        wait = 0.0 if level >= 1.0 else (1.0 - level) / self._rate
        self._levels[key] = (level if wait else level - 1.0, now)
        if len(self._levels) > _MOST_KEYS:
            self._levels.popitem(last=False)
        return wait


@dataclass
class _Session:
    token: Token
    csrf: str
    used: float


def cookie_name(settings: Settings) -> str:
    """The name of a server's session cookie.

    Browsers send a cookie to every port of its host, so each port has a name of its own. ``__Host-`` has browsers
    refuse a cookie of that name that another host, or plain HTTP, tries to set.

    Example:
        >>> cookie_name(Settings(port=8723)), cookie_name(Settings(port=8724, https=True))
        ('sceneseek_session_8723', '__Host-sceneseek_session_8724')
    """
    return f"{'__Host-' if settings.https else ''}{SESSION_COOKIE}_{settings.port}"


class Door:
    """Recognises callers.

    Args:
        settings: The tokens and the limits.
        clock: Seconds; for tests.
        failed: Told of each wrong token, with the address it came from.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock = time.monotonic,
        failed: Callable[[str], None] = lambda address: None,
    ) -> None:
        limits: Limits = settings.limits
        self.cookie = cookie_name(settings)
        self._keyring = Keyring(settings.tokens, settings.token_file, clock)
        self._open = not settings.tokens and settings.token_file is None
        self._limits = limits
        self._clock = clock
        self._failed = failed
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._failures = Buckets(limits.login_failures / limits.login_seconds, limits.login_failures, clock)
        self._requests = Buckets(limits.requests_per_second, limits.burst, clock)

    @property
    def open(self) -> bool:
        """Whether everybody is let in."""
        return self._open

    def count(self, key: str) -> None:
        """Count a request of an address or a caller.

        Raises:
            Refusal: (429) There were too many.
        """
        wait = self._requests.take(key)
        if wait:
            raise Refusal(
                429,
                "Too many requests; slow down.",
                expected=f"{self._limits.requests_per_second:g} a second, {self._limits.burst} at once",
                retry_after=wait,
            )

    def known(self, request: HTTPConnection) -> Caller | None:
        """Who sends a request, ``None`` for nobody we know. Nothing is counted and nobody is refused."""
        if self.open:
            return LOCAL
        token = _bearer(request)
        if token is not None:
            owner = self._owner(token)
            return None if owner is None else self._caller(owner)
        cookie = request.cookies.get(self.cookie)
        return self.by_session(cookie) if cookie else None

    def let_in(self, request: HTTPConnection, method: str, address: str) -> Caller:
        """Who sends a request, by its headers alone: nothing of its body has to be there.

        Args:
            request: A bearer token, or the cookie and the CSRF token of a session, are in its headers.
            method: Its method; a session's request that changes nothing needs no CSRF token.
            address: Where it comes from.

        Raises:
            Refusal: (401) Nobody we know; (403) a session without its CSRF token; (429) nobody we know, and too many
                wrong tokens came from there.
        """
        if self.open:
            return LOCAL
        token = _bearer(request)
        if token is not None:
            return self.by_token(token, address)
        caller = self.known(request)
        if caller is None:
            raise Refusal(401, "This server needs a token: log in, or send 'Authorization: Bearer TOKEN'.")
        if method not in HARMLESS:
            self.check_csrf(caller, request.headers.get(CSRF_HEADER))
        return caller

    def by_token(self, token: str, address: str) -> Caller:
        """The owner of a token.

        Raises:
            Refusal: (401) Nobody has it; (429) the same, and too many wrong ones came from this address.
        """
        return self._caller(self._owner_or_refusal(token, address))

    def log_in(self, token: str, address: str) -> tuple[Caller, str]:
        """Exchange a token for a session.

        Returns:
            The caller, and the secret that goes into the cookie.
        """
        owner = self._owner_or_refusal(token, address)
        secret, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        key = digest_of(secret)
        self._sessions[key] = _Session(owner, csrf, self._clock())
        while len(self._sessions) > self._limits.sessions:
            self._end_one_session()
        return Caller(owner.name, owner.role, csrf, _short(key)), secret

    def by_session(self, secret: str) -> Caller | None:
        """The owner of a session that has not expired and whose token still opens, or ``None``."""
        key, now = digest_of(secret), self._clock()
        session = self._sessions.get(key)
        owner = None if session is None else self._keyring.by_digest(session.token.sha256)
        if session is None or owner is None or now - session.used > self._limits.session_seconds:
            self._sessions.pop(key, None)
            return None
        session.used = now
        self._sessions.move_to_end(key)
        return Caller(owner.name, owner.role, session.csrf, _short(key))

    def log_out(self, secret: str) -> None:
        """End a session."""
        self._sessions.pop(digest_of(secret), None)

    def check_csrf(self, caller: Caller, given: str | None) -> None:
        """Make sure that a session's request comes from our own page.

        Raises:
            Refusal: (403) It does not carry the session's CSRF token.
        """
        if caller.csrf is not None and not hmac.compare_digest(caller.csrf.encode(), (given or "").encode()):
            raise Refusal(
                403,
                f"The request does not carry the session's {CSRF_HEADER}; load the page again.",
                expected="the csrf value in the answers of /api/login and /api/gallery",
            )

    def _end_one_session(self) -> None:
        """End the oldest session of the token that has the most: one owner does not log the others out."""
        del self._sessions[oldest_of_greediest((key, s.token.name, 1) for key, s in self._sessions.items())]

    def _owner(self, token: str) -> Token | None:
        return self._keyring.by_digest(digest_of(token))

    def _owner_or_refusal(self, token: str, address: str) -> Token:
        owner = self._owner(token)
        if owner is not None:
            return owner
        self._failed(address)
        wait = self._failures.take(address)
        if wait:
            raise Refusal(429, "This token is not known, and too many wrong ones came before it.", retry_after=wait)
        raise Refusal(401, "This token is not known.", expected="a token made with sceneseek serve --make-token")

    @staticmethod
    def _caller(token: Token) -> Caller:
        return Caller(token.name, token.role)


def _bearer(request: HTTPConnection) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _short(key: str) -> str:
    return key[:8]
