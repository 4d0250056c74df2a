"""Reading ahead: a source runs in a second thread while its consumer works, and never further ahead than asked."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Any, Literal, TypeVar

from sceneseek.errors import ValueRefused

_Item = TypeVar("_Item")
_Message = tuple[Literal["item", "end", "error"], Any]

_PATIENCE_S = 0.1
"""How often a thread that waits for room looks whether anybody still listens, seconds."""


def read_ahead(source: Iterable[_Item], depth: int = 8) -> Generator[_Item]:
    """Run a source in a second thread, at most ``depth`` items ahead: decoding overlaps with what comes after.

    The thread starts with the first item asked for. An exception of the source is raised here, in its place. When the
    consumer stops early (``close``, or ``contextlib.closing`` around it), the thread ends and the source is closed.

    Args:
        source: Where items come from.
        depth: How many wait at most; memory holds no more than these and two others.

    Raises:
        ValueRefused: ``depth`` is below 1.

    Example:
        >>> list(read_ahead(iter(range(5)), depth=2))
        [0, 1, 2, 3, 4]
    """
    if depth < 1:
        raise ValueRefused(f"depth is {depth}; expected at least 1.")
    reader = _Reader(source, depth)
    try:
        while True:
            kind, value = reader.waiting.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        reader.finish()


class _Reader:
    """The thread that runs ahead of a consumer, and the queue between the two."""

    def __init__(self, source: Iterable[Any], depth: int) -> None:
        self.source = source
        self.waiting: queue.Queue[_Message] = queue.Queue(maxsize=depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sceneseek-read-ahead", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Stop the thread and wait for it."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            for value in self.source:
                if not self._put(("item", value)):
                    break
            self._put(("end", None))
        except BaseException as error:  # handed over to the consumer's thread, whatever it is
            self._put(("error", error))
        finally:
            if hasattr(self.source, "close"):
                self.source.close()

    def _put(self, message: _Message) -> bool:
        while not self._stop.is_set():
            try:
                self.waiting.put(message, timeout=_PATIENCE_S)
            except queue.Full:
                continue
            return True
        return False
