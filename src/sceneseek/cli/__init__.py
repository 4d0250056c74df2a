"""The command line: ``sceneseek VERB``. One small module per verb; nothing heavy is imported before a verb runs."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer

from sceneseek.cli.console import err, escape
from sceneseek.errors import SceneseekError

app = typer.Typer(
    name="sceneseek",
    help="Find a person, or any other instance, in whole scenes: detect and re-identify in one network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Help as plain text: importing a Markdown renderer for it would cost more than everything else together.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from sceneseek import __version__

        typer.echo(f"sceneseek {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find a person, or any other instance, in whole scenes."""


def _register() -> None:
    from sceneseek.cli import data, demo, evaluate, find, gallery, index, report, reproduce, serve, train, weights

    app.command("demo")(demo.demo)
    app.command("index")(index.index)
    app.command("find")(find.find)
    app.command("evaluate")(evaluate.evaluate)
    app.command("report")(report.report)
    app.command("serve")(serve.serve)
    app.command("train")(train.train)
    app.command("reproduce")(reproduce.reproduce)
    app.add_typer(data.app, name="data")
    app.add_typer(gallery.app, name="gallery")
    app.add_typer(weights.app, name="weights")


_register()


def main() -> None:
    """Run the command line.

    Errors of our own become one line and exit code 2; anything else is a bug and shows its traceback.
    """
    # Pillow warns of tags that are damaged and that it passes over; that costs nobody anything.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    try:
        app()
    except SceneseekError as error:
        err.print(f"[bold red]error:[/bold red] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        err.print("stopped.")
        sys.exit(130)
