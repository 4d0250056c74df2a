"""``sceneseek data show``: draw samples of a data set."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sceneseek.cli.console import escape, out
from sceneseek.cli.data_options import (
    GalleryFileOption,
    Layout,
    LayoutOption,
    QueriesOption,
    SplitOption,
    SubsetOption,
    choices,
    read_set,
)
from sceneseek.errors import DataError, ValueRefused

if TYPE_CHECKING:
    from sceneseek.structures import ImageArray, Sample, SceneSet


def show(  # noqa: PLR0913 - the options of a command are its parameters
    path: Annotated[Path, typer.Argument(help="The data set: its folder, or its JSON or CSV file.")],
    sheet: Annotated[Path, typer.Option("--out", "-o", help="The picture to write.")] = Path("sheet.jpg"),
    layout: LayoutOption = Layout.AUTO,
    split: SplitOption = None,
    person: Annotated[int | None, typer.Option("--person", help="Show everything known of this person.")] = None,
    image: Annotated[
        str | None, typer.Option("--image", help="Show this image, large: its file name or its image id.")
    ] = None,
    num: Annotated[
        int, typer.Option("--num", min=1, help="Scenes, and half as many queries; with --person, boxes.")
    ] = 12,
    seed: Annotated[int, typer.Option("--seed", help="Which ones; equal seeds draw equal sheets.")] = 0,
    gallery_file: GalleryFileOption = None,
    subset: SubsetOption = None,
    queries: QueriesOption = None,
) -> None:
    """Draw scenes with their boxes and identities, and queries beside those they should find."""
    from sceneseek.pictures import write_picture

    if person is not None and image is not None:
        raise ValueRefused("--person and --image ask for different sheets; give one of them.")
    scenes = read_set(path, layout, split, choices(gallery_file, subset, queries))
    if not scenes.samples:
        raise DataError(f"{path} holds no image in this split; there is nothing to show.")
    drawn = _sheet(scenes, person, image, num, random.Random(seed))
    write_picture(drawn, sheet, quality=90)
    out.print(
        f"{escape(str(sheet))} ({drawn.shape[1]}x{drawn.shape[0]} pixels): {escape(scenes.name)}, "
        f"{len(scenes):,} images, {len(scenes.queries):,} queries",
        highlight=False,
        soft_wrap=True,
    )


def _sheet(scenes: SceneSet, person: int | None, image: str | None, num: int, draw: random.Random) -> ImageArray:
    from sceneseek.cli.data import sheets
    from sceneseek.drawing import contact_sheet

    if image is not None:
        sample = _image(scenes, image)
        return contact_sheet(
            [sheets.scene(sample, max_side=1600)],
            [f"{sample.width}x{sample.height} pixels, {len(sample)} boxes; image id {sample.image_id}"],
            title=sample.path.name,
            tile_width=min(1600, sample.width),
        )
    if person is not None:
        if person not in scenes.person_ids:
            known = scenes.person_ids
            span = f"{len(known)} people, from {known[0]} to {known[-1]}" if len(known) else "nobody with an identity"
            raise DataError(f"person {person} is in no scene of {scenes.name}; it has {span}.")
        return sheets.person_sheet(scenes, person, num)

    def choose(total: int, wanted: int) -> list[int]:
        return draw.sample(range(total), wanted)

    chosen = [scenes.samples[i] for i in sheets.spread(len(scenes), num, choose)]
    parts = [sheets.scenes_sheet(chosen, f"{scenes.name}: {len(chosen)} of {len(scenes):,} scenes")]
    asked = sheets.spread(len(scenes.queries), max(1, num // 2), choose)
    for query in (scenes.queries[i] for i in asked):
        parts.append(sheets.titled(sheets.query_row(scenes, query), sheets.query_title(scenes, query)))
    return sheets.stacked(parts)


def _image(scenes: SceneSet, name: str) -> Sample:
    by_name = [s for s in scenes.samples if s.path.name == name or s.path.stem == name]
    if not by_name and name.isdecimal() and int(name) in scenes.by_id:
        by_name = [scenes.by_id[int(name)]]
    if not by_name:
        from sceneseek.errors import suggest

        names = [s.path.name for s in scenes.samples]
        near = suggest(name, names)
        raise DataError(f"there is no image {name!r} in {scenes.name}.{near if 'mean' in near else ''}")
    return by_name[0]
