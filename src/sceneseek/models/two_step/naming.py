"""From ``DETECTOR+EMBEDDER`` to a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sceneseek.errors import UnknownModelError
from sceneseek.models import registry
from sceneseek.models.registry import WeightEntry
from sceneseek.models.two_step.colour_histogram import ColourHistogram
from sceneseek.models.two_step.osnet import OSNet
from sceneseek.models.two_step.parts import Detector, Embedder
from sceneseek.models.two_step.pipeline import TwoStep
from sceneseek.models.two_step.tiling import Tiled
from sceneseek.models.two_step.torchvision_parts import TorchvisionDetector, TorchvisionEmbedder
from sceneseek.models.two_step.yolox import YOLOX

TILED = "-tiled"
COLOUR_HISTOGRAM = "colour_histogram"

_DETECTORS: dict[str, Callable[[WeightEntry, Path, str], Detector]] = {
    "yolox": lambda known, path, sha256: YOLOX(path, sha256),
    "fasterrcnn": lambda known, path, sha256: TorchvisionDetector(known.architecture, path, sha256),
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


def create_two_step(spec: str) -> TwoStep:
    """Build the pipeline that ``spec`` names; its weights must be on this machine.

    Args:
        spec: ``DETECTOR+EMBEDDER``, see the package.

    Raises:
        UnknownModelError: A half is not known, or is on the wrong side of the plus.
        WeightsError: A half's weights are not on this machine, or not what they should be.
    """
    first, second = _halves(spec)
    detector = _detector(first)
    return TwoStep(Tiled(detector) if first.tiled else detector, _embedder(second))


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


def _detector(half: Half) -> Detector:
    known = registry.entry(half.name)
    if known.kind != "detector":
        raise UnknownModelError(f"{half.name!r} is an embedder; name the detector first: 'yolox_nano+{half.name}'.")
    return _DETECTORS[known.builder](known, *_weights(half, known))


def _embedder(half: Half) -> Embedder:
    if half.tiled:
        raise UnknownModelError(f"Only a detector can be tiled: write 'DETECTOR{TILED}+{half.name}'.")
    if half.name == COLOUR_HISTOGRAM:
        return ColourHistogram()
    known = registry.entry(half.name)
    if known.kind != "embedder":
        raise UnknownModelError(
            f"{half.name!r} is a detector; name an embedder after the plus: '{half.name}+{COLOUR_HISTOGRAM}'."
        )
    return _EMBEDDERS[known.builder](known, *_weights(half, known))


def _weights(half: Half, known: WeightEntry) -> tuple[Path, str]:
    path = half.path or registry.locate(known.name)
    return path, registry.sha256_of(path)
