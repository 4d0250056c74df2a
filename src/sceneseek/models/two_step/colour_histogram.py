"""What colours a person wears, from head to foot: a baseline without any learning.

Where clothes do not change it is hard to beat; print it beside every network.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sceneseek.models.two_step.parts import person_crop, unit_rows
from sceneseek.structures import FloatArray, ImageArray

HEIGHT, WIDTH = 128, 64
NUM_STRIPES = 6
BINS = (8, 4, 4)
"""Of hue, which is a circle, saturation and value."""

_CENTRE_SIGMA = 0.25


class ColourHistogram:
    """HSV histograms of horizontal stripes, weighted towards the middle of the box, where the person is.

    Each stripe's histogram sums to one; the square root makes the cosine of two vectors the mean Bhattacharyya
    coefficient of their stripes. Pixels are shared between neighbouring bins, so that a small change of light moves a
    little weight instead of all of it.

    Source: Farenzena et al., "Person Re-Identification by Symmetry-Driven Accumulation of Local Features", 2010, for
    stripes and for the weight of the axis; Arandjelovic and Zisserman, 2012, for the square root.

    Differs from the paper: fixed stripes instead of axes of symmetry found in a silhouette; one joint histogram per
    stripe instead of three separate ones; no texture descriptors.
    """

    embedding_dim = NUM_STRIPES * BINS[0] * BINS[1] * BINS[2]
    fingerprint = f"colour_histogram:hsv:{HEIGHT}x{WIDTH}:stripes={NUM_STRIPES}:bins={BINS}:sigma={_CENTRE_SIGMA}"

    def embed(self, image: ImageArray, boxes: FloatArray) -> FloatArray:
        """Describe the people in ``(N, 4)`` boxes of ``(H, W, 3)`` uint8 RGB by ``(N, D)`` unit rows."""
        rows = np.zeros((len(boxes), self.embedding_dim), np.float32)
        for row, box in zip(rows, boxes, strict=True):
            row[:] = stripe_histograms(person_crop(image, box)).reshape(-1)
        return unit_rows(np.sqrt(rows))


def stripe_histograms(crop: ImageArray) -> FloatArray:
    """Weighted colour histograms of a person's stripes.

    Args:
        crop: ``(h, w, 3)`` uint8 RGB.

    Returns:
        ``(NUM_STRIPES, *BINS)`` float32, each stripe summing to one.

    Example:
        >>> histograms = stripe_histograms(np.full((20, 10, 3), 90, np.uint8))
        >>> histograms.shape, [round(float(h.sum()), 3) for h in histograms]
        ((6, 8, 4, 4), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    """
    shrinks = crop.shape[0] * crop.shape[1] > HEIGHT * WIDTH
    filtering = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(np.ascontiguousarray(crop), (WIDTH, HEIGHT), interpolation=filtering)
    hsv = cv2.cvtColor(resized.astype(np.float32) / np.float32(255.0), cv2.COLOR_RGB2HSV)
    shares = (hsv / np.array([360, 1, 1], np.float32)).astype(np.float32)
    stripe = np.repeat(np.minimum(np.arange(HEIGHT) * NUM_STRIPES // HEIGHT, NUM_STRIPES - 1), WIDTH)
    x = (np.arange(WIDTH) + 0.5) / WIDTH - 0.5
    weight = np.tile(np.exp(-0.5 * (x / _CENTRE_SIGMA) ** 2), HEIGHT)
    histograms = _softly_binned(shares.reshape(-1, 3), stripe, weight)
    normalised: FloatArray = (histograms / histograms.sum(axis=(1, 2, 3), keepdims=True)).astype(np.float32)
    return normalised


def _softly_binned(
    shares: NDArray[np.float32], stripe: NDArray[np.int64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Trilinear binning of ``(N, 3)`` values in [0, 1] into ``(NUM_STRIPES, *BINS)``; the first is a circle."""
    counts = np.array(BINS)
    position = shares * counts - 0.5
    position[:, 1:] = position[:, 1:].clip(0, counts[1:] - 1)
    lower = np.floor(position).astype(np.int64)
    fraction = position - lower
    total = np.zeros(NUM_STRIPES * int(counts.prod()))
    for corner in np.ndindex(2, 2, 2):
        offset = np.array(corner)
        share = np.where(offset == 1, fraction, 1 - fraction).prod(axis=1)
        # Hue wraps around. Saturation and value do not: at the last bin the step up has no share to move.
        bins = (lower + offset) % counts
        flat = ((stripe * BINS[0] + bins[:, 0]) * BINS[1] + bins[:, 1]) * BINS[2] + bins[:, 2]
        total += np.bincount(flat, weights=share * weight, minlength=len(total))
    return total.reshape(NUM_STRIPES, *BINS)
