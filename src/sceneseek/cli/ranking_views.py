"""A ranking to look at: a page that carries all its pictures, and a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sceneseek.cli.index import counted, printable, short_model
from sceneseek.cli.scenes import View
from sceneseek.drawing import PALETTE, contact_sheet, draw_boxes, jpeg_data_uri
from sceneseek.structures import ImageArray, Match, Ranking

_TILE = (480, 240)
_PORTRAIT = 128
_BLANK = 224


@dataclass(frozen=True, eq=False)
class QueryView:
    """One query picture as it was understood.

    Attributes:
        source: The file.
        view: The person in the scene.
        score: The detector's confidence; ``None`` when the user gave the box.
    """

    source: str
    view: View
    score: float | None


def render_page(
    queries: Sequence[QueryView], ranking: Ranking, views: Sequence[View], gallery: str, created: str, seconds: float
) -> str:
    """Make one HTML page with the query on the left and the ranked matches beside it.

    Everything is inside: no script, no address outside the page. File and camera names are text of strangers and are
    escaped; the page's own policy forbids scripts besides.

    Args:
        queries: What was asked.
        ranking: What was found.
        views: One per match.
        gallery: Where was searched.
        created: When, for display.
        seconds: How long the search took.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sceneseek.cli"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("ranking.html").render(
        queries=[{"name": printable(Path(q.source).name), "score": q.score, **_pictures(q.view)} for q in queries],
        matches=[_row(m, v) for m, v in zip(ranking.matches, views, strict=True)],
        facts={
            "Gallery": printable(gallery),
            "Model": short_model(ranking.model),
            "Compared": counted(ranking.searched, "person", "people"),
            "Answered in": f"{seconds * 1000:,.0f} ms",
            "Date": created,
        },
        filters={name: printable(value) for name, value in ranking.filters.items()},
        unreadable=sum(view.scene is None for view in views),
    )


def render_sheet(queries: Sequence[QueryView], ranking: Ranking, views: Sequence[View], columns: int = 4) -> ImageArray:
    """Lay the query and its ranked matches, drawn in their scenes, out on one sheet, ``(H, W, 3)`` uint8."""
    tiles, captions = [], []
    for query in queries:
        tiles.append(_drawn(query.view, "query", PALETTE[1]))
        captions.append(f"Query\n{printable(Path(query.source).name)}")
    for match, view in zip(ranking.matches, views, strict=True):
        tiles.append(_drawn(view, f"{match.rank}", PALETTE[2]))
        where = " · ".join(part for part in (match.camera_id or "", clock(match.time_s)) if part)
        name = Path(match.source).name if view.scene is not None else view.problem
        captions.append(printable(f"{match.rank}   similarity {match.similarity:.3f}\n{name}\n{where}"))
    compared = f"{counted(ranking.searched, 'person', 'people')} compared · model {short_model(ranking.model)}"
    limits = " · ".join(f"{name}: {value}" for name, value in ranking.filters.items())
    title = "\n".join(line for line in ("Ranked matches", compared, printable(limits)) if line)
    return contact_sheet(tiles, captions, columns=columns, title=title, tile_width=_TILE[0], tile_height=_TILE[1])


def clock(time_s: float | None) -> str:
    """Seconds as ``h:mm:ss.s``, shortest form; empty for a photograph."""
    if time_s is None:
        return ""
    tenths = round(time_s * 10)
    hours, rest = divmod(tenths, 36_000)
    minutes, rest = divmod(rest, 600)
    seconds = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


def _row(match: Match, view: View) -> dict[str, Any]:
    source = Path(match.source)
    return {
        "rank": match.rank,
        "similarity": f"{match.similarity:.3f}",
        "share": f"{max(0.0, match.similarity) * 100:.1f}",
        "score": f"{match.score:.2f}",
        "name": printable(source.name),
        "folder": printable(str(source.parent)),
        "camera": printable(match.camera_id or ""),
        "time": clock(match.time_s),
        "frame": match.frame_index if match.time_s is not None else None,
        "box": ", ".join(f"{v:.0f}" for v in match.box),
        "size": f"{match.width} × {match.height}",
        "problem": printable(view.problem),
        **_pictures(view),
    }


def _pictures(view: View) -> dict[str, Any]:
    if view.person is None or view.scene is None:
        return {"person": None, "scene": None, "width": 0, "height": 0, "corners": ()}
    return {
        "person": jpeg_data_uri(view.person, 86),
        "scene": jpeg_data_uri(view.scene, 80),
        "width": view.scene.shape[1],
        "height": view.scene.shape[0],
        "corners": tuple(round(v, 1) for v in view.box),
    }


def _drawn(view: View, label: str, colour: tuple[int, int, int]) -> ImageArray:
    """One tile: the person on the left, the scene with the person's box on the right."""
    width, height = _TILE
    tile = np.full((height, width, 3), _BLANK, np.uint8)
    if view.person is None or view.scene is None:
        return tile
    room = width - _PORTRAIT - 2
    scene = _fitted(view.scene, room, height)
    scale = scene.shape[1] / view.scene.shape[1]
    marked = draw_boxes(scene, [[v * scale for v in view.box]], [label], [colour], width=2, font_size=13)
    _centre(tile[:, :_PORTRAIT], _fitted(view.person, _PORTRAIT, height))
    _centre(tile[:, _PORTRAIT + 2 :], marked)
    return tile


def _fitted(image: ImageArray, width: int, height: int) -> ImageArray:
    scale = min(width / image.shape[1], height / image.shape[0], 2.0)
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def _centre(cell: ImageArray, image: ImageArray) -> None:
    """Copy an image into the middle of a cell that is at least as large."""
    top, left = (cell.shape[0] - image.shape[0]) // 2, (cell.shape[1] - image.shape[1]) // 2
    cell[top : top + image.shape[0], left : left + image.shape[1]] = image
