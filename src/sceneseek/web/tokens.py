"""Tokens: random secrets that let somebody in. The file holds their digests alone, so that reading it opens nothing.

::

    [anna]
    role = "keeper"
    sha256 = "5f0c..."
    expires = 2027-01-31T00:00:00Z
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sceneseek import text_files
from sceneseek.errors import TextFileError, ValueRefused, suggest
from sceneseek.web.settings import Role, Token

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEYS = ("role", "sha256", "expires")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BYTES = 32
_LOOK_EVERY_S = 1.0
"""How often a token file is looked at, at most."""

_LOG = logging.getLogger("sceneseek.web")


def digest_of(token: str) -> str:
    """What is kept of a token. It holds 256 random bits, so a plain digest cannot be turned back."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def read_tokens(path: str | Path) -> tuple[Token, ...]:
    """Read a token file.

    Raises:
        ValueRefused: There is none, others may read it, it is damaged, or it holds no token.
    """
    path = Path(path).expanduser()
    tokens = tuple(_read(path).values())
    if not tokens:
        raise ValueRefused(f"{path} holds no token. Make one with --make-token NAME.")
    return tokens


class Keyring:
    """The tokens that open, as their file says at the moment.

    Args:
        tokens: Tokens that are known from the beginning.
        path: Their file. It is read again when it has changed; one that cannot be read then changes nothing, and that
            is logged. ``None`` where there is none.
        clock: Seconds; for tests.
        wall_clock: The time of the day, in UTC; for tests.
    """

    def __init__(
        self,
        tokens: tuple[Token, ...],
        path: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path = path
        self._clock, self._wall_clock = clock, wall_clock
        self._state = _state(path)
        self._tokens = tokens if tokens or path is None else tuple(_read(path).values())
        self._looked = clock()

    def by_digest(self, digest: str) -> Token | None:
        """The token with this digest, if it opens still."""
        self._look()
        # All tokens are compared, each in constant time: how long it takes says nothing.
        found = [known for known in self._tokens if hmac.compare_digest(known.sha256, digest)]
        return found[0] if found and not self._expired(found[0]) else None

    def _expired(self, token: Token) -> bool:
        return token.expires is not None and self._wall_clock() >= token.expires

    def _look(self) -> None:
        now = self._clock()
        if self._path is None or now - self._looked < _LOOK_EVERY_S:
            return
        self._looked = now
        state = _state(self._path)
        if state == self._state:
            return
        self._state = state
        try:
            self._tokens = tuple(_read(self._path).values())
        except ValueRefused as error:
            _LOG.error("the tokens stay as they were: %s", error)


def _state(path: Path | None) -> tuple[int, ...] | None:
    """What changes when a file does; ``None`` where there is none."""
    try:
        facts = None if path is None else path.stat()
    except OSError:
        return None
    return None if facts is None else (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def make_token(path: str | Path, name: str, role: Role, expires: datetime | None = None) -> str:
    """Make a token and add its digest to a file, which is made when missing and is the owner's alone.

    Args:
        path: The token file.
        name: Who it is for, as the audit log will show it. A former token of that name no longer opens anything.
        role: What they may do.
        expires: From this moment on it opens nothing; ``None`` for never.

    Returns:
        The token. It cannot be had again.

    Raises:
        ValueRefused: The name is no name, or the file cannot be used.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "tokens.toml"
        >>> token = make_token(path, "anna", Role.VIEWER)
        >>> read_tokens(path)[0].sha256 == digest_of(token)
        True
    """
    if not _NAME.fullmatch(name):
        raise ValueRefused(f"{name!r} is not a name for a token; expected 1 to 64 letters, digits, '-' or '_'.")
    path = Path(path).expanduser()
    tokens = _read(path) if path.exists() else {}
    token = secrets.token_urlsafe(_BYTES)
    tokens[name] = Token(name, role, digest_of(token), expires)
    _write(path, tokens)
    return token


def _read(path: Path) -> dict[str, Token]:
    try:
        mode = path.stat().st_mode
        text = text_files.read_text(path)
    except (OSError, TextFileError) as error:
        raise ValueRefused(f"the token file {path} cannot be read: {error}. Make one with --make-token NAME.") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueRefused(f"others may use {path} (mode {stat.S_IMODE(mode):04o}); expected 0600: chmod 600 {path}")
    try:
        tables = text_files.parse_toml(text)
        return {name: _token(name, table, path) for name, table in tables.items()}
    except (TextFileError, TypeError, KeyError, AttributeError) as error:
        raise ValueRefused(f"{path} is not a token file ({error}); expected tables with role and sha256.") from error


def _token(name: str, table: dict[str, Any], path: Path) -> Token:
    roles = [str(role) for role in Role]
    if table["role"] not in roles:
        raise ValueRefused(f"{path}: {name} has the role {table['role']!r}.{suggest(str(table['role']), roles)}")
    if not _NAME.fullmatch(name) or not _DIGEST.fullmatch(table["sha256"]):
        raise ValueRefused(f"{path}: {name} has no SHA-256 digest of 64 hexadecimal digits; make the token again.")
    unknown = next((key for key in table if key not in _KEYS), None)
    if unknown is not None:
        raise ValueRefused(f"{path}: {name} has a key {unknown!r}.{suggest(unknown, _KEYS)}")
    return Token(name, Role(table["role"]), table["sha256"], _moment(name, table.get("expires"), path))


def _moment(name: str, given: object, path: Path) -> datetime | None:
    if given is None:
        return None
    if not isinstance(given, datetime) or given.tzinfo is None:
        raise ValueRefused(
            f"{path}: {name} expires {given!s}; expected a date and a time with its zone, such as 2027-01-31T00:00:00Z."
        )
    return given.astimezone(UTC)


def _write(path: Path, tokens: dict[str, Token]) -> None:
    """Replace the file in one step; nobody else can read it at any moment."""
    lines = map(_table, tokens.values())
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
        os.replace(partial, path)
    except OSError as error:
        raise ValueRefused(f"the token file {path} cannot be written: {error}.") from error


def _table(token: Token) -> str:
    expires = "" if token.expires is None else f"expires = {token.expires.isoformat(timespec='seconds')}\n"
    return f"[{token.name}]\nrole = {json.dumps(str(token.role))}\nsha256 = {json.dumps(token.sha256)}\n{expires}"
