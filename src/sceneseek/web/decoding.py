"""Decoding at arm's length: a few processes with little memory and little time, replaced when they die.

A picture from a stranger is code's hardest input. It is handed to a ``decoder`` process, and whatever happens there (a
crash, a loop without end, memory without bound) costs that one request an error and the server a new process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from sceneseek.structures import ImageArray
from sceneseek.web.processes import Fields, Processes, raise_told
from sceneseek.web.refusals import Refusal
from sceneseek.web.settings import Limits
from sceneseek.web.shares import Slots


class Query(NamedTuple):
    """A query picture that was decoded.

    Attributes:
        image: Its pixels, ``(H, W, 3)`` uint8 RGB, upright; made fewer where there are very many.
        width: How many there were in a row.
        height: And in a column.
        preview: A JPEG for the page.
        file: A file of it that is worth keeping.
    """

    image: ImageArray
    width: int
    height: int
    preview: bytes
    file: bytes


class Decoders:
    """The processes, and a thread for each that waits for it.

    Args:
        limits: How many there are and what each of them may use.
        share: How many one caller holds at a time, at most; all when not given.
    """

    def __init__(self, limits: Limits, share: int | None = None) -> None:
        self._limits = limits
        self._slots = Slots(limits.decoders, share or limits.decoders, limits.waiting)
        self._threads = ThreadPoolExecutor(limits.decoders, thread_name_prefix="sceneseek-decoding")
        self._processes = Processes(limits.decoder_bytes)

    async def rgb(self, data: bytes) -> ImageArray:
        """A picture's pixels, ``(H, W, 3)`` uint8 RGB, upright.

        Raises:
            PictureError: It is not a picture, or too large, or its decoder died of it.
            Refusal: (503) Too many wait.
        """
        return _pixels(*await self._ask(self._rgb(), data))

    def rgb_here(self, data: bytes) -> ImageArray:
        """The same for a thread that may wait for its turn, and is one of a few.

        Raises:
            PictureError: See ``rgb``.
        """
        (answer,) = self._threads.submit(self._answers, self._rgb(), data, self._limits.decoder_seconds).result()
        raise_told(answer[0])
        return _pixels(*answer)

    async def query(self, data: bytes, preview_side: int) -> Query:
        """A query picture, its pixels made fewer where there are very many.

        Raises:
            PictureError: See ``rgb``.
        """
        limits = self._limits
        task = {"task": "query", "max_pixels": limits.picture_pixels, "kept_pixels": limits.query_pixels}
        answers = await self._ask_all(task | {"preview_side": preview_side}, data)
        (size, pixels), (_, preview), *kept = answers
        image = np.frombuffer(pixels, np.uint8).reshape(int(size["rows"]), int(size["columns"]), 3)
        file = bytes(kept[0][1]) if kept else data
        return Query(image, int(size["width"]), int(size["height"]), bytes(preview), file)

    async def jpeg(self, data: bytes, max_side: int) -> bytes:
        """A picture as a JPEG of at most ``max_side`` pixels."""
        task = {"task": "as_jpeg", "max_pixels": self._limits.picture_pixels, "max_side": max_side}
        return bytes((await self._ask(task, data))[1])

    async def scene(
        self,
        places: Sequence[str],
        key: str,
        kind: str,
        frame_index: int,
        size: tuple[int, int],
        max_side: int,
        boxes: Sequence[Sequence[float]] = (),
        labels: Sequence[str] = (),
    ) -> bytes:
        """A photograph or a moment of a video of the gallery as JPEG, with boxes; see ``decoder.scene``."""
        task = {"task": "scene", "places": list(places), "key": key, "kind": kind, "frame_index": frame_index}
        task |= {"size": size, "max_side": max_side, "labels": list(labels)}
        task |= {"boxes": [list(map(float, box)) for box in boxes]}
        return bytes((await self._ask(task))[1])

    async def pixels(
        self, places: Sequence[str], key: str, kind: str, frame_index: int, size: tuple[int, int]
    ) -> ImageArray:
        """A photograph or a moment of a video of the gallery, ``(H, W, 3)`` uint8 RGB; made fewer as for a query."""
        task = {"task": "pixels", "places": list(places), "key": key, "kind": kind, "frame_index": frame_index}
        return _pixels(*await self._ask(task | {"size": size, "kept_pixels": self._limits.query_pixels}))

    async def person(
        self, places: Sequence[str], key: str, kind: str, frame_index: int, size: tuple[int, int], box: Sequence[float]
    ) -> bytes:
        """A person cut out of a picture of the gallery as JPEG."""
        task = {"task": "person", "places": list(places), "key": key, "kind": kind, "frame_index": frame_index}
        return bytes((await self._ask(task | {"size": size, "box": list(map(float, box))}))[1])

    async def clip(self, places: Sequence[str], key: str, start_s: float, end_s: float) -> bytes:
        """A part of a video of the gallery as MP4."""
        task = {"task": "clip", "places": list(places), "key": key, "start_s": start_s, "end_s": end_s}
        return bytes((await self._ask(task, seconds=self._limits.clip_work_seconds))[1])

    async def media_kind(self, path: str) -> tuple[str, str]:
        """What an uploaded file is (``"photo"``, ``"video"``, ``"archive"``), and the suffix that belongs to that."""
        fields, _ = await self._ask({"task": "media_kind", "path": path, "max_pixels": self._limits.picture_pixels})
        return str(fields["kind"]), str(fields["suffix"])

    def pids(self) -> list[int]:
        """The processes that wait for work, for those who watch them."""
        return self._processes.pids()

    def start(self) -> None:
        """Start one process ahead of the first picture."""
        self._threads.submit(self._processes.start_one)

    def close(self) -> None:
        """End all processes."""
        self._processes.close()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _rgb(self) -> Fields:
        return {"task": "as_rgb", "max_pixels": self._limits.picture_pixels}

    async def _ask(
        self, task: dict[str, Any], data: bytes = b"", seconds: float | None = None
    ) -> tuple[Fields, bytearray]:
        (answer,) = await self._ask_all(task, data, seconds)
        return answer

    async def _ask_all(
        self, task: dict[str, Any], data: bytes = b"", seconds: float | None = None
    ) -> list[tuple[Fields, bytearray]]:
        allowed = self._limits.decoder_seconds if seconds is None else seconds
        async with self._slots.held():
            loop = asyncio.get_running_loop()
            answers = await loop.run_in_executor(self._threads, self._answers, task, data, allowed)
        for fields, _ in answers:
            if fields.get("kind") == "FileGone":
                raise Refusal(410, str(fields["error"]))
            raise_told(fields)
        return answers

    def _answers(self, task: dict[str, Any], data: bytes, seconds: float) -> list[tuple[Fields, bytearray]]:
        with self._processes.borrowed() as process:
            return list(process.stream(task, data, seconds))


def _pixels(fields: Fields, answer: bytearray) -> ImageArray:
    return np.frombuffer(answer, np.uint8).reshape(int(fields["height"]), int(fields["width"]), 3)
