"""Photographs, videos, archives and live sources to frames, one at a time.

A folder may hold anything: what cannot be used is reported as a ``MediaProblem`` and the rest goes on. Frames are made
when they are asked for, so memory stays flat however long a video is.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sceneseek import words
from sceneseek.errors import ArchiveError, PictureError, ValueRefused, VideoError
from sceneseek.inference import capture_times
from sceneseek.inference.archives import MAX_VIDEO_BYTES, SHELF, Archive, Member, is_archive
from sceneseek.inference.cameras import CameraPattern
from sceneseek.inference.places import Place, stream_source
from sceneseek.inference.walking import files_under, is_within, led_out
from sceneseek.pictures import (
    ExifTags,
    begins_as_picture,
    camera_of,
    exif_tags,
    has_picture_suffix,
    picture_size,
    read_picture,
)
from sceneseek.structures import Frame, MediaItem, MediaNote, MediaProblem

if TYPE_CHECKING:
    from sceneseek.inference.sampling import SceneChange
    from sceneseek.inference.streams import Listening
    from sceneseek.inference.video import VideoFacts

VIDEO_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp",
    ".ogv", ".mxf", ".h264", ".h265", ".hevc", ".dav",
})  # fmt: skip
"""File names that promise a video, in lower case."""

FOREIGN_SUFFIXES = frozenset({
    ".jp2", ".jxl", ".psd", ".svg", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2",
    ".raf", ".wma", ".rm", ".rmvb", ".vob", ".exr", ".hdr", ".ico",
})  # fmt: skip
"""Pictures and films in formats that are not read; they are reported, since a user would miss them."""

_READ_BLOCK = 1 << 20


@dataclass(frozen=True)
class Circumstances:
    """What the user knows about the media that the files do not say.

    Attributes:
        camera: Which camera took them all.
        camera_from: Where their paths name the camera; where they do not, ``camera`` or EXIF do.
        zone: The time zone of clocks that write none; ``None`` for this machine's.
    """

    camera: str | None = None
    camera_from: CameraPattern | None = None
    zone: tzinfo | None = None

    def camera_at(self, source: str) -> str | None:
        """The camera that a path, or the user, names."""
        named = self.camera_from.camera_of(source) if self.camera_from else None
        return named or self.camera


def discover(
    paths: str | Path | Iterable[str | Path],
    *,
    camera: str | None = None,
    camera_from: CameraPattern | str | None = None,
    zone: tzinfo | None = None,
    recursive: bool = True,
    archives: bool = True,
    within: Sequence[str | Path] | None = None,
) -> Iterator[MediaItem | MediaProblem]:
    """Find photographs, videos and live sources, in a deterministic order, each file once.

    Folders are walked in the order of their names. Hidden files and folders are skipped, and so are files that do not
    look like media by name, unless they were named directly. A file with several videos is several items, whose
    sources end in ``#video-2`` and so on; those in archives have sources such as ``monday.zip/door/a.mp4``.

    Args:
        paths: Files, folders, patterns (``"footage/**/*.mp4"``), archives, and addresses (``rtsp://``, ``http://``,
            ``https://``).
        camera: Which camera took them all; without it, a photograph's own EXIF names make and model.
        camera_from: Where the paths name the camera, such as ``"{camera}/*"``; see ``CameraPattern``.
        zone: The time zone of clocks that write none; ``None`` for this machine's.
        recursive: Whether to look into folders within folders.
        archives: Whether to look into archives within folders; those named directly are always looked into.
        within: The only folders whose files are opened, links followed; a link that leads out is a problem. ``None``
            for everywhere.

    Yields:
        A ``MediaItem`` per usable file, a ``MediaProblem`` per file that looks like media and is not, or was named and
        is not there.

    Raises:
        ValueRefused: ``camera_from`` is no pattern.
    """
    found = discover_now(
        paths,
        camera=camera,
        camera_from=camera_from,
        zone=zone,
        recursive=recursive,
        archives=archives,
        within=within,
    )
    yield from (item for item in found if item is not None)


def discover_now(
    paths: str | Path | Iterable[str | Path],
    *,
    camera: str | None = None,
    camera_from: CameraPattern | str | None = None,
    zone: tzinfo | None = None,
    recursive: bool = True,
    archives: bool = True,
    within: Sequence[str | Path] | None = None,
) -> Iterator[MediaItem | MediaProblem | None]:
    """``discover`` entry by entry, for those who want to say that they are still at work, or to stop.

    Yields:
        Also ``None``: at each folder, file and member of an archive that is looked at, and at each block that is read
        of it.
    """
    pattern = CameraPattern(camera_from) if isinstance(camera_from, str) else camera_from
    known = Circumstances(camera, pattern, zone)
    folders = None if within is None else [os.path.realpath(folder) for folder in within]
    seen: set[str] = set()
    for given in [paths] if isinstance(paths, str | Path) else paths:
        if is_address(str(given)):
            from sceneseek.inference.streams import live_item

            yield live_item(str(given), known.camera_at(str(given)))
            continue
        if words.is_address(str(given)) and not os.path.lexists(given):
            expected = "expected rtsp://, rtsps://, http:// or https://, or a path"
            yield MediaProblem(words.without_password(str(given)), f"Addresses of this kind are not read; {expected}.")
            continue
        for path, named in files_under(Path(given).expanduser(), recursive, folders):
            yield None
            if path is None:
                continue
            if isinstance(path, MediaProblem):
                yield path
                continue
            # A file reached twice, by two patterns or through a link, is one file.
            identity = os.path.realpath(path)
            if identity in seen:
                continue
            seen.add(identity)
            if not is_within(identity, folders):
                yield led_out(path)
                continue
            if is_archive(path) and (named or archives):
                yield from _in_archive(path, named, known)
            else:
                yield from _identify(path, named, known)


def is_address(text: str) -> bool:
    """Whether a text is the address of a live source and not a path."""
    return text.lower().startswith(("rtsp://", "rtsps://", "http://", "https://"))


def frames_of(
    item: MediaItem,
    *,
    every_s: float = 1.0,
    start_index: int = 0,
    on_change: SceneChange | None = None,
    listening: Listening | None = None,
) -> Iterator[Frame | MediaProblem]:
    """Decode the frames of one photograph, video or live source.

    Args:
        item: What ``discover`` found.
        every_s: Seconds of video between two frames; 0 takes every frame. The frame nearest after each multiple is
            taken, by the video's own clock, so a variable frame rate does not matter.
        start_index: Frames of a video with a smaller index are passed over: those an earlier run has done already.
            The file is entered at a key frame before it where the container allows.
        on_change: Takes a frame whenever the scene has changed, in place of one each ``every_s`` seconds.
        listening: How long to listen to a live source, and what to do when it falls silent.

    Yields:
        Frames in order of time. A file that is damaged, or cut in the middle, yields what can be decoded and then a
        ``MediaProblem``.
    """
    if not (every_s >= 0 and math.isfinite(every_s)):
        raise ValueRefused(f"every_s is {every_s}; expected seconds, zero or more.")
    if item.kind == "photo":
        yield from _photograph(item, start_index)
    elif item.kind == "stream":
        from sceneseek.inference.streams import live_frames

        yield from live_frames(item, every_s, on_change, listening)
    else:
        from sceneseek.inference.video import video_frames

        yield from video_frames(item, every_s, start_index, on_change)


def is_there(source: str) -> bool:
    """Whether the file, or the member of an archive, that a source names can be opened still."""
    return not is_address(source) and Place.of(source).is_there


def content_key(path: str | Path) -> str:
    """A hash of a file's size and contents: equal for equal files, whatever they are called.

    Raises:
        OSError: The file cannot be read.
    """
    with open(path, "rb") as file:
        return _key_of(os.fstat(file.fileno()).st_size, _blocks(file))


def content_key_now(source: str) -> Generator[None, None, str]:
    """The content key that ``discover`` would give to a source now, block by block: a day of video takes a while.

    Yields:
        After each block, so that the caller can say that it is still at work.

    Returns:
        The key.

    Raises:
        OSError: The file cannot be read.
        ArchiveError: The member of an archive cannot be read.
    """
    place = Place.of(source)
    if place.member is None:
        with open(place.path, "rb") as file:
            key = yield from _hashed(os.fstat(file.fileno()).st_size, _blocks(file))
    else:
        archive = SHELF.open(place.path)
        size = next((member.size for member in archive.members if member.name == place.member), 0)
        key = yield from _hashed(size, archive.blocks(place.member, MAX_VIDEO_BYTES))
    return _key_of_stream(key, place.stream)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(_READ_BLOCK):
        yield block


def _key_of(size: int, blocks: Iterable[bytes]) -> str:
    hashing = _hashed(size, blocks)
    while True:
        try:
            next(hashing)
        except StopIteration as end:
            return str(end.value)


def _hashed(size: int, blocks: Iterable[bytes]) -> Generator[None, None, str]:
    digest = hashlib.blake2b(size.to_bytes(8, "little"), digest_size=20)
    for block in blocks:
        digest.update(block)
        yield
    return digest.hexdigest()


def _key_of_stream(key: str, stream: int) -> str:
    return key if stream == 0 else f"{key}-{stream + 1}"


def _identify(path: str, named: bool, known: Circumstances) -> Iterator[MediaItem | MediaProblem | None]:
    """Say what a file is, or nothing when it does not look like media and nobody asked for it."""
    kind = _kind_by_name(path)
    if kind is None and not named:
        return
    if not os.path.isfile(path):  # a pipe or a device would block its reader for ever
        yield MediaProblem(path, "This is no regular file, or a link to nothing; expected a photograph or a video.")
        return
    try:
        if os.path.getsize(path) == 0:
            yield MediaProblem(path, "The file is empty (0 bytes).")
            return
        if kind == "foreign":
            yield MediaProblem(path, _foreign(path))
            return
        if Path(path).suffix.lower() == ".ts" and not _is_transport_stream(path) and not named:
            return
        kind = kind or _kind_by_content(path)
        if kind is None:
            yield MediaProblem(path, "This is neither a picture nor a video in a known format.")
            return
        with open(path, "rb") as file:
            key = yield from _hashed(os.fstat(file.fileno()).st_size, _blocks(file))
    except OSError as error:
        yield MediaProblem(path, f"The file cannot be read ({error.strerror or error}).")
        return
    if kind == "photo":
        yield _photo_item(path, key, path, known)
    else:
        yield from _video_items(path, key, path, known)


def _in_archive(path: str, named: bool, known: Circumstances) -> Iterator[MediaItem | MediaProblem | None]:
    """The media in an archive; everything else in it is left alone."""
    try:
        archive = Archive(path)
    except ArchiveError as error:
        yield MediaProblem(path, str(error).removeprefix(f"{path}: "))
        return
    found = False
    for member in archive.members:
        yield None
        kind = _kind_by_name(member.name)
        hidden = any(part == "__MACOSX" or part.startswith(".") for part in Path(member.name).parts)
        if kind is None or (hidden and not member.problem):
            continue
        found = True
        try:
            yield from _member(archive, member, kind, known)
        except ArchiveError as error:
            source = f"{path}/{member.name}"
            yield MediaProblem(source, str(error).removeprefix(f"{source}: "))
    if named and not found:
        yield MediaProblem(path, "The archive holds no photograph and no video.")


def _member(
    archive: Archive, member: Member, kind: str, known: Circumstances
) -> Iterator[MediaItem | MediaProblem | None]:
    source = f"{archive.path}/{member.name}"
    if member.problem:
        yield MediaProblem(source, f"It cannot be read: {member.problem}.")
    elif kind == "foreign":
        yield MediaProblem(source, _foreign(member.name))
    elif member.size == 0:
        yield MediaProblem(source, "The file is empty (0 bytes).")
    elif kind == "photo":
        contents = archive.read(member.name)
        yield _photo_item(source, _key_of(member.size, [contents]), contents, known)
    else:
        key = yield from _hashed(member.size, archive.blocks(member.name, MAX_VIDEO_BYTES))
        # What a video says of itself is not asked here: it would have to be unpacked once more.
        began = capture_times.from_name(source, known.zone)
        yield MediaItem(source, "video", key, known.camera_at(source), began)


def _photo_item(source: str, key: str, contents: str | bytes, known: Circumstances) -> MediaItem:
    tags = exif_tags(contents)
    taken = capture_times.from_exif(tags, known.zone) or capture_times.from_name(source, known.zone)
    return MediaItem(source, "photo", key, known.camera_at(source) or _device(tags), taken)


def _device(tags: ExifTags) -> str | None:
    """What EXIF calls the device: no name that anybody gave to a camera, and told apart from those that are."""
    named = camera_of(tags)
    return None if named is None else f"{named} (EXIF)"


def _video_items(source: str, key: str, path: str, known: Circumstances) -> Iterator[MediaItem]:
    """One item per video in a file; a file that cannot be opened is one, whose frames will say why."""
    from sceneseek.inference.video import facts_of

    facts: list[VideoFacts | None]
    try:
        facts = [*facts_of(path)]
    except VideoError:
        facts = [None]
    camera = known.camera_at(source)
    for stream, fact in enumerate(facts):
        # Recorders name files after the beginning; what lies inside is often the moment of export.
        began = capture_times.from_name(source, known.zone)
        if began is None and fact is not None:
            began = capture_times.from_metadata(fact.metadata)
        yield MediaItem(
            source=stream_source(source, stream),
            kind="video",
            content_key=_key_of_stream(key, stream),
            camera_id=camera if camera is None or len(facts) == 1 else f"{camera} video {stream + 1}",
            captured_at=began,
            duration_s=None if fact is None else fact.duration_s,
            frame_rate=None if fact is None else fact.frame_rate,
        )


def _foreign(name: str) -> str:
    return f"{Path(name).suffix} files are not read; save it as JPEG or PNG, or as MP4 for a video."


def _kind_by_name(path: str) -> str | None:
    suffix = Path(path).suffix.lower()
    if has_picture_suffix(path):
        return "photo"
    if suffix in VIDEO_SUFFIXES:
        return "video"
    return "foreign" if suffix in FOREIGN_SUFFIXES else None


def _kind_by_content(path: str) -> str | None:
    try:
        picture_size(path)
    except PictureError:
        from sceneseek.inference.video import has_video

        if begins_as_picture(path):
            return "photo"  # a damaged one, which says so when it is read
        return "video" if has_video(path) else None
    return "photo"


def _is_transport_stream(path: str) -> bool:
    """MPEG transport streams share their suffix with TypeScript, but not their first byte."""
    with open(path, "rb") as file:
        return file.read(1) == b"\x47"


def _photograph(item: MediaItem, start_index: int) -> Iterator[Frame | MediaProblem]:
    if start_index > 0:
        return
    remarks: list[str] = []
    try:
        image = read_picture(Place.of(item.source).picture(), remark=remarks.append)
    except (PictureError, ArchiveError) as error:
        reason = str(error)
        for name in (item.source, "picture"):
            reason = reason.removeprefix(f"{name}: ")
        yield MediaProblem(item.source, reason)
        return
    yield Frame(image, item.source, camera_id=item.camera_id, captured_at=item.captured_at)
    if remarks:
        yield MediaNote(item.source, f"The picture was read, but {'; '.join(remarks)}.")
