"""``sceneseek gallery audit``: who did what with a gallery, and whether the log is whole."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sceneseek.cli.console import escape, out, print_json, warn

if TYPE_CHECKING:
    from sceneseek.gallery import AuditEntry


def audit(
    gallery: Annotated[Path, typer.Argument(help="The gallery's folder.")],
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="How many events to show; 0: all.")] = 50,
    action: Annotated[str | None, typer.Option("--action", help="Only events of this kind, such as search.")] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only what this user or token did.")] = None,
    expect: Annotated[
        str | None, typer.Option("--expect", help="A digest noted earlier: check that the log still holds that event.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show who searched, indexed, forgot, exported and logged in, and check that nothing was changed or removed.

    Each event names the digest of the one before. Write the last digest down elsewhere, and --expect it later: that
    shows even a log that was replaced as a whole. Exit code 1 says that the log is not what was written.
    """
    from sceneseek.gallery import AuditLog, Gallery

    log = AuditLog(Gallery.open(gallery).path)
    verdict = log.verify(expect)
    entries = [
        entry
        for entry in log.readable_entries()
        if action in (None, entry.action) and actor in (None, entry.actor)
    ]  # fmt: skip
    entries = entries[-last:] if last else entries
    if as_json:
        print_json({
            "whole": verdict.whole,
            "events": verdict.num_entries,
            "head": verdict.head,
            "problems": list(verdict.problems),
            "entries": [_as_json(entry) for entry in entries],
        })  # fmt: skip
    else:
        _show(entries)
        for problem in verdict.problems:
            warn(problem)
        state = "[green]whole[/green]" if verdict.whole else "[bold red]not what was written[/bold red]"
        out.print(
            f"{verdict.num_entries:,} events, {state}; last digest {verdict.head}", highlight=False, soft_wrap=True
        )
    if not verdict.whole:
        sys.exit(1)


def _as_json(entry: AuditEntry) -> dict[str, object]:
    return {
        "number": entry.number,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "details": dict(entry.details),
        "digest": entry.digest,
    }


def _show(entries: list[AuditEntry]) -> None:
    from rich import box as frames
    from rich.table import Table

    table = Table(box=frames.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("event", justify="right")
    for name in ("when (UTC)", "who", "what"):
        table.add_column(name, no_wrap=True)
    table.add_column("details", overflow="fold", ratio=1)
    for entry in entries:
        details = ", ".join(
            f"{name}: {_brief(value)}" for name, value in entry.details.items() if value not in ("", None)
        )
        table.add_row(
            str(entry.number), *map(escape, (entry.at[:19].replace("T", " "), entry.actor, entry.action, details))
        )
    out.print(table)


def _brief(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}..."
