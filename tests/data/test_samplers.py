from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sceneseek.data.samplers import Draw, IdentityPairSampler, ShuffledSampler
from sceneseek.errors import CheckpointError, DataError, ValueRefused
from sceneseek.structures import UNLABELED, Sample, SceneSet


def scenes_of(rows: list[list[int]], cameras: list[str] | None = None, ignore: set[int] = frozenset()) -> SceneSet:
    samples = []
    for index, ids in enumerate(rows):
        boxes = np.array([[10 * i, 0, 10 * i + 8, 20] for i in range(len(ids))], np.float32).reshape(-1, 4)
        mask = np.array([index in ignore] * len(ids), bool)
        camera = None if cameras is None else cameras[index]
        samples.append(Sample(index + 1, Path(f"{index}.png"), 100, 40, boxes, np.array(ids, np.int64), camera, mask))
    return SceneSet("set", samples)


PEOPLE = [[1, 2], [2, 3], [3, UNLABELED], [1], [4], [], [2, 1], [UNLABELED, UNLABELED]]


def test_every_pair_shows_its_person_in_two_different_images():
    sampler = IdentityPairSampler(scenes_of(PEOPLE), batch_size=4, seed=0)
    for number in range(40):
        batch = sampler.batch(number)
        for a, b in zip(batch[::2], batch[1::2], strict=True):
            assert a.person_id == b.person_id
            assert a.scene_index != b.scene_index
            assert a.person_id in PEOPLE[a.scene_index]
            assert a.person_id in PEOPLE[b.scene_index]


def test_an_epoch_is_one_pass_over_the_people_with_two_images():
    sampler = IdentityPairSampler(scenes_of(PEOPLE), batch_size=2, seed=0)
    assert sampler.draws_per_epoch == 6
    orders = []
    for epoch in range(5):
        draws = [sampler.draw(6 * epoch + i) for i in range(6)]
        assert {draw.epoch for draw in draws} == {epoch}
        assert sorted(draw.person_id for draw in draws[::2]) == [1, 2, 3]
        orders.append(tuple(draw.person_id for draw in draws))
    assert len(set(orders)) > 1


def test_all_images_of_a_person_are_drawn_in_time():
    sampler = IdentityPairSampler(scenes_of(PEOPLE), batch_size=2, seed=0)
    seen = {draw.scene_index for number in range(60) for draw in sampler.batch(number) if draw.person_id == 2}
    assert seen == {0, 1, 6}


def test_ignored_boxes_make_no_pairs():
    sampler = IdentityPairSampler(scenes_of(PEOPLE, ignore={1}), batch_size=2, seed=0)
    assert sampler.draws_per_epoch == 4


def test_the_other_camera_is_preferred_where_there_is_one():
    scenes = scenes_of([[1], [1], [1], [2], [2]], cameras=["a", "a", "b", "c", "c"])
    sampler = IdentityPairSampler(scenes, batch_size=2, seed=0, prefer_other_camera=True)
    for number in range(40):
        pair = {draw.scene_index for draw in sampler.batch(number)}
        assert pair in ({0, 2}, {1, 2}, {3, 4})


@pytest.mark.parametrize("build", [IdentityPairSampler, ShuffledSampler])
def test_batches_are_functions_of_seed_and_number(build):
    scenes = scenes_of(PEOPLE)
    forwards = [build(scenes, batch_size=4, seed=5).batch(n) for n in range(12)]
    sampler = build(scenes, batch_size=4, seed=5)
    backwards = [sampler.batch(n) for n in reversed(range(12))]
    assert forwards == backwards[::-1]
    assert forwards != [build(scenes, batch_size=4, seed=6).batch(n) for n in range(12)]


@pytest.mark.parametrize("build", [IdentityPairSampler, ShuffledSampler])
def test_processes_share_the_global_batch_in_rank_order(build):
    scenes = scenes_of(PEOPLE)
    whole = build(scenes, batch_size=6, seed=1)
    parts = [build(scenes, batch_size=2, seed=1, rank=rank, world_size=3) for rank in range(3)]
    for number in range(10):
        assert whole.batch(number) == [draw for part in parts for draw in part.batch(number)]


def test_a_shuffled_epoch_draws_every_image_once():
    sampler = ShuffledSampler(scenes_of(PEOPLE), batch_size=3, seed=0)
    draws = [draw for number in range(8) for draw in sampler.batch(number)]
    for epoch in range(3):
        assert sorted(d.scene_index for d in draws if d.epoch == epoch) == list(range(8))
    assert draws[0] == Draw(0, 0, draws[0].scene_index, UNLABELED)
    assert sampler.batches_for(3) == 8


def test_a_saved_position_is_resumed_and_a_foreign_one_refused():
    scenes = scenes_of(PEOPLE)
    sampler = IdentityPairSampler(scenes, batch_size=4, seed=1)
    state = sampler.state_dict(17)
    assert IdentityPairSampler(scenes, batch_size=4, seed=1).resume(state) == 17
    for other in (
        IdentityPairSampler(scenes, batch_size=4, seed=2),
        IdentityPairSampler(scenes, batch_size=2, seed=1),
        IdentityPairSampler(scenes, batch_size=4, seed=1, world_size=2),
        IdentityPairSampler(scenes_of(PEOPLE[:3]), batch_size=4, seed=1),
        ShuffledSampler(scenes, batch_size=4, seed=1),
    ):
        with pytest.raises(CheckpointError, match="sampler has"):
            other.resume(state)


def test_impossible_requests_are_refused():
    with pytest.raises(ValueRefused, match="even number"):
        IdentityPairSampler(scenes_of(PEOPLE), batch_size=3, seed=0)
    with pytest.raises(DataError, match="no person appears in two images"):
        IdentityPairSampler(scenes_of([[1], [2]]), batch_size=2, seed=0)
    with pytest.raises(DataError, match="no images"):
        ShuffledSampler(scenes_of([]), batch_size=2, seed=0)
    with pytest.raises(ValueRefused, match="batch_size is 0"):
        ShuffledSampler(scenes_of(PEOPLE), batch_size=0, seed=0)
    with pytest.raises(ValueRefused, match="rank is 2"):
        ShuffledSampler(scenes_of(PEOPLE), batch_size=2, seed=0, rank=2, world_size=2)
