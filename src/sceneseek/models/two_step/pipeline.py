"""Detection and re-identification by two separate networks, behind the contract of one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from sceneseek import boxes as box_functions
from sceneseek.errors import ModelError
from sceneseek.models.two_step.parts import Detector, Embedder
from sceneseek.structures import ImageArray


class TwoStep(nn.Module):
    """A detector and an embedder: finds people, then describes each crop by itself.

    The classic baseline of person search, and the way to search real pictures without weights trained for it.

    Source: Zheng et al., "Person Re-identification in the Wild", 2017, and Xiao et al., 2017, section 5 (the two-step
    baselines).

    Args:
        detector: Finds people in an image.
        embedder: Describes people in given boxes.
    """

    def __init__(self, detector: Detector, embedder: Embedder) -> None:
        super().__init__()
        self.detector = detector  # a torch network is registered by this, and so follows .to(device)
        self.embedder = embedder
        self.eval()

    @property
    def embedding_dim(self) -> int:
        """``D``, the length of an embedding."""
        return self.embedder.embedding_dim

    @property
    def fingerprint(self) -> str:
        """A sha256 over both networks' weights and every option that changes an answer."""
        parts = f"two-step:{self.detector.fingerprint}|{self.embedder.fingerprint}"
        return hashlib.sha256(parts.encode()).hexdigest()

    def forward(self, images: Sequence[Tensor], targets: object = None) -> list[dict[str, Tensor]]:
        """Find and describe the people of each image.

        Args:
            images: ``(3, H, W)`` float32 RGB in [0, 1], each at its original size.
            targets: Not used; a two-step pipeline is not trained.

        Returns:
            Per image ``boxes (N, 4)`` clipped to the image, ``scores (N,)`` and unit ``embeddings (N, D)``.

        Raises:
            ModelError: The pipeline is in training mode.
        """
        if self.training:
            raise ModelError(
                "A two-step pipeline cannot be trained: its networks come trained. Call .eval(), or train a network "
                "such as 'dcinet_mobilenet_v2' with 'sceneseek train'."
            )
        return [self._one(image) for image in images]

    def embed(self, images: Sequence[Tensor], boxes: Sequence[Tensor]) -> list[Tensor]:
        """Describe given people: ``(N_i, 4)`` boxes of image ``i`` to ``(N_i, D)`` unit rows."""
        return [
            torch.from_numpy(self.embedder.embed(to_pixels(image), rows.detach().cpu().numpy())).to(image.device)
            for image, rows in zip(images, boxes, strict=True)
        ]

    def _one(self, image: Tensor) -> dict[str, Tensor]:
        pixels = to_pixels(image)
        people = self.detector.detect(pixels)
        boxes = box_functions.clip(people.boxes, pixels.shape[1], pixels.shape[0]).astype(np.float32)
        seen = box_functions.valid_mask(boxes, min_side=1.0)
        embeddings = self.embedder.embed(pixels, boxes[seen])
        answer = {"boxes": boxes[seen], "scores": people.scores[seen], "embeddings": embeddings}
        return {name: torch.from_numpy(np.ascontiguousarray(value)).to(image.device) for name, value in answer.items()}


def to_pixels(image: Tensor) -> ImageArray:
    """Turn ``(3, H, W)`` float in [0, 1] back into the ``(H, W, 3)`` uint8 it was made from, exactly."""
    scaled = (image.detach() * 255.0).round_().clamp_(0, 255).to(torch.uint8)
    pixels: ImageArray = np.ascontiguousarray(scaled.permute(1, 2, 0).cpu().numpy())
    return pixels
