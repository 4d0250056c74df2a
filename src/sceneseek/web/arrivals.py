"""Large bodies on their way in: they lie in the folder for temporary files until they are read, and that has an end."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sceneseek.web.refusals import Refusal

_SPARE_BYTES = 512 << 20
"""What is left free on the disk."""
_LOOK_EVERY = 8 << 20


def free_for_temporary_files() -> int:
    """Bytes that are free where temporary files go."""
    return shutil.disk_usage(tempfile.gettempdir()).free


class Arrivals:
    """Counts the bytes of bodies that are on their way, or not yet read.

    Args:
        most: Bytes of all together; one asker may have half of them.
        free: Bytes that are free on the disk; for tests.
    """

    def __init__(self, most: int, free: Callable[[], int] = free_for_temporary_files) -> None:
        self._most = most
        self._free = free
        self._held: Counter[str] = Counter()

    @property
    def held(self) -> int:
        """Bytes of all together."""
        return self._held.total()

    @contextmanager
    def body(self, asker: str) -> Iterator[Callable[[int], None]]:
        """Count one body for as long as it lies there; yields what takes the size of each piece.

        Raises:
            Refusal: (from what is yielded) (503) Too much is on its way; (507) the disk is nearly full.
        """
        size = looked = 0

        def take(count: int) -> None:
            nonlocal size, looked
            size += count
            self._held[asker] += count
            if self._held[asker] > self._most // 2 or self.held > self._most:
                raise Refusal(503, "Too much is being uploaded already; try again in a while.", retry_after=10.0)
            if size - looked >= _LOOK_EVERY or not looked:
                looked = size
                if self._free() < _SPARE_BYTES:
                    raise Refusal(507, "The server's disk is nearly full; nothing more is taken.")

        try:
            yield take
        finally:
            self._held[asker] -= size
            if not self._held[asker]:
                del self._held[asker]
