"""``sceneseek data``: make data sets, look them over, draw them, change their layout. One module per verb."""

from __future__ import annotations

import typer

from sceneseek.cli.data import check, convert, show, synth

app = typer.Typer(help="Make data sets, check them, draw samples, and convert their layout.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Make data sets, check them, draw samples, and convert their layout."""


app.command("synth")(synth.synth)
app.command("check")(check.check)
app.command("show")(show.show)
app.command("convert")(convert.convert)
