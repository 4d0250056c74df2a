"""Orders to index: files below the media roots, and uploads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from fastapi import UploadFile

from sceneseek.inference.cameras import CameraPattern
from sceneseek.structures import MediaItem, MediaProblem
from sceneseek.web.documents import IndexRequest, UploadCreated, UploadFacts
from sceneseek.web.door import Caller
from sceneseek.web.jobs import Job, Order
from sceneseek.web.refusals import Refusal
from sceneseek.web.service import Service
from sceneseek.web.uploads import UPLOADS, take_back, take_in

Take = Callable[[Order], Job]

_NAMED = 3


async def index(service: Service, asked: IndexRequest, caller: Caller) -> str:
    """Take an order to index files and folders; returns the job's name.

    Raises:
        Refusal: (403) A path lies outside the media roots; (404) it is not there; (503) too many jobs wait.
    """
    paths = [str(service.places.to_index(path)) for path in asked.paths]
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    what = ", ".join(map(service.places.scrub, paths[:_NAMED])) + more
    facts = UploadFacts(**asked.model_dump(exclude={"paths"}))
    _check(facts)
    with service.jobs.place() as take:
        return await _order(service, take, what, paths, facts, caller)


def check_upload(service: Service) -> Path:
    """Make sure that an upload would be taken, before any of it is; returns where uploads go.

    Raises:
        Refusal: (403) There is no media root; (503) too many jobs wait.
    """
    root = service.places.first_root
    if root is None:
        raise Refusal(403, "This server has no media roots; start it with --media-root FOLDER to upload here.")
    service.jobs.check_place()
    return root / UPLOADS


async def upload(service: Service, files: Sequence[UploadFile], facts: UploadFacts, caller: Caller) -> UploadCreated:
    """Take media in, and index them.

    Raises:
        Refusal: (403) There is no media root; (503) too many jobs wait; (507) the disk is nearly full.
    """
    folder = check_upload(service)
    _check(facts)
    most = service.settings.limits.upload_files
    if len(files) > most:
        raise Refusal(413, "There are too many files in one upload.", found=str(len(files)), expected=f"{most}")
    made: list[Path] = []
    # First a place among the jobs and the line in the log: without them nothing is stored.
    with service.jobs.place() as take:
        await service.log(caller, "upload", num_files=len(files))
        try:
            return await _upload(service, take, files, folder, made, facts, caller)
        except BaseException:  # a caller who hangs up, too: nothing stays that no job indexes
            take_back(made, folder)
            raise


async def _upload(
    service: Service,
    take: Take,
    files: Sequence[UploadFile],
    folder: Path,
    made: list[Path],
    facts: UploadFacts,
    caller: Caller,
) -> UploadCreated:
    taken = [await take_in(file, folder, service.decoders, made) for file in files]
    paths = [str(folder / file.stored_as) for file in taken if file.stored_as is not None]
    job_id = None
    if paths:
        what = f"{len(paths)} uploaded file{'' if len(paths) == 1 else 's'}"
        job_id = await _order(service, take, what, paths, facts, caller)
    return UploadCreated(job_id=job_id, files=taken)


async def _order(service: Service, take: Take, what: str, paths: list[str], facts: UploadFacts, caller: Caller) -> str:
    await service.log(caller, "index", what=what, num_paths=len(paths))
    every_s = service.settings.every_s if facts.every_s is None else facts.every_s
    order = Order(
        what=what,
        owner=caller.name,
        items=lambda: _dated(service.open_media.discover(paths, facts.camera, facts.camera_from), facts.taken_at),
        frames_of=service.open_media.sampling(every_s),
        every_s=every_s,
    )
    return take(order).job_id


def _check(facts: UploadFacts) -> None:
    """Refuse a pattern that names no camera before anything else is done.

    Raises:
        ValueRefused: It is not one.
    """
    if facts.camera_from is not None:
        CameraPattern(facts.camera_from)


def _dated(
    items: Iterable[MediaItem | MediaProblem | None], taken_at: datetime | None
) -> Iterator[MediaItem | MediaProblem | None]:
    """Give those media a time that do not say one themselves."""
    for item in items:
        unknown = isinstance(item, MediaItem) and item.captured_at is None and item.kind != "stream"
        yield replace(item, captured_at=taken_at) if unknown and taken_at is not None else item  # type: ignore[type-var]
