"""Indexing jobs: one at a time, by turns among those who ask, followed live by anybody who looks.

A job outlives the page that asked for it. When the server stops, the job in work is asked to stop and what it has
written stays: the gallery is sound after every batch, and indexing the same files again goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from sceneseek.errors import SceneseekError
from sceneseek.finder import Finder, FramesOf, IndexSummary
from sceneseek.finder.indexing import expected_pictures
from sceneseek.structures import MediaItem, MediaProblem
from sceneseek.web.refusals import Refusal
from sceneseek.web.shares import ASKER, Seats
from sceneseek.words import counted

State = Literal["waiting", "running", "stopping", "done", "stopped", "failed"]
Unit = Literal["pictures", "files"]
ENDED: frozenset[State] = frozenset({"done", "stopped", "failed"})

_LOG = logging.getLogger("sceneseek.web")
_REMEMBERED = 100
_PROBLEMS_KEPT = 200
_RATE_WINDOW_S = 20.0
_STOP_SECONDS = 30.0
_NAP_S = 0.2
_KEPT_SHARE = 4
"""One in so many places to wait is kept for those of whom no order waits."""


@dataclass(frozen=True)
class Order:
    """What is to be indexed.

    Attributes:
        what: In words, for people.
        owner: Who asked.
        items: Finds the media; called in the job's own thread. ``None`` is no medium, but a moment to stop at.
        frames_of: Opens one of them.
        every_s: The sampling that ``frames_of`` applies to video.
        asker: Whose turn it takes.
    """

    what: str
    owner: str
    items: Callable[[], Iterable[MediaItem | MediaProblem | None]]
    frames_of: FramesOf
    every_s: float
    asker: str = field(default_factory=ASKER.get)


@dataclass
class Job:
    """One order, and how far it has come. Changed by the job's thread, read by everybody."""

    order: Order
    job_id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = "waiting"
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started_at: datetime | None = None
    ended_at: datetime | None = None
    done: int = 0
    total: int | None = None
    unit: Unit = "files"
    frames: int = 0
    people: int = 0
    summary: IndexSummary | None = None
    note: str = ""
    error: str = ""
    version: int = 0
    seconds_left: float | None = None
    _frames_then: int = 0
    _moments: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=1000))
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def frames_per_second(self) -> float | None:
        """Pictures searched a second, over the last while."""
        if self.state != "running" or len(self._moments) < 2:
            return None
        (then, before), (now, frames) = self._moments[0], self._moments[-1]
        return (frames - before) / (now - then) if now > then else None

    def moved(self, done: int, total: int | None, note: str) -> None:
        """Note how far the work has come, see ``Finder.index``."""
        self.done, self.total, self.note = done, total, note
        self._frames_then = self.frames

    @property
    def done_now(self) -> int:
        """How many of ``unit`` are finished: pictures that were searched count before their whole group is through."""
        if self.unit == "files" or self.total is None:
            return self.done
        return min(self.total, self.done + self.frames - self._frames_then)

    def stop_asked(self) -> bool:
        """Whether somebody wants it to stop."""
        return self._stop.is_set()

    def count(self, people: int) -> None:
        """Note that a picture was searched, and how many people were found in it."""
        self.frames += 1
        self.people += people
        self.version += 1
        now = time.monotonic()
        self._moments.append((now, self.frames))
        while now - self._moments[0][0] > _RATE_WINDOW_S:
            self._moments.popleft()


class JobBoard:
    """Takes orders and works through them in one thread.

    Args:
        indexer: Who indexes for a job, and counts for it.
        most_waiting: Orders that wait at most.
        most_listeners: Followers at a time.
    """

    def __init__(self, indexer: Callable[[Job], Finder], most_waiting: int, most_listeners: int) -> None:
        self._indexer = indexer
        self._most_waiting = most_waiting
        self._listeners = Seats(most_listeners, "browsers follow jobs")
        self._last_turn: dict[str, int] = {}
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._promised: dict[object, str] = {}
        self._changed = threading.Condition()
        self._closed = self._hung_up = False
        self._thread = threading.Thread(target=self._work, name="sceneseek-jobs", daemon=True)
        self._thread.start()

    def check_place(self) -> None:
        """Make sure that one more order would be taken. The last places are for those of whom none waits.

        Raises:
            Refusal: (503) Too many wait.
        """
        asker = ASKER.get()
        with self._changed:
            waiting = [job.order.asker for job in self._jobs.values() if job.state == "waiting"]
            waiting += self._promised.values()
            most = self._most_waiting - (self._most_waiting // _KEPT_SHARE if asker in waiting else 0)
            if len(waiting) >= most:
                raise Refusal(503, "Too many indexing jobs wait already.", retry_after=30.0)

    @contextmanager
    def place(self) -> Iterator[Callable[[Order], Job]]:
        """Keep a place for an order that is not made yet; yields what takes it, once.

        Raises:
            Refusal: (503) Too many wait.
        """
        promise = object()
        with self._changed:
            self.check_place()
            self._promised[promise] = ASKER.get()

        def take(order: Order) -> Job:
            with self._changed:
                del self._promised[promise]
                return self._taken(order)

        try:
            yield take
        finally:
            with self._changed:
                self._promised.pop(promise, None)

    def _taken(self, order: Order) -> Job:
        job = Job(order)
        self._jobs[job.job_id] = job
        while len(self._jobs) > _REMEMBERED:
            oldest = next(iter(self._jobs.values()))
            if oldest.state not in ENDED:
                break
            del self._jobs[oldest.job_id]
        self._changed.notify_all()
        return job

    def get(self, job_id: str) -> Job:
        """A job.

        Raises:
            Refusal: (404) There is none of that name.
        """
        job = self._jobs.get(job_id)
        if job is None:
            raise Refusal(404, "There is no such job.", found=job_id)
        return job

    def all(self) -> list[Job]:
        """All jobs that are remembered, the newest first."""
        with self._changed:
            return list(reversed(self._jobs.values()))

    def stop(self, job: Job) -> None:
        """Ask a job to stop; what it has written stays."""
        with self._changed:
            job._stop.set()
            if job.state == "waiting":
                self._end(job, "stopped")
            elif job.state == "running":
                job.state = "stopping"
            self._tell(job)

    def check_room(self) -> None:
        """Make sure that one more may follow.

        Raises:
            Refusal: (503) Too many follow already.
        """
        self._listeners.check_room(ASKER.get())

    async def follow(self, job: Job, patience: float = 15.0) -> AsyncIterator[bool]:
        """Wait for news of a job until it ends, or until somebody who follows fewer jobs takes the place.

        Yields:
            Whether there is news, not too often; ``False`` after ``patience`` seconds without.
        """
        with self._listeners.taken(ASKER.get()) as seat:
            version, silent = -1, 0.0
            while not seat.lost:
                ended = job.state in ENDED or self._hung_up
                news, version = job.version != version, job.version
                if news or silent >= patience:
                    silent = 0.0
                    yield news
                if ended:
                    return
                # Short naps in place of calls from another thread: they also gather news that come thick and fast.
                await asyncio.sleep(_NAP_S)
                silent += _NAP_S

    def hang_up(self) -> None:
        """Let those go who follow a job: the server is about to stop."""
        self._hung_up = True

    def close(self) -> None:
        """Ask the job in work to stop, and wait for it a while."""
        with self._changed:
            self._closed = True
            for job in self._jobs.values():
                job._stop.set()
            self._changed.notify_all()
        self._thread.join(timeout=_STOP_SECONDS)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._closed and self._next() is None:
                    self._changed.wait()
                job = self._next()
                if self._closed or job is None:
                    return
                job.state, job.started_at = "running", datetime.now(UTC)
                self._last_turn[job.order.asker] = max(self._last_turn.values(), default=0) + 1
                self._tell(job)
            self._run(job)

    def _next(self) -> Job | None:
        """The first that waits, of those whose last turn was longest ago."""
        waiting = (job for job in self._jobs.values() if job.state == "waiting")
        return min(waiting, key=lambda job: self._last_turn.get(job.order.asker, 0), default=None)

    def _run(self, job: Job) -> None:
        try:
            items = self._found(job)
            if not job.stop_asked():
                job.summary = self._indexed(job, items)
            ended: State = "stopped" if job.stop_asked() else "done"
        except SceneseekError as error:
            ended, job.error = "failed", str(error)
        except Exception as error:  # anything else is a bug, or a full disk: the server goes on
            _LOG.error("indexing failed", exc_info=error)
            ended, job.error = "failed", "Indexing failed; the server's log says more. What was written stays."
        with self._changed:
            self._end(job, ended)

    def _found(self, job: Job) -> list[MediaItem | MediaProblem]:
        """Every file is read once to know it by its content: on a disk full of video this takes a while."""
        items: list[MediaItem | MediaProblem] = []
        for item in job.order.items():
            if job.stop_asked():
                break
            if item is None:
                continue
            items.append(item)
            job.note = f"{counted(len(items), 'file')} found"
            self._tell(job)
        return items

    def _indexed(self, job: Job, items: Sequence[MediaItem | MediaProblem]) -> IndexSummary:
        def told(done: int, total: int | None, note: str = "") -> None:
            job.moved(done, total, note)
            job.seconds_left = _left(job, began)
            self._tell(job)

        began = time.monotonic()
        counted = [expected_pictures(item, job.order.every_s) for item in items]
        job.unit = "files" if None in counted else "pictures"
        job.total = sum(count or 1 for count in counted) if job.unit == "pictures" else len(counted)
        job.note = ""
        self._tell(job)
        return self._indexer(job).index(
            items, job.order.frames_of, every_s=job.order.every_s, progress=told, stop=job.stop_asked
        )

    def _end(self, job: Job, state: State) -> None:
        job.state, job.ended_at, job.seconds_left = state, datetime.now(UTC), None
        self._tell(job)

    @staticmethod
    def _tell(job: Job) -> None:
        job.version += 1


def _left(job: Job, began: float) -> float | None:
    """Seconds that what is left will take, if it is like what is done."""
    if not job.total or not job.done:
        return None
    return (time.monotonic() - began) / job.done * (job.total - job.done)
