from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneseek.errors import PictureError
from sceneseek.pictures import (
    MAX_PIXELS,
    camera_of,
    has_picture_suffix,
    picture_size,
    read_picture,
    write_picture,
)
from turned_pictures import stored_as

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters(height: int = 32, width: int = 48) -> np.ndarray:
    """Four colours, one per corner, so that any turn or mirror shows."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = RED
    image[: height // 2, width // 2 :] = GREEN
    image[height // 2 :, : width // 2] = BLUE
    image[height // 2 :, width // 2 :] = WHITE
    return image


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".ppm", ".gif"])
def test_lossless_formats_come_back_exactly(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture{suffix}"
    write_picture(quarters(), path)
    assert np.array_equal(read_picture(path), quarters())
    assert picture_size(path) == (48, 32)


@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".webp", ".avif"])
def test_lossy_formats_come_back_nearly(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture{suffix}"
    smooth = np.broadcast_to(np.linspace(20, 230, 48, dtype=np.uint8)[None, :, None], (32, 48, 3)).copy()
    write_picture(smooth, path)
    assert np.abs(read_picture(path).astype(int) - smooth).max() < 12


def test_a_picture_may_come_as_bytes(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    write_picture(quarters(), path)
    assert np.array_equal(read_picture(path.read_bytes()), quarters())
    assert picture_size(path.read_bytes()) == (48, 32)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff", ".webp", ".avif"])
def test_exif_orientation_is_undone(tmp_path: Path, orientation: int, suffix: str) -> None:
    stored = stored_as(orientation, quarters())
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned{suffix}"
    options = {
        ".webp": {"lossless": True},
        ".jpg": {"quality": 100, "subsampling": 0},
        ".avif": {"quality": 100, "subsampling": "4:4:4"},
    }.get(suffix, {})
    Image.fromarray(stored).save(path, exif=exif, **options)
    image = read_picture(path)
    assert image.shape == (32, 48, 3)
    assert np.abs(image.astype(int) - quarters()).mean() < 3
    assert picture_size(path) == (48, 32)


def test_damaged_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "exif.png"
    Image.fromarray(quarters()).save(path, exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert np.array_equal(read_picture(path), quarters())
    assert camera_of(path) is None


def test_the_camera_is_read_from_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon\0", "Canon EOS 5D"
    exif.get_ifd(0x8769)[0xA431] = "12345"
    path = tmp_path / "photograph.jpg"
    Image.fromarray(quarters()).save(path, exif=exif)
    assert camera_of(path) == "Canon EOS 5D 12345"
    assert camera_of(tmp_path / "missing.jpg") is None


def test_cmyk_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "cmyk.jpg"
    Image.fromarray(quarters()).convert("CMYK").save(path, quality=100)
    assert np.abs(read_picture(path).astype(int) - quarters()).mean() < 6


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_grey_keeps_its_range(tmp_path: Path, suffix: str) -> None:
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16)[None].repeat(4, 0)
    path = tmp_path / f"deep{suffix}"
    Image.fromarray(ramp).save(path)
    image = read_picture(path)
    assert image.dtype == np.uint8
    assert np.abs(image[0, :, 1].astype(int) - np.arange(256)).max() <= 1


def test_16_bit_colour(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + struct.pack(">6H", 65535, 32768, 0, 0, 257, 65535)
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    assert read_picture(png).tolist() == [[[255, 128, 0], [0, 1, 255]]]


def test_floating_and_32_bit_pictures_are_scaled(tmp_path: Path) -> None:
    shares = np.array([[0.0, 0.5, 1.0, np.nan]], np.float32)
    Image.fromarray(shares).save(tmp_path / "shares.tiff")
    assert read_picture(tmp_path / "shares.tiff")[0, :, 0].tolist() == [0, 128, 255, 0]
    Image.fromarray(np.array([[-100, 0, 100_000]], np.int32)).save(tmp_path / "counts.tiff")
    assert read_picture(tmp_path / "counts.tiff")[0, :, 0].tolist() == [0, 0, 255]


def test_grey_one_bit_and_palette(tmp_path: Path) -> None:
    Image.fromarray(quarters()).convert("L").save(tmp_path / "grey.png")
    assert read_picture(tmp_path / "grey.png")[0, 0].tolist() == [76, 76, 76]
    Image.new("1", (3, 2), 1).save(tmp_path / "bit.png")
    assert read_picture(tmp_path / "bit.png").tolist() == [[[255, 255, 255]] * 3] * 2
    Image.fromarray(quarters()).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "palette.png")
    assert np.array_equal(read_picture(tmp_path / "palette.png"), quarters())


def test_transparency_is_composited_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_picture(tmp_path / "clear.png") == 255).all()
    Image.new("LA", (4, 4), (0, 128)).save(tmp_path / "half.png")
    assert read_picture(tmp_path / "half.png")[0, 0].tolist() == [127, 127, 127]
    Image.new("RGB", (2, 2), RED).save(tmp_path / "colour.png", transparency=RED)
    assert (read_picture(tmp_path / "colour.png") == 255).all()
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    palette.save(tmp_path / "palette.gif", transparency=1)
    assert (read_picture(tmp_path / "palette.gif") == 255).all()


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tiff"])
def test_an_animation_gives_its_first_frame(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"moving{suffix}"
    options = {"lossless": True} if suffix == ".webp" else {}
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    assert read_picture(path)[4, 4].tolist() == list(RED)


def test_one_pixel_is_a_picture(tmp_path: Path) -> None:
    write_picture(np.full((1, 1, 3), 7, np.uint8), tmp_path / "tiny.png")
    assert read_picture(tmp_path / "tiny.png").tolist() == [[[7, 7, 7]]]


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes whose header promises a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
        + chunk(b"IEND", b"")
    )


def test_a_bomb_is_refused_by_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(20_000, 20_000))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("a pixel was decoded"))
    with pytest.raises(PictureError, match=r"bomb\.png: the picture is 20000 x 20000 .*at most 128 megapixels"):
        read_picture(path)
    assert picture_size(path) == (20_000, 20_000)


def test_the_limit_counts_pixels(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    write_picture(quarters(), path)
    assert read_picture(path, max_pixels=32 * 48).shape == (32, 48, 3)
    with pytest.raises(PictureError, match="raise the limit"):
        read_picture(path, max_pixels=32 * 48 - 1)
    assert MAX_PIXELS > 12_000 * 9_000  # a photograph of 108 megapixels


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".bmp", ".tiff"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, suffix: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    write_picture(noise, whole)
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    with pytest.raises(PictureError, match=f"cut{suffix}: the picture.* truncated or damaged"):
        read_picture(cut)


def test_what_is_not_a_picture(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(PictureError, match=r"empty\.jpg: the file is empty"):
        read_picture(tmp_path / "empty.jpg")
    (tmp_path / "text.jpg").write_text("hello, I am a text", encoding="utf-8")
    with pytest.raises(PictureError, match=r"text\.jpg: this is text, not a picture .*expected one of JPEG"):
        read_picture(tmp_path / "text.jpg")
    with pytest.raises(PictureError, match="there is no such file"):
        read_picture(tmp_path / "missing.jpg")
    with pytest.raises(PictureError, match="this is a folder"):
        read_picture(tmp_path)
    with pytest.raises(PictureError, match="the file is empty"):
        read_picture(b"")
    with pytest.raises(PictureError, match="cannot be opened"):
        read_picture("nul\0byte.jpg")


def test_a_picture_without_pixels(tmp_path: Path) -> None:
    header = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 0, 0, 1, 24, 0, 0, 0, 0, 0, 0)
    (tmp_path / "nothing.bmp").write_bytes(header)
    with pytest.raises(PictureError, match=r"nothing\.bmp"):
        read_picture(tmp_path / "nothing.bmp")
    with pytest.raises(PictureError, match="truncated or damaged"):
        read_picture(b"P6 0 4 255\n")


def test_a_wrong_suffix_does_not_matter(tmp_path: Path) -> None:
    write_picture(quarters(), tmp_path / "real.png")
    os.rename(tmp_path / "real.png", tmp_path / "claimed.jpg")
    assert np.array_equal(read_picture(tmp_path / "claimed.jpg"), quarters())


def test_dangerous_formats_are_not_opened() -> None:
    eps = io.BytesIO()
    Image.new("RGB", (4, 4)).save(eps, "EPS")
    with pytest.raises(PictureError, match="this is a PostScript document, not a picture in a known format"):
        read_picture(eps.getvalue())


def test_names_with_spaces_and_other_letters(tmp_path: Path) -> None:
    path = tmp_path / "Фото из отпуска 写真" / "häuser [1].png"
    write_picture(quarters(), path)
    assert np.array_equal(read_picture(path), quarters())


def test_writing_is_all_or_nothing(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"'\.txt'; use \.jpg"):
        write_picture(quarters(), tmp_path / "picture.txt")
    with pytest.raises(PictureError, match="uint8 RGB"):
        write_picture(quarters()[..., 0], tmp_path / "picture.png")
    (tmp_path / "file").touch()
    with pytest.raises(PictureError, match="cannot be written"):
        write_picture(quarters(), tmp_path / "file" / "picture.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_suffixes() -> None:
    assert has_picture_suffix("a/b.JPEG")
    assert not has_picture_suffix("jpg")
