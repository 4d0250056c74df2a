"""``sceneseek find``: whom does the gallery hold that looks like the person in this picture?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sceneseek.cli.console import err, loading, print_json
from sceneseek.cli.gallery.places import place
from sceneseek.cli.moments import moment
from sceneseek.cli.search_outputs import Output, Search, note_search, search_as_json, write_outputs
from sceneseek.errors import ValueRefused
from sceneseek.words import counted

if TYPE_CHECKING:
    from sceneseek.gallery import Filters, FrameKey, Gallery


def find(  # noqa: PLR0913 - the options of a command are its parameters
    gallery: Annotated[Path, typer.Option("--gallery", "-g", help="The gallery's folder.")],
    pictures: Annotated[
        list[Path] | None, typer.Argument(help="Pictures of the person to find, one or several; none with --like.")
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(
            "--box",
            "-b",
            help="Where the person is, x1,y1,x2,y2 in pixels; once per picture. 'auto' or none: the surest person.",
        ),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option("--like", help="A detection of the gallery that is right, by its id (see --json); repeatable."),
    ] = None,
    not_like: Annotated[
        list[str] | None,
        typer.Option("--not-like", help="A detection of the gallery that is somebody else, by its id; repeatable."),
    ] = None,
    top: Annotated[int, typer.Option("--top", "-n", min=1, help="How many matches at most.")] = 20,
    by: Annotated[
        str,
        typer.Option("--by", help="sighting: a person followed through a video counts once; detection: each frame."),
    ] = "sighting",
    rerank: Annotated[
        str | None,
        typer.Option("--rerank", help="A second look at the best candidates: cbgm, k_reciprocal, k_reciprocal:k1=30."),
    ] = None,
    camera: Annotated[list[str] | None, typer.Option("--camera", help="Only this camera; repeatable.")] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source", help="Only this file, by path, address or content key, or files in this folder; repeatable."
        ),
    ] = None,
    after: Annotated[
        str | None, typer.Option("--after", help="Only what was taken from then on: 2026-03-02, 2026-03-02 08:30.")
    ] = None,
    before: Annotated[str | None, typer.Option("--before", help="Only what was taken up to then.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only video from this time of its own on: seconds, mm:ss or h:mm:ss.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only video up to this time of its own.")] = None,
    min_score: Annotated[
        float | None, typer.Option("--min-score", help="Only people the detector was at least this sure of, 0 to 1.")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", help="Leave out people flagged small, blurred, cut or unsure; repeatable."),
    ] = None,
    own_picture: Annotated[
        bool, typer.Option("--own-picture", help="Also show matches in the pictures that the examples come from.")
    ] = False,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="The model to use. Default: the one that made the gallery.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Where the model runs: cpu, cuda, cuda:1, mps.")] = "cpu",
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit log and reports.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="Write a contact sheet of the matches (PNG, JPEG).")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with all pictures inside.")] = None,
    report: Annotated[
        list[Path] | None, typer.Option("--report", help="Write a report: .pdf, .html or .csv; repeatable.")
    ] = None,
    blur: Annotated[
        str | None,
        typer.Option(
            "--blur",
            help="In what is written, hide the other people that were found (others), all around the person (all), or "
            "nobody (none). Default: others.",
        ),
    ] = None,
) -> None:
    """Find a person in a gallery: ranked matches, best first, each with how often a stranger scores as high.

    Several pictures of the same person are combined. Without a box, the most confident person of a picture is sought.
    Matches that turned out right or wrong make the next search better: --like and --not-like.
    """
    import time

    from sceneseek.finder import Finder
    from sceneseek.gallery import Filters, Gallery
    from sceneseek.inference.predictor import load_predictor
    from sceneseek.pictures import read_picture

    shown = list(pictures or [])
    if not shown and not like:
        raise ValueRefused("nobody to look for was given; name a picture, or a detection of the gallery with --like.")
    written = _outputs(sheet, html, report, blur)
    boxes = _boxes(box, len(shown))
    filters = Filters(
        cameras=tuple(camera) if camera else None,
        since_s=_seconds(since, "--since"),
        until_s=_seconds(until, "--until"),
        after=moment(after, "--after"),
        before=moment(before, "--before", end_of_day=True),
        min_score=min_score,
        exclude_flags=_flags(without),
    )
    images = [read_picture(picture) for picture in shown]
    store = Gallery.open(gallery)
    filters = _narrowed(filters, store, source)
    spec = model or store.manifest.model
    with loading(spec):
        predictor = load_predictor(spec, device=device)
    store = Gallery.open(gallery, predictor.name, predictor.fingerprint)
    finder = Finder(predictor, store)
    begun = time.perf_counter()
    with err.status("estimating how high strangers score here (once for each state of the gallery)"):
        finder.calibration(_by(by))
    calibrated = time.perf_counter() - begun
    context = rerank is not None
    people = [
        replace(finder.locate(image, given, company=context), frame=_own_frame(picture))
        for picture, image, given in zip(shown, images, boxes, strict=True)
    ]
    people += [finder.person(name) for name in like or ()]
    against = [finder.person(name) for name in not_like or ()]
    ranking = finder.find_people(
        people, top=top, filters=filters, against=against, by=_by(by), rerank=rerank, own_pictures=own_picture
    )
    seconds = time.perf_counter() - begun - calibrated
    names = [str(picture) for picture in shown] + list(like or ())
    search = Search(finder, names, images, people, list(not_like or ()), against, ranking, seconds, reason.strip())
    note_search(search, shown)
    if as_json:
        print_json(search_as_json(search))
    else:
        from sceneseek.cli.ranking_table import show

        show(ranking, list(zip(names, people, strict=True)), seconds, calibrated)
    if written:
        write_outputs(search, written, None if blur == "none" else blur or "others")


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


def _narrowed(filters: Filters, gallery: Gallery, named: list[str] | None) -> Filters:
    """Only files and folders of these names, be it that of a copy; a name that stands for nothing is a mistake."""
    from sceneseek.gallery.naming import keys_of, narrowed

    if not named:
        return filters
    records, places = gallery.media(), list(map(place, named))
    keys_of(records, places)
    return narrowed(filters, records, places)


def _own_frame(picture: Path) -> FrameKey:
    """A query picture's own place in the gallery, wherever a copy of it may lie."""
    from sceneseek.gallery import FrameKey
    from sceneseek.inference.media import content_key

    return FrameKey(content_key(picture))


def _by(text: str) -> Any:
    if text not in ("sighting", "detection"):
        raise ValueRefused(f"--by is {text!r}; expected sighting or detection.")
    return text


def _flags(names: Sequence[str] | None) -> tuple[str, ...]:
    from sceneseek.errors import suggest
    from sceneseek.quality import FLAGS

    for name in names or ():
        if name not in FLAGS:
            raise ValueRefused(f"--without {name!r} is no flag; expected {', '.join(FLAGS)}.{suggest(name, FLAGS)}")
    return tuple(names or ())


def _outputs(sheet: Path | None, html: Path | None, report: list[Path] | None, blur: str | None) -> list[Output]:
    """What to write, checked before anything is searched."""
    from sceneseek.reports import format_of

    if blur not in (None, "others", "all", "none"):
        raise ValueRefused(f"--blur is {blur!r}; expected others, all or none.")
    outputs = [Output(sheet, "sheet")] if sheet is not None else []
    outputs += [Output(html, "html")] if html is not None else []
    outputs += [Output(path, format_of(path)) for path in report or ()]
    if blur is not None and not outputs:
        raise ValueRefused("--blur hides people in what is written; add --report, --html or --sheet.")
    return outputs
