"""Retention: what is older than a number of days is forgotten, as forgetting does it.

The age of a picture is that of the moment by the clock on the wall at which it was taken. Where nobody knows that
moment, the file counts from the moment at which it was indexed, a running one from its last picture, so that nothing
stays for ever.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sceneseek import text_files
from sceneseek.errors import GalleryError, ValueRefused
from sceneseek.gallery.filters import Filters
from sceneseek.gallery.forgetting import ForgetPlan, people_in, plan_forgetting
from sceneseek.gallery.manifest import write_whole
from sceneseek.gallery.migrations import bring_up_to_date
from sceneseek.gallery.records import MediaRecord, MediaStatus
from sceneseek.gallery.schema import FRAMES
from sceneseek.gallery.tables import Tables

if TYPE_CHECKING:
    from sceneseek.gallery.store import Gallery

RETENTION = "retention.json"


@dataclass(frozen=True)
class Retention:
    """How long a gallery keeps what it saw.

    Attributes:
        days: Pictures older than this are forgotten.

    Raises:
        ValueRefused: It is not a positive number.
    """

    days: float

    def __post_init__(self) -> None:
        if not 0 < self.days < 36525:
            raise ValueRefused(f"the retention time is {self.days} days; expected more than 0 and at most a century.")

    @classmethod
    def read(cls, folder: Path) -> Retention | None:
        """A gallery's rule, or ``None`` when it keeps everything.

        Raises:
            GalleryError: The rule is damaged.
        """
        path = folder / RETENTION
        try:
            return cls(float(text_files.read_json(path)["days"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GalleryError(
                f"{path} is damaged ({error!r}); set the rule again: sceneseek gallery retain GALLERY --days N"
            ) from error

    def write(self, folder: Path) -> None:
        """Set a gallery's rule."""
        write_whole(folder / RETENTION, json.dumps({"days": self.days}) + "\n")

    @staticmethod
    def remove(folder: Path) -> None:
        """Let a gallery keep everything."""
        (folder / RETENTION).unlink(missing_ok=True)

    def cutoff(self, now: datetime | None = None) -> datetime:
        """The moment before which everything goes."""
        return (now or datetime.now(UTC)) - timedelta(days=self.days)


def plan_retention(gallery: Gallery, rule: Retention, now: datetime | None = None) -> ForgetPlan:
    """Find out what has become too old; nothing is changed, except that an earlier format is brought up to date.

    A video goes picture by picture, and as a whole when its last one is too old. A file that is still being indexed
    loses its old pictures and stays.

    Args:
        gallery: Where.
        rule: How long it keeps things.
        now: The present moment, for tests.
    """
    bring_up_to_date(gallery)
    cutoff = rule.cutoff(now)
    records = gallery.media()
    dated = _with_dated_pictures(gallery)
    undated = [r.key for r in records if r.key not in dated and _indexed_before(r, cutoff)]
    old = plan_forgetting(gallery, media=undated, filters=Filters(before=cutoff), whole_sightings=False)
    running = [record.key for record in old.media if _running(record)]
    if not running:
        return old
    rest = [record.key for record in old.media if record.key not in running]
    people = [*old.people, *people_in(gallery, running)]
    return plan_forgetting(gallery, media=rest, detections=people, whole_sightings=False)


def _running(record: MediaRecord) -> bool:
    """Whether more of it will come: removed as a whole, it would begin from its start."""
    return record.status is MediaStatus.INDEXING or record.kind == "stream"


def _indexed_before(record: MediaRecord, cutoff: datetime) -> bool:
    return bool(record.indexed_at) and datetime.fromisoformat(record.indexed_at) < cutoff


def _with_dated_pictures(gallery: Gallery) -> set[str]:
    frames = Tables(gallery.path)[FRAMES].search().where("captured_at IS NOT NULL").select(["media_key"]).to_arrow()
    return set(frames["media_key"].unique().to_pylist())
