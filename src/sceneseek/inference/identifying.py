"""From a path to the media that lie there: what a file is, when it was taken, and by which camera.

Whatever a folder holds is either a medium, or named as a problem, or counted as left alone.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

from sceneseek.errors import ArchiveError, PictureError, VideoError
from sceneseek.file_kinds import kind_in_words
from sceneseek.inference.archives import MAX_PHOTO_BYTES, MAX_VIDEO_BYTES, Archive, Member
from sceneseek.inference.cameras import CameraPattern
from sceneseek.inference.capture_times import Moment, exif_moment, first_known, metadata_moment, name_moment
from sceneseek.inference.content_keys import blocks_of, hashed, key_of_stream
from sceneseek.inference.contents import HEAD_BYTES, Kind, kind_by_name, settled
from sceneseek.inference.omissions import Tally, system_part
from sceneseek.inference.places import stream_source
from sceneseek.pictures import ExifTags, begins_as_picture, camera_of, exif_tags, picture_size
from sceneseek.structures import MediaItem, MediaProblem

if TYPE_CHECKING:
    from sceneseek.inference.containers import VideoFacts

Found = MediaItem | MediaProblem | None
"""A medium, a problem, or ``None`` at each block that is read."""


@dataclass(frozen=True)
class Circumstances:
    """What the user knows about the media that the files do not say, and what is left alone meanwhile.

    Attributes:
        camera: Which camera took them all.
        camera_from: Where their paths name the camera; where they do not, ``camera`` or EXIF do.
        zone: The time zone of clocks that write none; ``None`` for this machine's.
        system_folders: Whether hidden files, and folders that systems keep for themselves, are looked into.
        tally: Counts what is left alone.
    """

    camera: str | None = None
    camera_from: CameraPattern | None = None
    zone: tzinfo | None = None
    system_folders: bool = False
    tally: Tally = field(default_factory=Tally)

    def camera_at(self, source: str) -> str | None:
        """The camera that a path, or the user, names."""
        named = self.camera_from.camera_of(source) if self.camera_from else None
        return named or self.camera


def media_in_file(path: str, named: bool, known: Circumstances) -> Iterator[Found]:
    """Say what a file is.

    Args:
        path: The file.
        named: Whether the user named it, and so wants to know why it is none; else it is counted where it is none.
        known: What the user knows.
    """
    by_name = kind_by_name(path)
    if not os.path.isfile(path):  # a pipe or a device would block its reader for ever
        if by_name is not None or named:
            yield MediaProblem(path, "This is no regular file, or a link to nothing; expected a photograph or a video.")
        else:
            known.tally.leave_file(path)
        return
    try:
        if os.path.getsize(path) == 0:
            if named or by_name in ("photo", "video", "picture not read", "archive not read"):
                yield MediaProblem(path, "The file is empty (0 bytes).")
            else:
                known.tally.leave_file(path)
            return
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
            kind = _looked_into(path, named, settled(path, head))
            if kind in ("photo", "video"):
                blocks = itertools.chain([head], blocks_of(file))
                key = yield from hashed(os.fstat(file.fileno()).st_size, blocks)
    except OSError as error:
        yield MediaProblem(path, f"The file cannot be read ({error.strerror or error}).")
        return
    if kind == "photo":
        yield _photo_item(path, key, path, known)
    elif kind == "video":
        yield from _video_items(path, key, path, known)
    else:
        yield from _not_read(path, path, named, kind, known)


def media_in_archive(path: str, named: bool, known: Circumstances) -> Iterator[Found]:
    """The media in an archive; everything else in it is counted, or named where it may hold media."""
    try:
        archive = Archive(path)
    except ArchiveError as error:
        yield MediaProblem(path, str(error).removeprefix(f"{path}: "))
        return
    found = False
    for member in archive.members:
        yield None
        source = f"{path}/{member.name}"
        if not member.problem and _is_left_alone(source, member.name, known):
            continue
        try:
            for item in _member(archive, member, source, known):
                found = found or item is not None
                yield item
        except ArchiveError as error:
            found = True
            yield MediaProblem(source, str(error).removeprefix(f"{source}: "))
    known.tally.files.update({"links in archives": archive.num_links} if archive.num_links else {})
    if named and not found:
        yield MediaProblem(path, "The archive holds no photograph and no video.")


def _is_left_alone(source: str, name: str, known: Circumstances) -> bool:
    """Whether a member lies in a folder that a system keeps for itself, or is hidden; it is counted then."""
    if known.system_folders:
        return False
    parts = PurePath(name).parts
    place = system_part(parts)
    if place is not None:
        known.tally.leave_folder(source[: len(source) - len(name)] + "/".join(parts[: place + 1]))
    elif parts[-1].startswith("."):
        if kind_by_name(name) is not None:
            known.tally.leave_file(name, hidden=True)
    else:
        return False
    return True


def _member(archive: Archive, member: Member, source: str, known: Circumstances) -> Iterator[Found]:
    by_name = kind_by_name(member.name)
    if by_name in ("archive", "archive not read"):
        yield MediaProblem(source, f"This is an archive in an archive, which is not read; unpack {archive.path} first.")
    elif member.problem or member.size == 0:
        if by_name in (None, "sidecar"):
            known.tally.leave_file(member.name)
        elif member.problem:
            yield MediaProblem(source, f"It cannot be read: {member.problem}.")
        else:
            yield MediaProblem(source, "The file is empty (0 bytes).")
    else:
        yield from _readable_member(archive, member, source, known)


def _readable_member(archive: Archive, member: Member, source: str, known: Circumstances) -> Iterator[Found]:
    # Read forwards and once: going back in a compressed archive means to begin anew.
    blocks = archive.blocks(member.name, MAX_VIDEO_BYTES)
    first = next(blocks, b"")
    kind = settled(member.name, first[:HEAD_BYTES])
    if kind == "photo":
        if member.size > MAX_PHOTO_BYTES:
            raise ArchiveError(
                f"{source}: it is larger than the {MAX_PHOTO_BYTES:,} bytes that are read of a photograph."
            )
        contents = first + b"".join(blocks)
        key = yield from hashed(member.size, [contents])
        yield _photo_item(source, key, contents, known)
    elif kind == "video":
        key = yield from hashed(member.size, itertools.chain([first], blocks))
        # What a video says of itself is not asked here: it would have to be unpacked once more.
        began = name_moment(source, known.zone)
        unasked = Moment(None, "in an archive, a video is dated by its name alone, and this one names no time")
        began = first_known(lambda: began, lambda: unasked)
        yield MediaItem(source, "video", key, known.camera_at(source), began.at, doubt=began.sentence)
    else:
        del blocks  # it holds the archive
        yield from _not_read(source, member.name, False, kind, known)


def _looked_into(path: str, named: bool, kind: Kind | None) -> Kind | None:
    """What a file is, where its name does not say it: looked into by those who would read it."""
    if kind_by_name(path) is not None and not (named and kind in (None, "sidecar")):
        return kind
    if kind not in ("photo", "video") and not named:
        return kind
    try:
        picture_size(path)
    except PictureError:
        from sceneseek.inference.containers import has_video

        if begins_as_picture(path):
            return "photo"  # a damaged one, which says so when it is read
        return "video" if has_video(path) else kind if kind not in ("photo", "video") else None
    from sceneseek.inference.containers import is_film_of_pictures

    return "video" if is_film_of_pictures(path) else "photo"


def _not_read(source: str, name: str, named: bool, kind: Kind | None, known: Circumstances) -> Iterator[Found]:
    suffix = PurePath(name).suffix
    if kind == "picture not read":
        what = f"{suffix} files are" if suffix else "Pictures of this format are"
        yield MediaProblem(source, f"{what} not read; save it as JPEG or PNG.")
    elif kind == "archive not read":
        what = f"{suffix} archives are" if suffix else "Archives of this format are"
        yield MediaProblem(source, f"{what} not read; unpack this one and index its contents.")
    elif kind == "archive":
        yield MediaProblem(source, "This looks like a zip archive without its ending; name it .zip to have it read.")
    elif named:
        with open(source, "rb") as file:
            what = kind_in_words(file.read(HEAD_BYTES))
        yield MediaProblem(source, f"This is {what}, neither a picture nor a video in a known format.")
    else:
        known.tally.leave_file(name)


def _photo_item(source: str, key: str, contents: str | bytes, known: Circumstances) -> MediaItem:
    tags = exif_tags(contents)
    taken = first_known(lambda: exif_moment(tags, known.zone), lambda: name_moment(source, known.zone))
    camera = known.camera_at(source) or _device(tags)
    return MediaItem(source, "photo", key, camera, taken.at, doubt=taken.sentence)


def _device(tags: ExifTags) -> str | None:
    """What EXIF calls the device: no name that anybody gave to a camera, and told apart from those that are."""
    named = camera_of(tags)
    return None if named is None else f"{named} (EXIF)"


def _video_items(source: str, key: str, path: str, known: Circumstances) -> Iterator[MediaItem]:
    """One item per video in a file; a file that cannot be opened is one, whose frames will say why."""
    from sceneseek.inference.containers import facts_of

    facts: list[VideoFacts | None]
    try:
        facts = [*facts_of(path)]
    except VideoError:
        facts = [None]
    camera = known.camera_at(source)
    for stream, fact in enumerate(facts):
        # Recorders name files after the beginning; what lies inside is often the moment of export.
        metadata = {} if fact is None else fact.metadata
        began = first_known(lambda: name_moment(source, known.zone), partial(metadata_moment, metadata, known.zone))
        yield MediaItem(
            source=stream_source(source, stream),
            kind="video",
            content_key=key_of_stream(key, stream),
            camera_id=camera if camera is None or len(facts) == 1 else f"{camera} video {stream + 1}",
            captured_at=began.at,
            duration_s=None if fact is None else fact.duration_s,
            frame_rate=None if fact is None else fact.frame_rate,
            doubt=began.sentence,
        )
