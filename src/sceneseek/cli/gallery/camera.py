"""``sceneseek gallery camera``: say which camera took what, or give a camera another name, after indexing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sceneseek.cli.console import out, print_json
from sceneseek.cli.gallery.places import place
from sceneseek.errors import ValueRefused
from sceneseek.words import counted


def camera(
    gallery: Annotated[Path, typer.Argument(help="The gallery's folder.")],
    name: Annotated[str, typer.Option("--name", help="What the camera is called from now on; '' for no camera.")],
    was: Annotated[
        str | None, typer.Option("--was", help="All files of this camera; '' for those of no camera.")
    ] = None,
    media: Annotated[
        list[str] | None,
        typer.Option(
            "--media", help="These files, by path, address or content key, or those in this folder; repeatable."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Name a camera, rename it, or give files to it; a name that exists already then holds both."""
    from sceneseek.gallery import Gallery, local_user, name_camera

    if (was is None) == (not media):
        raise ValueRefused("name either a camera with --was or files with --media.")
    store = Gallery.open(gallery)
    named = [*map(place, media)] if media else None
    changed = name_camera(store, name.strip() or None, media=named, camera=was or None, actor=local_user())
    if as_json:
        print_json({"camera": name.strip() or None, "media": [record.key for record in changed]})
    else:
        out.print(f"The camera of {counted(len(changed), 'file')} was changed.", highlight=False)
