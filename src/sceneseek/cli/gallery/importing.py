"""``sceneseek gallery import``: make a gallery from an archive."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sceneseek.cli.console import err, print_json


def import_(
    archive: Annotated[Path, typer.Argument(help="A file made by `sceneseek gallery export`.")],
    gallery: Annotated[Path, typer.Argument(help="The gallery's folder: made when missing, else added to.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Make a gallery from an archive, or add an archive to a gallery of the same model.

    Nothing in the archive is believed: anything but the expected tables is refused, and so is what would grow beyond
    bounds or contradicts itself. An import that is interrupted leaves nothing behind.
    """
    from sceneseek.cli.gallery.merge import show_merged
    from sceneseek.gallery import import_archive, local_user

    with err.status("checking and importing"):
        done = import_archive(archive, gallery, actor=local_user())
    if as_json:
        print_json({"archive": str(archive), "gallery": str(gallery), **asdict(done)})
    else:
        show_merged(str(archive), done)
