"""``sceneseek weights``: public weights for people who have none of their own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sceneseek.cli.console import escape, out, print_json, progress_bar

if TYPE_CHECKING:
    from sceneseek.models.convert import ImportReport

app = typer.Typer(
    no_args_is_help=True,
    help="Get public detectors and embedders by pinned hashes; import public person search networks.",
)

_Name = Annotated[
    str, typer.Argument(help="A name of 'sceneseek weights list', or a torchvision network.", show_default=False)
]


@app.command("list")
def list_weights(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show which weights are known, under which licence, and which are on this machine."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from sceneseek.models import registry

    known = registry.entries().values()
    if as_json:
        print_json([{**entry.model_dump(), "here": registry.is_here(entry.name)} for entry in known])
        return
    table = Table("name", "kind", "MB", "here", "from", "licence", box=SIMPLE_HEAD, pad_edge=False)
    for entry in known:
        table.add_row(
            entry.name,
            entry.kind,
            f"{entry.bytes / 1e6:.1f}" if entry.bytes else "",
            "yes" if registry.is_here(entry.name) else "",
            "download" if entry.url else "--from",
            entry.licence,
        )
    out.print(table)
    out.print(
        "A model is named DETECTOR+EMBEDDER, as yolox_nano+osnet_x0_25; colour_histogram is an embedder that needs no "
        "weights. torchvision's networks (resnet50, fasterrcnn_resnet50_fpn, ...) are known by their own names.\n"
        f"Weights are kept in {escape(str(registry.weights_folder()))} (SCENESEEK_HOME moves it); a folder of your "
        "own, named by SCENESEEK_WEIGHTS, is looked into first."
    )


@app.command("get")
def get_weights(
    name: _Name,
    source: Annotated[
        Path | None, typer.Option("--from", help="Take this local file instead of downloading.", show_default=False)
    ] = None,
) -> None:
    """Download weights, or take them from a local file, check them, and print their licence."""
    from sceneseek.models import registry

    entry = registry.entry(name)
    with progress_bar(f"getting {name}") as progress:
        path = registry.fetch(name, source, progress)
    out.print(f"{name}: {escape(entry.source)}", highlight=False, soft_wrap=True)
    out.print(f"licence: {escape(entry.licence)}", highlight=False, soft_wrap=True)
    out.print(f"sha256:  {registry.sha256_of(path)} ({_trust(entry)})", highlight=False, soft_wrap=True)
    out.print(f"stored:  {escape(str(path))}", highlight=False, soft_wrap=True)


@app.command("path")
def weights_path(name: _Name) -> None:
    """Print where the weights of a network lie, after checking them."""
    from sceneseek.models import registry

    typer.echo(registry.locate(name))


@app.command("import")
def import_weights(
    checkpoint: Annotated[
        Path, typer.Argument(help="A file of torch.save, or safetensors; nothing in it is run.", show_default=False)
    ],
    network: Annotated[
        str,
        typer.Option(
            "--as",
            help="Whose: seqnet, nae, oim, alignps, roi_alignps, oimnetpp, coat.",
            show_default=False,
            metavar="NAME",
        ),
    ],
    target: Annotated[Path, typer.Option("--out", help="Ends in .safetensors.", show_default=False)],
    note: Annotated[str, typer.Option("--note", help="Where the file came from, kept in the new one.")] = "",
    half: Annotated[
        bool, typer.Option("--half", help="Store half precision: half the size, slightly rounded.")
    ] = False,
    keep_identity_table: Annotated[
        bool,
        typer.Option(
            "--keep-identity-table", help="Keep the row that training has for each person: a teacher answers with them."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: every tensor, and what became of it.")] = False,
) -> None:
    """Make a published checkpoint into weights that evaluate, index, find and train read."""
    from dataclasses import asdict

    from sceneseek.models.convert import import_checkpoint

    report = import_checkpoint(
        checkpoint, network, target, half=half, note=note, keep_identity_table=keep_identity_table
    )
    if as_json:
        print_json({**asdict(report), "stored": {**asdict(report.stored), "path": str(target)}})
        return
    _print_import(report, target)


def _print_import(report: ImportReport, target: Path) -> None:
    """A line per fact; tensors counted by what became of them."""

    def line(label: str, text: str) -> None:
        out.print(f"{label + ':':<9}{escape(text)}", highlight=False, soft_wrap=True)

    line("network", f"{report.stored.info['network']}, after {report.stored.info['definition']}")
    line("licence", report.stored.info["licence"])
    line("used", f"{len(report.used)} tensors, as {report.stored.builder}")
    for label, reasons in (("changed", report.rewritten), ("filled", report.filled), ("unused", report.unused)):
        for reason, count in Counter(reasons.values()).most_common():
            line(label, f"{count} x {reason}")
    if report.beside:
        line("beside", f"not read: {', '.join(f'{name} ({what})' for name, what in report.beside.items())}")
    for remark in report.remarks:
        line("mind", remark)
    line("stored", f"{target} (sha256 {report.stored.sha256})")


def _trust(entry: object) -> str:
    from sceneseek.models.registry import WeightEntry

    assert isinstance(entry, WeightEntry)
    if entry.sha256:
        return "as pinned"
    return "begins as published" if entry.sha256_prefix else "not pinned: remembered from now on"
