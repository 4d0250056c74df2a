"""``sceneseek train RECIPE``: train a network as one file describes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sceneseek.cli.console import err, escape, out, print_json, progress_bar
from sceneseek.cli.data_notes import DataNotes

if TYPE_CHECKING:
    from sceneseek.structures import Progress
    from sceneseek.training.run import TrainingSummary


def train(
    recipe: Annotated[Path, typer.Argument(help="The recipe: one complete TOML file.", show_default=False)],
    out_folder: Annotated[
        Path, typer.Option("--out", help="Folder for checkpoints, logs, curve and weights.", show_default=False)
    ],
    data: Annotated[Path, typer.Option(help="Folder below which the recipe's data sets and weights lie.")] = Path(),
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint in --out.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Train a network as a recipe describes; Ctrl-C saves and leaves, --resume goes on.

    Under torchrun every process takes part: torchrun --nproc-per-node 2 -m sceneseek train RECIPE --out FOLDER.
    """
    import cv2

    from sceneseek.data.problems import refuse
    from sceneseek.structures import silent
    from sceneseek.training.interruption import stop_on_signals
    from sceneseek.training.processes import join_processes
    from sceneseek.training.recipe.reading import parse_recipe, read_text
    from sceneseek.training.run import train as run_training

    # Each picture has a thread of its own; OpenCV's would take the cores from the network.
    cv2.setNumThreads(1)
    text = read_text(recipe, "recipe")
    table = parse_recipe(text, str(recipe))
    with join_processes(device) as processes, stop_on_signals() as stop, DataNotes() as notes:

        def go(progress: Progress) -> TrainingSummary:
            return run_training(
                table,
                out_folder,
                recipe_text=text,
                data_root=data,
                resume=resume,
                processes=processes,
                stop=stop,
                on_problem=notes if processes.is_first else refuse,
                progress=progress,
            )

        if processes.is_first:
            with progress_bar(f"training {recipe.stem}") as progress:
                summary = go(progress)
            _report(summary, as_json)
        else:
            summary = go(silent)
    if not summary.finished:
        raise typer.Exit(128 + (stop.signal_number or 0))


def _report(summary: TrainingSummary, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "out": str(summary.folder),
                "step": summary.step,
                "steps": summary.steps,
                "finished": summary.finished,
                "weights": None if summary.weights is None else str(summary.weights),
                "metrics": summary.metrics,
                "best": summary.best,
                "best_step": summary.best_step,
            }
        )
        return
    if not summary.finished:
        err.print(
            f"stopped after step {summary.step} of {summary.steps}; the same command with --resume goes on.",
            highlight=False,
        )
        return
    out.print(f"trained {summary.steps} steps: {escape(str(summary.weights))}", highlight=False, soft_wrap=True)
    for name, value in summary.metrics.items():
        out.print(f"  {name} {value:.4g}", highlight=False)
    if summary.best_step is not None:
        out.print(f"  best {summary.best:.4g} at step {summary.best_step}", highlight=False)
