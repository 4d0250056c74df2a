"""Bodies, cameras and cloth: what is drawn where, from which side."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sceneseek.data.synthetic.appearance import draw_appearance
from sceneseek.data.synthetic.noise import fractal_noise
from sceneseek.data.synthetic.person import assemble
from sceneseek.data.synthetic.pose import draw_pose, stand
from sceneseek.data.synthetic.raster import Ball, Light, Slab, Surface, Tube, facing, paint
from sceneseek.data.synthetic.response import draw_response, expose
from sceneseek.data.synthetic.spec import WorldSpec
from sceneseek.data.synthetic.viewpoint import Viewpoint
from sceneseek.data.synthetic.wardrobe import tailor

VIEW = Viewpoint(elevation=1.5, pitch=0.0, focal=300.0, centre_x=160.0, centre_y=120.0, width=320, height=240)
LIGHT = Light(np.array([0.0, -0.6, -0.8]), np.full(3, 0.6), np.full(3, 0.6))
FRAME = (0, 0, 320, 240)
FRONT, LEFT, BACK, RIGHT = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)


def four_sided():
    """Red in front, green on the left, blue behind, yellow on the right."""
    angle = (np.arange(64) + 0.5) / 64 * 360
    side = ((angle + 45) // 90).astype(int) % 4
    return Surface(np.tile(np.array([FRONT, LEFT, BACK, RIGHT], np.uint8)[side], (32, 1, 1)))


def column(forward, deep=None):
    tube = Tube(np.array([0, 2.0, 4.0]), np.array([0, 1.0, 4.0]), np.full(8, 0.3), four_sided(), deep=deep, shadow=0.0)
    patch = paint([tube], np.array(forward, float), VIEW, LIGHT, FRAME)
    row = patch.colour[patch.colour.shape[0] // 2]
    shown = row[patch.alpha[patch.colour.shape[0] // 2] > 0.9]
    return [np.sign(shown[k].round(2)).astype(int).tolist() for k in (1, len(shown) // 2, -2)]


def test_a_body_that_faces_the_camera_shows_its_front_and_its_left_on_the_right():
    red, green, blue, yellow = [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]
    assert column([0, 0, -1]) == [yellow, red, green]
    assert column([0, 0, 1]) == [green, blue, yellow]
    assert column([-1, 0, 0]) == [red, green, blue]  # walks to the left: its left side is towards us
    assert column([0, 0, -1], deep=np.full(8, 0.1)) == [yellow, red, green]


def test_facing_is_measured_from_the_front_to_the_left():
    at = np.array([0.0, 1.0, 5.0])
    assert facing(at, np.array([0.0, 0, -1.0])) == pytest.approx(0.0)
    assert facing(at, np.array([-1.0, 0, 0.0])) == pytest.approx(math.pi / 2)
    assert abs(facing(at, np.array([0.0, 0, 1.0]))) == pytest.approx(math.pi)


def test_a_tube_covers_its_projected_width():
    tube = Tube(np.array([0, 2.0, 4.0]), np.array([0, 1.0, 4.0]), np.full(8, 0.3), four_sided(), shadow=0.0)
    patch = paint([tube], np.array([0, 0, -1.0]), VIEW, LIGHT, FRAME)
    width = patch.alpha[patch.alpha.shape[0] // 2].sum()
    assert width == pytest.approx(2 * 0.3 * 300 / 4, abs=0.2)
    assert patch.alpha.sum(axis=0).max() == pytest.approx(300 / 4, abs=2.5)


def test_a_flat_section_is_narrow_from_the_side():
    wide, deep = np.full(8, 0.3), np.full(8, 0.1)
    widths = []
    for forward in ([0, 0, -1.0], [1.0, 0, 0]):
        tube = Tube(np.array([0, 2.0, 4.0]), np.array([0, 1.0, 4.0]), wide, four_sided(), deep=deep, shadow=0.0)
        patch = paint([tube], np.array(forward), VIEW, LIGHT, FRAME)
        widths.append(patch.alpha[patch.alpha.shape[0] // 2].sum())
    assert widths[0] == pytest.approx(3 * widths[1], rel=0.03)


def test_a_ball_has_the_area_of_its_outline_and_the_right_side_forward():
    axes = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, -1.0]])  # left, up, front of a head that looks at us
    ball = Ball(np.array([0, 1.5, 4.0]), axes, (0.2, 0.4, 0.3), four_sided(), shadow=0.0)
    patch = paint([ball], axes[2], VIEW, LIGHT, FRAME)
    assert patch.alpha.sum() == pytest.approx(math.pi * 0.2 * 0.4 * (300 / 4) ** 2, rel=0.02)
    centre = patch.colour[patch.colour.shape[0] // 2, patch.colour.shape[1] // 2]
    assert centre[0] > 0.2
    assert centre[1] == centre[2] == 0


def test_a_slab_fills_its_quadrilateral():
    corners = np.array([[-0.5, 2, 4], [0.5, 2, 4], [0.5, 1, 4], [-0.5, 1, 4]], float)
    patch = paint([Slab(corners, np.full((8, 8, 3), 200, np.uint8))], np.array([0, 0, -1.0]), VIEW, LIGHT, FRAME)
    assert patch.alpha.sum() == pytest.approx((300 / 4) ** 2, rel=0.045)  # OpenCV draws the edge too


def test_what_lies_behind_the_camera_is_not_drawn():
    tube = Tube(np.array([0, 2.0, -4.0]), np.array([0, 1.0, -4.0]), np.full(8, 0.3), four_sided())
    patch = paint([tube], np.array([0, 0, -1.0]), VIEW, LIGHT, FRAME)
    assert patch is None or not patch.alpha.any()


def test_light_from_the_left_brightens_the_left():
    tube = Tube(
        np.array([0, 2.0, 4.0]), np.array([0, 1.0, 4.0]), np.full(8, 0.3), Surface(np.full((16, 32, 3), 200, np.uint8))
    )
    light = Light(np.array([-1.0, 0, 0]), np.full(3, 0.8), np.full(3, 0.3), 0.2)
    patch = paint([tube], np.array([0, 0, -1.0]), VIEW, light, FRAME)
    row = patch.colour[patch.colour.shape[0] // 2, :, 0]
    inside = np.flatnonzero(patch.alpha[patch.colour.shape[0] // 2] > 0.95)
    assert row[inside[4]] > 1.5 * row[inside[-5]]


def test_floor_at_inverts_the_projection():
    view = replace(VIEW, pitch=0.3, elevation=3.0)
    x, z = view.floor_at(200.0, 180.0)
    (pixel,), _ = view.project(np.array([[x, 0.0, z]]))
    np.testing.assert_allclose(pixel, [200.0, 180.0], atol=1e-9)
    np.testing.assert_allclose(view.see(x, 0.0, z), view.to_camera(np.array([x, 0.0, z])))


def test_a_person_stands_on_the_floor_and_is_as_tall_as_they_are():
    rng = np.random.default_rng(1)
    for _ in range(20):
        look = draw_appearance(rng)
        bones = stand(look.body, draw_pose(rng, 1.0, walking=False), 2.0, 5.0)
        assert min(bones.toes[:, 1].min(), bones.ankles[:, 1].min()) >= 0.0
        assert bones.head[1] < look.body.stature < bones.head[1] + 0.25
        assert np.linalg.norm(bones.elbows - bones.shoulders, axis=1) == pytest.approx(0.172 * look.body.stature)


def test_front_and_back_of_a_person_differ():
    rng = np.random.default_rng(2)
    look = draw_appearance(rng)
    wear = tailor(look)
    seen = []
    for yaw in (math.pi, 0.0):
        bones = stand(look.body, draw_pose(np.random.default_rng(0), yaw, walking=False), 0.0, 4.0)
        patch = paint(assemble(look, wear, bones, np.random.default_rng(0)), bones.forward, VIEW, LIGHT, FRAME)
        seen.append(patch.colour[patch.own > 0.5])
    lengths = [len(s) for s in seen]
    assert max(lengths) < 1.5 * min(lengths)
    assert np.abs(seen[0][: min(lengths)] - seen[1][: min(lengths)]).mean() > 0.01


def test_a_held_bag_is_not_part_of_the_person():
    rng = np.random.default_rng(4)
    look = draw_appearance(rng)
    held = replace(look, extras=replace(look.extras, bag="trolley", bag_size=1.2))
    free = replace(look, extras=replace(look.extras, bag="none"))
    own = []
    for one in (held, free):
        bones = stand(one.body, draw_pose(np.random.default_rng(3), math.pi / 2, walking=False), 0.0, 4.0)
        patch = paint(assemble(one, tailor(one), bones, np.random.default_rng(0)), bones.forward, VIEW, LIGHT, FRAME)
        own.append((int((patch.own > 0.5).sum()), int((patch.alpha > 0.5).sum())))
    assert own[0][1] > own[0][0], "the bag is drawn"
    assert own[1][1] == pytest.approx(own[1][0], abs=20)


def test_equal_appearances_have_equal_surfaces():
    look = draw_appearance(np.random.default_rng(8))
    for name in ("torso", "head", "leg", "bag"):
        one, two = getattr(tailor(look), name), getattr(tailor(look), name)
        np.testing.assert_array_equal(one.levels[0], two.levels[0])


def test_noise_is_periodic_and_standardised():
    field = fractal_noise(np.random.default_rng(0), 64, 96, cells=3, octaves=3)
    assert abs(float(field.mean())) < 1e-4
    assert float(field.std()) == pytest.approx(1.0, abs=1e-3)
    inner = np.abs(np.diff(field, axis=1)).max()
    assert np.abs(field[:, 0] - field[:, -1]).max() <= 1.5 * inner
    assert (fractal_noise(np.random.default_rng(1), 64, 96, cells=3, octaves=3) != field).any()


def test_metering_brings_a_dark_and_a_bright_scene_together():
    response = draw_response(np.random.default_rng(0), WorldSpec(difficulty="easy").level)
    means = [
        expose(np.full((64, 96, 3), value, np.float32), response, 0.0, np.random.default_rng(0)).mean()
        for value in (0.15, 0.7)
    ]
    assert 1.6 * 0.15 / 0.7 < means[0] / means[1] < 1.0
