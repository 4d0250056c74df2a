"""A report as Markdown: for notes, pull requests and terminals."""

from __future__ import annotations

from collections.abc import Sequence

from sceneseek.evaluation.comparability import comparable
from sceneseek.evaluation.comparison import Comparison
from sceneseek.evaluation.plots import label
from sceneseek.evaluation.published import METRICS, PublishedRow
from sceneseek.evaluation.summary import (
    basis,
    detection_scores_of,
    facts,
    points,
    scores_of,
    table,
    where_answers_are_lost,
)
from sceneseek.structures import SearchReport

_CHANGES = 10


def as_markdown(
    reports: Sequence[SearchReport], command: str = "", date: str = "", comparisons: Sequence[Comparison] = ()
) -> str:
    """The report as Markdown: scores with intervals, published rows, differences, curves, and how they were made.

    Args:
        reports: The models, the one the report is about first.
        command: How to make this report again.
        date: When it was made.
        comparisons: Of each further report with the first.
    """
    head = reports[0]
    lines = [f"# Person search on {head.provenance.data}", ""]
    rows = table(reports)
    lines += markdown_table(list(rows[0]), [list(r.values()) for r in rows])
    legend = "found: positives with a matching detection; det: detection of all people"
    lines += ["", f"Per cent; {basis(head)}; {legend}."]
    lines += ["", "## 95 % intervals", "", *_intervals(reports)]
    lines += ["", "## Beside the literature", "", *_literature(head)]
    for report, comparison in zip(reports[1:], comparisons, strict=False):
        lines += ["", f"## {label(report)} against {label(head)}", "", *_differences(comparison)]
    lines += ["", "## What became of the first answer", "", *_losses(reports)]
    if any(len(r.gallery_curve) > 1 for r in reports):
        lines += ["", "## Gallery size (mAP / top-1)", "", *_gallery(reports)]
    lines += ["", "## How", ""]
    for report in reports:
        lines += [f"* **{label(report)}**: " + "; ".join(f"{k} {v}" for k, v in facts(report).items()) + "."]
    lines += ["", *([f"Made by `{command}`" + (f" on {date}." if date else ".")] if command else [date])]
    return "\n".join(lines).rstrip() + "\n"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table: first column left, the others right."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |"

    return [line(head), line(["---", *["---:"] * (len(head) - 1)]), *map(line, rows)]


def _intervals(reports: Sequence[SearchReport]) -> list[str]:
    scores = [{**scores_of(r), **detection_scores_of(r)} for r in reports]
    names = list(dict.fromkeys(name for s in scores for name in s))
    rows = [
        [label(r), *((s[n].interval or "-") if n in s else "-" for n in names)]
        for r, s in zip(reports, scores, strict=True)
    ]
    text = "Percentile bootstrap: search resamples queries, detection resamples scenes."
    return [*markdown_table(["model", *names], rows), "", text]


def _literature(head: SearchReport) -> list[str]:
    beside = comparable(head)
    if not beside.rows:
        return [beside.reason]
    metrics = [m for m in METRICS[:4] if any(m in row.metrics for row in beside.rows)]
    ours = ["**" + label(head) + "**", "this report", *(str(scores_of(head).get(m, "-")) for m in metrics), ""]
    rows = [_published(row, metrics) for row in beside.rows]
    rows.insert(beside.place_of(head), ours)
    sources = dict.fromkeys(f"{row.method}: {row.source}" for row in beside.rows)
    return [
        f"{beside.reason} Marked *: not read in the source itself.", "",
        *markdown_table(["method", "settings", *metrics, "mind"], rows), "", *(f"* {s}" for s in sources),
    ]  # fmt: skip


def _published(row: PublishedRow, metrics: Sequence[str]) -> list[str]:
    cells = [f"{row.metrics[m]:g}" if m in row.metrics else "-" for m in metrics]
    return [row.method + (" *" if row.uncertain else ""), row.settings or "-", *cells, "; ".join(row.caveats)]


def _differences(comparison: Comparison) -> list[str]:
    rows = [
        [d.name, f"{100 * d.first:.1f}", f"{100 * d.second:.1f}", points(d.value),
         f"{points(d.low)} to {points(d.high)}", d.verdict]
        for d in comparison.differences
    ]  # fmt: skip
    lines = markdown_table(["score", "first", "second", "difference", "95 % interval", "verdict"], rows)
    counts = (
        f"{len(comparison.better):,} queries are better, {comparison.num_same:,} equal, {len(comparison.worse):,} worse"
    )
    lines += ["", f"Points; paired bootstrap over {comparison.num_queries:,} queries matched by id. By AP {counts}."]
    if comparison.differing:
        said = {n: ["off" if v is None else v for v in pair] for n, pair in comparison.differing.items()}
        odd = "; ".join(f"{name} {a} and {b}" for name, (a, b) in said.items())
        lines += ["", f"The systems also differ in: {odd}."]
    for title, changes in (("Most improved", comparison.better), ("Most lost", comparison.worse)):
        if changes:
            shown = [
                [str(c.query_id), f"{100 * c.first_ap:.1f}", f"{100 * c.second_ap:.1f}", points(c.change)]
                for c in changes[:_CHANGES]
            ]
            lines += ["", *markdown_table([f"{title}: query", "AP before", "AP after", "difference"], shown)]
    return lines


def _losses(reports: Sequence[SearchReport]) -> list[str]:
    rows = [[label(r), *(f"{n:,}" for n in where_answers_are_lost(r).values())] for r in reports]
    return markdown_table(["model", *(f"{name} (queries)" for name in where_answers_are_lost(reports[0]))], rows)


def _gallery(reports: Sequence[SearchReport]) -> list[str]:
    sizes = sorted({p.gallery_size for r in reports for p in r.gallery_curve})
    cells = []
    for report in reports:
        at = {p.gallery_size: f"{p.mean_ap} / {p.top_1}" for p in report.gallery_curve}
        cells.append([label(report), *(at.get(size, "-") for size in sizes)])
    return markdown_table(["model", *(f"{s:,}" for s in sizes)], cells)
