"""Tracklets of made-up people: who is linked to whom, when a tracklet ends, and that a killed linker goes on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sceneseek.errors import ValueRefused
from sceneseek.similarity import normalise
from sceneseek.structures import Detections, FloatArray, Frame
from sceneseek.tracklets import LinkingEvidence, TrackletLinker, patience_for

PICTURE = np.zeros((360, 640, 3), np.uint8)
LOOKS = np.eye(4, 16, dtype=np.float32)


def frame(index: int, per_second: float = 1.0) -> Frame:
    return Frame(PICTURE, "walk.mp4", index, index / per_second)


def seen(*people: tuple[int, float], noise: float = 0.1, seed: int = 0) -> Detections:
    """People as (look, x): boxes of 60 x 150 pixels whose centre is at ``x``."""
    rng = np.random.default_rng(seed)
    if not people:
        return Detections.empty(16)
    boxes = [[x - 30, 100, x + 30, 250] for _, x in people]
    rows = LOOKS[[look for look, _ in people]] + noise * rng.normal(size=(len(people), 16)) / 4
    return Detections(boxes, [0.9] * len(people), normalise(rows.astype(np.float32)))


def test_two_people_who_cross_keep_their_tracklets() -> None:
    linker = TrackletLinker()
    for i in range(9):
        people = [(0, 100 + 55 * i), (1, 540 - 55 * i)]
        names = linker.update(frame(i), seen(*(people if i % 2 else people[::-1]), seed=i))
        assert (names if i % 2 else names[::-1]) == [1, 0]


def test_at_one_frame_a_second_the_look_holds_where_boxes_share_nothing() -> None:
    linker = TrackletLinker()
    names = {linker.update(frame(i), seen((0, 60 + 170 * i)))[0] for i in range(4)}
    assert names == {0}


def test_somebody_else_in_the_same_place_begins_a_tracklet() -> None:
    linker = TrackletLinker()
    linker.update(frame(0), seen((0, 300)))
    assert linker.update(frame(1), seen((1, 300))) == [10000]


def test_the_same_clothes_far_away_a_moment_later_are_another_person() -> None:
    linker = TrackletLinker()
    linker.update(frame(0, 10), seen((0, 60)))
    assert linker.update(frame(1, 10), seen((0, 590))) == [10000]
    with_time = TrackletLinker()
    with_time.update(frame(0), seen((0, 60)))
    assert with_time.update(frame(4), seen((0, 590))) == [0], "in four seconds one can walk there"


def test_twins_are_told_apart_by_their_places() -> None:
    linker = TrackletLinker()
    for i in range(20):
        twins = [(2, 500 - i), (2, 100 + i)]
        names = linker.update(frame(i, 10), seen(*(twins[::-1] if i % 2 else twins), noise=0))
        assert names == ([1, 0] if i % 2 else [0, 1])


def test_a_missed_detection_is_bridged_and_a_long_absence_is_not() -> None:
    linker = TrackletLinker(patience_s=4)
    linker.update(frame(0), seen((0, 300)))
    linker.update(frame(1), seen())
    assert linker.update(frame(2), seen((0, 310))) == [0]
    assert linker.update(frame(7), seen((0, 310))) == [70000]
    assert patience_for(10) > 2 * 10, "one missed detection does not end a tracklet at sparse sampling either"


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_recalled_linker_goes_on_exactly_as_if_nothing_had_happened(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    stop = data.draw(st.integers(1, 24))
    per_second = data.draw(st.sampled_from([0.5, 1.0, 5.0]))
    video = []
    for _ in range(25):
        people = [(int(rng.integers(4)), float(rng.uniform(40, 600))) for _ in range(rng.integers(0, 4))]
        video.append(seen(*people, noise=1.0, seed=int(rng.integers(1 << 30))))
    whole = TrackletLinker()
    names = [whole.update(frame(i, per_second), people) for i, people in enumerate(video)]
    resumed = TrackletLinker()
    first = max(0, stop - 1 - round(resumed.patience_s * per_second))
    for i in range(first, stop):
        resumed.recall(i, i / per_second, video[i].boxes, _embeddings(video[i]), names[i])
    again = [resumed.update(frame(i, per_second), video[i]) for i in range(stop, 25)]
    assert again == names[stop:]


def _embeddings(people: Detections) -> FloatArray:
    assert people.embeddings is not None
    return people.embeddings


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 8))
def test_nobody_is_twice_in_one_frame(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    linker = TrackletLinker()
    for i in range(6):
        people = [(int(rng.integers(2)), float(rng.uniform(40, 600))) for _ in range(count)]
        names = linker.update(frame(i), seen(*people, noise=0.5, seed=i))
        assert len(names) == len(set(names)) == count


def test_evidence_of_place_fades_with_time_and_never_says_less_than_nothing_about_where() -> None:
    evidence = LinkingEvidence()
    here, there = seen((0, 300)).boxes, seen((0, 360)).boxes
    still = [float(evidence.place(here, here, np.array([gap]), (640, 360))[0, 0]) for gap in (0.1, 1, 4, 60)]
    assert still == sorted(still, reverse=True)
    assert still[0] > 3
    assert still[-1] >= -1e-9
    assert evidence.place(here, there, np.array([0.1]), (640, 360))[0, 0] < still[0]
    assert evidence.appearance(np.array([evidence.even_similarity]))[0] == 0


def test_what_the_linker_refuses() -> None:
    linker = TrackletLinker()
    linker.update(frame(3), seen((0, 100)))
    with pytest.raises(ValueRefused, match="frame 3 at"):
        linker.update(frame(3), seen((0, 100)))
    with pytest.raises(ValueRefused, match="at None s"):
        linker.update(Frame(PICTURE, "photo.jpg", 4), seen((0, 100)))
    with pytest.raises(ValueRefused, match="no embeddings"):
        linker.update(frame(5), Detections([[0, 0, 9, 9]], [0.5]))
    with pytest.raises(ValueRefused, match="patience_s"):
        TrackletLinker(patience_s=0)
    with pytest.raises(ValueRefused, match="speed"):
        LinkingEvidence(speed=0)
