"""``sceneseek gallery info``: what a gallery holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sceneseek.cli.console import escape, out, print_json

if TYPE_CHECKING:
    from sceneseek.gallery import GalleryInfo


def info(
    path: Annotated[Path, typer.Argument(help="The gallery's folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Say which model made a gallery and what it holds."""
    from sceneseek.gallery import Gallery, MediaStatus

    gallery = Gallery.open(path)
    facts = gallery.info()
    troubled = [record for record in gallery.media() if record.status is MediaStatus.DAMAGED]
    problems = [{"source": r.source, "reason": r.problem} for r in troubled]
    if as_json:
        print_json({
            "gallery": str(facts.path),
            "model": facts.manifest.model,
            "fingerprint": facts.manifest.fingerprint,
            "embedding_dim": facts.manifest.embedding_dim,
            "created": facts.manifest.created,
            "people": facts.num_people,
            "tracklets": facts.num_tracklets,
            "photos": facts.num_photos,
            "videos": facts.num_videos,
            "frames": facts.num_frames,
            "unfinished": facts.num_unfinished,
            "people_per_camera": facts.people_per_camera,
            "captured_from": facts.captured_from.isoformat() if facts.captured_from else None,
            "captured_until": facts.captured_until.isoformat() if facts.captured_until else None,
            "bytes_on_disk": facts.bytes_on_disk,
            "problems": problems,
        })  # fmt: skip
        return
    _show(facts, problems)


def _show(facts: GalleryInfo, problems: list[dict[str, str]]) -> None:
    from rich.table import Table

    from sceneseek.cli.console import warn
    from sceneseek.words import counted

    cameras = ", ".join(f"{name or 'unnamed'}: {n:,}" for name, n in sorted(facts.people_per_camera.items()))
    lines = {
        "gallery": str(facts.path),
        "made by": f"{facts.manifest.model}, {facts.manifest.embedding_dim} numbers a person",
        "fingerprint": facts.manifest.fingerprint[:16],
        "created": facts.manifest.created,
        "people": f"{facts.num_people:,}, {counted(facts.num_tracklets, 'tracklet')}",
        "by camera": cameras or "none",
        "media": f"{counted(facts.num_photos, 'photograph')}, {counted(facts.num_videos, 'video')}, "
        f"{counted(facts.num_frames, 'picture')} searched",
        "taken": _span(facts),
        "on disk": f"{facts.bytes_on_disk / 1e6:,.1f} MB",
    }
    if facts.num_unfinished:
        lines["unfinished"] = f"{facts.num_unfinished:,} (index the same paths again to go on)"
    if not lines["taken"]:
        del lines["taken"]
    table = Table.grid(padding=(0, 2))
    for name, value in lines.items():
        table.add_row(f"[dim]{name}[/dim]", escape(value))
    out.print(table)
    for problem in problems:
        warn(f"{problem['source']}: {problem['reason']}")


def _span(facts: GalleryInfo) -> str:
    if facts.captured_from is None or facts.captured_until is None:
        return ""
    first, last = (moment.astimezone() for moment in (facts.captured_from, facts.captured_until))
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M %Z}"
