"""Person search in whole scenes: detect and re-identify in one network.

The names below are loaded when they are first used, so that ``import sceneseek`` stays light: torch is only imported by
those that run a network.

Example:
    >>> import sceneseek
    >>> sceneseek.Detections([[0, 0, 10, 20]], [0.9]).boxes.shape
    (1, 4)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Detections": "sceneseek.structures",
    "Extraction": "sceneseek.structures",
    "Finder": "sceneseek.finder",
    "Frame": "sceneseek.structures",
    "Gallery": "sceneseek.gallery",
    "Match": "sceneseek.structures",
    "Predictor": "sceneseek.inference",
    "Query": "sceneseek.structures",
    "Ranking": "sceneseek.structures",
    "Sample": "sceneseek.structures",
    "SceneSet": "sceneseek.structures",
    "SceneseekError": "sceneseek.errors",
    "SearchReport": "sceneseek.structures",
    "UNLABELED": "sceneseek.structures",
    "evaluate": "sceneseek.evaluation",
    "extract": "sceneseek.inference.extract",
    "load_predictor": "sceneseek.inference",
    "read_coco": "sceneseek.data.coco",
    "read_picture": "sceneseek.pictures",
}

if TYPE_CHECKING:
    from sceneseek.data.coco import read_coco
    from sceneseek.errors import SceneseekError
    from sceneseek.evaluation import evaluate
    from sceneseek.finder import Finder
    from sceneseek.gallery import Gallery
    from sceneseek.inference import Predictor, load_predictor
    from sceneseek.inference.extract import extract
    from sceneseek.pictures import read_picture
    from sceneseek.structures import (
        UNLABELED,
        Detections,
        Extraction,
        Frame,
        Match,
        Query,
        Ranking,
        Sample,
        SceneSet,
        SearchReport,
    )

__all__ = [
    "UNLABELED",
    "Detections",
    "Extraction",
    "Finder",
    "Frame",
    "Gallery",
    "Match",
    "Predictor",
    "Query",
    "Ranking",
    "Sample",
    "SceneSet",
    "SceneseekError",
    "SearchReport",
    "evaluate",
    "extract",
    "load_predictor",
    "read_coco",
    "read_picture",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'sceneseek' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
