"""Processes in which strangers' files are decoded, as the server sees them: asked, timed, replaced when they die."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

from sceneseek import errors
from sceneseek.web.decoder import HEADER

Fields = dict[str, Any]

_START_SECONDS = 60.0
_CLOCK_PER_CPU = 2.0
"""A task may take this many times its processor time by the clock: others use the machine, too."""
_CLOCK_LEAST_S = 1.0
_TASKS_PER_PROCESS = 1000
"""A process is replaced after so many tasks: what a library leaks must not add up."""
_READ_BYTES = 1 << 20
_MAX_ANSWER = 1 << 30
_MAX_HEADER = 1 << 16
_MAX_FILE = 8 << 30
"""The largest file that one of them may write: a video is copied out of its archive before it is decoded."""
_KEPT = ("PATH", "PYTHONPATH", "LANG", "TZ")
"""What they are told of the server's surroundings."""


class Processes:
    """Decoders that wait for work. Started when needed; any number of threads may borrow one at a time.

    Args:
        address_space: Bytes of memory that each may map.
    """

    def __init__(self, address_space: int) -> None:
        self._address_space = address_space
        self._idle: list[Process] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[Process]:
        """A process for one task. One that failed at it, or was left in the middle, is ended and not used again."""
        process = self._take()
        try:
            yield process
        except BaseException:
            process.end()
            raise
        with self._lock:
            if not self._closed and process.idle and process.tasks < _TASKS_PER_PROCESS:
                self._idle.append(process)
                return
        process.end()

    def start_one(self) -> None:
        """Have one ready before the first task."""
        with contextlib.suppress(errors.MediaError), self.borrowed():
            pass

    def pids(self) -> list[int]:
        """The processes that wait, for those who watch them."""
        with self._lock:
            return [process.pid for process in self._idle]

    def close(self) -> None:
        """End those that wait; those that work end when they are given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def _take(self) -> Process:
        while True:
            with self._lock:
                process = self._idle.pop() if self._idle else None
            if process is None:
                return Process(self._address_space)
            if process.alive:
                return process
            process.end()


class Process:
    """One decoder, spoken to through its standard input and output; see ``decoder``.

    Args:
        address_space: Bytes of memory that it may map.
    """

    def __init__(self, address_space: int) -> None:
        self.tasks = 0
        self.idle = True
        threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        # Its own, so that it may write nowhere else, and nothing of anybody's video stays when it dies.
        self._scratch = tempfile.mkdtemp(prefix="sceneseek-decoder-")
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "sceneseek.web.decoder", str(address_space), str(_MAX_FILE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**kept, **threads, "TMPDIR": self._scratch},
            cwd=self._scratch,
            close_fds=True,
            bufsize=0,
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._to, self._from = self._child.stdin.fileno(), self._child.stdout.fileno()
        os.set_blocking(self._to, False)
        try:
            self._read(time.monotonic() + _START_SECONDS)
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        """Its number."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    def ask(self, task: Fields, data: bytes, seconds: float) -> tuple[Fields, bytearray]:
        """Have a task done.

        Args:
            task: Its name and arguments.
            data: Bytes that belong to it.
            seconds: Processor time that it may take.

        Raises:
            MediaError: It died of it, or took too long.
        """
        (answer,) = self.stream(task, data, seconds)
        return answer

    def stream(self, task: Fields, data: bytes, seconds: float) -> Iterator[tuple[Fields, bytearray]]:
        """Have a task done that has many answers; ``seconds`` is for each of them."""
        self.tasks += 1
        self.idle = False
        text = json.dumps({**task, "seconds": seconds}).encode()
        clock = max(_CLOCK_LEAST_S, seconds * _CLOCK_PER_CPU)
        try:
            deadline = time.monotonic() + clock
            for part in (HEADER.pack(len(text), len(data)) + text, data):
                self._write(part, deadline)
            while True:
                fields, answer = self._read(deadline)
                last = fields.pop("last", True)
                self.idle = last
                if fields or answer:
                    yield fields, answer
                if last:
                    return
                deadline = time.monotonic() + clock
        except OSError as error:
            raise self._died() from error

    def end(self) -> None:
        """Kill it and bury it."""
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _write(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while len(view):
            self._wait(self._to, select.POLLOUT, deadline)
            view = view[os.write(self._to, view) :]

    def _read(self, deadline: float) -> tuple[Fields, bytearray]:
        length, size = HEADER.unpack(self._exactly(HEADER.size, deadline))
        if length > _MAX_HEADER or size > _MAX_ANSWER:
            raise errors.MediaError("A decoder answered with nonsense; the file is not to be trusted.")
        fields = json.loads(bytes(self._exactly(length, deadline)))
        return fields, self._exactly(size, deadline)

    def _exactly(self, size: int, deadline: float) -> bytearray:
        buffer = bytearray(size)
        view, done = memoryview(buffer), 0
        while done < size:
            self._wait(self._from, select.POLLIN, deadline)
            count = os.readv(self._from, [view[done : done + _READ_BYTES]])
            if count == 0:
                raise self._died()
            done += count
        return buffer

    def _wait(self, pipe: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(pipe, event)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(1000 * left):
            raise errors.MediaError("Decoding takes too long: the file is damaged, too large, or made to do so.")

    def _died(self) -> errors.MediaError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=1.0)
        return errors.MediaError(
            "The file made its decoder give up (too much memory or time): it is damaged, too large, or made to do so."
        )


def raise_told(fields: Fields) -> None:
    """Raise the error that a decoder tells of, if it does; only kinds that are errors of media."""
    if "error" not in fields:
        return
    kind = getattr(errors, str(fields.get("kind")), errors.MediaError)
    if not (isinstance(kind, type) and issubclass(kind, errors.MediaError)):
        kind = errors.MediaError
    raise kind(str(fields["error"]))
