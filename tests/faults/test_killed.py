"""SIGKILL at random moments: indexing loses at most a batch, nobody is half forgotten, nothing half merged."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_predictor import BLUE, GREEN, RED, YELLOW, contents, person, save_scene
from faults.forked_jobs import Job, Outcome, run_jobs
from populated_gallery import DIM, all_rows, populate
from sceneseek.gallery import Gallery, check, export_archive, merge

KILLS = 20
OTHER_KILLS = 6
PHOTOS = 12


class Runs:
    """All jobs of this module, done by one interpreter, and their outcomes in turn."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.random = random.Random()
        self.media = folder / "media"
        for number, colour in enumerate((RED, GREEN, BLUE, YELLOW, RED, BLUE)):
            save_scene(self.media / f"{number}.png", person(colour, number % 3), person(GREEN, 4))
        self.people = populate(folder / "people", num_photos=PHOTOS)
        self.archive = folder / "people.zip"
        export_archive(self.people, self.archive, actor="test")
        shutil.copytree(self.people.path, folder / "forgetful")
        Gallery.create(folder / "merged", "net", "abc123", DIM)
        groups = {
            "index": list(self._indexing()),
            "forget": list(self._forgetting()),
            "merge": list(self._merging()),
            "import": list(self._importing()),
        }
        outcomes = iter(run_jobs([job for jobs in groups.values() for job in jobs], folder))
        self.done: dict[str, list[tuple[Job, Outcome]]] = {
            name: [(job, next(outcomes)) for job in jobs] for name, jobs in groups.items()
        }

    def _moment(self, most: float) -> float:
        return self.random.uniform(0.03, most)

    def _indexing(self) -> Iterator[Job]:
        where = str(self.folder / "indexed")
        yield Job("index", str(self.folder / "reference"), str(self.media))
        for _ in range(KILLS):
            # Twenty such pieces do not make a whole, on a fast machine or a slow one.
            yield Job("index", where, str(self.media), kill_after_share=self.random.uniform(0.01, 0.14))
            yield Job("look", where)
        yield Job("index", where, str(self.media))

    def _forgetting(self) -> Iterator[Job]:
        where = str(self.folder / "forgetful")
        for number in range(OTHER_KILLS):
            yield Job("forget", where, f"photo{number:03d}", self._moment(0.35))
            yield Job("look", where, str(number))
            yield Job("open", where)
            yield Job("look", where, str(number))

    def _merging(self) -> Iterator[Job]:
        where = str(self.folder / "merged")
        for _ in range(OTHER_KILLS):
            yield Job("merge", where, str(self.people.path), self._moment(0.3))
            yield Job("look", where)
        yield Job("merge", where, str(self.people.path))

    def _importing(self) -> Iterator[Job]:
        where = str(self.folder / "imported")
        for _ in range(OTHER_KILLS):
            yield Job("import", where, str(self.archive), self._moment(0.25))
            yield Job("look", where)
        yield Job("import", where, str(self.archive))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("killed"))


def test_indexing_killed_twenty_times_ends_as_if_it_had_never_been(runs: Runs) -> None:
    jobs = runs.done["index"]
    killed = [outcome for job, outcome in jobs if job.killed]
    assert sum(outcome.status == -9 for outcome in killed) >= KILLS // 2, "most were killed before they had finished"
    looks = [outcome.answer for job, outcome in jobs if job.do == "look"]
    assert all(look["sound"] for look in looks)
    counts = [look["people"] for look in looks]
    assert any(0 < count < jobs[-1][1].answer for count in counts), "some were killed in the middle"
    # A batch that was half written may be taken back: five pictures of two people at most, and no more.
    assert all(later >= earlier - 10 for earlier, later in itertools.pairwise(counts))
    assert [jobs[0][1].status, jobs[-1][1].status] == [0, 0]
    indexed, reference = (Gallery.open(runs.folder / name) for name in ("indexed", "reference"))
    assert contents(indexed) == contents(reference)
    assert check(indexed.path, look_for_media=False).sound


def test_nobody_is_half_forgotten(runs: Runs) -> None:
    jobs = runs.done["forget"]
    killed = 0
    for start in range(0, len(jobs), 4):
        (_, forgetting), (_, after), (_, opened), (_, at_last) = jobs[start : start + 4]
        killed += forgetting.status == -9
        assert opened.status == 0, opened.answer
        begun = "forgetting" in after.answer["kinds"]
        if begun:
            assert forgetting.status == -9
            assert at_last.answer["found"] == 0, "whoever opens the gallery next ends it"
        else:
            assert after.answer["found"] in (0, 4), "all of it or nothing"
            assert at_last.answer["found"] == after.answer["found"]
        assert at_last.answer["sound"]
        assert not {"forgetting", "journal"} & set(at_last.answer["kinds"])
    assert killed >= 1


def test_a_killed_merge_is_repeated(runs: Runs) -> None:
    jobs = runs.done["merge"]
    assert all(outcome.answer["sound"] for job, outcome in jobs if job.do == "look")
    assert sum(outcome.status == -9 for _, outcome in jobs) >= 1
    assert jobs[-1][1].status == 0, jobs[-1][1].answer
    reference = Gallery.create(runs.folder / "merged at once", "net", "abc123", DIM)
    merge(reference, runs.people, actor="test")
    assert all_rows(Gallery.open(runs.folder / "merged")) == all_rows(reference) == all_rows(runs.people)


def test_a_killed_import_leaves_no_gallery_or_a_whole_one(runs: Runs) -> None:
    jobs = runs.done["import"]
    assert all(outcome.answer["people"] in (0, len(runs.people)) for job, outcome in jobs if job.do == "look")
    assert sum(outcome.status == -9 for _, outcome in jobs) >= 1
    assert jobs[-1][1].status == 0, jobs[-1][1].answer
    assert all_rows(Gallery.open(runs.folder / "imported")) == all_rows(runs.people)
    assert not list(runs.folder.glob(".*importing"))
