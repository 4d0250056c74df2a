"""A ranking on the terminal: who was asked for, the verdict, one line per match."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich import box as frames
from rich.table import Table

from sceneseek.cli.console import escape, out, warn
from sceneseek.finder import QueryPerson
from sceneseek.reports import words
from sceneseek.structures import Match, Ranking
from sceneseek.words import counted, printable, short_model

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
        least_width: Of the terminal, for it to be shown at all.
    """

    heading: str
    cell: Callable[[Match, str], str]
    right: bool = False
    style: str = ""
    wide: bool = False
    least_width: int = 0

    def is_needed(self, ranking: Ranking) -> bool:
        """Whether there is room for it and any match has something to show."""
        return out.width >= self.least_width and any(self.cell(match, os.sep) for match in ranking)

    def add_to(self, table: Table) -> None:
        """Add the heading."""
        table.add_column(
            self.heading, justify="right" if self.right else "left", style=self.style, overflow="fold",
            ratio=1 if self.wide else None,
        )  # fmt: skip


def show(ranking: Ranking, examples: Sequence[tuple[str, QueryPerson]], seconds: float) -> None:
    """Print a ranking.

    Args:
        ranking: What was found.
        examples: Who was asked for, each with the name of its picture.
        seconds: How long it took.
    """
    for name, person in examples:
        _show_example(name, person)
    limits = "".join(f"; {name}: {printable(value)}" for name, value in ranking.filters.items())
    if not len(ranking):
        warn(f"nobody to compare with{limits}. Index media first, or loosen the filters.")
        return
    table = Table(box=frames.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    columns = [column for column in _COLUMNS if column.is_needed(ranking)]
    for column in columns:
        column.add_to(table)
    folder = _common_folder(ranking)
    for match in ranking:
        end = match.rank == ranking.num_likely and match.revised is None and match.rank < len(ranking)
        table.add_row(*(escape(column.cell(match, folder)) for column in columns), end_section=end)
    out.print(table)
    style = "bold green" if ranking.num_likely else "bold yellow" if ranking.num_likely == 0 else "bold"
    out.print(f"[{style}]{words.verdict(ranking)}[/{style}]", highlight=False, soft_wrap=True)
    out.print(f"[dim]sources in[/dim] {escape(folder)}", highlight=False, soft_wrap=True)
    compared = counted(ranking.searched, "person", "people")
    method = "".join(f"; {name}: {ranking.method[name]}" for name in _DIM_FACTS if name in ranking.method)
    facts = f"{compared} compared in {seconds * 1000:,.0f} ms, model {short_model(ranking.model)}{method}{limits}"
    out.print(f"[dim]{escape(facts)}[/dim]", highlight=False, soft_wrap=True)
    if "false-match rates" in ranking.method:
        out.print(
            f"[dim]false-match rates {escape(ranking.method['false-match rates'])}[/dim]",
            highlight=False,
            soft_wrap=True,
        )


def _show_example(name: str, person: QueryPerson) -> None:
    how = "box given" if person.score is None else f"most confident person, score {person.score:.2f}"
    how = how if person.detection_id is None else "from the gallery"
    corners = ",".join(f"{v:.0f}" for v in person.box)
    flags = "".join(f", {flag}: {words.FLAG_WORDS[flag]}" for flag in person.flags if flag in words.FLAG_WORDS)
    line = f"[dim]query[/dim] {escape(name)} [dim]box {corners} ({how}{flags})[/dim]"
    out.print(line, highlight=False, soft_wrap=True)


def _strangers(match: Match) -> str:
    """In few words: the rate, and how many that makes in this gallery."""
    if match.false_match_rate is None:
        return ""
    return f"{words.how_many(match.strangers_expected)} ({words.rate(match.false_match_rate)})"


def _corners(match: Match) -> str:
    return ",".join(f"{v:.0f}" for v in match.box)


_COLUMNS = (
    _Column("rank", lambda match, _: str(match.rank), right=True),
    _Column("similarity", lambda match, _: f"{match.similarity:.3f}", right=True, style="bold"),
    _Column("revised", lambda match, _: "" if match.revised is None else f"{match.revised:.3f}", right=True),
    _Column("strangers as high", lambda match, _: _strangers(match)),
    _Column("camera", lambda match, _: match.camera_id or ""),
    _Column("seen", lambda match, _: words.seen(match)),
    _Column("source", lambda match, folder: os.path.relpath(match.source, folder), wide=True),
    _Column("but", lambda match, _: " ".join(match.flags), style="yellow"),
    _Column("box", lambda match, _: _corners(match), right=True, style="dim", least_width=110),
)


def _common_folder(ranking: Ranking) -> str:
    """The folder that holds all sources: said once, it leaves room for what differs."""
    folders = [os.path.dirname(match.source) for match in ranking]
    try:
        return os.path.commonpath(folders)
    except ValueError:  # different drives
        return os.path.abspath(os.sep)
