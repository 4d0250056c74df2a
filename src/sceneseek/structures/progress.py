"""How long work tells its caller how far it has come, without printing."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called as work goes on. The command line draws a bar from it; a test may count; nobody has to listen."""

    def __call__(self, done: int, total: int | None, note: str = "") -> None:
        """Report that ``done`` of ``total`` units are finished (``total`` is ``None`` while it is not known)."""


def silent(done: int, total: int | None, note: str = "") -> None:
    """Ignore progress."""
