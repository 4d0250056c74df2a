"""A running average of the weights, which often generalises better than the last ones (Polyak and Juditsky, 1992)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of a network's parameters; buffers (statistics, memories) are taken as they are.

    Early on, the decay is ``(1 + t) / (10 + t)`` after ``t`` updates, so that the first weights are soon forgotten.

    Args:
        model: The network.
        decay: Close to 1; how much of the average stays at each update.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._average = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the weights of ``model``; called once after each optimiser step."""
        self.updates += 1
        decay = min(self.decay, (1.0 + self.updates) / (10.0 + self.updates))
        names = list(self._average)
        current = dict(model.named_parameters())
        torch._foreach_lerp_([self._average[n] for n in names], [current[n].detach() for n in names], 1.0 - decay)

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Overwrite the parameters of ``model`` with the average."""
        for name, parameter in model.named_parameters():
            if name in self._average:
                parameter.copy_(self._average[name])

    def state_dict(self) -> dict[str, int | dict[str, Tensor]]:
        """What has to survive a step."""
        return {"updates": self.updates, "average": dict(self._average)}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, int | dict[str, Tensor]]) -> None:
        """Continue from a saved state."""
        updates, average = state["updates"], state["average"]
        assert isinstance(updates, int)
        assert isinstance(average, dict)
        self.updates = updates
        for name, value in self._average.items():
            value.copy_(average[name])
