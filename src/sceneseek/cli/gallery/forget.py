"""``sceneseek gallery forget``: remove files, people or a time span, down to the bytes on the disk."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sceneseek.cli.console import err, escape, out, print_json, warn
from sceneseek.cli.gallery.places import place
from sceneseek.errors import ValueRefused

if TYPE_CHECKING:
    from sceneseek.gallery import Filters, ForgetPlan, Forgotten, Gallery, Proof
    from sceneseek.structures import Match

_SHOWN = 30


def forget(  # noqa: PLR0913 - the options of a command are its parameters
    gallery: Annotated[Path, typer.Argument(help="The gallery's folder.")],
    media: Annotated[
        list[str] | None,
        typer.Option("--media", help="A file, by path or content key, or a folder with all below it; repeatable."),
    ] = None,
    person: Annotated[
        list[str] | None,
        typer.Option(
            "--person", help="A person, by the id of a detection or tracklet that a search showed; repeatable."
        ),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option("--like", help="Everybody who looks like this detection, see --at-least; repeatable."),
    ] = None,
    at_least: Annotated[
        float | None, typer.Option("--at-least", help="With --like: the least similarity, -1 to 1.")
    ] = None,
    camera: Annotated[list[str] | None, typer.Option("--camera", help="All of this camera; repeatable.")] = None,
    after: Annotated[
        str | None,
        typer.Option("--after", help="All that was taken from this moment on, 2026-03-02 or 2026-03-02 08:30."),
    ] = None,
    before: Annotated[str | None, typer.Option("--before", help="All that was taken up to this moment.")] = None,
    single_frames: Annotated[
        bool, typer.Option("--single-frames", help="Only the frames named, not the whole sightings they belong to.")
    ] = False,
    may_return: Annotated[
        bool, typer.Option("--may-return", help="Let indexing the same files again find the same people again.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit log.")] = "",
    prove: Annotated[
        bool,
        typer.Option(
            "--prove", help="Search all files of the gallery for the vectors and thumbnails, before and after."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what went, or would go, as JSON.")] = False,
) -> None:
    """Forget files, people, a camera or a time span with all that is kept of them. Nothing brings it back.

    Everything named goes, except that --camera, --after and --before together mean those who pass all of them. What
    would go is shown first. Rows, vectors, thumbnails and index entries are removed, and the files that held them are
    written anew without them. Original photographs and videos are never touched.

    Exit code 1 says that --prove found something that is still there, or could not see it before.
    """
    from sceneseek.gallery import Gallery, local_user, plan_forgetting, similar_people
    from sceneseek.gallery import forget as carry_out

    if bool(like) != (at_least is not None):
        raise ValueRefused("--like and --at-least belong together: whom to resemble, and how much at least.")
    store = Gallery.open(gallery)
    alike = similar_people(store, like, at_least) if like and at_least is not None else []
    detections, tracklets = _split(person or [])
    filters = _filters(camera, after, before)
    if not (media or person or like or filters):
        raise ValueRefused("nothing is named; say what to forget with --media, --person, --like, --camera or --after.")
    plan = plan_forgetting(
        store,
        media=[place(name) for name in media or []],
        detections=[*detections, *(match.detection_id for match in alike)],
        tracklets=tracklets,
        filters=filters,
        whole_sightings=not single_frames,
    )
    if not as_json:
        show_plan(plan, alike, store)
    if dry_run or plan.nothing:
        if as_json:
            print_json({**_plan_as_json(plan, alike), "done": False})
        return
    if not yes:
        _confirm(plan)
    with err.status("forgetting, and rewriting the gallery's files"):
        done = carry_out(store, plan, actor=local_user(), reason=reason, may_return=may_return, with_proof=prove)
    if as_json:
        print_json({**_plan_as_json(plan, alike), **_done_as_json(done)})
    else:
        show_done(done)
    exit_unless_proven(done)


def exit_unless_proven(done: Forgotten) -> None:
    """End with exit code 1 where a proof was asked for and failed."""
    if done.proof is not None and not done.proof.proven:
        sys.exit(1)


def _split(names: list[str]) -> tuple[list[str], list[str]]:
    """Detection ids and tracklet ids: ``KEY:FRAME:N`` and ``KEY:tN``."""
    is_tracklet = [name.rpartition(":")[2].startswith("t") for name in names]
    pairs = list(zip(names, is_tracklet, strict=True))
    return [name for name, t in pairs if not t], [name for name, t in pairs if t]


def _filters(camera: list[str] | None, after: str | None, before: str | None) -> Filters | None:
    from sceneseek.cli.moments import moment
    from sceneseek.gallery import Filters

    if not (camera or after or before):
        return None
    return Filters(
        cameras=tuple(camera) if camera else None,
        after=moment(after, "--after"),
        before=moment(before, "--before", end_of_day=True),
    )


def _confirm(plan: ForgetPlan) -> None:
    from sceneseek.words import counted

    if not sys.stdin.isatty():
        raise ValueRefused("forgetting cannot be undone; look at what --dry-run shows, then pass --yes.")
    typer.confirm(f"Forget {counted(plan.num_people, 'person', 'people')} for good?", abort=True, err=True)


def show_plan(plan: ForgetPlan, alike: list[Match], gallery: Gallery) -> None:
    """Say what would go."""
    from sceneseek.words import counted

    if plan.nothing:
        out.print("There is nothing to forget.")
        return
    if alike:
        _show_alike(alike)
    in_files = plan.num_people - len(plan.people)
    out.print(
        f"[bold]To be forgotten: {counted(plan.num_people, 'person', 'people')}[/bold], "
        f"{counted(plan.num_thumbnails, 'thumbnail')}, {counted(len(plan.tracklets), 'tracklet')} changed or removed.",
        highlight=False,
    )
    if plan.media:
        inside = f"{counted(plan.num_frames, 'picture')}, {counted(in_files, 'person', 'people')}"
        out.print(f"{counted(len(plan.media), 'file')} as a whole ({inside}):", highlight=False)
        for record in plan.media[:_SHOWN]:
            out.print(f"  {escape(record.source)}", highlight=False, soft_wrap=True)
        if len(plan.media) > _SHOWN:
            out.print(f"  ... and {len(plan.media) - _SHOWN:,} more")
    if plan.people:
        sources = {record.key: record.source for record in gallery.media()}
        files = counted(len(plan.files_of_people), "file")
        out.print(
            f"{counted(len(plan.people), 'person', 'people')} in {files} that stay without them:", highlight=False
        )
        for key in plan.files_of_people[:_SHOWN]:
            count = sum(name.startswith(f"{key}:") for name in plan.people)
            out.print(f"  {count:,} in {escape(sources[key])}", highlight=False, soft_wrap=True)


def _show_alike(alike: list[Match]) -> None:
    from rich import box as frames
    from rich.table import Table

    from sceneseek.cli.moments import shown

    table = Table(
        box=frames.SIMPLE_HEAD, pad_edge=False, header_style="bold", title="similar people", title_justify="left"
    )
    table.add_column("similarity", justify="right")
    for name in ("detection", "camera", "taken", "source"):
        table.add_column(name, overflow="fold")
    for match in alike:
        cells = (match.detection_id, match.camera_id or "", shown(match.captured_at), match.source)
        table.add_row(f"{match.similarity:.3f}", *(escape(cell) for cell in cells))
    out.print(table)


def show_done(done: Forgotten) -> None:
    """Say what went, and what the proof showed."""
    from sceneseek.words import counted

    saved = f"{done.bytes_before / 1e6:,.1f} MB before, {done.bytes_after / 1e6:,.1f} MB now"
    out.print(
        f"[bold]Forgotten: {counted(done.plan.num_people, 'person', 'people')}[/bold] ({saved}).", highlight=False
    )
    if done.index_dropped:
        out.print("The index held copies and was dropped; searches are exact until it is built again.")
    if done.proof is not None:
        _show_proof(done.proof)


def _show_proof(proof: Proof) -> None:
    from sceneseek.words import counted

    looked = f"{counted(proof.after.num_files, 'file')} with {proof.after.num_bytes:,} bytes"
    sample = " (an even sample of them)" if proof.sampled else ""
    out.print(
        f"Proof: of {counted(proof.num_traces, 'vector or thumbnail', 'vectors and thumbnails')}{sample}, "
        f"{proof.num_seen_before:,} were found in the raw files before "
        f"({proof.before.num_bytes:,} bytes searched), {len(proof.still_there):,} are found now ({looked} searched).",
        highlight=False,
        soft_wrap=True,
    )
    if proof.num_shared:
        out.print(
            f"{proof.num_shared:,} equal those of somebody who stays: a copy of the same picture.", highlight=False
        )
    for name, files in proof.still_there[:_SHOWN]:
        warn(f"{name} is still in {', '.join(files)}")
    if proof.num_seen_before < proof.num_traces:
        unseen = proof.num_traces - proof.num_seen_before
        warn(f"{unseen:,} were not to be seen before either, so that their absence now proves nothing.")


def _plan_as_json(plan: ForgetPlan, alike: list[Match]) -> dict[str, Any]:

    return {
        "people": plan.num_people,
        "thumbnails": plan.num_thumbnails,
        "frames": plan.num_frames,
        "tracklets": list(plan.tracklets),
        "media": [{"key": record.key, "source": record.source} for record in plan.media],
        "people_in_other_media": list(plan.people),
        "similar": [{"detection_id": m.detection_id, "similarity": round(m.similarity, 6)} for m in alike],
    }


def _done_as_json(done: Forgotten) -> dict[str, Any]:
    proof = done.proof
    return {
        "done": True,
        "bytes_before": done.bytes_before,
        "bytes_after": done.bytes_after,
        "index_dropped": done.index_dropped,
        "proof": proof
        and {
            "proven": proof.proven,
            "traces": proof.num_traces,
            "seen_before": proof.num_seen_before,
            "still_there": [{"name": name, "files": list(files)} for name, files in proof.still_there],
            "shared_with_people_who_stay": proof.num_shared,
            "bytes_searched_before": proof.before.num_bytes,
            "bytes_searched_after": proof.after.num_bytes,
            "files_searched_after": proof.after.num_files,
            "sampled": proof.sampled,
        },
    }
