"""A searchable gallery of people in a folder: LanceDB tables, and a manifest that names the model."""

from sceneseek.gallery.archiving import export_archive
from sceneseek.gallery.audit import AuditEntry, AuditLog, AuditVerdict, local_user
from sceneseek.gallery.cameras import name_camera
from sceneseek.gallery.checking import CheckReport, Finding, Weight, check
from sceneseek.gallery.filters import Filters, FrameKey
from sceneseek.gallery.forgetting import ForgetPlan, Forgotten, forget, plan_forgetting, similar_people
from sceneseek.gallery.index import EXACT_BELOW, Optimised
from sceneseek.gallery.keep_out import Extent, KeepOut
from sceneseek.gallery.lookups import EmbeddingSample, SearchedFrames
from sceneseek.gallery.manifest import Manifest
from sceneseek.gallery.merging import Merged, merge
from sceneseek.gallery.proof import Proof
from sceneseek.gallery.records import MediaRecord, MediaStatus, StoredFrame, StoredPerson, StoredTracklet
from sceneseek.gallery.repairing import repair
from sceneseek.gallery.retention import Retention, plan_retention
from sceneseek.gallery.sightings import export_sightings
from sceneseek.gallery.store import By, Gallery, GalleryInfo
from sceneseek.gallery.trust import HITS, Calibration, Calibrator, judged
from sceneseek.gallery.unpacking import import_archive
from sceneseek.gallery.writer import GalleryWriter, Plan

__all__ = [
    "EXACT_BELOW",
    "HITS",
    "AuditEntry",
    "AuditLog",
    "AuditVerdict",
    "By",
    "Calibration",
    "Calibrator",
    "CheckReport",
    "EmbeddingSample",
    "Extent",
    "Filters",
    "Finding",
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
    "Merged",
    "Optimised",
    "Plan",
    "Proof",
    "Retention",
    "SearchedFrames",
    "StoredFrame",
    "StoredPerson",
    "StoredTracklet",
    "Weight",
    "check",
    "export_archive",
    "export_sightings",
    "forget",
    "import_archive",
    "judged",
    "local_user",
    "merge",
    "name_camera",
    "plan_forgetting",
    "plan_retention",
    "repair",
    "similar_people",
]
