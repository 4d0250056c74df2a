"""A gallery's calibration, kept in its folder: numbers only and nobody's embedding, so ``forget`` need not care."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sceneseek.gallery.calibration import Calibration, calibrate
from sceneseek.gallery.manifest import write_whole
from sceneseek.gallery.rewrites import rewrites
from sceneseek.gallery.schema import DETECTIONS
from sceneseek.gallery.store import By, Gallery
from sceneseek.gallery.strangers import sightings
from sceneseek.gallery.tables import Tables
from sceneseek.gallery.tails import Tail
from sceneseek.structures import FloatArray

_FORMAT = "sceneseek calibration 1"
_SAMPLE = 16_384
"""People looked at: 16 MB of embeddings."""
_RUN = 512
"""They are drawn in stretches of so many neighbours, which hold whole frames and most of each tracklet."""
_REFERENCE = 1024
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
        reference = _reference(self._gallery)
        path = calibration_path(self._gallery.path, by)
        key = {"format": _FORMAT, "fingerprint": self._gallery.manifest.fingerprint}
        kept = _read(path, key)
        if kept is not None and (version == kept["version"] or _alike(kept["people"], people)):
            return _from_fields(kept["calibration"], reference)
        found = calibrate(self._gallery.sample_embeddings(_SAMPLE, seed=0, run=_RUN), reference, by)
        with suppress(OSError):  # a gallery that may not be written to is calibrated each time
            facts = {**key, "version": version, "people": people, "calibration": _fields(found)}
            write_whole(path, json.dumps(facts))
        return found


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


def _reference(gallery: Gallery) -> FloatArray:
    """People from all over the gallery, at most one of each sighting."""
    if not len(gallery):
        return np.zeros((0, gallery.manifest.embedding_dim), np.float32)
    people = gallery.sample_embeddings(2 * _REFERENCE, seed=1)
    _, firsts = np.unique(sightings(people.rows), return_index=True)
    return people.embeddings[np.sort(firsts)[:_REFERENCE]]


def _read(path: Path, key: dict[str, str]) -> dict[str, Any] | None:
    """What is kept, unless there is nothing, or it belongs to another model, or it is damaged."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if any(kept.get(name) != value for name, value in key.items()):
            return None
        _from_fields(kept["calibration"], np.zeros((0, 1), np.float32))
        return {
            "version": int(kept["version"]),
            "people": max(1, int(kept["people"])),
            "calibration": kept["calibration"],
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _fields(calibration: Calibration) -> dict[str, Any]:
    tails = [] if calibration.tail is None else [calibration.tail, *calibration.resampled]
    plain = {name: getattr(calibration, name) for name in ("by", "num_pairs", "num_groups", "sightings_share")}
    return {**plain, "tails": [{**asdict(tail), "body": tail.body.tolist()} for tail in tails]}


def _from_fields(fields: dict[str, Any], reference: FloatArray) -> Calibration:
    tails = [Tail(**{**tail, "body": np.asarray(tail["body"], np.float64)}) for tail in fields["tails"]]
    return Calibration(
        by=fields["by"],
        num_pairs=int(fields["num_pairs"]),
        num_groups=int(fields["num_groups"]),
        tail=tails[0] if tails else None,
        resampled=tuple(tails[1:]),
        reference=reference,
        sightings_share=float(fields["sightings_share"]),
    )
