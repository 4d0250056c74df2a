"""Which images a query is searched in."""

from __future__ import annotations

import numpy as np

from sceneseek.errors import DataError
from sceneseek.evaluation.matching import Sightings
from sceneseek.evaluation.protocols import SearchProtocol
from sceneseek.structures import BoolArray, Extraction, IntArray, Query, SceneSet

_SPARSE = 16


class Galleries:
    """The galleries of a scene set's queries under a protocol.

    Args:
        extraction: Gives images their positions.
        scenes: The queries, and the cameras.
        protocol: ``gallery_size``, ``cameras``, ``duplicates``, ``own_scene``.

    Raises:
        DataError: The protocol asks for cameras and a scene has none.
    """

    def __init__(self, extraction: Extraction, scenes: SceneSet, protocol: SearchProtocol) -> None:
        self._protocol = protocol
        self._size = len(extraction)
        self._position_of = _Lookup(extraction.image_ids)
        self._every = self._position_of(np.array([s.image_id for s in scenes.samples], np.int64))
        self.cameras = _cameras(extraction, scenes) if protocol.cameras != "all" else np.zeros(self._size, np.int64)

    def own(self, query: Query) -> int:
        """The position of the query's own scene."""
        return int(self._position_of(np.array([query.image_id]))[0])

    def answers(self, query: Query, people: Sightings) -> IntArray:
        """The sightings, at most one per image, that a query is to find in its gallery."""
        mine = np.arange(len(people.positions))[people.of(query.person_id)]
        mine = mine[~self.neutral(query, people, mine) & (people.nth[mine] == 0)]
        answers: IntArray = mine[self.copies(query, people.positions[mine])[people.positions[mine]] > 0]
        return answers

    def neutral(self, query: Query, people: Sightings, mine: IntArray) -> BoolArray:
        """Which sightings of the person count neither way for this query: ignored ones; junk by its camera."""
        ignored = people.ignored[mine]
        if self._protocol.match != "best_overlap" or self._protocol.cameras == "all":
            return ignored
        same = self.cameras[people.positions[mine]] == self.cameras[self.own(query)]
        junk: BoolArray = ignored | (same if self._protocol.cameras == "cross" else ~same)
        return junk

    def copies(self, query: Query, shows: IntArray) -> IntArray:
        """How often the query's gallery lists each image.

        Args:
            query: The question.
            shows: Positions of images that show the person.

        Returns:
            ``(I,)`` by position in the extraction; 0 for images that are not searched.
        """
        rules = self._protocol
        entries = self._position_of(np.fromiter(query.gallery, np.int64, len(query.gallery)))
        if rules.gallery_size == "full" or rules.own_scene:
            entries = self._extended(query, entries)
        if rules.cameras != "all" and rules.match != "best_overlap":
            same = self.cameras[entries] == self.cameras[self.own(query)]
            entries = entries[same if rules.cameras == "same" else ~same]
        if isinstance(rules.gallery_size, int) and rules.gallery_size < len(entries):
            entries = self._nested(entries, shows, rules.gallery_size)
        copies = np.bincount(entries, minlength=self._size)
        return np.minimum(copies, 1) if rules.duplicates == "dedup" else copies

    def _extended(self, query: Query, entries: IntArray) -> IntArray:
        listed = np.zeros(self._size, bool)
        listed[entries] = True
        own = self.own(query)
        if self._protocol.own_scene and not listed[own]:
            entries = np.append(entries, own)
        if self._protocol.gallery_size == "full":
            listed[own] = True
            entries = np.concatenate([entries, self._every[~listed[self._every]]])
        return entries

    def _nested(self, entries: IntArray, shows: IntArray, size: int) -> IntArray:
        """The positives, then distractors, both in the order listed, cut at ``size``: galleries of growing size nest.

        Where the protocol lists positives first, as CUHK-SYSU's does, that is its first ``size`` entries.
        """
        if self._protocol.duplicates == "dedup":
            entries = entries[np.sort(np.unique(entries, return_index=True)[1])]
        shown = np.zeros(self._size, bool)
        shown[shows] = True
        positive = shown[entries]
        return np.concatenate([entries[positive], entries[~positive]])[:size]


class _Lookup:
    """Image ids to positions: a table where the ids are dense enough, a search where they are not."""

    def __init__(self, ids: IntArray) -> None:
        self._order = np.argsort(ids)
        self._ids = ids[self._order]
        self._first = int(self._ids[0]) if len(ids) else 0
        span = int(self._ids[-1]) - self._first + 1 if len(ids) else 0
        self._table: IntArray | None = None
        if 0 < span <= _SPARSE * len(ids) + 4096:
            self._table = np.zeros(span, np.int64)
            self._table[self._ids - self._first] = self._order

    def __call__(self, ids: IntArray) -> IntArray:
        """Positions of ids that are there, all of them."""
        found: IntArray
        if self._table is not None:
            found = self._table[ids - self._first]
        else:
            found = self._order[np.searchsorted(self._ids, ids)] if len(ids) else ids
        return found


def _cameras(extraction: Extraction, scenes: SceneSet) -> IntArray:
    unknown = [s for s in scenes.samples if s.camera_id is None]
    if unknown:
        raise DataError(
            f"{scenes.name}: the protocol compares cameras, but {len(unknown)} of {len(scenes)} scenes have none, the "
            f"first {unknown[0].path.name}. Name the camera of every scene, or search all cameras (cameras='all')."
        )
    numbers = {name: i for i, name in enumerate(sorted({str(s.camera_id) for s in scenes.samples}))}
    found = np.full(len(extraction), -1, np.int64)
    for sample in scenes.samples:
        found[extraction.position_of[sample.image_id]] = numbers[str(sample.camera_id)]
    return found
