"""``sceneseek index``: look for people in photographs, video and live sources and remember them in a gallery."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from sceneseek.cli.console import err, escape, loading, out, print_json, progress_bar, stopping, warn
from sceneseek.errors import ValueRefused
from sceneseek.words import counted, short_model, without_password

if TYPE_CHECKING:
    from datetime import tzinfo

    from sceneseek.finder import IndexSummary
    from sceneseek.gallery import Gallery
    from sceneseek.inference.sampling import SceneChange

DEFAULT_MODEL = "dcinet-synthetic"
"""The network that travels with the package."""

_SHOWN_PROBLEMS = 50


def index(  # noqa: PLR0913 - the options of a command are its parameters
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Photographs, videos, folders (with all below them), archives, globs, or addresses of cameras."
        ),
    ],
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
        str,
        typer.Option(
            "--every", help="Seconds between the frames taken of a video; 0: each; scene: whenever the scene changes."
        ),
    ] = "1",
    camera: Annotated[str | None, typer.Option("--camera", help="Name of the camera that took all this.")] = None,
    camera_from: Annotated[
        str | None,
        typer.Option(
            "--camera-from",
            help="Where the paths name the camera: '{camera}/*', 'footage/{camera}/**', '{camera}_*.mp4'.",
        ),
    ] = None,
    timezone: Annotated[
        str,
        typer.Option("--timezone", help="Zone of clocks that write none, such as Europe/Paris; local: this machine's."),
    ] = "local",
    archives: Annotated[
        bool, typer.Option("--archives/--no-archives", help="Look into zip and tar files within folders.")
    ] = True,
    duration: Annotated[
        str | None, typer.Option("--duration", help="How long to watch live sources: 90 (seconds), 15m, 8h.")
    ] = None,
    give_up: Annotated[
        str | None, typer.Option("--give-up", help="End watching a live source that is silent this long: 60, 10m.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Where the model runs: cpu, cuda, cuda:1, mps.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Look for people in photographs, video and live sources and remember them in a gallery.

    Paths may also be archives and addresses (rtsp://, http://). Indexing again adds nothing: known files are passed
    over, new and changed ones are added, and a run that was interrupted goes on where it stopped. Ctrl-C stops after
    the pictures in hand. A file that cannot be used is reported and skipped; the exit code stays 0.
    """
    from functools import partial

    from sceneseek.finder import Finder, expected_pictures
    from sceneseek.gallery import AuditLog, Gallery, local_user
    from sceneseek.inference.media import discover, frames_of
    from sceneseek.inference.predictor import load_predictor
    from sceneseek.inference.streams import Listening
    from sceneseek.models.names import lasting_name
    from sceneseek.structures import MediaItem

    sampling = _sampling(every)
    zone = _zone(timezone)
    longest, patience = _span("--duration", duration), _span("--give-up", give_up)
    spec = model or known_model(gallery) or DEFAULT_MODEL
    with loading(spec):
        predictor = load_predictor(spec, device=device)
    store = Gallery.open_or_create(
        gallery, lasting_name(spec, predictor.name), predictor.fingerprint, predictor.embedding_dim
    )
    AuditLog(store.path).append(local_user(), "index", paths=list(map(without_password, paths)))
    finder = Finder(predictor, store)
    items = []
    with progress_bar("looking for files", ended="files found") as progress:
        for item in discover(paths, camera=camera, camera_from=camera_from, zone=zone, archives=archives):
            # Every file is read once to know it by its content: on a disk full of video this takes a while.
            items.append(item)
            progress(0, None, f"{len(items):,} so far")
        progress(len(items), len(items))
    countable = all(expected_pictures(item, sampling.every_s) is not None for item in items)
    live = any(isinstance(item, MediaItem) and item.kind == "stream" for item in items)
    with stopping() as stop, progress_bar("indexing", "pictures" if countable and not live else "files") as progress:
        listening = Listening(duration_s=longest, give_up_s=patience, stop=stop)
        opened = partial(frames_of, every_s=max(0.0, sampling.every_s), on_change=sampling.rule, listening=listening)
        summary = finder.index(items, opened, every_s=sampling.every_s, progress=progress, stop=stop)
    if as_json:
        print_json(summary_as_json(summary, store))
    else:
        _show(summary, store)


class Sampling(NamedTuple):
    """What ``--every`` says.

    Attributes:
        every_s: As a gallery remembers it.
        rule: When sampling by scene changes.
    """

    every_s: float
    rule: SceneChange | None = None


def _sampling(text: str) -> Sampling:
    if text == "scene":
        from sceneseek.inference.sampling import SceneChange

        rule = SceneChange()
        return Sampling(rule.every_s, rule)
    try:
        every_s = float(text)
    except ValueError:
        every_s = -1.0
    if not (every_s >= 0 and math.isfinite(every_s)):
        raise ValueRefused(f"--every is {text}; expected seconds, 0 for every frame, or the word scene.")
    return Sampling(every_s)


def _zone(name: str) -> tzinfo | None:
    if name == "local":
        return None
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueRefused(
            f"--timezone is {name!r}; expected a name such as Europe/Paris, America/New_York or UTC, or local."
        ) from error


def _span(option: str, text: str | None) -> float | None:
    """Seconds out of ``90``, ``90s``, ``15m`` or ``8h``."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0
    if seconds <= 0:
        raise ValueRefused(f"{option} is {text!r}; expected a time such as 90 (seconds), 15m or 8h.")
    return seconds


def known_model(gallery: Path) -> str | None:
    """The model of the gallery at this path, or ``None`` when there is no gallery yet."""
    from sceneseek.errors import GalleryMissingError
    from sceneseek.gallery import Gallery

    try:
        return Gallery.open(gallery).manifest.model
    except GalleryMissingError:
        return None


def summary_as_json(summary: IndexSummary, gallery: Gallery) -> dict[str, Any]:
    """The summary for machines."""
    return {
        "gallery": str(gallery.path),
        "model": gallery.manifest.model,
        "photos": summary.photos,
        "videos": summary.videos,
        "streams": summary.streams,
        "frames": summary.frames,
        "people": summary.people,
        "already": summary.already,
        "stopped": summary.stopped,
        "seconds": round(summary.seconds, 3),
        "model_seconds": round(summary.model_seconds, 3),
        "frames_per_second": round(summary.frames_per_second, 3),
        "people_in_gallery": len(gallery),
        "notes": [{"source": p.source, "reason": p.reason} for p in summary.notes],
        "problems": [{"source": p.source, "reason": p.reason} for p in summary.problems],
    }


def _show_notes(summary: IndexSummary) -> None:
    if summary.notes:
        err.print(f"[yellow]{counted(len(summary.notes), 'note')}[/yellow]; nothing is lost:", highlight=False)
        for note in summary.notes[:_SHOWN_PROBLEMS]:
            warn(f"{note.source}: {note.reason}")
        if len(summary.notes) > _SHOWN_PROBLEMS:
            err.print(f"... and {len(summary.notes) - _SHOWN_PROBLEMS:,} more; --json lists them all.")


def _show(summary: IndexSummary, gallery: Gallery) -> None:
    moving = summary.videos + summary.streams
    media = [counted(summary.photos, "photograph")] if summary.photos or not moving else []
    if summary.videos:
        media.append(counted(summary.videos, "video"))
    if summary.streams:
        media.append(counted(summary.streams, "live source"))
    line = f"[bold]{counted(summary.people, 'person', 'people')}[/bold] found in {' and '.join(media)}"
    if moving:
        line += f" ({counted(summary.frames, 'frame')})"
    rate = f", {summary.frames_per_second:.1f} pictures a second" if summary.frames else ""
    out.print(f"{line} in {summary.seconds:.1f} s{rate}.", highlight=False, soft_wrap=True)
    if summary.stopped:
        out.print("Stopped before the end; the same command goes on from here.", highlight=False)
    if summary.already:
        out.print(f"{counted(summary.already, 'file')} known already.", highlight=False)
    if summary.problems:
        err.print(
            f"[yellow]{counted(len(summary.problems), 'problem')}[/yellow]; the rest was indexed:", highlight=False
        )
        for problem in summary.problems[:_SHOWN_PROBLEMS]:
            warn(f"{problem.source}: {problem.reason}")
        if len(summary.problems) > _SHOWN_PROBLEMS:
            err.print(f"... and {len(summary.problems) - _SHOWN_PROBLEMS:,} more; --json lists them all.")
    _show_notes(summary)
    if not (summary.frames or summary.already or summary.problems):
        warn("no photograph or video was found in the given paths.")
    out.print(
        f"{escape(str(gallery.path))} holds {counted(len(gallery), 'person', 'people')}, "
        f"model {escape(short_model(gallery.manifest.model))}.",
        highlight=False,
        soft_wrap=True,
    )
