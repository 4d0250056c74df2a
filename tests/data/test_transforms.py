from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sceneseek.data import transforms as tf
from sceneseek.structures import UNLABELED

WIDTH, HEIGHT = 160, 96

EVERY = (
    tf.Zoom(1.0, (0.6, 2.0), (0.9, 1.1)),
    tf.HorizontalFlip(1.0),
    tf.Erasing(1.0, (0.1, 0.3)),
    tf.Light(1.0, (0.6, 1.6)),
    tf.Colour(1.0, (0.7, 1.4), (0.7, 1.4), (0.9, 1.1), (0.8, 1.25), (0.5, 1.5), (-10.0, 10.0)),
    tf.Greyscale(1.0),
    tf.LowResolution(1.0, (0.3, 0.9)),
    tf.GaussianBlur(1.0, (0.5, 2.0)),
    tf.MotionBlur(1.0, (3.0, 9.0)),
    tf.Noise(1.0, (2.0, 8.0)),
    tf.Jpeg(1.0, (30, 90)),
)


def scene_of(boxes: list[list[float]], ids: list[int] | None = None, keep: int = UNLABELED, seed: int = 0) -> tf.Scene:
    image = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    ids = list(range(len(boxes))) if ids is None else ids
    return tf.Scene(image, np.array(boxes, np.float32).reshape(-1, 4), np.array(ids, np.int64), keep)


def painted(box: tuple[int, int, int, int]) -> tf.Scene:
    """White on black exactly inside the box, so that pixels say where the box should be."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = 255
    return tf.Scene(image, np.array([box], np.float32), np.array([5]))


def bright_box(image: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(image[..., 0] > 127)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize("transform", EVERY, ids=lambda t: type(t).__name__)
def test_same_generator_same_scene_and_input_is_left_alone(transform):
    scene = scene_of([[10, 10, 40, 80], [60, 5, 90, 90]])
    before = scene.image.copy(), scene.boxes.copy()
    first = transform(scene, tf.scene_generator(1, 2, 3))
    second = transform(scene, tf.scene_generator(1, 2, 3))
    other = transform(scene, tf.scene_generator(1, 2, 4))
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.boxes, second.boxes)
    np.testing.assert_array_equal(scene.image, before[0])
    np.testing.assert_array_equal(scene.boxes, before[1])
    assert first.image.shape == scene.image.shape
    assert first.image.dtype == np.uint8
    if not isinstance(transform, tf.HorizontalFlip | tf.Greyscale):
        assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("transform", EVERY, ids=lambda t: type(t).__name__)
def test_probability_zero_changes_nothing(transform):
    never = type(transform)(**_options(transform, 0.0))
    scene = scene_of([[10, 10, 40, 80]])
    after = never(scene, tf.scene_generator(0, 0, 0))
    np.testing.assert_array_equal(after.image, scene.image)


def _options(transform, probability: float) -> dict[str, object]:
    kept = {name: value for name, value in vars(transform).items() if not name.startswith("_")}
    return {**kept, "probability": probability}


@pytest.mark.parametrize("transform", EVERY, ids=lambda t: type(t).__name__)
def test_scenes_without_people_pass(transform):
    after = transform(scene_of([]), tf.scene_generator(0, 0, 0))
    assert after.boxes.shape == (0, 4)
    assert after.person_ids.shape == (0,)


def test_global_generators_are_not_touched():
    np.random.seed(7)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    tf.Augmentation(EVERY)(scene_of([[10, 10, 40, 80]]), tf.scene_generator(0, 0, 0))
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_flip_moves_boxes_with_pixels():
    after = tf.HorizontalFlip(1.0)(painted((10, 20, 50, 70)), tf.scene_generator(0, 0, 0))
    assert after.boxes.tolist() == [[110, 20, 150, 70]]
    assert bright_box(after.image) == [110, 20, 150, 70]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 100), st.integers(0, 50), st.integers(12, 50), st.integers(12, 40))
def test_zoom_moves_boxes_with_pixels_and_keeps_the_person_whole(seed, left, top, width, height):
    box = (left, top, min(left + width, WIDTH), min(top + height, HEIGHT))
    scene = painted(box)
    after = tf.Zoom(1.0, (0.6, 2.5), (0.8, 1.25))(scene, tf.scene_generator(seed, 0, 0))
    assert after.person_ids.tolist() == [5]
    assert np.abs(np.array(bright_box(after.image)) - after.boxes[0]).max() <= 2.6
    assert after.image.shape == scene.image.shape


def test_zoom_keeps_the_person_the_scene_was_drawn_for():
    boxes = [[0, 0, 20, 60], [140, 30, 158, 90], [60, 20, 80, 70]]
    scene = scene_of(boxes, [1, 2, 3], keep=2)
    for number in range(50):
        after = tf.Zoom(1.0, (2.0, 3.0))(scene, tf.scene_generator(0, 0, number))
        assert 2 in after.person_ids.tolist()


def test_zoom_drops_who_is_gone_and_forgets_the_name_of_who_is_half_there():
    zoom = tf.Zoom(1.0, (1.0, 1.0))
    scene = scene_of([[0, 0, 10, 40], [16, 0, 36, 40], [50, 0, 70, 40]], [1, 2, 3])
    after = zoom._look_at(scene, (20.0, 0.0, 140.0, 96.0))
    assert after.person_ids.tolist() == [2, 3]
    after = zoom._look_at(scene, (28.0, 0.0, 132.0, 96.0))
    assert after.person_ids.tolist() == [UNLABELED, 3]
    assert after.boxes[0, 0] == 0.0


def test_boxes_stay_inside_whatever_happens():
    augmentation = tf.Augmentation(EVERY)
    for number in range(40):
        after = augmentation(scene_of([[0, 0, 30, 96], [100, 20, 160, 96]]), tf.scene_generator(9, 0, number))
        assert (after.boxes[:, :2] >= 0).all()
        assert (after.boxes[:, 2] <= WIDTH).all()
        assert (after.boxes[:, 3] <= HEIGHT).all()
        assert (after.boxes[:, 2:] > after.boxes[:, :2]).all()
        assert len(after.boxes) == len(after.person_ids)


def test_erasing_changes_pixels_of_people_only():
    scene = scene_of([[20, 10, 60, 90]])
    after = tf.Erasing(1.0, (0.2, 0.2))(scene, tf.scene_generator(0, 0, 0))
    changed = (after.image != scene.image).any(axis=2)
    assert 0.1 < changed[10:90, 20:60].mean() < 0.3
    changed[10:90, 20:60] = False
    assert not changed.any()


def test_greyscale_has_equal_channels():
    after = tf.Greyscale(1.0)(scene_of([]), tf.scene_generator(0, 0, 0)).image
    assert (after[..., 0] == after[..., 1]).all()
    assert (after[..., 0] == after[..., 2]).all()


def test_neutral_colour_and_light_change_nothing_visible():
    scene = scene_of([])
    one = (1.0, 1.0)
    colour = tf.Colour(1.0, one, one, one, one, one, (0.0, 0.0))(scene, tf.scene_generator(0, 0, 0))
    light = tf.Light(1.0, one)(scene, tf.scene_generator(0, 0, 0))
    for after in (colour, light):
        assert np.abs(after.image.astype(int) - scene.image).max() <= 1


def test_hue_turns_red_towards_another_colour_and_keeps_the_brightness():
    scene = scene_of([])
    red = scene.showing(np.full((8, 8, 3), (200, 60, 60), np.uint8))
    one = (1.0, 1.0)
    after = tf.Colour(1.0, one, one, one, one, one, (60.0, 60.0))(red, tf.scene_generator(0, 0, 0)).image[0, 0]
    assert after[0] < 180
    weights = np.array([0.299, 0.587, 0.114])
    assert abs(after @ weights - np.array([200, 60, 60]) @ weights) < 3


def test_noise_has_the_asked_spread_and_no_bias():
    grey = scene_of([]).showing(np.full((200, 200, 3), 128, np.uint8))
    noise = tf.Noise(1.0, (6.0, 6.0))(grey, tf.scene_generator(0, 0, 0)).image.astype(float) - 128
    assert abs(noise.mean()) < 0.1
    assert abs(noise.std() - 6.0) < 0.2


@pytest.mark.parametrize("transform", [EVERY[6], EVERY[7], EVERY[8]], ids=["low resolution", "blur", "motion"])
def test_blurs_remove_detail_and_keep_brightness(transform):
    scene = scene_of([])
    after = transform(scene, tf.scene_generator(0, 0, 0)).image
    assert after.std() < 0.8 * scene.image.std()
    assert abs(after.mean() - scene.image.mean()) < 2
