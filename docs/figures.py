"""A network's figure, drawn from its module tree: boxes in the order of the data's way, parts and parameters inside."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from torch import nn

from sceneseek.models.weights import working_state

WIDTH, GAP, PER_ROW = 240, 26, 4
LINE, HEAD, PAD = 17, 42, 10
INK, SOFT, EDGE, PAPER, FILL = "#1d2733", "#5b6878", "#7d92ad", "#ffffff", "#eef3f9"
MANY = 8


@dataclass(frozen=True)
class Box:
    """One part of a network: its name, what it is, and what it is made of."""

    name: str
    kind: str
    parameters: int
    lines: tuple[tuple[str, str], ...]
    training_only: bool

    @property
    def height(self) -> int:
        return HEAD + LINE * len(self.lines) + (PAD if self.lines else 0)


def size(count: int) -> str:
    """A number of parameters, short."""
    return "" if count == 0 else f"{count / 1e6:.2f} M" if count >= 10_000 else f"{count / 1e3:.1f} k"


def parameters(module: nn.Module) -> int:
    """Numbers that learn, or could."""
    return sum(p.numel() for p in module.parameters())


def inner(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """What a part is made of; a part with a single part is that part."""
    children = list(module.named_children())
    while len(children) == 1:
        children = list(children[0][1].named_children())
    return children


def boxes(net: nn.Module) -> list[Box]:
    """The parts of a network, those that only training needs last."""
    found, at_work = [], set(working_state(net))
    for name, module in net.named_children():
        if name == "stem":
            stages = zip(module.levels, module.stages, strict=True)
            lines = [(f"{level.name}: 1/{level.stride}, {level.channels}", size(parameters(m))) for level, m in stages]
        else:
            lines = [(f"{key}: {type(child).__name__}", size(parameters(child))) for key, child in inner(module)]
            lines = [(text, count) for text, count in lines if not text.endswith(("Identity", "Dropout"))]
        if len(lines) > MANY:
            lines = [*lines[: MANY - 1], (f"and {len(lines) - MANY + 1} more", "")]
        tensors = {f"{name}.{key}" for key in module.state_dict()}
        only = bool(tensors) and not tensors & at_work
        found.append(Box(name, type(module).__name__, parameters(module), tuple(lines), only))
    return sorted(found, key=lambda box: box.training_only)


def figure(net: nn.Module, title: str) -> str:
    """The figure as SVG."""
    parts = boxes(net)
    rows = [parts[i : i + PER_ROW] for i in range(0, len(parts), PER_ROW)]
    heights = [max(box.height for box in row) for row in rows]
    width = GAP + min(PER_ROW, len(parts)) * (WIDTH + GAP)
    height = GAP + sum(heights) + GAP * len(rows)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="DejaVu Sans, Helvetica, Arial, sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{EDGE}"/></marker></defs>',
        f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>',
    ]
    top = GAP
    for number, row in enumerate(rows):
        for column, box in enumerate(row):
            left = GAP + column * (WIDTH + GAP)
            lines += drawn(box, left, top)
            if column + 1 < len(row):
                lines.append(arrow(left + WIDTH, top + HEAD // 2, left + WIDTH + GAP, top + HEAD // 2))
            elif number + 1 < len(rows):
                lines.append(turn(left + WIDTH // 2, top + box.height, GAP + WIDTH // 2, top + heights[number] + GAP))
        top += heights[number] + GAP
    return "\n".join([*lines, "</svg>"]) + "\n"


def drawn(box: Box, left: int, top: int) -> list[str]:
    """One box."""
    dashes = ' stroke-dasharray="5 4"' if box.training_only else ""
    fill = PAPER if box.training_only else FILL
    lines = [
        f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{box.height}" rx="6" fill="{fill}" '
        f'stroke="{EDGE}"{dashes}/>',
        text(left + PAD, top + 18, box.name, 13, INK, bold=True),
        text(left + WIDTH - PAD, top + 18, size(box.parameters), 11, SOFT, end=True),
        text(left + PAD, top + 33, box.kind, 11, SOFT),
    ]
    for i, (line, count) in enumerate(box.lines):
        y = top + HEAD + LINE * i + 12
        lines += [text(left + PAD, y, line, 10, INK), text(left + WIDTH - PAD, y, count, 10, SOFT, end=True)]
    return [line for line in lines if line]


def text(x: int, y: int, words: str, points: int, colour: str, *, bold: bool = False, end: bool = False) -> str:
    """One line of letters."""
    if not words:
        return ""
    extra = (' font-weight="bold"' if bold else "") + (' text-anchor="end"' if end else "")
    return f'<text x="{x}" y="{y}" font-size="{points}" fill="{colour}"{extra}>{escape(words)}</text>'


def arrow(x1: int, y1: int, x2: int, y2: int) -> str:
    """From one box to the next."""
    return f'<path d="M{x1} {y1}L{x2} {y2}" stroke="{EDGE}" fill="none" marker-end="url(#tip)"/>'


def turn(x1: int, y1: int, x2: int, y2: int) -> str:
    """From the end of a row to the beginning of the next."""
    middle = y2 - GAP // 2
    return f'<path d="M{x1} {y1}V{middle}H{x2}V{y2}" stroke="{EDGE}" fill="none" marker-end="url(#tip)"/>'
