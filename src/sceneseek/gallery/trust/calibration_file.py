"""A gallery's calibration, kept in its folder: numbers only and nobody's embedding, so ``forget`` need not care."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sceneseek.gallery.manifest import write_whole
from sceneseek.gallery.rewrites import rewrites
from sceneseek.gallery.schema import DETECTIONS
from sceneseek.gallery.store import By, Gallery
from sceneseek.gallery.tables import Tables
from sceneseek.gallery.trust.borrowing import Evidence
from sceneseek.gallery.trust.calibration import Calibration, Strangers, calibrate
from sceneseek.gallery.trust.cohorts import Cohorts
from sceneseek.gallery.trust.tails import Tail

_FORMAT = "sceneseek calibration 3"
_SAMPLE = 16_384
"""People looked at: 16 MB of embeddings."""
_RUN = 512
"""They are drawn in stretches of so many neighbours, which hold whole frames and most of each tracklet."""
_REFERENCE = 8192
"""People who tell a query's scale, drawn one by one from all over the gallery."""
_GROWTH = 0.05
"""A gallery that has changed by no more than this share is not calibrated again: it may be growing this very second."""


class Calibrator:
    """Knows how far to trust similarities in a gallery, and finds it out again when the gallery has changed.

    Args:
        gallery: The gallery.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._tables = Tables(gallery.path)
        self._known: dict[By, _Known] = {}

    def __call__(self, by: By = "sighting") -> Calibration:
        """The calibration of the gallery as it is now."""
        version, known = self.version, self._known.get(by)
        if known is not None and known.version == version:
            return known.calibration
        people, changes = len(self._gallery), rewrites(self._gallery.path)
        # Whoever was forgotten must leave this memory, too; that some were added changes little.
        if known is None or known.rewrites != changes or not _alike(known.people, people):
            known = _Known(version, people, changes, self._look(by, version, people))
        self._known[by] = known._replace(version=version)
        return known.calibration

    @property
    def version(self) -> int:
        """Counts the changes to the gallery's people."""
        return int(self._tables[DETECTIONS].version)

    def _look(self, by: By, version: int, people: int) -> Calibration:
        cohorts = self._cohorts()
        path = calibration_path(self._gallery.path, by)
        key = {"format": _FORMAT, "fingerprint": self._gallery.manifest.fingerprint}
        kept = _read(path, key)
        if kept is not None and (version == kept["version"] or _alike(kept["people"], people)):
            return _from_fields(kept["calibration"], cohorts)
        found = calibrate(self._gallery.sample_embeddings(_SAMPLE, seed=0, run=_RUN), cohorts, by)
        with suppress(OSError):  # a gallery that may not be written to is calibrated each time
            facts = {**key, "version": version, "people": people, "calibration": _fields(found)}
            write_whole(path, json.dumps(facts))
        return found

    def _cohorts(self) -> Cohorts:
        return Cohorts.of(self._gallery.sample_embeddings(_REFERENCE, seed=1))


class _Known(NamedTuple):
    """What was found out, and what the gallery was like then."""

    version: int
    people: int
    rewrites: int
    calibration: Calibration


def _alike(known: int, people: int) -> bool:
    return abs(people - known) <= _GROWTH * known


def calibration_path(folder: Path, by: By) -> Path:
    """Where a gallery keeps what it knows about similarities."""
    return folder / f"calibration-{by}.json"


def _read(path: Path, key: dict[str, str]) -> dict[str, Any] | None:
    """What is kept, unless there is nothing, or it belongs to another model, or it is damaged."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if any(kept.get(name) != value for name, value in key.items()):
            return None
        _strangers_from(kept["calibration"])
        return {
            "version": int(kept["version"]),
            "people": max(1, int(kept["people"])),
            "calibration": kept["calibration"],
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


_PLAIN = ("by", "num_pairs", "num_people", "num_groups", "near", "likeness", "sightings_share")


def _fields(calibration: Calibration) -> dict[str, Any]:
    plain = {name: getattr(calibration, name) for name in _PLAIN}
    return {**plain, "strangers": None if calibration.strangers is None else _listed(asdict(calibration.strangers))}


def _listed(value: Any) -> Any:
    """Arrays as lists, all the way down."""
    if isinstance(value, dict):
        return {name: _listed(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_listed(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def _from_fields(fields: dict[str, Any], cohorts: Cohorts) -> Calibration:
    return Calibration(**{name: fields[name] for name in _PLAIN}, strangers=_strangers_from(fields), cohorts=cohorts)


def _strangers_from(fields: dict[str, Any]) -> Strangers | None:
    found = fields["strangers"]
    if found is None:
        return None
    return Strangers(
        tail=_tail(found["tail"]),
        resampled=tuple(map(_tail, found["resampled"])),
        strength=float(found["strength"]),
        evidence={name: Evidence(**_arrays(part)) for name, part in found["evidence"].items()},
        small={name: float(pairs) for name, pairs in found["small"].items()},
    )


def _tail(fields: dict[str, Any]) -> Tail:
    return Tail(**_arrays(fields))


def _arrays(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(v, np.float64) if isinstance(v, list) else float(v) for name, v in fields.items()}
