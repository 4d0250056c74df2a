from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from PIL import Image

from sceneseek.errors import ValueRefused
from sceneseek.inference.media import content_key, discover, discover_now, frames_of
from sceneseek.pictures import write_picture
from sceneseek.structures import Frame, MediaItem, MediaProblem, PassedOver


def photograph(path: Path, value: int = 100) -> Path:
    write_picture(np.full((12, 16, 3), value, np.uint8), path)
    return path


def names(found: list[MediaItem | MediaProblem]) -> list[str]:
    return [Path(item.source).name for item in found if isinstance(item, MediaItem)]


def problems(found: list[MediaItem | MediaProblem]) -> dict[str, str]:
    return {Path(item.source).name: item.reason for item in found if type(item) is MediaProblem}


def test_folders_are_walked_in_order_and_other_files_are_left_alone(tmp_path: Path) -> None:
    for i, name in enumerate(["b.jpg", "a.png", "deep/er/c.jpg", "deep/a.webp", ".hidden.jpg", ".git/x.jpg"]):
        photograph(tmp_path / name, i)
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    (tmp_path / "module.ts").write_text("export const x = 1;", encoding="utf-8")
    found = list(discover(tmp_path))
    assert names(found) == ["a.png", "b.jpg", "a.webp", "c.jpg"]
    assert not problems(found)
    assert found == list(discover([tmp_path]))
    assert names(list(discover(tmp_path, recursive=False))) == ["a.png", "b.jpg"]
    assert all(os.path.isabs(item.source) for item in found)


def test_looking_for_media_can_be_left_at_each_entry_and_each_block(tmp_path: Path) -> None:
    for i in range(30):
        (tmp_path / "papers" / str(i)).mkdir(parents=True)
        (tmp_path / "papers" / f"{i}.txt").write_text("no picture", encoding="utf-8")
    *steps, left = discover_now(tmp_path)
    assert steps == [None] * (2 + 30 + 30)
    assert isinstance(left, PassedOver)
    photograph(tmp_path / "a.png")
    with (tmp_path / "a.png").open("ab") as file:
        file.write(bytes(5 << 20))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for i in range(20):
            archive.writestr(f"{i}.txt", "no picture")
        archive.write(tmp_path / "a.png", "c.png")
    found = list(discover_now(tmp_path))
    places = [i for i, item in enumerate(found) if item is not None]
    assert [found[i] for i in places] == list(discover(tmp_path))
    assert places[0] >= 5  # blocks
    assert places[1] - places[0] > 20  # members


def test_patterns_spaces_and_other_letters(tmp_path: Path) -> None:
    folder = tmp_path / "Камера 1 写真"
    photograph(folder / "Häuser & Bäume.jpg")
    photograph(folder / "literal [1].jpg", 7)
    assert names(list(discover(folder / "*.jpg"))) == ["Häuser & Bäume.jpg", "literal [1].jpg"]
    assert names(list(discover(f"{tmp_path}/**/H*.jpg"))) == ["Häuser & Bäume.jpg"]
    assert names(list(discover(folder / "literal [1].jpg"))) == ["literal [1].jpg"]
    assert names(list(discover(f"{tmp_path}/*"))) == ["Häuser & Bäume.jpg", "literal [1].jpg"]


def test_each_file_once(tmp_path: Path) -> None:
    path = photograph(tmp_path / "a.jpg")
    (tmp_path / "link.jpg").symlink_to(path)
    assert names(list(discover([path, tmp_path, tmp_path / "*.jpg"]))) == ["a.jpg"]


def test_links_that_lead_back_up_end(tmp_path: Path) -> None:
    photograph(tmp_path / "inner" / "a.jpg")
    (tmp_path / "inner" / "loop").symlink_to(tmp_path)
    (tmp_path / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    found = list(discover(tmp_path))
    assert names(found) == ["a.jpg"]
    assert list(problems(found)) == ["broken.jpg"]


def test_files_that_look_like_media_and_are_not_are_reported(tmp_path: Path) -> None:
    photograph(tmp_path / "good.jpg")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "raw.cr2").write_bytes(b"II*\0....CR\2")
    os.mkfifo(tmp_path / "pipe.jpg")
    found = list(discover(tmp_path))
    assert names(found) == ["good.jpg"]
    reasons = problems(found)
    assert sorted(reasons) == ["empty.jpg", "empty.mp4", "pipe.jpg", "raw.cr2"]
    assert "empty (0 bytes)" in reasons["empty.jpg"]
    assert "JPEG" in reasons["raw.cr2"]


def test_a_file_named_directly_is_looked_into(tmp_path: Path) -> None:
    picture = photograph(tmp_path / "a.png")
    unnamed = picture.rename(tmp_path / "download")
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    found = list(discover([unnamed, tmp_path / "notes.txt", tmp_path / "missing.jpg", f"{tmp_path}/*.mp4"]))
    assert names(found) == ["download"]
    reasons = problems(found)
    assert "neither a picture nor a video" in reasons["notes.txt"]
    assert "no such file" in reasons["missing.jpg"]
    assert "Nothing matches" in reasons["*.mp4"]


@contextmanager
def nobody_in_particular() -> Iterator[None]:
    """Root may read everything, so root is somebody else for a moment."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.needs("file modes")
def test_an_unreadable_file_is_reported() -> None:
    with TemporaryDirectory() as name:  # the folders of pytest are closed to others
        folder = Path(name)
        folder.chmod(0o755)
        photograph(folder / "secret.jpg").chmod(0)
        with nobody_in_particular():
            assert "cannot be read" in problems(list(discover(folder)))["secret.jpg"]


def test_the_content_key_follows_the_contents(tmp_path: Path) -> None:
    a, b = photograph(tmp_path / "a.png", 5), photograph(tmp_path / "b.png", 5)
    assert content_key(a) == content_key(b)
    before = content_key(a)
    photograph(a, 6)
    assert content_key(a) != before


def test_the_camera(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "ACME", "One"
    Image.new("RGB", (9, 9)).save(tmp_path / "a.jpg", exif=exif)
    (own,) = discover(tmp_path)
    (given,) = discover(tmp_path, camera="door")
    assert isinstance(own, MediaItem)
    assert isinstance(given, MediaItem)
    assert (own.camera_id, given.camera_id) == ("ACME One (EXIF)", "door")
    (frame,) = frames_of(given)
    assert isinstance(frame, Frame)
    assert frame.camera_id == "door"


def test_a_photograph_is_one_frame(tmp_path: Path) -> None:
    (item,) = discover(photograph(tmp_path / "a.png", 9))
    assert isinstance(item, MediaItem)
    (frame,) = frames_of(item)
    assert isinstance(frame, Frame)
    assert (frame.source, frame.frame_index, frame.time_s) == (item.source, 0, None)
    assert (frame.image == 9).all()
    assert list(frames_of(item, start_index=1)) == []


def test_a_damaged_photograph_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    photograph(tmp_path / "good.jpg")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    write_picture(noise, tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:900])
    (tmp_path / "text.jpg").write_text("I am a text", encoding="utf-8")
    answers = [answer for item in discover(tmp_path) for answer in frames_of(item)]  # type: ignore[arg-type]
    by_name = {Path(answer.source).name: answer for answer in answers}
    assert isinstance(by_name["good.jpg"], Frame)
    assert isinstance(by_name["cut.jpg"], MediaProblem)
    assert "truncated" in by_name["cut.jpg"].reason
    assert str(tmp_path) not in by_name["cut.jpg"].reason
    assert "not a picture" in by_name["text.jpg"].reason


@pytest.mark.parametrize("every_s", [-1.0, float("nan"), float("inf")])
def test_a_sampling_interval_is_seconds(every_s: float) -> None:
    with pytest.raises(ValueRefused, match="every_s"):
        next(frames_of(MediaItem("a", "photo", "k"), every_s=every_s))
