"""The tables of one gallery, opened when first needed and read at their latest state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import lancedb
import numpy as np
import pyarrow as pa

from sceneseek.errors import GalleryError, SceneseekError
from sceneseek.gallery.failures import is_of_storage, read_failure
from sceneseek.gallery.schema import sql_text
from sceneseek.structures import FloatArray

T = TypeVar("T")

_NAMES_AT_A_TIME = 2000
_ATTEMPTS = 4
_PAUSE_S = 0.05


class Tables:
    """Opens tables by name.

    Args:
        folder: The gallery.
        metadata_bytes: How much the database remembers of what versions of tables consist of; by itself, it remembers
            up to a gigabyte.

    Attributes:
        session: What remembers it, where a bound was given.
    """

    def __init__(self, folder: Path, metadata_bytes: int | None = None) -> None:
        self.folder = folder
        self.session: Any = None
        if metadata_bytes is not None:
            self.session = lancedb.Session(metadata_cache_size_bytes=metadata_bytes)
        self.database: Any = lancedb.connect(folder, session=self.session)
        self._opened: dict[str, Any] = {}

    def reopen(self) -> None:
        """Forget all handles, so that the next look begins anew."""
        self._opened.clear()

    def __contains__(self, name: str) -> bool:
        return name in self._opened or (self.folder / f"{name}.lance").is_dir()

    def __getitem__(self, name: str) -> Any:
        """The table as it is now.

        Raises:
            GalleryError: It cannot be opened.
        """
        failure: Exception | None = None
        for _ in range(_ATTEMPTS):
            try:
                table = self._opened.get(name)
                if table is None:
                    table = self._opened[name] = self.database.open_table(name)
                else:
                    table.checkout_latest()
                return table
            except Exception as error:  # the version that was the latest may be purged while it is being read
                failure = error
                self._opened.pop(name, None)
                time.sleep(_PAUSE_S)
        raise GalleryError(
            f"{self.folder} is damaged: its table {name!r} cannot be opened ({failure}). "
            "Index the media again into another --gallery folder."
        ) from failure


def patiently(tables: Tables, ask: Callable[[], T]) -> T:
    """Read, and begin again when files vanish meanwhile: purging removes former versions while they are being read.

    Raises:
        GalleryError: They vanish again and again, or they are damaged.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return ask()
        except SceneseekError:
            raise
        except Exception as error:
            vanished = "not found" in str(error).lower()
            if not vanished and not is_of_storage(error):
                raise
            if not vanished or attempt + 1 == _ATTEMPTS:
                raise read_failure(tables.folder, error) from error
            tables.reopen()
            time.sleep(_PAUSE_S)
    raise AssertionError("the last attempt returns or raises")


def embeddings_of(rows: pa.Table) -> FloatArray:
    """The embeddings of ``N`` rows, ``(N, D)`` float32."""
    column = rows["embedding"]
    vectors = [chunk.flatten().to_numpy(zero_copy_only=True) for chunk in column.chunks] or [np.zeros(0, np.float32)]
    embeddings: FloatArray = np.concatenate(vectors).reshape(-1, column.type.list_size)
    return embeddings


def one_of(column: str, names: Iterable[str]) -> str:
    """The SQL condition that a text column holds one of some names.

    Example:
        >>> one_of("id", ["a", "it's"])
        "id IN ('a', 'it''s')"
    """
    return f"{column} IN ({', '.join(map(sql_text, names))})"


def in_parts(names: Iterable[str], size: int = _NAMES_AT_A_TIME) -> list[list[str]]:
    """Split many names into lists that one SQL condition can hold."""
    listed = list(names)
    return [listed[start : start + size] for start in range(0, len(listed), size)]
