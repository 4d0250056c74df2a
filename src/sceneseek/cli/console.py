"""What every verb of the command line shares: the console, the progress bar, JSON output."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.segment import Segment

from sceneseek.words import escaped_json, printable, without_passwords

if TYPE_CHECKING:
    from sceneseek.structures import Progress

_SHOWN_NOTES = 50


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


class Pace:
    """How fast something goes, and how long the rest will take, once that can be told.

    Nothing is said before a few seconds have gone by since the first thing was done, and only the last while counts:
    what was done at the very start may have been done in an earlier run.

    Args:
        clock: Seconds; for tests.
    """

    _LEAST_S = 3.0
    _WINDOW_S = 30.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._moments: deque[tuple[float, int]] = deque()

    def note(self, done: int) -> None:
        """Note how much is done by now."""
        now = self._clock()
        self._moments.append((now, done))
        while len(self._moments) > 2 and now - self._moments[1][0] > self._WINDOW_S:
            self._moments.popleft()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return self._clock() - self._began

    @property
    def rate(self) -> float | None:
        """Things a second, lately; ``None`` while that cannot be told."""
        if len(self._moments) < 2:
            return None
        (then, before), (now, done) = self._moments[0], self._moments[-1]
        return (done - before) / (now - then) if now - then >= self._LEAST_S and done > before else None

    def left(self, total: int | None) -> float | None:
        """Seconds that the rest will take; ``None`` while that cannot be told."""
        rate = self.rate
        return None if rate is None or total is None else max(0, total - self._moments[-1][1]) / rate


def _clock_words(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


@contextmanager
def progress_bar(description: str, unit: str = "", ended: str = "") -> Iterator[Progress]:
    """Draw a progress bar on standard error and yield the function that moves it.

    Args:
        description: What is being done, a few words.
        unit: What is counted, for the rate ("images", "frames").
        ended: What is said in its place once it has ended, where nobody knew beforehand how much there is.
    """
    bar = RichProgress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[counts]}", markup=False),
        TextColumn("{task.fields[note]}", markup=False),
        console=err,
        transient=not err.is_terminal,
    )
    pace = Pace()
    last: tuple[int, int | None] = (0, None)
    with bar:
        task = bar.add_task(printable(description), total=None, note="", counts="")

        def told(done: int, total: int | None) -> str:
            facts = ["" if total is None else f"{done:,} of {total:,} {unit}".strip()]
            facts.append(f"{pace.rate:.1f} a second" if unit and pace.rate else "")
            facts.append(f"{_clock_words(pace.elapsed)} gone")
            left = pace.left(total)
            facts.append(f"{_clock_words(left)} left" if left is not None and total != done else "")
            return ", ".join(filter(None, facts))

        def report(done: int, total: int | None, note: str = "") -> None:
            nonlocal last
            last = (done, total)
            pace.note(done)
            bar.update(task, completed=done, total=total, note=printable(note), counts=told(done, total))

        yield report
        done, total = last
        if total is None:  # a bar that was never told how much there is has come to its end all the same
            bar.update(task, completed=1, total=1, counts=f"{_clock_words(pace.elapsed)} gone")
            bar.update(task, description=ended or description)
        else:
            bar.update(task, counts=told(done, total))


@contextmanager
def loading(model: str) -> Iterator[None]:
    """Say that a model is being loaded, and why that takes a while."""
    with err.status(f"loading {escape(model)} (PyTorch takes most of the time)"):
        yield


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


class Told(logging.Handler):
    """Shows what the program logs, line by line: strangers' text is in it, too.

    What the server under the page says can be provoked by anybody who connects, so it says the same once a minute.

    Args:
        level: The least that is shown.
        clock: Seconds; for tests.
    """

    _AGAIN_S = 60.0
    _MOST_KEPT = 100

    def __init__(self, level: int = logging.NOTSET, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(level)
        self._clock = clock
        self._said: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:  # noqa: D102
        message, trace = without_passwords(record.getMessage()), ""
        if record.exc_info:
            formatter = self.formatter or logging.Formatter()
            trace = f"\n{without_passwords(formatter.formatException(record.exc_info))}"
        elif record.name.startswith("uvicorn"):
            again = self._times_kept_back(message)
            if again is None:
                return
            message += f" ({again:,} more since it was last said)" if again else ""
        kind, colour = ("error", "bold red") if record.levelno >= logging.ERROR else ("warning", "yellow")
        told = f"{escape(message)}{escape_lines(trace)}"
        err.print(f"[{colour}]{kind}:[/{colour}] {told}", highlight=False, soft_wrap=True)

    def _times_kept_back(self, message: str) -> int | None:
        """How often a message that is due was kept back; ``None`` for one that was said lately."""
        now = self._clock()
        said, times = self._said.get(message, (now - self._AGAIN_S, 0))
        if now - said < self._AGAIN_S:
            self._said[message] = (said, times + 1)
            return None
        self._said[message] = (now, 0)
        if len(self._said) > self._MOST_KEPT:
            self._said.popitem(last=False)
        return times


def show_log() -> None:
    """Have warnings and errors that the program logs shown on standard error."""
    for name in ("sceneseek", "uvicorn"):
        logger = logging.getLogger(name)
        if not any(isinstance(handler, Told) for handler in logger.handlers):
            logger.addHandler(Told(logging.WARNING))


def show_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what nobody foresaw, with the place in the program, as Python does, but so that no text in it acts."""
    for line in "".join(traceback.format_exception(kind, error, trace)).rstrip("\n").split("\n"):
        err.print(escape(line), highlight=False, soft_wrap=True)


def escape(text: str) -> str:
    """Text of strangers, such as a file's name, for a line of ours: it is not markup, does not act, ends no line."""
    from rich.markup import escape as rich_escape

    return rich_escape(printable(text))


def escape_lines(text: str) -> str:
    """The same for a text that has several lines of ours."""
    return "\n".join(map(escape, text.split("\n")))
