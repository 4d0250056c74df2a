"""What a network shows of itself, so that any can teach any: the whole of what distillation knows of networks.

A network reads a batch once and is asked for what the terms compare. Nothing here knows a network of the zoo;
``facts_of`` lets one read a black picture before training begins, so that a recipe that asks for what is not there, or
that does not fit together, is refused then and not in the middle of a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from sceneseek.errors import ModelError, RecipeError, suggest
from sceneseek.structures import UNLABELED

Target = dict[str, Tensor]


class Located(Protocol):
    """What is said at single locations that answer for people."""

    @property
    def embeddings(self) -> Tensor:
        """Unit rows ``(P, D)``."""

    @property
    def labels(self) -> Tensor:
        """``(P,)``, identity or ``UNLABELED``."""

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the map they are on."""


class Reading(Protocol):
    """One look of a network at a batch with its people, and what it can be asked."""

    @property
    def boxes(self) -> list[Tensor]:
        """The annotated people, ``(N, 4)`` per image in resized pixels."""

    @property
    def person_ids(self) -> Tensor:
        """Their identities, ``(sum N,)``, ``UNLABELED`` where unknown."""

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Heights and widths of the resized images, without padding."""

    def map(self, name: str) -> Tensor:
        """A map ``(B, C, h, w)``."""

    @property
    def embeddings(self) -> Tensor:
        """One unit row per annotated person, ``(sum N, D)``, images in order."""

    @property
    def located(self) -> Located | None:
        """What single locations say of people, where they do."""

    @property
    def proposals(self) -> list[Tensor]:
        """Boxes ``(R, 4)`` per image in which a person may be, likeliest first."""

    def region_logits(self, boxes: list[Tensor]) -> Tensor:
        """Log-odds ``(sum R,)`` of a person in boxes."""

    @property
    def location_logits(self) -> Tensor:
        """Log-odds ``(B, 1, h, w)`` of a person at the cells of the first map."""


class StudentReading(Reading, Protocol):
    """A reading that can be learnt from."""

    @property
    def scenes(self) -> Any:
        """The resized, padded batch, torchvision's ``ImageList``."""

    @property
    def targets(self) -> list[Target]:
        """With ``boxes`` in resized pixels."""

    def losses(self) -> dict[str, Tensor]:
        """The network's own losses, unweighted, by name."""


class Teachable(Protocol):
    """A network that can teach and be taught."""

    embedding_dim: int

    @property
    def map_strides(self) -> dict[str, int]:
        """Stride by name of the maps it shows, shared ones first."""

    @property
    def feature_strides(self) -> dict[str, int]:
        """Those of them that detection and re-identification both read."""

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """What is subtracted from RGB in [0, 1], and what it is divided by then."""

    @property
    def preparation(self) -> str:
        """Everything that happens to a picture before the network looks at it, in words."""

    @property
    def detects(self) -> str:
        """``"regions"`` or ``"locations"``."""

    @property
    def identity_table(self) -> Tensor:
        """``(P, D)``, zero rows where never seen."""

    @property
    def scale(self) -> float:
        """What multiplies cosines with it."""

    def read(self, images: list[Tensor], targets: list[Target]) -> StudentReading:
        """Look at a batch."""

    def read_resized(self, scenes: Any, targets: list[Target]) -> StudentReading:
        """Look at a batch that another network has resized."""


@dataclass(frozen=True)
class MapFacts:
    """A map.

    Attributes:
        stride: Pixels per cell.
        channels: Its depth.
    """

    stride: int
    channels: int


@dataclass(frozen=True)
class Facts:
    """What a network, or a cache of its answers, has to show.

    Attributes:
        maps: By name.
        shared: Names of those that both tasks read.
        embedding_dim: Numbers of an embedding.
        located: Whether single locations answer for people.
        detects: ``"regions"``, ``"locations"``, or ``""`` where there is nothing to be asked about detection.
        scale: What multiplies cosines with the identity table.
    """

    maps: Mapping[str, MapFacts]
    shared: tuple[str, ...]
    embedding_dim: int
    located: bool
    detects: str
    scale: float

    def named(self, name: str, whose: str) -> MapFacts:
        """A map's facts.

        Raises:
            RecipeError: There is none of that name.
        """
        if name not in self.maps:
            raise RecipeError(f"The {whose} shows no map {name!r}.{suggest(name, list(self.maps))}")
        return self.maps[name]


_NEEDED = (
    "detects",
    "embedding_dim",
    "feature_strides",
    "identity_table",
    "map_strides",
    "normalisation",
    "preparation",
    "read",
    "read_resized",
    "scale",
)


def teachable(network: nn.Module, whose: str) -> Teachable:
    """The network, after a look whether it keeps the contract.

    Raises:
        ModelError: It does not.
    """
    missing = [name for name in _NEEDED if not hasattr(network, name)]
    if missing:
        raise ModelError(
            f"The {whose}, a {type(network).__name__}, cannot be distilled: it has no {', '.join(missing)}. "
            "Networks of the zoo have; one of your own derives from models.scene_network.SceneNetwork."
        )
    return cast(Teachable, network)


def facts_of(network: nn.Module, whose: str = "network") -> Facts:
    """What a network shows, by letting it read a black picture with one person; it is left as it was.

    Args:
        network: One that keeps the contract.
        whose: What to call it in messages.

    Raises:
        ModelError: It does not keep the contract.
    """
    shown = teachable(network, whose)
    device = next(network.parameters()).device
    target = {
        "boxes": torch.tensor([[8.0, 8.0, 40.0, 56.0]], device=device),
        "person_ids": torch.tensor([UNLABELED], device=device),
    }
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            reading = shown.read([torch.zeros(3, 64, 48, device=device)], [target])
            maps = {name: MapFacts(stride, reading.map(name).shape[1]) for name, stride in shown.map_strides.items()}
            return Facts(
                maps,
                tuple(shown.feature_strides),
                reading.embeddings.shape[1],
                reading.located is not None,
                shown.detects,
                shown.scale,
            )
    finally:
        network.train(training)
