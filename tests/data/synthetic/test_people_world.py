"""The world of people: the same seed gives the same world, and what it says about its pixels is true."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from sceneseek.data.coco import read_coco
from sceneseek.data.synthetic import PeopleWorld, WorldSpec, generate, render_scene
from sceneseek.data.synthetic.appearance import draw_appearance, draw_lookalike
from sceneseek.data.synthetic.scene import LEAST_HEIGHT, LEAST_VISIBLE
from sceneseek.errors import ValueRefused
from sceneseek.structures import UNLABELED

SMALL = WorldSpec(seed=3, num_scenes=12, num_identities=8, num_cameras=3, width=320, height=192)


@pytest.fixture(scope="module")
def world():
    return PeopleWorld(SMALL)


@pytest.fixture(scope="module")
def pictures(world):
    return [world.picture(i) for i in range(len(world))]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    spec = WorldSpec(
        seed=5, num_scenes=36, num_identities=8, num_cameras=3, width=192, height=128, difficulty="easy",
        lookalike_share=0.6, gallery_size=10,
    )  # fmt: skip
    return spec, folder, generate(spec, folder)


def test_a_scene_depends_on_nothing_but_spec_and_index(pictures):
    other = PeopleWorld(SMALL)
    for index in (7, 2, 9):
        again = other.picture(index)
        assert again.jpeg == pictures[index].jpeg
        np.testing.assert_array_equal(again.sample.boxes, pictures[index].sample.boxes)
        np.testing.assert_array_equal(again.sample.person_ids, pictures[index].sample.person_ids)


def test_another_seed_is_another_world(pictures):
    other = PeopleWorld(WorldSpec(**{**vars(SMALL), "seed": 4}))
    assert other.picture(0).jpeg != pictures[0].jpeg


def test_render_scene_gives_pixels_and_annotations(world, pictures):
    image, sample = render_scene(world, 1)
    assert image.shape == (192, 320, 3)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, pictures[1].image)
    assert sample.camera_id == pictures[1].sample.camera_id


def test_a_scene_that_is_not_there_is_refused(world):
    with pytest.raises(ValueRefused, match="scenes 0 to 11"):
        world.picture(12)


def test_boxes_hold_the_pixels_of_their_person(pictures):
    people = 0
    for picture in pictures:
        owner = picture.truth.owner
        for row, (x1, y1, x2, y2) in enumerate(picture.sample.boxes):
            rows, columns = np.nonzero(owner == row)
            assert len(rows) > 0
            assert columns.min() >= x1
            assert columns.max() < x2
            assert rows.min() >= y1
            assert rows.max() < y2
            people += 1
        assert owner.max() == len(picture.sample) - 1
    assert people > 20


def test_the_box_of_somebody_in_full_view_is_tight(pictures):
    tight = 0
    for picture in pictures:
        for row, (x1, y1, x2, y2) in enumerate(picture.sample.boxes):
            if picture.sample.visibility[row] < 0.999:
                continue
            rows, columns = np.nonzero(picture.truth.owner == row)
            assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (x1, y1, x2, y2)
            tight += 1
    assert tight > 5


def test_visibility_equals_a_recount_of_the_pixels(world, pictures, monkeypatch):
    """Each person's whole silhouette is taken from the picture that is laid down, not from the truth's own count."""
    from sceneseek.data.synthetic import scene

    wholes = []
    lay = scene._lay

    def listen(canvas, owner, patch, label):
        if label >= 0:
            wholes.append(int((patch.own > 0.5).sum()))
        return lay(canvas, owner, patch, label)

    monkeypatch.setattr(scene, "_lay", listen)
    checked = 0
    for index, picture in enumerate(pictures):
        wholes.clear()
        world.picture(index)
        visible = [int((picture.truth.owner == row).sum()) for row in range(len(picture.sample))]
        shares = picture.sample.visibility
        found = [
            min(abs(count / whole - share) for whole in wholes) for count, share in zip(visible, shares, strict=True)
        ]
        assert all(gap < 1e-6 for gap in found)
        checked += len(found)
    assert checked > 20


def test_hardly_visible_people_are_ignored_and_have_no_identity(pictures):
    for picture in pictures:
        sample = picture.sample
        heights = sample.boxes[:, 3] - sample.boxes[:, 1]
        hidden = (sample.visibility < LEAST_VISIBLE) | (heights < LEAST_HEIGHT)
        np.testing.assert_array_equal(hidden, sample.ignore_mask)
        assert (sample.person_ids[hidden] == UNLABELED).all()


def test_people_are_seen_against_their_surroundings(pictures):
    """Inside a person the picture differs from the empty place: the pixels were really drawn."""
    different = []
    for picture in pictures:
        owner = picture.truth.owner
        for row in range(len(picture.sample)):
            mine = owner == row
            if mine.sum() < 200:
                continue
            x1, y1, x2, y2 = picture.sample.boxes[row].astype(int)
            around = np.zeros_like(mine)
            around[y1:y2, x1:x2] = True
            around &= owner < 0
            if around.sum() > 50:
                gap = picture.image[mine].mean(axis=0) - picture.image[around].mean(axis=0)
                different.append(float(np.abs(gap).max()))
    assert np.median(different) > 10


def test_splits_share_no_identity(written):
    _, _, sets = written
    train, test = set(sets["train"].person_ids.tolist()), set(sets["test"].person_ids.tolist())
    assert train
    assert test
    assert not train & test


def test_galleries_list_positives_first_and_never_the_query(written):
    spec, _, sets = written
    test = sets["test"]
    assert len(test.queries) >= 2
    for query in test.queries:
        shown = [query.person_id in test.by_id[i].person_ids for i in query.gallery]
        assert shown[0]
        assert sorted(shown, reverse=True) == shown
        assert query.image_id not in query.gallery
        assert len(set(query.gallery)) == len(query.gallery) == min(spec.gallery_size, len(test) - 1)
        own = test.by_id[query.image_id].camera_id
        cameras = [test.by_id[i].camera_id == own for i, hit in zip(query.gallery, shown, strict=True) if hit]
        assert sorted(cameras) == cameras, "positives of other cameras come first"


def test_lookalikes_come_first_among_the_distractors(written):
    spec, _, sets = written
    test, models = sets["test"], PeopleWorld(spec).models
    for query in test.queries:
        kin = {a if b == query.person_id else b for a, b in models.items() if query.person_id in (a, b)}
        rest = [set(test.by_id[i].person_ids.tolist()) for i in query.gallery]
        rest = [bool(kin & people) for people in rest if query.person_id not in people]
        assert sorted(rest, reverse=True) == rest


def test_the_files_say_what_was_returned(written):
    spec, folder, sets = written
    for split in ("train", "test"):
        read = read_coco(folder / split)
        assert len(read) == len(sets[split])
        assert [q.gallery for q in read.queries] == [q.gallery for q in sets[split].queries]
        for ours, theirs in zip(sets[split].samples, read.samples, strict=True):
            np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=0.01)
            np.testing.assert_array_equal(ours.person_ids, theirs.person_ids)
            np.testing.assert_allclose(ours.visibility, theirs.visibility, atol=1e-3)
            assert ours.camera_id == theirs.camera_id
            assert theirs.path.is_file()
    assert all(len(q.gallery) == 5 for q in read_coco(folder / "test", gallery_size=5).queries)
    assert json.loads((folder / "test" / "annotations.json").read_text())["info"]["spec"] == repr(spec)


def test_two_processes_write_the_same_bytes_as_one(tmp_path):
    spec = WorldSpec(seed=2, num_scenes=10, num_identities=4, num_cameras=2, width=128, height=96, difficulty="easy")
    generate(spec, tmp_path / "one")
    generate(spec, tmp_path / "two", workers=2)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert len(files) == 12
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_progress_counts_every_scene(tmp_path):
    told = []
    spec = WorldSpec(num_scenes=3, num_identities=4, num_cameras=2, width=96, height=64)
    generate(spec, tmp_path, progress=lambda done, total, note="": told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_harder_world_is_more_crowded_and_its_cameras_differ_more():
    sizes, spread = [], []
    for difficulty in ("easy", "medium", "hard"):
        there = PeopleWorld(WorldSpec(num_scenes=60, num_identities=40, num_cameras=24, difficulty=difficulty))
        sizes.append(np.mean([len(cast) for cast in there.casts]))
        spread.append(np.mean([np.abs(there.response(c).matrix - np.eye(3)).sum() for c in range(24)]))
    assert sizes == sorted(sizes)
    assert spread == sorted(spread)
    assert spread[2] > 2 * spread[0]


def test_every_identity_appears_about_equally_often():
    there = PeopleWorld(WorldSpec(num_scenes=100, num_identities=20))
    seen = np.bincount([p for cast in there.casts[: there.spec.num_train_scenes] for p in cast if p != UNLABELED])
    assert seen.max() - seen.min() <= 2
    assert all(len(set(known)) == len(known) for cast in there.casts for known in [[p for p in cast if p >= 0]])


def test_a_fixed_camera_sees_one_place():
    there = PeopleWorld(
        WorldSpec(num_scenes=40, num_identities=4, num_cameras=2, width=96, height=64, fixed_cameras=True)
    )
    places = {(there.cameras[i], id(there.place(i))) for i in range(0, 40, 5)}
    assert len(places) == 2


def test_a_lookalike_keeps_most_of_the_clothes():
    rng = np.random.default_rng(0)
    for _ in range(20):
        model = draw_appearance(rng)
        twin = draw_lookalike(rng, model, 2)
        parts = ("body", "face", "hair", "upper", "inner", "lower", "shoes", "extras")
        same = [getattr(model, part) == getattr(twin, part) for part in parts]
        assert sum(same) >= len(parts) - 2
        assert twin.seed != model.seed


def test_lookalikes_stay_in_their_split():
    there = PeopleWorld(WorldSpec(num_identities=60, lookalike_share=0.7))
    edge = there.spec.num_train_identities
    assert len(there.models) > 20
    assert all((twin < edge) == (model < edge) and model < twin for twin, model in there.models.items())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("difficulty", "hrad"),
        ("num_scenes", 1),
        ("num_identities", 2),
        ("seed", -1),
        ("test_share", 1.0),
        ("gallery_size", 0),
    ],
)
def test_a_spec_that_makes_no_world_is_refused(field, value):
    with pytest.raises(ValueRefused, match=field if field != "difficulty" else "Did you mean 'hard'"):
        WorldSpec(**{field: value})


def test_less_than_one_worker_is_refused(tmp_path):
    with pytest.raises(ValueRefused, match="workers"):
        generate(SMALL, tmp_path, workers=0)


def test_a_part_of_the_people_wears_the_uniform() -> None:
    plain = WorldSpec(seed=3, num_scenes=4, num_identities=60, lookalike_share=0.0)
    world, nobody = PeopleWorld(replace(plain, uniform_share=0.5)), PeopleWorld(plain)
    wearers = [person for person in range(60) if world.wears_uniform(person)]
    assert 15 < len(wearers) < 45
    assert not any(nobody.wears_uniform(person) for person in range(60))
    uppers = {id_of.upper for id_of in map(world.look, wearers)}
    assert len(uppers) == 1
    for person in range(60):
        look, own = world.look(person), nobody.look(person)
        assert (look.body, look.hair) == (own.body, own.hair)
        assert (look.upper == own.upper) == (person not in wearers)
