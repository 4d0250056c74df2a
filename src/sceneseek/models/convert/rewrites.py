"""Exact rewritings: the same function in other numbers, where our layers are not made like the published ones."""

from __future__ import annotations

import torch

from sceneseek.models.convert.rules import Rewrite, State

_EPS = 1e-5
"""Of every batch normalisation in these networks."""
_PERSON = 4
"""Box codes of a person, behind as many of background."""


def colours_turned_round(name: str) -> Rewrite:
    """Let a first convolution that was trained on BGR pictures read RGB: its input channels in the other order.

    Args:
        name: Our name of its weight.
    """

    def turn(state: State) -> dict[str, str]:
        if name not in state:
            return {}
        state[name] = state[name].flip(1)
        return {name: "input channels turned from BGR to RGB"}

    return turn


def identity_norm(linear: str, norm: str) -> Rewrite:
    """Put a normalisation that changes nothing behind a linear layer that has none.

    With mean 0 and variance 1 a batch normalisation divides by ``sqrt(1 + eps)``, which is what its weight is made.

    Args:
        linear: Beginning of our names of the layer.
        norm: Beginning of our names of the normalisation.
    """

    def add(state: State) -> dict[str, str]:
        bias = state.get(f"{linear}bias")
        if bias is None:
            return {}
        added = {
            f"{norm}weight": torch.full_like(bias, (1.0 + _EPS) ** 0.5),
            f"{norm}bias": torch.zeros_like(bias),
            f"{norm}running_mean": torch.zeros_like(bias),
            f"{norm}running_var": torch.ones_like(bias),
        }
        state |= added
        return dict.fromkeys(added, "the published layer has no normalisation; one that changes nothing stands there")

    return add


def codes_of_a_person(box: str) -> Rewrite:
    """Put box codes without a class, four numbers, behind four of background that nothing reads.

    Args:
        box: Beginning of our names of a linear layer at ``0.`` and its normalisation at ``1.``.
    """
    for_background = {"0.weight": 0.0, "0.bias": 0.0, "1.weight": 0.0, "1.bias": 0.0, "1.running_mean": 0.0}
    for_background["1.running_var"] = 1.0

    def widen(state: State) -> dict[str, str]:
        for name, value in for_background.items():
            codes = state.get(f"{box}{name}")
            if codes is not None and len(codes) == _PERSON:
                state[f"{box}{name}"] = torch.cat([torch.full_like(codes, value), codes])
        return {f"{box}0.weight": "four rows for background put before a person's; nothing reads them"}

    return widen


def log_odds_of_two_classes(name: str) -> Rewrite:
    """Make one log-odds per anchor from two class scores: their difference, which is all a softmax of two looks at.

    Args:
        name: Beginning of our names of a layer whose first half of outputs scores background, the second half objects.
    """

    def subtract(state: State) -> dict[str, str]:
        done = {}
        for part in ("weight", "bias"):
            both = state.get(f"{name}{part}")
            if both is not None and len(both) % 2 == 0:
                background, thing = both.chunk(2)
                state[f"{name}{part}"] = thing - background
                done[f"{name}{part}"] = "score of an object less that of background: a softmax of two as a sigmoid"
        return done

    return subtract


def hidden_channels_added(head: str, width: int) -> Rewrite:
    """Widen the hidden layer of a proposal head by channels that are always zero and that nothing reads.

    Args:
        head: Beginning of our names.
        width: Channels that ours has.
    """

    def widen(state: State) -> dict[str, str]:
        hidden = state.get(f"{head}conv.0.0.weight")
        more = 0 if hidden is None else width - len(hidden)
        if more <= 0:
            return {}
        for name, axis in (
            ("conv.0.0.weight", 0),
            ("conv.0.0.bias", 0),
            ("cls_logits.weight", 1),
            ("bbox_pred.weight", 1),
        ):
            value = state.get(head + name)
            if value is not None:
                shape = list(value.shape)
                shape[axis] = more
                state[head + name] = torch.cat([value, value.new_zeros(shape)], dim=axis)
        return {f"{head}conv.0.0.weight": f"{more} hidden channels added that are zero and that nothing reads"}

    return widen


def scalar(name: str) -> Rewrite:
    """Make a number out of a tensor that holds one.

    Args:
        name: Our name.
    """

    def flatten(state: State) -> dict[str, str]:
        if name in state and state[name].numel() == 1:
            state[name] = state[name].reshape(())
        return {}

    return flatten
