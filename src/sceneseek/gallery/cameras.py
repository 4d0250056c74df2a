"""Which camera took what, said or corrected after indexing: files are given to a camera, a camera to another name."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from sceneseek.gallery.audit import AuditLog
from sceneseek.gallery.migrations import bring_up_to_date
from sceneseek.gallery.naming import keys_of
from sceneseek.words import plain

if TYPE_CHECKING:
    from sceneseek.gallery.records import MediaRecord
    from sceneseek.gallery.store import Gallery


def name_camera(
    gallery: Gallery,
    name: str | None,
    *,
    media: Collection[str] | None = None,
    camera: str | None = None,
    actor: str,
) -> list[MediaRecord]:
    """Give files, or all files of a camera, to a camera; one that exists already then holds both.

    Args:
        gallery: Where.
        name: What the camera is called from now on; ``None`` for no camera.
        media: Files, by content key or by any path at which they were met; or folders, with all below them.
        camera: All files of this camera instead; ``None`` for those of no camera.
        actor: Who asks, for the audit log.

    Returns:
        The files whose camera changed, as they were before.

    Raises:
        NotInGalleryError: A named file is not there.
        GalleryError: Somebody else is writing.
    """
    name = (plain(name) or None) if name is not None else None
    bring_up_to_date(gallery)
    records = {record.key: record for record in gallery.media()}
    if media is None:
        keys = {record.key for record in records.values() if record.camera_id == camera}
    else:
        keys = keys_of(records.values(), media)
    changed = [records[key] for key in sorted(keys) if records[key].camera_id != name]
    if changed:
        facts = {"media": [record.key for record in changed]} if media is not None else {"was": camera or ""}
        AuditLog(gallery.path).append(actor, "camera", name=name or "", num_media=len(changed), **facts)
        with gallery.writer() as writer:
            writer.name_camera([record.key for record in changed], name)
    return changed
