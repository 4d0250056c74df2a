"""What strangers look like to a query, camera by camera.

A cosine means one thing on a camera that sees everybody in the same light, and another on one that does not. So
similarities are counted on a scale of their own for each query and each group of people who were seen alike: by one
camera, in one video or in one folder of photographs. Speaker verification normalises its scores against a cohort in
the same way (Z-norm and T-norm: Auckenthaler, Carey and Lloyd-Thomas, 2000).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sceneseek.gallery.filters import Filters
from sceneseek.gallery.lookups import EmbeddingSample
from sceneseek.gallery.trust.strangers import sightings
from sceneseek.structures import FloatArray, IntArray

MIN_COHORT = 48
"""People below which a camera has no scale of its own; it is then judged among all that have none."""
MAX_COHORT = 256
"""People of one group that tell its scale."""
MAX_GROUPS = 64
"""Groups with a scale of their own; the smaller ones beyond are judged together."""
_BELOW_MEDIAN = 0.1587
"""The share of a normal distribution that lies more than one standard deviation below its median."""
_MIN_SPREAD = 1e-3
"""A cohort whose similarities are equal to within this has no spread to count in."""
REST = "rest"
"""The group of those who belong to no group that is large enough."""


class Bulk(NamedTuple):
    """Where most of a sample lies: its median and the spread below it.

    The spread is measured below the median, because the person themselves can only lie above it.
    """

    median: Any
    spread: Any

    @classmethod
    def of(cls, values: NDArray[Any]) -> Bulk:
        """Of the last axis."""
        low, median = np.quantile(values, (_BELOW_MEDIAN, 0.5), axis=-1)
        return cls(median, np.maximum(median - low, _MIN_SPREAD))

    @classmethod
    def of_weighted(cls, values: NDArray[Any], weights: NDArray[Any]) -> Bulk:
        """Of values that count differently, ``(N,)`` each."""
        order = np.argsort(values, kind="stable")
        middles = np.cumsum(weights[order]) - weights[order] / 2
        low, median = np.interp((_BELOW_MEDIAN, 0.5), middles / weights.sum(), values[order])
        return cls(float(median), max(float(median - low), _MIN_SPREAD))

    def scaled(self, values: Any) -> Any:
        """Values in spreads above the median."""
        return (values - self.median) / self.spread


def group_name(camera_id: str | None, source: str, time_s: float | None) -> str:
    """The group in which somebody was seen: the camera, else the video, else the folder of the photograph.

    A digest, because it is kept in the gallery's folder, where the names of what was forgotten must not stay.
    """
    where = ("camera", camera_id) if camera_id is not None else _place(source, time_s)
    return blake2b("\0".join(where).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _place(source: str, time_s: float | None) -> tuple[str, str]:
    return ("folder", str(PurePath(source).parent)) if time_s is None else ("video", source)


def group_names(rows: pa.Table) -> list[str]:
    """The group of each of ``N`` rows with ``camera_id``, ``source`` and ``time_s``."""
    columns = (rows[name].to_pylist() for name in ("camera_id", "source", "time_s"))
    known: dict[tuple[str | None, str, bool], str] = {}
    names = []
    for camera_id, source, time_s in zip(*columns, strict=True):
        key = (camera_id, source, time_s is None)
        if key not in known:
            known[key] = group_name(camera_id, source, time_s)
        names.append(known[key])
    return names


@dataclass(frozen=True, eq=False)
class Cohorts:
    """People of a gallery by group, ``R`` in all, so that each group can say what is usual there.

    Attributes:
        names: ``G`` groups, ``REST`` the last one.
        embeddings: ``(R, D)`` unit rows, the people of one group side by side, in the order of ``names``.
        starts: ``(G + 1,)`` where each group begins. The rest may be empty: then it is judged by everybody.
        shares: ``(G,)`` the part of the gallery's people who belong to each group.
        rows: Columns of the people whom ``shares`` was counted from, so that filters can be applied to them.
        groups: ``(N,)`` the group of each of those.
    """

    names: tuple[str, ...]
    embeddings: FloatArray
    starts: IntArray
    shares: NDArray[np.float64]
    rows: pa.Table
    groups: IntArray

    @classmethod
    def of(cls, people: EmbeddingSample) -> Cohorts:
        """From people drawn at random from a gallery."""
        names = group_names(people.rows)
        units = sightings(people.rows)
        kept = _spread_over(names, units)
        sizes: dict[str, int] = {}
        for i in kept:
            sizes[names[i]] = sizes.get(names[i], 0) + 1
        large = sorted((name for name, size in sizes.items() if size >= MIN_COHORT), key=lambda n: (-sizes[n], n))
        large = large[:MAX_GROUPS]
        numbers = {name: number for number, name in enumerate(large)}
        groups = np.array([numbers.get(name, len(large)) for name in names], np.int64)
        members = [kept[groups[kept] == g][:MAX_COHORT] for g in range(len(large) + 1)]
        counts = np.bincount(groups, minlength=len(large) + 1)
        return cls(
            names=(*large, REST),
            embeddings=people.embeddings[np.concatenate(members)] if len(kept) else people.embeddings,
            starts=np.cumsum([0, *map(len, members)]),
            shares=counts / max(1, len(groups)),
            rows=people.rows,
            groups=groups,
        )

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def number(self, name: str) -> int:
        """The number of a group by its name; that of the rest where it is not large enough."""
        return self._numbers.get(name, len(self.names) - 1)

    def is_small(self, name: str) -> bool:
        """Whether a camera has no group of its own."""
        return name not in self._numbers

    def scale(self, group: int, queries: FloatArray) -> Bulk:
        """Where the people of one group lie for ``Q`` queries; median and spread ``(Q,)``."""
        return Bulk.of(queries @ self.embeddings[self._members(group)].T)

    def scales(self, query: FloatArray) -> Bulk:
        """Where the people of each group lie for one query; median and spread ``(G,)``."""
        similarities = self.embeddings @ query
        bulks = [Bulk.of(similarities[self._members(group)]) for group in range(len(self.names))]
        return Bulk(np.array([b.median for b in bulks]), np.array([b.spread for b in bulks]))

    def passing(self, filters: Filters | None) -> NDArray[np.float64]:
        """The part of those who pass the filters that belongs to each group, ``(G,)``, summing to 1."""
        mask = None if filters is None else filters.mask(self.rows)
        if mask is None or not mask.any():
            return self.shares
        counts = np.bincount(self.groups[mask], minlength=len(self.names))
        shares: NDArray[np.float64] = counts / counts.sum()
        return shares

    def _members(self, group: int) -> slice:
        first, last = int(self.starts[group]), int(self.starts[group + 1])
        return slice(first, last) if last - first >= MIN_COHORT else slice(0, len(self.embeddings))


def _spread_over(names: list[str], units: IntArray) -> IntArray:
    """Rows that speak for the groups: of a group with few sightings several frames each, of one with many, one."""
    codes = np.unique(names, return_inverse=True)[1] if names else np.zeros(0, np.int64)
    num_units = np.zeros(codes.max(initial=-1) + 1, np.int64)
    firsts = np.unique(units, return_index=True)[1]
    np.add.at(num_units, codes[firsts], 1)
    most = np.ceil(MAX_COHORT / np.maximum(num_units, 1)).astype(np.int64)
    order = np.argsort(units, kind="stable")
    begins = np.maximum.accumulate(np.where(np.diff(units[order], prepend=-1) != 0, np.arange(len(order)), 0))
    turn = np.empty(len(units), np.int64)
    turn[order] = np.arange(len(order)) - begins
    return np.flatnonzero(turn < most[codes]) if len(codes) else np.zeros(0, np.int64)
