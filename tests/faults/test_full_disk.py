"""A disk that is full: what was written stays, the message says what to do, and the work goes on when there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from populated_gallery import DIM, add_photo, add_video, all_rows, embedding, jpeg, photo, video
from sceneseek.errors import GalleryError
from sceneseek.gallery import AuditLog, Gallery, check, export_archive, forget, plan_forgetting
from sceneseek.gallery.traces import Trace, search_files

pytestmark = [pytest.mark.needs("disk"), pytest.mark.processes]

SIZE = 6_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of six megabytes in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Use the room up but for some bytes."""
    path = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    path.write_bytes(bytes(max(0, free - leave)))
    return path


def index(gallery: Gallery, numbers: range) -> None:
    with gallery.writer(commit_frames=4) as writer:
        for number in numbers:
            item = photo(number)
            if writer.plan(item).start_frame is not None:
                add_photo(writer, item, [number, number + 1])
        if writer.plan(video(0), 0.5).start_frame is not None:
            add_video(writer, video(0))


def test_indexing_keeps_what_was_written_and_goes_on_when_there_is_room(disk: Path, tmp_path: Path) -> None:
    gallery = Gallery.create(disk / "gallery", "net", "abc123", DIM)
    with gallery.writer() as writer:
        add_photo(writer, photo(0), [0, 1])
    filler = fill(disk, leave=150_000)
    with pytest.raises(GalleryError, match=r"disk is full.*make room and repeat"):
        index(gallery, range(60))
    kept = len(gallery)
    assert kept >= 2
    assert gallery.search(embedding(0, 0), top=1).matches[0].detection_id == "photo000:0:0", "searching goes on"
    assert check(gallery.path, look_for_media=False).sound
    filler.unlink()
    index(gallery, range(60))
    reference = Gallery.create(tmp_path / "reference", "net", "abc123", DIM)
    index(reference, range(60))
    assert all_rows(gallery) == all_rows(reference)
    assert kept < len(reference)


def test_forgetting_is_ended_when_there_is_room(disk: Path) -> None:
    gallery = Gallery.create(disk / "gallery", "net", "abc123", DIM)
    index(gallery, range(20))
    gallery.compact()
    plan = plan_forgetting(gallery, media=["photo003"])
    filler = fill(disk, leave=14_000)
    with pytest.raises(GalleryError, match=r"disk is full|cannot be written"):
        forget(gallery, plan, actor="test")
    begun = (gallery.path / "forgetting.json").exists()
    filler.unlink()
    Gallery.open(gallery.path)
    traces = [Trace("3", "vector", embedding(3, 3).tobytes()), Trace("3", "thumbnail", jpeg(3, 3))]
    assert search_files(gallery.path, traces).num_found == (0 if begun else 2)
    assert ("photo003" in {record.key for record in gallery.media()}) is not begun
    assert not (gallery.path / "forgetting.json").exists()
    assert check(gallery.path, look_for_media=False).sound


def test_nothing_is_done_that_cannot_be_logged_and_no_half_event_stays(disk: Path) -> None:
    gallery = Gallery.create(disk / "gallery", "net", "abc123", DIM)
    log = AuditLog(gallery.path)
    filler = fill(disk, leave=0)
    with pytest.raises(GalleryError, match="cannot be written"):
        append_many(log)
    filler.unlink()
    log.append("anna@desk", "search")
    assert log.verify().whole


def append_many(log: AuditLog) -> None:
    for number in range(100):
        log.append("anna@desk", "search", note="x" * 400, number=number)


def test_an_export_leaves_no_part_of_a_file(disk: Path, tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "gallery", "net", "abc123", DIM)
    index(gallery, range(30))
    filler = fill(disk, leave=20_000)
    with pytest.raises(GalleryError, match="cannot be written"):
        export_archive(gallery, disk / "all.zip", actor="test")
    assert list(disk.iterdir()) == [filler]
