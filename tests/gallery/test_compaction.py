"""Merging small files, here or in a process of its own that ends with its parent."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from sceneseek.gallery import Gallery, compaction
from sceneseek.gallery.compaction import compact
from sceneseek.gallery.lock import Lock
from sceneseek.gallery.schema import DETECTIONS, INDEX_LOCK, TABLES
from sceneseek.gallery.tables import Tables
from small_galleries import everything, new_gallery, video

pytestmark = pytest.mark.processes


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    """A gallery of ten batches, a small file each."""
    return new_gallery(tmp_path / "g", (video("a"), [[0, 1]] * 30))


def num_files(gallery: Gallery) -> dict[str, int]:
    return {name: gallery._tables[name].stats()["fragment_stats"]["num_fragments"] for name in TABLES}


@pytest.mark.parametrize("limit", [0, 1 << 30], ids=["apart", "here"])
def test_merging_changes_files_and_nothing_else(gallery: Gallery, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(compaction, "_LARGE_BYTES", limit)
    monkeypatch.setattr(compaction, "TABLES", (DETECTIONS,))
    before = everything(gallery)
    assert num_files(gallery)[DETECTIONS] == 10
    compact(gallery.path, gallery._tables)
    assert num_files(gallery)[DETECTIONS] == 10, "too few to be worth it"
    compact(gallery.path, gallery._tables, all_files=True)
    assert num_files(gallery)[DETECTIONS] == 1
    assert everything(gallery) == before


def test_nothing_is_merged_while_an_index_is_built(gallery: Gallery) -> None:
    with Lock(gallery.path / INDEX_LOCK).when_free():
        gallery.compact()
    assert num_files(gallery)[DETECTIONS] == 10
    gallery.compact()
    assert set(num_files(gallery).values()) == {1}


def test_a_process_that_cannot_merge_is_replaced_by_this_one(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compaction, "_LARGE_BYTES", 0)
    monkeypatch.setattr(compaction, "TABLES", (DETECTIONS,))
    monkeypatch.setattr(compaction, "__name__", "sceneseek.no_such_module")
    with caplog.at_level(logging.WARNING):
        compact(gallery.path, Tables(gallery.path), all_files=True)
    assert "no_such_module" in caplog.text
    assert num_files(gallery)[DETECTIONS] == 1


def test_the_process_ends_with_its_parent(gallery: Gallery) -> None:
    waiting = (
        "import sceneseek.gallery.compaction as c, threading, time;"
        "threading.Thread(target=c._end_with_parent, daemon=True).start(); print('up', flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", waiting], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"up\n"
        process.stdin.close()
        assert process.wait(60) == 1
