"""Learning rates over time: a factor for each step, computed from the step alone, so that nothing has to be saved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from torch import optim


class Schedule(Protocol):
    """A factor on the learning rate for each step."""

    def factor(self, step: int) -> float:
        """The factor with which update number ``step`` (0 is the first) is made."""


@dataclass(frozen=True)
class WarmUp:
    """A linear rise at the beginning.

    Attributes:
        steps: How many updates it takes; 0 for none.
        start_factor: The factor of the first update.

    Example:
        >>> [round(WarmUp(steps=2, start_factor=0.5).factor(step), 3) for step in range(4)]
        [0.5, 0.75, 1.0, 1.0]
    """

    steps: int = 0
    start_factor: float = 0.001

    def factor(self, step: int) -> float:
        """The factor of update number ``step``."""
        if step >= self.steps:
            return 1.0
        return self.start_factor + (1.0 - self.start_factor) * step / self.steps


@dataclass(frozen=True)
class StepSchedule:
    """The rate is multiplied by ``gamma`` at each milestone.

    Attributes:
        milestones: Updates from which on the next lower rate holds.
        gamma: The factor at each.
        warm_up: The rise at the beginning.
    """

    milestones: tuple[int, ...]
    gamma: float = 0.1
    warm_up: WarmUp = WarmUp()

    def factor(self, step: int) -> float:
        """The factor of update number ``step``."""
        passed = sum(step >= milestone for milestone in self.milestones)
        return float(self.warm_up.factor(step) * self.gamma**passed)


@dataclass(frozen=True)
class CosineSchedule:
    """Half a cosine from 1 to ``final_factor`` (Loshchilov and Hutter, 2017), after the warm-up.

    Attributes:
        steps: All updates of the run, the warm-up included.
        final_factor: What is reached at the end.
        warm_up: The rise at the beginning.
    """

    steps: int
    final_factor: float = 0.0
    warm_up: WarmUp = WarmUp()

    def factor(self, step: int) -> float:
        """The factor of update number ``step``."""
        if step < self.warm_up.steps:
            return self.warm_up.factor(step)
        length = max(self.steps - self.warm_up.steps, 1)
        done = min((step - self.warm_up.steps) / length, 1.0)
        return self.final_factor + (1.0 - self.final_factor) * 0.5 * (1.0 + math.cos(math.pi * done))


def set_learning_rates(optimiser: optim.Optimizer, schedule: Schedule, step: int) -> None:
    """Set each group's rate for update number ``step``.

    Args:
        optimiser: Its groups carry ``base_lr``.
        schedule: The factor.
        step: 0 is the first update.
    """
    factor = schedule.factor(step)
    for group in optimiser.param_groups:
        group["lr"] = group["base_lr"] * factor
