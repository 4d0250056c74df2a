"""OSNet, a small network for person re-identification, with its authors' preprocessing.

Source: Zhou, Yang, Cavallaro and Xiang, "Omni-Scale Feature Learning for Person Re-Identification", 2019, and the
feature extractor of their torchreid (MIT).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from sceneseek.errors import WeightsError
from sceneseek.models.two_step.onnx_session import OnnxNetwork
from sceneseek.models.two_step.parts import person_crop, unit_rows
from sceneseek.structures import FloatArray, ImageArray

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HEIGHT, WIDTH = 256, 128
_BATCH = 32


class OSNet:
    """An OSNet exported to ONNX with its feature as output.

    Args:
        path: The ONNX file.
        sha256: Of the file, for the fingerprint.
    """

    def __init__(self, path: Path, sha256: str) -> None:
        self.network = OnnxNetwork(path)
        self.fingerprint = f"osnet:{sha256}:{HEIGHT}x{WIDTH}"

    @property
    def embedding_dim(self) -> int:
        """The length of a vector (512 for every OSNet).

        Raises:
            WeightsError: The ONNX file is not an OSNet.
        """
        height_and_width, dim = self.network.input_shape[-2:], self.network.output_shape[-1]
        if height_and_width != (HEIGHT, WIDTH) or dim is None:
            raise WeightsError(
                f"{self.network.path}: expected a re-identification network with input (N, 3, {HEIGHT}, {WIDTH}) and "
                f"output (N, D); found {self.network.input_shape} and {self.network.output_shape}."
            )
        return dim

    def embed(self, image: ImageArray, boxes: FloatArray) -> FloatArray:
        """Describe the people in ``(N, 4)`` boxes of ``(H, W, 3)`` uint8 RGB by ``(N, D)`` unit rows."""
        features = np.zeros((len(boxes), self.embedding_dim), np.float32)
        free = self.network.input_shape[0]
        batch = _BATCH if free is None else free
        for start in range(0, len(boxes), batch):
            crops = np.stack([network_input(person_crop(image, box)) for box in boxes[start : start + batch]])
            if free is not None and len(crops) < free:  # the file was exported for one batch size
                crops = np.concatenate((crops, np.zeros((free - len(crops), *crops.shape[1:]), np.float32)))
            features[start : start + batch] = self.network(crops)[: len(boxes) - start]
        return unit_rows(features)


def network_input(
    crop: ImageArray,
    size: tuple[int, int] = (HEIGHT, WIDTH),
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
) -> FloatArray:
    """Scale and normalise one person: Pillow's bilinear filter, which averages when it shrinks, as torchreid does.

    Args:
        crop: ``(h, w, 3)`` uint8 RGB.
        size: Height and width of the result.
        mean: Subtracted per channel after scaling to 0..1.
        std: Divided by per channel.

    Returns:
        ``(3, height, width)`` float32.
    """
    resized = Image.fromarray(crop).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    pixels = np.asarray(resized, dtype=np.float32) / np.float32(255.0)
    normalised = (pixels - np.array(mean, np.float32)) / np.array(std, np.float32)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1))
