"""What happens too often for a line each, and belongs into the audit log all the same: looking, and wrong tokens.

Looks are gathered for each session for a minute, or until there are many. The first one after a silence is written at
once, and where a line could not be written nobody sees anything until one can: what must be logged does not happen
where the log cannot be written. So a server that is killed forgets what was looked at in its last minute, and nothing
more.

Wrong tokens are counted by address. However many come, they make a line a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from sceneseek.errors import GalleryError
from sceneseek.web.door import Buckets, Caller
from sceneseek.web.refusals import Refusal
from sceneseek.web.settings import Limits, Role

Kind = Literal["crops", "scenes", "clips"]
Write = Callable[..., object]
"""Writes a line: who, what, and facts by name."""

_MOST_LOOKS = 100
_MOST_ADDRESSES = 100
_MOST_SESSIONS = 1000
_OTHERS = "other addresses"
_SERVER = "sceneseek"


@dataclass
class _Looks:
    """What one session looked at since the last line."""

    since: float
    seen: dict[Kind, dict[str, None]] = field(default_factory=dict)
    count: int = 0

    def add(self, kind: Kind, name: str) -> None:
        self.count += 1
        self.seen.setdefault(kind, {})[name] = None

    def is_due(self, now: float, seconds: float) -> bool:
        return now - self.since >= seconds or sum(map(len, self.seen.values())) >= _MOST_LOOKS


class Looking:
    """Gathers looks and wrong tokens, and writes them into the audit log.

    Args:
        write: Writes a line; ``AuditLog.append``.
        limits: How long looks are gathered, and how many a viewer may take.
        clock: Seconds; for tests.
    """

    def __init__(self, write: Write, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._seconds = limits.looks_seconds
        self._clock = clock
        self._rate = Buckets(limits.looks_per_second, limits.looks_at_once, clock)
        self._looks: OrderedDict[tuple[str, str], _Looks] = OrderedDict()
        self._wrong: Counter[str] = Counter()
        self._wrong_since = 0.0
        self._written: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._failed = False
        self._lock = threading.RLock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Write what is due from now on, also when nobody looks any more."""
        self._thread = threading.Thread(target=self._work, name="sceneseek-looking", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what is left."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        self._flush_if_possible(everything=True)

    async def at(self, caller: Caller, kind: Kind, name: str) -> None:
        """Note that somebody is about to see something.

        Args:
            caller: Who.
            kind: What it is.
            name: The gallery's name for it.

        Raises:
            Refusal: (429) A viewer sees too much in too little time.
            GalleryError: It cannot be logged.
        """
        if caller.role is Role.VIEWER:
            wait = self._rate.take(caller.name)
            if wait:
                raise Refusal(429, "That is more pictures than one viewer may see in this time.", retry_after=wait)
        await asyncio.to_thread(self._note, caller, kind, name)

    def wrong_token(self, address: str) -> None:
        """Note that a token was not known."""
        with self._lock:
            if not self._wrong:
                self._wrong_since = self._clock()
            known = address in self._wrong or len(self._wrong) < _MOST_ADDRESSES
            self._wrong[address if known else _OTHERS] += 1

    def flush(self, everything: bool = False) -> None:
        """Write what is due, or all there is.

        Raises:
            GalleryError: The log cannot be written; what was to be written stays in hand.
        """
        with self._lock:
            now = self._clock()
            try:
                for key in [key for key, looks in self._looks.items() if everything or self._is_due(key, looks, now)]:
                    self._write_looks(key, now)
                if self._wrong and (everything or now - self._wrong_since >= self._seconds):
                    self._write(_SERVER, "wrong-token", addresses=dict(self._wrong))
                    self._wrong.clear()
            except GalleryError:
                self._failed = True
                raise
            self._failed = False

    def _note(self, caller: Caller, kind: Kind, name: str) -> None:
        """Take a look down, and write what has to be written before it happens."""
        key = (caller.name, caller.session)
        with self._lock:
            if self._failed:
                self.flush()
            now = self._clock()
            self._looks.setdefault(key, _Looks(now)).add(kind, name)
            if self._is_due(key, self._looks[key], now):
                self.flush()

    def _is_due(self, key: tuple[str, str], looks: _Looks, now: float) -> bool:
        silent = now - self._written.get(key, -self._seconds) >= self._seconds
        return self._failed or silent or looks.is_due(now, self._seconds) or len(self._looks) > _MOST_SESSIONS

    def _write_looks(self, key: tuple[str, str], now: float) -> None:
        looks, (name, session) = self._looks[key], key
        facts: dict[str, Any] = {kind: list(names) for kind, names in looks.seen.items()}
        if session:
            facts["session"] = session
        self._write(name, "look", looks=looks.count, **facts)
        del self._looks[key]
        self._written[key] = now
        self._written.move_to_end(key)
        if len(self._written) > _MOST_SESSIONS:
            self._written.popitem(last=False)

    def _work(self) -> None:
        while not self._end.wait(min(1.0, self._seconds)):
            self._flush_if_possible()

    def _flush_if_possible(self, everything: bool = False) -> None:
        with contextlib.suppress(GalleryError):  # the next one to look is told
            self.flush(everything)
