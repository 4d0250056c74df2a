"""``sceneseek data synth``: draw a synthetic data set."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sceneseek.cli.console import escape, out, print_json, progress_bar

if TYPE_CHECKING:
    from sceneseek.structures import Progress, SceneSet


class World(StrEnum):
    """What a synthetic world holds."""

    PEOPLE = "people"
    TATTOOS = "tattoos"


class Difficulty(StrEnum):
    """How unkind a synthetic world is."""

    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


class Layout(StrEnum):
    """How a data set lies on disk."""

    COCO = "coco"
    CUHK_SYSU = "cuhk_sysu"
    PRW = "prw"


def synth(  # noqa: PLR0913 - the options of a command are its parameters
    folder: Annotated[Path, typer.Argument(help="Where to write; made when missing.")],
    world: Annotated[World, typer.Option("--world", help="What the scenes show.")] = World.PEOPLE,
    scenes: Annotated[int, typer.Option("--scenes", help="Scenes in all, training and test together.")] = 600,
    identities: Annotated[int, typer.Option("--identities", help="Identities in all.")] = 120,
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds write equal files.")] = 0,
    difficulty: Annotated[Difficulty, typer.Option("--difficulty", help="How unkind it is.")] = Difficulty.MEDIUM,
    cameras: Annotated[int | None, typer.Option("--cameras", min=1, help="Cameras. Default: the world's own.")] = None,
    test_share: Annotated[
        float | None,
        typer.Option("--test-share", min=0, max=1, help="Part kept for the test. Default: the world's own."),
    ] = None,
    layout: Annotated[
        Layout, typer.Option("--layout", help="Files to write: COCO-style, or as CUHK-SYSU or PRW lie on disk.")
    ] = Layout.COCO,
    workers: Annotated[int, typer.Option("--workers", help="Processes to render with.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Write a synthetic data set: a training set and a test set with queries, which share no identity."""
    started = time.perf_counter()
    size: dict[str, Any] = {
        "num_scenes": scenes,
        "num_identities": identities,
        "seed": seed,
        "difficulty": difficulty.value,
    }
    chosen = {"num_cameras": cameras, "test_share": test_share}
    size |= {name: value for name, value in chosen.items() if value is not None}
    with progress_bar("rendering", "scenes") as progress:
        sets = _generate(world, size, folder, workers, progress)
        if layout is not Layout.COCO:
            _rewrite(layout, sets, folder, progress)
    summary = _summary(sets, folder, world, layout, time.perf_counter() - started)
    if as_json:
        print_json(summary)
        return
    for name, facts in summary["sets"].items():
        out.print(
            f"{name}: {facts['scenes']} scenes, {facts['boxes']} boxes, {facts['identities']} identities, "
            f"{facts['queries']} queries",
            highlight=False,
        )
    out.print(f"{escape(str(folder))} ({summary['scenes_per_second']:.1f} scenes/s)", highlight=False)


def _generate(
    world: World, size: dict[str, Any], folder: Path, workers: int, progress: Progress
) -> dict[str, SceneSet]:
    if world is World.PEOPLE:
        from sceneseek.data.synthetic import WorldSpec, generate

        return generate(WorldSpec(**size), folder, workers=workers, progress=progress)
    from sceneseek.data.synthetic.tattoos import TattooSpec, generate_tattoos

    return generate_tattoos(TattooSpec(**size), folder, workers=workers, progress=progress)


def _rewrite(layout: Layout, sets: dict[str, SceneSet], folder: Path, progress: Progress) -> None:
    """Write a data set a second time, in the layout of a public one, beside the first."""
    target = folder / layout.value
    if layout is Layout.CUHK_SYSU:
        from sceneseek.data.cuhk_sysu_writing import fitting_gallery_sizes, write_cuhk_sysu

        sizes = fitting_gallery_sizes(sets["test"])
        write_cuhk_sysu(sets["train"], sets["test"], target, gallery_sizes=sizes, progress=progress)
    else:
        from sceneseek.data.prw_writing import write_prw

        write_prw(sets["train"], sets["test"], target, progress=progress)


def _summary(sets: dict[str, SceneSet], folder: Path, world: World, layout: Layout, seconds: float) -> dict[str, Any]:
    total = sum(len(s) for s in sets.values())
    return {
        "folder": str(folder),
        "world": world.value,
        "layout": layout.value,
        "seconds": round(seconds, 2),
        "scenes_per_second": round(total / max(seconds, 1e-9), 2),
        "sets": {
            name: {
                "scenes": len(scenes),
                "boxes": sum(len(sample) for sample in scenes.samples),
                "identities": len(scenes.person_ids),
                "queries": len(scenes.queries),
            }
            for name, scenes in sets.items()
        },
    }
