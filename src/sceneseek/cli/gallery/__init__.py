"""``sceneseek gallery``: look into a gallery, look after it, forget people. One module per verb."""

from __future__ import annotations

import typer

from sceneseek.cli.gallery import (
    audit,
    camera,
    check,
    compact,
    export,
    forget,
    importing,
    index,
    info,
    keep_out,
    merge,
    retain,
)

app = typer.Typer(help="Look into a gallery, look after it, and forget people.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look into a gallery, look after it, and forget people."""


app.command("info")(info.info)
app.command("check")(check.check)
app.command("camera")(camera.camera)
app.command("forget")(forget.forget)
app.command("retain")(retain.retain)
app.command("keep-out")(keep_out.keep_out)
app.command("audit")(audit.audit)
app.command("compact")(compact.compact)
app.command("index")(index.index)
app.command("merge")(merge.merge)
app.command("export")(export.export)
app.command("import")(importing.import_)
