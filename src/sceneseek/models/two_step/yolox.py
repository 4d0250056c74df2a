"""YOLOX, a one-stage detector, with its authors' preprocessing and decoding.

Source: Ge, Liu, Wang, Li and Sun, "YOLOX: Exceeding YOLO Series in 2021" and the ONNX Runtime demonstration in the
authors' repository (Apache-2.0).

Differs from the authors' demonstration: only the person class is kept, so suppression happens within that class, at IoU
0.5 instead of 0.45, which keeps more of a crowd.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torchvision.ops import nms

from sceneseek.errors import WeightsError
from sceneseek.models.two_step.onnx_session import OnnxNetwork
from sceneseek.models.two_step.parts import DEFAULT_SCORE_THRESHOLD, People
from sceneseek.structures import FloatArray, ImageArray

STRIDES = (8, 16, 32)
PAD_VALUE = 114
PERSON = 0
_BOX_AND_OBJECTNESS = 5


class YOLOX:
    """A YOLOX network exported to ONNX without its decoding step, as the authors publish it.

    Args:
        path: The ONNX file; the input size is read from it.
        sha256: Of the file, for the fingerprint.
        score_threshold: Boxes below it are dropped.
        nms_threshold: Of two boxes that overlap by more (IoU), the lower one is dropped.
    """

    def __init__(
        self, path: Path, sha256: str, *, score_threshold: float = DEFAULT_SCORE_THRESHOLD, nms_threshold: float = 0.5
    ) -> None:
        self.network = OnnxNetwork(path)
        self.score_threshold = score_threshold
        self.nms_threshold = nms_threshold
        self.fingerprint = f"yolox:{sha256}:score>={score_threshold}:nms={nms_threshold}"

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the network's input.

        Raises:
            WeightsError: The ONNX file is not an undecoded YOLOX.
        """
        height, width = self.network.input_shape[-2:]
        anchors, channels = self.network.output_shape[-2:]
        expected = None if height is None or width is None else num_anchors((height, width))
        if height is None or width is None or anchors != expected or (channels or 0) <= _BOX_AND_OBJECTNESS:
            raise WeightsError(
                f"{self.network.path}: expected an undecoded YOLOX with a fixed input; found input "
                f"{self.network.input_shape} and output {self.network.output_shape}."
            )
        return height, width

    def detect(self, image: ImageArray) -> People:
        """Find people in ``(H, W, 3)`` uint8 RGB."""
        size = self.input_size
        blob, ratio = letterbox(image[:, :, ::-1], size)
        predictions = decode(self.network(blob[None])[0], size)
        scores = predictions[:, 4] * predictions[:, _BOX_AND_OBJECTNESS + PERSON]
        kept = scores >= self.score_threshold
        boxes = centres_to_corners(predictions[kept, :4]) / np.float32(ratio)
        best = nms(torch.from_numpy(boxes), torch.from_numpy(scores[kept]), self.nms_threshold).numpy()
        return People(boxes[best], scores[kept][best])


def letterbox(image: ImageArray, size: tuple[int, int]) -> tuple[FloatArray, float]:
    """Scale an image to fit, at the top left of a grey canvas: the authors' ``preproc``, to the last digit.

    Args:
        image: ``(H, W, 3)`` uint8, BGR for the published networks.
        size: Height and width of the canvas.

    Returns:
        ``(3, height, width)`` float32 in 0..255, and the ratio by which the image was scaled.

    Example:
        >>> canvas, ratio = letterbox(np.zeros((100, 50, 3), np.uint8), (416, 416))
        >>> canvas.shape, round(ratio, 2), float(canvas[0, 0, 207]), float(canvas[0, 0, 208])
        ((3, 416, 416), 4.16, 0.0, 114.0)
    """
    ratio = min(size[0] / image.shape[0], size[1] / image.shape[1])
    # A panorama thinner than a pixel after scaling keeps one; the authors' code would fail there.
    height, width = max(int(image.shape[0] * ratio), 1), max(int(image.shape[1] * ratio), 1)
    canvas = np.full((*size, 3), PAD_VALUE, np.uint8)
    canvas[:height, :width] = cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(canvas.transpose(2, 0, 1), dtype=np.float32), ratio


def num_anchors(size: tuple[int, int]) -> int:
    """How many boxes the network predicts for an input of this height and width.

    Example:
        >>> num_anchors((416, 416))
        3549
    """
    return sum((size[0] // stride) * (size[1] // stride) for stride in STRIDES)


def decode(outputs: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Turn raw outputs into boxes in pixels of the network's input.

    A centre is predicted as an offset from its grid cell in units of the stride, a side as the logarithm of its length
    in strides; cells are counted row by row, from the finest stride to the coarsest.

    Args:
        outputs: ``(A, 5 + classes)``: centre x, centre y, width, height, objectness, classes.
        size: Height and width of the network's input.

    Returns:
        A copy of the same shape with ``cx, cy, w, h`` in pixels.
    """
    centres, strides = [], []
    for stride in STRIDES:
        rows, columns = size[0] // stride, size[1] // stride
        x, y = np.meshgrid(np.arange(columns), np.arange(rows))
        centres.append(np.stack((x, y), 2).reshape(-1, 2))
        strides.append(np.full((rows * columns, 1), stride))
    grid = np.concatenate(centres).astype(np.float32)
    scale = np.concatenate(strides).astype(np.float32)
    decoded = outputs.copy()
    decoded[:, :2] = (outputs[:, :2] + grid) * scale
    decoded[:, 2:4] = np.exp(outputs[:, 2:4]) * scale
    return decoded


def centres_to_corners(boxes: FloatArray) -> FloatArray:
    """Convert ``(N, 4)`` ``cx, cy, w, h`` to ``xyxy``."""
    half = boxes[:, 2:4] / 2
    corners: FloatArray = np.concatenate((boxes[:, :2] - half, boxes[:, :2] + half), axis=1)
    return corners
