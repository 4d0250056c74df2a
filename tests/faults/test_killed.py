"""SIGKILL at random moments: indexing loses at most a batch, nobody is half forgotten, nothing half merged.

How long a work takes is measured on the spot, never assumed: a moment is a share of a whole run. A run that ended
before its SIGKILL came has only shown that less was left, or that the machine is faster now than it was: another whole
run is measured, and the work begins again. Each test goes on until enough kills have landed, one of them in the middle.
"""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_predictor import BLUE, GREEN, RED, YELLOW, contents, person, save_scene
from faults.forked_jobs import Forks
from faults.forked_jobs import forks as start_forks
from populated_gallery import DIM, all_rows, populate
from sceneseek.gallery import Gallery, check, export_archive
from suite.thoroughness import so_often

pytestmark = pytest.mark.processes

KILLS = so_often(20, short=6)
OTHER_KILLS = so_often(6, short=2)


class Work:
    """A work on galleries that is done as a whole, or killed at a random moment of a whole.

    Args:
        forks: Who does it.
        action: What.
        argument: With what.
        fresh: Gives another folder in which nothing of it is done.
        early: 1 for any moment, larger for rather an early one.
    """

    def __init__(
        self, forks: Forks, action: str, argument: str | Path, fresh: Callable[[], Path], early: int = 1
    ) -> None:
        self.forks, self.fresh = forks, fresh
        self._action, self._argument, self._early = action, argument, early
        self._whole_s: float | None = None

    def finish(self, gallery: Path) -> float:
        """Do what is left of it; how long that took."""
        outcome = self.forks.do(self._action, gallery, self._argument)
        assert outcome.status == 0, outcome.answer
        return outcome.seconds

    def kill(self, gallery: Path) -> bool:
        """Go on with it until SIGKILL comes; False when it has ended before."""
        if self._whole_s is None:
            self._whole_s = self.finish(self.fresh())
        moment = random.random() ** self._early * self._whole_s
        outcome = self.forks.do(self._action, gallery, self._argument, moment)
        assert outcome.killed or outcome.status == 0, outcome.answer
        if not outcome.killed:
            self._whole_s = None  # measured again: the machine may be faster now than it was
        return outcome.killed

    def kill_often(self, times: int, look: Callable[[Path], bool], *, go_on: bool = True) -> Iterator[Path]:
        """Kill it so often, and until a kill came in the middle; all galleries, in which it is done at last.

        Args:
            times: How often.
            look: Called after each kill; whether that one came in the middle.
            go_on: Whether the next kill strikes what goes on after the last one, or another beginning.
        """
        killed, in_the_middle = 0, False
        while killed < times or not in_the_middle:
            gallery = self.fresh()
            while self.kill(gallery):
                killed += 1
                in_the_middle |= look(gallery)
                if not go_on or (killed >= times and in_the_middle):
                    break
            self.finish(gallery)
            yield gallery


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with start_forks() as forks:
        yield forks


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    return populate(tmp_path_factory.mktemp("killed") / "people", num_photos=12)


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Path]:
    """Folders that are not there yet."""
    return (tmp_path / f"gallery{number}" for number in itertools.count())


def look_at(forks: Forks, gallery: Path, photo: str = "") -> dict[str, Any]:
    """What lies there now."""
    answer: dict[str, Any] = forks.do("look", gallery, photo).answer
    return answer


def people_in(forks: Forks, gallery: Path) -> int:
    """How many lie there now, in a gallery that is sound at any moment."""
    seen = look_at(forks, gallery)
    assert seen["sound"]
    return int(seen["people"])


def test_indexing_killed_many_times_ends_as_if_it_had_never_been(
    forks: Forks, places: Iterator[Path], tmp_path: Path
) -> None:
    media = tmp_path / "media"
    for number, colour in enumerate((RED, GREEN, BLUE, YELLOW, RED, BLUE)):
        save_scene(media / f"{number}.png", person(colour, number % 3), person(GREEN, 4))
    work = Work(forks, "index", media, lambda: next(places), early=6)
    work.finish(tmp_path / "reference")
    reference = Gallery.open(tmp_path / "reference")
    kept: dict[Path, int] = {}

    def look(gallery: Path) -> bool:
        before, kept[gallery] = kept.get(gallery, 0), people_in(forks, gallery)
        # A batch that was half written may be taken back: five pictures of two people at most, and no more.
        assert kept[gallery] >= before - 10
        return 0 < kept[gallery] < len(reference)

    for gallery in work.kill_often(KILLS, look):
        assert contents(Gallery.open(gallery)) == contents(reference)
        assert check(gallery, look_for_media=False).sound


def test_nobody_is_half_forgotten(forks: Forks, people: Gallery, places: Iterator[Path]) -> None:
    work = Work(forks, "forget", "photo003", lambda: shutil.copytree(people.path, next(places)))

    def look(gallery: Path) -> bool:
        after = look_at(forks, gallery, "3")
        opened = forks.do("open", gallery)
        assert opened.status == 0, opened.answer
        at_last = look_at(forks, gallery, "3")
        begun = "forgetting" in after["kinds"]
        if begun:
            assert at_last["found"] == 0, "whoever opens the gallery next ends it"
        else:
            assert after["found"] in (0, 4), "all of it or nothing"
            assert at_last["found"] == after["found"]
        assert at_last["sound"]
        assert not {"forgetting", "journal"} & set(at_last["kinds"])
        return begun

    for gallery in work.kill_often(OTHER_KILLS, look, go_on=False):
        assert look_at(forks, gallery, "3")["found"] == 0


def test_a_killed_merge_is_repeated(forks: Forks, people: Gallery, places: Iterator[Path]) -> None:
    work = Work(forks, "merge", people.path, lambda: Gallery.create(next(places), "net", "abc123", DIM).path)

    def look(gallery: Path) -> bool:
        return 0 < people_in(forks, gallery) < len(people)

    reference = work.fresh()
    work.finish(reference)
    for gallery in work.kill_often(OTHER_KILLS, look):
        assert all_rows(Gallery.open(gallery)) == all_rows(Gallery.open(reference)) == all_rows(people)


def test_a_killed_import_leaves_no_gallery_or_a_whole_one(
    forks: Forks, people: Gallery, places: Iterator[Path], tmp_path: Path
) -> None:
    export_archive(people, tmp_path / "people.zip", actor="test")
    work = Work(forks, "import", tmp_path / "people.zip", lambda: next(places))

    def look(gallery: Path) -> bool:
        assert people_in(forks, gallery) in (0, len(people))
        return bool(list(tmp_path.glob(".*importing")))

    for gallery in work.kill_often(OTHER_KILLS, look):
        assert all_rows(Gallery.open(gallery)) == all_rows(people)
        assert not list(tmp_path.glob(".*importing"))
