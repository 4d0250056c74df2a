"""A report to keep: JSON for machines, Markdown for notes, one HTML page for people."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from sceneseek.evaluation.album import Album
from sceneseek.evaluation.comparison import Comparison, compare
from sceneseek.evaluation.markdown import as_markdown
from sceneseek.evaluation.page import as_html
from sceneseek.evaluation.saved import RunRecord, as_json, text_of
from sceneseek.evaluation.summary import scores_of, table
from sceneseek.structures import Extraction, SceneSet, SearchReport

__all__ = ["Run", "as_json", "as_markdown", "comparisons_of", "scores_of", "table", "write_records", "write_report"]


@dataclass(frozen=True, eq=False)
class Run:
    """One evaluated model: the report and what it was made from."""

    report: SearchReport
    extraction: Extraction


def write_report(
    folder: str | Path, scenes: SceneSet, runs: Sequence[Run], command: str = "", when: datetime | None = None
) -> dict[str, Path]:
    """Write ``report.json``, ``report.md`` and ``report.html`` of an evaluation.

    Args:
        folder: Made when missing; older reports there are replaced.
        scenes: The data, for the pictures.
        runs: The models, the one the report is about first, others compared with it.
        command: How to make this report again.
        when: The date on the page; now when not given.

    Returns:
        The files by kind: ``"json"``, ``"markdown"``, ``"html"``.

    Raises:
        ExtractionError: The runs were measured by different rules.
    """
    records = [RunRecord(run.report, Album.of(run.report, run.extraction, scenes)) for run in runs]
    return write_records(folder, records, command, when)


def write_records(
    folder: str | Path, records: Sequence[RunRecord], command: str = "", when: datetime | None = None
) -> dict[str, Path]:
    """Write the same three files from runs on record, see ``saved.read_report``.

    Args:
        folder: See ``write_report``.
        records: The runs, the one the report is about first.
        command: See ``write_report``.
        when: See ``write_report``.

    Returns:
        The files by kind.

    Raises:
        ExtractionError: The runs are over different data or were measured by different rules.
    """
    reports, albums = [r.report for r in records], [r.album for r in records]
    differences = comparisons_of(reports)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    date = (when or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    texts = {
        ("json", "json"): text_of(as_json(reports, command, date, albums=albums, comparisons=differences)),
        ("markdown", "md"): as_markdown(reports, command, date, differences),
        ("html", "html"): as_html(records, differences, command, date),
    }
    files = {kind: folder / f"report.{suffix}" for kind, suffix in texts}
    for (kind, _), text in texts.items():
        _write(files[kind], text)
    return files


def comparisons_of(reports: Sequence[SearchReport]) -> list[Comparison]:
    """Each further report against the first.

    Raises:
        ExtractionError: They are over different data or were measured by different rules.
    """
    return [compare(reports[0], other) for other in reports[1:]]


def _write(path: Path, text: str) -> None:
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(text)
    mask = os.umask(0)
    os.umask(mask)
    Path(file.name).chmod(0o666 & ~mask)  # A temporary file is private; a report is as public as its folder.
    Path(file.name).replace(path)
