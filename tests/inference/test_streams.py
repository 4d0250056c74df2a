"""Live sources on loopback: watched, unplugged, plugged in again, muted, given up."""

from __future__ import annotations

import itertools
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from live_server import RATE, Camera, served
from patience import PATIENCE_S
from sceneseek.inference import streams
from sceneseek.inference.media import discover, frames_of
from sceneseek.inference.sampling import SceneChange
from sceneseek.inference.streams import Listening, LiveItem
from sceneseek.structures import Frame, MediaProblem

QUICK = {"first_wait_s": 0.05, "longest_wait_s": 0.2, "silence_s": PATIENCE_S}
IMPATIENT = {**QUICK, "silence_s": 0.6}
"""For what is silent, or talks for ever; the only wait by a real clock."""
FAST = 10 * RATE
"""Pictures a second that these cameras send; by the clock of these tests they are ``RATE``."""


class Clock:
    """Time that passes with each picture that comes and while somebody waits, and not otherwise."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(0.001, seconds)
        time.sleep(0.001)  # the camera is a thread


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock, decoded = Clock(), streams.pictures_in

    def ticking(packets: Any) -> Iterator[Any]:
        for picture in decoded(packets):
            clock.now += 1 / RATE
            yield picture

    monkeypatch.setattr(streams, "time", clock)
    monkeypatch.setattr(streams, "pictures_in", ticking)
    return clock


def item_of(camera: Camera, credentials: str = "") -> LiveItem:
    (item,) = discover(f"http://{credentials}127.0.0.1:{camera.port}/door")
    assert isinstance(item, LiveItem)
    return item


@pytest.mark.parametrize("kind", ["ts", "mjpeg"])
def test_a_live_source_is_watched_for_as_long_as_asked(kind: str, clock: Clock) -> None:
    with served(kind, FAST) as camera:
        before = datetime.now(UTC)
        item = item_of(camera)
        begun = clock.now
        frames = list(frames_of(item, every_s=0.2, listening=Listening(duration_s=1.6, **QUICK)))
    assert clock.now - begun == pytest.approx(1.6, abs=1.5 / RATE)
    assert item.kind == "stream"
    assert item.camera_id == f"127.0.0.1:{camera.port}/door"
    assert item.captured_at is not None
    assert before <= item.captured_at <= datetime.now(UTC)
    assert 8 <= len(frames) <= 9
    assert all(isinstance(f, Frame) and f.image.shape == (96, 160, 3) for f in frames)
    times = [f.time_s for f in frames if isinstance(f, Frame)]
    assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx([0.2] * (len(times) - 1), abs=1.1 / RATE)  # type: ignore[operator]
    for frame in frames:
        assert isinstance(frame, Frame)
        assert frame.captured_at is not None
        assert (frame.captured_at - item.captured_at).total_seconds() == pytest.approx(frame.time_s)


@pytest.mark.parametrize("kind", ["ts", "mjpeg"])
def test_an_unplugged_camera_is_watched_again_when_it_comes_back(kind: str) -> None:
    with served(kind, FAST) as camera:
        seen: list[Frame] = []
        problems: list[MediaProblem] = []
        stop_at = 1 << 30
        listening = Listening(stop=lambda: len(seen) >= stop_at, **QUICK)
        for answer in frames_of(item_of(camera), every_s=0, listening=listening):
            if isinstance(answer, MediaProblem):
                problems.append(answer)
                continue
            seen.append(answer)
            if len(seen) == 8:
                camera.unplug(for_attempts=3)
            if camera.connections == 2 and stop_at > 1 << 20:
                stop_at = len(seen) + 5
        assert camera.connections == 2
    indices = [frame.frame_index for frame in seen]
    assert indices == sorted(set(indices)), "the count goes on"
    times = [frame.time_s or 0 for frame in seen]
    assert max(b - a for a, b in itertools.pairwise(times)) >= 0.3, "the gap shows in the times"
    (problem,) = problems
    assert "fell silent once" in problem.reason


def test_a_camera_that_says_nothing_more_is_connected_to_again() -> None:
    with served("mjpeg", FAST) as camera:
        seen = 0
        listening = Listening(stop=lambda: camera.connections >= 2, **IMPATIENT)
        for answer in frames_of(item_of(camera), every_s=0, listening=listening):
            seen += isinstance(answer, Frame)
            if seen == 3:
                camera.mute.set()
        assert camera.connections == 2


def test_a_camera_that_is_not_there_is_given_up_when_asked_to(clock: Clock) -> None:
    with served() as camera:
        item = item_of(camera)
    begun = clock.now
    (problem,) = frames_of(item, listening=Listening(give_up_s=0.5, **QUICK))
    assert 0.5 <= clock.now - begun < 1
    assert isinstance(problem, MediaProblem)
    assert "Not one picture came (it does not answer: Connection refused)" in problem.reason


def test_stopping_ends_even_the_waiting(clock: Clock) -> None:
    with served() as camera:
        item = item_of(camera)
    begun = clock.now
    listening = Listening(stop=lambda: clock.now - begun > 0.3, first_wait_s=30)
    (problem,) = frames_of(item, listening=listening)
    assert clock.now - begun < 1
    assert isinstance(problem, MediaProblem)


def test_a_password_opens_the_camera_and_goes_nowhere_else() -> None:
    with served("mjpeg", FAST) as camera:
        camera.asks_for_password = True
        item = item_of(camera, "ada:secret@")
        frame = next(frames_of(item, listening=Listening(duration_s=5, **QUICK)))
        assert isinstance(frame, Frame)
        assert camera.credentials[-1] == "Basic " + b64encode(b"ada:secret").decode()
    assert "secret" not in f"{item!r} {item.source} {item.camera_id}"
    assert item.source == f"http://127.0.0.1:{camera.port}/door"


def test_each_watching_is_a_medium_of_its_own() -> None:
    one, other = (next(iter(discover("rtsp://camera.local/1", camera="door"))) for _ in range(2))
    assert isinstance(one, LiveItem)
    assert isinstance(other, LiveItem)
    assert one.camera_id == "door"
    assert one.content_key != other.content_key


def test_a_playlist_from_the_network_opens_no_file_of_this_machine(tmp_path: Path) -> None:
    with served("mjpeg", FAST) as camera:
        camera.content_type = "application/vnd.apple.mpegurl"
        camera.chunks = [f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{tmp_path}/secret.ts\n".encode()]
        (problem,) = frames_of(item_of(camera), listening=Listening(give_up_s=0.2, **IMPATIENT))
    assert isinstance(problem, MediaProblem)


def test_scene_changes_of_a_live_source() -> None:
    with served("mjpeg", FAST) as camera:
        rule, seen = SceneChange(shortest_s=0.3, longest_s=60), 0
        listening = Listening(duration_s=30, stop=lambda: seen >= 3, **QUICK)
        times = []
        for answer in frames_of(item_of(camera), on_change=rule, listening=listening):
            if isinstance(answer, Frame):
                seen += 1
                times.append(answer.time_s or 0)
    assert len(times) == 3
    assert all(b - a >= 0.29 for a, b in itertools.pairwise(times))
