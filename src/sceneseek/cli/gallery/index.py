"""``sceneseek gallery index``: build the index that makes searching large galleries fast."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sceneseek.cli.console import err, out, print_json


def index(
    gallery: Annotated[Path, typer.Argument(help="The gallery's folder.")],
    force: Annotated[bool, typer.Option("--force", help="Build a new one even when the present one will do.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Build the index of a large gallery where it is time; searching and indexing media go on meanwhile.

    Indexing media does this by itself. Small galleries need none: everybody is compared. Forgetting drops the index,
    because it holds copies of vectors.
    """
    from sceneseek.gallery import Gallery
    from sceneseek.words import counted

    with err.status("building the index"):
        done = Gallery.open(gallery).optimise(force)
    if as_json:
        print_json(asdict(done))
        return
    people = counted(done.num_people, "person", "people")
    if done.action == "built":
        out.print(
            f"Built in {done.seconds:.1f} s: {done.num_indexed:,} of {people} in {done.partitions:,} partitions.",
            highlight=False,
        )
    elif done.action == "busy":
        out.print("Somebody else is building it.")
    else:
        out.print(f"Nothing to do: {people}, {done.num_indexed:,} of them in the index.", highlight=False)
