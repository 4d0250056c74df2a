"""torchvision's networks as halves of a pipeline: Faster R-CNN for people, any ImageNet backbone as an embedder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sceneseek.errors import WeightsError
from sceneseek.models.two_step.osnet import network_input
from sceneseek.models.two_step.parts import DEFAULT_SCORE_THRESHOLD, People, person_crop, unit_rows
from sceneseek.structures import FloatArray, ImageArray

_PERSON_IN_COCO = 1
_BATCH = 32


class TorchvisionEmbedder(nn.Module):
    """The pooled features of an image classifier: what is left when its last linear layer is taken off.

    A baseline for people who have nothing trained for re-identification.

    Args:
        architecture: torchvision's name, ``"mobilenet_v2"`` or ``"resnet50"``.
        path: Its weights (a state dictionary).
        sha256: Of the file, for the fingerprint.
        mean: Subtracted per RGB channel after scaling pixels to 0..1.
        std: Divided by after that.
        size: Height and width to which a person is scaled.
    """

    def __init__(
        self,
        architecture: str,
        path: Path,
        sha256: str,
        *,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        size: tuple[int, int] = (256, 128),
    ) -> None:
        from torchvision.models import get_model

        super().__init__()
        self.network = get_model(architecture, weights=None, **_without_initialisation(architecture))
        load_plain_weights(self.network, path, architecture)
        self.embedding_dim = _remove_classifier(self.network, architecture)
        self.mean, self.std, self.size = mean, std, size
        self.fingerprint = f"{architecture}:{sha256}:{size[0]}x{size[1]}:mean={mean}:std={std}"
        self.eval()

    @torch.inference_mode()
    def embed(self, image: ImageArray, boxes: FloatArray) -> FloatArray:
        """Describe the people in ``(N, 4)`` boxes of ``(H, W, 3)`` uint8 RGB by ``(N, D)`` unit rows."""
        device = next(self.parameters()).device
        features = np.zeros((len(boxes), self.embedding_dim), np.float32)
        for start in range(0, len(boxes), _BATCH):
            chosen = boxes[start : start + _BATCH]
            crops = [network_input(person_crop(image, box), self.size, self.mean, self.std) for box in chosen]
            answer: Tensor = self.network(torch.from_numpy(np.stack(crops)).to(device))
            features[start : start + _BATCH] = answer.float().cpu().numpy()
        return unit_rows(features)


class TorchvisionDetector(nn.Module):
    """A detector of torchvision trained on COCO, person class only (Faster R-CNN and its relatives).

    Source: Ren, He, Girshick and Sun, "Faster R-CNN", 2015; torchvision's implementation and weights.

    Args:
        architecture: torchvision's name, ``"fasterrcnn_resnet50_fpn"``.
        path: Its weights (a state dictionary).
        sha256: Of the file, for the fingerprint.
        score_threshold: Boxes below it are dropped.
    """

    def __init__(
        self, architecture: str, path: Path, sha256: str, *, score_threshold: float = DEFAULT_SCORE_THRESHOLD
    ) -> None:
        from torchvision.models import get_model

        super().__init__()
        self.network = get_model(architecture, weights=None, weights_backbone=None, box_score_thresh=score_threshold)
        load_plain_weights(self.network, path, architecture)
        self.fingerprint = f"{architecture}:{sha256}:score>={score_threshold}"
        self.eval()

    @torch.inference_mode()
    def detect(self, image: ImageArray) -> People:
        """Find people in ``(H, W, 3)`` uint8 RGB."""
        pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(next(self.parameters()).device)
        (found,) = self.network([pixels.float() / 255.0])
        people = found["labels"] == _PERSON_IN_COCO
        return People(found["boxes"][people].cpu().numpy(), found["scores"][people].cpu().numpy())


def load_plain_weights(network: nn.Module, path: Path, architecture: str) -> None:
    """Fill a network from a file of plain tensors; half precision is widened.

    Raises:
        WeightsError: The file holds anything but tensors, or tensors of another network.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged zip archives and refused pickles raise all kinds
        raise WeightsError(
            f"{path}: not a file of plain tensors ({str(error).strip().splitlines()[0]}); expected the state "
            f"dictionary of torchvision's {architecture}."
        ) from error
    try:
        network.load_state_dict(
            {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
        )
    except (RuntimeError, AttributeError) as error:
        raise WeightsError(
            f"{path}: these are not the weights of torchvision's {architecture} ({' '.join(str(error).split())[:200]})."
        ) from error


def _without_initialisation(architecture: str) -> dict[str, Any]:
    # Inception and GoogLeNet would otherwise spend seconds on a truncated normal that is overwritten at once.
    return {"init_weights": False} if architecture in ("googlenet", "inception_v3") else {}


def _remove_classifier(network: nn.Module, architecture: str) -> int:
    """Replace the last linear layer by the identity and return what it read, the length of the pooled feature."""
    for attribute in ("classifier", "fc", "head", "heads"):
        part = getattr(network, attribute, None)
        if isinstance(part, nn.Linear):
            setattr(network, attribute, nn.Identity())
            return part.in_features
        if isinstance(part, nn.Sequential) and isinstance(part[-1], nn.Linear):
            width = part[-1].in_features
            part[-1] = nn.Identity()
            return width
    raise WeightsError(
        f"{architecture}: no linear classifier was found at its end, so it cannot serve as an embedder; "
        "use a network such as 'mobilenet_v2', 'resnet50' or 'convnext_tiny'."
    )
