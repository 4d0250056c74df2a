"""``sceneseek data check``: what a data set holds, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sceneseek.cli.console import err, escape, out, print_json, progress_bar
from sceneseek.cli.data_options import (
    GalleryFileOption,
    Layout,
    LayoutOption,
    QueriesOption,
    SubsetOption,
    choices,
)

if TYPE_CHECKING:
    from sceneseek.data.checking import CheckReport, SplitSummary

_EXAMPLES = 3
"""Problems of one kind that are shown on the console; the page and the JSON have more, and all."""


def check(
    path: Annotated[Path, typer.Argument(help="The data set: its folder, or its JSON or CSV file.")],
    layout: LayoutOption = Layout.AUTO,
    page: Annotated[
        Path | None, typer.Option("--html", "--out", "-o", help="Write a page with pictures and histograms here.")
    ] = None,
    headers_only: Annotated[
        bool, typer.Option("--headers-only", help="Do not decode pictures: faster, but misses those that are cut off.")
    ] = False,
    gallery_file: GalleryFileOption = None,
    subset: SubsetOption = None,
    queries: QueriesOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything found as JSON.")] = False,
) -> None:
    """Look a data set over: counts, box sizes, and everything that is wrong, by file and record.

    The exit code is 1 when something cannot be used, 0 when all can be (notes on oddities do not count), and 2 when the
    data set cannot be read at all.
    """
    from sceneseek.data.checking import check as look_over

    with progress_bar("checking", "images") as progress:
        report = look_over(
            path, layout.value, choices(gallery_file, subset, queries), decode=not headers_only, progress=progress
        )
    if as_json:
        print_json(as_plain_values(report))
    else:
        _print(report)
    if page is not None:
        from sceneseek.cli.data.check_page import write_page

        with err.status("drawing the page"):
            write_page(page, report)
        err.print(f"wrote {escape(str(page))}; open it in a browser", highlight=False, soft_wrap=True)
    if not report.is_sound:
        raise typer.Exit(1)


def as_plain_values(report: CheckReport) -> dict[str, Any]:
    """The report for machines."""
    return {
        "path": str(report.path),
        "layout": report.layout,
        "pictures": report.pictures,
        "sound": report.is_sound,
        "splits": {name: _split_values(split) for name, split in report.splits.items()},
        "problems": [
            {
                "severity": p.severity,
                "kind": p.kind,
                "file": str(p.place.file),
                "record": p.place.record,
                "message": p.message,
            }
            for p in report.problems.problems
        ],
    }


def _split_values(split: SplitSummary) -> dict[str, Any]:
    return {
        "name": split.scenes.name,
        **split.counts,
        "ignored": split.num_ignored,
        "empty_images": split.num_empty,
        "unlabelled_share": round(split.unlabelled_share, 4),
        "cameras": dict(split.cameras),
        "gallery_sizes": _spread(split.gallery_sizes),
        "positives_per_query": _spread(split.positives),
        "images_per_identity": _spread(split.appearances),
        "box_height": _spread(split.heights),
        "box_width": _spread(split.widths),
        "image_sizes": [{"width": w, "height": h, "images": n} for (w, h), n in split.image_sizes.items()],
        "published": dict(split.published),
    }


def _spread(values: Any) -> dict[str, float] | None:
    import numpy as np

    if not len(values):
        return None
    low, middle, high = np.percentile(values, [0, 50, 100]).tolist()
    return {"min": round(low, 2), "median": round(middle, 2), "max": round(high, 2)}


def facts(split: SplitSummary) -> dict[str, str]:
    """A split in words and numbers, for people."""
    sizes = list(split.image_sizes)
    cameras = [name for name in split.cameras if name != "none"]
    shown = {
        "images": f"{len(split.scenes):,}",
        "image sizes": f"{sizes[0][0]}x{sizes[0][1]}" + (f" and {len(sizes) - 1} more" if len(sizes) > 1 else "")
        if sizes
        else "-",
        "images without a box": f"{split.num_empty:,}",
        "boxes": f"{split.num_boxes:,}",
        "box heights": _range(split.heights, " px"),
        "boxes without identity": f"{split.num_unlabelled:,} ({100 * split.unlabelled_share:.1f} %)",
        "boxes to ignore": f"{split.num_ignored:,}",
        "identities": f"{len(split.appearances):,}",
        "images per identity": _range(split.appearances),
        "cameras": f"{len(cameras)}" if cameras else "not known",
        "queries": f"{len(split.scenes.queries):,}",
        "gallery sizes": _range(split.gallery_sizes),
        "right images per query": _range(split.positives),
    }
    for name, count in split.published.items():
        key = "boxes without identity" if name == "unlabelled" else name
        if split.counts[name] != count:
            shown[key] += f" (published: {count:,})"
    return shown


def _range(values: Any, unit: str = "") -> str:
    spread = _spread(values)
    if spread is None:
        return "-"
    low, middle, high = (f"{spread[name]:,.0f}" for name in ("min", "median", "max"))
    return f"{low}{unit}" if low == high else f"{low} to {high}{unit}, median {middle}"


def _print(report: CheckReport) -> None:
    from rich import box as frames
    from rich.table import Table

    out.print(f"{escape(str(report.path))} ({report.layout})", highlight=False, soft_wrap=True)
    view = Table(box=frames.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    view.add_column("")
    for name in report.splits:
        view.add_column(name, justify="right")
    columns = [facts(split) for split in report.splits.values()]
    for key in columns[0] if columns else ():
        view.add_row(key, *(escape(column[key]) for column in columns))
    out.print(view)
    for (severity, kind), problems in report.problems.grouped().items():
        colour = "red" if severity == "error" else "yellow"
        out.print(f"[{colour}]{severity}[/{colour}] {escape(kind)}: {len(problems):,}", highlight=False)
        for problem in problems[:_EXAMPLES]:
            out.print(f"  {escape(str(problem))}", highlight=False, soft_wrap=True)
        if len(problems) > _EXAMPLES:
            out.print(f"  [dim]and {len(problems) - _EXAMPLES:,} more[/dim]", highlight=False)
    out.print(verdict(report), highlight=False)


def verdict(report: CheckReport) -> str:
    """The outcome in one sentence."""
    errors, notes = len(report.problems.errors), len(report.problems.notes)
    looked = "every picture decoded" if report.pictures == "decoded" else "only the headers of pictures were read"
    if errors:
        return f"{errors:,} record{'s' * (errors != 1)} cannot be used, {notes:,} note{'s' * (notes != 1)}; {looked}."
    return f"All records can be used, {notes:,} note{'s' * (notes != 1)}; {looked}."
