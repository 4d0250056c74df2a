"""One thread that does one thing after the other, and says so when too many wait.

A network must not run twice at a time on one machine, and a gallery's table is read by one thread at a time: each has a
thread of its own here. Those who ask from a page take turns, and come before jobs that work through a folder.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from sceneseek.web.shares import ASKER, Line, greediest, outnumbered, too_many

_Result = TypeVar("_Result")

_END_SECONDS = 30.0


class _Task(NamedTuple):
    work: Callable[[], Any]
    future: Future[Any]


class Turns:
    """A thread that takes turns.

    Args:
        name: The thread's name.
        max_waiting: Questions of ``ask`` that wait at most.
    """

    def __init__(self, name: str, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._first: Line[_Task] = Line()
        self._later: deque[_Task] = deque()
        self._asked = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Questions that wait or are being answered."""
        return self._asked

    async def ask(self, work: Callable[[], _Result]) -> _Result:
        """Have ``work`` done when its asker's turn has come, without holding up the event loop.

        Raises:
            Refusal: (503) Too many wait already.
        """
        asker, future = ASKER.get(), Future[_Result]()
        with self._changed:
            given_way = self._make_room(asker)
            self._asked += 1
            # A caller who hangs up cancels the future: work that has not begun is then left out.
            future.add_done_callback(self._answered)
            task = _Task(work, future)
            self._first.put(asker, task)
            self._changed.notify()
        if given_way is not None and given_way.future.set_running_or_notify_cancel():
            given_way.future.set_exception(outnumbered())
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            with self._changed:
                self._first.remove(asker, task)
            raise

    def wait_for(self, work: Callable[[], _Result]) -> _Result:
        """Have ``work`` done when nobody asks, and wait for it; for threads that work through many things."""
        future: Future[_Result] = Future()
        with self._changed:
            self._later.append(_Task(work, future))
            self._changed.notify()
        return future.result()

    def close(self) -> None:
        """Finish what was begun and what waits, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout=_END_SECONDS)

    def _make_room(self, asker: str) -> _Task | None:
        """Who gives way when too many wait, if anybody does."""
        if self._asked < self._max_waiting:
            return None
        other = greediest(self._first.counts(), asker)
        task = None if other is None else self._first.take_newest(other)
        if task is None:
            raise too_many(self._asked, "questions", self._max_waiting)
        return task

    def _answered(self, future: Future[Any]) -> None:
        with self._changed:
            self._asked -= 1

    def _next(self) -> _Task | None:
        """Wait for what is to be done next; ``None`` at the end."""
        with self._changed:
            while True:
                found = self._first.take()
                if found is not None:
                    return found[1]
                if self._later:
                    return self._later.popleft()
                if self._closed:
                    return None
                self._changed.wait()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            if not task.future.set_running_or_notify_cancel():
                continue
            try:
                result = task.work()
            except BaseException as error:  # handed over to whoever asked, whatever it is
                task.future.set_exception(error)
            else:
                task.future.set_result(result)
                del result
            del task  # or the last picture would stay in memory until the next one comes
