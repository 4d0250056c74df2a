from __future__ import annotations

import pytest
import torch
from torch import nn

from sceneseek.errors import RecipeError
from sceneseek.training.optimisers import GroupRule, adamw, parameter_groups, sgd


def make_net() -> nn.Module:
    net = nn.Sequential()
    net.add_module("stem", nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)))
    net.add_module("head", nn.Linear(4, 2))
    return net


def names_in(net: nn.Module, group: dict) -> set[str]:
    ids = {id(p) for p in group["params"]}
    return {name for name, p in net.named_parameters() if id(p) in ids}


def test_factors_of_several_rules_multiply():
    net = make_net()
    rules = [GroupRule("stem.*", 0.1, 1.0), GroupRule("*.bias", 2.0, 0.0), GroupRule("norms", 1.0, 0.5)]
    groups = {
        (g["lr"], g["weight_decay"]): names_in(net, g)
        for g in parameter_groups(net, lr=1.0, weight_decay=0.1, rules=rules)
    }
    assert groups == {
        (0.1, 0.1): {"stem.0.weight"},
        (0.2, 0.0): {"stem.0.bias", "stem.1.bias"},
        (0.1, 0.05): {"stem.1.weight"},
        (1.0, 0.1): {"head.weight"},
        (2.0, 0.0): {"head.bias"},
    }


def test_every_trainable_parameter_is_in_exactly_one_group():
    net = make_net()
    net.stem[0].weight.requires_grad_(False)
    groups = parameter_groups(net, lr=1.0, weight_decay=0.0, rules=[GroupRule("*.bias")])
    found = [p for group in groups for p in group["params"]]
    assert len(found) == len({id(p) for p in found}) == 5


def test_a_rule_that_names_nothing_is_refused():
    with pytest.raises(RecipeError, match=r"'backbone\.\*'.*The model's parts are head, stem"):
        parameter_groups(make_net(), lr=1.0, weight_decay=0.0, rules=[GroupRule("backbone.*")])


def test_a_frozen_network_is_refused():
    with pytest.raises(RecipeError, match="no trainable parameter"):
        parameter_groups(make_net().requires_grad_(False), lr=1.0, weight_decay=0.0)


@pytest.mark.parametrize("build", [sgd(0.9), sgd(0.9, nesterov=True), adamw((0.9, 0.999), 1e-8)])
@pytest.mark.trains
def test_groups_keep_their_own_rates(build):
    net = make_net()
    optimiser = build(parameter_groups(net, lr=0.5, weight_decay=0.1, rules=[GroupRule("stem.*", 0.1)]))
    assert sorted(group["lr"] for group in optimiser.param_groups) == [0.05, 0.5]
    before = net.head.weight.clone()
    net.head(torch.ones(1, 4)).sum().backward()
    optimiser.step()
    assert not torch.equal(before, net.head.weight)
