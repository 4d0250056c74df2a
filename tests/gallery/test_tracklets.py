"""Tracklets in the gallery: as they grow, put away and taken up again, and after a crash."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_predictor import scene
from sceneseek.errors import ValueRefused
from sceneseek.gallery import Gallery
from sceneseek.gallery.schema import DETECTIONS, tracklet_id
from sceneseek.gallery.tracklets import TrackletBook
from sceneseek.structures import Frame, MediaItem
from small_galleries import DIM, at, everything, new_gallery, people, video, write_frame, write_video

frames = st.lists(st.lists(st.none() | st.integers(0, 5), max_size=4), min_size=1, max_size=14)


def by_definition(gallery: Gallery) -> dict[str, dict[str, object]]:
    """Every tracklet, from its people in the order of the frames."""
    rows = gallery._tables[DETECTIONS].to_arrow().to_pylist()
    rows.sort(key=lambda row: (row["media_key"], row["frame_index"], int(row["id"].rpartition(":")[2])))
    members: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        if row["tracklet_id"] is not None:
            members.setdefault(row["tracklet_id"], []).append(row)
    expected = {}
    for name, own in members.items():
        mean = np.sum([np.float32(row["embedding"]) for row in own], axis=0, dtype=np.float64)
        best = sorted(own, key=lambda row: (bool(row["flags"]), -row["score"]))  # type: ignore[operator]
        expected[name] = {
            "start_s": own[0]["time_s"],
            "end_s": own[-1]["time_s"],
            "captured_at": own[0]["captured_at"],
            "num_detections": len(own),
            "embedding": mean / np.linalg.norm(mean),
            "best_ids": tuple(row["id"] for row in best[:5]),
        }
    return expected


def check(gallery: Gallery) -> None:
    stored = {tracklet.tracklet_id: tracklet for tracklet in gallery.tracklets()}
    expected = by_definition(gallery)
    assert stored.keys() == expected.keys()
    for name, facts in expected.items():
        for field, value in facts.items():
            if field == "embedding":
                assert np.allclose(stored[name].embedding, value, atol=1e-6)  # type: ignore[arg-type]
            else:
                assert getattr(stored[name], field) == value, (name, field)


@settings(max_examples=10, deadline=None)
@given(frames=frames, commit_frames=st.integers(1, 5), kept=st.sampled_from([0, 1, 4096]))
def test_a_tracklet_is_what_its_people_say_however_little_is_kept_at_hand(
    frames: list[list[int | None]], commit_frames: int, kept: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery.create(folder, "net", "abc", DIM)
        with gallery.writer(commit_frames=commit_frames) as writer:
            writer._tracklets = TrackletBook(writer._tables, kept)
            write_video(writer, video("a"), frames)
            write_video(writer, video("b"), frames[::-1])
        check(gallery)


def test_a_resumed_video_takes_its_tracklets_up_again(tmp_path: Path) -> None:
    shown = [[0], [0, 1], [1], [1, 2], [0, 2]]
    whole = new_gallery(tmp_path / "whole", (video("a"), shown))
    parts = Gallery.create(tmp_path / "parts", "net", "abc", DIM)
    with parts.writer() as writer:
        writer.begin(video("a"), 0.5)
        for index in range(3):
            write_frame(writer, video("a"), index, shown[index])
    with parts.writer() as writer:
        write_video(writer, video("a"), shown)
    assert everything(parts) == everything(whole), "to the last bit"
    check(parts)


def test_a_tracklet_in_its_frames(tmp_path: Path) -> None:
    gallery = new_gallery(tmp_path / "g", (video("a", "door"), [[7], [7, None], [], [3, 7]]))
    seen = gallery.tracklet(tracklet_id("a", 7))
    assert [p.detection_id for p in seen] == ["a:0:0", "a:1:0", "a:3:1"]
    assert [p.captured_at for p in seen] == [at(0), at(1), at(3)]
    assert {(p.camera_id, p.tracklet_id) for p in seen} == {("door", "a:t7")}
    (short, long) = sorted(gallery.tracklets(["a"]), key=lambda t: t.num_detections)
    assert (short.start_s, short.end_s, long.start_s, long.end_s) == (1.5, 1.5, 0.0, 1.5)
    assert gallery.tracklets([]) == gallery.tracklets(["b"]) == []


def test_what_does_not_fit_its_people_is_refused(tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "g", "net", "abc", DIM)
    item = MediaItem("/m/a.jpg", "photo", "a")
    with gallery.writer() as writer:
        writer.begin(item)
        with pytest.raises(ValueRefused, match="flags has 1 entries for 2 people"):
            writer.add(item, Frame(scene(), item.source), people(2), flags=[()])
        with pytest.raises(ValueRefused, match="no time"):
            writer.add(item, Frame(scene(), item.source), people(1), tracklet_ids=[4])
        writer.add(item, Frame(scene(), item.source), people(1), tracklet_ids=[None])
    assert len(gallery) == 1
