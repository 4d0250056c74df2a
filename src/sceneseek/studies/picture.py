"""The picture of a study: a dot for each seed, the mean, and its interval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sceneseek.studies.table import METRICS, StudyTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _DOT, _BAR = "#1d2733", "#2a78d6", "#c9d8ea"
_PANELS = 3


def draw_table(table: StudyTable, picture: Path) -> None:
    """Draw one panel per metric, rows from top to bottom.

    Args:
        table: What to draw.
        picture: The PNG to write; replaced atomically.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics = [name for name in METRICS if any(name in row.estimates for row in table.rows)][:_PANELS]
    figure = Figure(figsize=(2.2 + 2.9 * len(metrics), 1.0 + 0.42 * len(table.rows)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        _draw(axes, table, metric)
    panels[0].set_yticks(range(len(table.rows)), [row.name for row in table.rows])
    panels[0].set_ylim(len(table.rows) - 0.5, -0.5)
    partial = picture.with_name(f"{picture.name}.partial")
    figure.savefig(partial, dpi=120, format="png")
    partial.replace(picture)


def _draw(axes: Axes, table: StudyTable, metric: str) -> None:
    for place, row in enumerate(table.rows):
        found = row.estimates.get(metric)
        if found is None:
            continue
        if found.low is not None and found.high is not None:
            # An interval of two or three seeds may reach beyond what a share can be.
            low, high = max(found.low, 0.0), min(found.high, 1.0)
            axes.barh(place, 100 * (high - low), left=100 * low, height=0.5, color=_BAR, zorder=1)
        axes.plot([100 * found.mean] * 2, [place - 0.3, place + 0.3], color=_INK, linewidth=1.8, zorder=3)
        values = [100 * run.values[metric] for run in row.runs.values() if metric in run.values]
        axes.plot(values, [place] * len(values), "o", color=_DOT, markersize=4.5, alpha=0.85, linestyle="", zorder=4)
    axes.set_xlabel(f"{metric}, per cent")
    axes.grid(axis="x", alpha=0.3)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
