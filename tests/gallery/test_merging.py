"""Merging: each file once, both models equal, interrupted merges repeated, forgotten files left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from fake_predictor import contents
from populated_gallery import DIM, add_photo, add_video, all_rows, embedding, jpeg, photo, populate, video
from sceneseek.errors import GalleryBusyError, GalleryModelError, ValueRefused
from sceneseek.gallery import AuditLog, Gallery, KeepOut, MediaStatus, forget, merge, plan_forgetting
from sceneseek.gallery.tables import Tables

WHO = "anna@desk"


@pytest.fixture
def halves(tmp_path: Path) -> tuple[Gallery, Gallery]:
    left = Gallery.create(tmp_path / "left", "net", "abc123", DIM)
    right = Gallery.create(tmp_path / "right", "net", "abc123", DIM)
    for gallery, numbers in ((left, range(6)), (right, range(4, 10))):
        with gallery.writer() as writer:
            for number in numbers:
                add_photo(writer, photo(number, "door"), [number])
    with right.writer() as writer:
        add_video(writer, video(0))
    return left, right


def test_a_merged_gallery_equals_one_that_was_indexed_at_once(halves: tuple[Gallery, Gallery], tmp_path: Path) -> None:
    left, right = halves
    before = all_rows(right)
    done = merge(left, right, actor=WHO)
    assert (done.files, done.people, done.known, done.kept_out) == (5, 26, 2, 0)
    whole = Gallery.create(tmp_path / "whole", "net", "abc123", DIM)
    with whole.writer() as writer:
        for number in range(10):
            add_photo(writer, photo(number, "door"), [number])
        add_video(writer, video(0))
    assert all_rows(left) == all_rows(whole)
    assert all_rows(right) == before
    assert left.thumbnail("photo009:0:0") == jpeg(9, 9)
    assert left.search(embedding(100, 3), top=1).matches[0].sighting is not None
    again = merge(left, right, actor=WHO)
    assert (again.files, again.known) == (0, 7)
    assert all_rows(left) == all_rows(whole)


def test_other_paths_of_known_content_are_noted(halves: tuple[Gallery, Gallery]) -> None:
    left, right = halves
    with right.writer() as writer:
        writer.recognise(photo(4, "door", "/copies"))
    merge(left, right, actor=WHO)
    (record,) = (r for r in left.media() if r.key == "photo004")
    assert record.sources == ("/media/4.jpg", "/copies/4.jpg")


def test_other_models_and_the_gallery_itself_are_refused(halves: tuple[Gallery, Gallery], tmp_path: Path) -> None:
    left, _ = halves
    other = Gallery.create(tmp_path / "other", "another net", "zzz", DIM)
    with pytest.raises(GalleryModelError, match="another net"):
        merge(left, other, actor=WHO)
    with pytest.raises(ValueRefused, match="itself"):
        merge(left, Gallery.open(left.path), actor=WHO)


def test_nobody_writes_meanwhile(halves: tuple[Gallery, Gallery]) -> None:
    left, right = halves
    for busy in (left, right):
        with busy.writer(), pytest.raises(GalleryBusyError):
            merge(left, right, actor=WHO)


def test_what_was_forgotten_does_not_come_back_by_merging(halves: tuple[Gallery, Gallery]) -> None:
    left, right = halves
    forget(left, plan_forgetting(left, media=["photo004"]), actor=WHO)
    forget(right, plan_forgetting(right, media=["photo009", "photo005"]), actor=WHO)
    done = merge(left, right, actor=WHO)
    assert done.kept_out == 1
    keys = {record.key for record in left.media()}
    assert "photo004" not in keys
    assert "photo005" in keys, "nothing that is there is removed"
    assert set(KeepOut.read(left.path).entries) == {"photo004", "photo009"}


def test_a_file_that_only_the_other_has_finished_is_taken_from_there(halves: tuple[Gallery, Gallery]) -> None:
    left, right = halves
    with left.writer() as writer:
        writer.begin(video(0), 0.5)
    merge(left, right, actor=WHO)
    assert sum(str(row["id"]).startswith("video000") for row in contents(left)) == 22


def test_somebody_forgotten_in_an_unfinished_video_does_not_come_back_with_the_finished_one(
    halves: tuple[Gallery, Gallery],
) -> None:
    left, right = halves
    with left.writer() as writer:
        add_video(writer, video(0))
        writer.begin(video(0), 0.5)  # more of it is to come
    forget(left, plan_forgetting(left, tracklets=["video000:t1"]), actor=WHO)
    done = merge(left, right, actor=WHO)
    assert (done.known, done.kept_out) == (3, 0)
    (record,) = (r for r in left.media() if r.key == "video000")
    assert (record.status, record.num_people) == (MediaStatus.INDEXING, 16)
    assert "video000:t1" not in {tracklet.tracklet_id for tracklet in left.tracklets()}


def test_somebody_forgotten_in_a_file_that_is_gone_does_not_come_back(halves: tuple[Gallery, Gallery]) -> None:
    left, right = halves
    forget(left, plan_forgetting(left, detections=["photo005:0:0"]), actor=WHO)
    forget(left, plan_forgetting(left, media=["photo005"]), actor=WHO, may_return=True)
    assert merge(left, right, actor=WHO).kept_out == 1
    assert "photo005" not in {record.key for record in left.media()}


def test_a_merge_killed_at_any_part_is_repeated(
    halves: tuple[Gallery, Gallery], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = halves
    monkeypatch.setattr("sceneseek.gallery.merging._FILES_AT_A_TIME", 2)
    reference = populate(tmp_path / "reference", num_photos=0, num_videos=0)
    merge(reference, left, actor=WHO)
    merge(reference, right, actor=WHO)
    table_type = type(Tables(left.path)["media"])
    for fatal in range(1, 7):
        calls = 0
        real = table_type.add

        def dying(table: object, *args: object, real: object = real, fatal: int = fatal) -> object:
            nonlocal calls
            calls += 1
            if calls == fatal:
                raise KeyboardInterrupt
            return real(table, *args)  # type: ignore[operator]

        with monkeypatch.context() as patch:
            patch.setattr(table_type, "add", dying)
            try:
                merge(left, right, actor=WHO)
            except KeyboardInterrupt:
                pass
            else:
                break
    merge(left, right, actor=WHO)
    assert all_rows(left) == all_rows(reference)


def test_both_logs_tell_of_it(halves: tuple[Gallery, Gallery]) -> None:
    left, right = halves
    merge(left, right, actor=WHO)
    assert [(e.actor, e.action) for e in AuditLog(left.path).entries()] == [(WHO, "merge")]
    assert [(e.actor, e.action) for e in AuditLog(right.path).entries()] == [(WHO, "export")]
