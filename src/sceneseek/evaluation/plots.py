"""Charts as inline SVG that take their colours and letters from the page around them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from sceneseek.structures import DetectionScores, IntArray, SearchReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours that stand for the page's own: CSS variables replace them in the finished SVG, and a chart follows the theme.
_INK, _SOFT, _GRID = "#010203", "#040506", "#070809"
_THEME = {_INK: "var(--ink)", _SOFT: "var(--soft)", _GRID: "var(--edge)"}
SERIES = ("#2a78d6", "#e07b39", "#1f9e77", "#b5559c", "#8a8f98")
"""Line colours, told apart with any colour vision; lines differ in dashes too."""
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (3, 1)))
_LETTERS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
FROM = " · "
"""Between a model's name and the run it comes from, where two runs hold models of one name."""
_LEAST_SPAN = 20.0
_CMC_RANKS = 50
_NAME_HEIGHT = 2.2
_numbers = count(1)


Curve = Sequence[tuple[int, float]]
"""Points of a published curve: images in the gallery, and mAP in per cent."""


def gallery_size(reports: Sequence[SearchReport], beside: Mapping[str, Curve] = MappingProxyType({})) -> str | None:
    """The mAP of nested galleries with its interval; ``None`` when there is only one size.

    Args:
        reports: The models.
        beside: Published curves by name, drawn thin and grey.
    """
    if all(len(r.gallery_curve) < 2 for r in reports):
        return None
    ends = [(label(r), r.gallery_curve[0], r.gallery_curve[-1]) for r in reports if len(r.gallery_curve) > 1]
    alt = "; ".join(
        f"{name} from {a.mean_ap} at {a.gallery_size:,} images to {b.mean_ap} at {b.gallery_size:,}"
        for name, a, b in ends
    )
    with _chart("images in the gallery", "mAP, per cent", f"mAP by gallery size: {alt}") as (axes, svg):
        sizes: set[int] = set()
        sizes |= _published(axes, beside)
        for i, report in enumerate(reports):
            points = [p for p in report.gallery_curve if p.mean_ap.value is not None]
            x = [p.gallery_size for p in points]
            sizes.update(x)
            low = [100 * (p.mean_ap.low if p.mean_ap.low is not None else p.mean_ap.value or 0) for p in points]
            high = [100 * (p.mean_ap.high if p.mean_ap.high is not None else p.mean_ap.value or 0) for p in points]
            axes.fill_between(x, low, high, color=SERIES[i % 5], alpha=0.14, linewidth=0)
            values = [100 * (p.mean_ap.value or 0) for p in points]
            _line(axes, i, x, values, _label(reports, i), marker="o", markersize=4.5)
        axes.set_xscale("log")
        axes.set_xticks(sorted(sizes), [f"{s:,}" for s in sorted(sizes)])
        axes.minorticks_off()
        _finish(axes, reports, top=True)
    return svg[0]


def _published(axes: Axes, curves: Mapping[str, Curve]) -> set[int]:
    """Draw published curves, named where there is room at their ends; return their sizes."""
    last = float("inf")
    for name, curve in sorted(curves.items(), key=lambda item: -item[1][-1][1]):
        axes.plot([n for n, _ in curve], [v for _, v in curve], color=_SOFT, linewidth=0.9, alpha=0.7)
        end = curve[-1]
        if last - end[1] >= _NAME_HEIGHT:
            axes.annotate(name, end, (3, 0), textcoords="offset points", fontsize=7.5, color=_SOFT, va="center")
            last = end[1]
    return {n for curve in curves.values() for n, _ in curve}


def threshold_sweep(reports: Sequence[SearchReport]) -> str | None:
    """The mAP over boxes per scene as the detector's threshold falls; ``None`` where there was no sweep.

    The figure of the original PRW protocol (Zheng et al., 2017).
    """
    swept = [r for r in reports if r.threshold_sweep]
    if not swept:
        return None
    best = [max(r.threshold_sweep, key=lambda p: p.mean_ap.value or 0.0) for r in swept]
    alt = "; ".join(
        f"{label(r)} best {p.mean_ap} at {p.boxes_per_image:.1f} boxes per scene"
        for r, p in zip(swept, best, strict=True)
    )
    with _chart("boxes per scene", "mAP, per cent", f"mAP by boxes per scene: {alt}") as (axes, svg):
        for i, report in enumerate(reports):
            points = sorted(report.threshold_sweep, key=lambda p: p.boxes_per_image)
            y = [100 * (p.mean_ap.value or 0.0) for p in points]
            _line(axes, i, [p.boxes_per_image for p in points], y, _label(reports, i), marker="o", markersize=3)
        _finish(axes, reports, top=True)
    return svg[0]


def cumulative_match(reports: Sequence[SearchReport]) -> str:
    """The CMC curves."""
    alt = "; ".join(f"{label(r)} " + ", ".join(f"{s} at rank {k}" for k, s in r.top_k.items()) for r in reports)
    with _chart("rank", "queries with a hit by then, per cent", f"Share of queries by rank: {alt}") as (axes, svg):
        ranks = [1, 5, 10, 20, 30, 40, 50]
        for i, report in enumerate(reports):
            shown = report.cmc[:_CMC_RANKS]
            _line(axes, i, np.arange(1, len(shown) + 1), 100 * shown, _label(reports, i))
        axes.set_xticks(ranks, [str(r) for r in ranks])
        axes.set_xlim(0, 51)
        _finish(axes, reports, top=True)
    return svg[0]


def detection(reports: Sequence[SearchReport]) -> str | None:
    """Precision over recall of detection at IoU 0.5; ``None`` where detection was not scored."""
    if all(r.detection is None for r in reports):
        return None
    alt = "; ".join(
        f"{label(r)} recall {100 * r.detection.recall:.1f}, AP50 {100 * r.detection.ap50:.1f}"
        for r in reports
        if r.detection
    )
    with _chart("recall, per cent", "precision, per cent", f"Precision over recall of detection: {alt}") as (axes, svg):
        drawn: list[Any] = []
        for i, report in enumerate(reports):
            d = report.detection
            # Two models compared on the same boxes have one curve.
            if d is None or any(np.array_equal(d.curve_recall, other) for other in drawn):
                continue
            drawn.append(d.curve_recall)
            keep = thinned(d)
            _line(axes, i, 100 * d.curve_recall[keep], 100 * d.curve_precision[keep], _label(reports, i))
            at = int((d.curve_scores >= d.score_threshold).sum()) - 1
            if at >= 0:
                axes.plot(
                    [100 * d.curve_recall[at]], [100 * d.curve_precision[at]], "o",
                    color=SERIES[i % 5], markersize=7, markeredgecolor=_INK, markeredgewidth=1,
                )  # fmt: skip
        axes.set_xlim(-1, 101)
        axes.set_ylim(0, 102)
        if len(drawn) > 1:
            _legend(axes, "lower left")
    return svg[0]


def similarities(report: SearchReport) -> str:
    """How similar matches and strangers are, each as a share of its own kind."""
    histogram = report.histogram
    middle = (histogram.edges[:-1] + histogram.edges[1:]) / 2
    kinds = {"the right person": histogram.matches, "strangers": histogram.strangers}
    means = [f"{n} {np.average(middle, weights=c):.2f} on average" for n, c in kinds.items() if c.sum()]
    alt = f"Histogram of similarities to the query: {', '.join(means)}"
    with _chart("similarity to the query", "share of each kind, per cent", alt) as (axes, svg):
        together = np.flatnonzero(histogram.matches + histogram.strangers)
        lo, hi = (int(together[0]), int(together[-1]) + 1) if len(together) else (0, len(histogram.matches))
        step = max(1, (hi - lo) // 50)
        edges = histogram.edges[lo : hi + 1 : step]
        for counts, colour, name in (
            (histogram.strangers, SERIES[1], "strangers"),
            (histogram.matches, SERIES[0], "the right person"),
        ):
            merged = np.add.reduceat(counts[lo:hi], np.arange(0, hi - lo, step))[: len(edges) - 1]
            share = 100 * merged / max(int(counts.sum()), 1)
            axes.stairs(share, edges, fill=True, color=colour, alpha=0.28)
            axes.stairs(share, edges, color=colour, linewidth=1.8, label=f"{name} ({int(counts.sum()):,})")
        axes.set_ylim(0, axes.get_ylim()[1] * 1.22)  # room for the legend
        _legend(axes, "upper right")
    return svg[0]


@contextmanager
def _chart(x_label: str, y_label: str, alt: str) -> Iterator[tuple[Axes, list[str]]]:
    """Yield axes to draw on and a list that holds the SVG afterwards; ``alt`` says it in words."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    svg: list[str] = []
    number = next(_numbers)
    style: dict[Any, Any] = {
        "svg.fonttype": "none", "text.parse_math": False, "svg.hashsalt": "sceneseek", "font.size": 10.5,
        "axes.edgecolor": _GRID,
        "axes.labelcolor": _SOFT, "xtick.color": _SOFT, "ytick.color": _SOFT, "text.color": _INK, "grid.color": _GRID,
        "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False, "axes.grid": True,
        "axes.grid.axis": "y", "axes.axisbelow": True, "xtick.major.size": 0, "ytick.major.size": 0,
        "legend.frameon": False, "figure.facecolor": "none", "axes.facecolor": "none", "grid.linewidth": 0.9,
    }  # fmt: skip
    with mpl.rc_context(style):
        # No pyplot: it keeps every figure in a list of its own, and wants a display.
        figure = Figure(figsize=(5.6, 3.5), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        yield axes, svg
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg.append(_inline(buffer.getvalue(), number, alt))


def _inline(document: str, number: int, alt: str) -> str:
    """Make a stand-alone SVG part of a page: no header, names of its own, the page's colours and letters."""
    body = document[document.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="chart{number}-\1"', body)
    body = re.sub(r'(href="|url\()#', rf"\1#chart{number}-", body)
    body = re.sub(r"font: ([\d.]+px) [^;\"]+", rf"font: \1 {_LETTERS}", body)
    for mark, variable in _THEME.items():
        body = body.replace(mark, variable)
    body = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", body, count=1)
    body = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", body, count=1)
    return body.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1)


def _line(axes: Axes, i: int, x: Any, y: Any, label: str, **style: Any) -> None:
    axes.plot(x, y, color=SERIES[i % 5], linestyle=_DASHES[i % 5], linewidth=2.2, label=label, **style)


def _finish(axes: Axes, reports: Sequence[SearchReport], *, top: bool) -> None:
    low, high = axes.get_ylim()
    if high - low < _LEAST_SPAN:  # A flat curve shall look flat.
        low, high = (low + high - _LEAST_SPAN) / 2, (low + high + _LEAST_SPAN) / 2
    axes.set_ylim(max(0.0, low), max(high, 101.5) if top and high > 90 else high)
    if len(reports) > 1:
        _legend(axes, "best")


def _legend(axes: Axes, where: Any) -> None:
    axes.legend(loc=where, fontsize=9.5, handlelength=2.4)


def _label(reports: Sequence[SearchReport], i: int) -> str:
    return label(reports[i])


def label(report: SearchReport) -> str:
    """A model's name for a page: file paths inside it are shortened to what matters."""
    name, apart, origin = report.provenance.model.partition(FROM)
    name = re.sub(r"=[^+]*", "", name)
    name = name.rsplit("/", 1)[-1] if "/" in name and "+" not in name else name
    name += {"truth": ", true boxes", "image": ", whole images"}.get(report.provenance.boxes, "")
    method, _, _ = str(report.protocol.get("rerank", "")).partition(" (")
    return (f"{name}, {method}" if method else name) + apart + origin


def thinned(scores: DetectionScores, most: int = 400) -> IntArray:
    """Places on a precision-recall curve, at most about ``most``: evenly spread, ends and threshold included."""
    n = len(scores.curve_recall)
    if n <= most:
        return np.arange(n)
    at = int((scores.curve_scores >= scores.score_threshold).sum()) - 1
    return np.unique([max(at, 0), *np.linspace(0, n - 1, most).astype(int)])
