"""Frames as they are to be seen: the shape of pixels, display matrices, ranges and matrices, half pictures, paper."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from films import film, joined, watched
from sceneseek.inference import display
from sceneseek.inference.containers import opened
from sceneseek.structures import ImageArray

ONE = 1 << 16


def disc(width: int, height: int, shape: Fraction) -> ImageArray:
    """A disc that is round when pixels are ``shape`` times as wide as high."""
    y, x = np.mgrid[:height, :width]
    radius = min(width * float(shape), height) / 3
    inside = ((x - width / 2) * float(shape)) ** 2 + (y - height / 2) ** 2 < radius**2
    return np.where(inside[..., None], 220, 40).astype(np.uint8).repeat(3, axis=2)


def extent(image: ImageArray) -> tuple[int, int]:
    bright = image[..., 0] > 128
    return int(np.ptp(np.flatnonzero(bright.any(0)))) + 1, int(np.ptp(np.flatnonzero(bright.any(1)))) + 1


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.264"])
@pytest.mark.parametrize(
    ("stored", "shape", "shown"),
    [((96, 108), Fraction(2), (192, 108)), ((180, 144), Fraction(64, 45), (256, 144)),
     ((192, 54), Fraction(1, 2), (192, 108)), ((96, 54), Fraction(1), (96, 54)),
     ((160, 96), Fraction(12, 11), (175, 96))],
)  # fmt: skip
def test_pixels_are_made_square(
    tmp_path: Path, name: str, stored: tuple[int, int], shape: Fraction, shown: tuple[int, int]
) -> None:
    form = "h264" if name.endswith("264") else None
    pictures = [disc(*stored, shape)] * 3
    path = film(tmp_path / name, pictures, form=form, options={"crf": "12"}, sample_aspect_ratio=shape)
    frames, problem, _ = watched(path)
    assert not problem
    height, width = frames[0].image.shape[:2]
    assert (width, height) == shown
    wide, tall = extent(frames[0].image)
    assert wide / tall == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("shape", [Fraction(1000), Fraction(1, 255), Fraction(10), Fraction(1, 9)])
def test_a_shape_that_no_pixel_has_is_not_believed(tmp_path: Path, shape: Fraction) -> None:
    path = film(tmp_path / "a.mp4", [disc(96, 64, Fraction(1))] * 3, sample_aspect_ratio=shape)
    frames, problem, note = watched(path)
    assert frames[0].image.shape == (64, 96, 3)
    assert not problem
    if Fraction(1, 100) < shape < 100:  # what is beyond that, libav drops by itself
        assert "which no camera records" in note


def test_the_shape_may_change_on_the_way(tmp_path: Path) -> None:
    wide = film(tmp_path / "1.ts", [disc(96, 64, Fraction(2))] * 20, sample_aspect_ratio=Fraction(2), b_frames=2)
    square = film(tmp_path / "2.ts", [disc(96, 64, Fraction(1))] * 20, sample_aspect_ratio=Fraction(1), b_frames=2)
    frames, _, _ = watched(joined(tmp_path / "a.ts", wide, square), every_s=0)
    assert [frame.image.shape[1] for frame in frames] == [192] * 20 + [96] * 20


def test_the_size_may_change_on_the_way(tmp_path: Path) -> None:
    small = film(tmp_path / "1.ts", [disc(96, 64, Fraction(1))] * 10)
    large = film(tmp_path / "2.ts", [disc(192, 128, Fraction(1))] * 10)
    frames, problem, _ = watched(joined(tmp_path / "a.ts", small, large), every_s=0)
    assert not problem
    assert [frame.image.shape[:2] for frame in frames] == [(64, 96)] * 10 + [(128, 192)] * 10


def test_frames_too_large_with_square_pixels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sceneseek.inference.containers.MAX_PIXELS", 96 * 64 * 3)
    path = film(tmp_path / "a.mp4", [disc(96, 64, Fraction(4))] * 3, sample_aspect_ratio=Fraction(4))
    frames, problem, _ = watched(path)
    assert not frames
    assert "megapixels" in problem


def corners() -> ImageArray:
    picture = np.full((64, 96, 3), 60, np.uint8)
    picture[:20, :20] = (230, 20, 20)
    picture[:20, -20:] = (20, 230, 20)
    picture[-20:, :20] = (20, 20, 230)
    return picture


def with_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """A film with a display matrix in its track header."""
    film(path, [corners()] * 3, options={"crf": "8"})
    contents = bytearray(path.read_bytes())
    at = contents.index(b"tkhd") + 4 + 40
    contents[at : at + 36] = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(bytes(contents))
    return path


MATRICES = {
    "as it is": ((ONE, 0, 0, ONE), lambda p: p),
    "mirrored": ((-ONE, 0, 0, ONE), lambda p: p[:, ::-1]),
    "upside down": ((ONE, 0, 0, -ONE), lambda p: p[::-1]),
    "clockwise": ((0, ONE, -ONE, 0), lambda p: np.rot90(p, -1)),
    "half": ((-ONE, 0, 0, -ONE), lambda p: p[::-1, ::-1]),
    "counter-clockwise": ((0, -ONE, ONE, 0), np.rot90),
    "clockwise and mirrored": ((0, ONE, ONE, 0), lambda p: p.transpose(1, 0, 2)),
    "the other way": ((0, -ONE, -ONE, 0), lambda p: p[::-1, ::-1].transpose(1, 0, 2)),
}


@pytest.mark.parametrize("name", MATRICES)
def test_display_matrices_turn_and_mirror(tmp_path: Path, name: str) -> None:
    matrix, turned = MATRICES[name]
    frames, _, note = watched(with_matrix(tmp_path / "a.mp4", *matrix))
    expected = turned(corners())
    assert frames[0].image.shape == expected.shape
    assert np.abs(frames[0].image.astype(int) - expected).mean() < 8
    assert not note


def test_a_matrix_at_an_angle_is_told(tmp_path: Path) -> None:
    frames, _, note = watched(with_matrix(tmp_path / "a.mp4", 56_756, 32_768, -32_768, 56_756))
    assert frames[0].image.shape == (64, 96, 3)
    assert "at an angle" in note


def coloured() -> ImageArray:
    y, x = np.mgrid[:64, :96]
    return np.stack([x * 255 // 95, y * 255 // 63, np.full_like(x, 128)], axis=2).astype(np.uint8)


def coded(pixels: ImageArray, form: str, matrix: int, limited: bool) -> Any:
    frame = av.VideoFrame.from_ndarray(pixels)
    frame = frame.reformat(format=form, dst_colorspace=matrix, dst_color_range=1 if limited else 2)
    frame.colorspace, frame.color_range = matrix, 1 if limited else 2
    return frame


@pytest.mark.parametrize("form", ["yuv420p", "yuv420p10le", "yuv444p"])
@pytest.mark.parametrize("matrix", [1, 5, 7, 9])
@pytest.mark.parametrize("limited", [True, False])
def test_matrices_and_ranges_are_heeded(tmp_path: Path, form: str, matrix: int, limited: bool) -> None:
    path = film(
        tmp_path / "a.mp4",
        [coded(coloured(), form, matrix, limited)] * 2,
        pix_fmt=form,
        options={"crf": "6"},
        colorspace=matrix,
        color_range=1 if limited else 2,
    )
    frames, _, note = watched(path)
    assert np.abs(frames[0].image.astype(int) - coloured()).mean() < 4
    assert not note


@pytest.mark.parametrize(("size", "matrix"), [((96, 64), 5), ((1280, 64), 1)])
def test_a_matrix_that_is_not_said_follows_from_the_size(size: tuple[int, int], matrix: int) -> None:
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[:] = (20, 200, 40)
    frame = coded(pixels, "yuv444p", matrix, True)
    frame.colorspace = 2
    assert np.abs(shown(frame).astype(int) - pixels).max() <= 3


def test_a_matrix_that_is_not_read_is_told() -> None:
    frame = coded(coloured(), "yuv444p", 1, True)
    frame.colorspace = 14
    maker = display_for(frame)
    assert maker.picture(frame).shape == (64, 96, 3)
    assert "matrix 14 of H.273" in maker.remarks[0]


class _Stream:
    """What a display asks of a stream."""

    codec_tag = "avc1"
    sample_aspect_ratio: Fraction | None = None

    class codec_context:
        sample_aspect_ratio: Fraction | None = None
        color_trc = color_primaries = colorspace = 2
        color_range = 0


def display_for(frame: Any) -> display.Display:
    return display.Display(_Stream)


def shown(frame: Any) -> ImageArray:
    return display_for(frame).picture(frame)


def test_what_is_transparent_shows_white_paper() -> None:
    layer = np.zeros((8, 8, 4), np.uint8)
    layer[:4] = (200, 30, 30, 255)
    layer[4:6] = (200, 30, 30, 128)
    image = shown(av.VideoFrame.from_ndarray(layer, format="rgba"))
    assert image[0, 0].tolist() == [200, 30, 30]
    assert image[7, 7].tolist() == [255, 255, 255]
    assert 220 <= int(image[5, 0, 0]) <= 235


def moving(at: int) -> ImageArray:
    picture = np.full((96, 128, 3), 90, np.uint8)
    picture[24:72, at : at + 40] = (200, 60, 40)
    return picture


def woven() -> ImageArray:
    picture = moving(20)
    picture[1::2] = moving(34)[1::2]
    return picture


def test_half_pictures_of_two_moments_become_one_moment(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [woven()] * 3, options={"crf": "4", "x264-params": "tff=1"}, pix_fmt="yuv444p")
    with opened(str(path)) as (container, stream):
        assert next(container.decode(stream)).interlaced_frame
    frames, _, _ = watched(path)
    assert np.abs(frames[0].image.astype(int) - moving(20)).mean() < 3
    assert np.abs(woven().astype(int) - moving(20)).mean() > 3


def test_what_does_not_move_keeps_all_its_lines() -> None:
    still = np.random.default_rng(0).integers(80, 96, (96, 128, 3)).astype(np.uint8)
    assert np.abs(display._without_combs(still).astype(int) - still).mean() < 1
    assert np.array_equal(display._without_combs(moving(20)), moving(20))
    assert display._without_combs(still[:3]).shape == (3, 128, 3)


def test_films_for_encoders_look_as_pictures_do(tmp_path: Path) -> None:
    """Clips are cut from frames in one step where that is enough, and from pictures where it is not."""
    for name, options in {"plain": {}, "wide": {"sample_aspect_ratio": Fraction(2)}}.items():
        path = film(tmp_path / f"{name}.mp4", [coloured()] * 2, options={"crf": "8"}, **options)
        with opened(str(path)) as (container, stream):
            maker = display.Display(stream)
            frame = next(container.decode(stream))
            width, height = maker.size(frame)
            small = maker.film(frame, width, height)
            assert (small.format.name, small.width, small.height) == ("yuv420p", width, height)
            again = small.reformat(format="rgb24", src_colorspace=1, src_color_range=1).to_ndarray()
            assert np.abs(again.astype(int) - maker.picture(frame)).mean() < 4
