"""``sceneseek gallery check``: what is damaged, what is kept, what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sceneseek.cli.console import err, escape, out, print_json

if TYPE_CHECKING:
    from sceneseek.gallery import CheckReport

_COLOURS = {"damage": "bold red", "unfinished": "yellow", "note": "dim"}


def check(
    gallery: Annotated[Path, typer.Argument(help="The gallery's folder.")],
    repair: Annotated[bool, typer.Option("--repair", help="Repair what can be repaired without guessing.")] = False,
    no_media: Annotated[
        bool, typer.Option("--no-media", help="Do not look whether the indexed files are where they were.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Read all of a gallery and say what is damaged or left over, what is kept, and what to do.

    Repairing keeps what can be read, rebuilds what follows from it, and marks the files of what is lost, so that the
    next indexing reads them again. Exit code 1 says that something is damaged.
    """
    from sceneseek.gallery import check as look_over
    from sceneseek.gallery import local_user
    from sceneseek.gallery import repair as mend

    done: list[str] = []
    with err.status("reading all of the gallery"):
        if repair:
            done, report = mend(gallery, actor=local_user())
        else:
            report = look_over(gallery, look_for_media=not no_media)
    if as_json:
        print_json(_as_json(report, done))
    else:
        _show(report, done)
    if not report.sound:
        sys.exit(1)


def _show(report: CheckReport, done: list[str]) -> None:

    for sentence in done:
        out.print(f"[green]repaired[/green]  {escape(sentence)}", highlight=False, soft_wrap=True)
    for finding in report.findings:
        colour = _COLOURS[finding.weight]
        words = escape(f"{finding.found} {finding.remedy}".strip())
        mark = " [dim](--repair)[/dim]" if finding.repairable else ""
        out.print(f"[{colour}]{finding.weight}[/{colour}]  {words}{mark}", highlight=False, soft_wrap=True)
    kept = ", ".join(f"{count:,} {name}" for name, count in report.kept.items()) or "nothing"
    state = "[green]Sound.[/green]" if report.sound else "[bold red]Damaged.[/bold red]"
    out.print(f"{state} Kept: {kept}.", highlight=False, soft_wrap=True)


def _as_json(report: CheckReport, done: list[str]) -> dict[str, Any]:

    return {
        "sound": report.sound,
        "kept": report.kept,
        "repaired": done,
        "findings": [
            {
                "kind": finding.kind,
                "weight": str(finding.weight),
                "found": finding.found,
                "remedy": finding.remedy,
                "repairable": finding.repairable,
            }
            for finding in report.findings
        ],
    }
