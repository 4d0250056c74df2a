"""Tokens: random secrets that let somebody in. The file holds their digests alone, so that reading it opens nothing.

::

    [anna]
    role = "keeper"
    sha256 = "5f0c..."
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import stat
from pathlib import Path

from sceneseek import text_files
from sceneseek.errors import TextFileError, ValueRefused, suggest
from sceneseek.web.settings import Role, Token

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BYTES = 32


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


def make_token(path: str | Path, name: str, role: Role) -> str:
    """Make a token and add its digest to a file, which is made when missing and is the owner's alone.

    Args:
        path: The token file.
        name: Who it is for, as the audit log will show it. A former token of that name no longer opens anything.
        role: What they may do.

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
        raise ValueRefused(f"{name!r} is no name for a token; expected 1 to 64 letters, digits, '-' or '_'.")
    path = Path(path).expanduser()
    tokens = _read(path) if path.exists() else {}
    token = secrets.token_urlsafe(_BYTES)
    tokens[name] = Token(name, role, digest_of(token))
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


def _token(name: str, table: dict[str, str], path: Path) -> Token:
    roles = [str(role) for role in Role]
    if table["role"] not in roles:
        raise ValueRefused(f"{path}: {name} has the role {table['role']!r}.{suggest(str(table['role']), roles)}")
    if not _NAME.fullmatch(name) or not _DIGEST.fullmatch(table["sha256"]):
        raise ValueRefused(f"{path}: {name} has no SHA-256 digest of 64 hexadecimal digits; make the token again.")
    return Token(name, Role(table["role"]), table["sha256"])


def _write(path: Path, tokens: dict[str, Token]) -> None:
    """Replace the file in one step; nobody else can read it at any moment."""
    lines = [
        f"[{t.name}]\nrole = {json.dumps(str(t.role))}\nsha256 = {json.dumps(t.sha256)}\n" for t in tokens.values()
    ]
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
