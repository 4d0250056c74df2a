"""A report's numbers as words and rows: what the terminal, Markdown and the page say alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sceneseek.evaluation import bootstrap
from sceneseek.evaluation.plots import label
from sceneseek.structures import Score, SearchReport

FEW_PEOPLE = 30
"""Below this many different people the intervals, which take queries as independent, are too narrow to trust."""


def scores_of(report: SearchReport) -> dict[str, Score]:
    """The search scores by name: mAP and top-k."""
    return {"mAP": report.mean_ap, **{f"top-{k}": score for k, score in report.top_k.items()}}


def detection_scores_of(report: SearchReport) -> dict[str, Score]:
    """The detection scores by name, and the share of positives that have a box at all; empty where not scored."""
    found: dict[str, Score] = {}
    if report.positives_found is not None:
        o = report.outcomes
        ends = bootstrap.ratio_interval(o.num_found, o.num_positives) or (None, None)
        found["positives found"] = Score(report.positives_found, *ends)
    if report.detection is not None:
        d = report.detection
        found["detection recall"] = Score(d.recall, *(d.recall_interval or (None, None)))
        found["detection AP50"] = Score(d.ap50, *(d.ap50_interval or (None, None)))
        if d.coco is not None:
            found["COCO AP"], found["COCO AP75"] = Score(d.coco.ap), Score(d.coco.ap75)
    return found


def table(reports: Sequence[SearchReport]) -> list[dict[str, str]]:
    """One row per model, scores in per cent, for any kind of table."""
    rows = []
    for report in reports:
        d = report.detection
        row = {"model": label(report)}
        row.update({name: str(score) for name, score in scores_of(report).items()})
        row["found"] = "-" if report.positives_found is None else f"{100 * report.positives_found:.1f}"
        row["det recall"] = "-" if d is None else f"{100 * d.recall:.1f}"
        row["det AP50"] = "-" if d is None else f"{100 * d.ap50:.1f}"
        rows.append(row)
    return rows


def basis(report: SearchReport) -> str:
    """What the scores are means over."""
    text = f"{report.num_queries:,} queries, {report.gallery_size:,.0f} images per gallery on average"
    if report.num_unanswerable:
        text += f", {report.num_unanswerable:,} queries with nobody to find left out"
    return text


def caution(num_people: int) -> str:
    """What to mind about the intervals; empty where nothing."""
    if not 0 < num_people < FEW_PEOPLE:
        return ""
    people = "one person" if num_people == 1 else f"{num_people} different people"
    return (
        f"The queries ask for {people} only. Intervals take queries as independent, and several queries for the same "
        "person are not: the true uncertainty is larger."
    )


def has_no_spread(score: Score) -> bool:
    """Whether all units agree, so that resampling them cannot tell how uncertain the score is."""
    return score.value is not None and score.low is not None and score.low == score.high


def where_answers_are_lost(report: SearchReport) -> dict[str, int]:
    """All queries by what became of their first answer; they add up to ``num_queries``."""
    outcomes = report.outcomes
    ranks = outcomes.first_hit_rank[outcomes.answerable_mask]
    found = outcomes.num_found[outcomes.answerable_mask]
    return {
        "right at once": int((ranks == 1).sum()),
        "out-ranked": int((ranks > 1).sum()),
        "never found": int((found == 0).sum()),
    }


def reasons(report: SearchReport) -> Mapping[str, int]:
    """How many of the explained failures have which reason, the most frequent first."""
    counts: dict[str, int] = {}
    for failure in report.failures:
        counts[failure.reason] = counts.get(failure.reason, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def facts(report: SearchReport) -> dict[str, str]:
    """Where the numbers come from, for people."""
    p = report.provenance
    switches = ", ".join(f"{name} {plain(value)}" for name, value in report.protocol.items())
    return {
        "weights": p.fingerprint[:16],
        "annotations": p.data_fingerprint[:16],
        "boxes": boxes(report),
        "protocol": switches,
        "scenes": f"{report.num_images:,} with {report.num_detections:,} detections",
        "time": ", ".join(f"{name} {seconds(value)}" for name, value in report.seconds.items() if value > 0) or "-",
        "machine": p.machine or "-",
        "sceneseek": p.version,
    }


def boxes(report: SearchReport) -> str:
    """Whose boxes were searched, for people."""
    names = {"detector": "the detector's own", "truth": "as annotated", "image": "each image as a whole"}
    return names[report.provenance.boxes]


def plain(value: object) -> str:
    """A switch's value for people."""
    if isinstance(value, list | tuple):
        return "/".join(map(str, value))
    return "all" if value is None else str(value)


def points(value: float) -> str:
    """A difference of scores in percentage points, with its sign.

    Example:
        >>> points(0.0312), points(-0.2), points(-0.00001)
        ('+3.1', '−20.0', '0.0')
    """
    rounded = round(100 * value, 1)
    return "0.0" if rounded == 0 else f"{'+' if rounded > 0 else '−'}{abs(rounded):.1f}"


def seconds(value: float) -> str:
    """A duration for people.

    Example:
        >>> seconds(0.0123), seconds(4.56), seconds(75)
        ('12 ms', '4.6 s', '1 min 15 s')
    """
    if value < 1:
        return f"{1000 * value:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    return f"{int(value // 60)} min {int(value % 60)} s"
