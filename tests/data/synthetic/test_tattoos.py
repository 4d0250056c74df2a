from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from sceneseek.data.coco import read_coco
from sceneseek.data.synthetic import tattoo_paint
from sceneseek.data.synthetic.tattoo_art import (
    FAMILIES,
    draw_design,
    draw_lookalike,
    marks_of,
    render_ink,
    render_sketch,
)
from sceneseek.data.synthetic.tattoo_body import Figure, Ink, Limb
from sceneseek.data.synthetic.tattoo_marks import BLACK, circle, extent, hatching, line, mirrored, placed
from sceneseek.data.synthetic.tattoo_paint import COVERED_BELOW, Traces, paint
from sceneseek.data.synthetic.tattoo_scene import _truth, hardship, photograph
from sceneseek.data.synthetic.tattoo_skin import BodyPart, Light, Placement, Skin, warp_ink
from sceneseek.data.synthetic.tattoos import TattooSpec, generate_tattoos, plan, render
from sceneseek.data.webtattoo import read_webtattoo
from sceneseek.data.webtattoo_writing import write_webtattoo
from sceneseek.errors import ValueRefused
from sceneseek.pictures import picture_size, read_picture
from sceneseek.structures import UNLABELED, SceneSet

SPEC = TattooSpec(seed=3, num_scenes=24, num_identities=8, width=256, height=160)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, SceneSet]]:
    folder = tmp_path_factory.mktemp("tattoos")
    return folder, generate_tattoos(SPEC, folder)


# -- designs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_draws_finite_marks_that_differ_between_members(family: str) -> None:
    drawn = []
    for seed in range(5):
        marks = FAMILIES[family](np.random.default_rng(seed))
        points = np.concatenate([mark.points for mark in marks])
        assert np.isfinite(points).all()
        assert {mark.kind for mark in marks} <= {"line", "fill", "shade", "clear"}
        assert all(mark.ink <= 3 for mark in marks)
        again = np.concatenate([mark.points for mark in FAMILIES[family](np.random.default_rng(seed))])
        np.testing.assert_array_equal(points, again)
        drawn.append(points)
    assert any(a.shape != drawn[0].shape or not np.allclose(a, drawn[0]) for a in drawn[1:])


def test_a_design_is_fixed_by_its_seed_and_fills_its_square() -> None:
    for seed in range(12):
        design = draw_design(np.random.default_rng(seed))
        assert design == draw_design(np.random.default_rng(seed))
        left, top, right, bottom = extent(marks_of(design))
        assert max(right - left, bottom - top) == pytest.approx(2.0, abs=1e-3)
        ink = render_ink(design)
        assert 0.01 < (ink.min(axis=2) < COVERED_BELOW).mean() < 0.95
        assert not ink.flags.writeable


def test_a_lookalike_keeps_the_plan_and_changes_the_picture() -> None:
    rng = np.random.default_rng(5)
    for _ in range(12):
        design = draw_design(rng)
        for keep_main in (False, True):
            other = draw_lookalike(design, rng, keep_main=keep_main)
            assert (other.family, other.style, other.weight, other.frame) == (
                design.family, design.style, design.weight, design.frame
            )  # fmt: skip
            assert [p.shift for p in other.parts] == [p.shift for p in design.parts]
            assert other.parts != design.parts
            assert (other.parts[-1] == design.parts[-1]) == (keep_main and len(design.parts) > 1)


def test_a_sketch_resembles_its_design_more_than_others() -> None:
    """Blurred line drawings compared at the same size: chance would be one in eight."""

    def signature(image: np.ndarray) -> np.ndarray:
        grey = 255 - (image if image.ndim == 2 else image.min(axis=2))
        small = cv2.GaussianBlur(
            cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32), (0, 0), 1.5
        )
        small -= small.mean()
        return (small / np.linalg.norm(small)).ravel()

    rng = np.random.default_rng(11)
    designs = [draw_design(rng) for _ in range(8)]
    inks = np.stack([signature(render_ink(d)) for d in designs])
    sketches = np.stack([signature(render_sketch(d, rng, 160)) for d in designs])
    assert ((sketches @ inks.T).argmax(axis=1) == np.arange(8)).mean() >= 0.75
    assert not np.array_equal(render_sketch(designs[0], rng, 96), render_sketch(designs[0], rng, 96))


def test_marks_mirror_turn_and_hatch() -> None:
    one = [line([[0, 0], [1, 0]])]
    np.testing.assert_allclose(placed(one, 2.0, np.pi / 2, (1, 1))[0].points, [[1, 1], [1, 3]], atol=1e-6)
    np.testing.assert_allclose(mirrored(one)[1].points, [[0, 0], [-1, 0]], atol=1e-6)
    for mark in hatching(circle(radius=1.0, sides=64), 0.3, 0.2):
        assert mark.ink == BLACK
        assert np.hypot(*mark.points.T).max() < 1.01


# -- skin --------------------------------------------------------------------------------------------------------------


def test_places_on_skin_and_pixels_agree() -> None:
    """From skin to scene and back through the pixel coordinates, on a bent, tapered, flattened part."""
    part = BodyPart((40.0, 10.0), 1.2, 150.0, 40.0, (1.0, 1.1, 0.8, 0.7), bend=0.05, roundness=2.6, depth=0.7)
    along, across = part.coordinates(0, 0, 200, 200)
    girth = part.girth(along, across)
    for a, g in ((0.2, 0.0), (0.5, 25.0), (0.7, -20.0)):
        (x, y), facing = part.to_image(a, g)
        assert facing
        row, column = round(float(y)), round(float(x))
        assert along[row, column] == pytest.approx(a, abs=0.01)
        assert girth[row, column] == pytest.approx(g, abs=2.0)
        assert part.contains(np.array([x, y]))


def test_ink_is_not_mirrored_on_skin() -> None:
    """An upright picture on an upright limb: left stays left, and up stays up."""
    ink = np.full((60, 60, 3), 255, np.uint8)
    ink[5:25, 5:25] = 0
    part = BodyPart((100.0, 0.0), np.pi / 2, 200.0, 60.0, (1.0, 1.0))
    along, across = part.coordinates(0, 0, 200, 200)
    found = warp_ink(ink, Placement(0.5, 0.0, 0.0, 60, 60), part, 0, 0, along, across)
    assert found is not None
    (rows, columns), warped = found
    dark = np.argwhere(warped[..., 0] < 128) + np.array([rows.start, columns.start])
    assert dark[:, 0].max() < 100
    assert dark[:, 1].max() < 100


def test_ink_wraps_around_a_limb() -> None:
    """On a cylinder the picture's edges are squeezed, and what lies behind is not seen."""
    ink = np.zeros((40, 300, 3), np.uint8)
    part = BodyPart((100.0, 0.0), np.pi / 2, 200.0, 50.0, (1.0, 1.0))
    along, across = part.coordinates(0, 0, 200, 200)
    place = Placement(0.5, 0.0, 0.0, 300, 40)
    found = warp_ink(ink, place, part, 0, 0, along, across)
    assert found is not None
    (_, columns), warped = found
    seen = np.flatnonzero(warped[warped.shape[0] // 2, :, 0] < 128) + columns.start
    assert (seen.min(), seen.max()) == pytest.approx((50, 150), abs=2)
    _, facing = place.on_part(part, 24)
    assert 0.4 < facing.mean() < 0.62  # 100 * pi of 300 pixels would be all; half a turn is 157


# -- plan --------------------------------------------------------------------------------------------------------------


def test_plan_shows_every_design_and_splits_share_none() -> None:
    spec = TattooSpec(num_scenes=90, num_identities=30, difficulty="hard")
    plans = plan(spec)
    assert [p.index for p in plans] == list(range(90))
    shown: dict[str, set[int]] = {"train": set(), "query": set(), "gallery": set()}
    for p in plans:
        ids = [s.person_id for s in p.subjects if s.person_id != UNLABELED]
        assert len(set(ids)) == len(ids)
        shown[p.role] |= set(ids)
    assert shown["train"] == set(range(18))
    assert shown["query"] == shown["gallery"] == set(range(18, 30))
    queries = [p for p in plans if p.role == "query"]
    assert len(queries) == 12
    assert {p.is_sketch for p in queries} == {True, False}
    designs = {s.person_id: s.design for p in plans for s in p.subjects if s.person_id != UNLABELED}
    assert len(set(designs.values())) == 30
    strangers = {s.design for p in plans for s in p.subjects if s.person_id == UNLABELED}
    assert not strangers & set(designs.values())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"difficulty": "brutal"}, "difficulty is 'brutal'"),
        ({"num_identities": 3}, "num_identities is 3; expected at least 4"),
        ({"num_scenes": 40}, "train pictures are too few"),
        ({"num_scenes": 150, "test_share": 0.2, "num_identities": 120}, "test_share|too few"),
        ({"sketch_share": 1.5}, "sketch_share is 1.5"),
        ({"num_identities": 4, "test_share": 0.01}, "without designs"),
        ({"width": 10}, "width is 10"),
    ],
)
def test_spec_refuses_what_cannot_be_drawn(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueRefused, match=message):
        TattooSpec(**wrong)  # type: ignore[arg-type]


# -- scenes ------------------------------------------------------------------------------------------------------------


def test_a_scene_depends_on_seed_and_index_alone() -> None:
    third = render(SPEC, 3)
    render(SPEC, 7)
    again = render(SPEC, 3)
    np.testing.assert_array_equal(third.image, again.image)
    np.testing.assert_array_equal(third.boxes, again.boxes)
    other = render(TattooSpec(seed=4, num_scenes=24, num_identities=8, width=256, height=160), 3)
    assert not np.array_equal(third.image, other.image)


@pytest.mark.parametrize("difficulty", ["easy", "medium", "hard"])
def test_truth_lies_inside_and_labelled_designs_are_seen(difficulty: str) -> None:
    spec = TattooSpec(seed=8, num_scenes=24, num_identities=8, width=256, height=160, difficulty=difficulty)
    for p in plan(spec):
        picture = render(spec, p.index)
        assert picture.image.shape == (160, 256, 3)
        assert picture.image.dtype == np.uint8
        assert (picture.boxes[:, :2] >= 0).all()
        assert (picture.boxes[:, 2:] <= [256, 160]).all()
        assert (picture.boxes[:, 2:] - picture.boxes[:, :2] >= 3).all()
        assert ((picture.visibility > 0) & (picture.visibility <= 1)).all()
        assert {s.person_id for s in p.subjects} - {UNLABELED} <= set(picture.person_ids.tolist())


def test_boxes_hold_the_ink(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scene drawn twice, once with its ink washed off, differs inside the box and nowhere else."""
    spec = TattooSpec(seed=2, num_scenes=24, num_identities=8, width=256, height=160, difficulty="easy")
    index = next(p.index for p in plan(spec) if p.role == "gallery" and len(p.subjects) == 1 and not p.extras)
    inked = render(spec, index)
    monkeypatch.setattr(tattoo_paint, "_aged", lambda ink: np.full((320, 320, 3), 255, np.uint8))
    p, rng = plan(spec)[index], np.random.default_rng(np.random.SeedSequence([spec.seed, index], spawn_key=(0,)))
    bare = photograph(rng, list(p.subjects), [], p.camera, (spec.width, spec.height), hardship("easy"))
    assert len(bare.boxes) == 0
    differs = np.abs(inked.image.astype(int) - bare.image).max(axis=2) > 40
    x1, y1, x2, y2 = inked.boxes[0].astype(int)
    assert differs[y1:y2, x1:x2].sum() > 20
    differs[max(0, y1 - 3) : y2 + 3, max(0, x1 - 3) : x2 + 3] = False
    assert not differs.any()


def test_covered_and_cut_tattoos_are_less_visible() -> None:
    """The share counts what lies outside the scene, behind the limb, and under other layers."""
    design = draw_design(np.random.default_rng(1))
    part = BodyPart((50.0, -50.0), np.pi / 2, 200.0, 30.0, (1.0, 1.0))
    light = Light((0.0, 0.0, 1.0), 0.5, (1.0, 1.0, 1.0))

    def share(place: Placement, *, covered: bool = False) -> float:
        ink = Ink(design, 0, place)
        figures = [Figure((Limb(part),), Skin((0.9, 0.7, 0.6), 0.0, 0.0, 0.0, 0.0), (ink,))]
        if covered:
            upper = BodyPart((0.0, 25.0), 0.0, 200.0, 25.0, (1.0, 1.0))
            figures.append(Figure((Limb(upper),), figures[0].skin))
        canvas, traces = np.zeros((100, 100, 3), np.float32), Traces(np.zeros((100, 100), np.uint8))
        for figure in figures:
            paint(figure, canvas, traces, light, np.random.default_rng(0))
        shares = _truth(traces, 100, 100)[2]
        return float(shares[0]) if len(shares) else 0.0

    assert share(Placement(0.5, 0.0, 0.0, 30, 30)) == pytest.approx(1.0)
    assert 0.2 < share(Placement(0.5, 0.0, 0.0, 30, 30), covered=True) < 0.8
    assert 0.2 < share(Placement(0.25, 0.0, 0.0, 30, 30)) < 0.8  # its middle lies on the upper border
    assert 0.2 < share(Placement(0.5, 45.0, 0.0, 30, 30)) < 0.8  # its middle lies on the silhouette
    assert share(Placement(0.9, 0.0, 0.0, 30, 30)) == 0.0


def test_small_pictures_work() -> None:
    spec = TattooSpec(seed=1, num_scenes=30, num_identities=6, width=96, height=64, difficulty="hard")
    assert {render(spec, p.index).image.shape for p in plan(spec)} == {(64, 96, 3)}


# -- data sets ---------------------------------------------------------------------------------------------------------


def test_written_sets_are_read_back(world: tuple[Path, dict[str, SceneSet]]) -> None:
    folder, sets = world
    assert sorted(sets) == ["test", "train"]
    for split, scenes in sets.items():
        found = read_coco(folder / split)
        assert len(found) == len(scenes) > 0
        for a, b in zip(found.samples, scenes.samples, strict=True):
            assert picture_size(a.path) == (SPEC.width, SPEC.height)
            np.testing.assert_allclose(a.boxes, b.boxes, atol=0.01)
            np.testing.assert_array_equal(a.person_ids, b.person_ids)
            np.testing.assert_allclose(a.visibility, b.visibility, atol=0.001)
            assert a.camera_id == b.camera_id
        assert [q.gallery for q in found.queries] == [q.gallery for q in scenes.queries]


def test_queries_follow_the_protocol(world: tuple[Path, dict[str, SceneSet]]) -> None:
    _, sets = world
    test = sets["test"]
    assert not set(sets["train"].person_ids) & set(test.person_ids)
    assert not set(sets["train"].by_id) & set(test.by_id)
    assert len(test.queries) == SPEC.num_test_identities
    galleries = {frozenset(q.gallery) for q in test.queries}
    assert len(galleries) == 1
    assert not {q.image_id for q in test.queries} & next(iter(galleries))
    for query in test.queries:
        shows = [bool((test.by_id[i].person_ids == query.person_id).any()) for i in query.gallery]
        assert shows == sorted(shows, reverse=True)
        assert shows[0]


def test_gallery_size_cuts_galleries(tmp_path: Path) -> None:
    spec = TattooSpec(num_scenes=20, num_identities=6, width=128, height=96, gallery_size=3)
    assert {len(q.gallery) for q in generate_tattoos(spec, tmp_path)["test"].queries} == {3}


def test_workers_write_the_same_files(world: tuple[Path, dict[str, SceneSet]], tmp_path: Path) -> None:
    folder, _ = world
    calls: list[tuple[int, int | None]] = []

    def note(done: int, total: int | None, note: str = "") -> None:
        calls.append((done, total))

    generate_tattoos(SPEC, tmp_path, workers=2, progress=note)
    assert calls == [(i, SPEC.num_scenes) for i in range(SPEC.num_scenes + 1)]
    for file in sorted(folder.rglob("*.jpg")):
        assert (tmp_path / file.relative_to(folder)).read_bytes() == file.read_bytes()
    with pytest.raises(ValueRefused, match="workers is 0"):
        generate_tattoos(SPEC, tmp_path, workers=0)


def test_pictures_decode(world: tuple[Path, dict[str, SceneSet]]) -> None:
    _, sets = world
    image = read_picture(sets["test"].samples[0].path)
    assert image.shape == (SPEC.height, SPEC.width, 3)
    assert image.std() > 5


def test_world_survives_the_webtattoo_layout(world: tuple[Path, dict[str, SceneSet]], tmp_path: Path) -> None:
    _, sets = world
    write_webtattoo(sets["train"], sets["test"], tmp_path)
    found = read_webtattoo(tmp_path, "test")
    assert [q.person_id for q in found.queries] == [q.person_id for q in sets["test"].queries]
    for a, b in zip(found.samples, sets["test"].samples, strict=True):
        np.testing.assert_allclose(a.boxes, b.boxes, atol=0.01)
        np.testing.assert_array_equal(a.person_ids, b.person_ids)
