"""A report as one HTML page: no script, no address outside the page, text from files escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sceneseek import pages
from sceneseek.evaluation import plots
from sceneseek.evaluation.comparability import comparable
from sceneseek.evaluation.comparison import Comparison
from sceneseek.evaluation.exhibits import ChangeExample, Exhibits
from sceneseek.evaluation.published import METRICS, PublishedRow, published
from sceneseek.evaluation.saved import RunRecord
from sceneseek.evaluation.summary import (
    basis,
    boxes,
    caution,
    detection_scores_of,
    facts,
    has_no_spread,
    points,
    reasons,
    scores_of,
    table,
    where_answers_are_lost,
)
from sceneseek.structures import SearchReport

_CHANGES = 4
_MEANING = {
    "mAP": "how high all pictures of a person are ranked",
    "top-1": "queries whose first answer is right",
    "top-5": "queries with a right answer among the first 5",
    "top-10": "queries with a right answer among the first 10",
    "top-20": "queries with a right answer among the first 20",
}
_FATES = {"right at once": "right", "out-ranked": "outranked", "never found": "lost"}


@dataclass(frozen=True)
class Change:
    """A comparison as the page shows it: the numbers, a drawing of each difference, and example queries."""

    label: str
    comparison: Comparison
    rows: tuple[Mapping[str, Any], ...]
    examples: Mapping[str, tuple[ChangeExample, ...]]


def as_html(
    records: Sequence[RunRecord], comparisons: Sequence[Comparison] = (), command: str = "", date: str = ""
) -> str:
    """One page with everything inside.

    Args:
        records: The runs, the one the page is about first.
        comparisons: Of each further run with the first.
        command: How to make the page again.
        date: When it was made.
    """
    reports = [r.report for r in records]
    exhibits = [Exhibits(r.report, r.album) for r in records]
    changes = [
        _change(record.report, comparison, exhibits[0], other)
        for record, comparison, other in zip(records[1:], comparisons, exhibits[1:], strict=False)
    ]
    rankings, failures = exhibits[0].rankings(), exhibits[0].failures()
    missing = sorted(set().union(*(e.missing for e in exhibits)))
    name = reports[0].provenance.data
    page: str = environment().get_template("report.html").render(
        name=name,
        title=f"Search evaluation on {name}",
        basis=basis(reports[0]),
        boxes=boxes(reports[0]),
        head=reports[0],
        label=plots.label(reports[0]),
        caution=caution(records[0].album.num_people),
        flat=any(map(has_no_spread, {**scores_of(reports[0]), **detection_scores_of(reports[0])}.values())),
        cards=cards(reports[0]),
        beside=literature(reports[0]),
        table=table(reports),
        bars=bars(reports),
        changes=changes,
        fates=fates(reports),
        charts=charts(reports, histograms=2),
        rankings=rankings,
        failures=failures,
        reasons=reasons(reports[0]),
        missing=missing,
        picture_folder=str(records[0].album.folder),
        facts=[(plots.label(r), facts(r)) for r in reports],
        command=command,
        date=date,
    )  # fmt: skip
    return page


def environment(*packages: str) -> Any:
    """The template engine of ``pages``; other packages may add templates of their own to this page's parts."""
    made = pages.environment(*packages, "sceneseek.evaluation")
    made.filters["points"] = points
    return made


def cards(report: SearchReport) -> list[dict[str, str]]:
    """The headline numbers, each with its interval and what it says."""
    rows = [
        {"name": n, "value": str(s), "interval": s.interval, "meaning": _MEANING.get(n, "")}
        for n, s in scores_of(report).items()
    ]
    others = detection_scores_of(report)
    meaning = {"positives found": "right answers that have a box at all"}
    if report.detection is not None:
        d = report.detection
        others.pop("positives found", None)
        meaning["detection recall"] = f"of {d.num_people:,} people, at score {d.score_threshold:g}"
        meaning["detection AP50"] = "boxes at IoU 0.5 over all scores, COCO's way"
        meaning["COCO AP"] = "mean over IoU 0.5 to 0.95, by COCO's own code"
        meaning["COCO AP75"] = "at IoU 0.75, by COCO's own code"
    return rows + [
        {"name": n, "value": str(s), "interval": s.interval, "meaning": meaning[n]} for n, s in others.items()
    ]


def bars(reports: Sequence[SearchReport]) -> list[list[dict[str, Any]]]:
    """For each model its scores with their intervals, in per cent, to draw as bars in a table."""
    rows = []
    for report in reports:
        cells = []
        for name, score in scores_of(report).items():
            value, low, high = (100 * (v or 0.0) for v in (score.value, score.low, score.high))
            cells.append({"name": name, "text": str(score), "value": value, "low": low, "high": high})
        rows.append(cells)
    return rows


def literature(report: SearchReport) -> dict[str, Any]:
    """The published rows beside a report, with the report in its place among them, or why there are none."""
    beside = comparable(report)
    metrics = [m for m in METRICS[:4] if any(m in row.metrics for row in beside.rows)]
    ours = {"row": None, "cells": [str(scores_of(report).get(m, "-")) for m in metrics]}
    rows: list[dict[str, Any]] = [{"row": row, "cells": _cells(row, metrics)} for row in beside.rows]
    if rows:
        rows.insert(beside.place_of(report), ours)
    return {"reason": beside.reason, "metrics": metrics, "rows": rows}


def _cells(row: PublishedRow, metrics: Sequence[str]) -> list[str]:
    return [f"{row.metrics[m]:.1f}" if m in row.metrics else "-" for m in metrics]


def fates(reports: Sequence[SearchReport]) -> list[dict[str, Any]]:
    """For each model what became of its queries, as shares to draw."""
    rows = []
    for report in reports:
        counts = where_answers_are_lost(report)
        total = max(sum(counts.values()), 1)
        parts = [
            {"name": n, "kind": _FATES[n], "count": c, "share": 100 * c / total} for n, c in counts.items()
        ]  # fmt: skip
        rows.append({"label": plots.label(report), "parts": parts})
    return rows


def _change(report: SearchReport, comparison: Comparison, first: Exhibits, second: Exhibits) -> Change:
    reach = max((abs(v) for d in comparison.differences for v in (d.low, d.high)), default=0.0) or 0.01

    def place(value: float) -> float:
        return 50 + 48 * value / reach

    rows = tuple(
        {"d": d, "left": place(d.low), "width": place(d.high) - place(d.low), "dot": place(d.value)}
        for d in comparison.differences
    )
    examples = {
        "better": tuple(first.change(c, second) for c in comparison.better[:_CHANGES]),
        "worse": tuple(first.change(c, second) for c in comparison.worse[:_CHANGES]),
    }
    return Change(plots.label(report), comparison, rows, examples)


def charts(reports: Sequence[SearchReport], histograms: int = 1) -> list[dict[str, Any]]:
    """The charts, each with a title and one sentence on how to read it.

    Args:
        reports: The models.
        histograms: For how many of them to draw similarities.
    """
    from markupsafe import Markup

    curves = _published_curves(reports[0])
    grey = " Grey: published curves." if curves else ""
    candidates: list[tuple[str, str, str | None]] = [
        (
            "Gallery size",
            f"Each gallery holds the smaller ones: all that is added is strangers. Bands are 95 % intervals.{grey}",
            plots.gallery_size(reports, curves),
        ),
        ("Rank of the first hit", "The share of queries answered by each rank (CMC).", plots.cumulative_match(reports)),
        *(
            (
                "Similarity",
                f"{plots.label(r)}: the less the two kinds overlap, the further a score can be trusted.",
                plots.similarities(r),
            )
            for r in reports[:histograms]
        ),
        (
            "Detector's threshold",
            "From right to left fewer and surer boxes are ranked: the original protocol of PRW reads off a point.",
            plots.threshold_sweep(reports),
        ),
        (
            "Detection",
            "Every annotated person, known or not, at IoU 0.5. The dot: the score from which one is ranked.",
            plots.detection(reports),
        ),
    ]
    # The SVG is our own drawing; names inside it were escaped by the drawing library.
    return [{"title": t, "note": n, "svg": Markup(svg)} for t, n, svg in candidates if svg is not None]


def _published_curves(report: SearchReport) -> dict[str, list[tuple[int, float]]]:
    """Published gallery curves, where the report is over the same test set."""
    if not comparable(report).rows:
        return {}
    curves: dict[str, list[tuple[int, float]]] = {}
    for row in published(kind="gallery size"):
        if row.gallery_size is not None and report.provenance.data.lower().startswith(row.dataset.lower()):
            curves.setdefault(f"{row.method} {row.settings}".strip(), []).append((row.gallery_size, row.metrics["mAP"]))
    return curves
