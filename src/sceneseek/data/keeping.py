"""What a layout cannot keep of a data set, in words, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sceneseek import boxes as box_ops
from sceneseek.data.cuhk_sysu_writing import fitting_gallery_sizes
from sceneseek.data.layouts import Layout
from sceneseek.data.placing import is_encoded_anew
from sceneseek.data.plausibility import STICKS_OUT
from sceneseek.data.prw_writing import camera_numbers
from sceneseek.data.webtattoo_writing import shares_one_gallery
from sceneseek.errors import DataError, suggest
from sceneseek.structures import UNLABELED, Query, Sample, SceneSet


def what_is_lost(train: SceneSet, test: SceneSet, layout: Layout) -> tuple[str, ...]:
    """Everything of two splits that a layout has no place for.

    Args:
        train: Scenes for training; may be empty.
        test: Scenes for testing; may be empty.
        layout: Where they are to be written.

    Returns:
        One sentence for each loss, with a count; empty where nothing is lost.
    """
    if layout not in _LOSSES:
        raise DataError(f"nothing is written as {layout!r}.{suggest(layout, list(_LOSSES))}")
    samples = (*train.samples, *test.samples)
    sentences = [found for ask in _LOSSES[layout] if (found := ask(samples, train, test))]
    return tuple(sentences)


_Samples = Sequence[Sample]
_Loss = Callable[[_Samples, SceneSet, SceneSet], str]


def _cameras(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    cameras = {s.camera_id for s in samples} - {None}
    return f"The names of {len(cameras):,} cameras: the layout has no place for cameras." if cameras else ""


def _renamed_cameras(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    numbers = camera_numbers(samples)
    changed = [f"{old or 'no camera'} becomes c{new}" for old, new in numbers.items() if old != f"c{new}"]
    return f"Camera names: the layout has numbers ({', '.join(sorted(changed)[:6])})." if changed else ""


def _times(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    timed = sum(s.time_s is not None for s in samples)
    return f"The times of {timed:,} images." if timed else ""


def _ignored(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    count = sum(int(np.sum(s.ignore_mask)) for s in samples if s.ignore_mask is not None)
    return f"{count:,} boxes to be ignored, which are left out." if count else ""


def _ignored_but_sketches(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    asked = {query.image_id for query in test.queries}
    count = sum(int(np.sum(s.ignore_mask)) - _is_sketch(s, asked) for s in samples if s.ignore_mask is not None)
    return f"{count:,} boxes to be ignored, which are left out." if count else ""


def _is_sketch(sample: Sample, asked: set[int]) -> bool:
    whole = [[0, 0, sample.width, sample.height]]
    return sample.image_id in asked and bool(((sample.boxes == whole).all(axis=1) & sample.ignore_mask).any())


def _visibility(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    count = sum(int((s.visibility < 1).sum()) for s in samples if s.visibility is not None)
    return f"The visible share of {count:,} partly hidden people." if count else ""


def _fractions(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    count = sum(int((s.boxes != np.rint(s.boxes)).any(axis=1).sum()) for s in samples)
    return f"Fractions of a pixel in {count:,} boxes, which are rounded." if count else ""


def _hundredths(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    count = sum(int((np.abs(s.boxes - s.boxes.round(2)) > 5e-4).any(axis=1).sum()) for s in samples)
    return f"Fractions below a hundredth of a pixel in {count:,} boxes, which are rounded." if count else ""


def _sticking_out(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    count = sum(
        int((np.abs(box_ops.clip(s.boxes, s.width, s.height) - s.boxes) > STICKS_OUT).any(axis=1).sum())
        for s in samples
    )
    return f"The parts of {count:,} boxes that lie outside their images, which are clipped." if count else ""


def _labels_incomplete(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    if train.detection_labels_complete and test.detection_labels_complete:
        return ""
    return "That not every visible person has a box: do not score detection on the result."


def _shots(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    groups = {query.shot_group for query in test.queries} - {None}
    return f"Which queries belong together ({len(groups):,} groups of several pictures)." if groups else ""


def _other_formats(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    count = sum(is_encoded_anew(s.path, ".jpg") for s in samples)
    return f"The exact pixels of {count:,} pictures, which are encoded anew as JPEG at quality 95." if count else ""


def _every_frame_is_searched(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    everything = set(test.by_id)
    count = sum(set(query.gallery) != everything - {query.image_id} for query in test.queries)
    return f"The galleries of {count:,} queries: every other test image is searched." if count else ""


def _one_gallery(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    if shares_one_gallery(test):
        return ""
    union = len({image for query in test.queries for image in query.gallery})
    return f"The queries' own galleries: the layout has one for all, {union:,} images that any of them searched."


def _cut_galleries(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    sizes = fitting_gallery_sizes(test)
    longest = max((len(query.gallery) for query in test.queries), default=0)
    if not test.queries:
        return ""
    written = ", ".join(map(str, sizes))
    return f"Galleries beyond the published sizes: {written} images are written." if longest > sizes[-1] else ""


def _people_without_a_query(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    asked = {query.person_id for query in test.queries}
    people = [p for p in test.person_ids.tolist() if p not in asked]
    if not people:
        return ""
    return f"The identities of {len(people):,} test people without a query: the layout names test people by queries."


def _identities_outside_galleries(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    count = sum(_num_unseen(query, test, shown_in) for shown_in in (_images_of_people(test),) for query in test.queries)
    return f"The identity of {count:,} boxes in test images that are in no gallery of their person." if count else ""


def _num_unseen(query: Query, test: SceneSet, shown_in: Mapping[int, set[int]]) -> int:
    return len(shown_in.get(query.person_id, set()) - {query.image_id, *query.gallery})


def _images_of_people(scenes: SceneSet) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for sample in scenes.samples:
        for person_id in set(sample.person_ids.tolist()) - {UNLABELED}:
            found.setdefault(person_id, set()).add(sample.image_id)
    return found


def _no_queries(samples: _Samples, train: SceneSet, test: SceneSet) -> str:
    if not len(test) or test.queries:
        return ""
    return "The test split as a whole: without queries the layout has no protocol file, and readers refuse it."


_LOSSES: Mapping[Layout, tuple[_Loss, ...]] = {
    "coco": (_sticking_out, _hundredths),
    "cuhk_sysu": (
        _cameras, _times, _ignored, _visibility, _fractions, _labels_incomplete, _shots, _people_without_a_query,
        _identities_outside_galleries, _cut_galleries, _no_queries,
    ),
    "prw": (
        _renamed_cameras, _times, _ignored, _visibility, _fractions, _labels_incomplete, _shots, _other_formats,
        _every_frame_is_searched,
    ),
    "webtattoo": (
        _cameras, _times, _ignored_but_sketches, _visibility, _sticking_out, _labels_incomplete, _shots, _one_gallery,
    ),
}  # fmt: skip
