"""An answer as a document to print and to file: what was asked, how far to trust it, the matches with their scenes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image as Picture
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    Image,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from sceneseek.drawing import PALETTE, draw_boxes, thumbnail
from sceneseek.reports import words
from sceneseek.reports.answer import RATE_NOTE, Answer, Asked
from sceneseek.reports.verdicts import answer_words, match_words
from sceneseek.reports.views import View
from sceneseek.structures import ImageArray, Match
from sceneseek.words import printable

_MARGIN = 17 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_PERSON = (22 * mm, 36 * mm)
_SCENE = (74 * mm, 36 * mm)
_TEXT = _WIDTH - _PERSON[0] - _SCENE[0] - 6 * mm
_SCENE_PIXELS = 760

_INK, _SOFT, _FAINT, _EDGE = HexColor("#14181f"), HexColor("#4d5767"), HexColor("#7d8797"), HexColor("#d9dee6")
_GOOD, _WARN, _SUNKEN = HexColor("#0a7a50"), HexColor("#8a4b00"), HexColor("#f1f3f6")

_COLOURS = {"likely": _GOOD, "possible": _INK, "distant": _WARN, None: _FAINT}

_PLAIN, _BOLD = "SceneseekSans", "SceneseekSans-Bold"


def render_document(answer: Answer) -> bytes:
    """Make a PDF on A4; nothing in it leads anywhere else."""
    _register_fonts()
    stream = io.BytesIO()
    document = BaseDocTemplate(
        stream, pagesize=A4, title=answer.title, author="sceneseek", subject=answer_words(answer.ranking).headline,
        creator="sceneseek",
    )  # fmt: skip
    room = Frame(
        _MARGIN, 17 * mm, _WIDTH, A4[1] - 31 * mm, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0
    )
    document.addPageTemplates([PageTemplate(frames=[room])])
    created = f"{answer.created.astimezone():%Y-%m-%d %H:%M %Z}"
    story: list[Flowable] = [
        Paragraph(escape(answer.title), _style(17, bold=True, leading=21)),
        Paragraph(f"{created} · sceneseek", _style(9, _FAINT)),
        Spacer(0, 4 * mm),
        _verdict(answer),
        Spacer(0, 5 * mm),
        _question(answer),
        Spacer(0, 5 * mm),
    ]
    story += [KeepTogether([_match(match, view)]) for match, view in zip(answer.ranking, answer.views, strict=True)]
    story += [Spacer(0, 4 * mm), Paragraph(escape(RATE_NOTE), _style(8, _SOFT, leading=11))]
    document.build(story, canvasmaker=lambda *a, **k: _Numbered(*a, foot=f"{answer.title} · {created}", **k))
    return stream.getvalue()


def _verdict(answer: Answer) -> Flowable:
    said = answer_words(answer.ranking)
    lines = [Paragraph(escape(said.headline), _style(11, bold=True, leading=15))]
    lines += [Paragraph(escape(said.detail), _style(9, _SOFT, leading=12.5))] if said.detail else []
    box = Table([[lines]], [_WIDTH])
    box.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, -1), _SUNKEN),
                ("LINEBEFORE", (0, 0), (0, -1), 3, _COLOURS[answer.ranking.standing]),
                ("LEFTPADDING", (0, 0), (-1, -1), 10),
                ("TOPPADDING", (0, 0), (-1, -1), 7),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 8),
            ]
        )
    )
    return box


def _question(answer: Answer) -> Flowable:
    """Who was sought on the left, how on the right."""
    left = 58 * mm
    shown = [_example(asked, left) for asked in answer.asked[:4]]
    if len(answer.asked) > 4:
        shown.append([Paragraph(f"and {len(answer.asked) - 4} more examples", _style(8, _FAINT))])
    pictures = [flowable for example in shown for flowable in (*example, Spacer(0, 2 * mm))]
    facts = [
        [Paragraph(escape(name), _style(8.2, _FAINT)), Paragraph(escape(value), _style(8.2))]
        for name, value in answer.facts().items()
    ]
    table = Table(facts, [33 * mm, _WIDTH - left - 6 * mm - 33 * mm])
    table.setStyle(_tight(("LINEBELOW", (0, 0), (-1, -2), 0.4, _EDGE), ("BOTTOMPADDING", (0, 0), (-1, -1), 3)))
    both = Table([[pictures, table]], [left + 6 * mm, _WIDTH - left - 6 * mm])
    both.setStyle(_tight())
    return both


def _example(asked: Asked, width: float) -> list[Flowable]:
    label = "Somebody else" if asked.against else "Query"
    name = Path(printable(asked.name)).name
    flags = f" · {', '.join(asked.flags)}" if asked.flags else ""
    caption = f"<b>{label}</b> · {escape(name)}<br/>{escape(asked.how)}{escape(flags)}"
    person = _picture(asked.view.person, 20 * mm, 32 * mm)
    scene = _picture(_marked(asked.view, "", PALETTE[3 if asked.against else 1]), width - 22 * mm, 32 * mm)
    pair = Table([[person, scene]], [22 * mm, width - 22 * mm])
    pair.setStyle(_tight())
    return [pair, Paragraph(caption, _style(8, _SOFT, leading=10.5))]


def _match(match: Match, view: View) -> Flowable:
    person: Flowable = _picture(view.person, *_PERSON)
    scene: Flowable = _picture(_marked(view, str(match.rank), PALETTE[2]), *_SCENE)
    if view.person is None:
        scene = Paragraph(escape(printable(view.problem)), _style(8.5, _SOFT, leading=11))
    row = Table([[person, scene, _told(match)]], [_PERSON[0] + 2 * mm, _SCENE[0] + 4 * mm, _TEXT])
    row.setStyle(
        _tight(
            ("LINEABOVE", (0, 0), (-1, 0), 0.5, _EDGE),
            ("TOPPADDING", (0, 0), (-1, -1), 6),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
        )
    )
    return row


def _told(match: Match) -> list[Flowable]:
    revised = "" if match.revised is None else f" · revised {match.revised:.3f}"
    head = Table(
        [[
            Paragraph(str(match.rank), _style(15, bold=True, leading=18)),
            Paragraph(f"{match.similarity:.3f}<font size=8 color='#7d8797'> similarity{revised}</font>",
                      _style(11, bold=True, leading=18, alignment=TA_RIGHT)),
        ]],
        [14 * mm, _TEXT - 14 * mm],
    )  # fmt: skip
    head.setStyle(_tight())
    lines: list[Flowable] = [head]
    trust = match_words(match)
    lines.append(Paragraph(escape(trust.standing), _style(9, _COLOURS[match.standing], bold=True)))
    told = (trust.others, trust.rate, f"({trust.basis})", trust.evidence)
    lines += [Paragraph(escape(text), _style(7.5, _SOFT, leading=9.5)) for text in told if text]
    seen = words.seen(match)
    where = " · ".join(escape(printable(part)) for part in (seen, match.camera_id or "") if part)
    lines += [Spacer(0, 1.5 * mm)] + ([Paragraph(where, _style(8.5))] if where else [])
    x1, y1, x2, y2 = (f"{v:.0f}" for v in match.box)
    frame = f", frame {match.frame_index}" if match.time_s is not None else ""
    detail = f"{printable(Path(match.source).name)}{frame}; box {x1}, {y1}, {x2}, {y2}; score {match.score:.2f}"
    lines.append(Paragraph(escape(detail), _style(7.5, _SOFT, leading=9.5)))
    if match.flags:
        flags = "; ".join(f"{flag}: {words.FLAG_WORDS.get(flag, '')}" for flag in match.flags)
        lines.append(Paragraph(escape(flags), _style(7.5, _WARN, leading=9.5)))
    return lines


def _marked(view: View, label: str, colour: tuple[int, int, int]) -> ImageArray | None:
    if view.scene is None:
        return None
    scene = thumbnail(view.scene, _SCENE_PIXELS)
    scale = scene.shape[1] / view.scene.shape[1]
    return draw_boxes(scene, [[v * scale for v in view.box]], [label], [colour], width=3, font_size=22)


def _picture(image: ImageArray | None, width: float, height: float) -> Flowable:
    if image is None:
        return Spacer(width, height / 3)
    scale = min(width / image.shape[1], height / image.shape[0])
    buffer = io.BytesIO()
    Picture.fromarray(np.ascontiguousarray(image)).save(buffer, "JPEG", quality=82, optimize=True)
    buffer.seek(0)
    return Image(buffer, image.shape[1] * scale, image.shape[0] * scale, hAlign="LEFT")


def _tight(*extra: Any) -> TableStyle:
    plain = [(f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")]
    return TableStyle([*plain, ("VALIGN", (0, 0), (-1, -1), "TOP"), *extra])


def _style(
    size: float, colour: Any = _INK, *, bold: bool = False, leading: float | None = None, alignment: int = 0
) -> ParagraphStyle:
    return ParagraphStyle(
        "", fontName=_BOLD if bold else _PLAIN, fontSize=size, leading=leading or size * 1.35, textColor=colour,
        alignment=alignment, splitLongWords=True,
    )  # fmt: skip


def _register_fonts() -> None:
    """DejaVu Sans, which travels with matplotlib, because names of files are written in any script."""
    if _PLAIN in pdfmetrics.getRegisteredFontNames():
        return
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    pdfmetrics.registerFont(TTFont(_PLAIN, str(folder / "DejaVuSans.ttf")))
    pdfmetrics.registerFont(TTFont(_BOLD, str(folder / "DejaVuSans-Bold.ttf")))
    pdfmetrics.registerFontFamily(_PLAIN, normal=_PLAIN, bold=_BOLD, italic=_PLAIN, boldItalic=_BOLD)


class _Numbered(Canvas):  # type: ignore[misc]
    """Writes a foot with the number of all pages, which is known only at the end."""

    def __init__(self, *args: Any, foot: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self._foot = foot
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:
        """Keep a page for later."""
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Write all pages."""
        for page in self._pages:
            self.__dict__.update(page)
            self.setFont(_PLAIN, 7.5)
            self.setFillColor(_FAINT)
            self.drawString(_MARGIN, 10 * mm, _shortened(self._foot, 90))
            self.drawRightString(A4[0] - _MARGIN, 10 * mm, f"{self._pageNumber} of {len(self._pages)}")
            super().showPage()
        super().save()


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length // 2 - 1]}…{text[-(length // 2) :]}"
