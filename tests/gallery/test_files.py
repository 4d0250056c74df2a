"""Files of a gallery: those that go while they are counted, and those that the documentation names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sceneseek.gallery import files, traces
from sceneseek.gallery.files import bytes_in, files_in
from sceneseek.gallery.store import _OWN_NAMES
from sceneseek.gallery.traces import Trace, search_files
from small_galleries import new_gallery, video

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/1", "a/2", "b/3", "4"):
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 100)
    (tmp_path / "folder" / "link").symlink_to("4")
    return tmp_path / "folder"


def test_files_in_order_without_links(folder: Path) -> None:
    assert [str(path.relative_to(folder)) for path in files_in(folder)] == ["4", "a/1", "a/2", "b/3"]
    assert bytes_in(folder) == 400
    assert bytes_in(folder / "nothing") == 0


def test_a_file_that_goes_between_its_name_and_its_size_holds_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked = os.walk

    def slow(top: Path) -> Iterator[Any]:
        for parent, folders, names in walked(top):
            yield parent, folders, names
            if "b" in folders:  # a folder goes before it is entered
                (folder / "b" / "3").unlink()
                (folder / "b").rmdir()

    def found(top: Path) -> Iterator[Path]:
        for path in files_in(top):
            if path.name == "2":  # a file goes after it was found
                path.unlink()
            yield path

    monkeypatch.setattr(files.os, "walk", slow)
    monkeypatch.setattr(files, "files_in", found)
    assert bytes_in(folder) == 200
    (folder / "a" / "2").write_bytes(bytes(range(100)))
    monkeypatch.setattr(traces, "files_in", found)
    report = search_files(folder, [Trace("somebody", "vector", bytes(range(100)))])
    assert report.found == ((),)


def test_info_counts_while_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = new_gallery(tmp_path / "g", (video("a"), [[0, 1]]))
    whole = gallery.info().bytes_on_disk
    going = gallery.path / "old.lance"
    going.write_bytes(bytes(1000))

    def found(top: Path) -> Iterator[Path]:
        for path in files_in(top):
            if path == going:
                path.unlink()
            yield path

    monkeypatch.setattr(files, "files_in", found)
    assert gallery.info().bytes_on_disk == whole


@pytest.mark.parametrize("page", ["reference/files.md", "how-to/look-after-a-gallery.md"])
def test_the_documentation_names_all_files_of_a_gallery(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    names = {name for name in _OWN_NAMES if not name.endswith(".partial")}
    names |= {"manifest.json", "calibration-sighting.json", "calibration-detection.json"}
    missing = {name for name in names if f"`{name}`" not in text}
    assert missing <= ({name for name in names if name.endswith(".lance")} if "`*.lance/`" in text else set())
