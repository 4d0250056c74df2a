"""What every verb of the command line shares: the console, the progress bar, JSON output."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

if TYPE_CHECKING:
    from sceneseek.structures import Progress

_SHOWN_NOTES = 50

out = Console()
"""For answers: standard output."""

err = Console(stderr=True)
"""For progress, warnings and errors: standard error, so that piped answers stay clean."""


@contextmanager
def progress_bar(description: str, unit: str = "") -> Iterator[Progress]:
    """Draw a progress bar on standard error and yield the function that moves it.

    Args:
        description: What is being done, a few words.
        unit: What is counted, for the rate ("images", "frames").
    """
    bar = RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=err,
        transient=not err.is_terminal,
    )
    with bar:
        task = bar.add_task(description, total=None, note="", rate="")

        def report(done: int, total: int | None, note: str = "") -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            rate = f"{speed:.1f} {unit}/s" if speed and unit else ""
            bar.update(task, completed=done, total=total, note=note, rate=rate)

        yield report


@contextmanager
def stopping() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C (or a polite kill) ask to stop; a second one stops at once. Yields what says whether it was asked."""
    asked = threading.Event()

    def ask(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        err.print("stopping after the pictures in hand; once more to stop at once", highlight=False)

    signals = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, ask) for number in signals}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def print_json(value: Any) -> None:
    """Write ``value`` as JSON on standard output, one document, nothing else."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def warn(message: str) -> None:
    """Tell the user about something that was skipped or is doubtful."""
    err.print(f"[yellow]warning:[/yellow] {escape(message)}", highlight=False, soft_wrap=True)


def show_notes(notes: Iterable[tuple[str, str]]) -> None:
    """Say what is doubtful about files: each sentence once, with the files that it is true of.

    Args:
        notes: Files, and what is doubtful about each.
    """
    files_of: dict[str, list[str]] = {}
    for source, note in notes:
        files_of.setdefault(note, []).append(source)
    for note, files in list(files_of.items())[:_SHOWN_NOTES]:
        which = files[0] if len(files) == 1 else f"{len(files):,} files, such as {files[0]}"
        err.print(f"[cyan]note:[/cyan] {escape(f'{which}: {note}')}", highlight=False, soft_wrap=True)
    if len(files_of) > _SHOWN_NOTES:
        err.print(f"... and {len(files_of) - _SHOWN_NOTES:,} more notes; --json lists them all.")


def escape(text: str) -> str:
    """Protect text from being read as markup (file names may hold brackets)."""
    from rich.markup import escape as rich_escape

    return rich_escape(text)
