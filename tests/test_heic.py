"""HEIC, the format of every iPhone: read like any other picture, everywhere, or refused in one line."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from heic_files import BLUE, GREEN, RED, WHITE, heic, heic_of_10_bits, heic_of_several, photograph, quarters
from sceneseek.data.crops import read_crops
from sceneseek.errors import PictureError
from sceneseek.inference.media import discover, frames_of
from sceneseek.pictures import (
    camera_of,
    gamuts,
    has_picture_suffix,
    orientation_of,
    picture_size,
    read_picture,
    suffix_of,
)
from sceneseek.structures import Frame, MediaItem, MediaProblem
from sceneseek.web.decoder import media_kind
from turned_pictures import stored_as


def corners(image: np.ndarray) -> list[list[int]]:
    height, width = image.shape[:2]
    return [image[y, x].tolist() for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]


def assert_quarters(image: np.ndarray, shape: tuple[int, int] = (96, 144)) -> None:
    assert image.shape == (*shape, 3)
    assert image.dtype == np.uint8
    assert np.abs(np.array(corners(image)) - [RED, GREEN, BLUE, WHITE]).max() <= 6


@pytest.mark.parametrize("suffix", [".heic", ".HEIC", ".heif", ".hif", ".jpg"])
def test_a_file_is_read_whatever_it_is_called(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"IMG_0001{suffix}"
    path.write_bytes(heic(quarters()))
    assert_quarters(read_picture(path))
    assert_quarters(read_picture(path.read_bytes()))
    assert picture_size(path) == (144, 96)
    assert suffix_of(path) == ".heic"
    assert has_picture_suffix(path)


def test_tiles_are_put_together() -> None:
    assert_quarters(read_picture(heic(quarters(1000, 1400), tile_size=512)), (1000, 1400))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_turn_is_applied_once(orientation: int) -> None:
    stored = stored_as(orientation, quarters())
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = heic(stored, exif=exif.tobytes())
    assert_quarters(read_picture(data))
    assert picture_size(data) == (144, 96)
    assert orientation_of(data) == 1


def test_colours_of_10_bits_and_of_a_wide_gamut() -> None:
    assert_quarters(read_picture(heic_of_10_bits(quarters())))
    wide = gamuts.profile_of(12, 13)
    red = read_picture(heic(np.full((64, 64, 3), (234, 51, 35), np.uint8), icc_profile=wide, chroma=444))[32, 32]
    assert np.abs(red.astype(int) - [255, 0, 0]).max() <= 4  # sRGB's red, as Display P3 writes it


def test_the_primary_picture_is_read_and_the_others_are_mentioned() -> None:
    remarks: list[str] = []
    data = heic_of_several(quarters()[:, ::-1].copy(), quarters(), primary=1)
    assert_quarters(read_picture(data, remark=remarks.append))
    assert remarks == ["it holds several pictures, of which the primary one was read"]


def test_transparency_is_composited_on_white() -> None:
    layer = np.dstack([quarters(), np.full((96, 144), 255, np.uint8)])
    layer[:48, :72, 3] = 0
    assert corners(read_picture(heic(Image.fromarray(layer))))[0] == [255, 255, 255]


@pytest.mark.parametrize("share", [0.002, 0.01, 0.05, 0.3, 0.6, 0.97])
def test_a_file_that_is_cut_off_is_refused_in_one_line(share: float) -> None:
    data = heic(np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8))
    with pytest.raises(PictureError, match=r"HEIC|truncated or damaged") as caught:
        read_picture(data[: max(8, int(len(data) * share))])
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_bomb_is_refused_by_its_header() -> None:
    data = heic(quarters())
    size = (144).to_bytes(4, "big") + (96).to_bytes(4, "big")
    assert size in data
    bomb = data.replace(size, (30_000).to_bytes(4, "big") * 2)
    with pytest.raises(PictureError, match=r"30000 x 30000 pixels .*at most 128 megapixels"):
        read_picture(bomb)
    with pytest.raises(PictureError):
        read_picture(data.replace(size, (4_000).to_bytes(4, "big") * 2))  # more than is coded


def test_a_photograph_is_found_with_its_camera_and_time(tmp_path: Path) -> None:
    (tmp_path / "IMG_0001.HEIC").write_bytes(photograph())
    with zipfile.ZipFile(tmp_path / "phone.zip", "w") as archive:
        archive.writestr("DCIM/IMG_0002.heic", photograph(taken="2026:03:02 08:30:00"))
    items = [item for item in discover(tmp_path) if isinstance(item, MediaItem)]
    assert [(Path(i.source).name, i.kind, i.camera_id, i.captured_at) for i in items] == [
        ("IMG_0001.HEIC", "photo", "Apple iPhone 15 (EXIF)", datetime(2026, 3, 1, 11, 0, tzinfo=UTC)),
        ("IMG_0002.heic", "photo", "Apple iPhone 15 (EXIF)", datetime(2026, 3, 2, 7, 30, tzinfo=UTC)),
    ]
    for item in items:
        (frame,) = [found for found in frames_of(item) if isinstance(found, Frame)]
        assert_quarters(frame.image, (600, 400))
    assert camera_of(tmp_path / "IMG_0001.HEIC") == "Apple iPhone 15"


def test_a_damaged_photograph_costs_itself_alone(tmp_path: Path) -> None:
    whole = photograph()
    (tmp_path / "a.heic").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b.heic").write_bytes(whole)
    found = [next(iter(frames_of(item))) for item in discover(tmp_path) if isinstance(item, MediaItem)]
    assert [type(one) for one in found] == [MediaProblem, Frame]
    assert "truncated or damaged" in found[0].reason
    assert "a.heic" not in found[0].reason


@pytest.mark.parametrize("share", [0.02, 0.3, 0.99])
def test_a_damaged_one_is_never_taken_for_a_video(tmp_path: Path, share: float) -> None:
    """The container of HEIC is that of MP4, and libav would show each tile as a film."""
    whole = photograph()
    path = tmp_path / "download"
    path.write_bytes(whole[: max(64, int(share * len(whole)))])
    (item,) = discover(path)
    assert isinstance(item, MediaItem)
    assert item.kind == "photo"
    (problem,) = frames_of(item)
    assert isinstance(problem, MediaProblem)
    with pytest.raises(PictureError, match="truncated or damaged"):
        media_kind(b"", str(path), 10**8)


def test_crops_may_be_heic(tmp_path: Path) -> None:
    (tmp_path / "0002_c1s1_000451_03.heic").write_bytes(heic(quarters(128, 64)))
    (crop,) = read_crops(tmp_path)
    assert (crop.person_id, crop.width, crop.height) == (2, 64, 128)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp41\0\0\0\x08free", "this is an MP4 video, not a picture"),
        (b"\0\0\0\x14ftypjxl \0\0\0\0jxl " + bytes(40), "this is a JPEG XL picture, not a picture in a known format"),
        (b"\x1aE\xdf\xa3" + bytes(40), "this is a Matroska or WebM video"),
        (b"%PDF-1.7\n", "this is a PDF document"),
        (
            b"\x01\x02\x03\x04" + bytes(20),
            r"an unknown kind of file \(it begins with 01 02 03 04 00 00 00 00\)",
        ),
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(40), "it begins as a HEIC picture"),
        (b"\xff\xd8\xff\xe0" + bytes(40), "truncated or damaged .*; it begins as a JPEG picture"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\x0dXHDR" + bytes(40), "it begins as a PNG picture"),
    ],
)
def test_messages_say_in_words_what_a_file_is(data: bytes, words: str) -> None:
    with pytest.raises(PictureError, match=words) as caught:
        read_picture(data)
    assert "b'" not in str(caught.value)
    assert "\\x" not in str(caught.value)


def test_a_damaged_chunk_is_not_shown_as_bytes() -> None:
    stream = io.BytesIO()
    Image.fromarray(quarters()).save(stream, "PNG")
    damaged = bytearray(stream.getvalue())
    damaged[60] ^= 0xFF
    with pytest.raises(PictureError) as caught:
        read_picture(bytes(damaged))
    assert "b'" not in str(caught.value)
