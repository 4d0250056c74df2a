"""Answers to hand on: a page, a document, a table, a contact sheet. It knows no model and opens no gallery."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sceneseek.errors import ValueRefused, suggest
from sceneseek.reports.answer import Answer, Asked
from sceneseek.reports.views import Hide, ReadScene, View, view_of, views_of

__all__ = ["FORMATS", "Answer", "Asked", "Hide", "ReadScene", "View", "format_of", "render", "view_of", "views_of"]

FORMATS = ("html", "pdf", "csv")
"""What a report can be."""


def render(answer: Answer, format_name: str) -> bytes:
    """A report as the bytes of a file.

    Args:
        answer: What is told.
        format_name: One of ``FORMATS``.

    Raises:
        ValueRefused: There is no such format.
    """
    if format_name not in _RENDERERS:
        raise ValueRefused(f"there is no report format {format_name!r}.{suggest(format_name, FORMATS)}")
    return _RENDERERS[format_name](answer)


def format_of(path: Path) -> str:
    """The format that a file's name asks for.

    Raises:
        ValueRefused: None does.
    """
    name = path.suffix.lower().lstrip(".")
    if name not in FORMATS:
        raise ValueRefused(
            f"{path}: a report is written as {', '.join('.' + f for f in FORMATS)}; found {path.suffix!r}."
        )
    return name


def _page(answer: Answer) -> bytes:
    from sceneseek.reports.page import render_page

    return render_page(answer).encode()


def _document(answer: Answer) -> bytes:
    from sceneseek.reports.document import render_document

    return render_document(answer)


def _table(answer: Answer) -> bytes:
    from sceneseek.reports.table import render_table

    # With a byte-order mark, by which spreadsheets know UTF-8.
    return render_table(answer).encode("utf-8-sig")


_RENDERERS: dict[str, Callable[[Answer], bytes]] = {"html": _page, "pdf": _document, "csv": _table}
