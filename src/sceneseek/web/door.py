"""The door: who is calling, and may they come in. Tokens for programs, sessions for browsers, patience for neither."""

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
from sceneseek.web.tokens import digest_of

SESSION_COOKIE = "sceneseek_session"
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
    """

    name: str
    role: Role
    csrf: str | None = None

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


class Door:
    """Recognises callers.

    Args:
        settings: The tokens and the limits.
        clock: Seconds; for tests.
    """

    def __init__(self, settings: Settings, clock: Clock = time.monotonic) -> None:
        limits: Limits = settings.limits
        self._tokens = settings.tokens
        self._limits = limits
        self._clock = clock
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._failures = Buckets(limits.login_failures / limits.login_seconds, limits.login_failures, clock)
        self._requests = Buckets(limits.requests_per_second, limits.burst, clock)
        self._locked: dict[str, float] = {}

    @property
    def open(self) -> bool:
        """Whether everybody is let in."""
        return not self._tokens

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

    def let_in(self, request: HTTPConnection, method: str, address: str) -> Caller:
        """Who sends a request, by its headers alone: nothing of its body has to be there.

        Args:
            request: A bearer token, or the cookie and the CSRF token of a session, are in its headers.
            method: Its method; a session's request that changes nothing needs no CSRF token.
            address: Where it comes from.

        Raises:
            Refusal: (401) Nobody we know; (403) a session without its CSRF token; (429) too many wrong tokens.
        """
        if self.open:
            return LOCAL
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return self.by_token(token.strip(), address)
        cookie = request.cookies.get(SESSION_COOKIE)
        caller = self.by_session(cookie) if cookie else None
        if caller is None:
            raise Refusal(401, "This server needs a token: log in, or send 'Authorization: Bearer TOKEN'.")
        if method not in HARMLESS:
            self.check_csrf(caller, request.headers.get(CSRF_HEADER))
        return caller

    def by_token(self, token: str, address: str) -> Caller:
        """The owner of a token.

        Raises:
            Refusal: (401) Nobody has it; (429) too many wrong ones came from this address.
        """
        return self._caller(self._owner(token, address))

    def log_in(self, token: str, address: str) -> tuple[Caller, str]:
        """Exchange a token for a session.

        Returns:
            The caller, and the secret that goes into the cookie.
        """
        owner = self._owner(token, address)
        secret, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._sessions[digest_of(secret)] = _Session(owner, csrf, self._clock())
        while len(self._sessions) > self._limits.sessions:
            self._sessions.popitem(last=False)
        return Caller(owner.name, owner.role, csrf), secret

    def by_session(self, secret: str) -> Caller | None:
        """The owner of a session that has not expired, or ``None``."""
        key, now = digest_of(secret), self._clock()
        session = self._sessions.get(key)
        if session is None or now - session.used > self._limits.session_seconds:
            self._sessions.pop(key, None)
            return None
        session.used = now
        self._sessions.move_to_end(key)
        return Caller(session.token.name, session.token.role, session.csrf)

    def log_out(self, secret: str) -> None:
        """End a session."""
        self._sessions.pop(digest_of(secret), None)

    def check_csrf(self, caller: Caller, given: str | None) -> None:
        """Make sure that a session's request comes from our own page.

        Raises:
            Refusal: (403) It does not say the session's CSRF token.
        """
        if caller.csrf is not None and not hmac.compare_digest(caller.csrf.encode(), (given or "").encode()):
            raise Refusal(
                403,
                f"The request does not carry the session's {CSRF_HEADER}; load the page again.",
                expected="the csrf value that /api/login and /api/gallery tell",
            )

    def _owner(self, token: str, address: str) -> Token:
        until, now = self._locked.get(address, 0.0), self._clock()
        if now < until:
            raise Refusal(429, "Too many wrong tokens from this address; wait.", retry_after=until - now)
        self._locked.pop(address, None)
        digest = digest_of(token)
        # All tokens are compared, each in constant time: how long it takes says nothing.
        owners = [known for known in self._tokens if hmac.compare_digest(known.sha256, digest)]
        if owners:
            return owners[0]
        wait = self._failures.take(address)
        if wait and len(self._locked) < _MOST_KEYS:
            self._locked[address] = now + self._limits.login_seconds
        raise Refusal(401, "Nobody has this token.", expected="a token made with sceneseek serve --make-token")

    @staticmethod
    def _caller(token: Token) -> Caller:
        return Caller(token.name, token.role)
