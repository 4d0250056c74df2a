"""Optimisers over groups of parameters with their own learning rate and weight decay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import nn, optim

from sceneseek.errors import RecipeError


@dataclass(frozen=True)
class GroupRule:
    """How some parameters differ from the rest.

    Attributes:
        parameters: Shell-style pattern on parameter names, ``"*.bias"`` or ``"stem.*"``; ``"norms"`` stands for
            every parameter of a normalisation layer.
        lr_factor: Multiplies the learning rate.
        decay_factor: Multiplies the weight decay.
    """

    parameters: str
    lr_factor: float = 1.0
    decay_factor: float = 1.0


_NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.modules.instancenorm._InstanceNorm)


def parameter_groups(
    model: nn.Module, *, lr: float, weight_decay: float, rules: Sequence[GroupRule] = ()
) -> list[dict[str, Any]]:
    """Sort the trainable parameters into groups; a parameter that several rules name gets the product of their factors.

    Args:
        model: The network.
        lr: Learning rate of parameters that no rule names.
        weight_decay: Weight decay of parameters that no rule names.
        rules: The exceptions.

    Returns:
        Groups for a torch optimiser, each with ``base_lr``, which a schedule scales.

    Raises:
        RecipeError: If a rule names no parameter, or nothing is trainable.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        >>> groups = parameter_groups(net, lr=0.1, weight_decay=0.01, rules=[GroupRule("*.bias", 2.0, 0.0)])
        >>> [(g["lr"], g["weight_decay"], len(g["params"])) for g in groups]
        [(0.1, 0.01, 2), (0.2, 0.0, 2)]
    """
    norms = {
        f"{prefix}.{name}" if prefix else name
        for prefix, part in model.named_modules()
        if isinstance(part, _NORMS)
        for name, _ in part.named_parameters(recurse=False)
    }
    hits = [0] * len(rules)
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        lr_factor = decay_factor = 1.0
        for i, rule in enumerate(rules):
            if name in norms if rule.parameters == "norms" else fnmatchcase(name, rule.parameters):
                hits[i] += 1
                lr_factor *= rule.lr_factor
                decay_factor *= rule.decay_factor
        group = groups.setdefault(
            (lr_factor, decay_factor),
            {
                "params": [],
                "lr": lr * lr_factor,
                "base_lr": lr * lr_factor,
                "weight_decay": weight_decay * decay_factor,
            },
        )
        group["params"].append(parameter)
    if not groups:
        raise RecipeError("The model has no trainable parameter.")
    for rule, count in zip(rules, hits, strict=True):
        if not count:
            names = sorted({name.split(".")[0] for name, _ in model.named_parameters()})
            raise RecipeError(
                f"optimiser.groups: no trainable parameter is named {rule.parameters!r}. "
                f"The model's parts are {', '.join(names)}."
            )
    return list(groups.values())


def sgd(momentum: float, nesterov: bool = False) -> Callable[[Iterable[dict[str, Any]]], optim.Optimizer]:
    """Stochastic gradient descent with momentum, as a function of parameter groups."""
    return lambda groups: optim.SGD(groups, lr=0.0, momentum=momentum, nesterov=nesterov)


def adamw(betas: tuple[float, float], eps: float) -> Callable[[Iterable[dict[str, Any]]], optim.Optimizer]:
    """AdamW (Loshchilov and Hutter, 2019), as a function of parameter groups."""
    return lambda groups: optim.AdamW(groups, lr=0.0, betas=betas, eps=eps)
