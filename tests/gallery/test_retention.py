"""Retention: too old goes, by the clock on the wall where it is known, and running videos keep their place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from populated_gallery import MORNING, SCENE, add_photo, embedding, photo, populate
from sceneseek.errors import GalleryError, ValueRefused
from sceneseek.gallery import Gallery, Retention, forget, plan_retention
from sceneseek.structures import Detections, Frame, MediaItem

TEN_DAYS_LATER = MORNING + timedelta(days=10, hours=1)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return populate(tmp_path / "gallery", num_photos=12)


def test_what_is_older_goes_and_stays_away(gallery: Gallery) -> None:
    plan = plan_retention(gallery, Retention(5), TEN_DAYS_LATER)
    assert [record.key for record in plan.media] == [*(f"photo{i:03d}" for i in range(6)), "video000"]
    forget(gallery, plan, actor="cron@desk", reason="older than 5 days")
    assert {record.key for record in gallery.media()} == {f"photo{i:03d}" for i in range(6, 12)}
    assert plan_retention(gallery, Retention(5), TEN_DAYS_LATER).nothing
    with gallery.writer() as writer:
        assert writer.plan(photo(0)).start_frame is None


def test_a_video_goes_picture_by_picture(gallery: Gallery) -> None:
    plan = plan_retention(gallery, Retention(1), MORNING + timedelta(days=1, seconds=2.6))
    assert [record.key for record in plan.media] == ["photo000"]
    assert {name.split(":")[1] for name in plan.people} == {"0", "1", "2", "3", "4", "5"}


def test_files_without_a_moment_count_from_when_they_were_indexed(gallery: Gallery) -> None:
    with gallery.writer() as writer:
        add_photo(writer, replace(photo(500), captured_at=None), [500])
    assert "photo500" not in {r.key for r in plan_retention(gallery, Retention(30)).media}
    later = datetime.now(UTC) + timedelta(days=31)
    assert "photo500" in {r.key for r in plan_retention(gallery, Retention(30), later).media}


@pytest.mark.parametrize("kind", ["video", "stream"])
def test_what_is_still_running_loses_its_old_pictures_and_keeps_its_place(gallery: Gallery, kind: str) -> None:
    item = MediaItem("rtsp://door", kind, "live", "door", MORNING)
    with gallery.writer() as writer:
        writer.begin(item, 1.0)
        for index in range(4):
            people = Detections([[0, 0, 9, 9]], [0.9], embedding(900, index)[None])
            writer.add(item, Frame(SCENE, item.source, index, float(index), "door"), people)
    plan = plan_retention(gallery, Retention(5), TEN_DAYS_LATER)
    assert "live" not in {record.key for record in plan.media}
    assert sum(name.startswith("live:") for name in plan.people) == 4
    forget(gallery, plan, actor="cron@desk")
    with gallery.writer() as writer:
        assert writer.plan(item, 1.0).start_frame == 4


def test_an_undated_video_that_is_never_finished_is_not_kept_for_ever(gallery: Gallery) -> None:
    item = MediaItem("/media/undated.mp4", "video", "undated")
    with gallery.writer() as writer:
        writer.begin(item, 1.0)
        for index in range(4):
            people = Detections([[0, 0, 9, 9]], [0.9], embedding(900, index)[None])
            writer.add(item, Frame(SCENE, item.source, index, float(index)), people)
    now = datetime.now(UTC)
    assert "undated" not in plan_retention(gallery, Retention(30), now).files_of_people
    plan = plan_retention(gallery, Retention(30), now + timedelta(days=31))
    assert "undated" not in {record.key for record in plan.media}
    assert sum(name.startswith("undated:") for name in plan.people) == 4
    forget(gallery, plan, actor="cron@desk")
    assert plan_retention(gallery, Retention(30), now + timedelta(days=31)).nothing
    with gallery.writer() as writer:
        assert writer.plan(item, 1.0).start_frame == 4, "it keeps its place"


def test_the_rule_is_kept_in_the_gallery(gallery: Gallery) -> None:
    assert Retention.read(gallery.path) is None
    Retention(30).write(gallery.path)
    assert Retention.read(gallery.path) == Retention(30)
    (gallery.path / "retention.json").write_text("{}")
    with pytest.raises(GalleryError, match="set the rule again"):
        Retention.read(gallery.path)
    Retention.remove(gallery.path)
    assert Retention.read(gallery.path) is None
    for days in (0, -1, float("nan"), 1e9):
        with pytest.raises(ValueRefused, match="days"):
            Retention(days)
