"""From ``DETECTOR+EMBEDDER`` to a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sceneseek.errors import UnknownModelError
from sceneseek.models import registry
from sceneseek.models.names import TILED
from sceneseek.models.registry import WeightEntry
from sceneseek.models.two_step.colour_histogram import ColourHistogram
from sceneseek.models.two_step.osnet import OSNet
from sceneseek.models.two_step.parts import DEFAULT_SCORE_THRESHOLD, Detector, Embedder
from sceneseek.models.two_step.pipeline import TwoStep
from sceneseek.models.two_step.tiling import Tiled
from sceneseek.models.two_step.torchvision_parts import TorchvisionDetector, TorchvisionEmbedder
from sceneseek.models.two_step.yolox import YOLOX

COLOUR_HISTOGRAM = "colour_histogram"

_DETECTORS: dict[str, Callable[[WeightEntry, Path, str, float], Detector]] = {
    "yolox": lambda known, path, sha256, score: YOLOX(path, sha256, score_threshold=score),
    "fasterrcnn": lambda known, path, sha256, score: TorchvisionDetector(
        known.architecture, path, sha256, score_threshold=score
    ),
}

_EMBEDDERS: dict[str, Callable[[WeightEntry, Path, str], Embedder]] = {
    "osnet": lambda known, path, sha256: OSNet(path, sha256),
    "torchvision": lambda known, path, sha256: TorchvisionEmbedder(
        known.architecture, path, sha256, mean=known.mean, std=known.std
    ),
}


@dataclass(frozen=True)
class Half:
    """One half of a pipeline's name.

    Attributes:
        name: A name of the weight registry, or ``colour_histogram``.
        path: A weights file of the user's own.
        tiled: Whether the scene is also searched tile by tile.
    """

    name: str
    path: Path | None = None
    tiled: bool = False

    @classmethod
    def parse(cls, text: str) -> Half:
        """Read ``NAME``, ``NAME-tiled`` or either with ``=PATH``."""
        name, _, path = text.strip().partition("=")
        tiled = name.endswith(TILED)
        return cls(name.removesuffix(TILED), Path(path).expanduser() if path else None, tiled)


def is_two_step(spec: str) -> bool:
    """Whether a model's name asks for a pipeline of two halves.

    Example:
        >>> is_two_step("yolox_nano+osnet_x0_25"), is_two_step("dcinet-synthetic")
        (True, False)
    """
    return "+" in spec


def create_two_step(spec: str, *, score_threshold: float | None = None) -> TwoStep:
    """Build the pipeline that ``spec`` names; its weights must be on this machine.

    Args:
        spec: ``DETECTOR+EMBEDDER``, see the package.
        score_threshold: Detections below it are dropped and never described; 0.1 by default. Scoring average precision
            wants it lower (0.01).

    Raises:
        UnknownModelError: A half is not known, or is on the wrong side of the plus.
        WeightsError: A half's weights are not on this machine, or not what they should be.
    """
    first, second = _halves(spec)
    # Both names are judged before any file is looked for.
    finder, describer = _detector_entry(first), _embedder_entry(second)
    threshold = DEFAULT_SCORE_THRESHOLD if score_threshold is None else score_threshold
    detector = _DETECTORS[finder.builder](finder, *_weights(first, finder), threshold)
    if describer is None:
        return TwoStep(Tiled(detector) if first.tiled else detector, ColourHistogram())
    embedder = _EMBEDDERS[describer.builder](describer, *_weights(second, describer))
    return TwoStep(Tiled(detector) if first.tiled else detector, embedder)


def _halves(spec: str) -> tuple[Half, Half]:
    splits = list(_splits(spec))
    if not splits:
        raise UnknownModelError(f"{spec!r} is not a pipeline; expected DETECTOR+EMBEDDER, as 'yolox_nano+osnet_x0_25'.")
    # A path may hold a plus of its own: take the split whose second half has a name that is known.
    return next(((a, b) for a, b in splits if _is_embedder(b.name)), splits[0])


def _splits(spec: str) -> Iterator[tuple[Half, Half]]:
    pieces = spec.split("+")
    for i in range(1, len(pieces)):
        yield Half.parse("+".join(pieces[:i])), Half.parse("+".join(pieces[i:]))


def _is_embedder(name: str) -> bool:
    if name == COLOUR_HISTOGRAM:
        return True
    try:
        return registry.entry(name).kind == "embedder"
    except UnknownModelError:
        return False


def _detector_entry(half: Half) -> WeightEntry:
    if half.name == COLOUR_HISTOGRAM or (known := registry.entry(half.name)).kind != "detector":
        raise UnknownModelError(f"{half.name!r} is an embedder; name the detector first: 'yolox_nano+{half.name}'.")
    return known


def _embedder_entry(half: Half) -> WeightEntry | None:
    """What is known of an embedder; ``None`` for the one that has no weights."""
    if half.tiled:
        raise UnknownModelError(f"Only a detector can be tiled: write 'DETECTOR{TILED}+{half.name}'.")
    if half.name == COLOUR_HISTOGRAM:
        return None
    known = registry.entry(half.name)
    if known.kind != "embedder":
        raise UnknownModelError(
            f"{half.name!r} is a detector; name an embedder after the plus: '{half.name}+{COLOUR_HISTOGRAM}'."
        )
    return known


def _weights(half: Half, known: WeightEntry) -> tuple[Path, str]:
    path = half.path or registry.locate(known.name)
    return path, registry.sha256_of(path)
