"""``sceneseek data convert``: write a data set in another layout."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sceneseek.cli.console import escape, out, print_json, progress_bar, warn
from sceneseek.cli.data_options import (
    GalleryFileOption,
    Layout,
    LayoutOption,
    QueriesOption,
    SubsetOption,
    choices,
)


class Target(StrEnum):
    """Layouts that are written; ``data.converting.WRITABLE``."""

    COCO = "coco"
    CUHK_SYSU = "cuhk_sysu"
    PRW = "prw"
    WEBTATTOO = "webtattoo"


class Pictures(StrEnum):
    """How pictures get there."""

    COPY = "copy"
    LINK = "link"


def convert(
    source: Annotated[Path, typer.Argument(help="The data set: its folder, or its JSON or CSV file.")],
    target: Annotated[Path, typer.Argument(help="A new folder.")],
    to: Annotated[Target, typer.Option("--to", help="The layout to write.")],
    layout: LayoutOption = Layout.AUTO,
    pictures: Annotated[
        Pictures, typer.Option("--pictures", help="copy them, or link: hard links, which take no room.")
    ] = Pictures.COPY,
    first_query_only: Annotated[
        bool,
        typer.Option(
            "--first-query-only", help="Keep one query of each person, as CUHK-SYSU's layout needs; drop the others."
        ),
    ] = False,
    gallery_file: GalleryFileOption = None,
    subset: SubsetOption = None,
    queries: QueriesOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Write a data set in another layout, pictures included; say what the layout cannot hold.

    The folder appears when all of it is there. After an interruption the same command goes on.
    """
    from sceneseek.data.converting import convert as convert_set

    with progress_bar("converting", "images") as progress:
        done = convert_set(
            source,
            target,
            to.value,
            layout=layout.value,
            choices=choices(gallery_file, subset, queries),
            pictures=pictures.value,
            first_query_only=first_query_only,
            progress=progress,
        )
    for sentence in done.lost:
        warn(f"not kept: {sentence}")
    if as_json:
        print_json({
            "folder": str(done.folder),
            "layout": done.layout,
            "from_layout": done.source_layout,
            "images": dict(done.num_images),
            "queries": dict(done.num_queries),
            "lost": list(done.lost),
        })  # fmt: skip
        return
    for split, images in done.num_images.items():
        out.print(f"{split}: {images:,} images, {done.num_queries[split]:,} queries", highlight=False)
    out.print(f"{escape(str(done.folder))} ({done.source_layout} to {done.layout})", highlight=False, soft_wrap=True)
