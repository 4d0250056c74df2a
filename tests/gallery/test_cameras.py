"""Cameras named after indexing: files given to one, one renamed, two made one, and what every table says afterwards."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from fake_predictor import everything
from sceneseek.errors import NotInGalleryError
from sceneseek.gallery import AuditLog, Filters, Gallery, name_camera
from sceneseek.inference import discover, frames_of
from web_world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def cameras(gallery: Gallery) -> dict[str, str | None]:
    return {Path(record.source).name: record.camera_id for record in gallery.media()}


def test_a_camera_gets_another_name_in_every_table(world: World) -> None:
    gallery = world.finder().gallery
    changed = name_camera(gallery, "corridor", camera="hall", actor="test")
    assert [Path(record.source).name for record in changed] == ["walk.mp4"]
    assert cameras(gallery)["walk.mp4"] == "corridor"
    for name, rows in everything(gallery).items():
        if name != "thumbnails":
            others = set() if name == "tracklets" else {"door", "yard"}
            assert {row["camera_id"] for row in rows} == {"corridor", *others}, name
    person = gallery.frame(changed[0].key).people[0]
    assert person.camera_id == "corridor"
    found = gallery.search(person.embedding, filters=Filters(cameras=("corridor",)))
    assert {match.camera_id for match in found} == {"corridor"}
    assert not len(gallery.search(person.embedding, filters=Filters(cameras=("hall",))))


def test_two_cameras_become_one_and_files_leave_it_again(world: World) -> None:
    gallery = world.finder().gallery
    name_camera(gallery, "door", camera="yard", actor="test")
    assert cameras(gallery) == {"1.png": "door", "2.png": "door", "3.png": "door", "walk.mp4": "hall"}
    name_camera(gallery, None, media=[str(world.media / "door")], actor="test")
    assert cameras(gallery) == {"1.png": None, "2.png": None, "3.png": "door", "walk.mp4": "hall"}
    name_camera(gallery, "back", camera=None, actor="test")
    assert cameras(gallery) == {"1.png": "back", "2.png": "back", "3.png": "door", "walk.mp4": "hall"}


def test_it_is_logged_and_stays_when_the_files_are_indexed_again(world: World) -> None:
    finder = world.finder()
    name_camera(finder.gallery, "corridor", camera="hall", actor="kim")
    (entry,) = AuditLog(finder.gallery.path).entries()
    assert (entry.actor, entry.action, entry.details["was"], entry.details["name"]) == (
        "kim",
        "camera",
        "hall",
        "corridor",
    )

    finder.index(list(discover([str(world.media)])), partial(frames_of, every_s=1.0), every_s=1.0)
    assert cameras(finder.gallery)["walk.mp4"] == "corridor"


def test_what_changes_nothing_is_not_logged_and_unknown_files_are_refused(world: World) -> None:
    gallery = world.finder().gallery
    assert name_camera(gallery, "hall", camera="hall", actor="test") == []
    assert name_camera(gallery, "x", camera="nowhere", actor="test") == []
    assert not list(AuditLog(gallery.path).entries())
    with pytest.raises(NotInGalleryError):
        name_camera(gallery, "x", media=["/nowhere.jpg"], actor="test")
