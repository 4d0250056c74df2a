"""PQ and HLG as ordinary screens show them: greys by the standards' numbers, films beside their ordinary twins."""

from __future__ import annotations

from pathlib import Path

import av
import av.bitstream
import numpy as np
import pytest

from films import film, watched
from sceneseek.pictures.tone_mapping import HLG, PQ, as_bt709
from sceneseek.structures import ImageArray

BT709, BT2020, P3 = 1, 9, 12


def grey(code: float, transfer: int) -> int:
    codes = np.full((2, 2, 3), round(code * 65535), np.uint16)
    image = as_bt709(codes, transfer, BT2020)
    assert image.shape == (2, 2, 3)
    assert np.ptp(image[0, 0].astype(int)) <= 1, "grey stays grey"
    return int(image[0, 0, 1])


def pq_code(candela: float) -> float:
    """SMPTE ST 2084, the other way round."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = (candela / 10_000) ** m1
    return float(((c1 + c2 * power) / (1 + c3 * power)) ** m2)


def test_black_is_black_and_the_brightest_is_white() -> None:
    for transfer in (PQ, HLG):
        assert grey(0, transfer) == 0
        assert grey(1, transfer) >= 254


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.6, 0.75])
def test_below_the_knee_light_is_what_it_was(share: float) -> None:
    ordinary = round(255 * share ** (1 / 2.4))
    assert abs(grey(pq_code(203 * share), PQ) - ordinary) <= 1


def test_the_white_of_paper_is_nearly_white_in_both() -> None:
    """58 % of PQ and 75 % of HLG, says BT.2408."""
    for code, transfer in ((0.58, PQ), (0.75, HLG)):
        assert 240 <= grey(code, transfer) <= 250


def test_brighter_is_never_darker() -> None:
    codes = np.linspace(0, 65535, 4096).astype(np.uint16)[None, :, None].repeat(3, axis=2)
    for transfer in (PQ, HLG):
        assert (np.diff(as_bt709(codes, transfer, BT2020)[0, :, 1].astype(int)) >= 0).all()


def test_pictures_of_ordinary_range_and_wide_primaries() -> None:
    codes = np.full((1, 1, 3), 40_000, np.uint16)
    assert np.abs(as_bt709(codes, BT709, BT2020).astype(int) - round(40_000 / 257)).max() <= 1, "grey stays grey"
    red = np.array([[[50_000, 10_000, 10_000]]], np.uint16)
    assert np.abs(as_bt709(red, BT709, BT709).astype(int) - np.rint(red / 257)).max() <= 1
    for primaries in (BT2020, P3):
        stronger = as_bt709(red, BT709, primaries)[0, 0].astype(int)
        assert stronger[0] > 50_000 / 257, "the same numbers mean a stronger red"
        assert stronger[1] < 10_000 / 257


def scene() -> ImageArray:
    y, x = np.mgrid[:64, :96]
    return np.stack([40 + x * 2, 40 + y * 3, 200 - x], axis=2).clip(0, 235).astype(np.uint8)


def hdr(pixels: ImageArray, transfer: int) -> av.VideoFrame:
    """A picture of ordinary range, coded as PQ or HLG with BT.2020's primaries, as a phone would."""
    to_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    light = (pixels / 255) ** 2.4 @ to_2020.T * 203
    if transfer == PQ:
        codes = np.vectorize(pq_code)(np.maximum(light, 1e-5))
    else:
        drawn = (light / 1000) ** (1 / 1.2)
        codes = np.where(
            drawn <= 1 / 12,
            np.sqrt(3 * drawn),
            0.17883277 * np.log(12 * np.maximum(drawn, 0.05) - 0.28466892) + 0.55991073,
        )
    frame = av.VideoFrame.from_ndarray(np.rint(codes * 65535).astype(np.uint16), format="rgb48le")
    frame = frame.reformat(format="yuv420p10le", dst_colorspace=BT2020, dst_color_range=1)
    frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries = BT2020, 1, transfer, BT2020
    return frame


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_film_of_high_range_looks_as_its_ordinary_twin(tmp_path: Path, transfer: int, name: str) -> None:
    path = film(
        tmp_path / name,
        [hdr(scene(), transfer)] * 2,
        "libx265",
        pix_fmt="yuv420p10le",
        options={"crf": "4", "x265-params": "log-level=error"},
        colorspace=BT2020,
        color_range=1,
        color_trc=transfer,
        color_primaries=BT2020,
    )
    frames, problem, _ = watched(path)
    assert not problem
    off = np.abs(frames[0].image.astype(int) - scene())
    assert off.mean() < 8
    assert off[:, 20:].mean(axis=(0, 1)).max() < 10


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_what_only_the_container_says_of_colours_counts(tmp_path: Path, name: str) -> None:
    tagged = film(
        tmp_path / f"tagged_{name}",
        [hdr(scene(), PQ)] * 2,
        "libx265",
        pix_fmt="yuv420p10le",
        options={"crf": "4", "x265-params": "log-level=error"},
        colorspace=BT2020,
        color_range=1,
        color_trc=PQ,
        color_primaries=BT2020,
    )
    # The same pictures without a word of their own, in a container that knows.
    with av.open(str(tagged)) as source, av.open(str(tmp_path / name), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        silent = av.bitstream.BitStreamFilterContext(
            "hevc_metadata=colour_primaries=2:transfer_characteristics=2:matrix_coefficients=2",
            source.streams.video[0],
            stream,
        )
        for packet in source.demux(video=0):
            for filtered in silent.filter(packet if packet.size else None):
                filtered.stream = stream
                target.mux(filtered)
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.video[0].codec_context.color_trc == PQ
        assert next(container.decode(video=0)).color_trc == 2
    frames, _, _ = watched(tmp_path / name)
    assert np.abs(frames[0].image.astype(int) - scene()).mean() < 8
