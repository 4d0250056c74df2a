"""A searchable gallery of people in a folder: LanceDB tables, and a manifest that names the model."""

from sceneseek.gallery.audit import AuditEntry, AuditLog, AuditVerdict, local_user
from sceneseek.gallery.calibration import Calibration
from sceneseek.gallery.calibration_file import Calibrator
from sceneseek.gallery.filters import Filters, FrameKey
from sceneseek.gallery.forgetting import ForgetPlan, Forgotten, forget, plan_forgetting, similar_people
from sceneseek.gallery.keep_out import Extent, KeepOut
from sceneseek.gallery.lookups import EmbeddingSample
from sceneseek.gallery.manifest import Manifest
from sceneseek.gallery.proof import Proof
from sceneseek.gallery.records import MediaRecord, MediaStatus, StoredFrame, StoredPerson, StoredTracklet
from sceneseek.gallery.retention import Retention, plan_retention
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
    "Extent",
    "Filters",
    "ForgetPlan",
    "Forgotten",
    "FrameKey",
    "Gallery",
    "GalleryInfo",
    "GalleryWriter",
    "KeepOut",
    "Manifest",
    "MediaRecord",
    "MediaStatus",
    "Plan",
    "Proof",
    "Retention",
    "StoredFrame",
    "StoredPerson",
    "StoredTracklet",
    "forget",
    "local_user",
    "plan_forgetting",
    "plan_retention",
    "similar_people",
]
