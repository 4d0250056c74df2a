"""``sceneseek demo``: everything once, on people nobody has seen, in a few minutes."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sceneseek.cli.console import err, escape, out, progress_bar
from sceneseek.cli.index import DEFAULT_MODEL

if TYPE_CHECKING:
    from sceneseek.data.synthetic import WorldSpec
    from sceneseek.evaluation.report import Run
    from sceneseek.finder import Finder
    from sceneseek.inference.predictor import Predictor
    from sceneseek.structures import Query, Ranking, SceneSet

SEED = 20_260
"""A world of its own: no recipe trains on it."""
NUM_QUERIES = 3
TOP = 6
_PEOPLE_PER_SCENE = 0.4
_MOST_WORKERS = 4


@dataclass
class Clock:
    """How long each step took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what happens inside."""
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


@dataclass(frozen=True, eq=False)
class Answer:
    """One of the demo's questions and what the gallery said.

    Attributes:
        query: Who was asked for.
        ranking: The matches.
        seconds: From the query picture to the ranking.
    """

    query: Query
    ranking: Ranking
    seconds: float


def demo(
    out_folder: Annotated[Path, typer.Option("--out", "-o", help="Where everything goes; made when missing.")] = Path(
        "demo"
    ),
    model: Annotated[
        str, typer.Option("--model", "-m", help="A shipped name, a .safetensors file, or detector+embedder.")
    ] = DEFAULT_MODEL,
    num_scenes: Annotated[int, typer.Option("--scenes", min=20, help="Scenes in the gallery.")] = 160,
    device: Annotated[str, typer.Option("--device", help="Where the model runs: cpu, cuda, cuda:1, mps.")] = "cpu",
) -> None:
    """Make a small gallery of scenes, index it, find three people in it, score the search, and write a page about it.

    Running it again uses what is there already.
    """
    from sceneseek.cli.demo_page import write_page
    from sceneseek.inference.predictor import load_predictor

    clock = Clock()
    with err.status(f"loading {escape(model)}"), clock.step("loading the model"):
        predictor = load_predictor(model, device=device)
    spec = _spec(num_scenes)
    with clock.step("making the scenes"):
        scenes = _scenes(spec, out_folder / "scenes")
    with clock.step("indexing"):
        finder = _indexed(predictor, scenes, out_folder / f"gallery-{predictor.fingerprint[:8]}")
    answers = _answers(finder, scenes, _lookalikes(spec))
    clock.seconds["finding three people"] = sum(answer.seconds for answer in answers)
    with clock.step("scoring"):
        runs = _scored(predictor, scenes, out_folder)
    with err.status("writing the page"), clock.step("writing the page"):
        page = write_page(
            out_folder / "report.html", scenes, answers, runs, clock.seconds, _lookalikes(spec), len(finder.gallery)
        )
    _tell(page, finder, scenes, answers, runs)


def _spec(num_scenes: int) -> WorldSpec:
    from sceneseek.data.synthetic import WorldSpec

    # The world keeps at least one scene for training; everything else is the gallery.
    return WorldSpec(
        seed=SEED,
        difficulty="easy",
        num_scenes=num_scenes + 1,
        num_identities=max(12, round(num_scenes * _PEOPLE_PER_SCENE)),
        test_share=num_scenes / (num_scenes + 1),
        gallery_size=num_scenes,
    )


def _lookalikes(spec: WorldSpec) -> dict[int, set[int]]:
    """For each person those who are dressed nearly alike."""
    from sceneseek.data.synthetic import PeopleWorld

    found: dict[int, set[int]] = {}
    for one, other in PeopleWorld(spec).models.items():
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return found


def _scenes(spec: WorldSpec, folder: Path) -> SceneSet:
    from sceneseek.data.coco import ANNOTATIONS, read_coco
    from sceneseek.data.synthetic import generate

    test = folder / "test"
    if (test / ANNOTATIONS).is_file():
        scenes = read_coco(test)
        if scenes.info.get("spec") == repr(spec) and all(s.path.is_file() for s in scenes.samples):
            err.print(f"{len(scenes)} scenes are there already", highlight=False)
            return scenes
    workers = min(os.cpu_count() or 1, _MOST_WORKERS)
    with progress_bar("making scenes", "scenes") as progress:
        generate(spec, folder, workers=workers, progress=progress)
    return read_coco(test)


def _indexed(predictor: Predictor, scenes: SceneSet, folder: Path) -> Finder:
    from sceneseek.finder import Finder
    from sceneseek.gallery import Gallery
    from sceneseek.inference.media import discover, frames_of

    gallery = Gallery.open_or_create(folder, predictor.name, predictor.fingerprint, predictor.embedding_dim)
    finder = Finder(predictor, gallery)
    with progress_bar("indexing", "scenes") as progress:
        finder.index(list(discover([str(scenes.samples[0].path.parent)])), frames_of, progress=progress)
    return finder


def chosen_queries(scenes: SceneSet, lookalikes: dict[int, set[int]], count: int = NUM_QUERIES) -> list[Query]:
    """Queries to show: people who have a look-alike, spread over the set; nobody has seen their results."""
    hard = [q for q in scenes.queries if lookalikes.get(q.person_id)] or list(scenes.queries)
    step = max(1, len(hard) // count)
    return hard[::step][:count]


def _answers(finder: Finder, scenes: SceneSet, lookalikes: dict[int, set[int]]) -> list[Answer]:
    from sceneseek.gallery import FrameKey
    from sceneseek.inference.media import discover
    from sceneseek.pictures import read_picture
    from sceneseek.structures import MediaItem

    answers = []
    for query in chosen_queries(scenes, lookalikes):
        path = scenes.by_id[query.image_id].path
        own = [FrameKey(i.content_key) for i in discover([str(path)]) if isinstance(i, MediaItem)]
        started = time.perf_counter()
        ranking = finder.find([(read_picture(path), query.box.tolist())], top=TOP, exclude=own)
        answers.append(Answer(query, ranking, time.perf_counter() - started))
    return answers


def _scored(predictor: Predictor, scenes: SceneSet, folder: Path) -> list[Run]:
    from sceneseek.cli.evaluate import BASELINE
    from sceneseek.evaluation import evaluate
    from sceneseek.evaluation.report import Run
    from sceneseek.inference.extract import Describer, extract
    from sceneseek.models.two_step.colour_histogram import ColourHistogram

    kept = folder / f"extraction-{predictor.fingerprint[:8]}.npz"
    _drop_if_stale(kept, scenes)
    with progress_bar("scoring", "scenes") as progress:
        seen = extract(predictor, scenes, path=kept, progress=progress)
    with progress_bar("scoring a colour histogram", "scenes") as progress:
        plain = extract(Describer(ColourHistogram(), BASELINE), scenes, boxes=seen, progress=progress)
    with err.status("ranking"):
        return [Run(evaluate(extraction, scenes), extraction) for extraction in (seen, plain)]


def _drop_if_stale(path: Path, scenes: SceneSet) -> None:
    """An extraction of an older demo, or a damaged one, is made again: nobody else put it here."""
    from sceneseek.errors import ExtractionError
    from sceneseek.structures import Extraction

    try:
        Extraction.load(path).require(scenes)
    except ExtractionError:
        path.unlink(missing_ok=True)
        shutil.rmtree(f"{path}.parts", ignore_errors=True)


def _tell(page: Path, finder: Finder, scenes: SceneSet, answers: list[Answer], runs: list[Run]) -> None:
    import shlex

    from sceneseek.cli.evaluate import show

    show([run.report for run in runs])
    mean = 1000 * sum(a.seconds for a in answers) / max(len(answers), 1)
    out.print(
        f"Sought {len(answers)} people among {len(finder.gallery):,} in {len(scenes):,} scenes, {mean:.0f} ms each.",
        highlight=False,
    )
    out.print(f"\n[bold]Open the page:[/bold] {escape(page.resolve().as_uri())}", highlight=False, soft_wrap=True)
    query = answers[0].query if answers else None
    lines = [
        "sceneseek index ~/Pictures --gallery my-gallery        # your own photographs and video",
        "sceneseek find someone.jpg --gallery my-gallery --html answer.html",
    ]
    if query is not None:
        box = ",".join(f"{v:.0f}" for v in query.box)
        picture = shlex.quote(str(scenes.by_id[query.image_id].path))
        lines.insert(0, f"sceneseek find {picture} --box {box} --gallery {shlex.quote(str(finder.gallery.path))}")
    out.print("\n[bold]Try next:[/bold]")
    for line in lines:
        out.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
