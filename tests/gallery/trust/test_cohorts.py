"""Groups of people who were seen alike, and where strangers lie there for a query."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from sceneseek.gallery import Filters
from sceneseek.gallery.lookups import EmbeddingSample
from sceneseek.gallery.trust.cohorts import MAX_COHORT, MAX_GROUPS, MIN_COHORT, REST, Bulk, Cohorts, group_name
from sceneseek.similarity import normalise


def people(*cameras: tuple[str | None, int], tracklets: int | None = None, seed: int = 0) -> EmbeddingSample:
    """So many people per camera, in directions of their own; in a video, so many tracklets a camera."""
    rng = np.random.default_rng(seed)
    names = [camera for camera, count in cameras for _ in range(count)]
    total = len(names)
    rows = pa.table({
        "id": pa.array([f"d{i}" for i in range(total)]),
        "media_key": pa.array([f"m{i}" for i in range(total)]),
        "source": pa.array([f"/media/{i}.jpg" for i in range(total)]),
        "camera_id": pa.array(names, pa.string()),
        "tracklet_id": pa.array([tracklets and f"t{i % tracklets}" for i in range(total)], pa.string()),
        "time_s": pa.nulls(total, pa.float64()),
    })  # fmt: skip
    return EmbeddingSample(normalise(rng.normal(size=(total, 16))).astype(np.float32), rows)


def test_people_belong_to_their_camera_else_to_their_video_else_to_their_folder() -> None:
    assert group_name("yard", "/a/1.jpg", None) == group_name("yard", "/b/2.mp4", 3.0)
    assert group_name(None, "/a/1.jpg", None) == group_name(None, "/a/2.jpg", None)
    assert group_name(None, "/a/1.mp4", 0.0) != group_name(None, "/a/2.mp4", 0.0)
    assert group_name(None, "/a/1.jpg", None) != group_name(None, "/b/1.jpg", None)
    assert group_name("/a", "/x", None) != group_name(None, "/a/1.jpg", None), "a camera is not a folder of its name"
    assert "yard" not in group_name("yard", "/a/1.jpg", None), "names must not stay where people are forgotten"


def test_small_groups_are_judged_together_and_an_empty_rest_by_everybody() -> None:
    cohorts = Cohorts.of(people(("a", 60), ("b", MIN_COHORT), ("c", MIN_COHORT - 1), (None, 5)))
    assert len(cohorts.names) == 3
    assert cohorts.names[-1] == REST
    assert cohorts.number(group_name("c", "", None)) == cohorts.number("never heard of") == 2
    np.testing.assert_allclose(cohorts.shares, np.array([60, MIN_COHORT, MIN_COHORT + 4]) / (64 + 2 * MIN_COHORT))
    alone = Cohorts.of(people(("a", 60), ("b", 70)))
    query = alone.embeddings[0]
    everybody = Bulk.of(alone.embeddings @ query)
    assert alone.scales(query).median[-1] == everybody.median
    assert not alone.shares[-1]


def test_the_largest_groups_are_kept_when_there_are_too_many() -> None:
    cohorts = Cohorts.of(people(*((f"c{i}", MIN_COHORT + i) for i in range(MAX_GROUPS + 3))))
    assert len(cohorts.names) == MAX_GROUPS + 1
    assert cohorts.number(group_name("c0", "", None)) == MAX_GROUPS
    assert cohorts.number(group_name(f"c{MAX_GROUPS + 2}", "", None)) == 0


def test_one_long_sighting_does_not_speak_for_a_camera() -> None:
    crowd, walker = people(("a", 200), seed=1), people(("a", 4 * MAX_COHORT), tracklets=1, seed=2)
    both = EmbeddingSample(
        np.concatenate([crowd.embeddings, walker.embeddings]), pa.concat_tables([crowd.rows, walker.rows])
    )
    cohorts = Cohorts.of(both)
    kept = (cohorts.embeddings[:, None] == walker.embeddings).all(-1).any(-1)
    assert kept.sum() <= 2
    few = Cohorts.of(people(("a", 600), tracklets=3))
    assert few.starts[1] - few.starts[0] == MAX_COHORT, "of few sightings each gives many frames"


def test_filters_change_who_was_compared() -> None:
    cohorts = Cohorts.of(people(("a", 60), ("b", 180)))
    b = cohorts.number(group_name("b", "", None))
    assert cohorts.passing(None)[b] == pytest.approx(0.75)
    assert cohorts.passing(Filters(cameras=("b",)))[b] == 1
    np.testing.assert_array_equal(cohorts.passing(Filters(cameras=("nobody",))), cohorts.shares)


def test_the_bulk_of_a_weighted_sample_is_that_of_a_repeated_one() -> None:
    rng = np.random.default_rng(0)
    values, counts = rng.normal(size=500), rng.integers(1, 5, 500)
    one, two = Bulk.of_weighted(values, counts), Bulk.of(np.repeat(values, counts))
    assert one.median == pytest.approx(two.median, abs=0.02)
    assert one.spread == pytest.approx(two.spread, abs=0.02)
