"""From pictures to people: media in, detections and embeddings out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sceneseek.inference.media import discover, frames_of
    from sceneseek.inference.predictor import Predictor, load_predictor

_HOMES = {
    "Predictor": "sceneseek.inference.predictor",
    "discover": "sceneseek.inference.media",
    "frames_of": "sceneseek.inference.media",
    "load_predictor": "sceneseek.inference.predictor",
}

__all__ = ["Predictor", "discover", "frames_of", "load_predictor"]


def __getattr__(name: str) -> Any:
    # Loaded when first used: reading media needs no torch, and so does not wait for it. (`extract` is not among them:
    # its module has the same name, and would take its place here.)
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
