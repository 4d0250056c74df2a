"""A writer that dies at any moment: its successor ends with the same five tables as if nothing had happened."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from lancedb.merge import LanceMergeInsertBuilder
from lancedb.table import LanceTable

from fake_predictor import scene
from sceneseek.gallery import Gallery, journal, rewrites
from sceneseek.gallery.journal import Journal
from sceneseek.structures import Frame, MediaItem
from small_galleries import DIM, everything, people, video, write_frame, write_video
from suite.thoroughness import so_often

SHOWN: list[list[int | None]] = [[0], [0, 1], [None], [1, 2], [], [2, 0], [3]]
NAMED = MediaItem("/m/b.mp4", "video", "b", "yard")
OLD, NEW = MediaItem("/m/p.jpg", "photo", "old"), MediaItem("/m/p.jpg", "photo", "new")


class Killed(BaseException):
    """Stands for a process that dies: nothing runs after it."""


@contextmanager
def dying(at: int, before: bool) -> Iterator[list[int]]:
    """The process dies just before or after its ``at``-th step that changes the folder; tells how many it made."""
    steps = [0]

    def watched(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **options: Any) -> Any:
            steps[0] += 1
            if steps[0] == at and before:
                raise Killed
            result = real(*args, **options)
            if steps[0] >= at:
                raise Killed
            return result

        return step

    with pytest.MonkeyPatch.context() as patch:
        for name in ("add", "delete", "update"):
            patch.setattr(LanceTable, name, watched(getattr(LanceTable, name)))
        patch.setattr(LanceMergeInsertBuilder, "execute", watched(LanceMergeInsertBuilder.execute))
        patch.setattr(Journal, "remove", watched(Journal.remove))
        for module in (journal, rewrites):
            patch.setattr(module, "write_whole", watched(module.write_whole))
        yield steps


def photograph(writer: Any, item: MediaItem) -> None:
    start = writer.plan(item).start_frame
    if start is None:
        writer.recognise(item)
        return
    writer.begin(item)
    if start == 0:
        writer.add(item, Frame(scene(), item.source), people(2), thumbnails=[b"one", b"two"])
    writer.finish(item)


def first_run(gallery: Gallery) -> None:
    """Adds and commits every three frames."""
    with gallery.writer(commit_frames=3, commit_seconds=1e9) as writer:
        write_video(writer, video("a"), SHOWN)
        write_video(writer, video("b"), SHOWN[:4])
        photograph(writer, OLD)


def second_run(gallery: Gallery) -> None:
    """Names a camera, samples a video otherwise, replaces a photograph, removes people and a file."""
    with gallery.writer(commit_frames=3, commit_seconds=1e9) as writer:
        write_video(writer, NAMED, SHOWN[:4])
        start = writer.plan(video("a"), 1.0).start_frame
        if start is not None:
            writer.begin(video("a"), 1.0)
            for index in (i for i in (0, 2, 4) if i >= start):
                write_frame(writer, video("a"), index, SHOWN[index])
            writer.finish(video("a"))
        photograph(writer, NEW)
        writer.remove_people(["a:0:0", "b:3:0", "b:1:1", "nobody:3:1"])


def third_run(gallery: Gallery) -> None:
    with gallery.writer() as writer:
        writer.remove_media(["b", "no such"])


def after(runs: list[Callable[[Gallery], None]], folder: Path) -> Gallery:
    gallery = Gallery.create(folder, "net", "abc", DIM)
    for run in runs:
        run(gallery)
    return gallery


RUNS: list[Callable[[Gallery], None]] = [first_run, second_run, third_run]


def all_agree(gallery: Gallery) -> None:
    """What one table says of another is true."""
    tables = everything(gallery)
    people_in: dict[tuple[str, int], int] = {}
    for row in tables["detections"]:
        key = (row["media_key"], row["frame_index"])
        people_in[key] = people_in.get(key, 0) + 1
    frames = {(row["media_key"], row["frame_index"]): row["num_people"] for row in tables["frames"]}
    assert {key: n for key, n in frames.items() if n} == people_in
    for row in tables["media"]:
        own = [n for (key, _), n in frames.items() if key == row["key"]]
        assert (row["num_frames"], row["num_people"]) == (len(own), sum(own))
    assert {row["id"] for row in tables["thumbnails"]} <= {row["id"] for row in tables["detections"]}
    assert {row["id"] for row in tables["tracklets"]} == {row["tracklet_id"] for row in tables["detections"]} - {None}


class Undisturbed(NamedTuple):
    """All tables after one, two, three runs."""

    after: list[dict[str, list[dict[str, Any]]]]

    def __repr__(self) -> str:
        return "what comes of runs that nothing disturbs"


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("crashes")
    galleries = [after(RUNS[: i + 1], folder / str(i)) for i in range(len(RUNS))]
    for gallery in galleries:
        all_agree(gallery)
    return Undisturbed([everything(gallery) for gallery in galleries])


@settings(max_examples=so_often(14, short=4), deadline=None, phases=(Phase.explicit, Phase.generate))
@given(run=st.integers(0, 2), at=st.integers(1, 40), before=st.booleans(), again=st.integers(1, 40))
@example(run=0, at=5, before=True, again=2)
@example(run=1, at=12, before=False, again=3)
@example(run=2, at=4, before=True, again=3)
@example(run=2, at=9, before=False, again=40)
def test_dying_twice_at_any_step_changes_nothing_in_the_end(
    expected: Undisturbed, run: int, at: int, before: bool, again: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        gallery = after(RUNS[:run], Path(folder))
        for step in (at, again):
            try:
                with dying(step, before):
                    RUNS[run](gallery)
            except Killed:
                continue
        RUNS[run](gallery)
        assert not (gallery.path / "journal.json").exists()
        assert int((gallery.path / "rewrites").read_text() if (gallery.path / "rewrites").exists() else 0) % 2 == 0
        assert everything(gallery) == expected.after[run]
        all_agree(gallery)


def test_the_steps_counted_are_all_there_are(tmp_path: Path) -> None:
    with dying(10**6, True) as steps:
        after([first_run, second_run], tmp_path)
    assert steps[0] > 40
