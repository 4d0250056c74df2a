"""A network at work: arrays in, checked structures out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sceneseek import boxes as box_functions
from sceneseek.errors import BoxError, ModelError, ValueRefused
from sceneseek.structures import Detections, FloatArray, ImageArray

MIN_SIDE = 8
"""Pictures narrower or lower than this, in pixels, hold nobody who could be recognised: they are not searched."""


class Predictor:
    """Any network that keeps the model contract, ready to search pictures.

    Args:
        model: The network; it is put into evaluation mode on ``device``.
        name: What to call it, in galleries and reports.
        fingerprint: A hash of its weights and preprocessing: two predictors with equal fingerprints give equal
            embeddings.
        device: torch's name of a device, or ``"auto"`` for a GPU where there is one.
        batch_size: How many images share a forward pass.

    Example:
        >>> class Middle(nn.Module):
        ...     embedding_dim = 2
        ...     def forward(self, images):
        ...         return [{"boxes": torch.tensor([[8.0, 8.0, 99.0, 24.0]]), "scores": torch.tensor([0.9]),
        ...                  "embeddings": torch.tensor([[1.0, 0.0]])} for _ in images]
        >>> (found,) = Predictor(Middle(), name="middle", fingerprint="1").detect([np.zeros((32, 32, 3), np.uint8)])
        >>> found.boxes.tolist()
        [[8.0, 8.0, 32.0, 24.0]]
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        name: str,
        fingerprint: str,
        device: str | torch.device = "cpu",
        batch_size: int = 4,
    ) -> None:
        if batch_size < 1:
            raise ValueRefused(f"batch_size is {batch_size}; expected at least 1.")
        self.device = _usable(device)
        self.model: Any = model.to(self.device).eval()
        self.name = name
        self.fingerprint = fingerprint
        self.batch_size = batch_size

    @property
    def embedding_dim(self) -> int:
        """``D``, the length of an embedding."""
        return int(self.model.embedding_dim)

    def detect(self, images: Sequence[ImageArray]) -> list[Detections]:
        """Find and describe the people of each image.

        Args:
            images: ``(H, W, 3)`` uint8 RGB each, of any sizes.

        Returns:
            One ``Detections`` per image, best score first, boxes inside the image, with ``(N, D)`` embeddings.

        Raises:
            ValueRefused: An image is no ``(H, W, 3)`` uint8 array.
            ModelError: The network answered with something that is not a number.
        """
        answers: list[Detections] = []
        for batch in self._batches(images):
            large = [i for i, image in enumerate(batch) if min(image.shape[:2]) >= MIN_SIDE]
            found = [Detections.empty(self.embedding_dim)] * len(batch)
            if large:
                with torch.inference_mode():
                    outputs = self.model([self._tensor(batch[i]) for i in large])
                for i, output in zip(large, outputs, strict=True):
                    found[i] = self._checked(output, batch[i])
            answers.extend(found)
        return answers

    def embed(self, images: Sequence[ImageArray], boxes: Sequence[FloatArray]) -> list[FloatArray]:
        """Describe given people.

        Args:
            images: ``(H, W, 3)`` uint8 RGB each.
            boxes: ``(N_i, 4)`` ``xyxy`` per image; what lies outside the image is cut off.

        Returns:
            ``(N_i, D)`` unit rows per image, in the order of the boxes.

        Raises:
            ValueRefused: The lists differ in length, or an image is no ``(H, W, 3)`` uint8 array.
            BoxError: A box holds no pixel of its image.
            ModelError: The network answered with something that is not a number.
        """
        if len(images) != len(boxes):
            raise ValueRefused(
                f"embed was given {len(images)} images and {len(boxes)} lists of boxes; expected as many."
            )
        inside = [_inside(rows, image) for image, rows in zip(images, boxes, strict=True)]
        answers: list[FloatArray] = []
        for start, batch in zip(range(0, len(images), self.batch_size), self._batches(images), strict=True):
            rows = inside[start : start + self.batch_size]
            with torch.inference_mode():
                outputs = self.model.embed(
                    [self._tensor(image) for image in batch],
                    [torch.from_numpy(part).to(self.device) for part in rows],
                )
            answers.extend(self._finite("embeddings", output) for output in outputs)
        return answers

    def _batches(self, images: Sequence[ImageArray]) -> Iterator[Sequence[ImageArray]]:
        for i, image in enumerate(images):
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise ValueRefused(
                    f"Image {i} has shape {image.shape} and type {image.dtype}; expected (H, W, 3) uint8 RGB, as "
                    "pictures.read_picture returns it."
                )
        for start in range(0, len(images), self.batch_size):
            yield images[start : start + self.batch_size]

    def _tensor(self, image: ImageArray) -> Tensor:
        # Moved as bytes, widened on the device: a quarter of the traffic.
        pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(self.device)
        return pixels.float() / 255.0

    def _checked(self, output: dict[str, Tensor], image: ImageArray) -> Detections:
        height, width = image.shape[:2]
        boxes = box_functions.clip(self._finite("boxes", output["boxes"]), width, height)
        scores = self._finite("scores", output["scores"])
        embeddings = self._finite("embeddings", output["embeddings"])
        order = np.argsort(-scores, kind="stable")
        order = order[box_functions.valid_mask(boxes)[order]]
        return Detections(boxes[order], scores[order], embeddings[order])

    def _finite(self, what: str, values: Tensor) -> FloatArray:
        array: FloatArray = values.float().cpu().numpy()
        if not np.isfinite(array).all():
            raise ModelError(
                f"{self.name}: the network's {what} hold values that are not numbers (NaN or infinity). Its weights "
                "are damaged, or its training had diverged; use other weights."
            )
        return array


def load_predictor(
    spec: str, *, device: str = "cpu", batch_size: int = 4, score_threshold: float | None = None
) -> Predictor:
    """Load a model by name and make it ready to search pictures.

    Args:
        spec: A shipped model (``"dcinet-synthetic"``), the path of a ``.safetensors`` file, or a two-step pipeline
            ``"DETECTOR+EMBEDDER"`` (``"yolox_nano+osnet_x0_25"``; see ``sceneseek.models.two_step``). With ``-tiled``
            behind a model's or a detector's name, pictures are also searched tile by tile, for small people.
        device: torch's name of a device, or ``"auto"`` for a GPU where there is one.
        batch_size: How many images share a forward pass.
        score_threshold: People of whom the detector is less sure are dropped; by default the model's own. Average
            precision looks at all of them and wants a low one, such as 0.01.

    Raises:
        UnknownModelError: Nothing is known by that name.
        WeightsError: The weights are missing, damaged, or of another network.
        ModelError: The device is not there.
    """
    from sceneseek.models import two_step, weights
    from sceneseek.models.names import TILED, split_name
    from sceneseek.models.tiled import TiledSearch

    _usable(device)
    file, tiled = split_name(spec)
    if two_step.is_two_step(spec) and not file.endswith(".safetensors"):
        pipeline = two_step.create_two_step(spec, score_threshold=score_threshold)
        return Predictor(pipeline, name=spec, fingerprint=pipeline.fingerprint, device=device, batch_size=batch_size)
    own = {} if score_threshold is None else {"score_threshold": score_threshold}
    model, info = weights.load_model(file, **own)
    name, facts = info.name, [info.sha256]
    if own:
        facts.append(f"score>={score_threshold}")
    if tiled:
        model = TiledSearch(model)
        name += TILED
        facts.append(model.fingerprint)
    # The network as it was stored goes by the hash of its file.
    fingerprint = info.sha256 if len(facts) == 1 else hashlib.sha256(":".join(facts).encode()).hexdigest()
    return Predictor(model, name=name, fingerprint=fingerprint, device=device, batch_size=batch_size)


def _usable(device: str | torch.device) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:  # an unknown word, or a device this torch was not built for
        raise ModelError(
            f"Device {str(device)!r} cannot be used ({str(error).strip().splitlines()[0]}). 'cpu' always can."
        ) from error
    return chosen


def _inside(boxes: FloatArray, image: ImageArray) -> FloatArray:
    height, width = image.shape[:2]
    rows = box_functions.clip(boxes, width, height).astype(np.float32)
    valid = box_functions.valid_mask(rows)
    if not valid.all():
        row = int(np.flatnonzero(~valid)[0])
        raise BoxError(
            f"Box {row} is {np.asarray(boxes)[row].tolist()}, which holds no pixel of the {width} x {height} picture; "
            "expected x1, y1, x2, y2 in pixels with x1 < x2 and y1 < y2."
        )
    return rows
