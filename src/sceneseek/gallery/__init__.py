"""A searchable gallery of people in a folder: LanceDB tables, and a manifest that names the model."""

from sceneseek.gallery.audit import AuditEntry, AuditLog, AuditVerdict, local_user
from sceneseek.gallery.calibration import Calibration
from sceneseek.gallery.calibration_file import Calibrator
from sceneseek.gallery.filters import Filters, FrameKey
from sceneseek.gallery.lookups import EmbeddingSample
from sceneseek.gallery.manifest import Manifest
from sceneseek.gallery.records import MediaRecord, MediaStatus, StoredFrame, StoredPerson, StoredTracklet
from sceneseek.gallery.store import By, Gallery, GalleryInfo
from sceneseek.gallery.writer import GalleryWriter, Plan

__all__ = [
    "AuditEntry",
    "AuditLog",
    "AuditVerdict",
    "By",
    "Calibration",
    "Calibrator",
    "EmbeddingSample",
    "Filters",
    "FrameKey",
    "Gallery",
    "GalleryInfo",
    "GalleryWriter",
    "Manifest",
    "MediaRecord",
    "MediaStatus",
    "Plan",
    "StoredFrame",
    "StoredPerson",
    "StoredTracklet",
    "local_user",
]
