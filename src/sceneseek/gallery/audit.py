"""Who did what with a gallery, and when: an append-only log in which a changed or missing line shows.

One event is one line of JSON. Each line holds the SHA-256 of the line before it, so nothing can be changed, removed or
put in between without the next line contradicting it. What a chain alone cannot show is a log cut off at its end;
therefore the last line's hash is also kept in ``audit.head``, and ``AuditLog.verify`` takes a hash that was noted
elsewhere. Whoever logs next first logs that the line is missing, so that the cut shows for good. Whoever may write the
folder can replace both files together: only the hash kept elsewhere shows that.

The log names people who search, and never shows people who were found: no pictures, no embeddings. A search is told by
the SHA-256 of its query picture.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from sceneseek.errors import GalleryError, ValueRefused
from sceneseek.gallery.lock import wait_for_lock
from sceneseek.gallery.privacy import private_opener
from sceneseek.words import without_passwords

AUDIT = "audit.jsonl"
AUDIT_HEAD = "audit.head"

BEGINNING = "0" * 64
"""What the first line names as its predecessor."""

_CUT = "log-cut"
"""The event that tells of a cut."""

_ACTION = re.compile(r"[a-z][a-z-]{0,39}")
_LONGEST_TEXT = 500
_MOST_NUMBERS = 16
_MOST_ITEMS = 200
_BLOCK = 1 << 16


@dataclass(frozen=True)
class AuditEntry:
    """One event.

    Attributes:
        number: 1 for the first.
        at: When, ISO 8601 in UTC.
        actor: Who: a user of this machine (``"anna@desk"``), or the name of a token.
        action: What: ``"search"``, ``"index"``, ``"forget"``, ``"export"``, ``"login"``, ...
        details: Facts about it; texts, numbers, and lists and tables of them.
        previous: SHA-256 of the line before, hexadecimal.
        digest: SHA-256 of this line, hexadecimal.
    """

    number: int
    at: str
    actor: str
    action: str
    details: Mapping[str, Any] = field(default_factory=dict)
    previous: str = BEGINNING
    digest: str = ""


@dataclass(frozen=True)
class AuditVerdict:
    """Whether a log is what was written.

    Attributes:
        num_entries: Lines that could be read.
        head: Digest of the last line; write it down elsewhere to be able to show later that nothing was cut off.
        problems: What contradicts itself, with line numbers; empty when the log is whole.
    """

    num_entries: int
    head: str
    problems: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing was changed, removed or put in between."""
        return not self.problems


class AuditLog:
    """The log of one gallery. Any number of processes may append to it at the same time.

    Args:
        gallery_path: The gallery's folder.
    """

    def __init__(self, gallery_path: str | Path) -> None:
        self.path = Path(gallery_path).expanduser().absolute() / AUDIT

    def append(self, actor: str, action: str, /, **details: Any) -> AuditEntry:
        """Write one event and return when it is safely on the disk.

        Args:
            actor: Who did it, such as ``local_user()`` or the name of a token.
            action: What was done: lower-case letters and hyphens.
            details: Facts about it. Long texts are cut; pictures and embeddings are refused.

        Raises:
            ValueRefused: The action is no word, or a detail does not belong into a log.
            GalleryError: The log cannot be written. Whoever logs first and acts then does nothing unseen.
        """
        if not _ACTION.fullmatch(action):
            raise ValueRefused(f"action is {action!r}; expected lower-case letters and hyphens, such as 'search'.")
        facts = {name: _loggable(name, value) for name, value in details.items()}
        try:
            with open(self.path, "a+b", opener=private_opener(self.path.parent)) as file, wait_for_lock(file):
                number, previous = self._whole_end(file)
                entry = AuditEntry(number + 1, _now(), _short(actor), action, facts, previous)
                return self._write(file, entry)
        except OSError as error:
            raise GalleryError(
                f"{self.path} cannot be written ({error.strerror or error}), so nothing that must be logged can be "
                "done. Make room on the disk, or ask for the right to write in the gallery's folder."
            ) from error

    def entries(self) -> Iterator[AuditEntry]:
        """Read the events, the oldest first.

        Raises:
            GalleryError: A line is no event; ``verify`` says more.
        """
        for number, line in enumerate(self._lines(), start=1):
            entry = _parse(line)
            if entry is None:
                raise GalleryError(
                    f"line {number} of {self.path} is no event; look at the whole log with: sceneseek gallery audit"
                )
            yield entry

    def readable_entries(self) -> Iterator[AuditEntry]:
        """The events of a damaged log as far as they can be read."""
        return filter(None, map(_parse, self._lines()))

    def verify(self, expected: str | None = None) -> AuditVerdict:
        """Follow the chain from the first line to the last.

        Args:
            expected: A digest noted earlier; it must still be that of some line.

        Returns:
            What was found; never raises for a damaged log.
        """
        problems: list[str] = []
        previous, count, seen = BEGINNING, 0, set()
        size, noted = self._size_and_head()
        for count, line in enumerate(self._lines(size), start=1):
            entry, digest = _parse(line), _digest(line)
            if not line.endswith(b"\n"):
                problems.append(f"line {count} is cut off: its writer died, or the end of the file was removed.")
            elif entry is None:
                problems.append(f"line {count} is no event.")
            else:
                if entry.previous != previous:
                    problems.append(f"line {count} does not follow from line {count - 1}: something was changed there.")
                if entry.number != count:
                    problems.append(f"line {count} calls itself {entry.number}: lines are missing or were put in.")
                if entry.action == _CUT:
                    lost = str(entry.details.get("missing", ""))[:16]
                    problems.append(f"before line {count} the log was cut off at its end: event {lost}… is missing.")
            previous = digest
            seen |= {digest} & {noted, expected}
        if expected is not None and expected not in seen:
            problems.append(f"no line has the digest {expected[:16]}… that was expected.")
        if noted is None and count > 1:  # see _missing_head
            problems.append(f"{AUDIT_HEAD} is missing, so that a log cut off at its end would not show.")
        if noted is not None and noted not in seen:
            problems.append(f"the last event known to {AUDIT_HEAD} is missing: the log was cut off at its end.")
        return AuditVerdict(count, previous, tuple(problems))

    def _write(self, file: IO[bytes], entry: AuditEntry) -> AuditEntry:
        line = _line_of(entry)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
        digest = _digest(line)
        # Behind the log, never ahead of it: a crash in between leaves a head that is still one of the lines.
        partial = self.path.with_name(f".{AUDIT_HEAD}.partial")
        with open(partial, "wb", opener=private_opener(self.path.parent)) as head:
            head.write(digest.encode("ascii"))
            head.flush()
            os.fsync(head.fileno())  # a head that a power cut emptied would be taken for a log that was cut off
        os.replace(partial, self.path.with_name(AUDIT_HEAD))
        return AuditEntry(entry.number, entry.at, entry.actor, entry.action, entry.details, entry.previous, digest)

    def _whole_end(self, file: IO[bytes]) -> tuple[int, str]:
        """Number and digest of the last line. A part of a line, whose writer died, is dropped and that is logged."""
        line = _last_line(file)
        if line and not line.endswith(b"\n"):
            file.truncate(file.seek(0, os.SEEK_END) - len(line))
            number, previous = self._whole_end(file)
            facts = {"bytes": len(line), "sha256": _digest(line)}
            broken = self._write(file, AuditEntry(number + 1, _now(), "sceneseek", "drop-cut-line", facts, previous))
            return broken.number, broken.digest
        entry, digest = _parse(line), _digest(line) if line else BEGINNING
        # A damaged last line is no reason to stop logging: the chain goes on from its bytes, and verify tells of it.
        number = entry.number if entry else self._count()
        missing = self._missing_head(digest, number)
        if missing is None:
            return number, digest
        cut = self._write(file, AuditEntry(number + 1, _now(), "sceneseek", _CUT, {"missing": missing}, digest))
        return cut.number, cut.digest

    def _missing_head(self, last: str, number: int) -> str | None:
        """The digest that ``audit.head`` knows and no line has, ``None`` when all is well."""
        head = self._head()
        if head is None:
            # Its first line may be all that a killed writer left; a longer log had a head.
            return "unknown" if number > 1 else None
        # A killed writer leaves a head behind the last line; only then are all lines read.
        if head == last or any(_digest(line) == head for line in self._lines()):
            return None
        return head

    def _count(self) -> int:
        return sum(1 for _ in self._lines())

    def _lines(self, size: int | None = None) -> Iterator[bytes]:
        """The lines of the first ``size`` bytes."""
        left = size if size is not None else sys.maxsize
        try:
            with open(self.path, "rb") as file:
                while left > 0 and (line := file.readline(left)):
                    left -= len(line)
                    yield line
        except FileNotFoundError:
            return
        except OSError as error:
            raise GalleryError(f"{self.path} cannot be read: {error.strerror or error}.") from error

    def _size_and_head(self) -> tuple[int, str | None]:
        """How long the log is, and the head of that moment: others may be appending."""
        with ExitStack() as held:
            try:
                file = held.enter_context(open(self.path, "rb"))
                held.enter_context(wait_for_lock(file))
                size = file.seek(0, os.SEEK_END)
            except OSError:
                size = 0
            return size, self._head()

    def _head(self) -> str | None:
        try:
            return self.path.with_name(AUDIT_HEAD).read_text(encoding="ascii", errors="replace")
        except OSError:
            return None


def local_user() -> str:
    """Who runs this program, for the log: ``"anna@desk"``."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # no such account, as in some containers
        name = f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"
    return f"{name}@{socket.gethostname()}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _line_of(entry: AuditEntry) -> bytes:
    fields = {
        "number": entry.number,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "details": entry.details,
        "previous": entry.previous,
    }
    return json.dumps(fields, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"


def _parse(line: bytes) -> AuditEntry | None:
    try:
        fields = json.loads(line)
        return AuditEntry(
            int(fields["number"]),
            str(fields["at"]),
            str(fields["actor"]),
            str(fields["action"]),
            {str(name): _without_passwords(value) for name, value in dict(fields["details"]).items()},
            str(fields["previous"]),
            _digest(line),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _without_passwords(value: Any) -> Any:
    """A detail as it may be shown: lines of earlier versions hold whole addresses of cameras, and cannot be changed."""
    if isinstance(value, str):
        return without_passwords(value)
    if isinstance(value, dict):
        return {name: _without_passwords(inner) for name, inner in value.items()}
    return [_without_passwords(inner) for inner in value] if isinstance(value, list) else value


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _last_line(file: IO[bytes]) -> bytes:
    """The last line, whole or not, read from the end: a log may hold millions."""
    end = file.seek(0, os.SEEK_END)
    tail = b""
    while end and b"\n" not in tail[:-1]:
        start = max(0, end - _BLOCK)
        file.seek(start)
        tail = file.read(end - start) + tail
        end = start
    return tail[tail.rfind(b"\n", 0, -1) + 1 :]


def _loggable(name: str, value: Any) -> Any:
    """A detail as JSON; what would keep somebody's picture or embedding is refused."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else repr(value)
    if isinstance(value, str):
        if value.startswith("data:"):
            raise ValueRefused(f"{name} holds a picture; the audit log takes its hash instead.")
        return _short(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return _short(str(value))
    if isinstance(value, Mapping):
        return {_short(str(key)): _loggable(name, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
        if len(items) > _MOST_NUMBERS and all(isinstance(item, int | float) for item in items):
            raise ValueRefused(f"{name} holds {len(items)} numbers; an embedding does not belong into the audit log.")
        kept = [_loggable(name, item) for item in items[:_MOST_ITEMS]]
        return kept if len(items) == len(kept) else [*kept, f"… and {len(items) - len(kept)} more"]
    raise ValueRefused(
        f"{name} is a {type(value).__name__}; the audit log takes texts, numbers, times, and lists and tables of them."
    )


def _short(text: str) -> str:
    text = without_passwords(text).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}… ({len(text)} characters)"
