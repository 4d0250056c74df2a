"""Forgetting interrupted at each of its steps: it shows, and whoever opens the gallery next ends it."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from populated_gallery import all_rows, embedding, jpeg, populate
from sceneseek.errors import GalleryBusyError, GalleryError
from sceneseek.gallery import AuditLog, Gallery, KeepOut, check, forget, forgetting, plan_forgetting
from sceneseek.gallery.purging import leftovers
from sceneseek.gallery.schema import TABLES
from sceneseek.gallery.traces import Trace, search_files
from sceneseek.gallery.writer import GalleryWriter


class Killed(BaseException):
    """Stands for a process that dies: nothing runs after it."""


STEPS: dict[str, tuple[Any, str]] = {
    "plan written": (forgetting.Pending, "write"),
    "kept out": (KeepOut, "write"),
    "files removed": (GalleryWriter, "remove_media"),
    "people removed": (GalleryWriter, "remove_people"),
    "rows removed": (GalleryWriter, "_finish_removal"),
    "journal": (GalleryWriter, "_forget_journal"),
    "purged": (GalleryWriter, "purge"),
    "one table purged": ("sceneseek.gallery.compaction.purge", ""),
    "versions dropped": ("sceneseek.gallery.purging._drop_versions", ""),
}
TRACES = [
    *(Trace(f"{i}", "vector", embedding(i, 3).tobytes()) for i in (3, 4)),
    *(Trace(f"{i}", "thumbnail", jpeg(i, 3)) for i in (3, 4)),
    *(Trace(f"walker {i}", "vector", embedding(101, i).tobytes()) for i in range(0, 12, 2)),
]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return populate(tmp_path_factory.mktemp("interrupted") / "gallery", num_photos=8).path


@pytest.fixture(scope="module")
def forgotten(original: Path) -> dict[str, Any]:
    """What is left when nothing interrupts."""
    copy = Gallery.open(shutil.copytree(original, original.with_name("reference")))
    forget(copy, plan_forgetting(copy, media=["photo003"], tracklets=["video000:t1"]), actor="test")
    assert search_files(copy.path, TRACES).num_found == 0
    return all_rows(copy)


# After one step is before the next, but for the last of all.
@pytest.mark.parametrize(("step", "before"), [*((step, True) for step in STEPS), ("purged", False)])
def test_it_shows_and_is_ended_by_the_next_who_opens(
    original: Path, forgotten: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, before: bool
) -> None:
    gallery = Gallery.open(shutil.copytree(original, tmp_path / "gallery"))
    plan = plan_forgetting(gallery, media=["photo003"], tracklets=["video000:t1"])
    place, name = STEPS[step]

    def dying(real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if before:
                raise Killed
            real(*args, **kwargs)
            raise Killed

        return call

    with monkeypatch.context() as patch:
        if name:
            patch.setattr(place, name, dying(getattr(place, name)))
        else:
            module, _, function = place.rpartition(".")
            patch.setattr(place, dying(getattr(importlib.import_module(module), function)))
        with pytest.raises(Killed):
            forget(gallery, plan, actor="test")
    begun = step != "plan written" or not before
    assert ("forgetting" in {f.kind for f in check(gallery.path).findings}) is begun, "never silently"
    again = Gallery.open(gallery.path)
    if begun:
        assert search_files(gallery.path, TRACES).num_found == 0
        assert all_rows(again) == forgotten
        assert not any(leftovers(gallery.path / f"{table}.lance") for table in TABLES)
        assert [e.action for e in AuditLog(gallery.path).entries()][-1] == "forgotten"
        assert set(KeepOut.read(gallery.path).entries) == {"photo003", "video000"}
    else:
        assert search_files(gallery.path, TRACES).num_found == len(TRACES)
    assert "forgetting" not in {f.kind for f in check(gallery.path).findings}


def test_a_reader_may_open_while_somebody_is_being_forgotten(original: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(original, tmp_path / "gallery")
    gallery = Gallery.open(folder)
    with gallery.writer() as writer:
        forgetting.Pending(media=("photo003",)).write(folder)
        assert len(Gallery.open(folder)) == len(gallery), "its process lives, and holds the lock"
        with pytest.raises(GalleryBusyError):
            Gallery.open(folder).compact()
        forgetting.Pending(media=("photo003",)).finish(writer)
    assert search_files(folder, TRACES[:4]).num_found == 0


def test_a_damaged_plan_is_never_passed_over(original: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(original, tmp_path / "gallery")
    (folder / "forgetting.json").write_text("{")
    with pytest.raises(GalleryError, match="Forget them again"):
        Gallery.open(folder)


def test_a_plan_that_cannot_be_ended_is_said_plainly(original: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(original, tmp_path / "gallery")
    forgetting.Pending(people=("no name of a person",)).write(folder)
    for _ in range(2):
        with pytest.raises(GalleryError, match="cannot be ended"):
            Gallery.open(folder)
    for name in ("forgetting.json", "journal.json"):
        (folder / name).unlink()
    gallery = Gallery.open(folder)
    forget(gallery, plan_forgetting(gallery, media=["photo003"]), actor="test")
    assert search_files(folder, TRACES[:4]).num_found == 0, "what the message advises helps"
