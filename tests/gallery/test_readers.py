"""Readers while a writer adds, removes, merges files and purges: every answer is whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sceneseek.errors import GalleryError
from sceneseek.gallery import By, Gallery, tables
from small_galleries import DIM, new_gallery, people, video, write_video

PEOPLE_PER_VIDEO = 6
SHOWN: list[list[int | None]] = [[0, 1], [0, None], [1, 2]]


def churn(gallery: Gallery, rounds: int) -> None:
    """Adds two files, removes one, merges or purges, again and again."""
    for number in range(rounds):
        with gallery.writer(commit_frames=100, commit_seconds=1e9) as writer:
            write_video(writer, video(f"v{number}"), SHOWN)
            write_video(writer, video(f"w{number}"), SHOWN)
            writer.commit()
            writer.remove_media([f"v{number}"])
        gallery.compact(purge=number % 2 == 0)


@pytest.mark.parametrize("memory_limit", [0, 1 << 30], ids=["from disk", "in memory"])
def test_answers_are_whole_whatever_a_writer_does(tmp_path: Path, memory_limit: int) -> None:
    gallery = new_gallery(tmp_path / "g", (video("first"), SHOWN))
    failures: list[BaseException] = []
    done = threading.Event()

    def write() -> None:
        try:
            churn(gallery, 8)
        except BaseException as error:
            failures.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=write)
    thread.start()
    reader = Gallery.open(gallery.path)
    reader.memory_limit = memory_limit
    query = people(1).embeddings
    assert query is not None
    counts = []
    bys: tuple[By, By] = ("sighting", "detection")
    try:
        while not done.is_set():
            for by in bys:
                answer = reader.search(query[0], 1000, by=by)
                counts.append(answer.searched)
                if by == "detection":
                    assert len(answer) == answer.searched
                for match in answer.matches[:2]:
                    assert (match.sighting is None) or match.sighting.num_detections >= 1
            assert [p.detection_id for p in reader.tracklet("first:t0")] == ["first:0:0", "first:1:0"]
            assert reader.thumbnail("first:0:0") == b"small picture first 0 0"
            assert len(reader.frame("first", 2).people) == 2
    finally:
        thread.join()
    assert not failures
    assert all(count % PEOPLE_PER_VIDEO == 0 for count in counts), "a file is there whole or not at all"
    assert len(set(counts)) > 3, "the reader did read meanwhile"
    assert reader.search(query[0], 1000).searched == 9 * PEOPLE_PER_VIDEO


def vanishing(times: int, then: Callable[[], object]) -> Callable[[], object]:
    calls = [0]

    def ask() -> object:
        calls[0] += 1
        if calls[0] <= times:
            raise RuntimeError("lance error: Not found: /g/detections.lance/data/0f.lance")
        return then()

    return ask


def test_a_reader_begins_again_when_files_vanish_but_not_for_ever(tmp_path: Path) -> None:
    gallery = new_gallery(tmp_path / "g", (video("first"), SHOWN))
    assert tables.patiently(gallery._tables, vanishing(2, lambda: 7)) == 7
    with pytest.raises(GalleryError, match="Not found"):
        tables.patiently(gallery._tables, vanishing(99, lambda: 7))
    with pytest.raises(ZeroDivisionError):
        tables.patiently(gallery._tables, lambda: 1 / 0)
    assert gallery.search(np.ones(DIM)).searched == PEOPLE_PER_VIDEO
