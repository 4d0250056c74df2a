"""The process in which strangers' files are decoded: ``python -m sceneseek.web.decoder``, started by ``processes``.

It is given nothing of the server: no gallery, no tokens, no open file or connection, a few harmless variables of its
surroundings. It reads one task at a time from standard input and answers on standard output, in a form without code in
it (JSON and plain bytes, no pickles). Its memory, its processor time for each task and the size of the files it may
write are limited by the operating system. So a file that makes a decoder crash, loop or devour memory costs one
request. One that takes it over cannot reach into the server's memory.

The decoding itself is done by ``workers``: copies of this process that are confined to the files of their task, without
connections and further processes, where the system has the means. Where it has not, a decoder that was taken over may
do what the server's user may; the server says so when it starts. See "Serve a gallery" in the documentation.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import os
import resource
import struct
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import IO, Any

import numpy as np
from PIL import Image

from sceneseek.errors import MediaError, PictureError, SceneseekError, VideoError
from sceneseek.structures import Frame, ImageArray, MediaItem, MediaNote, MediaProblem
from sceneseek.web.workers import CAN_FORK, NOTES, Foreman
from sceneseek.words import without_passwords

HEADER = struct.Struct("<IQ")
"""Lengths of the JSON part and of the bytes after it."""

STILL_LOOKING = {"type": None}
"""An answer of ``discover`` that tells of no medium: whoever reads it may stop there."""

Answer = tuple[dict[str, Any], bytes | memoryview]

_MOST_FILES = 256
_QUALITY = 88
_KEPT_QUALITY = 95
_FILE_HEAD_BYTES = 64 << 10
"""What a file may hold beside its pixels, such as a colour profile."""
_CROP_SIDE = 320
_CLIP_SIDE = 1280


def read_message(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """Read one task; ``None`` when the server has hung up."""
    head = stream.read(HEADER.size)
    if len(head) < HEADER.size:
        return None
    length, size = HEADER.unpack(head)
    return json.loads(stream.read(length)), stream.read(size)


def write_message(stream: IO[bytes], fields: dict[str, Any], data: bytes | memoryview = b"") -> None:
    """Write one answer."""
    text = json.dumps(fields).encode()
    stream.write(HEADER.pack(len(text), len(data)))
    stream.write(text)
    stream.write(data)
    stream.flush()


def main() -> None:
    """Answer tasks until the server hangs up."""
    _load_libraries()
    address_space, file_size = int(sys.argv[1]), int(sys.argv[2])
    _limit(resource.RLIMIT_AS, address_space)
    _limit(resource.RLIMIT_FSIZE, file_size)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _MOST_FILES)
    # Whatever a library prints must not end up among the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    write_message(answers, {"ready": True})
    if CAN_FORK:
        do = partial(_do, answers)
        Foreman(read_message, write_message, do, files_of, tempfile.gettempdir(), _keep).run(sys.stdin.buffer)
        return
    while (task := read_message(sys.stdin.buffer)) is not None:
        _do(answers, *task)


def _load_libraries() -> None:
    """Before the first task and not during it: workers have them from the beginning."""
    import av  # noqa: F401

    from sceneseek import drawing, pictures  # noqa: F401
    from sceneseek.inference import media  # noqa: F401

    with contextlib.suppress(ImportError):  # as on systems without its library; then its pictures are refused
        import pillow_heif  # noqa: F401
    Image.init()


def files_of(fields: Mapping[str, Any]) -> list[str]:
    """The files and folders that a task needs: those that its places lie in, links followed."""
    from sceneseek.inference.places import Place

    named = [*fields.get("places", ()), *(fields[name] for name in ("path",) if name in fields)]
    if "item" in fields:
        named.append(fields["item"]["source"])
    folders = [*fields.get("paths", ()), *(fields.get("within") or ())]
    return [*(Place.of(place).path for place in named), *folders]


def _keep(note: dict[str, Any]) -> None:
    """Keep a file's content key for the workers to come: none of them need read all of it again."""
    _KEYS[tuple(note["state"])] = str(note["key"])


def _do(answers: IO[bytes], fields: dict[str, Any], data: bytes) -> None:
    """Do one task; what goes wrong is an answer, too."""
    seconds = fields.pop("seconds")
    _allow_seconds(seconds)
    try:
        result = _TASKS[fields.pop("task")](data, **fields)
        if isinstance(result, tuple):
            write_message(answers, *result)
            return
        for told, content in result:
            write_message(answers, {**told, "last": False}, content)
            _allow_seconds(seconds)
        write_message(answers, {"last": True})
        return
    except SceneseekError as error:
        failure = {"kind": type(error).__name__, "error": str(error)}
    except MemoryError:
        failure = {"kind": "PictureError", "error": "The picture takes more memory than a decoder may have."}
    except Exception as error:  # damaged files lead libraries anywhere; the text may hold a path and stays here
        NOTES.write(log=without_passwords(f"{type(error).__name__}: {error}"))
        failure = {"kind": "MediaError", "error": "The file is damaged in a way that no decoder expects."}
    write_message(answers, failure)


def discover(
    data: bytes,
    paths: Sequence[str],
    camera: str | None,
    within: Sequence[str] | None,
    camera_from: str | None = None,
) -> Iterator[Answer]:
    """The media below some paths; see ``inference.media.discover_now``."""
    from sceneseek.inference.media import discover_now

    for item in discover_now(list(paths), camera=camera, camera_from=camera_from, within=within):
        yield (STILL_LOOKING if item is None else as_fields(item)), b""


def frames(data: bytes, item: dict[str, Any], every_s: float, start_index: int) -> Iterator[Answer]:
    """The frames of a medium; see ``inference.media.frames_of``."""
    from sceneseek.inference.media import frames_of

    medium = from_fields(item)
    assert isinstance(medium, MediaItem)
    for frame in frames_of(medium, every_s=every_s, start_index=start_index):
        if isinstance(frame, MediaProblem):
            yield as_fields(frame), b""
            continue
        told = {f.name: getattr(frame, f.name) for f in dataclasses.fields(frame) if f.name != "image"}
        size = {"height": frame.image.shape[0], "width": frame.image.shape[1]}
        yield {**_plain(told), **size}, np.ascontiguousarray(frame.image).data.cast("B")


def as_fields(value: MediaItem | MediaProblem) -> dict[str, Any]:
    """A medium, or a problem, as JSON."""
    return {"type": type(value).__name__, **_plain(dataclasses.asdict(value))}


def from_fields(fields: dict[str, Any]) -> MediaItem | MediaProblem:
    """The reverse of ``as_fields``."""
    values = {name: value for name, value in fields.items() if name != "type"}
    kind = TOLD.get(fields["type"])
    if kind is not None:
        return kind(**values)
    return MediaItem(**{**values, "captured_at": moment(values["captured_at"])})


TOLD: dict[str, type[MediaProblem]] = {kind.__name__: kind for kind in (MediaProblem, MediaNote)}
"""What is told of a medium beside its frames, by name."""


def moment(text: str | None) -> datetime | None:
    """A time on the wall out of JSON."""
    return None if text is None else datetime.fromisoformat(text)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def as_rgb(data: bytes, max_pixels: int) -> Answer:
    """A picture's pixels, ``(H, W, 3)`` uint8."""
    from sceneseek.pictures import read_picture

    image = read_picture(data, max_pixels)
    return {"height": image.shape[0], "width": image.shape[1]}, image.data.cast("B")


def query(data: bytes, max_pixels: int, kept_pixels: int, preview_side: int) -> Iterator[Answer]:
    """A query picture: its pixels, made fewer where there are very many, a JPEG for the page, and a file to keep.

    The file is left out where the one that came will do: where it is no larger than its pixels, and these are few. So
    neither a small file with many pixels nor a large one with few costs the server more than any other picture.
    """
    from sceneseek.drawing import thumbnail
    from sceneseek.pictures import read_picture

    image = read_picture(data, max_pixels)
    height, width = image.shape[:2]
    image = _with_fewer_pixels(image, kept_pixels)
    size = {"height": height, "width": width, "rows": image.shape[0], "columns": image.shape[1]}
    yield size, np.ascontiguousarray(image).data.cast("B")
    yield {"preview": True}, _jpeg(thumbnail(image, preview_side))
    if height * width > kept_pixels or len(data) > image.size + _FILE_HEAD_BYTES:
        yield {"kept": True}, _jpeg(image, _KEPT_QUALITY)


def _with_fewer_pixels(image: ImageArray, most: int) -> ImageArray:
    from sceneseek.drawing import thumbnail

    height, width = image.shape[:2]
    if height * width <= most:
        return image
    return thumbnail(image, math.floor(max(height, width) * math.sqrt(most / (height * width))))


def as_jpeg(data: bytes, max_pixels: int, max_side: int) -> Answer:
    """A picture made small and plain enough for any browser, without what cameras write beside the pixels."""
    from sceneseek.drawing import thumbnail
    from sceneseek.pictures import read_picture

    return {}, _jpeg(thumbnail(read_picture(data, max_pixels), max_side))


def scene(
    data: bytes,
    places: Sequence[str],
    key: str,
    kind: str,
    frame_index: int,
    size: Sequence[int],
    max_side: int,
    boxes: Sequence[Sequence[float]],
    labels: Sequence[str],
) -> Iterator[Answer]:
    """A photograph or a moment of a video, with boxes on it."""
    from sceneseek.drawing import draw_boxes, thumbnail

    place = _there(places)
    yield from known(place, key)
    image = _scene(place, kind, frame_index, size)
    small = thumbnail(image, max_side)
    if boxes:
        scale = np.array([small.shape[1] / image.shape[1], small.shape[0] / image.shape[0]] * 2)
        small = draw_boxes(small, np.asarray(boxes, np.float64) * scale, list(labels))
    yield {}, _jpeg(small)


def pixels(
    data: bytes,
    places: Sequence[str],
    key: str,
    kind: str,
    frame_index: int,
    size: Sequence[int],
    kept_pixels: int | None = None,
) -> Iterator[Answer]:
    """A photograph or a moment of a video, ``(H, W, 3)`` uint8, with ``kept_pixels`` at most."""
    place = _there(places)
    yield from known(place, key)
    image = _scene(place, kind, frame_index, size)
    image = image if kept_pixels is None else _with_fewer_pixels(image, kept_pixels)
    yield {"height": image.shape[0], "width": image.shape[1]}, np.ascontiguousarray(image).data.cast("B")


def person(
    data: bytes,
    places: Sequence[str],
    key: str,
    kind: str,
    frame_index: int,
    size: Sequence[int],
    box: Sequence[float],
) -> Iterator[Answer]:
    """A person cut out of a photograph or of a moment of a video."""
    from sceneseek.drawing import crop, thumbnail

    place = _there(places)
    yield from known(place, key)
    yield {}, _jpeg(thumbnail(crop(_scene(place, kind, frame_index, size), box, margin=0.08), _CROP_SIDE))


def clip(data: bytes, places: Sequence[str], key: str, start_s: float, end_s: float) -> Iterator[Answer]:
    """A part of a video as MP4 (H.264, at most 1280 pixels wide or high), which any browser plays."""
    from sceneseek.inference.places import Place

    source = _there(places)
    yield from known(source, key)
    place = Place.of(source)
    with place.file() as path:
        yield {}, _clip(path, place.stream, start_s, end_s)


def media_kind(data: bytes, path: str, max_pixels: int) -> Answer:
    """What an uploaded file is: its kind, and the suffix that belongs to its content whatever it was called.

    Photographs are decoded whole, so that a damaged one is refused at once. What an archive holds is found out when it
    is indexed.
    """
    from sceneseek.inference.archives import is_archive
    from sceneseek.pictures import begins_as_picture, read_picture, suffix_of

    if is_archive(path):
        return {"kind": "archive", "suffix": _archive_suffix(path)}, b""
    try:
        suffix = suffix_of(path)
        read_picture(path, max_pixels)
    except PictureError as error:
        if begins_as_picture(path):
            raise PictureError(str(error).removeprefix(f"{path}: ")) from error
        return {"kind": "video", "suffix": _video_suffix(path)}, b""
    return {"kind": "photo", "suffix": suffix}, b""


_TASKS: dict[str, Callable[..., Answer | Iterator[Answer]]] = {
    task.__name__: task for task in (as_rgb, as_jpeg, query, scene, pixels, person, clip, media_kind, discover, frames)
}

_VIDEO_SUFFIXES = {
    "matroska": ".mkv", "webm": ".mkv", "mov": ".mp4", "mp4": ".mp4", "avi": ".avi", "mpegts": ".ts", "mpeg": ".mpg",
    "asf": ".wmv", "flv": ".flv", "ogg": ".ogv", "mxf": ".mxf", "h264": ".h264", "hevc": ".hevc",
}  # fmt: skip


def _archive_suffix(path: str) -> str:
    """The suffix that an archive's name promises, provided that it begins like one."""
    from sceneseek.inference.archives import TAR_SUFFIXES, ZIP_SUFFIXES

    zipped = path.lower().endswith(ZIP_SUFFIXES)
    if not (zipfile.is_zipfile(path) if zipped else tarfile.is_tarfile(path)):
        raise MediaError("This is not an archive, though its name says so; pack it again as zip or tar.")
    return max((suffix for suffix in (*ZIP_SUFFIXES, *TAR_SUFFIXES) if path.lower().endswith(suffix)), key=len)


def _video_suffix(path: str) -> str:
    from sceneseek.inference.formats import open_file
    from sceneseek.inference.video import has_video

    wrong = MediaError("This is neither a picture nor a video in a known format.")
    if not has_video(path):
        raise wrong
    with open_file(path) as container:
        names = container.format.name.split(",")
    suffix = next((_VIDEO_SUFFIXES[name] for name in names if name in _VIDEO_SUFFIXES), None)
    if suffix is None:  # a playlist, a list of pictures, a device
        raise wrong
    return suffix


def _scene(place: str, kind: str, frame_index: int, size: Sequence[int]) -> ImageArray:
    """The whole picture, provided that it has the size that it had."""
    from sceneseek.inference.media import frames_of

    item = MediaItem(place, kind, "")
    frame = next((f for f in frames_of(item, every_s=0, start_index=frame_index) if isinstance(f, Frame)), None)
    if frame is None or frame.frame_index != frame_index:
        raise MediaError("That picture cannot be read any more; index the file again if it has changed.")
    height, width = frame.image.shape[:2]
    if size[0] and (width, height) != tuple(size):
        raise MediaError(
            f"The picture has {width}x{height} pixels now and had {size[0]}x{size[1]} when it was indexed; index it "
            "again."
        )
    return frame.image


def _there(places: Sequence[str]) -> str:
    """The first of the paths at which a file was met that still leads to one."""
    from sceneseek.inference.media import is_there

    found = next(filter(is_there, places), None)
    if found is None:
        raise FileGone("The file is no longer where it was indexed. The crops remain.")
    return found


def known(source: str, key: str) -> Iterator[Answer]:
    """Make sure that a source leads to the very file that was indexed: a gallery's paths may be anybody's.

    Answers with nothing after each block, so that the server waits on however large a video is.

    Raises:
        MediaError: It leads to another file, or cannot be read.
    """
    from sceneseek.inference.media import content_key_now
    from sceneseek.inference.places import Place

    try:
        facts = os.stat(Place.of(source).path)
        state = (source, facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        if state not in _KEYS:
            hashing = content_key_now(source)
            while state not in _KEYS:
                try:
                    next(hashing)
                    yield {}, b""
                except StopIteration as end:
                    _KEYS[state] = end.value
                    NOTES.write(state=state, key=end.value)
    except OSError as error:
        raise MediaError(f"The file cannot be read ({error.strerror or error}).") from error
    if _KEYS[state] != key:
        raise MediaError("The file has changed since it was indexed; index it again.")


_KEYS: dict[tuple[str | int, ...], str] = {}
"""Files that were hashed, as they were then. A decoder does a thousand tasks at most, so they stay few."""


class FileGone(MediaError):
    """A file of the gallery is not there any more."""


def _clip(path: str, number: int, start_s: float, end_s: float) -> bytes:
    import av

    from sceneseek.inference.formats import open_file

    output = io.BytesIO()
    with open_file(path) as source:
        streams = source.streams.video
        stream = streams[number] if number < len(streams) else None
        if stream is None or stream.codec_context is None:
            raise VideoError("The file holds no video that can be decoded.")
        stream.thread_type = "AUTO"
        unit = float(stream.time_base or 1)
        begin = (stream.start_time or 0) * unit
        if start_s > 0:
            source.seek(int((begin + start_s) / unit), stream=stream)
        with av.open(output, "w", format="mp4", options=_INDEX_FIRST) as target:
            encoder: Any = None
            frames = 0
            for frame in source.decode(stream):
                time = None if frame.pts is None else frame.pts * unit - begin
                if time is None or time < start_s - 1e-3:
                    continue
                if time > end_s:
                    break
                if encoder is None:
                    encoder = _encoder(target, stream, frame)
                small = frame.reformat(encoder.width, encoder.height, format="yuv420p")
                small.pts = round((time - start_s) * _CLIP_CLOCK)
                small.time_base = encoder.time_base
                target.mux(encoder.encode(small))
                frames += 1
            if encoder is None:
                raise VideoError(f"The video shows nothing between {start_s:g} s and {end_s:g} s.")
            target.mux(encoder.encode(None))
    return output.getvalue()


_CLIP_CLOCK = 12_800
_INDEX_FIRST = {"moov_size": str(1 << 17)}
"""Room for the index before the pictures, so that browsers play what has come so far."""


def _encoder(target: Any, stream: Any, frame: Any) -> Any:
    """A fast H.264 encoder for frames of this size; sides are even, as the format wants them."""
    from fractions import Fraction

    scale = min(1.0, _CLIP_SIDE / max(frame.width, frame.height))
    rate = min(60, max(1, round(float(stream.average_rate or 25))))
    encoder = target.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "25"})
    encoder.width, encoder.height = (max(2, 2 * math.floor(side * scale / 2)) for side in (frame.width, frame.height))
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, _CLIP_CLOCK)
    encoder.codec_context.time_base = Fraction(1, _CLIP_CLOCK)
    return encoder


def _jpeg(image: ImageArray, quality: int = _QUALITY) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def _allow_seconds(seconds: float) -> None:
    """Processor time for the task that comes; the kernel ends the process when it is used up."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


if __name__ == "__main__":
    main()
