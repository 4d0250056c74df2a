"""Photographs and video files to frames, one at a time.

A folder may hold anything: what cannot be used is reported as a ``MediaProblem`` and the rest goes on. Frames are made
when they are asked for, so memory stays flat however long a video is.
"""

from __future__ import annotations

import glob
import hashlib
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from sceneseek.errors import PictureError, ValueRefused
from sceneseek.pictures import camera_of, has_picture_suffix, picture_size, read_picture
from sceneseek.structures import Frame, MediaItem, MediaProblem

VIDEO_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp",
    ".ogv", ".mxf", ".h264", ".h265", ".hevc", ".dav",
})  # fmt: skip
"""File names that promise a video, in lower case."""

FOREIGN_SUFFIXES = frozenset({
    ".heic", ".heif", ".jp2", ".jxl", ".psd", ".svg", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2",
    ".raf", ".wma", ".rm", ".rmvb", ".vob", ".exr", ".hdr", ".ico",
})  # fmt: skip
"""Pictures and films in formats that are not read; they are reported, since a user would miss them."""

_READ_BLOCK = 1 << 20


def discover(
    paths: str | Path | Iterable[str | Path], *, camera: str | None = None, recursive: bool = True
) -> Iterator[MediaItem | MediaProblem]:
    """Find photographs and videos, in a deterministic order, each file once.

    Folders are walked in the order of their names. Hidden files and folders are skipped, and so are files that do not
    look like media by name, unless they were named directly.

    Args:
        paths: Files, folders, and patterns (``"footage/**/*.mp4"``).
        camera: Which camera took them all; without it, a photograph's own EXIF names make and model.
        recursive: Whether to look into folders within folders.

    Yields:
        A ``MediaItem`` per usable file, a ``MediaProblem`` per file that looks like media and is not, or was named and
        is not there.
    """
    seen: set[str] = set()
    for given in [paths] if isinstance(paths, str | Path) else paths:
        for path, named in _files_of(Path(given).expanduser(), recursive):
            if isinstance(path, MediaProblem):
                yield path
                continue
            # A file reached twice, by two patterns or through a link, is one file.
            identity = os.path.realpath(path)
            if identity in seen:
                continue
            seen.add(identity)
            found = _identify(path, named, camera)
            if found is not None:
                yield found


def frames_of(item: MediaItem, *, every_s: float = 1.0, start_index: int = 0) -> Iterator[Frame | MediaProblem]:
    """Decode the frames of one photograph or video.

    Args:
        item: What ``discover`` found.
        every_s: Seconds of video between two frames; 0 takes every frame. The frame nearest after each multiple is
            taken, by the video's own clock, so a variable frame rate does not matter.
        start_index: Frames of a video with a smaller index are passed over: those an earlier run has done already.
            The file is entered at a key frame before it where the container allows.

    Yields:
        Frames in order of time. A file that is damaged, or cut in the middle, yields what can be decoded and then a
        ``MediaProblem``.
    """
    if not (every_s >= 0 and math.isfinite(every_s)):
        raise ValueRefused(f"every_s is {every_s}; expected seconds, zero or more.")
    if item.kind == "photo":
        yield from _photograph(item, start_index)
    else:
        from sceneseek.inference.video import video_frames

        yield from video_frames(item, every_s, start_index)


def content_key(path: str | Path) -> str:
    """A hash of a file's size and contents: equal for equal files, whatever they are called.

    Raises:
        OSError: The file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=20)
    with open(path, "rb") as file:
        digest.update(os.fstat(file.fileno()).st_size.to_bytes(8, "little"))
        while block := file.read(_READ_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _files_of(given: Path, recursive: bool) -> Iterator[tuple[str | MediaProblem, bool]]:
    """Files under one name the user gave, each with whether it was named itself, and what went wrong on the way."""
    text = os.path.abspath(given)
    if os.path.isfile(text):
        yield text, True
    elif os.path.isdir(text):
        yield from ((path, False) for path in _walk(text, recursive))
    elif glob.has_magic(text) and (matches := sorted(glob.glob(text, recursive=True))):
        for match in matches:
            if os.path.isdir(match):
                yield from ((path, False) for path in _walk(match, recursive))
            else:
                yield match, False
    elif os.path.lexists(text):
        kind = "a link to nothing" if os.path.islink(text) else "neither a file nor a folder"
        yield MediaProblem(text, f"This is {kind}; expected a photograph, a video or a folder."), True
    else:
        what = "Nothing matches this pattern" if glob.has_magic(text) else "There is no such file or folder"
        yield MediaProblem(text, f"{what}; check the spelling."), True


def _walk(folder: str, recursive: bool) -> Iterator[str | MediaProblem]:
    problems: list[MediaProblem] = []
    visited: set[str] = set()

    def refused(error: OSError) -> None:
        problems.append(MediaProblem(str(error.filename), f"The folder cannot be read ({error.strerror})."))

    for parent, children, names in os.walk(folder, onerror=refused, followlinks=True):
        # Links may lead back up: a folder is entered once, whatever it is called.
        visited.add(os.path.realpath(parent))
        children[:] = sorted(
            name
            for name in children
            if recursive and not name.startswith(".") and os.path.realpath(os.path.join(parent, name)) not in visited
        )
        yield from problems
        problems.clear()
        yield from (os.path.join(parent, name) for name in sorted(names) if not name.startswith("."))
    yield from problems


def _identify(path: str, named: bool, camera: str | None) -> MediaItem | MediaProblem | None:
    """Say what a file is, or nothing when it does not look like media and nobody asked for it."""
    kind = _kind_by_name(path)
    if kind is None and not named:
        return None
    if not os.path.isfile(path):  # a pipe or a device would block its reader for ever
        return MediaProblem(path, "This is no regular file, or a link to nothing; expected a photograph or a video.")
    try:
        if os.path.getsize(path) == 0:
            return MediaProblem(path, "The file is empty (0 bytes).")
        if kind == "foreign":
            return MediaProblem(
                path, f"{Path(path).suffix} files are not read; save it as JPEG or PNG, or as MP4 for a video."
            )
        if Path(path).suffix.lower() == ".ts" and not _is_transport_stream(path) and not named:
            return None
        kind = kind or _kind_by_content(path)
        if kind is None:
            return MediaProblem(path, "This is neither a picture nor a video in a known format.")
        key = content_key(path)
    except OSError as error:
        return MediaProblem(path, f"The file cannot be read ({error.strerror or error}).")
    if camera is None and kind == "photo":
        camera = camera_of(path)
    return MediaItem(source=path, kind=kind, content_key=key, camera_id=camera)


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

        return "video" if has_video(path) else None
    return "photo"


def _is_transport_stream(path: str) -> bool:
    """MPEG transport streams share their suffix with TypeScript, but not their first byte."""
    with open(path, "rb") as file:
        return file.read(1) == b"\x47"


def _photograph(item: MediaItem, start_index: int) -> Iterator[Frame | MediaProblem]:
    if start_index > 0:
        return
    try:
        image = read_picture(item.source)
    except PictureError as error:
        yield MediaProblem(item.source, str(error).removeprefix(f"{item.source}: "))
        return
    yield Frame(image, item.source, camera_id=item.camera_id)
