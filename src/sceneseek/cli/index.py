"""``sceneseek index``: look for people in photographs and video and remember them in a gallery."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sceneseek.cli.console import err, escape, out, print_json, progress_bar, warn
from sceneseek.errors import ValueRefused
from sceneseek.reports.words import counted, printable, short_model

if TYPE_CHECKING:
    from sceneseek.finder import IndexSummary
    from sceneseek.gallery import Gallery

DEFAULT_MODEL = "dcinet-synthetic"
"""The network that travels with the package."""

_SHOWN_PROBLEMS = 50


def index(
    paths: Annotated[list[str], typer.Argument(help="Photographs, videos, folders (with all below them) or globs.")],
    gallery: Annotated[Path, typer.Option("--gallery", "-g", help="The gallery's folder; made when missing.")],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="A shipped name, a .safetensors file, or detector+embedder; NAME-tiled looks for small people. "
            f"Default: the gallery's own model; {DEFAULT_MODEL} for a new gallery.",
        ),
    ] = None,
    every: Annotated[
        float, typer.Option("--every", help="Seconds between the frames taken of a video; 0: each.")
    ] = 1.0,
    camera: Annotated[str | None, typer.Option("--camera", help="Name of the camera that took all this.")] = None,
    device: Annotated[str, typer.Option("--device", help="Where the model runs: cpu, cuda, cuda:1, mps.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Look for people in photographs and video and remember them in a gallery.

    Indexing again adds nothing: known files are passed over, new and changed ones are added, and a run that was
    interrupted goes on where it stopped. A file that cannot be used is reported and skipped; the exit code stays 0.
    """
    import time
    from functools import partial

    from sceneseek.finder import Finder
    from sceneseek.gallery import Gallery
    from sceneseek.inference.media import discover, frames_of
    from sceneseek.inference.predictor import load_predictor
    from sceneseek.models.names import lasting_name

    if not (every >= 0 and math.isfinite(every)):
        raise ValueRefused(f"--every is {every:g}; expected seconds, 0 for every frame.")
    spec = model or known_model(gallery) or DEFAULT_MODEL
    with err.status(f"loading {escape(spec)}"):
        predictor = load_predictor(spec, device=device)
    store = Gallery.open_or_create(
        gallery, lasting_name(spec, predictor.name), predictor.fingerprint, predictor.embedding_dim
    )
    finder = Finder(predictor, store)
    begun = time.perf_counter()
    with progress_bar("indexing", "files") as progress:
        items = []
        for item in discover(paths, camera=camera):
            # Every file is read once to know it by its content: on a disk full of video this takes a while.
            items.append(item)
            progress(0, None, f"{len(items):,} files found")
        summary = finder.index(items, partial(frames_of, every_s=every), every_s=every, progress=progress)
    seconds = time.perf_counter() - begun
    if as_json:
        print_json(summary_as_json(summary, store, seconds))
    else:
        _show(summary, store, seconds)


def known_model(gallery: Path) -> str | None:
    """The model of the gallery at this path, or ``None`` when there is no gallery yet."""
    from sceneseek.errors import GalleryMissingError
    from sceneseek.gallery import Gallery

    try:
        return Gallery.open(gallery).manifest.model
    except GalleryMissingError:
        return None


def summary_as_json(summary: IndexSummary, gallery: Gallery, seconds: float) -> dict[str, Any]:
    """The summary for machines."""
    return {
        "gallery": str(gallery.path),
        "model": gallery.manifest.model,
        "photos": summary.photos,
        "videos": summary.videos,
        "frames": summary.frames,
        "people": summary.people,
        "already": summary.already,
        "seconds": round(seconds, 3),
        "people_in_gallery": len(gallery),
        "problems": [{"source": printable(p.source), "reason": printable(p.reason)} for p in summary.problems],
    }


def _show(summary: IndexSummary, gallery: Gallery, seconds: float) -> None:
    media = [counted(summary.photos, "photograph")] if summary.photos or not summary.videos else []
    if summary.videos:
        media.append(counted(summary.videos, "video"))
    line = f"[bold]{counted(summary.people, 'person', 'people')}[/bold] found in {' and '.join(media)}"
    if summary.videos:
        line += f" ({counted(summary.frames, 'frame')})"
    rate = f", {summary.frames / seconds:.1f} pictures a second" if summary.frames and seconds > 0 else ""
    out.print(f"{line} in {seconds:.1f} s{rate}.", highlight=False, soft_wrap=True)
    if summary.already:
        out.print(f"{counted(summary.already, 'file')} known already.", highlight=False)
    if summary.problems:
        err.print(
            f"[yellow]{counted(len(summary.problems), 'problem')}[/yellow]; the rest was indexed:", highlight=False
        )
        for problem in summary.problems[:_SHOWN_PROBLEMS]:
            warn(printable(f"{problem.source}: {problem.reason}"))
        if len(summary.problems) > _SHOWN_PROBLEMS:
            err.print(f"... and {len(summary.problems) - _SHOWN_PROBLEMS:,} more; --json lists them all.")
    if not (summary.frames or summary.already or summary.problems):
        warn("no photograph or video was found in the given paths.")
    out.print(
        f"{escape(str(gallery.path))} holds {counted(len(gallery), 'person', 'people')}, "
        f"model {escape(short_model(gallery.manifest.model))}.",
        highlight=False,
        soft_wrap=True,
    )
