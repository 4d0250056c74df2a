"""``sceneseek reproduce NAME``: train and score every run of a study, and write its table."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sceneseek.cli.console import err, escape, escape_lines, out, print_json, progress_bar, warn
from sceneseek.errors import ValueRefused

if TYPE_CHECKING:
    from sceneseek.studies.one_run import Scores
    from sceneseek.studies.plan import Run


def reproduce(
    name: Annotated[
        str | None, typer.Argument(help="A study that comes with the program (see --list), or a .toml file of yours.")
    ] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Folder of the study. Default: runs/NAME.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Where worlds are drawn and other data lie. Default: data in --out."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", help="File or folder to take public weights from; else the weights folder."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Runs at a time, each with one thread.")] = 1,
    seeds: Annotated[str | None, typer.Option("--seeds", help="In place of the study's: 1,2,3.")] = None,
    rows: Annotated[str | None, typer.Option("--rows", help="Only these rows, by name: a,b.")] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
    list_studies: Annotated[bool, typer.Option("--list", help="Name the studies and their rows, and stop.")] = False,
) -> None:
    """Train and score every row and seed of a study, and write a table with intervals.

    Ctrl-C saves and leaves; the same command goes on, also within a run. Finished runs are not run again.
    """
    from sceneseek.studies import Selection, read_study
    from sceneseek.studies import reproduce as run_study
    from sceneseek.studies.table import as_json as table_json
    from sceneseek.studies.table import as_markdown
    from sceneseek.training.interruption import stop_on_signals

    if list_studies:
        _list(as_json)
        return
    if name is None:
        raise ValueRefused("Which study? 'sceneseek reproduce --list' names those there are.")
    study = read_study(name)
    folder = out_folder or Path("runs") / Path(name).stem
    with stop_on_signals() as stop, progress_bar("reproducing", "steps") as progress:
        result = run_study(
            study,
            folder,
            data=data,
            weights=weights,
            selection=Selection(_split(rows), _numbers(seeds)),
            jobs=jobs,
            device=device,
            stop=stop,
            progress=progress,
            told=_tell,
        )
    if as_json and result.table is not None:
        print_json(table_json(result.table))
    elif result.table is not None:
        out.print(escape_lines(as_markdown(result.table)), highlight=False, soft_wrap=True)
    if result.files:
        err.print(f"wrote {escape(str(result.files['md']))}, .json and .png", highlight=False, soft_wrap=True)
    if not result.finished:
        err.print("stopped; the same command goes on.", highlight=False)
        raise typer.Exit(128 + (stop.signal_number or 0))
    if result.failures:
        raise typer.Exit(1)


def _tell(run: Run, outcome: Scores | str) -> None:
    clock = time.strftime("%H:%M:%S")
    if isinstance(outcome, str):
        warn(f"{clock} {run}: {outcome}")
        return
    numbers = ", ".join(f"{name} {100 * value:.1f}" for name, value in outcome.values.items())
    err.print(f"{clock} {run}: {numbers} ({outcome.training_seconds / 60:.1f} min)", highlight=False, soft_wrap=True)


def _list(as_json: bool) -> None:
    from sceneseek.studies import read_study, study_names

    studies = {name: read_study(name) for name in study_names()}
    if as_json:
        print_json(
            {
                name: {
                    "title": study.title,
                    "question": study.question,
                    "seeds": list(study.seeds),
                    "rows": {row.name: row.sentence for row in study.rows},
                }
                for name, study in studies.items()
            }
        )
        return
    for name, study in studies.items():
        out.print(f"[bold]{name}[/bold]: {escape(study.title)}. {escape(study.question)}", highlight=False)
        for row in study.rows:
            out.print(f"  {escape(row.name)}: {escape(row.sentence)}", highlight=False)


def _split(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str | None) -> list[int] | None:
    parts = _split(text)
    if parts is None:
        return None
    if not parts or not all(part.isdecimal() for part in parts) or len(set(parts)) < len(parts):
        raise ValueRefused(f"--seeds is {text!r}; expected different whole numbers from 0 on, such as 1,2,3.")
    return [int(part) for part in parts]
