"""One thread that does one thing after the other, and says so when too many wait.

A network must not run twice at a time on one machine, and a gallery's table is read by one thread at a time: each has a
thread of its own here. Whoever asks from a page comes before whoever works through a folder.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sceneseek.web.refusals import Refusal

_Result = TypeVar("_Result")
_Task = tuple[int, int, Callable[[], Any], "Future[Any]"]

_FIRST, _LATER, _LAST = 0, 1, 2


class _End(BaseException):
    """Ends the thread."""


class Waiters:
    """Counts who holds a thing, and who waits for it; whoever comes when too many wait is told so.

    Args:
        places: Held by so many at a time.
        max_waiting: Who holds one or waits for one, at most.
    """

    def __init__(self, places: int, max_waiting: int) -> None:
        self._places = asyncio.Semaphore(places)
        self._max_waiting = max_waiting
        self._count = 0

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it.

        Raises:
            Refusal: (503) Too many wait already.
        """
        if self._count >= self._max_waiting:
            raise Refusal(
                503,
                f"{self._count} pictures wait already; ask again in a few seconds.",
                expected=f"at most {self._max_waiting} at a time",
                retry_after=2.0,
            )
        self._count += 1
        try:
            async with self._places:
                yield
        finally:
            self._count -= 1


class Turns:
    """A thread that takes turns.

    Args:
        name: The thread's name.
        max_waiting: Questions of ``ask`` that wait at most.
    """

    def __init__(self, name: str, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._tasks: queue.PriorityQueue[_Task] = queue.PriorityQueue()
        self._count = itertools.count()
        self._asked = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Questions that wait or are being answered."""
        return self._asked

    async def ask(self, work: Callable[[], _Result]) -> _Result:
        """Have ``work`` done next, without holding up the event loop.

        Raises:
            Refusal: (503) Too many wait already.
        """
        with self._lock:
            if self._asked >= self._max_waiting:
                raise Refusal(
                    503,
                    f"{self._asked} questions wait already; ask again in a few seconds.",
                    expected=f"at most {self._max_waiting} at a time",
                    retry_after=2.0,
                )
            self._asked += 1
        future = self._put(_FIRST, work)
        # A caller who hangs up cancels the future: work that has not begun is then left out.
        future.add_done_callback(self._answered)
        return await asyncio.wrap_future(future)

    def wait_for(self, work: Callable[[], _Result]) -> _Result:
        """Have ``work`` done when nobody asks, and wait for it; for threads that work through many things."""
        return self._put(_LATER, work).result()

    def close(self) -> None:
        """Finish what was begun and end the thread."""
        self._put(_LAST, self._end)
        self._thread.join(timeout=30.0)

    def _put(self, priority: int, work: Callable[[], _Result]) -> Future[_Result]:
        future: Future[_Result] = Future()
        self._tasks.put((priority, next(self._count), work, future))
        return future

    def _answered(self, future: Future[Any]) -> None:
        with self._lock:
            self._asked -= 1

    def _end(self) -> None:
        raise _End

    def _work(self) -> None:
        while True:
            _, _, work, future = self._tasks.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except _End:
                future.set_result(None)
                return
            except BaseException as error:  # handed over to whoever asked, whatever it is
                future.set_exception(error)
            else:
                future.set_result(result)
            finally:
                del work, future  # or the last picture would stay in memory until the next one comes
