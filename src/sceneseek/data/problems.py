"""What is wrong with a data set, and where: one way of saying it for all readers.

A reader is given a function that it calls with every ``Problem``. ``refuse``, the default, ends the reading at the
first error: training and evaluation run on sound data or not at all. A ``ProblemList`` keeps them: the reader leaves
out the bad record, goes on, and one bad record never hides the next.

An ``"error"`` is a record that cannot be used. A ``"note"`` is something odd that is read as documented; the genuine
data sets have some, so no note ever stops a reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from sceneseek.errors import DataError, PictureError, ValueRefused

Severity = Literal["error", "note"]


@dataclass(frozen=True)
class Place:
    """Where in a data set.

    Attributes:
        file: The file.
        record: The line, struct or entry in it, in words (``"line 12"``, ``"Img 3"``); empty for the whole file.
    """

    file: Path
    record: str = ""

    def at(self, record: str) -> Place:
        """A record inside this one.

        Example:
            >>> str(Place(Path("Train.mat"), "Train 3").at("scene 2"))
            'Train.mat, Train 3, scene 2'
        """
        return Place(self.file, f"{self.record}, {record}" if self.record else record)

    def __str__(self) -> str:
        return f"{self.file}, {self.record}" if self.record else str(self.file)


class BadRecord(DataError):
    """A record that cannot be used.

    Attributes:
        place: Where it is.
        message: What was found, and what was expected.
        kind: What it is about, in a word or two, to group by.
    """

    def __init__(self, place: Place, message: str, kind: str = "unreadable record") -> None:
        super().__init__(f"{place}: {message}")
        self.place, self.message, self.kind = place, message, kind

    def __reduce__(self) -> tuple[type[BadRecord], tuple[Place, str, str]]:
        return BadRecord, (self.place, self.message, self.kind)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong or odd.

    Attributes:
        kind: What it is about, in a word or two, to group by: ``"missing picture"``.
        place: Where.
        message: What was found, and what was expected.
        severity: Whether the record was left out (``"error"``) or read as documented (``"note"``).
    """

    kind: str
    place: Place
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class OnProblem(Protocol):
    """Told of every problem; raises to end the reading."""

    def __call__(self, problem: Problem, cause: Exception | None = None) -> None:
        """Take note of ``problem``; ``cause`` is the exception that revealed it, if any."""


def refuse(problem: Problem, cause: Exception | None = None) -> None:
    """End the reading at the first error; let notes pass.

    Raises:
        DataError: The problem is an error (or the error of our own that revealed it).
    """
    if problem.severity == "error":
        raise cause if cause is not None else BadRecord(problem.place, problem.message, problem.kind)


@dataclass
class ProblemList:
    """Keeps what it is told, to be shown together: pass it to a reader as ``on_problem``."""

    problems: list[Problem] = field(default_factory=list)

    def __call__(self, problem: Problem, cause: Exception | None = None) -> None:
        """Keep a problem."""
        self.problems.append(problem)

    @property
    def errors(self) -> list[Problem]:
        """Those for which something was left out."""
        return [p for p in self.problems if p.severity == "error"]

    @property
    def notes(self) -> list[Problem]:
        """Those that were read as documented."""
        return [p for p in self.problems if p.severity == "note"]

    def grouped(self) -> dict[tuple[Severity, str], list[Problem]]:
        """The problems by severity and kind: errors first, the most frequent kind first."""
        groups: dict[tuple[Severity, str], list[Problem]] = {}
        for problem in self.problems:
            groups.setdefault((problem.severity, problem.kind), []).append(problem)
        return dict(sorted(groups.items(), key=lambda item: (item[0][0], -len(item[1]), item[0][1])))


@contextmanager
def reporting(on_problem: OnProblem, place: Place, kind: str = "unreadable record") -> Iterator[None]:
    """Report an error of our own that the block raises, and go on after the block.

    Args:
        on_problem: Whom to tell.
        place: Where, for errors that do not say it themselves.
        kind: What it is about, likewise.
    """
    try:
        yield
    except BadRecord as error:
        on_problem(Problem(error.kind, error.place, error.message), error)
    except PictureError as error:
        message = str(error).removeprefix(f"{place.file}: ")
        on_problem(Problem("unreadable picture", place, message), error)
    except (DataError, ValueRefused) as error:
        on_problem(Problem(kind, place, str(error).removeprefix(f"{place.file}: ")), error)
