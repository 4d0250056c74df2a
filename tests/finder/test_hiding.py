"""Everybody else is hidden in what is handed on, and the one it is about is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sceneseek.finder.hiding import hide_company, hide_others
from sceneseek.gallery import Gallery, forget, plan_forgetting
from sceneseek.structures import Detections, Frame, MediaItem

LEFT, RIGHT = (10.0, 20.0, 60.0, 140.0), (120.0, 20.0, 170.0, 140.0)


def noise() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (160, 200, 3), np.uint8)


def inside(image: np.ndarray, box: tuple[float, ...]) -> np.ndarray:
    x1, y1, x2, y2 = map(int, box)
    return image[y1:y2, x1:x2]


def test_everybody_else_in_the_scene_of_a_match(tmp_path: Path) -> None:
    image = noise()
    gallery = Gallery.create(tmp_path / "g", "fake", "f" * 64, 2)
    item = MediaItem("/m/a.jpg", "photo", "a")
    with gallery.writer() as writer:
        writer.begin(item)
        writer.add(item, Frame(image, item.source), Detections([LEFT, RIGHT], [0.9, 0.8], np.eye(2, dtype=np.float32)))
        writer.finish(item)
    (first, *_) = gallery.search(np.array([1.0, 0.0]), 1).matches
    assert first.box == LEFT
    shown = hide_others(gallery)(image, first)
    assert np.array_equal(inside(shown, LEFT), inside(image, LEFT))
    assert not np.array_equal(inside(shown, RIGHT), inside(image, RIGHT))
    assert np.array_equal(image, noise()), "the scene itself was changed"
    # The same from the gallery's own record of the person.
    again = gallery.person(first.detection_id).as_match()
    assert np.array_equal(hide_others(gallery)(image, again), shown)


def test_who_was_forgotten_is_hidden_too(tmp_path: Path) -> None:
    image = noise()
    gallery = Gallery.create(tmp_path / "g", "fake", "f" * 64, 2)
    item = MediaItem("/m/a.jpg", "photo", "a")
    with gallery.writer() as writer:
        writer.begin(item)
        writer.add(item, Frame(image, item.source), Detections([LEFT, RIGHT], [0.9, 0.8], np.eye(2, dtype=np.float32)))
        writer.finish(item)
    _, second = gallery.search(np.array([1.0, 0.0]), 2).matches
    forget(gallery, plan_forgetting(gallery, detections=[second.detection_id]), actor="tester")
    (left,) = gallery.search(np.array([1.0, 0.0]), 2).matches
    shown = hide_others(gallery)(image, left)
    assert np.array_equal(inside(shown, LEFT), inside(image, LEFT))
    assert not np.array_equal(inside(shown, RIGHT), inside(image, RIGHT))


def test_everybody_else_in_a_query_picture() -> None:
    image = noise()
    nearly = (12.0, 22.0, 62.0, 138.0)  # the detector's own box of the person whom the user drew
    shown = hide_company(image, [nearly, RIGHT], LEFT)
    assert np.array_equal(inside(shown, LEFT), inside(image, LEFT))
    assert not np.array_equal(inside(shown, RIGHT), inside(image, RIGHT))
