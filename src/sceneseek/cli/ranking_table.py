"""A ranking on the terminal: who was asked for, the verdict, one line per match."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich import box as frames
from rich.cells import cell_len
from rich.table import Table

from sceneseek.cli.console import escape, escape_lines, out, warn
from sceneseek.finder import QueryPerson
from sceneseek.reports import words
from sceneseek.reports.verdicts import answer_words, match_words
from sceneseek.structures import Match, Ranking
from sceneseek.words import counted, printable, short_model

_STYLES = {"likely": "bold green", "possible": "bold", "distant": "bold yellow", None: "bold"}
_DIM_FACTS = ("index", "re-ranking", "examples", "counter-examples")


@dataclass(frozen=True)
class _Column:
    """One column of the table.

    Attributes:
        heading: Above it.
        cell: What a match shows; sources are told from a folder.
        right: Whether it is aligned at the right.
        style: Of its cells.
        wide: Whether it takes the room that is left.
    """

    heading: str
    cell: Callable[[Match, str], str]
    right: bool = False
    style: str = ""
    wide: bool = False

    def is_needed(self, ranking: Ranking) -> bool:
        """Whether there is room for it and any match has something to show."""
        return any(self.cell(match, os.sep) for match in ranking)

    def add_to(self, table: Table) -> None:
        """Add the heading."""
        table.add_column(
            self.heading, justify="right" if self.right else "left", style=self.style, overflow="fold",
            ratio=1 if self.wide else None,
        )  # fmt: skip


def show(
    ranking: Ranking, examples: Sequence[tuple[str, QueryPerson]], seconds: float, calibrated: float = 0.0
) -> None:
    """Print a ranking.

    Args:
        ranking: What was found.
        examples: Who was asked for, each with the name of its picture.
        seconds: How long it took.
        calibrated: How long it took before that to estimate how high strangers score.
    """
    for name, person in examples:
        _show_example(name, person)
    limits = "".join(f"; {name}: {printable(value)}" for name, value in ranking.filters.items())
    if not len(ranking):
        warn(f"nobody to compare with{limits}. Index media first, or loosen the filters.")
        return
    table = Table(box=frames.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    folder = _common_folder(ranking)
    columns = _fitting([column for column in _COLUMNS if column.is_needed(ranking)], ranking, folder)
    for column in columns:
        column.add_to(table)
    for match in ranking:
        table.add_row(*(escape_lines(column.cell(match, folder)) for column in columns))
    out.print(table)
    said, style = answer_words(ranking), _STYLES[ranking.standing]
    out.print(f"[{style}]{said.headline}.[/{style}] {said.detail}", highlight=False, soft_wrap=True)
    if not {_SOURCE, _BELOW} & set(columns):
        for match in ranking:
            out.print(f"{match.rank:5}  {escape(_file(match, folder))}", highlight=False, soft_wrap=True)
    out.print(f"[dim]files below[/dim] {escape(folder)}", highlight=False, soft_wrap=True)
    compared = counted(ranking.searched, "person", "people")
    method = "".join(f"; {name}: {ranking.method[name]}" for name in _DIM_FACTS if name in ranking.method)
    first = (
        f" (and {calibrated:.1f} s to estimate how high strangers score here)" if calibrated >= _WORTH_SAYING_S else ""
    )
    took = f"{compared} compared in {seconds * 1000:,.0f} ms{first}"
    facts = f"{took}, model {short_model(ranking.model)}{method}{limits}"
    out.print(f"[dim]{escape(facts)}[/dim]", highlight=False, soft_wrap=True)
    if "false-match rates" in ranking.method:
        out.print(
            f"[dim]false-match rates {escape(ranking.method['false-match rates'])}[/dim]",
            highlight=False,
            soft_wrap=True,
        )


def _fitting(columns: list[_Column], ranking: Ranking, folder: str) -> list[_Column]:
    """The columns for which there is room: no name is broken in its middle.

    The box goes first. Where that is not enough, the file stands below the time, in one column with it, and at last
    below the table.
    """
    if _width(columns, ranking, folder) > out.width:
        columns = [column for column in columns if column is not _BOX]
    if _width(columns, ranking, folder) > out.width:
        columns = [_BELOW if column is _SEEN else column for column in columns if column is not _SOURCE]
    if _width(columns, ranking, folder) > out.width:
        columns = [_SEEN if column is _BELOW else column for column in columns]
    return columns


def _width(columns: list[_Column], ranking: Ranking, folder: str) -> int:
    """Letters that a table takes in which nothing is broken."""

    def longest(column: _Column) -> int:
        lines = [column.heading, *(line for match in ranking for line in column.cell(match, folder).splitlines())]
        return max(map(cell_len, lines))

    return sum(longest(column) + _BETWEEN for column in columns)


def _show_example(name: str, person: QueryPerson) -> None:
    how = "box given" if person.score is None else f"most confident person, score {person.score:.2f}"
    how = how if person.detection_id is None else "from the gallery"
    corners = ",".join(f"{v:.0f}" for v in person.box)
    flags = "".join(f", {flag}: {words.FLAG_WORDS[flag]}" for flag in person.flags if flag in words.FLAG_WORDS)
    line = f"[dim]query[/dim] {escape(name)} [dim]box {corners} ({how}{flags})[/dim]"
    out.print(line, highlight=False, soft_wrap=True)


def _strangers(match: Match) -> str:
    """In few words: how often a stranger scores as high, and whether other cameras say so."""
    if match.false_match_rate is None:
        return ""
    return f"{words.rate(match.false_match_rate)}{' (borrowed)' if match.rate_borrowed else ''}"


def _corners(match: Match) -> str:
    return ",".join(f"{v:.0f}" for v in match.box)


def _seen(match: Match) -> str:
    return words.seen(match) or "time not known"


def _file(match: Match, folder: str) -> str:
    return printable(os.path.relpath(match.source, folder))


_WORTH_SAYING_S = 0.5
_BETWEEN = 3

_SEEN = _Column("seen", lambda match, _: _seen(match))
_SOURCE = _Column("file", _file, wide=True)
_BELOW = _Column("seen, and the file", lambda match, folder: f"{_seen(match)}\n{_file(match, folder)}", wide=True)
_BOX = _Column("box", lambda match, _: _corners(match), right=True, style="dim")
_COLUMNS = (
    _Column("rank", lambda match, _: str(match.rank), right=True),
    _Column("similarity", lambda match, _: f"{match.similarity:.3f}", right=True, style="bold"),
    _Column("revised", lambda match, _: "" if match.revised is None else f"{match.revised:.3f}", right=True),
    _Column("trust", lambda match, _: match_words(match).standing, style="bold"),
    _Column("strangers as high", lambda match, _: _strangers(match)),
    _Column("camera", lambda match, _: printable(match.camera_id or "")),
    _SEEN,
    _SOURCE,
    _Column("doubts", lambda match, _: " ".join(match.flags), style="yellow"),
    _BOX,
)


def _common_folder(ranking: Ranking) -> str:
    """The folder that holds all sources: said once, it leaves room for what differs."""
    folders = [os.path.dirname(match.source) for match in ranking]
    try:
        return os.path.commonpath(folders)
    except ValueError:  # different drives
        return os.path.abspath(os.sep)
