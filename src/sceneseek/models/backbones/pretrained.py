"""torchvision's classification networks, random or with pretrained weights, read as plain tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torchvision.models as tv
from torch import nn

from sceneseek.errors import WeightsError
from sceneseek.models.tensor_files import read_tensors


def classifier(name: str, weights: str | None) -> Any:
    """A torchvision classifier: random, with weights of torchvision's (such as ``"DEFAULT"``), or from a file."""
    known = list(tv.get_model_weights(name).__members__)
    if weights is None:
        net = tv.get_model(name, weights=None)
    elif weights in known or weights == "DEFAULT":
        net = tv.get_model(name, weights=weights)
    else:
        net = tv.get_model(name, weights=None)
        _load_file(net, name, Path(weights), known)
    return net


def _load_file(net: nn.Module, name: str, path: Path, known: list[str]) -> None:
    if not path.is_file():
        raise WeightsError(
            f"backbone weights {str(path)!r} are neither a file nor weights of torchvision's {name} "
            f"({', '.join(['DEFAULT', *known])}). Give a path to a .pth or .safetensors "
            "file, one of those names, or none."
        )
    state = read_tensors(path).tensors
    wanted = {key: value.shape for key, value in net.state_dict().items()}
    wrong = [key for key in wanted if key not in state or state[key].shape != wanted[key]]
    wrong += [key for key in state if key not in wanted]
    if wrong:
        raise WeightsError(
            f"{path} does not hold the weights of torchvision's {name}: {len(wrong)} tensors are missing, unknown or "
            f"of another shape ({', '.join(wrong[:3])}, ...). Give weights of {name}, or choose their backbone."
        )
    net.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in state.items()})
