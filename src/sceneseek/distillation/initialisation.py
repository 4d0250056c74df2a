"""A student's first weights: its teacher's, wherever name and shape agree.

Source: inheriting strategy of Kang et al., Instance-Conditional Knowledge Distillation (2021), as FGD and MGD use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import torch
from torch import nn

from sceneseek.errors import RecipeError


@dataclass(frozen=True)
class Inheritance:
    """What a student took over.

    Attributes:
        copied: Names of the tensors copied.
        left: Names asked for and left as they were, with the reason.
    """

    copied: tuple[str, ...]
    left: dict[str, str] = field(default_factory=dict)


@torch.no_grad()
def inherit(student: nn.Module, teacher: nn.Module, patterns: Sequence[str]) -> Inheritance:
    """Copy parameters and buffers from a teacher.

    Args:
        student: Changed.
        teacher: Left alone.
        patterns: Shell-style, on the student's names: ``"detector.*"``.

    Raises:
        RecipeError: A pattern names nothing of the student.

    Example:
        >>> small, large = nn.Linear(2, 2), nn.Linear(3, 2)
        >>> taken = inherit(small, large, ["*"])
        >>> taken.copied, sorted(taken.left)
        (('bias',), ['weight'])
    """
    own, theirs = student.state_dict(), teacher.state_dict()
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in own):
            parts = ", ".join(sorted({name.split(".")[0] for name in own}))
            raise RecipeError(
                f"distillation.init_from_teacher: nothing of the student is named {pattern!r}. Its parts are {parts}."
            )
    copied, left = [], {}
    for name, value in own.items():
        if not any(fnmatchcase(name, pattern) for pattern in patterns):
            continue
        if name not in theirs:
            left[name] = "the teacher has nothing of that name"
        elif theirs[name].shape != value.shape:
            left[name] = f"its shape is {tuple(value.shape)}, the teacher's {tuple(theirs[name].shape)}"
        else:
            value.copy_(theirs[name])
            copied.append(name)
    return Inheritance(tuple(copied), left)
