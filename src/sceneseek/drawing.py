"""Pictures for people to look at: crops, boxes in their scenes, contact sheets. Pillow and NumPy, no torch.

Nothing here relies on colour alone: a box carries its label, and each line has a dark and a light edge, so that it
shows on any background and in a grey print.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFont

from sceneseek.errors import BoxError, ValueRefused
from sceneseek.structures import ImageArray

Colour = tuple[int, int, int]

PALETTE: tuple[Colour, ...] = (
    (0, 158, 115),
    (230, 159, 0),
    (86, 180, 233),
    (213, 94, 0),
    (204, 121, 167),
    (240, 228, 66),
    (0, 114, 178),
)
"""Seven colours that people with any colour vision tell apart (Okabe and Ito, 2008)."""

_DARK: Colour = (17, 24, 32)
_LIGHT: Colour = (255, 255, 255)
_SHEET: Colour = (246, 247, 249)
_CELL: Colour = (230, 233, 238)
_MUTED: Colour = (88, 97, 110)


@lru_cache(maxsize=64)
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A scalable sans serif of ``size`` pixels, the same on each machine.

    DejaVu Sans, which travels with matplotlib, because it knows Greek, Cyrillic, Arabic and accented Latin letters;
    without matplotlib the font inside Pillow.
    """
    spec = find_spec("matplotlib")
    if spec is not None and spec.origin is not None:
        name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
        path = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / name
        if path.is_file():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


def crop(image: ImageArray, box: ArrayLike, margin: float = 0.1) -> ImageArray:
    """Cut a box out of an image, with some of its surroundings.

    Args:
        image: ``(H, W, 3)`` uint8.
        box: ``(4,)`` ``xyxy`` in pixels; it may reach beyond the image.
        margin: How much to add on each side, as a share of the box's width and height.

    Returns:
        ``(h, w, 3)`` uint8, a copy; never padded, at least one pixel.

    Raises:
        BoxError: The box is not four finite numbers in order, or shares no pixel with the image.

    Example:
        >>> crop(np.zeros((100, 50, 3), np.uint8), (10, 10, 20, 30), margin=0.5).shape
        (40, 20, 3)
    """
    height, width = image.shape[:2]
    x1, y1, x2, y2 = _corners(box)
    if x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
        raise BoxError(f"box {[x1, y1, x2, y2]} lies outside the image of {width}x{height} pixels.")
    dx, dy = margin * (x2 - x1), margin * (y2 - y1)
    left, top = max(0, math.floor(x1 - dx)), max(0, math.floor(y1 - dy))
    right, bottom = min(width, math.ceil(x2 + dx)), min(height, math.ceil(y2 + dy))
    return image[top:bottom, left:right].copy()


def thumbnail(image: ImageArray, max_side: int) -> ImageArray:
    """Shrink an image so that its longer side is at most ``max_side`` pixels; a smaller one is returned as a copy.

    Example:
        >>> thumbnail(np.zeros((100, 400, 3), np.uint8), 200).shape
        (50, 200, 3)
    """
    if max_side < 1:
        raise ValueRefused(f"max_side is {max_side}; expected at least 1 pixel.")
    height, width = image.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return image.copy()
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Lanczos reads each source pixel once per output row; halving first keeps 50-megapixel scenes affordable.
    picture = Image.fromarray(image)
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)).copy()


def draw_boxes(
    image: ImageArray,
    boxes: ArrayLike,
    labels: Sequence[str] | None = None,
    colours: Sequence[Colour] | None = None,
    width: int | None = None,
    font_size: int | None = None,
) -> ImageArray:
    """Draw boxes with their labels on a copy of an image.

    Args:
        image: ``(H, W, 3)`` uint8.
        boxes: ``(N, 4)`` ``xyxy`` in pixels; parts outside the image are not drawn.
        labels: One text per box, drawn on a tab above the box, or inside where there is no room above.
        colours: One RGB colour per box; ``PALETTE`` in turn when not given.
        width: Line width in pixels; scaled to the picture when not given.
        font_size: Label height in pixels; scaled to the picture when not given.

    Returns:
        ``(H, W, 3)`` uint8, a new array.

    Raises:
        BoxError: A box is not four finite numbers in order.
        ValueRefused: There are not as many labels or colours as boxes.

    Example:
        >>> scene = np.zeros((60, 80, 3), np.uint8)
        >>> bool((draw_boxes(scene, [[10, 20, 40, 50]], ["1"]) != scene).any())
        True
    """
    rows = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    if labels is not None and len(labels) != len(rows):
        raise ValueRefused(f"{len(labels)} labels were given for {len(rows)} boxes; expected one each.")
    if colours is not None and len(colours) != len(rows):
        raise ValueRefused(f"{len(colours)} colours were given for {len(rows)} boxes; expected one each.")
    short_side = min(image.shape[:2])
    line = width if width is not None else max(1, round(short_side / 180))
    size = font_size if font_size is not None else max(10, round(short_side / 26))
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    corners = [_corners(row) for row in rows]
    paints = [colours[i] if colours is not None else PALETTE[i % len(PALETTE)] for i in range(len(rows))]
    for (x1, y1, x2, y2), paint in zip(corners, paints, strict=True):
        halo = max(1, line // 2)
        pen.rectangle((x1 - halo, y1 - halo, x2 - 1 + halo, y2 - 1 + halo), outline=_DARK, width=line + 2 * halo)
        pen.rectangle((x1, y1, x2 - 1, y2 - 1), outline=paint, width=line)
    # Labels last: none disappears beneath the line of a neighbour.
    for i, (corner, paint) in enumerate(zip(corners, paints, strict=True)):
        if labels is not None and labels[i]:
            _tab(pen, labels[i], corner, paint, font(size, bold=True), line, image.shape)
    return np.asarray(picture).copy()


def contact_sheet(
    tiles: Sequence[ImageArray],
    captions: Sequence[str] | None = None,
    columns: int | None = None,
    title: str = "",
    tile_width: int | None = None,
    tile_height: int | None = None,
    padding: int = 16,
) -> ImageArray:
    """Lay pictures out in a grid, each whole and centred in its cell, with a caption beneath and a title above.

    Args:
        tiles: ``(H, W, 3)`` uint8 pictures of any size.
        captions: One text per tile; lines are split at line breaks and shortened in the middle to fit.
        columns: Cells per row; near a 3:2 sheet when not given.
        title: Drawn large above the grid; empty for none. Further lines are drawn small.
        tile_width: Cell width in pixels; the widest tile, at most 480, when not given.
        tile_height: Cell height in pixels; the highest tile at that width when not given.
        padding: Pixels between cells.

    Returns:
        ``(H, W, 3)`` uint8.

    Raises:
        ValueRefused: No tile was given, or not one caption per tile.

    Example:
        >>> contact_sheet([np.zeros((40, 60, 3), np.uint8)] * 4, columns=2, padding=10).shape
        (110, 150, 3)
    """
    if not tiles:
        raise ValueRefused("a contact sheet needs at least one picture; none was given.")
    if captions is not None and len(captions) != len(tiles):
        raise ValueRefused(f"{len(captions)} captions were given for {len(tiles)} pictures; expected one each.")
    cell_w = tile_width or min(480, max(t.shape[1] for t in tiles))
    cell_h = tile_height or max(max(1, round(t.shape[0] * min(1.0, cell_w / t.shape[1]))) for t in tiles)
    columns = min(len(tiles), columns or max(1, round(math.sqrt(len(tiles) * 1.5 * cell_h / cell_w))))
    num_rows = math.ceil(len(tiles) / columns)
    size = max(11, round(cell_w / 22))
    leading = round(size * 1.35)
    texts = [c.split("\n") for c in captions] if captions is not None else [[] for _ in tiles]
    text_h = leading * max(len(lines) for lines in texts)
    text_h += size // 2 if text_h else 0
    sheet_w = columns * cell_w + (columns + 1) * padding
    headline = max(16, min(40, round(sheet_w / 38)))
    title_lines = title.split("\n") if title else []
    head_h = (round(headline * 1.4) + leading * (len(title_lines) - 1) + padding // 2) if title_lines else 0
    sheet_h = head_h + num_rows * (cell_h + text_h) + (num_rows + 1) * padding
    sheet = Image.new("RGB", (sheet_w, sheet_h), _SHEET)
    pen = ImageDraw.Draw(sheet)
    for i, line in enumerate(title_lines):
        face = font(headline, bold=True) if i == 0 else font(size)
        y = padding if i == 0 else padding + round(headline * 1.4) + (i - 1) * leading
        pen.text((padding, y), shorten(line, face, sheet_w - 2 * padding), _DARK if i == 0 else _MUTED, font=face)
    for i, tile in enumerate(tiles):
        x = padding + (i % columns) * (cell_w + padding)
        y = head_h + padding + (i // columns) * (cell_h + text_h + padding)
        _cell(sheet, pen, tile, (x, y, cell_w, cell_h))
        for j, line in enumerate(texts[i]):
            face = font(size, bold=j == 0)
            spot = (x + 2, y + cell_h + size // 3 + j * leading)
            pen.text(spot, shorten(line, face, cell_w - 4), _DARK if j == 0 else _MUTED, font=face)
    return np.asarray(sheet).copy()


def jpeg_data_uri(image: ImageArray, quality: int = 85) -> str:
    """Encode an image as a ``data:`` address, so that a page carries its pictures with it.

    Example:
        >>> jpeg_data_uri(np.zeros((2, 2, 3), np.uint8)).startswith("data:image/jpeg;base64,")
        True
    """
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(image, quality)).decode("ascii")


def jpeg(image: ImageArray, quality: int = 85) -> bytes:
    """Encode an image as a JPEG file.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        quality: 1 to 100.
    """
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def shorten(text: str, face: ImageFont.FreeTypeFont | ImageFont.ImageFont, max_width: float) -> str:
    """Cut the middle out of a text until it fits ``max_width`` pixels: both ends of a path say something."""
    text = "".join(c if c.isprintable() else "�" for c in text)
    if face.getlength(text) <= max_width:
        return text
    # The longest total of kept letters that fits, by bisection.
    low, high = 0, len(text)
    while low < high:
        kept = (low + high + 1) // 2
        if face.getlength(_without_middle(text, kept)) <= max_width:
            low = kept
        else:
            high = kept - 1
    return _without_middle(text, low)


def _without_middle(text: str, kept: int) -> str:
    tail = kept - kept // 3
    return text[: kept // 3] + "…" + (text[len(text) - tail :] if tail else "")


def _corners(box: ArrayLike) -> tuple[float, float, float, float]:
    values = np.asarray(box, dtype=np.float64).reshape(-1)
    if values.shape != (4,) or not np.isfinite(values).all() or values[2] <= values[0] or values[3] <= values[1]:
        raise BoxError(f"box is {values.tolist()}; expected four finite numbers x1 < x2, y1 < y2 in pixels.")
    x1, y1, x2, y2 = (float(v) for v in values)
    return x1, y1, x2, y2


def _tab(
    pen: ImageDraw.ImageDraw,
    text: str,
    corner: tuple[float, float, float, float],
    paint: Colour,
    face: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    line: int,
    shape: tuple[int, ...],
) -> None:
    """Draw one label on a filled tab, kept inside the image."""
    pad = max(2, line)
    text = shorten(text, face, max(8.0, shape[1] - 2.0 * pad))
    box = face.getbbox(text)
    text_w, text_h = box[2], box[3]
    tab_w, tab_h = text_w + 2 * pad, text_h + 2 * pad
    x1, y1, _, _ = corner
    left = min(max(0.0, x1), max(0.0, shape[1] - tab_w))
    above = y1 - tab_h
    top = above if above >= 0 else min(max(0.0, y1), max(0.0, shape[0] - tab_h))
    pen.rectangle((left - 1, top - 1, left + tab_w, top + tab_h), fill=_DARK)
    pen.rectangle((left, top, left + tab_w - 1, top + tab_h - 1), fill=paint)
    pen.text((left + pad, top + pad), text, _ink_on(paint), font=face)


def _ink_on(paint: Colour) -> Colour:
    """Black or white, whichever contrasts more (WCAG relative luminance, coefficients for sRGB)."""
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in paint]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return _DARK if (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) else _LIGHT


def _cell(sheet: Image.Image, pen: ImageDraw.ImageDraw, tile: ImageArray, cell: tuple[float, float, int, int]) -> None:
    """Fit one picture into its cell, whole and centred; a small one is enlarged by at most two."""
    x, y, cell_w, cell_h = (int(v) for v in cell)
    height, width = tile.shape[:2]
    scale = min(cell_w / width, cell_h / height, 2.0)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(tile)
    if size != (width, height):
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    if size != (cell_w, cell_h):
        pen.rectangle((x, y, x + cell_w - 1, y + cell_h - 1), fill=_CELL)
    sheet.paste(picture, (x + (cell_w - size[0]) // 2, y + (cell_h - size[1]) // 2))
