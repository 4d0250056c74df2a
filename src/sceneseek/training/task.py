"""What a step minimises: the network's named losses, each times its weight.

Weights are applied here and nowhere else. A distillation task wraps a task; it is not a flag in the loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sceneseek.data.loading import Batch
from sceneseek.errors import RecipeError, suggest


@dataclass(frozen=True, eq=False)
class Losses:
    """The losses of one batch.

    Attributes:
        total: What is minimised, a scalar with a graph.
        raw: Unweighted losses by name.
        weighted: The same times their weights; they sum to ``total``.
        notes: Other numbers for the log, by name; not minimised.
    """

    total: Tensor
    raw: dict[str, Tensor]
    weighted: dict[str, Tensor]
    notes: dict[str, Tensor] = field(default_factory=dict)


class Task(Protocol):
    """Something the loop can train."""

    @property
    def model(self) -> nn.Module:
        """The network whose parameters are trained."""

    def losses(self, batch: Batch) -> Losses:
        """The losses of one batch."""

    def update_memories(self) -> None:
        """Let the network's memories take in the step's embeddings; called once per step, after the backward passes."""

    def state_dict(self) -> dict[str, Any]:
        """What of the task itself survives a step; the model's own state is not in it."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken."""


class SearchTask:
    """Person search: the network's own losses.

    Args:
        model: A network that follows the model contract.
        weights: The weight of each loss the network returns, by name. All of them must be named, no other may be.
    """

    def __init__(self, model: nn.Module, weights: Mapping[str, float]) -> None:
        self.model = model
        self.weights = dict(weights)

    def losses(self, batch: Batch) -> Losses:
        """The losses of one batch.

        Raises:
            RecipeError: If the weights do not name exactly the losses that the network returns.
        """
        return self.weigh(self.model(batch.images, batch.targets))

    def weigh(self, raw: dict[str, Tensor]) -> Losses:
        """The network's losses times their weights.

        Raises:
            RecipeError: As ``losses``.
        """
        if raw.keys() != self.weights.keys():
            self._refuse(list(raw))
        # The sum is taken in float32: under automatic mixed precision a network may return half-precision scalars.
        weighted = {name: value.float() * self.weights[name] for name, value in raw.items()}
        return Losses(torch.stack(list(weighted.values())).sum(), raw, weighted)

    def update_memories(self) -> None:
        """Let the network's memories take in the step's embeddings, where it has memories."""
        update = getattr(self.model, "update_memories", None)
        if update is not None:
            update()

    def state_dict(self) -> dict[str, Any]:
        """Nothing: all state is the network's."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to do."""

    def _refuse(self, names: list[str]) -> None:
        for name in self.weights:
            if name not in names:
                raise RecipeError(
                    f"loss_weights names {name!r}, which the model does not return.{suggest(name, names)}"
                )
        missing = [name for name in names if name not in self.weights]
        raise RecipeError(
            f"loss_weights has no weight for {', '.join(repr(name) for name in missing)}, which the model returns. "
            "Name every loss; a weight of 0 switches one off."
        )
