"""``sceneseek gallery keep-out``: the files that were forgotten and are not to come back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sceneseek.cli.console import escape, out, print_json
from sceneseek.errors import ValueRefused


def keep_out(
    gallery: Annotated[Path, typer.Argument(help="The gallery's folder.")],
    lift: Annotated[
        list[str] | None,
        typer.Option("--lift", help="Let a file come back: its path, its content key, or 'all'; repeatable."),
    ] = None,
    add: Annotated[
        list[Path] | None, typer.Option("--add", help="Never index this file, here or under another name; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show, lengthen or shorten the list of files that indexing leaves out.

    Forgetting puts files on it unless --may-return is given. The list holds hashes of their contents and nothing else.
    """
    from sceneseek.gallery import AuditLog, Gallery, KeepOut, local_user
    from sceneseek.inference.media import content_key

    store = Gallery.open(gallery)
    if lift or add:
        added = [content_key(path) for path in add or []]
        with store.writer():
            listed = KeepOut.read(store.path)
            keys = set(listed.entries) if lift and "all" in lift else {_key(name) for name in lift or []}
            unknown = sorted(keys - set(listed.entries))
            if unknown:
                raise ValueRefused(f"{unknown[0]} is not on the list; it holds {len(listed.entries):,} files.")
            AuditLog(store.path).append(local_user(), "keep-out", lifted=sorted(keys), added=added)
            listed.without(keys).with_entries(whole=added).write(store.path)
    entries = KeepOut.read(store.path).entries
    if as_json:
        print_json({"entries": {key: str(extent) for key, extent in entries.items()}})
        return
    if not entries:
        out.print("Nothing is kept out.")
    for key, extent in entries.items():
        meaning = {"whole": "not read at all", "people": "people in it were forgotten: not read again from its start"}
        out.print(f"{escape(key)}  {meaning[extent]}", highlight=False)


def _key(name: str) -> str:
    """A content key as it is, or that of a file."""
    from sceneseek.inference.media import content_key

    return content_key(name) if Path(name).is_file() else name
