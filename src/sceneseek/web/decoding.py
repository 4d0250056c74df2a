"""Decoding at arm's length: a few processes with little memory and little time, replaced when they die.

A picture from a stranger is code's hardest input. It is handed to a ``decoder`` process, and whatever happens there (a
crash, a loop without end, memory without bound) costs that one request an error and the server a new process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from sceneseek import errors
from sceneseek.structures import ImageArray
from sceneseek.web.decoder import HEADER
from sceneseek.web.refusals import Refusal
from sceneseek.web.settings import Limits

_START_SECONDS = 60.0
_CLOCK_PER_CPU = 2.0
"""A task may take this many times its processor time by the clock: others use the machine, too."""
_TASKS_PER_PROCESS = 1000
"""A process is replaced after so many tasks: what a library leaks must not add up."""
_READ_BYTES = 1 << 20
_MAX_ANSWER = 1 << 30
_MAX_HEADER = 1 << 16


class Decoders:
    """The processes, and a thread for each that waits for it.

    Args:
        limits: How many there are and what each of them may use.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._threads = ThreadPoolExecutor(limits.decoders, thread_name_prefix="sceneseek-decoding")
        self._idle: list[_Process] = []
        self._lock = threading.Lock()
        self._asked = 0
        self._closed = False

    async def rgb(self, data: bytes) -> ImageArray:
        """A picture's pixels, ``(H, W, 3)`` uint8 RGB, upright.

        Raises:
            PictureError: It is not a picture, or too large, or its decoder died of it.
            Refusal: (503) Too many wait.
        """
        fields, pixels = await self._ask({"task": "as_rgb", "max_pixels": self._limits.picture_pixels}, data)
        return np.frombuffer(pixels, np.uint8).reshape(int(fields["height"]), int(fields["width"]), 3)

    async def jpeg(self, data: bytes, max_side: int) -> bytes:
        """A picture as a JPEG of at most ``max_side`` pixels."""
        task = {"task": "as_jpeg", "max_pixels": self._limits.picture_pixels, "max_side": max_side}
        return bytes((await self._ask(task, data))[1])

    async def scene(
        self,
        places: Sequence[str],
        kind: str,
        frame_index: int,
        size: tuple[int, int],
        max_side: int,
        boxes: Sequence[Sequence[float]] = (),
        labels: Sequence[str] = (),
    ) -> bytes:
        """A photograph or a moment of a video of the gallery as JPEG, with boxes; see ``decoder.scene``."""
        task = {"task": "scene", "places": list(places), "kind": kind, "frame_index": frame_index, "size": size}
        task |= {"max_side": max_side, "boxes": [list(map(float, box)) for box in boxes], "labels": list(labels)}
        return bytes((await self._ask(task))[1])

    async def person(
        self, places: Sequence[str], kind: str, frame_index: int, size: tuple[int, int], box: Sequence[float]
    ) -> bytes:
        """A person cut out of a picture of the gallery as JPEG."""
        task = {"task": "person", "places": list(places), "kind": kind, "frame_index": frame_index, "size": size}
        return bytes((await self._ask(task | {"box": list(map(float, box))}))[1])

    async def clip(self, places: Sequence[str], start_s: float, end_s: float) -> bytes:
        """A part of a video of the gallery as MP4."""
        task = {"task": "clip", "places": list(places), "start_s": start_s, "end_s": end_s}
        return bytes((await self._ask(task, seconds=self._limits.clip_work_seconds))[1])

    async def media_kind(self, path: str) -> tuple[str, str]:
        """What an uploaded file is, ``"photo"`` or ``"video"``, and the suffix that belongs to its content."""
        fields, _ = await self._ask({"task": "media_kind", "path": path, "max_pixels": self._limits.picture_pixels})
        return str(fields["kind"]), str(fields["suffix"])

    def pids(self) -> list[int]:
        """The idle processes, for those who watch them."""
        with self._lock:
            return [process.pid for process in self._idle]

    def start(self) -> None:
        """Start one process ahead of the first picture."""
        self._threads.submit(self._start_one)

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _ask(
        self, task: dict[str, Any], data: bytes = b"", seconds: float | None = None
    ) -> tuple[dict[str, Any], bytearray]:
        if self._asked >= self._limits.waiting:
            raise Refusal(503, "Too many pictures wait to be decoded; ask again in a few seconds.", retry_after=2.0)
        self._asked += 1
        allowed = self._limits.decoder_seconds if seconds is None else seconds
        try:
            loop = asyncio.get_running_loop()
            fields, answer = await loop.run_in_executor(self._threads, self._answer, task, data, allowed)
        finally:
            self._asked -= 1
        if "error" in fields:
            kind = str(fields["kind"])
            if kind == "FileGone":
                raise Refusal(410, str(fields["error"]))
            raised = getattr(errors, kind, errors.MediaError)
            raise raised(str(fields["error"]))
        return fields, answer

    def _answer(self, task: dict[str, Any], data: bytes, seconds: float) -> tuple[dict[str, Any], bytearray]:
        process = self._take()
        try:
            answer = process.ask({**task, "seconds": seconds}, data, seconds * _CLOCK_PER_CPU)
        except BaseException:
            process.end()
            raise
        self._give_back(process)
        return answer

    def _start_one(self) -> None:
        with contextlib.suppress(errors.MediaError):
            self._give_back(self._take())

    def _take(self) -> _Process:
        while True:
            with self._lock:
                process = self._idle.pop() if self._idle else None
            if process is None:
                return _Process(self._limits.decoder_bytes)
            if process.alive:
                return process
            process.end()

    def _give_back(self, process: _Process) -> None:
        with self._lock:
            if not self._closed and process.tasks < _TASKS_PER_PROCESS:
                self._idle.append(process)
                return
        process.end()


class _Process:
    """One decoder, spoken to through its standard input and output."""

    def __init__(self, address_space: int) -> None:
        self.tasks = 0
        threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "TMPDIR") if name in os.environ}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "sceneseek.web.decoder", str(address_space), str(1 << 20)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**kept, **threads},
            close_fds=True,
            bufsize=0,
        )
        try:
            assert self._child.stdin is not None
            os.set_blocking(self._child.stdin.fileno(), False)
            self._read(time.monotonic() + _START_SECONDS)
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def ask(self, task: dict[str, Any], data: bytes, seconds: float) -> tuple[dict[str, Any], bytearray]:
        deadline = time.monotonic() + seconds
        self.tasks += 1
        text = json.dumps(task).encode()
        assert self._child.stdin is not None
        try:
            for part in (HEADER.pack(len(text), len(data)) + text, data):
                self._write(part, deadline)
            return self._read(deadline)
        except OSError as error:
            raise self._died() from error

    def end(self) -> None:
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _write(self, data: bytes, deadline: float) -> None:
        assert self._child.stdin is not None
        view, pipe = memoryview(data), self._child.stdin.fileno()
        while len(view):
            self._wait(pipe, select.POLLOUT, deadline)
            view = view[os.write(pipe, view) :]

    def _read(self, deadline: float) -> tuple[dict[str, Any], bytearray]:
        length, size = HEADER.unpack(self._exactly(HEADER.size, deadline))
        if length > _MAX_HEADER or size > _MAX_ANSWER:
            raise errors.MediaError("A decoder answered with nonsense; the file is not to be trusted.")
        fields = json.loads(bytes(self._exactly(length, deadline)))
        return fields, self._exactly(size, deadline)

    def _exactly(self, size: int, deadline: float) -> bytearray:
        assert self._child.stdout is not None
        pipe = self._child.stdout.fileno()
        buffer = bytearray(size)
        view, done = memoryview(buffer), 0
        while done < size:
            self._wait(pipe, select.POLLIN, deadline)
            count = os.readv(pipe, [view[done : done + _READ_BYTES]])
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
