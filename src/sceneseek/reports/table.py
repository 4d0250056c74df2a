"""An answer as a table for spreadsheets."""

from __future__ import annotations

import csv
import io

from sceneseek.reports import words
from sceneseek.reports.answer import Answer
from sceneseek.structures import Interval, Match
from sceneseek.words import printable

COLUMNS = (
    "rank", "similarity", "revised", "standing", "false_match_rate", "rate_low", "rate_high", "rate_borrowed",
    "others_expected", "others_low", "others_high", "one_piece_with", "camera", "captured_at", "seen", "time_s",
    "source", "frame_index", "x1", "y1", "x2", "y2", "person_score", "flags", "detection_id", "tracklet_id",
    "media_key",
)  # fmt: skip

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def render_table(answer: Answer) -> str:
    """One line per match, RFC 4180, with a header; times in UTC, ISO 8601.

    File and camera names are text of strangers: one that a spreadsheet would run as a formula gets an apostrophe.
    """
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    for match in answer.ranking:
        writer.writerow([_harmless(cell) for cell in _row(match)])
    return stream.getvalue()


def _row(match: Match) -> list[object]:
    return [
        match.rank,
        round(match.similarity, 6),
        None if match.revised is None else round(match.revised, 6),
        match.standing or "example",
        *_three(match.false_match_rate, match.rate_interval),
        None if match.false_match_rate is None else ("yes" if match.rate_borrowed else "no"),
        *_three(match.others_expected, match.others_interval),
        match.piece if match.piece not in (0, match.rank) else None,
        match.camera_id,
        None if match.captured_at is None else match.captured_at.isoformat(),
        words.seen(match),
        match.time_s,
        match.source,
        match.frame_index,
        *(round(v, 2) for v in match.box),
        round(match.score, 4),
        " ".join(match.flags),
        match.detection_id,
        None if match.sighting is None else match.sighting.tracklet_id,
        match.media_key,
    ]


def _three(value: float | None, interval: Interval | None) -> list[str | None]:
    """A number and the ends of its interval, with three digits."""
    if value is None or interval is None:
        return [None, None, None]
    return [f"{number:.3g}" for number in (value, *interval)]


def _harmless(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    return f"'{printable(cell)}" if cell.startswith(_FORMULAS) else printable(cell)
