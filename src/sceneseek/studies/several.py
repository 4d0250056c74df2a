"""Several runs of a study at a time, each in a process of its own with one thread."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sceneseek.errors import SceneseekError
from sceneseek.studies.keeper import Keeper
from sceneseek.studies.one_run import Place, work
from sceneseek.studies.plan import Run
from sceneseek.training.interruption import StopRequest, stop_on_signals

_POLL_S = 0.25


@dataclass
class _Worker:
    """One run at work."""

    run: Run
    process: Any
    news: Any


def work_in_processes(
    runs: Sequence[Run], place: Place, keeper: Keeper, jobs: int, stop: StopRequest | None = None
) -> None:
    """Do the runs, ``jobs`` at a time; asked to stop, all save and leave.

    Args:
        runs: What to do; a run waits for those it needs.
        place: Place.
        keeper: Told how far they are.
        jobs: Processes at a time.
        stop: Looked at several times a second.
    """
    waiting, working = list(runs), list[_Worker]()
    told_to_stop = False
    while working or (waiting and not stop):
        if stop and not told_to_stop:
            told_to_stop = True
            for worker in working:
                worker.process.terminate()
        if not stop:
            _start(waiting, working, place, keeper, jobs)
        for worker in list(working):
            if _listen(worker, keeper, told_to_stop):
                working.remove(worker)


def _start(waiting: list[Run], working: list[_Worker], place: Place, keeper: Keeper, jobs: int) -> None:
    for run in list(waiting):
        if keeper.refuse_without_stages(run):
            waiting.remove(run)
        elif len(working) < jobs and keeper.is_ready(run):
            waiting.remove(run)
            working.append(_spawned(run, place))


def _spawned(run: Run, place: Place) -> _Worker:
    context = multiprocessing.get_context("spawn")  # torch has threads, and forking a process with threads may hang
    news = context.Queue()
    process = context.Process(target=_work, args=(run, place, news, os.getpid()), name=str(run))
    process.start()
    return _Worker(run, process, news)


def _listen(worker: _Worker, keeper: Keeper, told_to_stop: bool) -> bool:
    """Pass on what a worker says; whether it has ended. One that was stopped while it was starting has not failed."""
    alive = worker.process.is_alive()
    tell = keeper.progress_of(worker.run)
    try:
        kind, content = worker.news.get(timeout=_POLL_S)
    except queue.Empty:
        if alive:
            return False
        code = worker.process.exitcode
        if code and not told_to_stop:
            keeper.failed(worker.run, f"its process ended with code {code}")
        return True
    if kind == "progress":
        tell(*content)
        return False
    worker.process.join()
    if kind == "scores":
        keeper.ended(worker.run, content)
    elif kind == "failure":
        keeper.failed(worker.run, content)
    return True


def _work(run: Run, place: Place, news: Any, parent: int) -> None:
    """What a process does."""
    # Ctrl-C reaches every process of a terminal's group: here it comes once, from the parent.
    if hasattr(os, "setsid"):  # not on Windows
        os.setsid()
    with stop_on_signals() as stop:

        def tell(done: int, total: int | None, note: str = "") -> None:
            news.put(("progress", (done, total, note)))
            if os.getppid() != parent:  # killed: nobody would end this process
                stop.signal_number = signal.SIGTERM

        try:
            scores = work(run, place, stop=stop, progress=tell)
        except SceneseekError as error:
            news.put(("failure", str(error)))
        else:
            news.put(("stopped", None) if scores is None else ("scores", scores))
