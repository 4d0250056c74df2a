"""Checking and repairing: each kind of damage is named, what can be read is kept, and the rest is read again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fake_predictor import contents
from populated_gallery import add_photo, add_video, all_rows, embedding, photo, populate, video
from sceneseek.errors import GalleryBusyError, GalleryError, GalleryMissingError
from sceneseek.gallery import AuditLog, Gallery, MediaStatus, Weight, check, forget, plan_forgetting, repair
from sceneseek.gallery.schema import TABLES
from sceneseek.gallery.tables import Tables

WHO = "anna@desk"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three data files: two of photographs and one of photographs and a video."""
    gallery = populate(tmp_path_factory.mktemp("checking") / "gallery", num_photos=4, num_videos=0)
    for numbers in (range(4, 8), range(8, 10)):
        with gallery.writer() as writer:
            for number in numbers:
                add_photo(writer, photo(number, "door"), [number, number + 1])
            if 8 in numbers:
                add_video(writer, video(0))
    AuditLog(gallery.path).append(WHO, "index")
    return gallery.path


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "gallery"))


def data_files(folder: Path, table: str) -> list[Path]:
    return sorted((folder / f"{table}.lance" / "data").glob("*.lance"), key=lambda path: path.stat().st_mtime_ns)


def zero_vectors(folder: Path) -> None:
    path = next(p for p in data_files(folder, "detections") if embedding(5, 5).tobytes() in p.read_bytes())
    path.write_bytes(path.read_bytes().replace(embedding(5, 5).tobytes(), bytes(4 * 32)))


def spoil_thumbnail(folder: Path) -> None:
    jpeg = Gallery.open(folder).thumbnail("photo005:0:0")
    assert jpeg is not None
    path = next(p for p in data_files(folder, "thumbnails") if jpeg in p.read_bytes())
    path.write_bytes(path.read_bytes().replace(jpeg, bytes(len(jpeg))))


def add_row(table: str, **changes: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        opened = Tables(folder)[table]
        row = opened.search().limit(1).to_arrow().to_pylist()[0]
        opened.add(pa.Table.from_pylist([{**row, **changes}], schema=opened.schema))

    return damage


def delete(table: str, where: str) -> Callable[[Path], None]:
    return lambda folder: Tables(folder)[table].delete(where)


def spoil(table: str, change: Callable[[Path], object], number: int = 1) -> Callable[[Path], None]:
    return lambda folder: change(data_files(folder, table)[number])  # type: ignore[return-value]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def newest_version(table: str) -> Callable[[Path], Path]:
    return lambda folder: min((folder / f"{table}.lance" / "_versions").glob("*.manifest"))


def test_a_sound_gallery_is_said_to_be_sound(folder: Path) -> None:
    report = check(folder, look_for_media=False)
    assert report.sound
    assert report.kept == {"media": 11, "frames": 22, "detections": 42, "tracklets": 3, "thumbnails": 42}
    assert {finding.kind for finding in report.findings} <= {"leftovers"}
    Gallery.open(folder).compact(purge=True)
    assert check(folder, look_for_media=False).findings == ()
    assert repair(folder, actor=WHO)[0] == []


def test_no_gallery_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(GalleryMissingError):
        check(tmp_path)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "detections file gone": (spoil("detections", Path.unlink), "table"),
    "detections file cut": (spoil("detections", cut), "table"),
    "detections manifest cut": (lambda f: cut(newest_version("detections")(f)), "table"),
    "detections folder gone": (lambda f: shutil.rmtree(f / "detections.lance"), "table"),
    "media file gone": (spoil("media", Path.unlink, 0), "table"),
    "frames file cut": (spoil("frames", cut), "table"),
    "tracklets file cut": (spoil("tracklets", cut, 0), "table"),
    "tracklets folder gone": (lambda f: shutil.rmtree(f / "tracklets.lance"), "table"),
    "thumbnails file gone": (spoil("thumbnails", Path.unlink), "table"),
    "vectors changed": (zero_vectors, "embeddings"),
    "thumbnail changed": (spoil_thumbnail, "pictures"),
    "people of no file": (add_row("detections", id="gone:0:0", media_key="gone"), "orphans"),
    "frame beyond": (add_row("frames", frame_index=99), "orphans"),
    "thumbnail of nobody": (add_row("thumbnails", id="photo001:0:9"), "dangling-thumbnails"),
    "somebody twice": (add_row("detections"), "doubles"),
    "somebody missing": (delete("detections", "id = 'photo005:0:1'"), "counts"),
    "tracklet missing": (delete("tracklets", "id = 'video000:t1'"), "tracklets"),
    "tracklet's people missing": (delete("detections", "tracklet_id = 'video000:t1'"), "tracklets"),
    "journal damaged": (lambda f: (f / "journal.json").write_text("{"), "journal"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_is_named_repaired_and_made_good_by_indexing(folder: Path, original: Path, name: str) -> None:
    damage, kind = DAMAGES[name]
    damage(folder)
    report = check(folder, look_for_media=False)
    assert not report.sound
    found = [f for f in report.findings if f.kind == kind]
    assert found, report.findings
    assert found[0].weight is Weight.DAMAGE
    assert found[0].repairable
    done, after = repair(folder, actor=WHO)
    assert done
    assert after.sound, after.findings
    gallery = Gallery.open(folder)
    assert len(gallery) >= (0 if "detections folder" in name or "media" in name else 16), "what can be read is kept"
    with gallery.writer() as writer:
        for number in range(10):
            item = photo(number, "yard" if number in (0, 3) else "door")
            if writer.plan(item).start_frame is not None:
                add_photo(writer, item, [number, number + 1])
        if writer.plan(video(0), 0.5).start_frame is not None:
            add_video(writer, video(0))
    assert check(folder, look_for_media=False).sound
    mine, theirs = all_rows(gallery), all_rows(Gallery.open(original))
    for table in TABLES:
        lost = "thumbnail" in name and table == "thumbnails"  # pictures that are lost are cut anew when shown
        assert mine[table] == theirs[table] or lost, table


def test_one_is_told_as_one_and_several_as_several(folder: Path) -> None:
    gallery = Gallery.open(folder)
    for number, told in enumerate(("1 file could not be read", "2 files could not be read"), 20):
        with gallery.writer() as writer:
            writer.begin(photo(number, "door"))
            writer.finish(photo(number, "door"), "cut off")
        assert [f.found for f in check(folder).findings if f.kind == "damaged-media"] == [f"{told}, or not to the end."]


def test_files_in_which_somebody_was_forgotten_are_not_read_again(folder: Path) -> None:
    gallery = Gallery.open(folder)
    forget(gallery, plan_forgetting(gallery, detections=["photo005:0:0"]), actor=WHO)
    delete("detections", "id = 'photo005:0:1'")(folder)
    assert not check(folder, look_for_media=False).sound
    assert repair(folder, actor=WHO)[1].sound
    (record,) = (r for r in gallery.media() if r.key == "photo005")
    assert (record.num_people, record.status) == (0, MediaStatus.COMPLETE)


def test_an_interrupted_batch_is_unfinished_and_no_damage(folder: Path) -> None:
    (folder / "journal.json").write_text('{"adding": ["photo001"]}')
    report = check(folder, look_for_media=False)
    assert report.sound
    assert [f.kind for f in report.findings if f.weight is Weight.UNFINISHED] == ["journal"]


def test_missing_media_and_readable_logs_are_noted(folder: Path) -> None:
    (folder / "audit.jsonl").chmod(0o644)
    notes = {f.kind: f for f in check(folder).findings if f.weight is Weight.NOTE}
    assert "11 of 11 indexed files are not where they were: /media/" in notes["missing-media"].found
    assert "permissions" in notes
    repair(folder, actor=WHO)
    assert "permissions" not in {f.kind for f in check(folder).findings}


def test_a_changed_log_and_damaged_lists_are_damage_that_nobody_can_repair(folder: Path) -> None:
    path = folder / "audit.jsonl"
    path.write_bytes(path.read_bytes().replace(b"index", b"login"))
    (folder / "retention.json").write_text("[]")
    kinds = {f.kind for f in check(folder, look_for_media=False).findings if f.weight is Weight.DAMAGE}
    assert kinds == {"audit", "retention"}


def test_without_its_manifest_a_gallery_is_not_repaired(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")
    report = check(folder, look_for_media=False)
    assert (report.sound, report.findings[0].kind) == (False, "manifest")
    assert report.kept["detections"] == 42
    with pytest.raises(GalleryError, match="damaged"):
        repair(folder, actor=WHO)


def test_nothing_is_repaired_while_somebody_writes(folder: Path) -> None:
    with Gallery.open(folder).writer(), pytest.raises(GalleryBusyError):
        repair(folder, actor=WHO)


def test_the_damage_changes_what_is_in_the_files(folder: Path) -> None:
    zero_vectors(folder)
    vectors = np.array([row["embedding"] for row in contents(Gallery.open(folder))])
    assert (np.linalg.norm(vectors, axis=1) < 0.5).sum() == 1
