"""Colours of every kind of file come out as sRGB: profiles, inks, Lab, premultiplied opacity, high dynamic range."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from heic_files import heic
from sceneseek.pictures import gamuts, picture_size, read_picture
from sceneseek.pictures.tone_mapping import HLG, PQ, as_bt709

P3 = gamuts.profile_of(12, 13) or b""
BT2020 = gamuts.profile_of(9, 13) or b""
RED_IN_P3 = (234, 51, 35)
"""sRGB's red, as Display P3 writes it."""


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def read(data: bytes) -> tuple[list[int], list[str]]:
    """The colour in the middle, and the remarks."""
    remarks: list[str] = []
    image = read_picture(data, remark=remarks.append)
    assert image.ndim == 3
    assert image.dtype == np.uint8
    return image[image.shape[0] // 2, image.shape[1] // 2].tolist(), remarks


def near(found: list[int], expected: tuple[int, ...], by: int = 4) -> bool:
    return bool(np.abs(np.array(found) - expected).max() <= by)


def cmyk_profile(paper: tuple[float, float, float] = (95.0, 0.0, 0.0)) -> bytes:
    """Inks that darken to black, whatever their colour: a table with two values for each of four inks."""
    table = [paper if not any((i >> bit) & 1 for bit in range(4)) else (10.0, 0.0, 0.0) for i in range(16)]
    lab = b"".join(
        struct.pack(">3H", *(round(v) for v in (l_ * 652.8, (a + 128) * 256, (b + 128) * 256))) for l_, a, b in table
    )
    line = struct.pack(">2H", 0, 65535)
    identity = b"".join(struct.pack(">i", v) for v in (65536, 0, 0, 0, 65536, 0, 0, 0, 65536))
    lut = b"mft2\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + struct.pack(">2H", 2, 2) + line * 4 + lab + line * 3
    tags = {b"A2B0": lut, b"wtpt": gamuts._xyz(gamuts._D50), b"desc": gamuts._text("inks"), b"cprt": b"text\0\0\0\0x\0"}
    profile = bytearray(gamuts._assembled(tags))
    profile[12:24] = b"prtrCMYKLab "
    return bytes(profile)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_a_wide_gamut_is_converted(file_format: str) -> None:
    quality = {"quality": 100} if file_format in ("JPEG", "WEBP", "AVIF") else {}
    wide = Image.new("RGB", (32, 32), RED_IN_P3)
    assert near(read(saved(wide, file_format, icc_profile=P3, **quality))[0], (255, 0, 0), 6)
    assert near(read(saved(wide, file_format, **quality))[0], RED_IN_P3, 6)


def test_neutral_colours_and_srgb_stay_exactly_as_they_are() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    assert np.array_equal(read_picture(saved(Image.fromarray(noise), "PNG", icc_profile=srgb)), noise)
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    for profile in (P3, BT2020):
        found = read_picture(saved(Image.fromarray(grey), "PNG", icc_profile=profile)).astype(int)
        assert np.abs(found - grey).max() <= 1


def test_a_palette_and_opacity_go_with_a_profile() -> None:
    palette = Image.new("RGB", (8, 8), RED_IN_P3).convert("P", palette=Image.Palette.ADAPTIVE)
    assert near(read(saved(palette, "PNG", icc_profile=P3))[0], (255, 0, 0))
    layer = Image.new("RGBA", (8, 8), (*RED_IN_P3, 0))
    assert read(saved(layer, "PNG", icc_profile=P3))[0] == [255, 255, 255]


@pytest.mark.parametrize(
    "profile",
    [b"no profile", P3[:100], P3[:200] + bytes(200), bytes(128), cmyk_profile(), P3[:16] + b"R\nB\0" + P3[20:]],
)
def test_a_profile_that_cannot_be_applied_costs_nothing_but_itself(profile: bytes) -> None:
    found, remarks = read(saved(Image.new("RGB", (8, 8), (200, 100, 50)), "PNG", icc_profile=profile))
    assert found == [200, 100, 50]
    (remark,) = remarks
    assert remark.startswith("its colour profile was not applied")
    assert remark.isprintable()


def test_grey_with_profiles() -> None:
    curve = b"curv\0\0\0\0" + struct.pack(">I", 1) + struct.pack(">H", round(1.0 * 256))  # linear light
    tags = {b"kTRC": curve, b"wtpt": gamuts._xyz(gamuts._D50), b"desc": gamuts._text("g"), b"cprt": b"text\0\0\0\0x\0"}
    profile = bytearray(gamuts._assembled(tags))
    profile[12:24] = b"mntrGRAYXYZ "
    found, remarks = read(saved(Image.new("L", (8, 8), 55), "PNG", icc_profile=bytes(profile)))
    assert near(found, (128, 128, 128), 2)
    assert remarks == []
    found, remarks = read(saved(Image.new("L", (8, 8), 55), "PNG", icc_profile=P3))
    assert found == [55, 55, 55]
    assert remarks == ["its colour profile was not applied (it is for RGB and the picture has GRAY)"]


def test_inks_with_and_without_a_profile() -> None:
    inks = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    for data in (saved(inks, "JPEG", quality=100), saved(inks, "TIFF")):
        assert near(read(data)[0], (255, 0, 0), 6)
    for data in (saved(inks, "JPEG", quality=100, icc_profile=cmyk_profile()),
                 saved(inks, "TIFF", icc_profile=cmyk_profile())):  # fmt: skip
        found, remarks = read(data)
        assert remarks == []
        assert max(found) < 50  # that printer's inks are all black
    paper = Image.new("CMYK", (16, 16), (0, 0, 0, 0))
    assert min(read(saved(paper, "TIFF", icc_profile=cmyk_profile()))[0]) > 225


def test_inks_of_adobe_are_inverted_in_their_file() -> None:
    data = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)
    assert b"Adobe" in data
    assert near(read(data)[0], (255, 0, 0), 6)
    stored = np.frombuffer(Image.open(io.BytesIO(data)).tobytes(), np.uint8).reshape(-1, 4)
    assert near(stored[0].tolist(), (0, 255, 255, 0), 6)


def test_lab() -> None:
    for lab, rgb in (((255, 128, 128), (255, 255, 255)), ((0, 128, 128), (0, 0, 0)), ((137, 208, 195), (255, 0, 0))):
        image = Image.merge("LAB", [Image.new("L", (8, 8), v) for v in lab])
        assert near(read(saved(image, "TIFF"))[0], rgb, 12)


def test_one_bit_and_two_bits() -> None:
    assert read(saved(Image.new("1", (9, 9), 1), "TIFF"))[0] == [255, 255, 255]
    assert read(saved(Image.new("1", (9, 9), 0), "PNG"))[0] == [0, 0, 0]
    assert read(saved(Image.new("L", (9, 9), 85), "PNG", bits=2))[0][0] in (0, 85)


def test_premultiplied_colours_are_composited_once() -> None:
    straight = Image.new("RGBA", (8, 8), (200, 100, 0, 128))
    expected = read(saved(straight, "PNG"))[0]
    premultiplied = np.array(straight.convert("RGBa"))
    data = saved(Image.fromarray(premultiplied, "RGBA"), "TIFF")
    assert near(read(data)[0], tuple(expected)) is False  # told nothing, the file is taken at its word
    marked = data.replace(struct.pack("<HHIH", 338, 3, 1, 2), struct.pack("<HHIH", 338, 3, 1, 1))
    assert marked != data
    assert near(read(marked)[0], tuple(expected), 2)


@pytest.mark.parametrize(("primaries", "transfer", "code", "expected"), [
    (1, 13, (200, 100, 50), (200, 100, 50)),
    (2, 2, (200, 100, 50), (200, 100, 50)),
    (12, 13, RED_IN_P3, (255, 0, 0)),
    (12, 1, RED_IN_P3, (255, 0, 0)),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
def test_colours_that_are_described_by_numbers(
    kind: str, primaries: int, transfer: int, code: tuple[int, int, int], expected: tuple[int, int, int]
) -> None:
    assert near(read(described(kind, code, primaries, transfer))[0], expected, 6)


def described(kind: str, colour: tuple[int, int, int], primaries: int, transfer: int) -> bytes:
    """A picture of one colour whose "nclx" box says so."""
    image = Image.new("RGB", (64, 64), colour)
    data = heic(image, chroma=444, quality=-1) if kind == "HEIC" else saved(image, "AVIF", quality=100)
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
def test_high_dynamic_range_is_brought_into_that_of_a_screen(kind: str, transfer: int, name: str) -> None:
    levels = []
    for code in (0, 64, 128, 148, 190, 255):
        found, remarks = read(described(kind, (code, code, code), 9, transfer))
        assert remarks == [f"its colours are of high dynamic range ({name}) and were brought into that of a screen"]
        assert max(found) - min(found) <= 6
        levels.append(found[1])
    assert levels == sorted(levels)
    assert levels[0] <= 4
    assert levels[-1] >= 250
    if name == "PQ":  # 203 cd/m2, the white of paper, is code 0.58 and must look bright
        assert 240 <= levels[3] <= 250


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_photographs_and_films_of_high_range_are_brought_into_range_alike(transfer: int) -> None:
    colour = (150, 120, 100)
    still = read(described("HEIC", colour, 9, transfer))[0]
    film = as_bt709(np.full((1, 1, 3), colour, np.uint8) * np.uint16(257), transfer, 9)[0, 0]
    # The screens of photographs have another gamma than those of films.
    light = (film / 255) ** 2.4
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert near(still, tuple(expected), 6)


def test_profiles_are_what_they_say() -> None:
    for primaries in (1, 9, 12):
        for transfer in (1, 4, 8):
            profile = gamuts.profile_of(primaries, transfer)
            if (primaries, transfer) == (1, 1):
                assert profile is None
                continue
            assert profile is not None
            assert ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip() == "RGB"
            white = saved(Image.new("RGB", (4, 4), (255, 255, 255)), "PNG", icc_profile=profile)
            assert near(read(white)[0], (255, 255, 255), 2)
    assert gamuts.profile_of(5, 13) is None
    assert gamuts.profile_of(12, 99) is None
    assert gamuts.profile_of(9, 16) is None, "no profile brings high dynamic range into that of a screen"


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_several_pictures_the_first_is_read_and_it_is_said(file_format: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    found, remarks = read(saved(frames[0], file_format, save_all=True, append_images=frames[1:]))
    assert near(found, (255, 0, 0), 8)
    assert remarks == ["it holds several pictures, of which the first one was read"]
    alone, remarks = read(saved(frames[0], file_format))
    assert near(alone, (255, 0, 0), 8)
    assert remarks == []


def test_the_second_eye_of_a_phone_is_no_other_picture() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    found, remarks = read(saved(frames[0], "MPO", save_all=True, append_images=frames[1:]))
    assert near(found, (255, 0, 0), 6)
    assert remarks == []


@pytest.mark.parametrize(
    ("kind", "count", "value"),
    [
        (3, 1, struct.pack("<HH", 0, 0)),
        (3, 1, struct.pack("<HH", 9, 0)),
        (3, 1, struct.pack("<HH", 65_535, 0)),
        (2, 2, b"6\0\0\0"),  # text
        (7, 1, b"\x06\0\0\0"),  # bytes
        (11, 1, struct.pack("<f", 6.5)),
        (5, 1, struct.pack("<I", 9_999)),  # a fraction that lies outside of the block
        (99, 1, b"\x06\0\0\0"),
    ],
)
@pytest.mark.filterwarnings("ignore:Truncated File Read")
def test_an_orientation_that_is_none_turns_nothing(kind: int, count: int, value: bytes) -> None:
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHI", 8, 1, 0x0112, kind, count) + value + bytes(4)
    for file_format in ("PNG", "JPEG", "WEBP"):
        data = saved(Image.new("RGB", (8, 4)), file_format, exif=exif)
        assert picture_size(data) == (8, 4)
        assert read_picture(data).shape == (4, 8, 3)


def test_a_jpeg_of_12_bits_is_refused_in_words() -> None:
    data = bytearray(saved(Image.new("RGB", (8, 8)), "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(Exception, match=r"a JPEG picture of a kind that is not read .*save it with 8 bits a colour"):
        read_picture(bytes(data))
