"""Every file of a gallery in turn is cut or overwritten: it is said in words, and nothing crashes or lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from populated_gallery import embedding, populate
from sceneseek.errors import GalleryError
from sceneseek.gallery import Gallery, check


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    gallery = populate(tmp_path_factory.mktemp("corrupt") / "gallery", num_photos=5)
    gallery.compact(purge=True)
    (gallery.path / "keep_out.json").write_text('{"gone": "whole"}')
    (gallery.path / "retention.json").write_text('{"days": 30}')
    (gallery.path / "journal.json").write_text('{"adding": []}')
    return gallery.path


HARMLESS = ("writer.lock", "index.lock", "latest_version_hint.json", ".txn", "rewrites")
"""Files without which, or with any content, a gallery is what it was."""


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_no_damaged_file_crashes_or_lies(original: Path, tmp_path: Path, damage: str) -> None:
    files = sorted(p.relative_to(original) for p in original.rglob("*") if p.is_file())
    assert len(files) > 20
    for number, name in enumerate(files):
        folder = Path(shutil.copytree(original, tmp_path / f"{number}"))
        data = (folder / name).read_bytes()
        changed = {"cut": data[: len(data) // 2], "overwritten": b"\xde\xad" * (len(data) // 2 + 1)}
        (folder / name).write_bytes(changed[damage])
        complaint = complaint_about(folder)
        if str(name).endswith(HARMLESS):
            continue
        report = check(folder, look_for_media=False)
        assert complaint or not report.sound or data == changed[damage], f"{name}: nobody noticed"
        shutil.rmtree(folder)


def complaint_about(folder: Path) -> str:
    """What a user is told who opens, searches and writes; any error of another kind fails the test."""
    try:
        gallery = Gallery.open(folder)
        answer = gallery.search(embedding(2, 2), top=1)
        assert answer.matches[0].detection_id == "photo002:0:0"
        assert answer.searched == 32
        assert len(gallery.thumbnails([m.detection_id for m in answer])) == 1
        assert len(gallery.media()) == 6
        assert len(gallery.tracklets()) == 3
        assert len(gallery.frame("photo002").people) == 2
        with gallery.writer():
            pass
    except GalleryError as error:
        return str(error)
    return ""
