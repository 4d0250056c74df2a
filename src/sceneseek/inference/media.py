"""Photographs, videos, archives and live sources to frames, one at a time.

A folder may hold anything: what cannot be used is reported as a ``MediaProblem``, what is left alone is counted, and
the rest goes on. Frames are made when they are asked for, so memory stays flat however long a video is.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from sceneseek import words
from sceneseek.errors import ArchiveError, PictureError, ValueRefused
from sceneseek.inference.archives import is_archive
from sceneseek.inference.cameras import CameraPattern
from sceneseek.inference.content_keys import content_key, content_key_now
from sceneseek.inference.identifying import Circumstances, Found, media_in_archive, media_in_file
from sceneseek.inference.places import Place
from sceneseek.inference.walking import files_under, is_within, led_out
from sceneseek.pictures import read_picture
from sceneseek.structures import Frame, MediaItem, MediaNote, MediaProblem

if TYPE_CHECKING:
    from sceneseek.inference.sampling import SceneChange
    from sceneseek.inference.streams import Listening

__all__ = ["content_key", "content_key_now", "discover", "discover_now", "frames_of", "is_address", "is_there"]


def discover(
    paths: str | Path | Iterable[str | Path],
    *,
    camera: str | None = None,
    camera_from: CameraPattern | str | None = None,
    zone: tzinfo | None = None,
    recursive: bool = True,
    archives: bool = True,
    system_folders: bool = False,
    within: Sequence[str | Path] | None = None,
) -> Iterator[MediaItem | MediaProblem]:
    """Find photographs, videos and live sources, in a deterministic order, each file once.

    Folders are walked in the order of their names. What a file is, its name says, or its first bytes where no name is
    known. Hidden files and folders, and folders that systems keep for themselves (thumbnails, recycle bins, snapshots),
    are left out unless they were named directly. A file with several videos is several items, whose sources end in
    ``#video-2`` and so on; those in archives have sources such as ``monday.zip/door/a.mp4``.

    Args:
        paths: Files, folders, patterns (``"footage/**/*.mp4"``), archives, and addresses (``rtsp://``, ``http://``,
            ``https://``).
        camera: Which camera took them all; without it, a photograph's own EXIF names make and model.
        camera_from: Where the paths name the camera, such as ``"{camera}/*"``; see ``CameraPattern``.
        zone: The time zone of clocks that write none; ``None`` for this machine's.
        recursive: Whether to look into folders within folders.
        archives: Whether to look into archives within folders; those named directly are always looked into.
        system_folders: Whether to look into hidden files and folders, and those that systems keep for themselves.
        within: The only folders whose files are opened, links followed; a link that leads out is a problem. ``None``
            for everywhere.

    Yields:
        A ``MediaItem`` per usable file, a ``MediaProblem`` per file that looks like media and is not, or was named and
        is not there; at the end, a ``PassedOver`` that counts everything else, if there was anything.

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
        system_folders=system_folders,
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
    system_folders: bool = False,
    within: Sequence[str | Path] | None = None,
) -> Iterator[MediaItem | MediaProblem | None]:
    """``discover`` entry by entry, for those who want to say that they are still at work, or to stop.

    Yields:
        Also ``None``: at each folder, file and member of an archive that is looked at, and at each block that is read
        of it.
    """
    pattern = CameraPattern(camera_from) if isinstance(camera_from, str) else camera_from
    known = Circumstances(camera, pattern, zone, system_folders)
    folders = None if within is None else [os.path.realpath(folder) for folder in within]
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    seen: set[str] = set()
    for path in given:
        yield from _below(path, known, folders, seen, recursive=recursive, archives=archives)
    note = known.tally.note(os.path.abspath(Path(given[0]).expanduser())) if given else None
    if note is not None:
        yield note


def _below(
    given: str | Path,
    known: Circumstances,
    folders: Sequence[str] | None,
    seen: set[str],
    *,
    recursive: bool,
    archives: bool,
) -> Iterator[Found]:
    """The media below one path; ``seen`` holds the files that were met before."""
    if is_address(str(given)):
        from sceneseek.inference.streams import live_item

        yield live_item(str(given), known.camera_at(str(given)))
        return
    if words.is_address(str(given)) and not os.path.lexists(given):
        expected = "expected rtsp://, rtsps://, http:// or https://, or a path"
        yield MediaProblem(words.without_password(str(given)), f"Addresses of this kind are not read; {expected}.")
        return
    tally = None if known.system_folders else known.tally
    for path, named in files_under(Path(given).expanduser(), recursive, folders, tally):
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
        elif is_archive(path) and not (named or archives):
            known.tally.leave_file(path)
        elif is_archive(path):
            yield from media_in_archive(path, named, known)
        else:
            yield from media_in_file(path, named, known)


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
