"""What others on the machine may read of a gallery: nothing, or what a group was given on purpose."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from populated_gallery import add_photo, photo, populate
from sceneseek.gallery import (
    AuditLog,
    Gallery,
    KeepOut,
    check,
    export_archive,
    export_sightings,
    import_archive,
    repair,
)
from sceneseek.gallery import merge as take_over
from sceneseek.gallery.privacy import close_to_others, open_to_others, private_files, private_replacement
from sceneseek.gallery.trust.calibration_file import Calibrator

pytestmark = pytest.mark.needs("file modes")


@pytest.fixture(autouse=True)
def careless() -> Iterator[None]:
    """The account that runs the tests gives everything to everybody."""
    before = os.umask(0)
    yield
    assert os.umask(before) == 0, "the mask was left as it was found"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): mode(path) for path in (folder, *folder.rglob("*"))}


def opened(folder: Path, mask: int = 0o077) -> dict[str, str]:
    return {name: oct(found) for name, found in modes(folder).items() if found & mask}


def test_a_new_gallery_and_all_that_is_written_into_it_is_private(tmp_path: Path) -> None:
    gallery = populate(tmp_path / "g")
    AuditLog(gallery.path).append("anna", "search")
    with gallery.writer():
        KeepOut({}).with_entries(whole=["x"]).write(gallery.path)
    Calibrator(gallery)("detection")
    gallery.optimise(force=True)
    gallery.compact(purge=True)
    assert opened(gallery.path) == {}
    assert mode(tmp_path / "g") == 0o700


def test_folders_above_stay_as_they_would_be(tmp_path: Path) -> None:
    populate(tmp_path / "above" / "g", 1, 0)
    assert mode(tmp_path / "above") == 0o777


@pytest.mark.parametrize("ending", ["zip", "csv", "parquet"])
def test_what_is_handed_on_is_private(tmp_path: Path, ending: str) -> None:
    gallery = populate(tmp_path / "g", 4, 1)
    path = tmp_path / f"out.{ending}"
    path.write_bytes(b"")
    export = export_archive if ending == "zip" else export_sightings
    export(gallery, path, actor="anna", overwrite=True)
    assert mode(path) == 0o600
    if ending == "zip":
        import_archive(path, tmp_path / "h", actor="anna")
        assert opened(tmp_path / "h") == {}
        take_over(gallery, Gallery.open(tmp_path / "h"), actor="anna")
        assert opened(gallery.path) == {}


@pytest.mark.parametrize("planted", ["a file", "a link"])
@pytest.mark.parametrize("ending", ["zip", "csv", "parquet"])
def test_what_lies_where_an_export_begins_is_not_written_into(tmp_path: Path, ending: str, planted: str) -> None:
    gallery = populate(tmp_path / "g", 2, 0)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"somebody's")
    for name in (f".out.{ending}.partial", f".out.partial.{ending}"):
        if planted == "a link":
            (tmp_path / name).symlink_to(elsewhere)
        else:
            (tmp_path / name).write_bytes(b"left by a killed run, for all to read")
    export = export_archive if ending == "zip" else export_sightings
    export(gallery, tmp_path / f"out.{ending}", actor="anna")
    assert mode(tmp_path / f"out.{ending}") == 0o600
    assert not (tmp_path / f"out.{ending}").is_symlink()
    assert elsewhere.read_bytes() == b"somebody's"


def test_nobody_who_has_a_file_open_reads_what_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / "answer.html"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        with private_replacement(path) as partial:
            partial.write_bytes(b"new")
            assert path.read_bytes() == b"old", "whole or not at all"
        assert reader.read() == b"old"
    assert (path.read_bytes(), mode(path)) == (b"new", 0o600)
    with suppress(KeyError), private_replacement(path) as partial:
        partial.write_bytes(b"half")
        raise KeyError
    assert path.read_bytes() == b"new"
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def open_up(folder: Path) -> None:
    """As earlier versions left it under a usual mask."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_an_open_gallery_is_closed_by_the_next_writer_who_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gallery = populate(tmp_path / "g", 2, 0)
    open_up(gallery.path)
    with caplog.at_level(logging.WARNING):
        for number in (7, 8):
            with gallery.writer() as writer:
                add_photo(writer, photo(number), [number])
    assert opened(gallery.path) == {}
    assert [record.getMessage().count("could be read by others") for record in caplog.records] == [1]


def test_check_says_what_is_open_and_repair_closes_it(tmp_path: Path) -> None:
    gallery = populate(tmp_path / "g", 2, 0)
    assert "permissions" not in {finding.kind for finding in check(gallery.path).findings}
    (gallery.path / "manifest.json").chmod(0o640)
    (found,) = [finding for finding in check(gallery.path).findings if finding.kind == "permissions"]
    assert "1 file or folder of the gallery: manifest.json." in found.found
    assert found.repairable
    open_up(gallery.path)
    (found,) = [finding for finding in check(gallery.path).findings if finding.kind == "permissions"]
    assert "the folder itself" in found.found
    done, report = repair(gallery.path, actor="anna")
    assert any("Closed to others" in sentence for sentence in done)
    assert "permissions" not in {finding.kind for finding in report.findings}
    assert opened(gallery.path) == {}


def test_a_gallery_shared_with_a_group_on_purpose_stays_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gallery = populate(tmp_path / "g", 2, 0)
    gallery.path.chmod(0o2770)
    report = check(gallery.path)
    assert {"shared"} <= {finding.kind for finding in report.findings}
    close_to_others(gallery.path)
    with caplog.at_level(logging.WARNING), gallery.writer() as writer:
        add_photo(writer, photo(7), [7])
    AuditLog(gallery.path).append("anna", "search")
    assert not caplog.records
    assert opened(gallery.path, 0o007) == {}
    for name, found in modes(gallery.path).items():
        owner = found & 0o700
        assert found & 0o070 == owner >> 3, (name, oct(found))
        assert ((gallery.path / name).is_dir()) == bool(found & stat.S_ISGID), name
    assert open_to_others(gallery.path) == []
    (gallery.path / "manifest.json").chmod(0o664)
    assert [path.name for path in open_to_others(gallery.path)] == ["manifest.json"]


def test_a_folder_for_the_group_that_is_not_marked_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir(mode=0o770)
    folder.chmod(0o770)
    populate(folder, 1, 0)
    assert mode(folder) == 0o700


def test_masks_of_several_who_write_at_a_time(tmp_path: Path) -> None:
    """The strictest counts, and the last one gone brings back what was before."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2770)

    def made(name: str) -> int:
        (tmp_path / name).write_text("")
        return mode(tmp_path / name)

    with private_files(shared):
        assert made("a") == 0o660
        with private_files():
            assert made("b") == 0o600
        assert made("c") == 0o660
    assert made("d") == 0o666


def test_masks_of_many_threads() -> None:
    def work() -> None:
        for _ in range(200):
            with private_files():
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_links_are_not_followed(tmp_path: Path) -> None:
    gallery = populate(tmp_path / "g", 1, 0)
    outside = tmp_path / "outside"
    outside.write_text("")
    (gallery.path / "link").symlink_to(outside)
    close_to_others(gallery.path)
    assert mode(outside) == 0o666
