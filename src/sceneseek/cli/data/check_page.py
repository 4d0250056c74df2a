"""The page of ``sceneseek data check``: counts, histograms, pictures, and what is wrong. Everything in one file."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sceneseek.cli.data import sheets
from sceneseek.cli.data.check import facts, verdict
from sceneseek.data.checking import CheckReport, SplitSummary
from sceneseek.data.problems import Problem
from sceneseek.drawing import jpeg_data_uri
from sceneseek.evaluation.page import environment
from sceneseek.structures import Sample

_SCENES, _QUERIES = 6, 5
_MESSAGES, _PLACES = 12, 4
"""Different messages of one kind, and places of each, that are shown."""
_PIXELS = (0, 16, 32, 64, 128, 256, 512, 1024, np.inf)
_COUNTS = (0, 1, 2, 3, 4, 5, 6, 8, 11, 16, 31, 101, np.inf)
_ASPECTS = (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, np.inf)
_MOST_CAMERAS = 24


def write_page(path: Path, report: CheckReport) -> None:
    """Write the page; it appears whole or not at all."""
    page = environment("sceneseek.cli").get_template("check.html").render(
        title=f"{report.path.name}, checked",
        path=str(report.path),
        layout=report.layout,
        verdict=verdict(report),
        num_errors=len(report.problems.errors),
        num_notes=len(report.problems.notes),
        splits=[_split(name, split) for name, split in report.splits.items()],
        groups=[
            {"severity": severity, "kind": kind, "count": len(found), "first": _by_message(found)}
            for (severity, kind), found in report.problems.grouped().items()
        ],
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(page, encoding="utf-8")
    partial.replace(path)


def _by_message(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """Problems that read alike said once, with their places."""
    places: dict[str, list[str]] = {}
    for problem in problems:
        places.setdefault(problem.message, []).append(str(problem.place))
    return [
        {"message": message, "places": found[:_PLACES], "more": len(found) - len(found[:_PLACES])}
        for message, found in list(places.items())[:_MESSAGES]
    ]


def histogram(values: Sequence[float] | np.ndarray, edges: Sequence[float], unit: str = "") -> list[dict[str, Any]]:
    """Counts between edges as bars, empty ends left out.

    Args:
        values: ``(N,)``.
        edges: Ascending; each bar holds its lower edge, not its upper one.
        unit: Follows the numbers in the longer name of a bar.

    Returns:
        For each bar its short ``label`` (the lower edge), its ``name``, ``count``, and ``height`` in per cent of the
        highest.

    Example:
        >>> [(bar["name"], bar["count"]) for bar in histogram([1, 1, 9], (0, 1, 2, 8, np.inf))]
        [('1', 2), ('2 to 7', 0), ('8 and more', 1)]
    """
    counts = np.histogram(np.asarray(values, np.float64), bins=[*edges[:-1], np.finfo(np.float64).max])[0]
    filled = np.flatnonzero(counts)
    if not len(filled):
        return []
    return [
        {
            "label": f"{edges[i]:g}",
            "name": _bar_name(edges[i], edges[i + 1], unit),
            "count": int(counts[i]),
            "height": round(100 * counts[i] / counts.max(), 2),
        }
        for i in range(int(filled[0]), int(filled[-1]) + 1)
    ]


def _bar_name(low: float, high: float, unit: str) -> str:
    if high == np.inf:
        return f"{low:g}{unit} and more"
    if low == int(low) and high == int(high):
        return f"{low:g}{unit}" if high == low + 1 and not unit else f"{low:g} to {high - 1:g}{unit}"
    return f"{low:g} to {high:g}{unit}"


def _split(name: str, split: SplitSummary) -> dict[str, Any]:
    draw = random.Random(0)

    def choose(total: int, wanted: int) -> list[int]:
        return draw.sample(range(total), wanted)

    scenes = split.scenes
    shown = [scenes.samples[i] for i in sheets.spread(len(scenes), _SCENES, choose)]
    asked = [scenes.queries[i] for i in sheets.spread(len(scenes.queries), _QUERIES, choose)]
    return {
        "name": name,
        "title": scenes.name,
        "facts": facts(split),
        "charts": [chart for chart in _charts(split) if chart["bars"]],
        "scenes": [_scene(sample) for sample in shown],
        "queries": [
            {"picture": jpeg_data_uri(row, 82), "width": row.shape[1], "title": sheets.query_title(scenes, query)}
            for query, row in ((q, sheets.query_row(scenes, q)) for q in asked)
        ],
    }


def _scene(sample: Sample) -> dict[str, str]:
    ids = ", ".join(sheets.label_of(i) for i in sample.person_ids.tolist()) or "none"
    words = f"{sample.path.name}: {len(sample)} boxes, people {ids}"
    return {
        "picture": jpeg_data_uri(sheets.scene(sample, 520), 80),
        "name": sample.path.name,
        "about": sheets.size_of(sample) + (f", camera {sample.camera_id}" if sample.camera_id else ""),
        "alt": words,
    }  # fmt: skip


def _charts(split: SplitSummary) -> list[dict[str, Any]]:
    boxes = [len(sample) for sample in split.scenes.samples]
    by_frequency = sorted(split.cameras.items(), key=lambda item: -item[1])[:_MOST_CAMERAS]
    most = max((count for _, count in by_frequency), default=1)
    cameras = [
        {"label": name, "name": f"camera {name}", "count": count, "height": round(100 * count / most, 2)}
        for name, count in sorted(by_frequency)
    ]
    return [
        {
            "title": "Heights of boxes",
            "axis": "pixels, from",
            "bars": histogram(split.heights, _PIXELS, " px"),
        },
        {
            "title": "Shapes of boxes",
            "axis": "height divided by width, from",
            "bars": histogram(split.heights / np.maximum(split.widths, 1e-6), _ASPECTS),
        },
        {"title": "Boxes in an image", "axis": "boxes, from", "bars": histogram(boxes, _COUNTS)},
        {"title": "Images of an identity", "axis": "images, from", "bars": histogram(split.appearances, _COUNTS)},
        {"title": "Right images for a query", "axis": "images, from", "bars": histogram(split.positives, _COUNTS)},
        {"title": "Images of a camera", "axis": "camera", "bars": cameras if set(split.cameras) != {"none"} else []},
    ]
