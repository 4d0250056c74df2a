"""The clips that were cut last, for a minute: a player asks for one part by part, and all parts are of one cut."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sceneseek.web.shares import ASKER, oldest_of_greediest

Key = tuple[Any, ...]
"""What makes a clip what it is: the video, the state of its file, and from where to where it is shown, in seconds."""


@dataclass
class _Clip:
    content: bytes
    asker: str
    used: float


class Clips:
    """Keeps clips; when there is no more room, the oldest one of the caller with the most goes.

    Args:
        most_bytes: Size of all together.
        seconds: How long one is kept after it was last used.
        clock: Seconds; for tests.
    """

    def __init__(self, most_bytes: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[Key, _Clip] = OrderedDict()
        self._coming: dict[Key, asyncio.Task[bytes]] = {}

    @property
    def size(self) -> int:
        """Bytes of all that are kept."""
        return sum(len(clip.content) for clip in self._kept.values())

    async def get(self, key: Key, cut: Callable[[], Awaitable[bytes]]) -> bytes:
        """A clip: the one that is kept, the one that is being cut for somebody else, or a new one.

        Args:
            key: Which one.
            cut: Makes it.
        """
        self.drop_expired()
        kept = self._kept.get(key)
        if kept is not None:
            kept.used = self._clock()
            self._kept.move_to_end(key)
            return kept.content
        if key not in self._coming:
            self._coming[key] = asyncio.create_task(self._cut(key, cut))
        return await asyncio.shield(self._coming[key])

    def clear(self) -> None:
        """Keep none any longer, nor those that are being cut."""
        self._kept.clear()
        self._coming.clear()

    def drop_expired(self) -> None:
        """Drop those that nobody has used for a while."""
        oldest = self._clock() - self._seconds
        while self._kept:
            key, clip = next(iter(self._kept.items()))
            if clip.used >= oldest:
                return
            del self._kept[key]

    async def _cut(self, key: Key, cut: Callable[[], Awaitable[bytes]]) -> bytes:
        me = asyncio.current_task()
        try:
            content = await cut()
            if self._coming.get(key) is me:  # nobody was forgotten meanwhile
                self._keep(key, _Clip(content, ASKER.get(), self._clock()))
            return content
        finally:
            if self._coming.get(key) is me:
                del self._coming[key]

    def _keep(self, key: Key, clip: _Clip) -> None:
        if len(clip.content) > self._most_bytes:
            return
        self._kept[key] = clip
        while self.size > self._most_bytes:
            sizes = ((key, kept.asker, len(kept.content)) for key, kept in self._kept.items())
            del self._kept[oldest_of_greediest(sizes)]
        # Somebody's pictures do not stay in memory until the next one asks.
        asyncio.get_running_loop().call_later(self._seconds + 1.0, self.drop_expired)
