from __future__ import annotations

import random

import numpy as np
import torch

from sceneseek.training.random_state import capture_generators, restore_generators, start_generators


def draw() -> list[float]:
    return [
        *torch.rand(3).tolist(),
        *np.random.rand(3).tolist(),  # noqa: NPY002
        *np.random.randn(3).tolist(),  # noqa: NPY002
        *(random.random() for _ in range(3)),
        random.gauss(0.0, 1.0),
        int(torch.randperm(100)[0]),
    ]


def test_restored_generators_go_on_as_if_nothing_had_happened():
    start_generators(5)
    draw()
    state = capture_generators()
    expected = draw()
    draw()
    restore_generators(state)
    assert draw() == expected


def test_the_state_is_a_tensor_of_constant_length():
    start_generators(1)
    first = capture_generators()
    draw()
    second = capture_generators()
    assert first.dtype == torch.uint8
    assert first.shape == second.shape
    assert not torch.equal(first, second)


def test_seed_and_rank_decide_the_numbers():
    drawn = []
    for seed, rank in ((1, 0), (1, 1), (2, 0), (1, 0)):
        start_generators(seed, rank)
        drawn.append(tuple(draw()))
    assert drawn[0] == drawn[3]
    assert len(set(drawn)) == 3
