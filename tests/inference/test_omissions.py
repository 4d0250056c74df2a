"""Nothing is passed over in silence: media under any name are found, and what is left alone is counted or named."""

from __future__ import annotations

import io
import tarfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from films import film, numbered
from sceneseek.inference.contents import kind_by_content
from sceneseek.inference.media import discover, frames_of, is_there
from sceneseek.inference.omissions import is_system_folder
from sceneseek.structures import Frame, MediaItem, MediaNote, MediaProblem, PassedOver


def picture(tone: int, form: str = "JPEG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (64, 48), (tone, 90, 90)).save(data, form)
    return data.getvalue()


def put(path: Path, contents: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)
    return path


def sorted_out(folder: Path, **options: Any) -> tuple[dict[str, str], dict[str, str], PassedOver]:
    """Media with their kinds, problems with their reasons, and what was left alone."""
    found = list(discover(folder, **options))
    below = len(str(folder)) + 1
    media = {item.source[below:]: item.kind for item in found if isinstance(item, MediaItem)}
    problems = {item.source[below:]: item.reason for item in found if type(item) is MediaProblem}
    left = [item for item in found if isinstance(item, PassedOver)]
    assert len(left) <= 1
    return media, problems, left[0] if left else PassedOver("", "")


FILMS = {
    "ch01.264": ("h264", "libx264"), "ch02": ("h264", "libx264"), "ch03.bin": ("hevc", "libx265"),
    "dvr.asf": ("asf", "wmv2"), "dvr.dat": ("asf", "wmv2"), "old.3g2": ("3g2", "mpeg4"), "x.divx": ("avi", "mpeg4"),
    "MVIMG_20180722_120942": ("mp4", "libx264"),
    "clip.mp4_large": ("mp4", "libx264"), "rec.tmp": ("matroska", "libx264"),
    "disc.vob": ("mpeg", "mpeg2video"), "disc.2": ("mpeg", "mpeg2video"), "cam.mjpg": ("mjpeg", "mjpeg"),
    "cam.stream": ("mjpeg", "mjpeg"), "cast": ("mpegts", "libx264"), "a.f4v": ("flv", "libx264"),
    "b": ("flv", "libx264"),
    "upload.part": ("mp4", "libx264"), "wrong.jpg": ("mp4", "libx264"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILMS)
def test_films_are_found_whatever_they_are_called(tmp_path: Path, name: str) -> None:
    form, codec = FILMS[name]
    options = {"x265-params": "log-level=error"} if codec == "libx265" else {}
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    film(tmp_path / name, numbered(12), codec, form=form, pix_fmt=pix_fmt, options=options)
    media, problems, _ = sorted_out(tmp_path)
    assert media == {name: "video"}
    assert not problems
    (item,) = (item for item in discover(tmp_path) if isinstance(item, MediaItem))
    assert sum(isinstance(answer, Frame) for answer in frames_of(item, every_s=0)) == 12


PHOTOGRAPHS = {
    "download": "JPEG", "IMG_1.JPG_large": "JPEG", "IMG_2.pjpeg": "JPEG", "IMG_3.insp": "JPEG", "IMG_4.jpg!d": "JPEG",
    "IMG_5.dat": "PNG", "image.php": "GIF", "7": "WEBP", "wrong.mp4": "JPEG", "photo.png.bak": "PNG",
}  # fmt: skip


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_are_found_whatever_they_are_called(tmp_path: Path, name: str) -> None:
    put(tmp_path / name, picture(10, PHOTOGRAPHS[name]))
    media, problems, _ = sorted_out(tmp_path)
    assert media == {name: "photo"}
    assert not problems
    (item,) = (item for item in discover(tmp_path) if isinstance(item, MediaItem))
    assert isinstance(next(frames_of(item)), Frame)


def test_a_photograph_with_smaller_ones_behind_it_is_no_film(tmp_path: Path) -> None:
    image = Image.new("RGB", (64, 48), (9, 90, 90))
    image.save(tmp_path / "two", "MPO", save_all=True, append_images=[image])
    put(tmp_path / "motion", picture(9) + film(tmp_path / "x.mp4", numbered(5)).read_bytes())
    Image.new("RGB", (16, 12)).save(tmp_path / "small.jpg")
    put(tmp_path / "without a word", picture(9) + (tmp_path / "small.jpg").read_bytes())
    put(tmp_path / "chance", picture(9) + b"\xff\xd8\xff" + bytes(range(256)) * 4 + b"\xff\xd9")
    assert sorted_out(tmp_path)[0] == {
        "chance": "photo", "motion": "photo", "small.jpg": "photo", "two": "photo", "without a word": "photo",
        "x.mp4": "video",
    }  # fmt: skip


def test_what_might_hold_media_and_is_not_read_is_named(tmp_path: Path) -> None:
    contents = {
        "old.rar": b"Rar!\x1a\x07\x01\0", "old.7z": b"7z\xbc\xaf'\x1c", "week": b"Rar!\x1a\x07\x01\0",
        "disk.iso": b"\0",
        "a.tar.zst": b"\x28\xb5\x2f\xfd", "raw.nef": b"II*\0", "raw.srw": b"II*\0", "x.tga": b"\0\0\2",
        "pack": b"PK\x03\x04", "door.mp4.gz": b"\x1f\x8b\x08", "IMG_1.JPG.bz2": b"BZh9", "yard.ts.xz": b"\xfd7zXZ",
        "a.mkv.zst": b"\x28\xb5\x2f\xfd",
    }  # fmt: skip
    for name, head in contents.items():
        put(tmp_path / name, head + bytes(64))
    media, problems, left = sorted_out(tmp_path)
    assert not media
    assert set(problems) == set(contents)
    assert all("read" in reason for reason in problems.values())
    assert not left.files


def test_other_files_are_counted_by_their_endings_and_clutter_is_not(tmp_path: Path) -> None:
    for name in ("notes.txt", "b.txt", "c.xmp", "d.aae", "e.THM", "f.json", "README", "song.m4a", "g.heic.xmp"):
        put(
            tmp_path / name,
            picture(1) if name == "e.THM" else b"\0\0\0 ftypM4A " if name.startswith("song") else b"words",
        )
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "empty.log"):
        put(tmp_path / name, b"" if name == "empty.log" else bytes(64))
    put(tmp_path / "module.ts", b"export const x = 1;\n" * 60)
    media, problems, left = sorted_out(tmp_path)
    assert not media
    assert not problems
    assert left.files == {".txt": 2, ".xmp": 2, ".aae": 1, ".thm": 1, ".json": 1, "": 1, ".m4a": 1, ".log": 1, ".ts": 1}
    assert left.reason.startswith("11 files of kinds that are not read: .txt 2, .xmp 2, without an ending 1, .aae 1")
    assert isinstance(left, MediaNote)


SYSTEM = [
    "@eaDir/a.jpg", "@__thumb", "trashbox", "#recycle", "@Recycle", "@Recently-Snapshot", ".@__thumb",
    "#snapshot", "~snapshot", ".snapshot",
    ".zfs/snapshot/1", "lost+found", ".Trash-1000/files", ".Trashes", "$RECYCLE.BIN/S-1-5", "$Recycle.Bin", "RECYCLER",
    "System Volume Information", ".thumbnails", "__MACOSX", ".Spotlight-V100", "found.000", "files_trashbin",
    "Catalogue Previews.lrdata/1", "Smart Previews.lrdata",
    "Film.trickplay/320 - 10x10", "appdata_oc8vmpl2wxz1/preview", "CaptureOne/Cache/Thumbnails",
    "Mine.photoslibrary/resources", "Mine.photoslibrary/private",
]  # fmt: skip


@pytest.mark.parametrize("folder", SYSTEM)
def test_folders_that_systems_keep_for_themselves_are_left_out_and_told(tmp_path: Path, folder: str) -> None:
    put(tmp_path / "2026" / "IMG_1.jpg", picture(1))
    put(tmp_path / "2026" / folder / "IMG_1.jpg", picture(2))
    media, problems, left = sorted_out(tmp_path)
    assert media == {"2026/IMG_1.jpg": "photo"}
    assert not problems
    assert sum(left.folders.values()) == 1
    assert "Left out: 1 folder" in left.reason
    both, _, nothing = sorted_out(tmp_path, system_folders=True)
    assert len(both) == 2
    assert not nothing.folders
    assert len(sorted_out(tmp_path / "2026" / folder)[0]) == 1, "named itself, it is meant"


def test_originals_of_a_photo_library_are_the_users(tmp_path: Path) -> None:
    put(tmp_path / "Mine.photoslibrary" / "originals" / "0" / "a.jpg", picture(1))
    put(tmp_path / "Mine.photoslibrary" / "database" / "a.jpg", picture(2))
    assert list(sorted_out(tmp_path)[0]) == ["Mine.photoslibrary/originals/0/a.jpg"]


@pytest.mark.parametrize(
    "name", ["2026", "recycle", "snapshots of the zoo", "trash", "@home", "#1", "eaDir", "resources"]
)
def test_folders_of_people_are_not_taken_for_those_of_systems(name: str) -> None:
    assert not is_system_folder(name)


def test_patterns_do_not_lead_into_folders_of_systems_unless_they_name_them(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg", picture(1))
    put(tmp_path / "@eaDir" / "a.jpg" / "thumb.jpg", picture(2))
    found = list(discover(f"{tmp_path}/**/*.jpg"))
    assert [Path(item.source).name for item in found if isinstance(item, MediaItem)] == ["a.jpg"]
    assert any(isinstance(item, PassedOver) and item.folders == {"@eaDir": 1} for item in found)
    named = list(discover(f"{tmp_path}/@eaDir/**/*.jpg"))
    assert [Path(item.source).name for item in named if isinstance(item, MediaItem)] == ["thumb.jpg"]


def test_hidden_files_are_counted_where_their_names_promise_media(tmp_path: Path) -> None:
    put(tmp_path / "cloud" / ".IMG_2.jpg.icloud", b"bplist00")
    assert sorted_out(tmp_path)[2].files == {"hidden .icloud": 1}
    (tmp_path / "cloud" / ".IMG_2.jpg.icloud").unlink()
    for name in (".trashed-1-IMG.jpg", "._IMG_1.jpg", ".nomedia", ".hidden.txt", ".clip.mp4"):
        contents = {"._IMG_1.jpg": b"\0\5\x16\7" + bytes(60), ".nomedia": b"words"}
        put(tmp_path / name, contents.get(name, picture(1)))
    _, problems, left = sorted_out(tmp_path)
    assert left.files == {"hidden .jpg": 2, "hidden .mp4": 1}
    assert not problems
    media, problems, left = sorted_out(tmp_path, system_folders=True)
    assert set(media) == {".trashed-1-IMG.jpg", ".hidden.txt", ".clip.mp4"}
    assert not problems, "what macOS writes beside files is no picture, whatever it is called"
    assert left.files == {".jpg": 1}


def test_archives_tell_what_they_hold_beside_media(tmp_path: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("b.jpg", picture(1))
        archive.writestr("download", picture(2))
        archive.writestr("ch1.bin", film(tmp_path / "x.264", numbered(5), form="h264").read_bytes())
        archive.writestr("notes.txt", "words")
        archive.writestr("monday.zip", b"PK\x03\x04" + bytes(64))
        archive.writestr("old.rar", b"Rar!\x1a\x07" + bytes(64))
        archive.writestr("x/@eaDir/b.jpg/t.jpg", picture(3))
        archive.writestr("__MACOSX/._b.jpg", b"\0\5\x16\7" + bytes(60))
        archive.writestr(".hidden.jpg", picture(4))
        archive.writestr("raw.cr2", b"II*\0" + bytes(64))
    (tmp_path / "x.264").unlink()
    media, problems, left = sorted_out(tmp_path)
    assert media == {"a.zip/b.jpg": "photo", "a.zip/download": "photo", "a.zip/ch1.bin": "video"}
    assert set(problems) == {"a.zip/monday.zip", "a.zip/old.rar", "a.zip/raw.cr2"}
    assert "archive in an archive" in problems["a.zip/monday.zip"]
    assert left.files == {".txt": 1, "hidden .jpg": 1}
    assert left.folders == {"@eaDir": 1, "__MACOSX": 1}
    assert len(sorted_out(tmp_path, system_folders=True)[0]) == 5


def test_archives_that_are_to_be_left_alone_are_counted(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("b.jpg", picture(1))
    assert sorted_out(tmp_path, archives=False)[2].files == {".zip": 1}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_members_of_one_name_are_each_found(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    tones = (10, 60, 110)
    if kind == "zip":
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
            warnings.simplefilter("ignore")
            for tone in tones:
                archive.writestr("x/c.png", picture(tone, "PNG"))
            archive.writestr("x/c#1.png", picture(200, "PNG"))
    else:
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as tar:
            for name, tone in [*(("x/c.png", tone) for tone in tones), ("x/c#1.png", 200)]:
                info = tarfile.TarInfo(name)
                info.size = len(picture(tone, "PNG"))
                tar.addfile(info, io.BytesIO(picture(tone, "PNG")))
    items = [item for item in discover(path) if isinstance(item, MediaItem)]
    shown = {}
    for item in items:
        frame = next(frames_of(item))
        assert isinstance(frame, Frame)
        assert is_there(item.source)
        shown[item.source.removeprefix(f"{path}/")] = int(frame.image[0, 0, 0])
    assert shown == {"x/c#2.png": 10, "x/c#3.png": 60, "x/c.png": 110, "x/c#1.png": 200}


def test_links_in_a_tar_are_counted(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        link = tarfile.TarInfo("a.png")
        link.type, link.linkname = tarfile.SYMTYPE, "elsewhere.png"
        tar.addfile(link)
    assert sorted_out(tmp_path)[2].files == {"links in archives": 1}


def test_more_videos_in_a_file_of_an_archive_are_not_lost_in_silence(tmp_path: Path) -> None:
    from .test_sampling import encode, flat

    dash = encode(tmp_path / "dash.mkv", flat(40, 10), flat(200, 10))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(dash, "dash.mkv")
    (item,) = (item for item in discover(tmp_path / "a.zip") if isinstance(item, MediaItem))
    (problem,) = (answer for answer in frames_of(item) if type(answer) is MediaProblem)
    assert "1 more video" in problem.reason


@pytest.mark.parametrize(
    ("head", "kind"),
    [(b"\0\0\0 ftypisom", "video"), (b"\0\0\0 ftypavif", "photo"),
     (b"\0\0\0\1\x67\x42", "video"), (b"\0\0\1\x09\xf0", "video"),
     (b"\0\0\0\1\x40\1", "video"), (b"RIFF\0\0\0\0AVI ", "video"), (b"RIFF\0\0\0\0WEBP", "photo"),
     (b"RIFF\0\0\0\0WAVE", None), (b"DHAV\xfd", "video"), (b"--frame\r\nContent-Type: image/jpeg\r\n", "video"),
     (b"\x1f\x8b\x08", None), (b"GGG", None), (b"Go and get it. " * 80, None), (b"", None), (b"\0" * 64, None)],
)  # fmt: skip
def test_first_bytes(head: bytes, kind: str | None) -> None:
    assert kind_by_content(head) == kind
