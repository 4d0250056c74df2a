"""Entries of a gallery by their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sceneseek.errors import NotInGalleryError, ValueRefused
from sceneseek.gallery import Gallery
from small_galleries import DIM, FLAGS, at, new_gallery, people, thumbnail, video

SHOWN = [[0], [], [0, 1, None], [1], [], [None, 2]]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("lookups") / "gallery"
    return new_gallery(folder, (video("a", "door"), SHOWN), (video("b'", "it's", None), SHOWN[:3]))


def test_a_person_by_name(gallery: Gallery) -> None:
    found = gallery.person("a:2:1")
    expected = people(3, 2)
    assert np.array_equal(found.embedding, expected.embeddings[1])
    assert found.box == tuple(expected.boxes[1].tolist())
    assert np.float32(found.score) == expected.scores[1]
    assert (found.source, found.media_key, found.frame_index, found.time_s) == ("/m/a.mp4", "a", 2, 1.0)
    assert (found.camera_id, found.width, found.height) == ("door", 160, 96)
    assert (found.captured_at, found.tracklet_id, found.flags, found.sharpness) == (at(2), "a:t1", FLAGS[3], 1.5)


def test_several_people_in_the_order_asked_for(gallery: Gallery) -> None:
    names = ["b':2:0", "a:0:0", "b':2:0"]
    assert [p.detection_id for p in gallery.people(names)] == names
    with pytest.raises(NotInGalleryError, match="'a:9:9'"):
        gallery.people(["a:0:0", "a:9:9"])


def test_thumbnails_by_name(gallery: Gallery) -> None:
    assert gallery.thumbnail("a:2:1") == thumbnail(video("a"), 2, 1)
    assert gallery.thumbnail("a:2:2") is None
    assert gallery.thumbnail("nobody") is None
    assert gallery.thumbnails(["a:2:2", "b':0:0"]) == {"b':0:0": thumbnail(video("b'"), 0, 0)}


def test_a_frame_with_its_people(gallery: Gallery) -> None:
    frame = gallery.frame("a", 2)
    assert [p.detection_id for p in frame.people] == ["a:2:0", "a:2:1", "a:2:2"]
    assert (frame.time_s, frame.captured_at, frame.camera_id, frame.width, frame.height) == (
        1.0,
        at(2),
        "door",
        160,
        96,
    )
    assert gallery.frame("a", 1).people == ()
    assert gallery.frame("b'", 0).captured_at is None
    with pytest.raises(NotInGalleryError, match="no frame 77"):
        gallery.frame("a", 77)


@settings(max_examples=20, deadline=None)
@given(index=st.integers(-1, 8), before=st.integers(0, 4), after=st.integers(0, 4))
def test_neighbours_of_a_frame(gallery: Gallery, index: int, before: int, after: int) -> None:
    searched = range(len(SHOWN))
    expected = [*[i for i in searched if i < index][max(0, sum(i < index for i in searched) - before) :],
                *[i for i in searched if i == index], *[i for i in searched if i > index][:after]]  # fmt: skip
    found = gallery.frames_around("a", index, before, after)
    assert [f.frame_index for f in found] == expected
    for frame in found:
        assert [p.detection_id for p in frame.people] == [
            f"a:{frame.frame_index}:{i}" for i in range(len(SHOWN[frame.frame_index]))
        ]


def test_neighbours_are_checked_and_may_be_none(gallery: Gallery) -> None:
    assert gallery.frames_around("no such", 0) == []
    with pytest.raises(ValueRefused, match="0 or more"):
        gallery.frames_around("a", 0, -1)


def test_cameras_and_times(gallery: Gallery) -> None:
    assert gallery.cameras() == ["door", "it's"]
    facts = gallery.info()
    assert (facts.num_tracklets, facts.captured_from, facts.captured_until) == (5, at(0), at(5))
    assert (facts.num_frames, facts.num_people) == (9, 11)
    with pytest.raises(NotInGalleryError, match="tracklet"):
        gallery.tracklet("a:t99")


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 20), seed=st.integers(0, 3), run=st.integers(1, 5))
def test_samples_repeat_nobody_and_are_who_they_say(gallery: Gallery, count: int, seed: int, run: int) -> None:
    drawn = gallery.sample_embeddings(count, seed, run)
    names = drawn.rows["id"].to_pylist()
    assert len(set(names)) == len(names) == len(drawn.embeddings)
    assert min(count, 11) - run < len(names) <= count
    assert run > 1 or len(names) == min(count, 11)
    assert names == gallery.sample_embeddings(count, seed, run).rows["id"].to_pylist()
    for person, vector in zip(gallery.people(names), drawn.embeddings, strict=True):
        assert np.array_equal(vector, person.embedding)


def test_a_sample_of_runs_holds_people_of_one_frame(tmp_path: Path) -> None:
    gallery = new_gallery(tmp_path / "g", (video("a"), [[1, 2]] * 50))
    frames = gallery.sample_embeddings(20, 0, run=4).rows["frame_index"].to_pylist()
    assert len(frames) == 20
    assert len(set(frames)) <= 15, "neighbours share frames"
    with pytest.raises(ValueRefused, match="count is 0"):
        gallery.sample_embeddings(0)


def test_an_empty_gallery_has_nobody_to_sample(tmp_path: Path) -> None:
    gallery = new_gallery(tmp_path / "g")
    drawn = gallery.sample_embeddings(5)
    assert drawn.embeddings.shape == (0, DIM)
    assert drawn.rows.num_rows == 0
    assert gallery.cameras() == []
