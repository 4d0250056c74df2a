"""``sceneseek find``: whom does the gallery hold that looks like the person in this picture?"""

from __future__ import annotations

import math
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sceneseek.cli.console import err, escape, out, print_json, warn
from sceneseek.cli.index import counted, printable, short_model
from sceneseek.errors import ValueRefused

if TYPE_CHECKING:
    from sceneseek.finder import QueryPerson
    from sceneseek.gallery import Gallery
    from sceneseek.structures import ImageArray, Match, Ranking


def find(  # noqa: PLR0913 - the options of a command are its parameters
    pictures: Annotated[list[Path], typer.Argument(help="Pictures of the person to find, one or several.")],
    gallery: Annotated[Path, typer.Option("--gallery", "-g", help="The gallery's folder.")],
    box: Annotated[
        list[str] | None,
        typer.Option(
            "--box",
            "-b",
            help="Where the person is, x1,y1,x2,y2 in pixels; once per picture. 'auto' or none: the surest person.",
        ),
    ] = None,
    top: Annotated[int, typer.Option("--top", "-n", min=1, help="How many matches at most.")] = 20,
    camera: Annotated[list[str] | None, typer.Option("--camera", help="Only this camera; repeatable.")] = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", help="Only this file, or files in this folder; repeatable.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only video from this time on: seconds, mm:ss or h:mm:ss.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only video up to this time.")] = None,
    min_score: Annotated[
        float | None, typer.Option("--min-score", help="Only people the detector was at least this sure of, 0 to 1.")
    ] = None,
    own_picture: Annotated[
        bool, typer.Option("--own-picture", help="Also show matches in the query pictures themselves.")
    ] = False,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="The model to use. Default: the one that made the gallery.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Where the model runs: cpu, cuda, cuda:1, mps.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="Write a contact sheet of the matches (PNG, JPEG).")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with all pictures inside.")] = None,
) -> None:
    """Find a person in a gallery: ranked matches, best first.

    Several pictures of the same person are combined. Without a box, the most confident person of a picture is sought.
    """
    import time

    from sceneseek.finder import Finder
    from sceneseek.gallery import Filters, Gallery
    from sceneseek.inference.predictor import load_predictor
    from sceneseek.pictures import read_picture

    boxes = _boxes(box, len(pictures))
    filters = Filters(
        cameras=tuple(camera) if camera else None,
        sources=tuple(str(Path(s).expanduser().absolute()) for s in source) if source else None,
        since_s=_seconds(since, "--since"),
        until_s=_seconds(until, "--until"),
        min_score=min_score,
        exclude=() if own_picture else _own_frames(pictures),
    )
    images = [read_picture(picture) for picture in pictures]
    store = Gallery.open(gallery)
    spec = model or store.manifest.model
    with err.status(f"loading {escape(spec)}"):
        predictor = load_predictor(spec, device=device)
    store = Gallery.open(gallery, predictor.name, predictor.fingerprint)
    finder = Finder(predictor, store)
    begun = time.perf_counter()
    people = [finder.locate(image, given) for image, given in zip(images, boxes, strict=True)]
    ranking = finder.find_people(people, top=top, filters=filters)
    seconds = time.perf_counter() - begun
    if as_json:
        print_json(_as_json(pictures, people, ranking, store))
    else:
        _show(ranking, pictures, people, seconds)
    if sheet is not None or html is not None:
        _write_views(pictures, images, people, ranking, store, seconds, sheet=sheet, html=html)


def _boxes(given: list[str] | None, num_pictures: int) -> list[tuple[float, ...] | None]:
    if not given:
        return [None] * num_pictures
    if len(given) != num_pictures:
        raise ValueRefused(
            f"{counted(len(given), 'box', 'boxes')} for {counted(num_pictures, 'picture')}; one --box per picture, "
            "in the same order ('auto' lets the detector choose), or none at all."
        )
    return [None if text.strip().lower() == "auto" else _box(text) for text in given]


def _box(text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError:
        values = ()
    if len(values) != 4:
        raise ValueRefused(
            f"--box {text!r} is not a box; expected x1,y1,x2,y2 in pixels, such as --box 120,40,210,300."
        )
    return values


def _seconds(text: str | None, option: str) -> float | None:
    if text is None:
        return None
    try:
        total = 0.0
        for part in text.split(":"):
            total = total * 60 + float(part)
    except ValueError:
        total = math.nan
    if not math.isfinite(total) or text.count(":") > 2:
        raise ValueRefused(f"{option} {text!r} is not a time; expected seconds, mm:ss or h:mm:ss.")
    return total


def _own_frames(pictures: list[Path]) -> tuple[Any, ...]:
    """The query pictures' own place in the gallery, wherever a copy of them may lie."""
    from sceneseek.gallery import FrameKey
    from sceneseek.inference.media import discover
    from sceneseek.structures import MediaItem

    found = discover([str(picture) for picture in pictures])
    return tuple(FrameKey(item.content_key) for item in found if isinstance(item, MediaItem))


def _match_as_json(match: Match) -> dict[str, Any]:
    return {
        "rank": match.rank,
        "similarity": round(match.similarity, 6),
        "score": round(match.score, 6),
        "box": [round(v, 2) for v in match.box],
        "source": printable(match.source),
        "frame_index": match.frame_index,
        "time_s": match.time_s,
        "camera": match.camera_id,
        "detection_id": match.detection_id,
        "width": match.width,
        "height": match.height,
    }


def _as_json(pictures: list[Path], people: list[QueryPerson], ranking: Ranking, gallery: Gallery) -> dict[str, Any]:
    return {
        "gallery": str(gallery.path),
        "model": ranking.model,
        "searched": ranking.searched,
        "filters": {name: printable(value) for name, value in ranking.filters.items()},
        "queries": [
            {"picture": printable(str(picture)), "box": [round(v, 2) for v in person.box], "score": person.score}
            for picture, person in zip(pictures, people, strict=True)
        ],
        "matches": [_match_as_json(match) for match in ranking],
    }


def _show(ranking: Ranking, pictures: list[Path], people: list[QueryPerson], seconds: float) -> None:
    from rich import box as frames
    from rich.table import Table

    from sceneseek.cli.ranking_views import clock

    for picture, person in zip(pictures, people, strict=True):
        how = "box given" if person.score is None else f"most confident person, score {person.score:.2f}"
        corners = ",".join(f"{v:.0f}" for v in person.box)
        line = f"[dim]query[/dim] {escape(printable(str(picture)))} [dim]box {corners} ({how})[/dim]"
        out.print(line, highlight=False, soft_wrap=True)
    limits = "".join(f"; {name}: {printable(value)}" for name, value in ranking.filters.items())
    if not len(ranking):
        warn(f"nobody to compare with{limits}. Index media first, or loosen the filters.")
        return
    table = Table(box=frames.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("rank", justify="right")
    table.add_column("similarity", justify="right", style="bold")
    has_camera = any(match.camera_id for match in ranking)
    has_time = any(match.time_s is not None for match in ranking)
    if has_camera:
        table.add_column("camera", overflow="fold")
    if has_time:
        table.add_column("time", justify="right")
    table.add_column("source", overflow="fold", ratio=1)
    table.add_column("box", justify="right", style="dim", no_wrap=True)
    folder = _common_folder(ranking)
    for match in ranking:
        cells = [str(match.rank), f"{match.similarity:.3f}"]
        cells += [escape(printable(match.camera_id or ""))] if has_camera else []
        cells += [clock(match.time_s)] if has_time else []
        cells += [escape(printable(os.path.relpath(match.source, folder))), ",".join(f"{v:.0f}" for v in match.box)]
        table.add_row(*cells)
    out.print(table)
    out.print(f"[dim]sources in[/dim] {escape(printable(folder))}", highlight=False, soft_wrap=True)
    compared = counted(ranking.searched, "person", "people")
    facts = f"{compared} compared in {seconds * 1000:,.0f} ms, model {short_model(ranking.model)}{limits}"
    out.print(f"[dim]{escape(facts)}[/dim]", highlight=False, soft_wrap=True)


def _common_folder(ranking: Ranking) -> str:
    """The folder that holds all sources: said once, it leaves room for what differs."""
    folders = [os.path.dirname(match.source) for match in ranking]
    try:
        return os.path.commonpath(folders)
    except ValueError:  # different drives
        return os.path.abspath(os.sep)


def _write_views(
    pictures: list[Path],
    images: list[ImageArray],
    people: list[QueryPerson],
    ranking: Ranking,
    gallery: Gallery,
    seconds: float,
    *,
    sheet: Path | None,
    html: Path | None,
) -> None:
    from sceneseek.cli.ranking_views import QueryView, render_page, render_sheet
    from sceneseek.cli.scenes import read_from, view_of, views_of
    from sceneseek.pictures import write_picture

    with err.status("reading the scenes of the matches"):
        views = views_of(ranking.matches, read_from(gallery.places))
    queries = [
        QueryView(str(picture), view_of(image, person.box), person.score)
        for picture, image, person in zip(pictures, images, people, strict=True)
    ]
    for problem in sorted({view.problem for view in views if view.problem}):
        warn(printable(problem))
    for path in (sheet, html):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    if sheet is not None:
        write_picture(render_sheet(queries, ranking, views), sheet)
        err.print(f"wrote {escape(str(sheet))}", highlight=False, soft_wrap=True)
    if html is not None:
        today = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
        html.write_text(render_page(queries, ranking, views, str(gallery.path), today, seconds), encoding="utf-8")
        err.print(f"wrote {escape(str(html))}; open it in a browser", highlight=False, soft_wrap=True)
