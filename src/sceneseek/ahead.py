"""Work in other threads, with a bound: sources that run ahead of their consumer, and one that is fed from behind."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar, cast

from sceneseek.errors import ValueRefused

_Item = TypeVar("_Item")
_Message = tuple[Literal["item", "end", "error"], Any]

_PATIENCE_S = 0.1
"""How often a thread that waits for room looks whether anybody still listens, seconds."""


def read_ahead(source: Iterable[_Item], depth: int = 8, *, newest: bool = False) -> Generator[_Item]:
    """Run a source in a second thread, at most ``depth`` items ahead: decoding overlaps with what comes after.

    The thread starts with the first item asked for. An exception of the source is raised here, in its place. When the
    consumer stops early (``close``, or ``contextlib.closing`` around it), the thread ends and the source is closed.

    Args:
        source: Where items come from.
        depth: How many wait at most; memory holds no more than these and two others.
        newest: A source that cannot wait, such as a camera: when ``depth`` items wait, the oldest gives way.

    Raises:
        ValueRefused: ``depth`` is below 1.

    Example:
        >>> list(read_ahead(iter(range(5)), depth=2))
        [0, 1, 2, 3, 4]
    """
    # Without ``idle_s`` all that comes is an item.
    yield from cast("Generator[_Item]", side_by_side([source], depth, newest=newest))


def side_by_side(
    sources: Sequence[Iterable[_Item]], depth: int = 8, *, newest: bool = False, idle_s: float | None = None
) -> Generator[_Item | None]:
    """Run several sources, each in a thread of its own, and take their items as they come; see ``read_ahead``.

    Args:
        sources: Where items come from; those of one source keep their order.
        depth: How many items of all of them wait at most.
        newest: When so many wait, the oldest gives way.
        idle_s: After this many seconds without an item comes ``None``; by default nothing comes instead.

    Raises:
        ValueRefused: ``depth`` is below 1.
    """
    if depth < 1:
        raise ValueRefused(f"depth is {depth}; expected at least 1.")
    waiting: queue.Queue[_Message] = queue.Queue(maxsize=depth)
    readers = [_Reader(source, waiting, newest) for source in sources]
    running = len(readers)
    try:
        while running:
            try:
                kind, value = waiting.get(timeout=idle_s)
            except queue.Empty:
                yield None
                continue
            if kind == "error":
                raise value
            if kind == "end":
                running -= 1
            else:
                yield value
    finally:
        for reader in readers:
            reader.finish()


class _Reader:
    """A thread that runs ahead of a consumer."""

    def __init__(self, source: Iterable[Any], waiting: queue.Queue[_Message], newest: bool) -> None:
        self.source = source
        self.waiting = waiting
        self.newest = newest
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
                self.waiting.put(message, timeout=0 if self.newest else _PATIENCE_S)
            except queue.Full:
                if self.newest and message[0] == "item":
                    with suppress(queue.Empty):
                        self.waiting.get_nowait()
                elif self.newest:
                    self._stop.wait(_PATIENCE_S)
                continue
            return True
        return False


class WorkBehind(Generic[_Item]):
    """Hands items to a function that runs in a second thread, in their order: what comes after overlaps, too.

    Use it as a context manager. Leaving it waits until everything is done; leaving it by an exception drops what
    waits. An exception of the function is raised at the next ``give``, or on leaving.

    Args:
        work: What is done with each item.
        capacity: What the items that wait may weigh together; one may wait whatever it weighs.

    Example:
        >>> done = []
        >>> with WorkBehind(done.append, capacity=2) as behind:
        ...     for i in range(4):
        ...         behind.give(i)
        >>> done
        [0, 1, 2, 3]
    """

    def __init__(self, work: Callable[[_Item], object], capacity: float) -> None:
        self._work = work
        self._capacity = capacity
        self._waiting: deque[tuple[_Item, float]] = deque()
        self._weight = 0.0
        self._changed = threading.Condition()
        self._ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sceneseek-work-behind", daemon=True)

    def __enter__(self) -> WorkBehind[_Item]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ended = True
            if error is not None and not isinstance(error, KeyboardInterrupt):
                self._waiting.clear()
            self._changed.notify_all()
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def give(self, item: _Item, weight: float = 1.0) -> None:
        """Hand over an item; waits while what is waiting and this one weigh too much."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._error is not None or not self._waiting or self._weight + weight <= self._capacity
            )
            if self._error is not None:
                raise self._error
            self._waiting.append((item, weight))
            self._weight += weight
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    return
                item, weight = self._waiting[0]
            try:
                self._work(item)
            except BaseException as error:  # raised again where items are given
                with self._changed:
                    self._error = error
                    self._waiting.clear()
                    self._changed.notify_all()
                return
            with self._changed:
                # Taken away only now: what is being worked on weighs, too.
                if self._waiting:
                    self._waiting.popleft()
                self._weight -= weight
                self._changed.notify_all()
