"""Media inside archives: found, read, recognised as copies, and hostile ones refused."""

from __future__ import annotations

import gc
import io
import os
import tarfile
import tempfile
import zipfile
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneseek.errors import ArchiveError
from sceneseek.inference import archives
from sceneseek.inference.archives import Archive
from sceneseek.inference.media import discover, frames_of, is_there
from sceneseek.structures import Frame, MediaItem, MediaProblem

from .test_video import COUNT, index_shown, make


def png(value: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((12, 16, 3), value, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def pack(path: Path, members: dict[str, bytes]) -> Path:
    """Write an archive of the kind that the path's suffix names."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, contents in members.items():
                archive.writestr(name, contents)
        return path
    with tarfile.open(path, f"w:{path.suffix[1:].replace('tar', '').replace('tgz', 'gz')}") as archive:
        for name, contents in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(contents)
            archive.addfile(info, io.BytesIO(contents))
    return path


def found_in(path: Path, **options: object) -> tuple[list[MediaItem], dict[str, str]]:
    found = list(discover(path, **options))  # type: ignore[arg-type]
    problems = {Path(p.source).name: p.reason for p in found if type(p) is MediaProblem}
    return [item for item in found if isinstance(item, MediaItem)], problems


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz"])
def test_photographs_and_videos_are_read_where_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    scratch = tmp_path / "scratch"  # its own: others on this machine read archives, too
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    video = make(tmp_path / "v.mp4").read_bytes()
    archive = pack(
        tmp_path / name,
        {"door/b.png": png(9), "notes.txt": b"hi", "door/walk_2026-07-15_12-03-10.mp4": video, "a.png": png(7)},
    )
    items, problems = found_in(archive, camera_from=f"{name}/{{camera}}/*", zone=UTC)
    assert not problems
    assert [Path(item.source).name for item in items] == ["b.png", "walk_2026-07-15_12-03-10.mp4", "a.png"]
    assert [item.camera_id for item in items] == ["door", "door", None]
    assert items[0].source == f"{archive}/door/b.png"
    assert items[1].captured_at is not None
    (frame,) = frames_of(items[0])
    assert isinstance(frame, Frame)
    assert (frame.image == 9).all()
    frames = [f for f in frames_of(items[1], every_s=1) if isinstance(f, Frame)]
    assert [f.frame_index for f in frames] == list(range(0, COUNT, 10))
    assert all(abs(index_shown(f.image) - f.frame_index) <= 1 for f in frames)
    assert frames[2].captured_at is not None
    assert frames[2].captured_at.second == 12
    assert not os.listdir(scratch)
    assert all(is_there(item.source) for item in items)
    assert not is_there(f"{archive}/door/c.png")


def test_a_copy_in_an_archive_is_the_same_content(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(5))
    pack(tmp_path / "b.zip", {"x/a.png": png(5)})
    items, _ = found_in(tmp_path)
    assert [Path(i.source).name for i in items] == ["a.png", "a.png"]
    assert items[0].content_key == items[1].content_key


def test_archives_in_folders_can_be_left_alone(tmp_path: Path) -> None:
    pack(tmp_path / "b.zip", {"a.png": png(5)})
    assert found_in(tmp_path, archives=False) == ([], {})
    assert len(found_in(tmp_path / "b.zip", archives=False)[0]) == 1, "but one that was named is meant"


def test_an_archive_without_media_is_only_mentioned_when_named(tmp_path: Path) -> None:
    archive = pack(tmp_path / "b.zip", {"a.txt": b"hi", "__MACOSX/._a.png": b"x", ".hidden.png": png(1)})
    assert found_in(tmp_path) == ([], {})
    assert "no photograph" in found_in(archive)[1]["b.zip"]


def test_names_that_lead_out_of_the_archive_are_refused(tmp_path: Path) -> None:
    names = ["../evil.png", "/etc/evil1.png", "a/../../evil2.png", "..\\evil3.png"]
    archive = pack(tmp_path / "a.zip", {**dict.fromkeys(names, png(1)), "good.png": png(2)})
    items, problems = found_in(archive)
    assert [Path(i.source).name for i in items] == ["good.png"]
    assert len(problems) == 4
    assert all("leads out" in reason for reason in problems.values())


def test_links_in_a_tar_are_no_members(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(png(1))
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        link = tarfile.TarInfo("a.png")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret.png")
        archive.addfile(link)
    assert found_in(tmp_path / "a.tar")[0] == []


def test_a_bomb_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_ALWAYS_ALLOWED", 1 << 20)
    for name in ("a.zip", "a.tar.gz"):
        bomb = pack(tmp_path / name, {"a.bmp": bytes(4 << 20)})
        assert bomb.stat().st_size < 10_000
        items, problems = found_in(bomb)
        assert items == []
        assert "made to fill a disk" in problems[name]


def test_a_member_that_holds_more_than_it_promises_is_not_read_on(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"a.png": bytes(100_000)})
    data = archive.read_bytes()
    archive.write_bytes(data.replace((100_000).to_bytes(4, "little"), (50_000).to_bytes(4, "little")))
    _, problems = found_in(archive)
    assert "a.png" in problems


def test_encrypted_damaged_and_empty_members_are_named_and_the_rest_is_used(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes()
    archive = pack(tmp_path / "a.zip", {"locked.png": png(1), "torn.png": noise, "none.png": b"", "good.png": png(2)})
    data = bytearray(archive.read_bytes())
    data[data.index(noise[:50]) + 100] ^= 255
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag of encryption, in both headers
        data[data.index(signature) + at] |= 1
    archive.write_bytes(bytes(data))
    items, problems = found_in(archive)
    assert [Path(i.source).name for i in items] == ["good.png"]
    assert "password" in problems["locked.png"]
    assert "damaged" in problems["torn.png"]
    assert "empty" in problems["none.png"]


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.xz"])
def test_a_cut_archive_is_reported(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 50_000, np.uint8).tobytes()
    path = pack(tmp_path / name, {"a.png": png(1), "b.png": noise})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert found_in(path)[1]
    (tmp_path / "text.zip").write_text("I am a text")
    assert "cannot be read" in found_in(tmp_path / "text.zip")[1]["text.zip"]


def test_an_archive_that_is_gone_is_a_problem_of_its_members(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"a.png": png(1)})
    ((item,), _) = found_in(archive)
    archive.unlink()
    (problem,) = frames_of(item)
    assert isinstance(problem, MediaProblem)
    assert "no such file" in problem.reason or "cannot be read" in problem.reason


def test_an_archive_nobody_holds_is_closed(tmp_path: Path) -> None:
    archive = Archive(str(pack(tmp_path / "a.tar", {"a.png": png(1)})))
    file = archive._tar.fileobj  # type: ignore[union-attr]
    with pytest.raises(ArchiveError, match="no such member"):
        archive.read("b.png")
    del archive
    gc.collect()
    assert file is not None
    assert file.closed
