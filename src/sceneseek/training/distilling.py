"""A distillation: any training task, and what a teacher adds to its losses.

``L = L_task + sum_k w_k r_k(t) L_k``, ``r_k`` rising from 0 to 1 over the warm-up from where term ``k`` begins. The
network's own losses come first and from the same look at the batch; with nothing added a step is the task's own step.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sceneseek.data.loading import Batch
from sceneseek.distillation.conflict import gradient_cosine, is_detection
from sceneseek.distillation.contract import StudentReading, facts_of, teachable
from sceneseek.distillation.teacher import Teacher
from sceneseek.errors import CheckpointError
from sceneseek.training.task import Losses, SearchTask

_PREFIX = "distil_"
_USUAL_RATIO = (0.1, 2.0)
"""Of all terms to the task's own losses, after the advice of FGD's author for weights."""
_RATIO_MEMORY = 0.98
_RATIO_EVERY = 100


@dataclass(frozen=True)
class TermPlan:
    """How a term takes part.

    Attributes:
        weight: Its weight.
        begin: The first step at which it does.
        end: The step at which it no longer does.
    """

    weight: float
    begin: int
    end: int

    def factor(self, step: int, warmup_steps: int) -> float:
        """The share of the weight at a step, counted from 0.

        Example:
            >>> [TermPlan(6.0, 2, 8).factor(step, 4) for step in (1, 2, 3, 6, 7, 8)]
            [0.0, 0.0, 0.25, 1.0, 1.0, 0.0]
        """
        if not self.begin <= step < self.end:
            return 0.0
        return min((step - self.begin) / warmup_steps, 1.0) if warmup_steps else 1.0


class DistillingTask:
    """A task whose network also learns from a teacher.

    The teacher is no module of this object's, nor of the network: it is in no state, optimiser or average. The terms'
    own layers are parameters of ``terms`` and leave the network untouched.

    Args:
        task: What is trained without a teacher; its network keeps the contract of ``distillation.contract``.
        teacher: Who is asked.
        terms: By name, those of ``distillation.terms``.
        plans: How each takes part.
        warmup_steps: Steps over which a term comes to its weight.
        conflict_every: Steps between looks at whether losses pull the shared map apart; 0 for none.

    Attributes:
        step: Optimiser steps made.
    """

    def __init__(
        self,
        task: SearchTask,
        teacher: Teacher,
        terms: nn.ModuleDict,
        plans: Mapping[str, TermPlan],
        *,
        warmup_steps: int = 0,
        conflict_every: int = 0,
    ) -> None:
        self.task = task
        self.teacher = teacher
        self.terms = terms
        self.plans = dict(plans)
        self.warmup_steps = warmup_steps
        self.conflict_every = conflict_every
        self.step = 0
        self._student = teachable(task.model, "student")
        self._shared = facts_of(task.model, "student").shared[0]
        self._ratio: float | None = None
        self._warned = False

    @property
    def model(self) -> nn.Module:
        """The student."""
        return self.task.model

    def losses(self, batch: Batch) -> Losses:
        """The student's own losses and the terms that are due, which the log calls ``distil_`` and their names."""
        reading = self._student.read(batch.images, batch.targets)
        own = self.task.weigh(reading.losses())
        factors = {name: plan.factor(self.step, self.warmup_steps) for name, plan in self.plans.items()}
        due = {name: factor for name, factor in factors.items() if factor > 0.0}
        if not due:
            return own
        seen = self.teacher.read(batch.images, batch.targets, reading)
        raw: dict[str, Tensor] = {name: self.terms[name](reading, seen) for name in due}
        weighted = {name: value.float() * self.plans[name].weight * due[name] for name, value in raw.items()}
        total = torch.stack([own.total, *weighted.values()]).sum()
        notes = self._ratios(own.total, weighted)
        if self.conflict_every and self.step % self.conflict_every == 0:
            notes |= self._conflicts(reading, own.weighted, weighted)
        return Losses(
            total,
            own.raw | {_PREFIX + name: value for name, value in raw.items()},
            own.weighted | {_PREFIX + name: value for name, value in weighted.items()},
            notes,
        )

    def update_memories(self) -> None:
        """The student's memories, and one more step."""
        self.task.update_memories()
        self.step += 1
        if self.step % _RATIO_EVERY == 0:
            self._look_at_ratio()

    def state_dict(self) -> dict[str, Any]:
        """Step, the terms' layers and the teacher's fingerprint; nothing of the student."""
        return {
            "step": self.step,
            "teacher": self.teacher.fingerprint,
            "terms": self.terms.state_dict(),
            "ratio": self._ratio,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken.

        Raises:
            CheckpointError: Another teacher taught then.
        """
        if state.get("teacher") != self.teacher.fingerprint:
            raise CheckpointError(
                f"The run was begun with another teacher ({str(state.get('teacher'))[:12]}) than the recipe names now "
                f"({self.teacher.fingerprint[:12]}). Continue it with the teacher's file that it began with."
            )
        self.step = int(state["step"])
        self.terms.load_state_dict(state["terms"])
        self._ratio = None if state["ratio"] is None else float(state["ratio"])

    def _ratios(self, own: Tensor, weighted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each term, and all of them, as a share of the task's own losses."""
        base = own.detach().clamp(min=1e-12)
        parts = {f"ratio/{name}": value.detach() / base for name, value in weighted.items()}
        together = torch.stack(list(parts.values())).sum()
        now = float(together)
        self._ratio = now if self._ratio is None else _RATIO_MEMORY * self._ratio + (1.0 - _RATIO_MEMORY) * now
        return parts | {"ratio/distillation": together}

    def _look_at_ratio(self) -> None:
        low, high = _USUAL_RATIO
        warm = all(self.step >= min(plan.begin + self.warmup_steps, plan.end) for plan in self.plans.values())
        if self._ratio is None or self._warned or not warm or low <= self._ratio <= high:
            return
        self._warned = True
        warnings.warn(
            f"Step {self.step}: the distillation's weighted terms are {self._ratio:.3g} times the task's own losses; "
            f"{low} to {high} is usual. Look at raw/distil_* and ratio/* in log.jsonl, and scale the weights together.",
            stacklevel=2,
        )

    def _conflicts(
        self, reading: StudentReading, own: Mapping[str, Tensor], weighted: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Cosines of gradients at the shared map, and whether each is below 0 (its mean in the log is a share)."""
        at = reading.map(self._shared)
        notes: dict[str, Tensor] = {}
        if not at.requires_grad:
            return notes
        for name, (first, second) in {
            "task": (
                [value for loss, value in own.items() if is_detection(loss)],
                [value for loss, value in own.items() if not is_detection(loss)],
            ),
            "distillation": (
                [value for term, value in weighted.items() if term in ("feature", "detection")],
                [value for term, value in weighted.items() if term not in ("feature", "detection")],
            ),
        }.items():
            if first and second:
                cosine = gradient_cosine(torch.stack(first).sum(), torch.stack(second).sum(), at)
                notes |= {f"conflict/{name}": cosine, f"conflict/{name}_share": (cosine < 0.0).float()}
        return notes
