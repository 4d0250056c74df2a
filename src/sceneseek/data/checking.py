"""A data set looked over: counts, sizes, and everything that is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sceneseek import words
from sceneseek.data import cuhk_sysu
from sceneseek.data.layouts import AUTO, Choices, Layout, checked_layout, read_scenes, splits_of
from sceneseek.data.picture_files import check_size, read_scene
from sceneseek.data.problems import OnProblem, Place, Problem, ProblemList, reporting
from sceneseek.data.query_boxes import annotated_box
from sceneseek.data.samplers import IdentityPairSampler
from sceneseek.data.targets import SMALLEST_SIDE, people_to_train_on
from sceneseek.errors import DataError
from sceneseek.pictures import orientation_of, picture_size, read_picture
from sceneseek.structures import UNLABELED, IntArray, Progress, Sample, SceneSet, silent

PUBLISHED: Mapping[str, Mapping[str, int]] = {
    "cuhk-sysu-train": {"images": 11206, "identities": 5532},
    "cuhk-sysu-test": {"images": 6978, "queries": 2900},
    "prw-train": {"images": 5704, "boxes": 18048, "unlabelled": 3141, "identities": 483},
    "prw-test": {"images": 6112, "boxes": 25062, "unlabelled": 5935, "identities": 544, "queries": 2057},
}
"""Counts of the genuine data sets, by the beginning of a set's name: CUHK-SYSU's as published (Xiao et al., 2017),
PRW's as its files have them, which is not quite what its paper states."""

_UPRIGHT = 1
_KEEPS_THE_SIZE = frozenset({2, 3, 4})
"""EXIF orientations that mirror a picture or turn it upside down."""

_TINY = 5
"""Pixels: nobody is recognised in a box with a shorter side."""

_NEARLY = 0.5
"""A set with at least this share of the published images is taken for a copy of it; a smaller one for another set in
its layout."""


@dataclass(frozen=True, eq=False)
class SplitSummary:
    """What one split holds.

    Attributes:
        scenes: The scenes themselves, without the records that could not be used.
        num_boxes: Annotated boxes.
        num_unlabelled: Boxes without an identity.
        num_ignored: Boxes that count neither way.
        num_empty: Images without a box.
        appearances: ``(P,)`` int64, in how many images each identity is.
        cameras: Images for each camera, ``"none"`` for those without.
        gallery_sizes: ``(Q,)`` int64, entries of each query's gallery, duplicates included.
        positives: ``(Q,)`` int64, images of each query's gallery that show the person.
        heights: ``(B,)`` float32, of boxes, in pixels.
        widths: ``(B,)`` float32, of boxes, in pixels.
        image_sizes: Images for each ``(width, height)``, the most frequent first.
        published: What the genuine data set has, where this is a copy of it; empty for any other.
    """

    scenes: SceneSet
    num_boxes: int
    num_unlabelled: int
    num_ignored: int
    num_empty: int
    appearances: IntArray
    cameras: Mapping[str, int]
    gallery_sizes: IntArray
    positives: IntArray
    heights: NDArray[np.float32]
    widths: NDArray[np.float32]
    image_sizes: Mapping[tuple[int, int], int]
    published: Mapping[str, int] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name, as ``PUBLISHED`` names them."""
        return {
            "images": len(self.scenes),
            "boxes": self.num_boxes,
            "unlabelled": self.num_unlabelled,
            "identities": len(self.appearances),
            "queries": len(self.scenes.queries),
        }

    @property
    def unlabelled_share(self) -> float:
        """Boxes without an identity, as a share of all; 0 where there is no box."""
        return self.num_unlabelled / max(self.num_boxes, 1)


@dataclass(frozen=True, eq=False)
class CheckReport:
    """A data set looked over.

    Attributes:
        path: The data set.
        layout: How it lies on disk.
        splits: By name; ``"all"`` for a set that is not divided. A split whose lists cannot be read is missing.
        problems: Everything that is wrong or odd.
        pictures: How far pictures were looked at: ``"decoded"``, ``"headers"``.
    """

    path: Path
    layout: Layout
    splits: Mapping[str, SplitSummary]
    problems: ProblemList
    pictures: str

    @property
    def is_sound(self) -> bool:
        """Whether nothing had to be left out."""
        return not self.problems.errors


def check(
    path: str | Path,
    layout: str = AUTO,
    choices: Choices | None = None,
    *,
    decode: bool = True,
    progress: Progress = silent,
) -> CheckReport:
    """Read a data set with every record looked at, and its pictures too; a bad record never hides the next.

    Args:
        path: The data set.
        layout: One of ``layouts.LAYOUTS``, or ``"auto"``.
        choices: What some layouts leave open.
        decode: Decode every picture, which alone shows that it is whole; else only read the headers.
        progress: Told of every picture.

    Returns:
        What is there, and what is wrong with it.

    Raises:
        DataError: There is nothing there, or its layout is not known.
    """
    path, found = Path(path), checked_layout(path, layout)
    problems = ProblemList()
    sets: dict[str, SceneSet] = {}
    for split in splits_of(path, found):
        own = choices if split != "train" else replace(choices or Choices(), queries=None)
        with reporting(problems, Place(path), "unreadable split"):
            sets[split or "all"] = read_scenes(path, split, found, own, on_problem=problems, progress=progress)
    if found == "cuhk_sysu":
        with reporting(problems, Place(path)):
            cuhk_sysu.check_people(path, problems)
    _check_splits(sets, path, problems)
    done, total = 0, sum(len(scenes) for scenes in sets.values())
    for scenes in sets.values():
        _check_queries(scenes, problems)
        _check_targets(scenes, problems)
        for sample in scenes.samples:
            check_picture(sample, problems, decode=decode)
            done += 1
            progress(done, total, sample.path.name)
    splits = {name: summarise(scenes) for name, scenes in sets.items()}
    for summary in splits.values():
        _check_counts(summary, path, problems)
    return CheckReport(path, found, splits, _each_once(problems), "decoded" if decode else "headers")


def check_picture(sample: Sample, on_problem: OnProblem, *, decode: bool = True) -> None:
    """Hold a picture against what the annotations say of it, by the code that reads it for training and evaluation."""
    place = Place(sample.path)
    if not sample.path.is_file():
        on_problem(Problem("missing picture", place, "the picture does not exist."))
        return
    with reporting(on_problem, place):
        check_size(sample, picture_size(sample.path))
        if decode:
            remarks: list[str] = []
            read_scene(sample, partial(read_picture, remark=remarks.append))
            for remark in remarks:
                on_problem(Problem("picture with a remark", place, f"it was read, but {remark}.", "note"))
        _check_turn(sample, on_problem)


def _check_turn(sample: Sample, on_problem: OnProblem) -> None:
    """A turn that changes the size contradicts annotations that overlooked it; any other turn cannot be seen."""
    turn = orientation_of(sample.path)
    if turn != _UPRIGHT and len(sample) and (turn in _KEEPS_THE_SIZE or sample.width == sample.height):
        message = (
            f"its EXIF data turn or mirror it (orientation {turn}); the boxes are taken for ones that were drawn on "
            "the upright picture."
        )
        on_problem(Problem("turned picture", Place(sample.path), message, "note"))


def _check_targets(scenes: SceneSet, on_problem: OnProblem) -> None:
    """Boxes that training leaves out, counted by the code that makes its targets."""
    wanted = [int((~np.asarray(sample.ignore_mask, bool)).sum()) for sample in scenes.samples]
    kept = [len(people_to_train_on(sample).boxes) for sample in scenes.samples]
    small = [sample for sample, all_, good in zip(scenes.samples, wanted, kept, strict=True) if good < all_]
    if small:
        count = words.counted(sum(wanted) - sum(kept), "box", "boxes")
        message = f"{count} with a side of {SMALLEST_SIDE:g} pixel or less, here first; training leaves such boxes out."
        on_problem(Problem("box too small to learn from", Place(small[0].path), message, "note"))
    _check_sides(scenes, on_problem)
    if scenes.samples and not sum(kept):
        message = f"{scenes.name} has no box to train on; it can serve as a gallery of distractors."
        on_problem(Problem("no box", Place(scenes.samples[0].path.parent), message, "note"))
    elif scenes.samples and not scenes.queries:
        _check_pairs(scenes, on_problem)


def _check_pairs(scenes: SceneSet, on_problem: OnProblem) -> None:
    """Whether the sampler of pairs finds any; a set without queries is for training."""
    try:
        IdentityPairSampler(scenes, batch_size=2, seed=0)
    except DataError as error:
        message = str(error).removeprefix(f"{scenes.name}: ")
        on_problem(Problem("nobody in two images", Place(scenes.samples[0].path.parent), message, "note"))


def summarise(scenes: SceneSet) -> SplitSummary:
    """Count what a set of scenes holds."""
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(s.boxes for s in scenes.samples)])
    shown_in: dict[int, set[int]] = {}
    for sample in scenes.samples:
        for person_id in sample.person_ids.tolist():
            shown_in.setdefault(person_id, set()).add(sample.image_id)
    unlabelled = sum(int((s.person_ids == UNLABELED).sum()) for s in scenes.samples)
    positives = [sum(i in shown_in.get(q.person_id, ()) for i in q.gallery) for q in scenes.queries]
    name = next((n for n in PUBLISHED if scenes.name.startswith(n)), "")
    published = PUBLISHED.get(name, {})
    is_copy = len(scenes) >= _NEARLY * published.get("images", np.inf)
    return SplitSummary(
        scenes=scenes,
        num_boxes=len(boxes),
        num_unlabelled=unlabelled,
        num_ignored=sum(int(np.sum(s.ignore_mask)) for s in scenes.samples if s.ignore_mask is not None),
        num_empty=sum(not len(s) for s in scenes.samples),
        appearances=np.array([len(v) for k, v in sorted(shown_in.items()) if k != UNLABELED], np.int64),
        cameras=dict(sorted(Counter(s.camera_id or "none" for s in scenes.samples).items())),
        gallery_sizes=np.array([len(q.gallery) for q in scenes.queries], np.int64),
        positives=np.array(positives, np.int64),
        heights=boxes[:, 3] - boxes[:, 1],
        widths=boxes[:, 2] - boxes[:, 0],
        image_sizes=dict(Counter((s.width, s.height) for s in scenes.samples).most_common()),
        published=published if is_copy else {},
    )


def _check_sides(scenes: SceneSet, on_problem: OnProblem) -> None:
    """Boxes so small that nobody can be seen in them, but not so small that training leaves them out."""
    sides = [people_to_train_on(sample).boxes for sample in scenes.samples]
    shortest = [np.minimum(b[:, 2] - b[:, 0], b[:, 3] - b[:, 1]) for b in sides]
    first = next((s for s, found in zip(scenes.samples, shortest, strict=True) if (found < _TINY).any()), None)
    if first is not None:
        count = words.counted(sum(int((found < _TINY).sum()) for found in shortest), "box", "boxes")
        message = f"{count} with a side under {_TINY} pixels, here first; nobody can be told from another in so few."
        on_problem(Problem("very small box", Place(first.path), message, "note"))


def _check_splits(sets: Mapping[str, SceneSet], path: Path, on_problem: OnProblem) -> None:
    """Training and test must not share a picture."""
    if not {"train", "test"} <= set(sets):
        return
    train = {sample.path.resolve() for sample in sets["train"].samples}
    for sample in sets["test"].samples:
        if sample.path.resolve() in train:
            message = "the picture is in the training split and in the test split."
            on_problem(Problem("picture in both splits", Place(sample.path), message))


def _check_queries(scenes: SceneSet, on_problem: OnProblem) -> None:
    for query in scenes.queries:
        sample = scenes.by_id[query.image_id]
        if annotated_box(query, sample) is None:
            place = Place(sample.path, f"query {query.query_id}")
            message = f"no box of person {query.person_id} in the picture is where the query's box is."
            on_problem(Problem("query without a box", place, message, "note"))


def _check_counts(summary: SplitSummary, path: Path, on_problem: OnProblem) -> None:
    found = summary.counts
    for name, expected in summary.published.items():
        if found[name] != expected:
            message = f"{summary.scenes.name} has {found[name]:,} {name}; the published set has {expected:,}."
            on_problem(Problem("count that disagrees", Place(path), message, "note"))


def _each_once(problems: ProblemList) -> ProblemList:
    """Two splits read the same files: what both of them met is said once."""
    return ProblemList(list(dict.fromkeys(problems.problems)))
