"""The people of a gallery in memory, kept up with a writer without reading everybody again."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from sceneseek.gallery.rewrites import rewrites
from sceneseek.gallery.schema import DETECTIONS
from sceneseek.gallery.search import BLOCK_ROWS, Block, blocks_of, joined
from sceneseek.gallery.tables import Tables


class PeopleInMemory:
    """Holds everybody's embeddings and columns, as they were at one version of the table.

    When a writer has only added people since, only those are read; when rows were changed or removed, all are.

    Args:
        folder: The gallery.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tables = Tables(folder)  # a handle of its own: nobody else moves it to another version
        self._lock = threading.Lock()
        self._blocks: list[Block] = []
        self._version = -1
        self._rewrites: int | None = None

    def blocks(self) -> list[Block]:
        """Everybody, as of now."""
        with self._lock:
            before = rewrites(self._folder)
            table = self._tables[DETECTIONS]
            version = int(table.version)
            after = rewrites(self._folder)
            if version != self._version:
                only_added = after == self._rewrites
                self._blocks = self._read_on(table, self._blocks if only_added else [])
                self._version = version
                self._rewrites = before if before % 2 == 0 else None
            return self._blocks

    def clear(self) -> None:
        """Hold nobody."""
        with self._lock:
            self._blocks, self._version, self._rewrites = [], -1, None

    def _read_on(self, table: Any, blocks: list[Block]) -> list[Block]:
        known = sum(block.rows.num_rows for block in blocks)
        batches = table.search().offset(known).to_batches(batch_size=BLOCK_ROWS)
        fresh = list(blocks_of(batches))
        if blocks and fresh and blocks[-1].rows.num_rows < BLOCK_ROWS:
            return [*blocks[:-1], joined(blocks[-1], fresh[0]), *fresh[1:]]
        return [*blocks, *fresh]
