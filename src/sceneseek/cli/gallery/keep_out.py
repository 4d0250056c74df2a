"""``sceneseek gallery keep-out``: the files that were forgotten and are not to come back."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from sceneseek.cli.console import err, escape, out, print_json, warn
from sceneseek.errors import ValueRefused


def keep_out(
    gallery: Annotated[Path, typer.Argument(help="The gallery's folder.")],
    lift: Annotated[
        list[str] | None,
        typer.Option("--lift", help="Let files come back: a path, as of --add, a content key, or 'all'; repeatable."),
    ] = None,
    add: Annotated[
        list[Path] | None,
        typer.Option(
            "--add",
            help="Never index this file, here or under another name, or all that an archive or a folder holds; "
            "repeatable.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show, lengthen or shorten the list of files that indexing leaves out.

    Forgetting puts files on it unless --may-return is given. The list holds hashes of their contents and nothing else.
    """
    from sceneseek.gallery import AuditLog, Gallery, KeepOut, local_user

    store = Gallery.open(gallery)
    if lift or add:
        added = list(dict.fromkeys(key for path in add or [] for key in _keys_in(path)))
        lifted = {name: {name, *(_keys_in(Path(name)) if Path(name).exists() else ())} for name in lift or []}
        with store.writer():
            listed = KeepOut.read(store.path)
            known = set(listed.entries)
            for name, candidates in lifted.items():
                if name != "all" and not candidates & known:
                    raise ValueRefused(f"{name} is not on the list; it holds {len(known):,} files.")
            keys = known if "all" in lifted else {key for names in lifted.values() for key in names & known}
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


def _keys_in(path: Path) -> list[str]:
    """The content keys of all photographs and videos in a file, an archive or a folder."""
    from sceneseek.inference.archives import is_archive
    from sceneseek.inference.media import content_key, discover
    from sceneseek.structures import MediaProblem

    with err.status(f"reading {escape(str(path))}"):
        found = list(discover(path))
    keys = [item.content_key for item in found if not isinstance(item, MediaProblem)]
    problems = [f"{item.source}: {item.reason}" for item in found if isinstance(item, MediaProblem)]
    if not keys and path.is_file() and not is_archive(path.name):
        with suppress(OSError):
            return [content_key(path)]  # what nobody can read today may be read tomorrow
    if not keys:
        raise ValueRefused(problems[0] if problems else f"{path} holds no photograph and no video.")
    for problem in problems:
        warn(f"not on the list: {problem}")
    return keys
