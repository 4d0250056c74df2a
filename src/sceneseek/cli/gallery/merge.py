"""``sceneseek gallery merge``: put several galleries of one model into one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sceneseek.cli.console import escape, out, print_json, progress_bar

if TYPE_CHECKING:
    from sceneseek.gallery import Merged


def merge(
    target: Annotated[Path, typer.Argument(help="The gallery that will hold everything; made when missing.")],
    sources: Annotated[list[Path], typer.Argument(help="Galleries made by the same model; they stay as they are.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Add what other galleries hold to a gallery: each file once, whatever it is called.

    A merge that was interrupted is repeated and goes on where it stopped. Galleries of different models are refused.
    """
    from sceneseek.gallery import Gallery, local_user
    from sceneseek.gallery import merge as take_over

    opened = [Gallery.open(path) for path in sources]
    made_by = opened[0].manifest
    store = Gallery.open_or_create(target, made_by.model, made_by.fingerprint, made_by.embedding_dim)
    answers = []
    for source in opened:
        with progress_bar(f"merging {source.path.name}", "files") as progress:
            answers.append(take_over(store, source, actor=local_user(), progress=progress))
    if as_json:
        print_json([{"source": str(g.path), **asdict(done)} for g, done in zip(opened, answers, strict=True)])
        return
    for source, done in zip(opened, answers, strict=True):
        show_merged(str(source.path), done)


def show_merged(source: str, done: Merged) -> None:
    """Say what came from where."""
    from sceneseek.words import counted

    left_out = f", {counted(done.kept_out, 'file')} kept out" if done.kept_out else ""
    out.print(
        f"{escape(source)}: {counted(done.files, 'file')} with {counted(done.people, 'person', 'people')} taken over, "
        f"{done.known:,} known{left_out}.",
        highlight=False,
        soft_wrap=True,
    )
