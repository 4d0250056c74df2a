"""The table of a study: means over seeds, their intervals, and the paired differences to one row."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sceneseek.studies.definition import Study
from sceneseek.studies.intervals import Estimate, difference, estimate
from sceneseek.studies.one_run import Scores, write_whole

METRICS = ("mAP", "top-1", "AP50", "recall")
HEADLINE = "mAP"
_DIGITS = 12
_NAMED_PAIRS = 10
"""Of more pairs that are not told apart only the number is told: nobody reads a list of forty."""


@dataclass(frozen=True)
class TableRow:
    """One row.

    Attributes:
        name: Its name.
        sentence: What is different in it.
        runs: Finished runs, by seed.
        estimates: Mean over the seeds by metric.
        differences: Paired difference to the baseline by metric; empty for the baseline and where no seed is shared.
    """

    name: str
    sentence: str
    runs: Mapping[int, Scores]
    estimates: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]

    @property
    def parameters(self) -> int:
        """Numbers that the network at work holds."""
        return next(iter(self.runs.values())).parameters

    @property
    def minutes(self) -> float:
        """Mean minutes of training."""
        return sum(run.training_seconds for run in self.runs.values()) / len(self.runs) / 60.0


@dataclass(frozen=True)
class StudyTable:
    """What a study came to.

    Attributes:
        title: The study's.
        question: What it asked.
        baseline: The row that others are compared with.
        rows: In the study's order, those with at least one finished run.
        failures: Reasons by run.
        definition: The study as it was read.
        facts: Hashes of data and weights.
    """

    title: str
    question: str
    baseline: str
    rows: tuple[TableRow, ...]
    failures: Mapping[str, str]
    definition: Mapping[str, Any]
    facts: Mapping[str, Mapping[str, str]]

    @property
    def machines(self) -> list[str]:
        """Machines and libraries that took part, sorted."""
        runs = [run for row in self.rows for run in row.runs.values()]
        return sorted({f"{run.machine}, torch {run.versions.get('torch', '?')}, {run.device}" for run in runs})


def tabulate(
    study: Study,
    scores: Sequence[Scores],
    failures: Mapping[str, str],
    facts: Mapping[str, Mapping[str, str]],
) -> StudyTable:
    """Put the scores of finished runs together.

    Args:
        study: The definition.
        scores: Of the finished runs, at least one.
        failures: Why other runs have none.
        facts: Hashes of data and weights.
    """
    by_row = {row.name: {run.seed: run for run in scores if run.row == row.name} for row in study.rows}
    rows = []
    for row in study.rows:
        runs = by_row[row.name]
        if not runs:
            continue
        estimates = {name: estimate(list(values.values())) for name, values in _by_metric(runs).items()}
        differences = {}
        if row.name != study.baseline:
            theirs = _by_metric(by_row[study.baseline])
            paired = {name: difference(ours, theirs.get(name, {})) for name, ours in _by_metric(runs).items()}
            differences = {name: found for name, found in paired.items() if found is not None}
        rows.append(TableRow(row.name, row.sentence, runs, estimates, differences))
    return StudyTable(
        study.title,
        study.question,
        study.baseline,
        tuple(rows),
        dict(failures),
        study.model_dump(mode="json"),
        facts,
    )


def _by_metric(runs: Mapping[int, Scores]) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for name in METRICS:
        values = {seed: run.values[name] for seed, run in runs.items() if name in run.values}
        if values:
            found[name] = values
    return found


def write_table(table: StudyTable, folder: Path) -> dict[str, Path]:
    """Write ``table.json``, ``table.md`` and ``table.png``.

    Returns:
        The files by kind.
    """
    from sceneseek.studies.picture import draw_table

    files = {kind: folder / f"table.{kind}" for kind in ("json", "md", "png")}
    write_whole(files["json"], json.dumps(as_json(table), indent=1))
    write_whole(files["md"], as_markdown(table))
    draw_table(table, files["png"])
    return files


def as_json(table: StudyTable) -> dict[str, Any]:
    """The table for machines: fractions, every run, and everything that decided it."""
    return {
        "title": table.title,
        "question": table.question,
        "baseline": table.baseline,
        "rows": [
            {
                "name": row.name,
                "sentence": row.sentence,
                "parameters": row.parameters,
                "training_minutes": round(row.minutes, 3),
                "scores": {name: _rounded(found) for name, found in row.estimates.items()},
                "differences": {name: _rounded(found) for name, found in row.differences.items()},
                "runs": [asdict(run) for run in row.runs.values()],
            }
            for row in table.rows
        ],
        "findings": findings(table),
        "failures": dict(table.failures),
        "machines": table.machines,
        **{name: dict(values) for name, values in table.facts.items()},
        "definition": dict(table.definition),
    }


def _rounded(found: Estimate) -> dict[str, float | int | None]:
    return {name: round(v, _DIGITS) if isinstance(v, float) else v for name, v in asdict(found).items()}


def as_markdown(table: StudyTable) -> str:
    """The table for people: per cent, with intervals, and what they do not tell apart."""
    metrics = [name for name in METRICS if any(name in row.estimates for row in table.rows)]
    head = ["row", "seeds", *metrics, f"{HEADLINE} against {table.baseline}", "parameters", "minutes"]
    lines = [f"# {table.title}", "", table.question, "", _line(head), _line(["---"] * len(head))]
    for row in table.rows:
        cells = [row.name, str(len(row.runs)), *(_cell(row.estimates.get(name)) for name in metrics)]
        cells += [_against(row.differences.get(HEADLINE)), f"{row.parameters / 1e6:.2f} M", f"{row.minutes:.1f}"]
        lines.append(_line(cells))
    lines += [
        "",
        "Per cent: mean over seeds ± standard deviation between seeds, [95 % interval of the mean by Student's t].",
    ]
    lines += ["A difference is taken seed by seed; its interval holding 0 means that the two are not told apart.", ""]
    lines += [f"* {row.name}: {row.sentence}" for row in table.rows]
    lines += ["", *(f"{sentence}" for sentence in findings(table))]
    lines += [f"* {run} has no scores: {reason}" for run, reason in table.failures.items()]
    lines += ["", *(f"Machine: {machine}." for machine in table.machines)]
    lines += [
        f"{name.capitalize()}: {key} {value[:12]}."
        for name, found in table.facts.items()
        for key, value in found.items()
    ]
    return "\n".join(lines).rstrip() + "\n"


def findings(table: StudyTable) -> list[str]:
    """Which rows are told apart in mAP and which are not, in sentences."""
    sentences = []
    if min(len(row.runs) for row in table.rows) < 2:
        sentences.append("A row with one seed has no interval: nothing can be said about how sure it is.")
    apart = [row for row in table.rows if row.differences.get(HEADLINE) is not None]
    same = [row.name for row in apart if row.differences[HEADLINE].holds_zero]
    other = [row for row in apart if row.differences[HEADLINE].holds_zero is False]
    if other:
        words = [f"{row.name} ({_signed(row.differences[HEADLINE].mean)})" for row in other]
        sentences.append(f"Told apart from {table.baseline} in {HEADLINE}: {', '.join(words)}.")
    if same:
        sentences.append(f"Not told apart from {table.baseline} in {HEADLINE}: {', '.join(same)}.")
    pairs = list(itertools.combinations([row for row in table.rows if HEADLINE in row.estimates], 2))
    overlap = [f"{a.name} and {b.name}" for a, b in pairs if a.estimates[HEADLINE].overlaps(b.estimates[HEADLINE])]
    if len(overlap) > _NAMED_PAIRS:
        sentences.append(f"The intervals of the means overlap in {HEADLINE} for {len(overlap)} of {len(pairs)} pairs.")
    elif overlap:
        sentences.append(f"The intervals of the means overlap in {HEADLINE} for {'; '.join(overlap)}.")
    if len(table.rows) > 2:
        sentences.append("Several rows were compared and no interval is widened for that.")
    return sentences


def _cell(found: Estimate | None) -> str:
    if found is None:
        return ""
    text = f"{100 * found.mean:.1f}"
    if found.deviation is None or found.low is None or found.high is None:
        return text
    return f"{text} ± {100 * found.deviation:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def _against(found: Estimate | None) -> str:
    if found is None:
        return ""
    if found.low is None or found.high is None:
        return _signed(found.mean)
    return f"{_signed(found.mean)} [{_signed(found.low)}, {_signed(found.high)}]"


def _signed(value: float) -> str:
    return f"{100 * value:+.1f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
