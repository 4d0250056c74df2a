"""``sceneseek report``: saved evaluations again, alone or against each other, without the models."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sceneseek.cli.console import err, escape, out, print_json, warn
from sceneseek.errors import DataError, ValueRefused

if TYPE_CHECKING:
    from sceneseek.evaluation.comparison import Comparison
    from sceneseek.evaluation.saved import RunRecord


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Folders that 'sceneseek evaluate --out' wrote, or report.json files; the first is "
            "what the others are compared with.",
        ),
    ],
    out_folder: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write report.html, .md and .json here.")
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option("--images", help="The folder of the pictures, where they have moved since the evaluation."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="Take only this model of the runs; repeat for several, in this order."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Show saved evaluations again; compare two or more.

    Needs neither the models nor the annotations. Differences carry a paired bootstrap interval: queries are matched by
    id and resampled. Runs over different data or by different rules are refused.
    """  # fmt: skip
    from sceneseek.evaluation.report import as_json as report_json
    from sceneseek.evaluation.report import comparisons_of, write_records

    records = _chosen(_read(runs), model or [])
    if images is not None:
        if not images.is_dir():
            raise DataError(f"{images} is not a folder; --images names the folder that holds the pictures.")
        records = [replace(r, album=r.album.moved(images)) for r in records]
    reports = [r.report for r in records]
    comparisons = comparisons_of(reports)
    if as_json:
        albums = [r.album for r in records]
        print_json(report_json(reports, _command(), albums=albums, comparisons=comparisons))
    else:
        from sceneseek.cli.evaluate import show

        show(reports)
        for record, comparison in zip(records[1:], comparisons, strict=True):
            _show_differences(records[0], record, comparison)
    if out_folder is not None:
        _warn_of_missing(records)
        with err.status("writing the report"):
            files = write_records(out_folder, records, command=_command())
        err.print(f"wrote {escape(str(files['html']))}; open it in a browser", highlight=False, soft_wrap=True)


def _command() -> str:
    return shlex.join(["sceneseek", *sys.argv[1:]])


def _read(runs: Sequence[Path]) -> list[RunRecord]:
    from sceneseek.evaluation.saved import NAME, read_report, told_apart

    records: list[RunRecord] = []
    sources: list[str] = []
    for run in runs:
        found = read_report(run)
        records += found
        sources += [str(run.parent if run.name == NAME else run)] * len(found)
    return told_apart(records, sources)


def _chosen(records: Sequence[RunRecord], names: Sequence[str]) -> list[RunRecord]:
    from sceneseek.evaluation.plots import label

    if not names:
        return list(records)
    known = [label(r.report) for r in records]
    for name in names:
        if not any(_is(name, k) for k in known):
            raise ValueRefused(f"no run holds a model {name!r}; they hold {', '.join(known)}.")
    return [r for name in names for r, k in zip(records, known, strict=True) if _is(name, k)]


def _is(name: str, known: str) -> bool:
    from sceneseek.evaluation.plots import FROM

    return known == name or known.startswith((f"{name}{FROM}", f"{name},"))


def _warn_of_missing(records: Sequence[RunRecord]) -> None:
    """Look for the pictures before the page is drawn: a page of gaps shall not come as a surprise."""
    gone = {path for r in records for path in map(r.album.path, r.album.names) if not path.is_file()}
    if gone:
        warn(
            f"{len(gone):,} pictures are gone, such as {min(gone)}; the page shows the numbers, and gaps instead of "
            "those pictures. Name the folder that holds them with --images."
        )


def _show_differences(first: RunRecord, second: RunRecord, comparison: Comparison) -> None:
    from rich import box as frames
    from rich.table import Table

    from sceneseek.evaluation.plots import label
    from sceneseek.evaluation.summary import points

    title = f"{label(second.report)} against {label(first.report)}, in points"
    view = Table(box=frames.SIMPLE_HEAD, pad_edge=False, header_style="bold", title=escape(title), title_justify="left")
    for name in ("score", "first", "second", "difference", "95 % interval", "verdict"):
        view.add_column(name, justify="left" if name in ("score", "verdict") else "right")
    for d in comparison.differences:
        interval = f"{points(d.low)} to {points(d.high)}"
        view.add_row(
            d.name, f"{100 * d.first:.1f}", f"{100 * d.second:.1f}", points(d.value), interval, d.verdict,
            style="bold" if d.clear else "",
        )  # fmt: skip
    out.print(view)
    facts = f"by AP {len(comparison.better):,} of {comparison.num_queries:,} queries are better, " \
            f"{comparison.num_same:,} equal, {len(comparison.worse):,} worse"  # fmt: skip
    out.print(f"[dim]{facts}[/dim]", highlight=False, soft_wrap=True)
