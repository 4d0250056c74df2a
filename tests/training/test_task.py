from __future__ import annotations

import pytest
import torch
from torch import nn

from sceneseek.data.loading import Batch
from sceneseek.errors import RecipeError
from sceneseek.training.task import SearchTask

BATCH = Batch([], [])


class Fixed(nn.Module):
    """Returns two losses of one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(2.0))
        self.updates = 0

    def forward(self, images, targets):
        return {"loss_a": self.w * 3.0, "loss_b": (self.w**2).half()}

    def update_memories(self) -> None:
        self.updates += 1


def test_total_is_the_weighted_sum_and_raw_values_are_kept():
    task = SearchTask(Fixed(), {"loss_a": 0.5, "loss_b": 2.0})
    losses = task.losses(BATCH)
    assert float(losses.total.detach()) == 0.5 * 6.0 + 2.0 * 4.0
    assert losses.total.dtype == torch.float32
    assert {k: float(v.detach()) for k, v in losses.raw.items()} == {"loss_a": 6.0, "loss_b": 4.0}
    assert {k: float(v.detach()) for k, v in losses.weighted.items()} == {"loss_a": 3.0, "loss_b": 8.0}
    losses.total.backward()
    assert float(task.model.w.grad) == 0.5 * 3.0 + 2.0 * 2.0 * 2.0
    assert task.model.updates == 0
    task.update_memories()
    assert task.model.updates == 1


def test_a_weight_of_zero_switches_a_loss_off():
    task = SearchTask(Fixed(), {"loss_a": 1.0, "loss_b": 0.0})
    task.losses(BATCH).total.backward()
    assert float(task.model.w.grad) == 3.0


def test_weights_must_name_exactly_the_losses():
    with pytest.raises(RecipeError, match=r"names 'los_a', which the model does not return\. Did you mean 'loss_a'"):
        SearchTask(Fixed(), {"los_a": 1.0, "loss_b": 1.0}).losses(BATCH)
    with pytest.raises(RecipeError, match="no weight for 'loss_b'"):
        SearchTask(Fixed(), {"loss_a": 1.0}).losses(BATCH)


def test_a_network_without_memories_is_fine():
    SearchTask(nn.Linear(1, 1), {}).update_memories()
