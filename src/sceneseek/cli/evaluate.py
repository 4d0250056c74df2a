"""``sceneseek evaluate``: how well does a model find people in annotated scenes?"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sceneseek.cli.console import err, escape, out, print_json, progress_bar
from sceneseek.cli.data_options import (
    GalleryFileOption,
    Layout,
    LayoutOption,
    QueriesOption,
    SplitOption,
    SubsetOption,
    choices,
    read_set,
)
from sceneseek.cli.index import DEFAULT_MODEL
from sceneseek.errors import DataError, ValueRefused

if TYPE_CHECKING:
    from sceneseek.evaluation.protocols import SearchProtocol
    from sceneseek.evaluation.report import Run
    from sceneseek.reranking import Reranker
    from sceneseek.structures import Extraction, SceneSet, SearchReport

BASELINE = "colour_histogram"
_OWN_PROTOCOL = {"cuhk_sysu": "cuhk_sysu", "prw": "prw", "webtattoo": "webtattoo"}
_SCORE_FLOOR = 0.01
"""Extractions hold detections from this score on: average precision of detection
looks at unsure ones too, whatever --det-threshold then keeps for the ranking."""


class Boxes(StrEnum):
    """Whose boxes are searched."""

    detector = "detector"
    truth = "truth"
    image = "image"


class Shots(StrEnum):
    """What becomes of several pictures of one person."""

    apart = "apart"
    mean = "mean"
    max = "max"


class AP(StrEnum):
    """How precision and recall become one number."""

    step = "step"
    trapezoid = "trapezoid"


class Duplicates(StrEnum):
    """A gallery image that is listed twice."""

    double = "double"
    seqnet = "seqnet"
    dedup = "dedup"


class QueryFeature(StrEnum):
    """What describes the query."""

    gt_roi = "gt_roi"
    matched_detection = "matched_detection"


class Cameras(StrEnum):
    """Which cameras' images are searched."""

    all = "all"
    cross = "cross"
    same = "same"


def evaluate(  # noqa: PLR0913 - the options of a command are its parameters
    data: Annotated[Path, typer.Argument(help="A data set: its folder, or the JSON or CSV file that describes it.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="A shipped name, a .safetensors file, or detector+embedder; repeat to compare several. "
            f"Default: {DEFAULT_MODEL}.",
        ),
    ] = None,
    boxes: Annotated[
        Boxes,
        typer.Option(
            "--boxes",
            help="Search the detector's boxes, the annotated ones (perfect detection), or each whole image.",
        ),
    ] = Boxes.detector,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Also score a plain colour histogram of the first model's boxes.")
    ] = False,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            help="cuhk_sysu, prw, prw_cross_camera, prw_same_camera, prw_mini, prw_original, webtattoo, "
            "webtattoo_no_detection, open or modern. Default: the data set's own, open for other data. The options "
            "down to --sweep change single rules of it.",
        ),
    ] = None,
    gallery_size: Annotated[
        str | None,
        typer.Option(
            "--gallery-size",
            help="Images per gallery, or full: every scene but the query's own. Default: all that are listed. For "
            "CUHK-SYSU a size that was published takes its TestG file.",
        ),
    ] = None,
    det_threshold: Annotated[
        float | None,
        typer.Option("--det-threshold", min=0, max=1, help="Rank detections from this score on. Mostly 0.5."),
    ] = None,
    ap: Annotated[
        AP | None, typer.Option("--ap", help="step: today's average precision; trapezoid: as before about 2018.")
    ] = None,
    duplicates: Annotated[
        Duplicates | None,
        typer.Option(
            "--duplicates",
            help="An image listed twice: rank and count it twice (double), count its person twice (seqnet), or once "
            "(dedup).",
        ),
    ] = None,
    query_feature: Annotated[
        QueryFeature | None,
        typer.Option(
            "--query-feature",
            help="Describe the query by its annotated box (gt_roi), or by the detection that overlaps it most.",
        ),
    ] = None,
    cameras: Annotated[
        Cameras | None,
        typer.Option("--cameras", help="Search images of all cameras, of others than the query's, or of the same."),
    ] = None,
    weighted: Annotated[
        bool | None,
        typer.Option("--confidence-weighted/--not-weighted", help="Multiply similarities by the detector's score."),
    ] = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Also score thirty thresholds of the detector's score, as PRW's paper does.")
    ] = False,
    coco: Annotated[
        bool, typer.Option("--coco", help="Also score detection as COCO does, AP at IoU 0.5 to 0.95.")
    ] = False,
    layout: LayoutOption = Layout.AUTO,
    split: SplitOption = None,
    gallery_file: GalleryFileOption = None,
    subset: SubsetOption = None,
    queries: QueriesOption = None,
    rerank: Annotated[
        str | None,
        typer.Option(
            "--rerank",
            help="Rank again by cbgm, k_reciprocal or query_expansion; parameters other than the published ones "
            "follow a colon: cbgm:k1=30,k2=4.",
        ),
    ] = None,
    shots: Annotated[
        Shots,
        typer.Option(
            "--shots",
            help="Ask queries of one shot_group apart, or at once by the mean of their embeddings or the max of their "
            "similarities.",
        ),
    ] = Shots.apart,
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write report.html, .md and .json here, and keep the extractions."),
    ] = None,
    extraction: Annotated[
        Path | None,
        typer.Option(
            "--extraction",
            help="Keep what the model saw in this file (.npz), or score such a file without running a model.",
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images per step of the model.")] = 4,
    device: Annotated[str, typer.Option("--device", help="Where the model runs: cpu, cuda, cuda:1, mps.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON.")] = False,
) -> None:
    """Score person search and detection on annotated scenes.

    Several models are compared side by side. What a model saw is kept with --out or --extraction: scoring again, with
    other switches too, takes seconds, and an interrupted run goes on where it stopped.
    """
    from sceneseek.data.layouts import checked_layout
    from sceneseek.evaluation import evaluate as score
    from sceneseek.evaluation.report import Run, write_report
    from sceneseek.evaluation.report import as_json as report_json

    specs = list(dict.fromkeys(model or []))
    again = _reranker(rerank, shots, several=len(specs) > 1 or baseline)
    if extraction is not None and len(specs) > 1:
        raise ValueRefused("--extraction names one file but there are several models; use --out, which keeps one each.")
    kind = checked_layout(data, layout.value)
    rules = _protocol(
        protocol or _OWN_PROTOCOL.get(kind, "open"),
        gallery_size=_gallery_size(gallery_size),
        det_threshold=det_threshold,
        ap=ap,
        duplicates=duplicates,
        query_feature=query_feature,
        cameras=cameras,
        confidence_weighted=weighted,
    )
    if kind == "cuhk_sysu" and gallery_file is None and _is_published(data, rules.gallery_size):
        gallery_file = gallery_size
    scenes = read_set(data, layout, split, choices(gallery_file, subset, queries))
    if not scenes.queries and not scenes.detection_labels_complete:
        raise DataError(f"{data} has no queries, and its detection labels are incomplete: there is nothing to score.")
    extractions = _extractions(scenes, specs, boxes, extraction, out_folder, batch_size, device)
    if baseline:
        extractions.append(_described(scenes, extractions[0], out_folder, batch_size))
    extractions, scenes, again = _joined(extractions, scenes, shots, again)
    runs: list[Run] = []
    for seen in extractions:
        with progress_bar("scoring", "queries") as progress:
            report = score(
                seen,
                scenes,
                rules,
                rerank=again,
                sweep=sweep,
                coco=coco,
                progress=progress,
            )
        runs.append(Run(report, seen))
    if as_json:
        print_json(report_json([run.report for run in runs]))
    else:
        show([run.report for run in runs])
    if out_folder is not None:
        with err.status("writing the report"):
            files = write_report(out_folder, scenes, runs, command=_command())
        err.print(f"wrote {escape(str(files['html']))}; open it in a browser", highlight=False, soft_wrap=True)


def _gallery_size(text: str | None) -> int | str | None:
    if text is None or text == "full":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise ValueRefused(f"--gallery-size is {text!r}; expected a number of images from 1 on, or full.")
    return int(text)


def _protocol(name: str, **switches: object) -> SearchProtocol:
    """The named protocol with the switches that were given."""
    from sceneseek.evaluation.protocols import named_protocol

    given = {k: v.value if isinstance(v, StrEnum) else v for k, v in switches.items() if v is not None}
    return named_protocol(name, **given)


def _is_published(folder: Path, size: object) -> bool:
    """Whether CUHK-SYSU's folder has a file of queries for galleries of this size."""
    from sceneseek.data.cuhk_sysu import gallery_sizes

    return size == "full" or size in gallery_sizes(folder)


def _reranker(text: str | None, shots: Shots, several: bool) -> Reranker | None:
    from sceneseek.reranking import parse_reranker

    if shots is Shots.max and (text is not None or several):
        raise ValueRefused(
            "--shots max ranks by the embeddings of one model: it goes with one --model, without --rerank or "
            "--baseline. --shots mean goes with all of them."
        )
    return None if text is None else parse_reranker(text)


def _joined(
    extractions: list[Extraction], scenes: SceneSet, shots: Shots, again: Reranker | None
) -> tuple[list[Extraction], SceneSet, Reranker | None]:
    """What to score when several pictures of one person are one query."""
    if shots is Shots.apart:
        return extractions, scenes, again
    from sceneseek.reranking import join_shots

    joined = [join_shots(seen, scenes, "max" if shots is Shots.max else "mean") for seen in extractions]
    return [j.extraction for j in joined], joined[0].scenes, again or joined[0].reranker


def _command() -> str:
    return shlex.join(["sceneseek", *sys.argv[1:]])


def _extractions(
    scenes: SceneSet,
    specs: Sequence[str],
    boxes: Boxes,
    file: Path | None,
    folder: Path | None,
    batch_size: int,
    device: str,
) -> list[Extraction]:
    from sceneseek.structures import Extraction

    if not specs and file is not None and file.exists():
        return [Extraction.load(file)]
    from sceneseek.inference.extract import extract
    from sceneseek.inference.predictor import load_predictor

    found = []
    for spec in specs or [DEFAULT_MODEL]:
        with err.status(f"loading {escape(spec)}"):
            predictor = load_predictor(spec, device=device, batch_size=batch_size, score_threshold=_SCORE_FLOOR)
        path = file or _kept(folder, predictor.name, predictor.fingerprint, boxes.value)
        with progress_bar(f"extracting {escape(short_name(spec))}", "images") as progress:
            found.append(
                extract(predictor, scenes, boxes=boxes.value, batch_size=batch_size, path=path, progress=progress)
            )
    return found


def _described(scenes: SceneSet, first: Extraction, folder: Path | None, batch_size: int) -> Extraction:
    """The colour histograms of the first model's boxes: equal terms, and no weights needed."""
    from sceneseek.inference.extract import Describer, extract
    from sceneseek.models.two_step.colour_histogram import ColourHistogram

    histogram = Describer(ColourHistogram(), BASELINE)
    both = histogram.fingerprint[:8] + "-" + first.provenance.fingerprint
    path = _kept(folder, BASELINE, both, first.provenance.boxes)
    with progress_bar("extracting the baseline", "images") as progress:
        return extract(histogram, scenes, boxes=first, batch_size=batch_size, path=path, progress=progress)


def _kept(folder: Path | None, name: str, fingerprint: str, boxes: str) -> Path | None:
    if folder is None:
        return None
    plain = re.sub(r"[^\w.+-]+", "_", short_name(name))
    return folder / "extractions" / f"{plain}-{fingerprint[:17]}-{boxes}.npz"


def short_name(spec: str) -> str:
    """A model's name without the folders and files in it.

    Example:
        >>> short_name("yolox_nano=/weights/a.onnx+osnet_x0_25"), short_name("runs/7/best.safetensors")
        ('yolox_nano+osnet_x0_25', 'best.safetensors')
    """
    name = re.sub(r"=[^+]*", "", spec)
    return name if "+" in name else name.rsplit("/", 1)[-1]


def show(reports: Sequence[SearchReport]) -> None:
    """Print the scores of one or several models as a table."""
    from rich import box as frames
    from rich.table import Table

    from sceneseek.evaluation.report import scores_of, table

    head = reports[0]
    rows = table(reports)
    view = Table(box=frames.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for i, name in enumerate(rows[0]):
        width = 0 if i else min(max(len(row["model"]) for row in rows), 30)
        style = "bold" if name == "mAP" else ""
        view.add_column(
            name.replace(" ", "\n"), justify="right" if i else "left", overflow="fold", min_width=width, style=style
        )
    for row in rows:
        view.add_row(*(escape(cell) for cell in row.values()))
    out.print(view)
    interval = scores_of(head)["mAP"].interval
    facts = [
        f"protocol {head.protocol['name']}",
        f"{head.num_queries:,} queries",
        f"{head.gallery_size:,.0f} images per gallery",
        f"{head.num_images:,} scenes",
    ]
    if interval:
        facts.insert(0, f"per cent; mAP of the first: 95 % interval {interval}")
    if head.num_unanswerable:
        facts.append(f"{head.num_unanswerable:,} queries with nobody to find left out")
    by_coco = [r.detection.coco for r in reports if r.detection is not None and r.detection.coco is not None]
    if by_coco:
        facts.append(
            "COCO's AP, AP50, AP75 "
            + ", ".join(f"{100 * c.ap:.1f} {100 * c.ap50:.1f} {100 * c.ap75:.1f}" for c in by_coco)
        )
    if head.detection is None:
        why = "labels are incomplete" if head.provenance.boxes == "detector" else "boxes are given"
        facts.append(f"detection not scored ({why})")
    out.print(f"[dim]{escape('; '.join(facts))}[/dim]", highlight=False, soft_wrap=True)
