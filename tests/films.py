"""Small films for tests, among them such as no well-behaved encoder makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from sceneseek.inference.media import discover, frames_of
from sceneseek.structures import Frame, ImageArray, MediaItem, MediaNote, MediaProblem

WIDTH, HEIGHT, RATE = 96, 64, 10

Stamp = int | None
Stamps = Callable[[int, Stamp, Stamp], tuple[Stamp, Stamp]]


def numbered(count: int, colour: tuple[int, int, int] = (220, 220, 220)) -> list[ImageArray]:
    """Pictures that tell their number: a bar that grows with it, three numbers a pixel."""
    pictures = []
    for number in range(count):
        picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
        picture[16:, : 8 + number] = colour
        pictures.append(picture)
    return pictures


def number_in(picture: ImageArray) -> int:
    """Which of ``numbered`` a picture is."""
    return int((picture[40].max(axis=1) > 130).sum()) - 8


def film(
    path: Path,
    pictures: Sequence[Any],
    codec: str = "libx264",
    *,
    times: Sequence[float] | None = None,
    last_s: float | None = None,
    form: str | None = None,
    b_frames: int = 0,
    gop: int = 8,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    mux: dict[str, str] | None = None,
    **context: Any,
) -> Path:
    """Encode pictures, ten a second unless ``times`` say otherwise.

    Args:
        path: Where; the suffix names the container, unless ``form`` does.
        pictures: ``(H, W, 3)`` uint8, or PyAV's frames.
        codec: Of PyAV.
        times: Seconds of each, in milliseconds at the finest.
        last_s: How long the last one is shown.
        form: The container.
        b_frames: How many in a row, at most.
        gop: Frames from key frame to key frame.
        pix_fmt: Of the film.
        options: Of the encoder.
        mux: Of the container.
        context: Attributes of the codec's context.
    """
    unit = Fraction(1, RATE) if times is None else Fraction(1, 1000)
    stamps = list(range(len(pictures))) if times is None else [round(time * 1000) for time in times]
    with av.open(str(path), "w", format=form, options=mux or {}) as container:
        stream = container.add_stream(codec, rate=RATE, options=options or {})
        first = pictures[0]
        small = (first.height, first.width) if isinstance(first, av.VideoFrame) else first.shape[:2]
        stream.height, stream.width = small
        stream.pix_fmt, stream.gop_size = pix_fmt, gop
        stream.codec_context.max_b_frames = b_frames
        stream.bit_rate = 2_000_000
        if times is not None:
            stream.time_base = stream.codec_context.time_base = unit
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        packets = []
        for picture, stamp in zip(pictures, stamps, strict=True):
            frame = picture if isinstance(picture, av.VideoFrame) else av.VideoFrame.from_ndarray(picture)
            frame.pts, frame.time_base = stamp, unit
            packets += stream.encode(frame)
        packets += stream.encode()
        for place, packet in enumerate(packets):
            if last_s is not None:
                following = stamps[place + 1] if place + 1 < len(stamps) else stamps[place] + round(last_s * 1000)
                packet.duration = following - stamps[place]
            container.mux(packet)
    return path


def joined(path: Path, *parts: Path) -> Path:
    """Copy files one behind the other into one, as ``cat`` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def cut(path: Path, whole: Path, share: float = 0.6) -> Path:
    """The first part of a file."""
    contents = whole.read_bytes()
    path.write_bytes(contents[: int(len(contents) * share)])
    return path


def restamped(path: Path, whole: Path, stamps: Stamps) -> Path:
    """A transport stream with other time stamps in its packets.

    Args:
        path: Where.
        whole: The film, ``.ts``.
        stamps: Given the number of a frame in the order of decoding, when it is shown and when it is decoded, at
            90 kHz, says both anew; ``None`` leaves one out.
    """
    contents = bytearray(whole.read_bytes())
    number = 0
    for at in range(0, len(contents) - 187, 188):
        packet = memoryview(contents)[at : at + 188]
        header = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
        starts = packet[1] & 0x40 and header < 170 and bytes(packet[header : header + 3]) == b"\0\0\1"
        if not starts or packet[header + 3] & 0xF0 != 0xE0:
            continue
        flags, first = packet[header + 7] >> 6, header + 9
        shown = _stamp(packet[first : first + 5]) if flags & 2 else None
        decoded = _stamp(packet[first + 5 : first + 10]) if flags == 3 else None
        new_shown, new_decoded = stamps(number, shown, decoded)
        number += 1
        room = packet[header + 8]
        packet[first : first + room] = b"\xff" * room
        packet[header + 7] &= 0x3F
        if new_shown is not None:
            both = new_decoded is not None and room >= 10
            packet[header + 7] |= 0xC0 if both else 0x80
            packet[first : first + 5] = _stamp_bytes(new_shown, 3 if both else 2)
            if both:
                packet[first + 5 : first + 10] = _stamp_bytes(new_decoded or 0, 1)
    path.write_bytes(bytes(contents))
    return path


def mistimed(path: Path, whole: Path, number: int, by_ms: int) -> Path:
    """A Matroska file in which one picture has another time.

    Args:
        path: Where.
        whole: The film, ``.mkv``, of one cluster.
        number: Of the picture, in the order of the file.
        by_ms: Milliseconds that are added, within 32 seconds of the cluster's.
    """
    contents = bytearray(whole.read_bytes())
    at = contents.index(b"\x1f\x43\xb6\x75") + 4
    at += 9 - contents[at].bit_length()
    while True:
        width = 9 - contents[at + 1].bit_length()
        size = int.from_bytes(contents[at + 1 : at + 1 + width], "big") & (1 << 7 * width) - 1
        body = at + 1 + width
        if contents[at] == 0xA3:  # a block: its track, its time within the cluster
            if number == 0:
                time = int.from_bytes(contents[body + 1 : body + 3], "big", signed=True) + by_ms
                contents[body + 1 : body + 3] = time.to_bytes(2, "big", signed=True)
                path.write_bytes(bytes(contents))
                return path
            number -= 1
        at = body + size


def _stamp(field: memoryview) -> int:
    return (field[0] >> 1 & 7) << 30 | field[1] << 22 | field[2] >> 1 << 15 | field[3] << 7 | field[4] >> 1


def _stamp_bytes(stamp: int, mark: int) -> bytes:
    stamp %= 1 << 33
    high, middle, low = stamp >> 30, stamp >> 15 & 0x7FFF, stamp & 0x7FFF
    return bytes([mark << 4 | high << 1 | 1, middle >> 7, (middle & 0x7F) << 1 | 1, low >> 7, (low & 0x7F) << 1 | 1])


def item_of(path: Path, **options: Any) -> MediaItem:
    """The one medium in a file."""
    (item,) = (item for item in discover(path, **options) if isinstance(item, MediaItem))
    return item


def watched(path: Path | MediaItem, **options: Any) -> tuple[list[Frame], str, str]:
    """The frames of a file, what is wrong with it, and what is doubtful."""
    answers = list(frames_of(path if isinstance(path, MediaItem) else item_of(path), **options))
    frames = [answer for answer in answers if isinstance(answer, Frame)]
    problems = [answer.reason for answer in answers if type(answer) is MediaProblem]
    notes = [answer.reason for answer in answers if isinstance(answer, MediaNote)]
    return frames, " ".join(problems), " ".join(notes)


def times_of(frames: Sequence[Frame]) -> list[float]:
    """The seconds of frames, rounded to the tenths in which these films count."""
    return [round(frame.time_s or 0, 2) for frame in frames]
