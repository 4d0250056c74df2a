"""Boxes agree with torchvision's operators and with their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision.ops as ops
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sceneseek import boxes
from sceneseek.errors import BoxError

corner = st.floats(0, 1000, width=32)
side = st.floats(np.float32(0.5), 500, width=32)


@st.composite
def box_arrays(draw: st.DrawFn) -> np.ndarray:
    n = draw(st.integers(0, 6))
    start = draw(arrays(np.float32, (n, 2), elements=corner))
    size = draw(arrays(np.float32, (n, 2), elements=side))
    return np.concatenate([start, start + size], axis=1)


@given(box_arrays(), box_arrays())
def test_iou_agrees_with_torchvision(a: np.ndarray, b: np.ndarray) -> None:
    expected = ops.box_iou(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    np.testing.assert_allclose(boxes.iou(a, b), expected, rtol=1e-4, atol=1e-6)


@given(box_arrays())
def test_conversion_round_trip(a: np.ndarray) -> None:
    np.testing.assert_allclose(boxes.from_xywh(boxes.to_xywh(a)), a, atol=1e-3)


@given(box_arrays(), st.integers(1, 800), st.integers(1, 800))
def test_clipped_boxes_lie_inside(a: np.ndarray, width: int, height: int) -> None:
    clipped = boxes.clip(a, width, height)
    assert len(clipped) == len(a)
    assert ((clipped >= 0) & (clipped <= [width, height, width, height])).all()


def test_small_unsigned_numbers_do_not_overflow() -> None:
    """CUHK-SYSU stores x, y, w, h as uint16: 60000 + 10000 must not wrap around."""
    converted = boxes.from_xywh(np.array([[60000, 10, 10000, 20]], np.uint16))
    assert converted.tolist() == [[60000, 10, 70000, 30]]


def test_match_threshold_is_the_published_rule() -> None:
    small, large = [0, 0, 10, 20], [0, 0, 100, 200]
    assert boxes.match_threshold([small, large]).tolist() == [200 / (20 * 30), 0.5]


def test_empty_boxes_have_no_overlap() -> None:
    assert boxes.iou([[5, 5, 5, 5]], [[5, 5, 5, 5]]).tolist() == [[0.0]]
    assert boxes.iou([], [[0, 0, 1, 1]]).shape == (0, 1)


def test_a_wrong_shape_is_named() -> None:
    with pytest.raises(BoxError, match=r"found \(2, 3\)"):
        boxes.area(np.zeros((2, 3)))


def test_valid_mask_refuses_empty_and_non_finite_boxes() -> None:
    rows = [[0, 0, 1, 1], [0, 0, 0, 1], [0, 0, np.nan, 1], [0, 0, 0.4, 0.4]]
    assert boxes.valid_mask(rows).tolist() == [True, False, False, True]
    assert boxes.valid_mask(rows, min_side=0.5).tolist() == [True, False, False, False]
