"""Keeping responsibly: forget people, files and time spans, and show the audit log page by page."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sceneseek.errors import GalleryError
from sceneseek.gallery import (
    AuditLog,
    Filters,
    ForgetPlan,
    Gallery,
    MediaRecord,
    StoredPerson,
    name_camera,
    plan_forgetting,
    similar_people,
)
from sceneseek.gallery import forget as carry_out
from sceneseek.gallery.forgetting import people_in
from sceneseek.gallery.proof import Proof
from sceneseek.web.documents import AuditEntry, AuditPage, CameraAnswer, CameraRequest, ForgetAnswer, ForgetRequest
from sceneseek.web.door import Caller
from sceneseek.web.service import Service
from sceneseek.web.views import person_view

_EXAMPLES = 12
_SHOWN_PROBLEMS = 5


async def forget(service: Service, asked: ForgetRequest, caller: Caller) -> ForgetAnswer:
    """Forget, or say whom it would be.

    Raises:
        NotInGalleryError: A named file, person or tracklet is not there.
        GalleryError: Somebody else is writing, such as an indexing job.
    """

    def work(gallery: Gallery) -> tuple[ForgetPlan, list[StoredPerson], Proof | None]:
        plan = _plan(gallery, asked)
        if plan.nothing or asked.dry_run:
            return plan, _examples(gallery, plan), None
        done = carry_out(
            gallery, plan, actor=caller.name, reason=asked.reason, may_return=asked.may_return, with_proof=True
        )
        return plan, [], done.proof

    plan, examples, proof = await service.write(work)
    if not asked.dry_run:
        service.forget_records()
    return ForgetAnswer(
        dry_run=asked.dry_run,
        num_people=plan.num_people,
        num_media=len(plan.media),
        num_sightings=len(plan.tracklets),
        proven=None if proof is None else proof.proven,
        proof="" if proof is None else _in_words(proof),
        examples=[person_view(person, service.places, caller) for person in examples],
    )


async def give_to_camera(service: Service, asked: CameraRequest, caller: Caller) -> CameraAnswer:
    """Say which camera took some files.

    Raises:
        NotInGalleryError: A named file is not there.
        GalleryError: Somebody else is writing, such as an indexing job.
    """

    def work(gallery: Gallery) -> list[MediaRecord]:
        name, media = asked.name or None, asked.media_keys
        return name_camera(gallery, name, media=media, camera=asked.camera or None, actor=caller.name)

    changed = await service.write(work)
    service.forget_records()
    return CameraAnswer(num_media=len(changed), num_people=sum(record.num_people for record in changed))


async def audit_page(service: Service, page: int, per_page: int) -> AuditPage:
    """A page of the audit log, the newest entry first."""
    with suppress(GalleryError):  # what cannot be written is no reason to show nothing
        await asyncio.to_thread(service.looking.flush, everything=True)
    return await asyncio.to_thread(_audit_page, service.audit_log, page, per_page)


def _plan(gallery: Gallery, asked: ForgetRequest) -> ForgetPlan:
    detections = list(asked.detection_ids or ())
    if asked.like is not None and asked.min_similarity is not None:
        assert asked.like.detection_id is not None
        alike = similar_people(gallery, [asked.like.detection_id], asked.min_similarity)
        detections += [match.detection_id for match in alike]
    filters = None
    if asked.after or asked.before or asked.cameras:
        filters = Filters(cameras=tuple(asked.cameras or ()) or None, after=asked.after, before=asked.before)
    return plan_forgetting(
        gallery,
        media=asked.media_keys or (),
        detections=detections,
        tracklets=asked.tracklet_ids or (),
        filters=filters,
        whole_sightings=asked.detection_ids is None,
    )


def _examples(gallery: Gallery, plan: ForgetPlan) -> list[StoredPerson]:
    """Some of those whom a plan concerns, spread over all of them."""
    names = [*plan.people, *people_in(gallery, [record.key for record in plan.media])]
    return gallery.people(names[:: max(1, len(names) // _EXAMPLES)][:_EXAMPLES])


def _in_words(proof: Proof) -> str:
    sample = " (an even sample of them)" if proof.sampled else ""
    words = (
        f"Of {proof.num_traces:,} vectors and thumbnails{sample}, {proof.num_seen_before:,} were found in the raw "
        f"files before; {len(proof.still_there):,} are found now, in {proof.after.num_bytes:,} bytes of "
        f"{proof.after.num_files:,} files."
    )
    if proof.num_shared:
        words += f" {proof.num_shared:,} equal those of somebody who stays: a copy of the same picture."
    return words


def _audit_page(log: AuditLog, page: int, per_page: int) -> AuditPage:
    verdict = log.verify()
    entries = list(log.entries()) if verdict.whole else []
    newest_first = entries[::-1]
    shown = newest_first[(page - 1) * per_page : page * per_page]
    return AuditPage(
        total=verdict.num_entries,
        page=page,
        per_page=per_page,
        intact=verdict.whole,
        problem=" ".join(verdict.problems[:_SHOWN_PROBLEMS]),
        entries=[
            AuditEntry(number=e.number, at=e.at, who=e.actor, action=e.action, details=dict(e.details)) for e in shown
        ],
    )
