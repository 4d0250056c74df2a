"""From rows of the gallery to the answer that people see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sceneseek.gallery.filters import Filters
from sceneseek.gallery.lookups import sightings_by_id
from sceneseek.gallery.search import Found
from sceneseek.gallery.tables import Tables
from sceneseek.structures import Match, Ranking, Sighting
from sceneseek.words import without_password


def rankings(
    tables: Tables, answers: list[Found], model: str, filters: Filters, by: str, method: dict[str, str]
) -> list[Ranking]:
    """Answers as rankings; matches by sighting say from when to when the person was seen."""
    names = {row["tracklet_id"] for found in answers for row in found.rows} if by == "sighting" else set()
    sightings = sightings_by_id(tables, sorted(name for name in names if name is not None))
    method = {"by": by, **method}
    return [
        Ranking(_matches(found, sightings), model, found.searched, filters.described(), dict(method))
        for found in answers
    ]


def _matches(found: Found, sightings: Mapping[str, Sighting]) -> tuple[Match, ...]:
    return tuple(
        _match(rank, row, float(similarity), sightings)
        for rank, (row, similarity) in enumerate(zip(found.rows, found.similarities, strict=True), start=1)
    )


def _match(rank: int, row: dict[str, Any], similarity: float, sightings: Mapping[str, Sighting]) -> Match:
    return Match(
        rank=rank,
        similarity=min(1.0, max(-1.0, similarity)),
        score=row["score"],
        box=(row["x1"], row["y1"], row["x2"], row["y2"]),
        source=without_password(row["source"]),
        frame_index=row["frame_index"],
        time_s=row["time_s"],
        camera_id=row["camera_id"],
        detection_id=row["id"],
        width=row["width"],
        height=row["height"],
        media_key=row["media_key"],
        captured_at=row["captured_at"],
        sighting=sightings.get(row["tracklet_id"]),
        flags=tuple(row["flags"] or ()),
    )
