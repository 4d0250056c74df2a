"""An answer as one picture: the query and its matches, drawn in their scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from sceneseek.drawing import PALETTE, contact_sheet, draw_boxes
from sceneseek.reports import words
from sceneseek.reports.answer import Answer
from sceneseek.reports.verdicts import answer_words, match_words
from sceneseek.reports.views import View
from sceneseek.structures import ImageArray
from sceneseek.words import counted, printable, short_model

_TILE = (480, 240)
_PORTRAIT = 128
_BLANK = 224


def render_sheet(answer: Answer, columns: int = 4) -> ImageArray:
    """Lay the query and its ranked matches out on one sheet, ``(H, W, 3)`` uint8."""
    tiles, captions = [], []
    for asked in answer.asked:
        tiles.append(
            _drawn(asked.view, "not this one" if asked.against else "query", PALETTE[3 if asked.against else 1])
        )
        name = Path(printable(asked.name)).name
        captions.append(f"{'Somebody else' if asked.against else 'Query'}\n{name}\n{', '.join(asked.flags)}")
    for match, view in zip(answer.ranking, answer.views, strict=True):
        tiles.append(_drawn(view, f"{match.rank}", PALETTE[2]))
        where = " · ".join(part for part in (match.camera_id or "", words.seen(match), ", ".join(match.flags)) if part)
        name = Path(match.source).name if view.scene is not None else view.problem
        trust = match_words(match)
        head = f"{match.rank}   {match.similarity:.3f}   {trust.standing} · {trust.short_rate}"
        captions.append("\n".join(map(printable, (head, name, where))))
    ranking = answer.ranking
    compared = f"{counted(ranking.searched, 'person', 'people')} compared · {short_model(ranking.model)}"
    limits = " · ".join(f"{name}: {value}" for name, value in ranking.filters.items())
    title = [answer_words(ranking).verdict, compared, printable(limits), answer.hidden and f"{answer.hidden} hidden"]
    return contact_sheet(
        tiles,
        captions,
        columns=columns,
        title="\n".join(filter(None, title)),
        tile_width=_TILE[0],
        tile_height=_TILE[1],
    )


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
