"""A picture of a training run, drawn from its log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sceneseek.training.logs import Record, read_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_curve(log: Path, picture: Path) -> bool:
    """Draw weighted losses, evaluation metrics and learning rate over the steps.

    Args:
        log: The run's ``log.jsonl``.
        picture: The PNG to write; replaced atomically.

    Returns:
        Whether there was anything to draw.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    records = read_log(log)
    steps = [record for record in records if record["kind"] == "train"]
    marks = [record for record in records if record["kind"] == "evaluation"]
    if not steps:
        return False
    figure = Figure(figsize=(9.0, 9.0 if marks else 6.5))
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(3 if marks else 2, 1, sharex=True, squeeze=False)[:, 0])
    figure.subplots_adjust(left=0.11, right=0.98, bottom=0.08, top=0.98, hspace=0.08)
    _draw_losses(axes[0], steps)
    if marks:
        _draw_metrics(axes[1], marks)
    _draw_rate(axes[-1], steps)
    partial = picture.with_name(f"{picture.name}.partial")
    figure.savefig(partial, dpi=110, format="png")
    partial.replace(picture)
    return True


def _draw_losses(axes: Axes, records: list[Record]) -> None:
    at = [record["step"] for record in records]
    axes.plot(at, [record["loss"] for record in records], color="black", linewidth=1.6, label="total")
    for name in sorted({key for record in records for key in record if key.startswith("weighted/")}):
        points = [(record["step"], record[name]) for record in records if name in record]
        axes.plot(*zip(*points, strict=True), linewidth=1.0, label=name.removeprefix("weighted/"))
    axes.set_ylabel("loss (weighted)")
    axes.set_yscale("symlog", linthresh=0.1)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", ncols=2)


def _draw_metrics(axes: Axes, records: list[Record]) -> None:
    names = [key for key, value in records[0].items() if key not in ("kind", "step", "seconds") and _is_share(value)]
    for name in names:
        points = [(record["step"], record[name]) for record in records if name in record]
        axes.plot(*zip(*points, strict=True), marker="o", markersize=3.5, linewidth=1.2, label=name)
    axes.set_ylabel("evaluation")
    axes.set_ylim(0.0, 1.02)
    axes.grid(alpha=0.3)
    if names:
        axes.legend(fontsize="small", ncols=2, loc="lower right")


def _is_share(value: object) -> bool:
    return isinstance(value, float) and 0.0 <= value <= 1.0


def _draw_rate(axes: Axes, records: list[Record]) -> None:
    axes.plot([record["step"] for record in records], [record["lr"] for record in records], linewidth=1.2)
    axes.set_ylabel("learning rate")
    axes.set_xlabel("step")
    axes.grid(alpha=0.3)
