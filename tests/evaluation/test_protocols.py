"""Every protocol on hand-made scenes: what it is called for, its perfect score, what a missed person costs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from evaluation.agreement import QUICK, assert_equal
from evaluation.worlds import provenance
from sceneseek.errors import DataError, ValueRefused
from sceneseek.evaluation import evaluate
from sceneseek.evaluation.curves import sweep_thresholds
from sceneseek.evaluation.protocols import PROTOCOLS, SearchProtocol, named_protocol
from sceneseek.structures import Detections, Extraction, Query, Sample, SceneSet, SearchReport

BOX, BESIDE, FAR = [10, 10, 60, 110], [100, 10, 150, 110], [10, 150, 60, 250]
DIM = 8

Person = tuple[int, list[float]]
Seen = tuple[list[float], list[float]] | tuple[list[float], list[float], float]


def look(*entries: float) -> list[float]:
    """A unit vector that begins so; one more entry makes up the length."""
    rest = math.sqrt(max(0.0, 1.0 - sum(e * e for e in entries)))
    return [*entries, rest, *[0.0] * (DIM - 1 - len(entries))]


def one_hot(person: int) -> list[float]:
    return [float(i == person) for i in range(DIM)]


def scene_set(
    images: dict[int, tuple[list[Person], list[Seen]]],
    queries: list[tuple[int, int, tuple[int, ...]]],
    cameras: dict[int, str] | None = None,
) -> tuple[Extraction, SceneSet]:
    """Images by id: (person, box) pairs, and what was detected: box, embedding, score. Queries: person, image, gallery.

    A query's embedding is the person's one-hot vector.
    """
    samples, found = [], []
    for image_id, (people, seen) in images.items():
        boxes, ids = [box for _, box in people], [person for person, _ in people]
        samples.append(
            Sample(
                image_id,
                f"{image_id}.jpg",
                300,
                300,
                np.reshape(boxes, (-1, 4)),
                ids,
                camera_id=(cameras or {}).get(image_id, f"c{image_id}"),
            )
        )
        scores = [s[2] if len(s) == 3 else 0.9 for s in seen]
        found.append(
            (
                image_id,
                Detections([s[0] for s in seen], scores, [s[1] for s in seen]) if seen else Detections.empty(DIM),
            )
        )
    asked = []
    for i, (person, image_id, gallery) in enumerate(queries):
        sample = next(s for s in samples if s.image_id == image_id)
        where = [k for k, p in enumerate(sample.person_ids) if p == person]
        asked.append(Query(i, image_id, sample.boxes[where[0]] if where else BOX, person, gallery))
    scenes = SceneSet("hand-made", tuple(samples), tuple(asked))
    vectors = [(q.query_id, np.array(one_hot(max(q.person_id, 0)), np.float32)) for q in asked]
    return Extraction.gather(found, vectors, provenance(scenes), DIM), scenes


def person(who: int, box: list[float] = BOX) -> tuple[list[Person], list[Seen]]:
    """An image of one person, detected and described perfectly."""
    return [(who, box)], [(box, one_hot(who))]


ADVERSARIAL = {
    "no match in the gallery": scene_set({0: person(0), 1: person(1), 2: person(2)}, [(0, 0, (1, 2))]),
    "all detections missed": scene_set({0: person(0), 1: ([(0, BOX)], []), 2: ([(0, BOX)], [])}, [(0, 0, (1, 2))]),
    "several detections above the threshold": scene_set(
        {
            0: person(0),
            1: ([(0, BOX)], [(BOX, look(0.5)), ([12, 12, 62, 112], look(0.9)), ([8, 8, 58, 108], look(0.7))]),
            2: person(1),
        },
        [(0, 0, (1, 2))],
    ),
    "equal similarities": scene_set(
        {0: person(0), **{i: ([(i % 2, BOX)], [(BOX, look(0.5)), (BESIDE, look(0.5))]) for i in range(1, 6)}},
        [(0, 0, (5, 4, 3, 2, 1))],
    ),
    "equal similarities on one person": scene_set(
        {0: person(0), 1: ([(0, BOX)], [(BOX, look(0.5), 0.6), ([12, 12, 62, 112], look(0.5), 0.8)]), 2: person(1)},
        [(0, 0, (1, 2))],
    ),
    "negative similarities": scene_set(
        {0: person(0), 1: ([(0, BOX)], [(BOX, look(-0.4))]), 2: ([(1, BOX)], [(BOX, look(-0.9))]), 3: ([], [])},
        [(0, 0, (1, 2, 3))],
    ),
    "empty images": scene_set(
        {0: person(0), 1: ([], []), 2: person(0), 3: ([], []), 4: ([], [])}, [(0, 0, (1, 2, 3, 4))]
    ),
    "nothing but empty images": scene_set({0: ([(0, BOX)], []), 1: ([], [])}, [(0, 0, (1,))]),
    "a box small enough to relax the threshold": scene_set(
        {0: person(0), 1: ([(0, [0, 0, 10, 20])], [([0, 0, 10, 8], one_hot(0))]), 2: person(1)}, [(0, 0, (1, 2))]
    ),
    "a box just above the relaxed threshold's reach": scene_set(
        {0: person(0), 1: ([(0, [0, 0, 100, 200])], [([0, 0, 100, 80], one_hot(0))]), 2: person(1)}, [(0, 0, (1, 2))]
    ),
    "a person twice in a frame": scene_set(
        {
            0: person(0),
            1: ([(0, BOX), (0, BESIDE)], [(BOX, look(0.6)), (BESIDE, look(0.8))]),
            2: person(1),
        },
        [(0, 0, (1, 2))],
    ),
    "a gallery image listed twice": scene_set({0: person(0), 1: person(0), 2: person(1)}, [(0, 0, (1, 1, 2))]),
    "a gallery image listed twice, with the person twice": scene_set(
        {0: person(0), 1: ([(0, BOX), (0, BESIDE)], [(BOX, look(0.6)), (BESIDE, look(0.8))]), 2: person(1)},
        [(0, 0, (1, 2, 1))],
    ),
    "a gallery image listed thrice": scene_set({0: person(0), 1: person(0), 2: person(1)}, [(0, 0, (1, 1, 2, 1))]),
    "a stranger's image listed twice": scene_set({0: person(0), 1: person(0), 2: person(1)}, [(0, 0, (2, 1, 2))]),
    "one query, one image": scene_set({0: person(0)}, [(0, 0, (0,))]),
    "an empty gallery": scene_set({0: person(0), 1: person(0)}, [(0, 0, ())]),
    "an unlabelled query": scene_set({0: ([(-1, BOX)], [(BOX, one_hot(0))]), 1: person(0)}, [(-1, 0, (1,))]),
    "the query's own image in its gallery": scene_set({0: person(0), 1: person(1)}, [(0, 0, (0, 1))]),
    "everything below the score threshold": scene_set(
        {0: person(0), 1: ([(0, BOX)], [(BOX, one_hot(0), 0.0)]), 2: ([(1, BOX)], [(BOX, one_hot(1), 0.0)])},
        [(0, 0, (1, 2))],
    ),
    "one detection on two people": scene_set(
        {0: person(0), 1: ([(0, BOX), (1, [14, 10, 64, 110])], [([12, 10, 62, 110], look(0.7))]), 2: person(1)},
        [(0, 0, (1, 2)), (1, 2, (1,))],
    ),
}
RULES = [
    *PROTOCOLS.values(),
    *(SearchProtocol(name=d, duplicates=d) for d in ("double", "dedup")),
    SearchProtocol(name="weighted, full", confidence_weighted=True, gallery_size="full", det_threshold=0.0),
    SearchProtocol(name="one image", gallery_size=1),
    SearchProtocol(name="matched detection", query_feature="matched_detection", ap="trapezoid"),
    replace(PROTOCOLS["prw_original"], name="prw_original without the quirk", skip_empty_scenes=False),
]


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: rules.name)
@pytest.mark.parametrize("case", ADVERSARIAL)
def test_adversarial_case_equals_the_definition(case: str, rules: SearchProtocol) -> None:
    assert_equal(*ADVERSARIAL[case], rules)


@pytest.mark.parametrize(
    ("case", "duplicates", "value"),
    [
        ("a gallery image listed twice", "seqnet", 1 / 2),
        ("a gallery image listed twice", "dedup", 1.0),
        ("a gallery image listed twice", "double", 1.0),
        ("a gallery image listed thrice", "seqnet", 1 / 3),
        # First copy: the box at the left, similarity 0.6. Second copy: the box beside it, 0.8. Each other is wrong.
        # Four are ranked, 0.8 twice and 0.6 twice, one of each is right: (1/2 + 2/4) / 2.
        ("a gallery image listed twice, with the person twice", "double", 1 / 2),
        # One copy: the first box counts, similarity 0.6; the other box, 0.8, is a wrong answer above it.
        ("a gallery image listed twice, with the person twice", "dedup", 1 / 2),
        ("a gallery image listed twice, with the person twice", "seqnet", 1 / 4),
    ],
)
def test_an_image_listed_twice(case: str, duplicates: str, value: float) -> None:
    assert evaluate(*ADVERSARIAL[case], duplicates=duplicates, **QUICK).mean_ap.value == value


@pytest.mark.parametrize(
    ("case", "value"),
    [
        ("all detections missed", 0.0),
        ("several detections above the threshold", 1.0),
        ("equal similarities", 2 / 10),
        ("negative similarities", 1.0),
        ("a box small enough to relax the threshold", 1.0),
        ("a box just above the relaxed threshold's reach", 0.0),
        ("a person twice in a frame", 1 / 2),
        ("one query, one image", 1.0),
        ("everything below the score threshold", 0.0),
    ],
)
def test_adversarial_case_has_the_score_worked_out_by_hand(case: str, value: float) -> None:
    assert evaluate(*ADVERSARIAL[case], **QUICK).mean_ap.value == value


@pytest.mark.parametrize("case", ["no match in the gallery", "an empty gallery", "an unlabelled query"])
def test_without_an_answer_nothing_is_scored(case: str) -> None:
    report = evaluate(*ADVERSARIAL[case])
    assert (report.mean_ap.value, report.num_queries, report.num_unanswerable) == (None, 0, 1)
    assert math.isnan(report.outcomes.average_precision[0])


def perfect(missed: int = 0) -> tuple[Extraction, SceneSet]:
    """Four people in three images each, of three cameras; in ``missed`` images of person 0 nobody is detected.

    Image ``10 * p + c`` shows person ``p``, and a stranger who stands beside them, from camera ``c``.
    """
    images, cameras = {}, {}
    for p in range(4):
        for c in range(6):
            seen = [(BOX, one_hot(p)), (FAR, one_hot(7))]
            hidden = p == 0 and 1 <= c <= missed
            images[10 * p + c] = [(p, BOX), (-1, FAR)], seen[1:] if hidden else seen
            cameras[10 * p + c] = f"c{c % 2}"
    queries = [(p, 10 * p, tuple(i for i in images if i != 10 * p)) for p in range(4)]
    return scene_set(images, queries, cameras)


@pytest.mark.parametrize("rules", PROTOCOLS.values(), ids=lambda rules: rules.name)
@pytest.mark.parametrize("feature", ["gt_roi", "matched_detection"])
def test_perfect_input_scores_one(rules: SearchProtocol, feature: str) -> None:
    report = evaluate(*perfect(), rules, query_feature=feature, **QUICK)
    assert report.mean_ap.value == 1.0
    assert {score.value for score in report.top_k.values()} == {1.0}
    assert report.positives_found == 1.0


@pytest.mark.parametrize(
    ("name", "positives", "lost"),
    [
        ("cuhk_sysu", 5, 2),
        ("prw", 5, 2),
        ("prw_mini", 5, 2),
        # The images of person 0 that are missed are 1 and 2; of the other camera are 1, 3 and 5, of its own 2 and 4.
        ("prw_cross_camera", 3, 1),
        ("prw_same_camera", 2, 1),
        ("prw_original", 3, 1),
        ("webtattoo", 5, 2),
        ("open", 5, 2),
    ],
)
def test_a_missed_person_costs_exactly_its_recall(name: str, positives: int, lost: int) -> None:
    outcomes = assert_equal(*perfect(missed=2), PROTOCOLS[name]).outcomes
    assert outcomes.num_positives[0] == positives
    assert outcomes.average_precision.tolist() == [(positives - lost) / positives, 1.0, 1.0, 1.0]
    assert outcomes.recall.tolist() == [(positives - lost) / positives, 1.0, 1.0, 1.0]


def test_whole_images_are_matched_without_boxes() -> None:
    everything = [0, 0, 300, 300]
    world = scene_set(
        {0: person(0), 1: ([(0, BOX)], [(everything, look(0.8))]), 2: ([(1, BOX)], [(everything, look(0.3))])},
        [(0, 0, (1, 2))],
    )
    assert evaluate(*world, "webtattoo", **QUICK).mean_ap.value == 0.0
    assert evaluate(*world, "webtattoo_no_detection", **QUICK).mean_ap.value == 1.0


def test_matched_detection_asks_with_the_best_overlapping_box_at_any_score() -> None:
    world = scene_set(
        {
            0: ([(0, BOX)], [(BESIDE, one_hot(3), 0.99), ([12, 12, 62, 112], one_hot(0), 0.01)]),
            1: person(0),
            2: person(3),
        },
        [(0, 0, (1, 2))],
    )
    extraction, scenes = world
    report = assert_equal(extraction, scenes, SearchProtocol(query_feature="matched_detection"))
    assert report.mean_ap.value == 1.0


def test_matched_detection_without_any_detection_ranks_nothing_and_scores_zero() -> None:
    world = scene_set({0: ([(0, BOX)], []), 1: person(0)}, [(0, 0, (1,))])
    report = assert_equal(*world, SearchProtocol(query_feature="matched_detection"))
    assert (report.mean_ap.value, report.outcomes.num_ranked.tolist()) == (0.0, [0])


def test_confidence_weighting_reorders() -> None:
    world = scene_set(
        {0: person(0), 1: ([(0, BOX)], [(BOX, look(0.8), 0.9)]), 2: ([(1, BOX)], [(BOX, look(0.85), 0.6)])},
        [(0, 0, (1, 2))],
    )
    assert assert_equal(*world, SearchProtocol()).mean_ap.value == 0.5
    assert assert_equal(*world, SearchProtocol(confidence_weighted=True)).mean_ap.value == 1.0


def test_full_gallery_adds_every_scene_but_the_querys_own() -> None:
    world = scene_set({0: person(0), 1: person(0), 2: person(1), 3: person(2)}, [(0, 0, (1,))])
    assert evaluate(*world, gallery_size="full", **QUICK).outcomes.num_images.tolist() == [3]
    assert evaluate(*world, **QUICK).outcomes.num_images.tolist() == [1]


@pytest.mark.parametrize(("cameras", "images"), [("all", 3), ("cross", 2), ("same", 1)])
def test_cameras(cameras: str, images: int) -> None:
    named = {0: "a", 1: "a", 2: "b", 3: "c"}
    world = scene_set({0: person(0), 1: person(0), 2: person(0), 3: person(1)}, [(0, 0, (1, 2, 3))], named)
    report = assert_equal(*world, SearchProtocol(cameras=cameras))
    assert report.outcomes.num_images.tolist() == [images]


def test_cameras_must_be_known() -> None:
    extraction, scenes = ADVERSARIAL["one query, one image"]
    bare = replace(scenes, samples=tuple(replace(s, camera_id=None) for s in scenes.samples))
    with pytest.raises(DataError, match="1 of 1 scenes have none"):
        evaluate(extraction, bare, "prw_cross_camera")


class TestOriginalPRW:
    """The protocol of Zheng et al., 2017, point by point."""

    def score(self, images: dict, cameras: dict[int, str] | None = None, **switches: object) -> SearchReport:
        world = scene_set(images, [(0, 0, tuple(i for i in images if i != 0))], cameras)
        return assert_equal(*world, replace(PROTOCOLS["prw_original"], **switches))

    def test_the_best_overlapping_detection_takes_the_identity_the_others_are_junk(self) -> None:
        # The more similar detection overlaps less: it is junk, neither right nor wrong.
        report = self.score({0: person(0), 1: ([(0, BOX)], [(BOX, look(0.5)), ([14, 10, 64, 110], look(0.9))])})
        assert (report.mean_ap.value, report.outcomes.num_ranked.tolist()) == (1.0, [1])

    def test_overlap_from_3_to_5_tenths_is_junk_below_is_wrong(self) -> None:
        near, off = [35, 10, 85, 110], [45, 10, 95, 110]  # IoU 0.33 and 0.18.
        for box, ranked in ((near, 1), (off, 2)):
            report = self.score({0: person(0), 1: ([(0, BOX)], [(BOX, look(0.5)), (box, look(0.9))])})
            assert report.outcomes.num_ranked.tolist() == [ranked]
        assert report.mean_ap.value == (0.0 + 1 / 2) / 2

    def test_iou_has_pixels_one_wider(self) -> None:
        people, shifted = [(0, [0, 0, 4, 10])], [2, 0, 6, 10]  # Without: 20 / 60 = 0.33; with: 33 / 77 = 0.43.
        tight = [0, 0, 2, 10]  # Without: 20 / 40 = 0.5; with: 33 / 55 = 0.6.
        tighter = [0, 0, 1.8, 10]  # Without: 18 / 40 = 0.45; with: 30.8 / 55 = 0.56.
        assert self.score({0: person(0), 1: (people, [(shifted, one_hot(0))])}).mean_ap.value == 0.0
        assert self.score({0: person(0), 1: (people, [(tight, one_hot(0))])}).mean_ap.value == 1.0
        assert self.score({0: person(0), 1: (people, [(tighter, one_hot(0))])}).mean_ap.value == 1.0

    def test_unlabelled_people_are_junk(self) -> None:
        report = self.score({0: person(0), 1: ([(0, BOX), (-1, FAR)], [(BOX, look(0.5)), (FAR, look(0.9))])})
        assert (report.mean_ap.value, report.outcomes.num_ranked.tolist()) == (1.0, [1])

    def test_the_same_person_in_the_same_camera_is_junk_others_there_are_wrong(self) -> None:
        images = {
            0: person(0),
            1: ([(0, BOX)], [(BOX, look(0.5))]),
            2: ([(0, BOX), (1, FAR)], [(BOX, one_hot(0)), (FAR, look(0.9))]),
        }
        report = self.score(images, {0: "a", 1: "b", 2: "a"})
        assert report.outcomes.num_positives.tolist() == [1]
        assert report.outcomes.num_ranked.tolist() == [2]
        assert report.mean_ap.value == (0.0 + 1 / 2) / 2

    def test_missed_people_count(self) -> None:
        report = self.score({0: person(0), 1: person(0), 2: ([(0, BOX)], [(FAR, one_hot(5))])})
        assert report.mean_ap.value == 0.5

    def test_quirk_people_in_frames_without_detections_are_not_missed(self) -> None:
        images = {0: person(0), 1: person(0), 2: ([(0, BOX)], [])}
        assert self.score(images).mean_ap.value == 1.0
        assert self.score(images, skip_empty_scenes=False).mean_ap.value == 0.5

    def test_matching_looks_at_all_scores_ranking_at_those_above_the_threshold(self) -> None:
        # The identity goes to the unsure detection, which is then not ranked: the sure one is junk all the same.
        images = {0: person(0), 1: ([(0, BOX)], [(BOX, one_hot(0), 0.2), ([14, 10, 64, 110], one_hot(0), 0.9)])}
        report = self.score(images, det_threshold=0.5)
        assert (report.outcomes.num_positives.tolist(), report.outcomes.num_ranked.tolist()) == ([1], [0])
        assert report.outcomes.num_found.tolist() == [0]

    def test_hits_beyond_the_last_rank_count_for_nothing(self) -> None:
        strangers = {i: ([(1, BOX)], [(BOX, look(0.9))]) for i in range(2, 5)}
        images = {0: person(0), 1: ([(0, BOX)], [(BOX, look(0.5))]), **strangers}
        assert self.score(images, last_rank=4).mean_ap.value == (0 + 1 / 4) / 2
        assert self.score(images, last_rank=3).mean_ap.value == 0.0

    def test_sweep_of_thresholds(self) -> None:
        strangers = {i: ([(1, BOX)], [(BOX, look(0.9), 0.01 * i)]) for i in range(2, 92)}
        images = {0: person(0), 1: ([(0, BOX)], [(BOX, look(0.5))]), **strangers}
        extraction, scenes = scene_set(images, [(0, 0, tuple(range(1, 92)))])
        points = evaluate(extraction, scenes, "prw_original", sweep=True, **QUICK).threshold_sweep
        assert len(points) == 30
        assert points[0].boxes_per_image == 1.0
        steps = np.diff([p.boxes_per_image for p in points])
        assert np.allclose(steps, -3 / 92)
        values = [p.mean_ap.value for p in points]
        assert values == sorted(values)
        for p in (points[0], points[17], points[-1]):
            alone = evaluate(extraction, scenes, "prw_original", det_threshold=p.threshold, **QUICK)
            assert (alone.mean_ap, alone.top_k[1], alone.top_k[20]) == (p.mean_ap, p.top_1, p.top_20)


def test_thresholds_of_a_sweep() -> None:
    assert sweep_thresholds(np.zeros(0, np.float32)) == []
    assert sweep_thresholds(np.ones(7, np.float32)) == [1.0]


def test_named_protocols_and_their_variants() -> None:
    assert named_protocol("prw") == PROTOCOLS["prw"]
    changed = named_protocol("prw_original", det_threshold=0.25, ap="trapezoid")
    assert changed.name == "prw_original, det_threshold=0.25"
    with pytest.raises(ValueRefused, match="Did you mean 'cuhk_sysu'"):
        named_protocol("cuhk_sys")
    with pytest.raises(ValueRefused, match="Did you mean 'cameras'"):
        named_protocol("prw", camera="cross")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"duplicates": "twice"}, "expected one of 'double', 'seqnet', 'dedup'"),
        ({"gallery_size": "all"}, "expected a number of images, 'full', or None"),
        ({"last_rank": 0}, "expected at least 1"),
        ({"match": "best_overlap", "duplicates": "double"}, "cannot be 'double'"),
    ],
)
def test_impossible_switches_say_what_was_expected(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValueRefused, match=says):
        SearchProtocol(**wrong)
