"""Charts as inline SVG that take their colours and letters from the page around them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from sceneseek.structures import SearchReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours that stand for the page's own: CSS variables replace them in the finished SVG, and a chart follows the theme.
_INK, _SOFT, _GRID = "#010203", "#040506", "#070809"
_THEME = {_INK: "var(--ink)", _SOFT: "var(--soft)", _GRID: "var(--edge)"}
SERIES = ("#2a78d6", "#e07b39", "#1f9e77", "#b5559c", "#8a8f98")
"""Line colours, told apart with any colour vision; lines differ in dashes too."""
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (3, 1)))
_LETTERS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_LEAST_SPAN = 20.0
_numbers = count(1)


def gallery_size(reports: Sequence[SearchReport]) -> str | None:
    """The mAP of nested galleries with its interval; ``None`` when there is only one size."""
    if all(len(r.gallery_curve) < 2 for r in reports):
        return None
    with _chart("images in the gallery", "mAP, per cent") as (axes, svg):
        sizes: set[int] = set()
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


def cumulative_match(reports: Sequence[SearchReport]) -> str:
    """The CMC curves."""
    with _chart("rank", "queries with a hit by then, per cent") as (axes, svg):
        ranks = [1, 5, 10, 20, 30, 40, 50]
        for i, report in enumerate(reports):
            x = np.arange(1, len(report.cmc) + 1)
            _line(axes, i, x, 100 * report.cmc, _label(reports, i))
        axes.set_xticks(ranks, [str(r) for r in ranks])
        axes.set_xlim(0, 51)
        _finish(axes, reports, top=True)
    return svg[0]


def detection(reports: Sequence[SearchReport]) -> str | None:
    """Precision over recall of detection at IoU 0.5; ``None`` where detection was not scored."""
    if all(r.detection is None for r in reports):
        return None
    with _chart("recall, per cent", "precision, per cent") as (axes, svg):
        drawn: list[Any] = []
        for i, report in enumerate(reports):
            d = report.detection
            # Two models compared on the same boxes have one curve.
            if d is None or any(np.array_equal(d.curve_recall, other) for other in drawn):
                continue
            drawn.append(d.curve_recall)
            keep = _thinned(d.curve_recall)
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
    with _chart("similarity to the query", "share of each kind, per cent") as (axes, svg):
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
def _chart(x_label: str, y_label: str) -> Iterator[tuple[Axes, list[str]]]:
    """Yield axes to draw on and a list that holds the SVG afterwards."""
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
        figure = Figure(figsize=(6.2, 3.5), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        yield axes, svg
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg.append(_inline(buffer.getvalue(), number))


def _inline(document: str, number: int) -> str:
    """Make a stand-alone SVG part of a page: no header, names of its own, the page's colours and letters."""
    body = document[document.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="chart{number}-\1"', body)
    body = re.sub(r'(href="|url\()#', rf"\1#chart{number}-", body)
    body = re.sub(r"font: ([\d.]+px) [^;\"]+", rf"font: \1 {_LETTERS}", body)
    for mark, variable in _THEME.items():
        body = body.replace(mark, variable)
    return re.sub(
        r'<svg([^>]*?) width="[^"]*"', r"<svg\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", body, count=1)
    )


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
    name = re.sub(r"=[^+]*", "", report.provenance.model)
    name = name.rsplit("/", 1)[-1] if "/" in name and "+" not in name else name
    return f"{name}, true boxes" if report.provenance.boxes == "truth" else name


def _thinned(recall: Any, most: int = 400) -> Any:
    """Indices of at most about ``most`` points, ends included."""
    n = len(recall)
    return np.arange(n) if n <= most else np.unique(np.linspace(0, n - 1, most).astype(int))
