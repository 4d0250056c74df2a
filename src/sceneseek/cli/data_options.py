"""How a command names a data set: the options every verb shares, and the reading they lead to."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sceneseek.cli.console import progress_bar
from sceneseek.cli.data_notes import DataNotes
from sceneseek.errors import ValueRefused

if TYPE_CHECKING:
    from sceneseek.data.layouts import Choices
    from sceneseek.structures import SceneSet


class Layout(StrEnum):
    """How a data set lies on disk; ``data.layouts.LAYOUTS`` and a guess."""

    AUTO = "auto"
    COCO = "coco"
    CUHK_SYSU = "cuhk_sysu"
    PRW = "prw"
    WEBTATTOO = "webtattoo"
    CROPS = "crops"


class Split(StrEnum):
    """Which part of a data set."""

    TRAIN = "train"
    TEST = "test"


class Subset(StrEnum):
    """A part of CUHK-SYSU's queries."""

    OCCLUSION = "occlusion"
    RESOLUTION = "resolution"


LayoutOption = Annotated[
    Layout, typer.Option("--layout", help="How the data set lies on disk; auto looks at its files.")
]
SplitOption = Annotated[
    Split | None, typer.Option("--split", help="Which part, where the set is divided. Default: test.")
]
GalleryFileOption = Annotated[
    str | None,
    typer.Option(
        "--gallery-file", help="CUHK-SYSU: which TestG file gives the queries, a number or full. Default: 100."
    ),
]
SubsetOption = Annotated[
    Subset | None, typer.Option("--subset", help="CUHK-SYSU: take the queries of this subset's file.")
]
QueriesOption = Annotated[
    Path | None,
    typer.Option(
        "--queries",
        help="Other queries: a list as PRW's query_info.txt (PRW-mini's), or a folder of crops named after people.",
    ),
]


def choices(gallery_file: str | None = None, subset: Subset | None = None, queries: Path | None = None) -> Choices:
    """What the options choose where a layout leaves it open.

    Raises:
        ValueRefused: The gallery file is neither a number nor ``full``, or the queries do not exist.
    """
    from sceneseek.data.layouts import Choices

    if gallery_file is not None and gallery_file != "full" and not gallery_file.isdecimal():
        raise ValueRefused(f"--gallery-file is {gallery_file!r}; expected a number of images, such as 100, or full.")
    if queries is not None and not queries.exists():
        raise ValueRefused(f"--queries {queries} does not exist; expected a list of queries or a folder of crops.")
    return Choices(
        gallery_size=int(gallery_file)
        if gallery_file and gallery_file.isdecimal()
        else "full"
        if gallery_file
        else None,
        subset=None if subset is None else subset.value,
        queries=queries,
    )


def read_set(
    path: Path, layout: Layout = Layout.AUTO, split: Split | None = None, chosen: Choices | None = None
) -> SceneSet:
    """Read the scenes that a command was given, with a progress bar; the first error in them ends it."""
    from sceneseek.data.layouts import read_scenes

    with DataNotes() as notes, progress_bar("reading", "images") as progress:
        return read_scenes(
            path,
            None if split is None else split.value,
            layout.value,
            chosen,
            on_problem=notes,
            progress=progress,
        )
