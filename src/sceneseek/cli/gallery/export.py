"""``sceneseek gallery export``: a gallery in one file, or its sightings for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sceneseek.cli.console import err, escape, out, print_json
from sceneseek.errors import ValueRefused


def export(
    gallery: Annotated[Path, typer.Argument(help="The gallery's folder.")],
    file: Annotated[
        Path,
        typer.Argument(help="Where to: .zip for everything; .parquet or .csv for sightings, without embeddings."),
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Write a gallery into one file that `sceneseek gallery import` reads, or a table of who was seen when and where.

    An archive holds embeddings and thumbnails of people: keep it as carefully as the gallery. The audit log stays at
    home.
    """
    from sceneseek.gallery import Gallery, export_archive, export_sightings, local_user

    store = Gallery.open(gallery)
    kind = file.suffix.lower()
    if kind not in (".zip", ".parquet", ".csv"):
        raise ValueRefused(f"{file.name} ends in {kind or 'nothing'}; expected .zip, .parquet or .csv.")
    with err.status(f"writing {escape(str(file))}"):
        if kind == ".zip":
            members = export_archive(store, file, actor=local_user(), overwrite=overwrite)
            rows = {name: member.rows for name, member in members.items()}
        else:
            rows = {"sightings": export_sightings(store, file, actor=local_user(), overwrite=overwrite)}
    size = file.stat().st_size
    if as_json:
        print_json({"file": str(file), "bytes": size, "rows": rows})
        return
    counts = ", ".join(f"{count:,} {name}" for name, count in rows.items())
    out.print(f"Wrote {escape(str(file))}, {size / 1e6:,.1f} MB: {counts}.", highlight=False, soft_wrap=True)
