"""``sceneseek gallery compact``: merge the many small files that batches leave."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sceneseek.cli.console import err, out, print_json


def compact(
    gallery: Annotated[Path, typer.Argument(help="The gallery's folder.")],
    purge: Annotated[
        bool,
        typer.Option(
            "--purge",
            help="Also rewrite every file that holds something of removed rows, and drop all former versions.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Merge small files and drop former versions that nobody reads any more; also brings an old format up to date.

    Indexing does this on its own now and then. A search that is under way while --purge runs may have to begin again.
    """
    from sceneseek.gallery import AuditLog, Gallery, local_user

    store = Gallery.open(gallery)
    before = store.info().bytes_on_disk
    with err.status("rewriting the gallery's files"):
        store.compact(purge=purge)
    AuditLog(store.path).append(local_user(), "compact", purge=purge)
    after = store.info().bytes_on_disk
    if as_json:
        print_json({"bytes_before": before, "bytes_after": after, "purged": purge})
    else:
        out.print(f"{before / 1e6:,.1f} MB before, {after / 1e6:,.1f} MB now.", highlight=False)
