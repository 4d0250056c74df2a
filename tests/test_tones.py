"""What is white in pictures of more than 8 bits: stated or found, whole bits only, whatever wrote the file."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneseek.errors import PictureError
from sceneseek.inference.media import discover, frames_of
from sceneseek.pictures import picture_size, read_picture
from sceneseek.structures import Frame, MediaItem, MediaNote
from turned_pictures import stored_as

WIDTH = 256


def ramp(highest: float, dtype: Any = np.uint16, channels: int = 1) -> np.ndarray:
    """Black to ``highest``, from left to right."""
    row = np.linspace(0, 1, WIDTH) * highest
    values = (np.rint(row) if np.issubdtype(dtype, np.integer) else row).astype(dtype)
    image = np.tile(values, (16, 1))
    return image if channels == 1 else np.repeat(image[..., None], channels, axis=2)


def png(values: np.ndarray, significant: int | None = None, clear: int | None = None) -> bytes:
    """A 16-bit PNG of 1 to 4 channels, with ``sBIT`` and ``tRNS`` where they are given."""
    channels = 1 if values.ndim == 2 else values.shape[2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0))
    extra = b"" if significant is None else chunk(b"sBIT", bytes([significant] * channels))
    extra += b"" if clear is None else chunk(b"tRNS", struct.pack(">H", clear))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(values: np.ndarray, order: str = "<", **tags: tuple[int, Sequence[float]]) -> bytes:
    """An uncompressed TIFF; a tag is ``name_NUMBER=(type, values)``, types as TIFF numbers them."""
    formats = {1: "B", 3: "H", 4: "I", 11: "f", 12: "d"}
    channels = 1 if values.ndim == 2 else values.shape[2]
    bits = values.dtype.itemsize * 8
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    data = np.ascontiguousarray(values).astype(values.dtype.newbyteorder(order)).tobytes()
    fields: dict[int, tuple[int, Sequence[float]]] = {
        256: (4, [values.shape[1]]), 257: (4, [values.shape[0]]), 258: (3, [bits] * channels), 259: (3, [1]),
        262: (3, [1 if channels == 1 else 2]), 273: (4, [8]), 277: (3, [channels]), 278: (4, [values.shape[0]]),
        279: (4, [len(data)]), 339: (3, [kind] * channels),
    }  # fmt: skip
    fields |= {int(name.rpartition("_")[2]): value for name, value in tags.items()}
    begin = 8 + len(data)
    later, entries = b"", b""
    for tag, (type_, found) in sorted(fields.items()):
        packed = struct.pack(f"{order}{len(found)}{formats[type_]}", *found)
        if len(packed) > 4:
            place = begin + 2 + 12 * len(fields) + 4 + len(later)
            later += packed
            packed = struct.pack(f"{order}I", place)
        entries += struct.pack(f"{order}HHI", tag, type_, len(found)) + packed.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    table = struct.pack(f"{order}H", len(fields)) + entries + bytes(4)
    return mark + struct.pack(f"{order}I", begin) + data + table + later


def read(data: bytes) -> tuple[np.ndarray, list[str]]:
    remarks: list[str] = []
    return read_picture(data, remark=remarks.append), remarks


def assert_ramp(image: np.ndarray, white: int = 255, *, inverted: bool = False) -> None:
    """From black on the left to ``white`` on the right, alike in all colours."""
    assert image.dtype == np.uint8
    assert (image == image[..., :1]).all()
    row = image[8, :, 0].astype(int)
    expected = np.linspace(0, white, WIDTH)
    assert np.abs((255 - row if inverted else row) - expected).max() <= 2


@pytest.mark.parametrize("bits", [8, 9, 10, 11, 12, 13, 14, 15, 16])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_white_is_found_in_whole_bits(bits: int, order: str, kind: str) -> None:
    values = ramp(2**bits - 1)
    image, remarks = read(png(values) if kind == "png" else tiff(values, order))
    assert_ramp(image)
    guess = f"white was taken to be {2**bits - 1:,} ({bits} bits), since no value exceeds {2**bits - 1:,}"
    assert remarks == ([] if bits == 16 else [guess])


@pytest.mark.parametrize(("highest", "white"), [(60_000, 65_535), (40_000, 65_535), (20_000, 32_767), (3_000, 4_095)])
def test_a_dark_picture_stays_dark_to_its_whole_bits(highest: int, white: int) -> None:
    for data in (png(ramp(highest)), tiff(ramp(highest)), tiff(ramp(highest, np.uint32))):
        assert_ramp(read(data)[0], round(255 * highest / white))


def test_black_stays_black_and_says_nothing() -> None:
    for data in (png(ramp(0)), tiff(ramp(0)), tiff(ramp(0, np.float32)), tiff(ramp(0, np.int32))):
        image, remarks = read(data)
        assert not image.any()
        assert remarks == []


@pytest.mark.parametrize(
    ("highest", "tags", "white"),
    [
        (700, {"max_sample_281": (3, [4095])}, 4095),
        (700, {"max_sample_281": (3, [3_800])}, 4095),  # a writer that states the highest value that occurs
        (700, {"smax_sample_341": (3, [1023])}, 1023),
        (3_000, {"max_sample_281": (3, [1023])}, 4095),  # a tag that is contradicted is not heeded
        (3_000, {"max_sample_281": (3, [0])}, 4095),
        (3_000, {"max_sample_281": (3, [65_535])}, 4095),  # the default, which says nothing
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_tags_of_tiff_say_what_is_white(highest: int, tags: Any, white: int, order: str) -> None:
    image, remarks = read(tiff(ramp(highest), order, **tags))
    assert_ramp(image, round(255 * highest / white))
    assert bool(remarks) == (highest == 3_000)


def test_packed_samples_of_12_bits() -> None:
    values = ramp(700)
    pairs = values.reshape(-1, 2).astype(np.uint16)
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], 1)
    bytes_ = packed.astype(np.uint8).reshape(values.shape[0], -1)
    data = tiff(bytes_, width_256=(4, [WIDTH]), bits_258=(3, [12]), format_339=(3, [1]))
    image, remarks = read(data)
    assert_ramp(image, round(255 * 700 / 4095))
    assert remarks == []


def test_significant_bits_of_png() -> None:
    assert_ramp(read(png(ramp(700), significant=12))[0], round(255 * 700 / 4095))  # stored as they are
    scaled = ramp(700) << 4  # as the standard wants: a dark picture of 12 bits
    image, remarks = read(png(scaled, significant=12))
    assert_ramp(image, round(255 * 700 / 4095))
    assert remarks == []
    assert_ramp(read(png(ramp(65_535), significant=12))[0])
    assert_ramp(read(png(ramp(700), significant=16))[0], round(255 * 700 / 1023))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("values", [ramp(255, np.uint8), ramp(4_095), ramp(65_535), ramp(1, np.float32)], ids=str)
def test_white_is_zero(values: np.ndarray, order: str) -> None:
    assert_ramp(read(tiff(values, order, photometric_262=(3, [0])))[0], inverted=True)


@pytest.mark.parametrize("order", ["<", ">"])
def test_longer_numbers(order: str) -> None:
    assert_ramp(read(tiff(ramp(4_095, np.uint32), order))[0])
    assert_ramp(read(tiff(ramp(4_095, np.int32), order))[0])
    assert_ramp(read(tiff(ramp(2**20 - 1, np.uint32), order))[0])
    assert_ramp(read(tiff(ramp(2**32 - 1, np.uint32), order))[0])  # not below zero
    assert_ramp(read(tiff(ramp(1_023, np.int16), order))[0])


@pytest.mark.parametrize("order", ["<", ">"])
def test_numbers_below_zero_and_measures_are_stretched_and_it_is_said(order: str) -> None:
    for values in (ramp(2_000, np.int16) - 1_000, ramp(200_000, np.int32) - 100_000, ramp(17.5, np.float32) + 20.25):
        image, remarks = read(tiff(values.astype(values.dtype), order))
        assert_ramp(image)
        (remark,) = remarks
        assert "were stretched from black to white, since the file states none" in remark


def test_floating_point_numbers() -> None:
    assert_ramp(read(tiff(ramp(1, np.float32)))[0])
    assert_ramp(read(tiff(ramp(0.25, np.float32)))[0], 64)  # shares of white: dark is dark
    assert_ramp(read(tiff(np.rint(ramp(255, np.float32))))[0])
    assert_ramp(read(tiff(np.rint(ramp(4_095, np.float32))))[0])
    stated = tiff(ramp(30, np.float32), smin_340=(11, [0.0]), smax_341=(11, [40.0]))
    image, remarks = read(stated)
    assert_ramp(image, round(255 * 30 / 40))
    assert remarks == []


@pytest.mark.parametrize("order", ["<", ">"])
def test_floating_point_numbers_of_64_bits(order: str) -> None:
    assert_ramp(read(tiff(ramp(1, np.float64), order))[0])
    image, remarks = read(tiff(ramp(17.5, np.float64) + 20.25, order))
    assert_ramp(image)
    assert len(remarks) == 1
    assert picture_size(tiff(ramp(1, np.float64), order)) == (WIDTH, 16)


def test_a_kind_that_nothing_reads_is_said_in_words() -> None:
    with pytest.raises(PictureError, match="of a kind that is not read; save it with 8 or 16 bits a colour"):
        read(tiff(ramp(1, np.float16)))


def test_what_is_no_number_is_black() -> None:
    values = ramp(20, np.float32) + 30
    values[:, 0], values[:, 1], values[:, 2] = np.nan, np.inf, -np.inf
    image, _ = read(tiff(values))
    assert not image[:, :3].any()
    assert image[0, -1, 0] == 255
    assert not read(tiff(np.full((4, 4), np.nan, np.float32)))[0].any()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize(
    "written",
    [png, tiff, lambda values: tiff(values, ">")],
    ids=["png", "tiff", "big-endian tiff"],
)
def test_colours_of_fewer_than_16_bits(bits: int, written: Callable[[np.ndarray], bytes]) -> None:
    values = ramp(2**bits - 1, channels=3)
    image, remarks = read(written(values))
    assert_ramp(image)
    assert len(remarks) == (bits != 16)
    values[..., 1:] = 0
    red, _ = read(written(values))
    assert red[0, -1].tolist() == [255, 0, 0]


@pytest.mark.parametrize("channels", [2, 4])
def test_deep_colours_with_transparency(channels: int) -> None:
    values = ramp(1_023, channels=channels)
    values[..., -1] = 65_535
    assert_ramp(read(png(values))[0])
    values[:8, :, -1] = 0
    image, _ = read(png(values))
    assert (image[:8] == 255).all()
    assert_ramp(image[8:].repeat(2, axis=0))


def test_a_deep_value_that_is_transparent_is_paper() -> None:
    values = ramp(1_023)
    values[:4] = 500
    image, _ = read(png(values, clear=500))
    assert (image[:4] == 255).all()
    assert image[8, 0, 0] == 0


@pytest.mark.parametrize("largest", [255, 1023, 4095, 65535])
@pytest.mark.parametrize("magic", [b"P5", b"P6"])
def test_pnm_states_its_white(largest: int, magic: bytes) -> None:
    values = ramp(largest // 2, channels=1 if magic == b"P5" else 3)
    data = values.astype(">u2" if largest > 255 else np.uint8).tobytes()
    image, remarks = read(magic + f" {WIDTH} 16 {largest}\n".encode() + data)
    assert_ramp(image, 127)
    assert remarks == []


def test_a_turned_deep_picture() -> None:
    for values in (ramp(1_023), ramp(1_023, channels=3)):
        exif = Image.Exif()
        exif[0x0112] = 3
        stream = io.BytesIO()
        Image.open(io.BytesIO(png(values))).save(stream, "PNG", exif=exif) if values.ndim == 2 else stream.write(
            with_exif(png(values), exif)
        )
        assert_ramp(read(stream.getvalue())[0][:, ::-1])


def with_exif(data: bytes, exif: Image.Exif) -> bytes:
    body = exif.tobytes()[6:]
    chunk = struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body))
    return data[:33] + chunk + data[33:]


def test_a_guess_reaches_those_who_index(tmp_path: Path) -> None:
    (tmp_path / "thermal.png").write_bytes(png(ramp(1_023)))
    (item,) = discover(tmp_path)
    assert isinstance(item, MediaItem)
    frame, note = frames_of(item)
    assert isinstance(frame, Frame)
    assert note == MediaNote(
        str(tmp_path / "thermal.png"),
        "The picture was read, but white was taken to be 1,023 (10 bits), since no value exceeds 1,023.",
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [1, 3])
def test_turned_tiffs(orientation: int, channels: int) -> None:
    upright = ramp(1_023, channels=channels)
    stored = stored_as(orientation, upright)
    assert_ramp(read(tiff(stored, turn_274=(3, [orientation])))[0])
