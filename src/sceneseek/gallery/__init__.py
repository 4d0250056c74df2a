"""A searchable gallery of people in a folder: LanceDB tables, a manifest that names the model, exact search."""

from sceneseek.gallery.audit import AuditEntry, AuditLog, AuditVerdict, local_user
from sceneseek.gallery.schema import Manifest, MediaRecord, MediaStatus
from sceneseek.gallery.search import Filters, FrameKey
from sceneseek.gallery.store import Gallery, GalleryInfo
from sceneseek.gallery.writer import GalleryWriter, Plan

__all__ = [
    "AuditEntry",
    "AuditLog",
    "AuditVerdict",
    "Filters",
    "FrameKey",
    "Gallery",
    "GalleryInfo",
    "GalleryWriter",
    "Manifest",
    "MediaRecord",
    "MediaStatus",
    "Plan",
    "local_user",
]
