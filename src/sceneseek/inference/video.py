"""Video files to frames, by the video's own clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

import av

from sceneseek.errors import ArchiveError, VideoError
from sceneseek.inference.containers import reason_of
from sceneseek.inference.decoding import Footage, Moment
from sceneseek.inference.places import Place
from sceneseek.inference.sampling import ByClock, OnChange, Sampler, SceneChange
from sceneseek.inference.wholeness import damaged_at, ending_of
from sceneseek.structures import Frame, MediaItem, MediaNote, MediaProblem
from sceneseek.words import counted

_WITHOUT_AN_END = frozenset({"mpegts", "mpeg", "h264", "hevc", "mpegvideo", "m4v", "mjpeg", "mpjpeg"})
"""Formats that do not tell where they end; their last picture does."""

_CUT_S, _CUT_SHARE = 1.0, 0.02
# A video whose last frame comes this much before its stated end is called cut, where its container cannot tell.


def video_frames(
    item: MediaItem, every_s: float, start_index: int, on_change: SceneChange | None = None
) -> Iterator[Frame | MediaProblem]:
    """Decode and sample one video; see ``media.frames_of``."""
    trouble = _Trouble()
    footage: Footage | None = None
    try:
        place = Place.of(item.source)
        with place.file() as path:
            footage = Footage.read(path, place.stream)
            if place.member is not None and place.stream == 0 and footage.others:
                trouble.sentences.append(
                    f"The file holds {counted(footage.others, 'more video')}; in an archive, the first is read. Unpack "
                    "the archive for the rest."
                )
            yield from _sampled(item, footage, every_s, start_index, on_change)
            trouble.look_at_end(footage)
    except (VideoError, ArchiveError) as error:
        trouble.note(str(error).removeprefix(f"{item.source}: "), footage)
    except (av.error.FFmpegError, OSError, MemoryError) as error:
        trouble.note(f"Decoding stopped ({reason_of(error)}).", footage)
    if trouble.sentences:
        yield MediaProblem(item.source, " ".join(trouble.sentences))
    if footage is not None and (doubts := (*footage.timeline.remarks, *footage.course.remarks)):
        yield MediaNote(item.source, " ".join(doubts))


@dataclass
class _Trouble:
    """What went wrong with one video."""

    sentences: list[str] = field(default_factory=list)

    def note(self, sentence: str, footage: Footage | None) -> None:
        """Decoding ended here."""
        frames = footage.course.frames if footage is not None else 0
        came = f" The {counted(frames, 'frame')} before {'was' if frames == 1 else 'were'} used." if frames else ""
        self.sentences.append(sentence + came)

    def look_at_end(self, footage: Footage) -> None:
        """After the last frame: was it the last one that the file promised, and is nothing damaged?"""
        course = footage.course
        if course.damaged:
            self.sentences.append(f"{course.damaged} damaged part(s) could not be decoded and were passed over.")
        if not len(footage.timeline) and not course.frames:
            self.sentences.append("The video holds no picture that could be decoded. Copy it again from its source.")
            return
        ending = ending_of(footage.path, footage.container)
        if ending.second_at is not None:
            self.sentences.append(
                f"At byte {ending.second_at:,} a second recording begins that no reader of the file gets to: files of "
                "this kind cannot be joined by copying. Split it there to have the second one read."
            )
        if _is_cut(footage, ending.is_whole):
            self.sentences.append(_cut(footage))
        elif ending.is_whole and footage.timeline.has_gaps and (at := damaged_at(footage.path, footage.container)):
            self.sentences.append(
                f"The file is damaged from byte {at:,} on, and pictures are missing there. What could be read was "
                "used; copy it again from its source."
            )


def _is_cut(footage: Footage, is_whole: bool | None) -> bool:
    """Whether a video stops short. Its container's parts tell best; where they do not, its own packets do."""
    timeline = footage.timeline
    if is_whole is False or timeline.is_torn:
        return True
    if is_whole is None and footage.container in _WITHOUT_AN_END:
        return footage.ends_torn()
    if is_whole or timeline.stated_end_s is None or timeline.numbered:
        return False
    end = float(footage.course.last_s + timeline.allowance)
    return bool(footage.course.frames) and end < timeline.stated_end_s - max(_CUT_S, _CUT_SHARE * timeline.stated_end_s)


def _cut(footage: Footage) -> str:
    timeline = footage.timeline
    end, stated = float(footage.course.last_s + timeline.last_s), timeline.stated_end_s
    what = f"it ends after {end:.1f} s"
    if stated is not None and stated > end + 0.1:
        what = f"it should last {stated:.1f} s and ends after {end:.1f} s"
    return f"The video is cut: {what}. What is there was used; copy it again from its source for the rest."


def _sampled(
    item: MediaItem, footage: Footage, every_s: float, start_index: int, on_change: SceneChange | None
) -> Iterator[Frame]:
    timeline, interval = footage.timeline, Fraction(str(every_s))
    sampler: Sampler
    if on_change is not None:
        sampler, wanted, enter = OnChange(on_change), None, max(0, start_index - 1)
    else:
        sampler, enter = ByClock(interval, timeline.slot_before(start_index, interval)), start_index
        wanted = timeline.sampled(interval)
    for moment in footage.moments(enter, wanted):
        index, seconds, frame = moment.index, moment.seconds, moment.frame
        if index < start_index:
            # The frame before the first new one is the last that an earlier run took.
            if isinstance(sampler, OnChange) and index == start_index - 1:
                sampler.refer_to(seconds, frame)
            elif isinstance(sampler, ByClock):
                sampler.takes(index, seconds, frame)
            continue
        if sampler.takes(index, seconds, frame):
            yield _taken(item, footage, moment)


def _taken(item: MediaItem, footage: Footage, moment: Moment) -> Frame:
    dated = footage.timeline.dated_until
    taken_at = None
    if item.captured_at is not None and (dated is None or moment.index < dated):
        taken_at = item.captured_at + timedelta(seconds=float(moment.seconds))
    return Frame(moment.picture(), item.source, moment.index, float(moment.seconds), item.camera_id, taken_at)
