"""Archives: out and in again to the last bit; hostile ones are refused and leave nothing behind."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from populated_gallery import DIM, SCENE, add_photo, all_rows, photo, populate, video
from sceneseek.errors import GalleryArchiveError, GalleryBusyError, GalleryError, GalleryModelError, ValueRefused
from sceneseek.gallery import Gallery, StoredPerson, export_archive, export_sightings, import_archive, sightings
from sceneseek.gallery.archiving import CONTENTS
from sceneseek.structures import Detections, Frame

WHO = "anna@desk"
FAR = 1 << 62
"""Microseconds since 1970 to a moment that no date can say."""
Tables = dict[str, pa.Table]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    return populate(tmp_path_factory.mktemp("archiving") / "gallery", num_photos=5)


@pytest.fixture(scope="module")
def archive(gallery: Gallery) -> Path:
    path = gallery.path.with_name("all.zip")
    members = export_archive(gallery, path, actor=WHO)
    assert (members["media"].rows, members["detections"].rows) == (6, 32)
    return path


def test_out_and_in_again(gallery: Gallery, archive: Path, tmp_path: Path) -> None:
    done = import_archive(archive, tmp_path / "new", actor=WHO)
    assert (done.files, done.people) == (6, 32)
    again = Gallery.open(tmp_path / "new", "net", "abc123")
    assert all_rows(again) == all_rows(gallery)
    assert [p.name for p in tmp_path.iterdir()] == ["new"]
    with again.writer() as writer:
        add_photo(writer, photo(77), [77])
    assert len(again) == 33


def test_into_a_gallery_that_is_there(archive: Path, tmp_path: Path) -> None:
    target = populate(tmp_path / "target", num_photos=3, num_videos=0)
    done = import_archive(archive, target.path, actor=WHO)
    assert (done.files, done.known) == (3, 3)
    other = Gallery.create(tmp_path / "other", "another", "zzz", DIM)
    with pytest.raises(GalleryModelError):
        import_archive(archive, other.path, actor=WHO)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other", "target"]


def test_files_are_not_replaced_unasked(gallery: Gallery, archive: Path, tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="exists already"):
        export_archive(gallery, archive, actor=WHO)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(GalleryError):
        import_archive(archive, tmp_path, actor=WHO)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(GalleryError, match="cannot be written"):
        export_archive(gallery, tmp_path / "no" / "where.zip", actor=WHO)


def test_what_a_killed_import_left_is_cleared_away(archive: Path, tmp_path: Path) -> None:
    left_over = tmp_path / ".new.importing"
    left_over.mkdir()
    (left_over / "half").write_bytes(b"x")
    import_archive(archive, tmp_path / "new", actor=WHO)
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def test_two_imports_into_one_target_do_not_meet(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes while the first has cleared its place and not yet made anything there."""
    real = Gallery.create
    met: list[GalleryBusyError] = []

    def create(*args: Any) -> Gallery:
        monkeypatch.setattr(Gallery, "create", real)
        with pytest.raises(GalleryBusyError, match="another import") as caught:
            import_archive(archive, tmp_path / "new", actor=WHO)
        met.append(caught.value)
        return real(*args)

    monkeypatch.setattr(Gallery, "create", create)
    assert import_archive(archive, tmp_path / "new", actor=WHO).people == 32
    assert met
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def rewritten(archive: Path, path: Path, change: Callable[[dict[str, bytes]], Any]) -> Path:
    """A copy of an archive whose files were changed."""
    with zipfile.ZipFile(archive) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return path


def forged(
    archive: Path, path: Path, name: str, change: Callable[[pa.Table], pa.Table], compression: str = "snappy"
) -> Path:
    """A copy of an archive with another table, whose hash and number of rows agree."""

    def replace(files: dict[str, bytes]) -> None:
        sink = io.BytesIO()
        table = change(pq.read_table(io.BytesIO(files[f"{name}.parquet"])))
        pq.write_table(table, sink, compression=compression)
        data = sink.getvalue()
        contents = json.loads(files[CONTENTS])
        member = {"rows": table.num_rows, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        contents["tables"][name] = member
        files[f"{name}.parquet"] = data
        files[CONTENTS] = json.dumps(contents).encode()

    return rewritten(archive, path, replace)


def set_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    index = table.schema.get_field_index(name)
    return table.set_column(index, table.schema.field(name), pa.array(values, table.schema.field(name).type))


def first_changed(table: pa.Table, name: str, value: Any) -> pa.Table:
    return set_column(table, name, [value, *table[name].to_pylist()[1:]])


def refused(archive: Path, tmp_path: Path, words: str) -> None:
    with pytest.raises(GalleryArchiveError, match=words):
        import_archive(archive, tmp_path / "new", actor=WHO)
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".new*")), "nothing is left behind"
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "media.parquet/../../evil", "C:\\evil", "detections.lance/x"])
def test_no_name_from_outside_becomes_a_path(archive: Path, tmp_path: Path, name: str) -> None:
    refused(rewritten(archive, tmp_path / "a.zip", lambda f: f.update({name: b"x"})), tmp_path, "no part of a gallery")


def test_links_twins_encryption_and_missing_files_are_refused(archive: Path, tmp_path: Path) -> None:
    path = rewritten(archive, tmp_path / "missing.zip", lambda files: files.pop("frames.parquet"))
    refused(path, tmp_path, "lacks frames.parquet")
    path = rewritten(archive, tmp_path / "link.zip", lambda files: files.pop("frames.parquet"))
    with zipfile.ZipFile(path, "a") as packed:
        link = zipfile.ZipInfo("frames.parquet")
        link.external_attr = 0o120777 << 16
        packed.writestr(link, "/etc/passwd")
    refused(path, tmp_path, "no plain file")
    path = rewritten(archive, tmp_path / "twin.zip", lambda _: None)
    with zipfile.ZipFile(path, "a") as packed, pytest.warns(UserWarning, match="Duplicate"):
        packed.writestr("frames.parquet", b"x")
    refused(path, tmp_path, "twice")
    path = rewritten(archive, tmp_path / "locked.zip", lambda _: None)
    data = bytearray(path.read_bytes())
    place = data.rfind(b"PK\x01\x02")
    data[place + 8] |= 1
    path.write_bytes(data)
    refused(path, tmp_path, "encrypted")


def test_bombs_are_refused_before_they_are_unpacked(archive: Path, tmp_path: Path) -> None:
    path = rewritten(archive, tmp_path / "bomb.zip", lambda files: files.pop("thumbnails.parquet"))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("thumbnails.parquet", b"\0" * 50_000_000)
    refused(path, tmp_path, "would grow")
    with pytest.raises(GalleryArchiveError, match="at most 1,000"):
        import_archive(archive, tmp_path / "new", actor=WHO, most_bytes=1000)


def test_bombs_inside_parquet_files_are_refused(archive: Path, tmp_path: Path) -> None:
    flags = ["blurred"] * 3_000_000
    path = forged(archive, tmp_path / "flags.zip", "detections", lambda t: first_changed(t, "flags", flags))
    assert path.stat().st_size < 200_000
    refused(path, tmp_path, "detections.parquet would grow")
    picture = b"\xff\xd8\xff" + b"\0" * 120_000_000
    path = forged(archive, tmp_path / "picture.zip", "thumbnails", lambda t: first_changed(t, "jpeg", picture), "zstd")
    assert path.stat().st_size < 200_000
    refused(path, tmp_path, "thumbnails.parquet would grow")


def test_a_camera_that_stands_still_is_no_bomb(tmp_path: Path) -> None:
    """Each frame is the same to the last bit, which compresses best of all that is honest."""
    dim, num_frames = 2048, 4000
    gallery = Gallery.create(tmp_path / "g", "net", "abc123", dim)
    one = np.ones((1, dim), np.float32) / np.float32(np.sqrt(dim))
    people = Detections([[1.0, 1.0, 9.0, 60.0]], [0.9], one)
    with gallery.writer(commit_frames=num_frames, commit_seconds=600) as writer:
        writer.begin(video(1), 0.5)
        for index in range(num_frames):
            writer.add(video(1), Frame(SCENE, "/media/1.mp4", index, index / 2), people)
        writer.finish(video(1))
    export_archive(gallery, tmp_path / "g.zip", actor=WHO)
    assert num_frames * dim * 4 > 100 * (tmp_path / "g.zip").stat().st_size, "it did compress well"
    assert import_archive(tmp_path / "g.zip", tmp_path / "new", actor=WHO).people == num_frames


def test_a_changed_cut_or_foreign_file_is_refused(archive: Path, tmp_path: Path) -> None:
    def flip(files: dict[str, bytes]) -> None:
        data = bytearray(files["detections.parquet"])
        data[len(data) // 2] ^= 1
        files["detections.parquet"] = bytes(data)

    refused(rewritten(archive, tmp_path / "flipped.zip", flip), tmp_path, "was changed or cut")
    cut = tmp_path / "cut.zip"
    cut.write_bytes(archive.read_bytes()[:-100])
    refused(cut, tmp_path, "no gallery archive")
    foreign = tmp_path / "foreign.zip"
    with zipfile.ZipFile(foreign, "w") as packed:
        packed.writestr("holiday.jpg", b"x")
    refused(foreign, tmp_path, "no part of a gallery")
    with pytest.raises(GalleryArchiveError, match="cannot be read"):
        import_archive(tmp_path / "nowhere.zip", tmp_path / "new", actor=WHO)


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"{",
        b"[]",
        b'{"format": "other", "version": 1}',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"format": "x"}' + b" " * (1 << 21),
    ],
    ids=["empty", "cut", "list", "other", "deep", "no text", "huge"],
)
def test_a_damaged_list_of_contents_is_refused(archive: Path, tmp_path: Path, contents: bytes) -> None:
    path = rewritten(archive, tmp_path / "a.zip", lambda files: files.update({CONTENTS: contents}))
    with pytest.raises(GalleryArchiveError):
        import_archive(path, tmp_path / "new", actor=WHO)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("detections", lambda t: first_changed(t, "id", "../../x:0:0"), "another frame's name"),
        ("detections", lambda t: first_changed(t, "media_key", "unknown"), "does not know"),
        ("detections", lambda t: first_changed(t, "x2", float("inf")), "impossible box"),
        ("detections", lambda t: first_changed(t, "score", 7.0), "impossible box or score"),
        ("detections", lambda t: first_changed(t, "embedding", [float("nan")] * DIM), "length one"),
        ("detections", lambda t: first_changed(t, "embedding", [9.0] * DIM), "length one"),
        ("detections", lambda t: first_changed(t, "source", "x" * 100_000), "bytes"),
        ("detections", lambda t: pa.concat_tables([t, t.slice(0, 1)]), "something twice"),
        ("detections", lambda t: t.drop_columns(["flags"]), "other columns"),
        ("detections", lambda t: t.append_column("extra", pa.array(np.zeros(t.num_rows))), "other columns"),
        ("media", lambda t: pa.concat_tables([t, t.slice(0, 1)]), "something twice"),
        ("frames", lambda t: pa.concat_tables([t, t.slice(0, 1)]), "something twice"),
        ("tracklets", lambda t: first_changed(t, "id", "other:t1"), "another file's name"),
        ("thumbnails", lambda t: first_changed(t, "jpeg", b"MZ\x90 no picture"), "no small JPEG"),
        ("thumbnails", lambda t: first_changed(t, "jpeg", b"\xff\xd8\xff" + b"x" * 500_000), "no small JPEG"),
        ("thumbnails", lambda t: t.filter(pc.not_equal(t["id"], "no")).append_column("x", t["id"]), "other columns"),
        ("thumbnails", lambda t: first_changed(t, "id", "photo001:0:99"), "of nobody"),
        ("detections", lambda t: first_changed(t, "id", f"{t['id'][0].as_py()[:-1]}x0"), "another frame's name"),
        ("detections", lambda t: first_changed(t, "tracklet_id", "video000:7"), "another file's tracklet"),
        ("detections", lambda t: first_changed(t, "tracklet_id", "other:t0"), "another file's tracklet"),
        ("detections", lambda t: first_changed(t, "captured_at", FAR), "impossible captured_at"),
        ("detections", lambda t: first_changed(t, "flags", ["x" * 100_000]), "bytes"),
        ("detections", lambda t: first_changed(t, "flags", [None]), "with a gap"),
        ("tracklets", lambda t: first_changed(t, "id", "video000:x1"), "another file's name"),
        ("tracklets", lambda t: first_changed(t, "id", "video000:t77"), "contradicts itself"),
        ("tracklets", lambda t: first_changed(t, "best_ids", []), "best people"),
        ("tracklets", lambda t: first_changed(t, "best_ids", ["video000:999:0"]), "best people"),
        ("tracklets", lambda t: first_changed(t, "best_ids", ["photo001:0:0"]), "best people"),
        ("tracklets", lambda t: first_changed(t, "end_s", float("nan")), "impossible end_s"),
        ("media", lambda t: first_changed(t, "indexed_at", "x"), "impossible row"),
        ("media", lambda t: first_changed(t, "indexed_at", "2026-03-02T08:00:00"), "without zone"),
        ("media", lambda t: first_changed(t, "status", "unheard of"), "impossible row"),
        ("media", lambda t: first_changed(t, "kind", "sculpture"), "of kind"),
        ("media", lambda t: first_changed(t, "aliases", [None]), "with a gap"),
        ("media", lambda t: first_changed(t, "num_people", 999), "contradicts itself"),
        ("media", lambda t: first_changed(t, "num_people", -1), "below zero"),
        ("media", lambda t: first_changed(t, "next_frame", 0), "contradicts itself"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_are_refused_although_every_hash_agrees(
    archive: Path, tmp_path: Path, name: str, change: Callable[[pa.Table], pa.Table], words: str
) -> None:
    refused(forged(archive, tmp_path / "forged.zip", name, change), tmp_path, words)


def test_a_parquet_file_that_is_none_is_refused(archive: Path, tmp_path: Path) -> None:
    def garbage(files: dict[str, bytes]) -> None:
        data = b"PAR1" + b"\0" * 1000 + b"PAR1"
        contents = json.loads(files[CONTENTS])
        contents["tables"]["frames"] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        files |= {"frames.parquet": data, CONTENTS: json.dumps(contents).encode()}

    refused(rewritten(archive, tmp_path / "garbage.zip", garbage), tmp_path, "is damaged")


def test_sightings_as_parquet_and_csv(gallery: Gallery, tmp_path: Path) -> None:
    assert export_sightings(gallery, tmp_path / "s.parquet", actor=WHO) == 3 + 10
    table = pq.read_table(tmp_path / "s.parquet")
    assert "embedding" not in table.schema.names
    first = table.to_pylist()[0]
    assert (first["sighting"], first["start_s"], first["end_s"], first["num_detections"]) == ("video000:t0", 0, 5.5, 12)
    assert export_sightings(gallery, tmp_path / "s.csv", actor=WHO) == 13
    with (tmp_path / "s.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["sighting"] for line in lines] == table["sighting"].to_pylist()
    with pytest.raises(ValueRefused, match=r"\.xlsx"):
        export_sightings(gallery, tmp_path / "s.xlsx", actor=WHO)
    with pytest.raises(GalleryError, match="exists"):
        export_sightings(gallery, tmp_path / "s.csv", actor=WHO)


def test_sightings_are_read_in_batches(gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few are read at a time, the table is the same; no more vectors are in memory than rows are made of."""
    export_sightings(gallery, tmp_path / "whole.parquet", actor=WHO)
    monkeypatch.setattr(sightings, "_PART", 2)
    monkeypatch.setattr(sightings, "_PEOPLE", 3)
    monkeypatch.setattr(sightings, "_FILES", 2)
    asked: list[int] = []
    people = Gallery.people

    def watched(self: Gallery, names: Sequence[str]) -> list[StoredPerson]:
        asked.append(len(names))
        return people(self, names)

    def unwanted(self: Gallery, keys: object = None) -> list[object]:
        raise AssertionError("tracklets come with their vectors")

    monkeypatch.setattr(Gallery, "people", watched)
    monkeypatch.setattr(Gallery, "tracklets", unwanted)
    export_sightings(gallery, tmp_path / "parts.parquet", actor=WHO)
    assert pq.read_table(tmp_path / "parts.parquet").equals(pq.read_table(tmp_path / "whole.parquet"))
    assert (max(asked), sum(asked)) == (2, 13)


def test_no_formula_reaches_a_spreadsheet(tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "g", "net", "abc123", DIM)
    with gallery.writer() as writer:
        add_photo(writer, photo(1, '=HYPERLINK("http://evil")'), [1])
    export_sightings(gallery, tmp_path / "s.csv", actor=WHO)
    with (tmp_path / "s.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert line["camera_id"] == '\'=HYPERLINK("http://evil")'
