"""How far each run of a study is: scores on disk, steps made, reasons of those that failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sceneseek.structures import Progress
from sceneseek.studies.one_run import Scores, read_scores, write_whole
from sceneseek.studies.plan import Run

FAILURE = "failure.txt"
Told = Callable[[Run, Scores | str], None]
"""Told of each run that ended: its scores, or why it has none."""


def nobody(run: Run, outcome: Scores | str) -> None:
    """Tell nobody."""


class Keeper:
    """Knows how far each run is, and tells.

    Args:
        out: The study's folder.
        runs: All that are asked for, in order.
        progress: Told about steps, over all runs.
        told: Told of each run that ended.

    Attributes:
        failures: Why runs have no scores, by row and seed.
    """

    def __init__(self, out: Path, runs: Sequence[Run], progress: Progress, told: Told) -> None:
        self._out, self._runs, self._progress, self._told = out, runs, progress, told
        self._steps = {run.key: 0 for run in runs}
        self._totals = {run.key: run.recipe.training.steps or 0 for run in runs}
        self._scores: dict[tuple[str, int], Scores] = {}
        self.failures: dict[tuple[str, int], str] = {}

    @property
    def all_ended(self) -> bool:
        """Whether every run has scores or a reason."""
        return len(self._scores) + len(self.failures) == len(self._runs)

    def unfinished(self) -> list[Run]:
        """The runs that have no scores on disk yet."""
        todo = []
        for run in self._runs:
            scores = read_scores(self._out / run.folder, run)
            if scores is None:
                todo.append(run)
            else:
                self._scores[run.key] = scores
                self._totals[run.key] = self._steps[run.key] = scores.steps
        return todo

    def scores(self) -> list[Scores]:
        """Of all finished runs, in the order of the plan."""
        return [self._scores[run.key] for run in self._runs if run.key in self._scores]

    def refuse_without_stages(self, run: Run) -> bool:
        """Note a run as failed when one that it needs has failed."""
        lost = [key for key in run.needs if key in self.failures]
        if lost:
            row, seed = lost[0]
            self.failed(run, f"it starts from {row}, seed {seed}, which failed")
        return bool(lost)

    def is_ready(self, run: Run) -> bool:
        """Whether the runs it needs are finished."""
        return all(key in self._scores for key in run.needs)

    def progress_of(self, run: Run) -> Progress:
        """The progress of one run as part of the whole."""

        def tell(done: int, total: int | None, note: str = "") -> None:
            self._steps[run.key] = done
            if total is not None:
                self._totals[run.key] = total
            self._progress(sum(self._steps.values()), sum(self._totals.values()), f"{run}  {note.split('  ')[0]}")

        return tell

    def ended(self, run: Run, scores: Scores) -> None:
        """Keep the scores of a run."""
        self._scores[run.key] = scores
        (self._out / run.folder / FAILURE).unlink(missing_ok=True)
        self._told(run, scores)

    def failed(self, run: Run, reason: str) -> None:
        """Keep the reason why a run has no scores; the next call tries it again."""
        self.failures[run.key] = reason
        write_whole(self._out / run.folder / FAILURE, f"{reason}\n")
        self._told(run, reason)
