from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sceneseek.training.schedules import CosineSchedule, StepSchedule, WarmUp, set_learning_rates


def test_step_schedule_by_hand():
    schedule = StepSchedule((4, 6), 0.1, WarmUp(2, 0.5))
    assert [round(schedule.factor(step), 6) for step in range(8)] == [0.5, 0.75, 1, 1, 0.1, 0.1, 0.01, 0.01]


def test_cosine_schedule_by_hand():
    schedule = CosineSchedule(12, 0.2, WarmUp(2, 0.0))
    assert schedule.factor(0) == 0.0
    assert schedule.factor(2) == 1.0
    assert schedule.factor(7) == pytest.approx(0.6)
    assert schedule.factor(12) == pytest.approx(0.2)
    assert schedule.factor(4) == pytest.approx(0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi * 0.2)))


@given(st.integers(1, 500), st.integers(0, 400), st.floats(0, 1), st.integers(0, 1000))
def test_factors_lie_between_zero_and_one(steps, warm_up, final, step):
    for schedule in (CosineSchedule(steps, final, WarmUp(warm_up, 0.1)), StepSchedule((steps,), 0.5, WarmUp(warm_up))):
        assert 0.0 <= schedule.factor(step) <= 1.0


def test_rates_of_all_groups_are_scaled():
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [{"params": [p], "lr": lr, "base_lr": lr} for p, lr in zip(parameters, (1.0, 0.1), strict=True)]
    optimiser = torch.optim.SGD(groups)
    for _ in range(3):  # from the base rate each time, never from the last one
        set_learning_rates(optimiser, StepSchedule((5,), 0.5), 7)
    assert [group["lr"] for group in optimiser.param_groups] == [0.5, 0.05]
