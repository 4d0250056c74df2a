"""The command line: ``sceneseek VERB``. One small module per verb; nothing heavy is imported before a verb runs."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, Any

import typer

from sceneseek.cli.console import err, escape, show_crash, show_log
from sceneseek.errors import SceneseekError
from sceneseek.words import printable, without_passwords

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
    show_log()
    sys.excepthook = show_crash
    try:
        sys.exit(app(standalone_mode=False))
    except SceneseekError as error:
        message = escape(without_passwords(str(error)))
        err.print(f"[bold red]error:[/bold red] {message}", highlight=False, soft_wrap=True)
        sys.exit(2)
    except _WrongUse as error:
        wrong: Any = error
        wrong.message = printable(without_passwords(wrong.message))  # a shell may have put the names of files there
        wrong.show()
        sys.exit(wrong.exit_code)
    except typer.Abort:
        err.print("aborted.")
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("stopped.")
        sys.exit(130)


_WrongUse: type[Exception] = typer.BadParameter.__mro__[1]
"""What all mistakes in the use of a command are."""
