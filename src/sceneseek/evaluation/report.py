"""A report to keep: JSON for machines, Markdown for notes, one HTML page for people."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from sceneseek.evaluation import plots
from sceneseek.evaluation.exhibits import Exhibits
from sceneseek.structures import Extraction, SceneSet, Score, SearchReport

COLUMNS = ("mAP", "top-1", "top-5", "top-10")


@dataclass(frozen=True, eq=False)
class Run:
    """One evaluated model: the report and what it was made from."""

    report: SearchReport
    extraction: Extraction


def write_report(
    folder: str | Path, scenes: SceneSet, runs: Sequence[Run], command: str = "", when: datetime | None = None
) -> dict[str, Path]:
    """Write ``report.json``, ``report.md`` and ``report.html``.

    Args:
        folder: Made when missing; older reports there are replaced.
        scenes: The data, for the pictures.
        runs: The models, the one the report is about first, others beside it.
        command: How to make this report again.
        when: The date on the page; now when not given.

    Returns:
        The files by kind: ``"json"``, ``"markdown"``, ``"html"``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    date = (when or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    reports = [run.report for run in runs]
    texts = {
        "json": json.dumps(as_json(reports, command, date), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "markdown": as_markdown(reports, command, date),
        "html": as_html(scenes, runs, command, date),
    }
    files = {
        kind: folder / f"report.{suffix}" for kind, suffix in (("json", "json"), ("markdown", "md"), ("html", "html"))
    }
    for kind, path in files.items():
        _write(path, texts[kind])
    return files


def _write(path: Path, text: str) -> None:
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(text)
    mask = os.umask(0)
    os.umask(mask)
    Path(file.name).chmod(0o666 & ~mask)  # A temporary file is private; a report is as public as its folder.
    Path(file.name).replace(path)


def as_json(reports: Sequence[SearchReport], command: str = "", date: str = "") -> dict[str, Any]:
    """The reports as plain values: every number, fractions, ``None`` where there is none."""
    return {"format": 1, "date": date, "command": command, "models": [_model_json(r) for r in reports]}


def _model_json(report: SearchReport) -> dict[str, Any]:
    o = report.outcomes
    return {
        "model": report.provenance.model,
        "provenance": asdict(report.provenance),
        "protocol": dict(report.protocol),
        "images": report.num_images,
        "detections": report.num_detections,
        "queries": report.num_queries,
        "queries_without_anybody_to_find": report.num_unanswerable,
        "gallery_size": report.gallery_size,
        "scores": report.headline(),
        "cmc": report.cmc.tolist(),
        "gallery_curve": [
            {"gallery_size": p.gallery_size, "mAP": asdict(p.mean_ap), "top-1": asdict(p.top_1), "seconds": p.seconds}
            for p in report.gallery_curve
        ],
        "similarities": {
            "edges": [round(float(e), 6) for e in report.histogram.edges],
            "matches": report.histogram.matches.tolist(),
            "strangers": report.histogram.strangers.tolist(),
        },
        "per_query": [
            {
                "query": int(o.query_ids[i]),
                "AP": None if math.isnan(o.average_precision[i]) else float(o.average_precision[i]),
                "first_hit_rank": int(o.first_hit_rank[i]) or None,
                "positives": int(o.num_positives[i]),
                "found": int(o.num_found[i]),
                "ranked": int(o.num_ranked[i]),
            }
            for i in range(len(o))
        ],
        "failures": [asdict(f) for f in report.failures],
        "seconds": dict(report.seconds),
    }


def table(reports: Sequence[SearchReport]) -> list[dict[str, str]]:
    """One row per model, scores in per cent, for any kind of table."""
    rows = []
    for report in reports:
        d = report.detection
        row = {"model": plots.label(report)}
        row.update({name: str(score) for name, score in scores_of(report).items()})
        row["found"] = "-" if report.positives_found is None else f"{100 * report.positives_found:.1f}"
        row["det recall"] = "-" if d is None else f"{100 * d.recall:.1f}"
        row["det AP50"] = "-" if d is None else f"{100 * d.ap50:.1f}"
        rows.append(row)
    return rows


def scores_of(report: SearchReport) -> dict[str, Score]:
    """The search scores by name: mAP and top-k."""
    return {"mAP": report.mean_ap, **{f"top-{k}": score for k, score in report.top_k.items()}}


def as_markdown(reports: Sequence[SearchReport], command: str = "", date: str = "") -> str:
    """The report as Markdown: scores with intervals, the gallery curve, and how they were made."""
    head = reports[0]
    lines = [f"# Person search on {head.provenance.data}", ""]
    rows = table(reports)
    lines += _markdown_table(list(rows[0]), [list(r.values()) for r in rows])
    legend = "found: positives with a matching detection; det: detection of all people"
    lines += ["", f"Per cent; {_basis(head)}; {legend}.", "", "## 95 % intervals", ""]
    names = list(scores_of(head))
    intervals = [[plots.label(r), *(s.interval or "-" for s in scores_of(r).values())] for r in reports]
    lines += _markdown_table(["model", *names], intervals)
    if any(len(r.gallery_curve) > 1 for r in reports):
        lines += ["", "## Gallery size (mAP / top-1)", ""]
        sizes = sorted({p.gallery_size for r in reports for p in r.gallery_curve})
        cells = []
        for report in reports:
            at = {p.gallery_size: f"{p.mean_ap} / {p.top_1}" for p in report.gallery_curve}
            cells.append([plots.label(report), *(at.get(size, "-") for size in sizes)])
        lines += _markdown_table(["model", *(f"{s:,}" for s in sizes)], cells)
    lines += ["", "## How", ""]
    for report in reports:
        lines += [f"* **{plots.label(report)}**: " + "; ".join(f"{k} {v}" for k, v in facts(report).items()) + "."]
    lines += ["", *([f"Made by `{command}`" + (f" on {date}." if date else ".")] if command else [date])]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"

    return [line(head), line(["---", *["---:"] * (len(head) - 1)]), *map(line, rows)]


def _basis(report: SearchReport) -> str:
    text = f"{report.num_queries:,} queries, {report.gallery_size:,.0f} images per gallery on average"
    if report.num_unanswerable:
        text += f", {report.num_unanswerable:,} queries with nobody to find left out"
    return text


def facts(report: SearchReport) -> dict[str, str]:
    """Where the numbers come from, for people."""
    p = report.provenance
    switches = ", ".join(f"{name} {_plain(value)}" for name, value in report.protocol.items())
    return {
        "weights": p.fingerprint[:16],
        "annotations": p.data_fingerprint[:16],
        "boxes": "the detector's own" if p.boxes == "detector" else "as annotated",
        "protocol": switches,
        "scenes": f"{report.num_images:,} with {report.num_detections:,} detections",
        "time": ", ".join(f"{name} {seconds(value)}" for name, value in report.seconds.items() if value > 0) or "-",
        "machine": p.machine or "-",
        "sceneseek": p.version,
    }


def _plain(value: object) -> str:
    if isinstance(value, list):
        return "/".join(map(str, value))
    return "all" if value is None else str(value)


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


def as_html(scenes: SceneSet, runs: Sequence[Run], command: str = "", date: str = "") -> str:
    """One page with everything inside: no script, no address outside the page, text from files escaped."""
    reports = [run.report for run in runs]
    exhibits = Exhibits(runs[0].report, runs[0].extraction, scenes)
    page: str = environment().get_template("report.html").render(
        name=scenes.name,
        title=f"Search evaluation on {scenes.name}",
        basis=_basis(reports[0]),
        head=reports[0],
        label=plots.label(reports[0]),
        cards=cards(reports[0]),
        table=table(reports),
        bars=bars(reports),
        charts=charts(reports),
        rankings=exhibits.rankings(),
        failures=exhibits.failures(),
        reasons=reasons(reports[0]),
        facts=[(plots.label(r), facts(r)) for r in reports],
        command=command,
        date=date,
    )  # fmt: skip
    return page


def environment(*packages: str) -> Any:
    """The template engine, escaping everything; other packages may add templates of their own to this page's parts."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loaders = [PackageLoader(package) for package in (*packages, "sceneseek.evaluation")]
    return Environment(
        loader=ChoiceLoader(loaders), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def cards(report: SearchReport) -> list[dict[str, str]]:
    """The headline numbers, each with its interval and what it says."""
    meaning = {
        "mAP": "how high all pictures of a person are ranked",
        "top-1": "queries whose first answer is right",
        "top-5": "queries with a right answer among the first 5",
        "top-10": "queries with a right answer among the first 10",
    }
    rows = [
        {"name": n, "value": str(s), "interval": s.interval, "meaning": meaning.get(n, "")}
        for n, s in scores_of(report).items()
    ]
    if report.detection is not None:
        d = report.detection
        rows.append({
            "name": "detection recall", "value": f"{100 * d.recall:.1f}", "interval": "",
            "meaning": f"of {d.num_people:,} people, at score {d.score_threshold:g}; AP50 {100 * d.ap50:.1f}",
        })  # fmt: skip
    elif report.positives_found is not None:
        rows.append({
            "name": "positives found", "value": f"{100 * report.positives_found:.1f}", "interval": "",
            "meaning": "right answers that have a box at all",
        })  # fmt: skip
    return rows


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


def charts(reports: Sequence[SearchReport]) -> list[dict[str, Any]]:
    """The charts, each with a title and one sentence on how to read it."""
    from markupsafe import Markup

    candidates: list[tuple[str, str, str | None]] = [
        (
            "Gallery size",
            "Each gallery holds the smaller ones: all that is added is strangers. Bands are 95 % intervals.",
            plots.gallery_size(reports),
        ),
        ("Rank of the first hit", "The share of queries answered by each rank (CMC).", plots.cumulative_match(reports)),
        (
            "Similarity",
            f"{plots.label(reports[0])}: the less the two kinds overlap, the further a score can be trusted.",
            plots.similarities(reports[0]),
        ),
        (
            "Detection",
            "Every annotated person, known or not, at IoU 0.5. The dot: the score from which one is ranked.",
            plots.detection(reports),
        ),
    ]
    # The SVG is our own drawing; names inside it were escaped by the drawing library.
    return [{"title": t, "note": n, "svg": Markup(svg)} for t, n, svg in candidates if svg is not None]


def reasons(report: SearchReport) -> Mapping[str, int]:
    """How many of the explained failures have which reason, the most frequent first."""
    counts: dict[str, int] = {}
    for failure in report.failures:
        counts[failure.reason] = counts.get(failure.reason, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
