"""From the gallery's structures to what goes over the wire."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from sceneseek.gallery import MediaRecord, StoredFrame, StoredPerson
from sceneseek.reports.verdicts import answer_words, match_words
from sceneseek.structures import Match
from sceneseek.web import documents
from sceneseek.web.asking import Answer
from sceneseek.web.door import Caller
from sceneseek.web.jobs import Job
from sceneseek.web.places import Places
from sceneseek.words import is_address


def kind_of(source: str, time_s: float | None) -> str:
    """What a person or a frame comes from."""
    if is_address(source):
        return "stream"
    return "photo" if time_s is None else "video"


def crop_address(detection_id: str) -> str:
    """Where a person's picture is."""
    return f"/api/detections/{detection_id}/crop"


def scene_address(detection_id: str) -> str:
    """Where the whole picture is in which a person was found."""
    return f"/api/detections/{detection_id}/scene"


def answer_view(answer: Answer, places: Places, caller: Caller) -> documents.SearchAnswer:
    """What a search found."""
    ranking = answer.ranking
    return documents.SearchAnswer(
        standing=ranking.standing,
        words=documents.AnswerWordsView(**asdict(answer_words(ranking))),
        num_likely=ranking.num_likely,
        searched=ranking.searched,
        method=ranking.method,
        filters=ranking.filters,
        model=PurePath(ranking.model).name,
        seconds=round(answer.seconds, 4),
        matches=[match_view(match, places, caller) for match in ranking],
        pinned=[match_view(match, places, caller) for match in answer.pinned],
    )


def match_view(match: Match, places: Places, caller: Caller) -> documents.MatchView:
    """One ranked person."""
    sighting = match.sighting
    return documents.MatchView(
        **_seen(match, places, caller),
        rank=match.rank,
        similarity=match.similarity,
        standing=match.standing,
        false_match_rate=match.false_match_rate,
        rate_interval=match.rate_interval,
        rate_borrowed=match.rate_borrowed,
        others_expected=match.others_expected,
        others_interval=match.others_interval,
        piece=match.piece,
        words=documents.MatchWordsView(**asdict(match_words(match))),
        revised=match.revised,
        sighting=None
        if sighting is None
        else documents.SightingView(
            tracklet_id=sighting.tracklet_id,
            start_s=sighting.start_s,
            end_s=sighting.end_s,
            num_detections=sighting.num_detections,
        ),
    )


def person_view(person: StoredPerson, places: Places, caller: Caller) -> documents.PersonView:
    """A person of the gallery."""
    return documents.PersonView(**_seen(person, places, caller), tracklet_id=person.tracklet_id)


def _seen(seen: Match | StoredPerson, places: Places, caller: Caller) -> dict[str, Any]:
    """What both say of a person in a frame."""
    return {
        "detection_id": seen.detection_id,
        "box": seen.box,
        "score": seen.score,
        "flags": flags_of(seen.flags),
        "width": seen.width,
        "height": seen.height,
        **_origin(seen.source, seen.time_s, places, caller),
        "media_key": seen.media_key,
        "frame_index": seen.frame_index,
        "time_s": seen.time_s,
        "captured_at": seen.captured_at,
        "camera_id": seen.camera_id,
        "crop": crop_address(seen.detection_id),
        "scene": scene_address(seen.detection_id),
    }


def frame_view(frame: StoredFrame, source: str, places: Places, caller: Caller) -> documents.FrameView:
    """A photograph or a moment of a video."""
    return documents.FrameView(
        media_key=frame.media_key,
        frame_index=frame.frame_index,
        **_origin(source, frame.time_s, places, caller),
        time_s=frame.time_s,
        captured_at=frame.captured_at,
        camera_id=frame.camera_id,
        width=frame.width,
        height=frame.height,
        people=[person_view(person, places, caller) for person in frame.people],
        picture=f"/api/frames/{frame.media_key}/{frame.frame_index}/picture",
    )


def medium_view(record: MediaRecord, places: Places, caller: Caller) -> documents.MediumView:
    """One file that was looked at."""
    shown = places.shown(record.source, caller.role)
    return documents.MediumView(
        media_key=record.key,
        source=shown,
        name=PurePath(shown).name,
        kind=record.kind,
        camera_id=record.camera_id,
        captured_at=record.captured_at,
        num_frames=record.num_frames,
        num_people=record.num_people,
        status=str(record.status),
        problem=places.scrub(record.problem),
        indexed_at=record.indexed_at,
    )


def job_view(job: Job, places: Places, caller: Caller) -> documents.JobView:
    """An indexing job."""
    done = job.summary
    problems = () if done is None else done.problems
    notes = () if done is None else done.notes
    return documents.JobView(
        job_id=job.job_id,
        state=job.state,
        what=job.order.what,
        owner=job.order.owner,
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        done=job.done_now,
        total=job.total,
        unit=job.unit,
        frames=job.frames if done is None else done.frames,
        people=job.people if done is None else done.people,
        already=0 if done is None else done.already,
        frames_per_second=job.frames_per_second,
        seconds_left=job.seconds_left,
        note=job.note,
        error=places.scrub(job.error),
        problems=[
            documents.ProblemView(source=places.shown(p.source, caller.role), reason=places.scrub(p.reason))
            for p in problems[:_SHOWN_PROBLEMS]
        ],
        num_problems=len(problems),
        notes=[
            documents.ProblemView(source=places.shown(n.source, caller.role), reason=places.scrub(n.reason))
            for n in notes[:_SHOWN_PROBLEMS]
        ],
        num_notes=len(notes),
    )


_SHOWN_PROBLEMS = 200


def _origin(source: str, time_s: float | None, places: Places, caller: Caller) -> dict[str, str]:
    shown = places.shown(source, caller.role)
    return {"source": shown, "name": PurePath(shown).name, "kind": kind_of(source, time_s)}


def time_or_none(seconds: float) -> float | None:
    """Seconds into a video; a photograph has none."""
    return None if math.isnan(seconds) else seconds


def flags_of(flags: Any) -> list[documents.Flag]:
    """Flags in the order in which they are listed."""
    return [flag for flag in ("small", "blurred", "cut", "unsure") if flag in (flags or ())]
