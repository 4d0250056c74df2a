"""What every verb of the command line shares: the console, the progress bar, JSON output."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.segment import Segment

from sceneseek.words import escaped_json, printable, without_passwords

if TYPE_CHECKING:
    from sceneseek.structures import Progress


class _Terminal(Console):
    """A console on which no text acts, even where ``escape`` was forgotten."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            text = segment.text
            if segment.control or text.isprintable():
                yield segment
            else:
                yield Segment("\n".join(map(printable, text.split("\n"))), segment.style)


out = _Terminal(emoji=False)
"""For answers: standard output."""

err = _Terminal(stderr=True, emoji=False)
"""For progress, warnings and errors: standard error, so that piped answers stay clean."""


@contextmanager
def progress_bar(description: str, unit: str = "") -> Iterator[Progress]:
    """Draw a progress bar on standard error and yield the function that moves it.

    Args:
        description: What is being done, a few words.
        unit: What is counted, for the rate ("images", "frames").
    """
    bar = RichProgress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=err,
        transient=not err.is_terminal,
    )
    with bar:
        task = bar.add_task(printable(description), total=None, note="", rate="")

        def report(done: int, total: int | None, note: str = "") -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            rate = f"{speed:.1f} {unit}/s" if speed and unit else ""
            bar.update(task, completed=done, total=total, note=printable(note), rate=rate)

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
    sys.stdout.write(escaped_json(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)) + "\n")


def warn(message: str) -> None:
    """Tell the user about something that was skipped or is doubtful."""
    err.print(f"[yellow]warning:[/yellow] {escape(message)}", highlight=False, soft_wrap=True)


class _Told(logging.Handler):
    """Shows what the program logs, line by line: strangers' text is in it, too."""

    def emit(self, record: logging.LogRecord) -> None:
        kind, colour = ("error", "bold red") if record.levelno >= logging.ERROR else ("warning", "yellow")
        first, *rest = without_passwords(self.format(record)).split("\n")
        err.print(f"[{colour}]{kind}:[/{colour}] {escape(first)}", highlight=False, soft_wrap=True)
        for line in rest:
            err.print(escape(line), highlight=False, soft_wrap=True)


def show_log() -> None:
    """Have warnings and errors that the program logs shown on standard error."""
    for name in ("sceneseek", "uvicorn"):
        logger = logging.getLogger(name)
        if not any(isinstance(handler, _Told) for handler in logger.handlers):
            logger.addHandler(_Told(logging.WARNING))


def show_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what nobody foresaw, with the place in the program, as Python does, but so that no text in it acts."""
    for line in "".join(traceback.format_exception(kind, error, trace)).rstrip("\n").split("\n"):
        err.print(escape(line), highlight=False, soft_wrap=True)


def escape(text: str) -> str:
    """Text of strangers, such as a file's name, for a line of ours: it is neither markup nor does it act."""
    from rich.markup import escape as rich_escape

    return rich_escape(text)
