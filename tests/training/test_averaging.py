from __future__ import annotations

import torch
from torch import nn

from sceneseek.training.averaging import WeightAverage


def test_the_average_is_the_recursive_formula():
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(1.0)
    average = WeightAverage(net, decay=0.5)
    expected = 1.0
    for update, value in enumerate((2.0, -1.0, 4.0, 8.0), start=1):
        net.weight.data.fill_(value)
        average.update(net)
        decay = min(0.5, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * value
    other = nn.Linear(1, 1, bias=False)
    average.copy_to(other)
    assert abs(float(other.weight.detach()) - expected) < 1e-6
    assert float(net.weight.detach()) == 8.0


def test_a_saved_average_goes_on_alike():
    net = nn.Linear(3, 2)
    average = WeightAverage(net, 0.9)
    average.update(net)
    saved = {"updates": average.updates, "average": {k: v.clone() for k, v in average.state_dict()["average"].items()}}
    nn.init.normal_(net.weight)
    average.update(net)
    again = WeightAverage(nn.Linear(3, 2), 0.9)
    again.load_state_dict(saved)
    again.update(net)
    a, b = nn.Linear(3, 2), nn.Linear(3, 2)
    average.copy_to(a)
    again.copy_to(b)
    assert torch.equal(a.weight, b.weight)
