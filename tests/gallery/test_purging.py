"""After purging, the raw files of a table hold nothing of deleted rows; and without it they do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
import pytest
from lancedb.index import BTree, IvfFlat

from sceneseek.gallery.purging import leftovers, purge
from sceneseek.gallery.traces import Trace, search_files

DIM, COUNT = 64, 600
SCHEMA = pa.schema([
    pa.field("id", pa.string(), nullable=False),
    pa.field("embedding", pa.list_(pa.float32(), DIM), nullable=False),
    pa.field("jpeg", pa.binary()),
])  # fmt: skip


class World:
    """A table of random people, and their traces."""

    def __init__(self, folder: Path, part: int = COUNT) -> None:
        random = np.random.default_rng(0)
        self.vectors = random.normal(size=(COUNT, DIM)).astype(np.float32)
        self.jpegs = [random.bytes(2500) for _ in range(COUNT)]
        self.table: Any = lancedb.connect(folder).create_table("people", schema=SCHEMA)
        self.folder = folder / "people.lance"
        for start in range(0, COUNT, part):
            self.add(range(start, start + part))

    def add(self, rows: range) -> None:
        chosen = slice(rows.start, rows.stop)
        columns = {
            "id": [f"p{i}" for i in rows],
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(self.vectors[chosen].reshape(-1)), DIM),
            "jpeg": self.jpegs[chosen],
        }
        self.table.add(pa.Table.from_pydict(columns, schema=SCHEMA))

    def traces(self, *people: int) -> list[Trace]:
        return [Trace(f"p{i}", "vector", self.vectors[i].tobytes()) for i in people] + [
            Trace(f"p{i}", "thumbnail", self.jpegs[i]) for i in people
        ]

    def num_found(self, *people: int) -> int:
        return search_files(self.folder, self.traces(*people)).num_found


@pytest.mark.parametrize("part", [COUNT, 60], ids=["one file", "ten files"])
def test_nothing_of_deleted_rows_remains_and_everything_of_the_others(tmp_path: Path, part: int) -> None:
    world = World(tmp_path, part)
    assert world.num_found(7, 400, 401) == 6, "the search can see the rows"
    world.table.delete("id IN ('p7', 'p400')")
    before = {row["id"]: row for row in world.table.to_arrow().to_pylist()}
    purge(world.table, world.folder)
    assert world.num_found(7, 400) == 0
    assert world.num_found(401, 8) == 4
    assert len(before) == COUNT - 2
    assert {row["id"]: row for row in world.table.to_arrow().to_pylist()} == before
    assert not leftovers(world.folder)


def test_a_plain_deletion_with_compaction_leaves_everything_on_the_disk(tmp_path: Path) -> None:
    """Why purging exists; should this ever fail, LanceDB has learnt to do it and purging may become simpler."""
    world = World(tmp_path)
    world.table.delete("id = 'p7'")
    with pytest.warns(UserWarning, match="cleanup_older_than"):
        world.table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
    assert world.num_found(7) == 2


def test_rows_deleted_long_ago_go_too(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.table.delete("id = 'p7'")
    world.table.optimize()
    world.table.delete("id = 'p8'")
    purge(world.table, world.folder)
    assert world.num_found(7, 8) == 0


def test_indexes_are_dropped_with_the_vectors_in_them(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.table.create_index("embedding", config=IvfFlat(distance_type="dot", num_partitions=2))
    world.table.create_index("id", config=BTree())
    (files,) = search_files(world.folder, world.traces(7)[:1]).found
    assert any(file.startswith("_indices") for file in files), "the index holds the vector"
    world.table.delete("id = 'p7'")
    assert sorted(purge(world.table, world.folder)) == ["embedding", "id"]
    assert world.num_found(7) == 0


@pytest.mark.parametrize("name", ["data/0123456789.lance", "data/.tmpXm1", "_deletions/.tmpXm1", "_indices/.tmpXm1"])
def test_files_that_a_killed_writer_left_behind_go(tmp_path: Path, name: str) -> None:
    world = World(tmp_path)
    orphan = world.folder / name
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(world.vectors[7].tobytes())
    world.table.delete("id = 'p7'")
    assert (name in leftovers(world.folder)) is (".tmp" in name)
    purge(world.table, world.folder)
    assert world.num_found(7) == 0
    assert not orphan.exists()


def test_everybody_can_be_deleted_and_purging_again_changes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, 60)
    world.table.delete("true")
    purge(world.table, world.folder)
    assert world.num_found(*range(COUNT)) == 0
    version = world.table.version
    purge(world.table, world.folder)
    assert world.table.version == version
    world.add(range(3))
    assert world.table.count_rows() == 3
