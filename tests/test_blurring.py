"""Hiding people: what was there cannot be told from what is left."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sceneseek.blurring import blur_people, blur_surroundings
from sceneseek.errors import BoxError

BOX = [40.0, 20.0, 100.0, 200.0]


def noise(seed: int, size: tuple[int, int] = (240, 160)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def test_a_hidden_person_depends_on_nothing_but_a_few_mean_colours() -> None:
    """Pixels shuffled within each cell are another person with the same means: the result is equal to the last bit."""
    image = noise(1)
    left, top, right, bottom = 35, 5, 105, 215  # the box and its margin
    columns = np.linspace(0, right - left, 4 + 1).round().astype(int) + left
    rows = np.linspace(0, bottom - top, 8 + 1).round().astype(int) + top
    other = image.copy()
    random = np.random.default_rng(2)
    for y1, y2 in itertools.pairwise(rows):
        for x1, x2 in itertools.pairwise(columns):
            other[y1:y2, x1:x2] = random.permutation(image[y1:y2, x1:x2].reshape(-1, 3)).reshape(y2 - y1, x2 - x1, 3)
    assert (other[20:200, 40:100] != image[20:200, 40:100]).mean() > 0.9
    assert np.array_equal(blur_people(other, [BOX]), blur_people(image, [BOX]))


def test_the_cells_of_one_person_are_few() -> None:
    image = noise(1)
    for side in (30, 60, 240):
        hidden = blur_people(image[:side, :side], [[0, 0, side, side]], margin=0)
        # A smooth surface through at most 4 x 4 heights: its second differences are tiny beside those of noise.
        bends = np.abs(np.diff(hidden.astype(int), n=2, axis=0))
        assert bends.mean() < 3


def test_nothing_outside_the_box_and_its_margin_changes() -> None:
    image = noise(3)
    hidden = blur_people(image, [BOX], margin=0.1)
    changed = (hidden != image).any(axis=2)
    assert changed[20:200, 40:100].mean() > 0.9
    changed[2:218, 34:106] = False
    assert not changed.any()


def test_where_two_hidden_people_overlap_nobody_shows() -> None:
    image = noise(4)
    both = blur_people(image, [[20, 20, 80, 200], [60, 20, 120, 200]], margin=0)
    assert (both[20:200, 20:120] == image[20:200, 20:120]).all(axis=2).mean() < 0.01


def test_the_match_is_shown_and_an_overlap_is_shared_between_the_two() -> None:
    image = noise(5)
    match, other = [20.0, 20.0, 80.0, 220.0], [60.0, 20.0, 120.0, 220.0]
    same = (blur_people(image, [other], keep=match, margin=0) == image).all(axis=2)
    assert same[20:220, 20:70].all(), "the match, as far as the middle between both"
    assert same[60:180, 70:120].mean() < 0.01, "the other from there on, head and all"
    smaller = [50.0, 120.0, 70.0, 180.0]  # a child in front of the match
    same = (blur_people(image, [smaller], keep=match, margin=0) == image).all(axis=2)
    assert same[20:110, 20:80].all(), "the match's own head"
    assert same[145:155, 58:63].mean() < 0.05, "the child's middle, away from the match's"


def test_surroundings_hide_all_but_the_match() -> None:
    image = noise(6)
    result = blur_surroundings(image, BOX, margin=0)
    same = (result == image).all(axis=2)
    assert same[20:200, 40:100].all()
    same[20:200, 40:100] = False
    assert same.mean() < 0.01


@settings(max_examples=40, deadline=None)
@given(
    x=st.floats(-200, 200), y=st.floats(-200, 300), width=st.floats(0.01, 400), height=st.floats(0.01, 400),
)  # fmt: skip
def test_any_box_is_hidden_wherever_it_lies(x: float, y: float, width: float, height: float) -> None:
    image = noise(7, (60, 50))
    box = [x, y, x + width, y + height]
    for result in (blur_people(image, [box]), blur_people(image, [box], keep=[5, 5, 30, 40])):
        assert result.shape == image.shape
        assert result.dtype == np.uint8
    assert blur_surroundings(image, box).shape == image.shape


def test_nobody_to_hide_gives_a_copy() -> None:
    image = noise(8)
    result = blur_people(image, np.empty((0, 4)))
    assert np.array_equal(result, image)
    assert result is not image


@pytest.mark.parametrize("box", [[0, 0, 0, 5], [0, 0, np.nan, 5], [5, 5, 1, 9]])
def test_a_box_that_is_none_is_refused(box: list[float]) -> None:
    for call in (lambda: blur_people(noise(1), [box]), lambda: blur_surroundings(noise(1), box)):
        with pytest.raises(BoxError, match="expected four finite numbers"):
            call()
