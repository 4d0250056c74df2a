"""A study from beginning to end: material, runs, table. Stopped at any moment, it goes on where it was.

::

    OUT/
    ├── study.json                      what the folder is made from
    ├── data/NAME/{train,test}          drawn worlds, unless --data names another place
    ├── ROW/seed-N/recipe.toml          one complete recipe, and what ``sceneseek train`` leaves beside it
    ├── ROW/seed-N/extraction.npz       what the trained network saw in the test scenes
    ├── ROW/seed-N/scores.json          what it came to
    ├── ROW/seed-N/failure.txt          why a run came to nothing
    └── table.json  table.md  table.png
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sceneseek.errors import SceneseekError, ValueRefused
from sceneseek.structures import Progress, silent
from sceneseek.studies.definition import Study
from sceneseek.studies.keeper import Keeper, Told, nobody
from sceneseek.studies.material import ensure_weights, ensure_world
from sceneseek.studies.one_run import Place, work
from sceneseek.studies.plan import Run, Selection, plan
from sceneseek.studies.record import keep_record
from sceneseek.studies.several import work_in_processes
from sceneseek.studies.table import StudyTable, tabulate, write_table
from sceneseek.training.interruption import StopRequest


@dataclass(frozen=True)
class StudyResult:
    """What a study came to, so far.

    Attributes:
        table: Over the runs that are finished; ``None`` when none is.
        files: The table's files by kind: ``"json"``, ``"md"``, ``"png"``.
        finished: Whether every run that was asked for has ended.
        failures: Reasons by run, as text.
    """

    table: StudyTable | None
    files: Mapping[str, Path]
    finished: bool
    failures: Mapping[str, str]


def reproduce(
    study: Study,
    out: Path,
    *,
    data: Path | None = None,
    weights: Path | None = None,
    selection: Selection | None = None,
    jobs: int = 1,
    device: str = "cpu",
    stop: StopRequest | None = None,
    progress: Progress = silent,
    told: Told = nobody,
) -> StudyResult:
    """Train and score every run of a study that is not finished yet, and write its table.

    A run that fails (a loss that is no number, say) is noted in the table and does not end the others.

    Args:
        study: The definition.
        out: The study's folder.
        data: Where worlds are drawn and other data lie; ``out/data`` when not given.
        weights: File or folder to take public weights from, before the weights folder of the registry.
        selection: Rows and seeds to run; all when not given.
        jobs: Runs at a time, each a process with one thread.
        device: Where to compute.
        stop: Looked at after each step.
        progress: Told about optimiser steps, over all runs.
        told: Told of each run that ended.

    Returns:
        What it came to.

    Raises:
        RecipeError: A row's recipe is not one.
        WeightsError: Public weights are not on this machine.
        DataError: The data folder holds other data.
        CheckpointError: ``out`` holds another study.
        ValueRefused: ``jobs`` is below 1.
    """
    if jobs < 1:
        raise ValueRefused(f"jobs is {jobs}; expected at least 1.")
    data = out / "data" if data is None else data
    entries = {table.file: ensure_weights(table, data, weights) for table in study.weights}
    means: dict[str, Any] = {
        file: {"image_mean": list(entry.mean), "image_std": list(entry.std)} for file, entry in entries.items()
    }
    up = Path(os.path.relpath(out, data)).as_posix()
    runs = plan(study, selection, folder_from_data=up, means=means)
    worlds = {
        name: ensure_world(world, data / name, workers=jobs, progress=_noted(progress, f"drawing {name}"))
        for name, world in study.data.items()
    }
    facts = {"data files": worlds, "weights files": {file: entry.pinned or "" for file, entry in entries.items()}}
    keep_record(study, out, facts)
    place = Place(out, data, study.evaluation, device)
    keeper = Keeper(out, runs, progress, told)
    todo = keeper.unfinished()
    if todo:
        if jobs == 1:
            _one_by_one(todo, place, keeper, stop)
        else:
            work_in_processes(todo, place, keeper, jobs, stop)
    scores = keeper.scores()
    failures = {f"{row}, seed {seed}": reason for (row, seed), reason in keeper.failures.items()}
    if not scores:
        return StudyResult(None, {}, keeper.all_ended, failures)
    table = tabulate(study, scores, failures, facts)
    return StudyResult(table, write_table(table, out), keeper.all_ended, failures)


def _noted(progress: Progress, note: str) -> Progress:
    """The same progress with words of its own."""

    def tell(done: int, total: int | None, note: str = note) -> None:
        progress(done, total, note)

    return tell


def _one_by_one(runs: Sequence[Run], place: Place, keeper: Keeper, stop: StopRequest | None) -> None:
    for run in runs:
        if stop:
            return
        if keeper.refuse_without_stages(run):
            continue
        try:
            scores = work(run, place, stop=stop, progress=keeper.progress_of(run))
        except SceneseekError as error:
            keeper.failed(run, str(error))
            continue
        if scores is not None:
            keeper.ended(run, scores)
