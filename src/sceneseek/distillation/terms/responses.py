"""Terms between identity answers: whom each network takes people for, by the rows of identity tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from sceneseek.distillation import relation, response, shaping
from sceneseek.distillation.contract import Reading
from sceneseek.distillation.terms.pair import Pair, Term
from sceneseek.errors import RecipeError

RowChoice = Literal["auto", "people", "locations"]


@dataclass(frozen=True)
class Answers:
    """Who is meant, by both networks.

    Attributes:
        student: Logits ``(N, R)``.
        teacher: The same.
        columns: ``(N,)`` each row's identity among the ``R``, -1 where it is none of them.
    """

    student: Tensor
    teacher: Tensor
    columns: Tensor = field(repr=False)


class IdentityTerm(Term):
    """A loss between identity answers.

    Args:
        pair: The two networks, with tables.
        loss: Of ``RESPONSES``, given answers and the temperature.
        effective_scale: What multiplies cosines in both; the temperature is the student's own scale over it.
        table: Whose table the student answers by, its ``"own"`` or the ``"teacher"``'s.
        rows: Who answers: annotated ``"people"``, single ``"locations"``, or ``"auto"``: locations where both networks
            have the same.

    Raises:
        RecipeError: There is no table, or there are no locations.
    """

    def __init__(
        self,
        pair: Pair,
        loss: Callable[[Answers, float], Tensor],
        *,
        effective_scale: float,
        table: Literal["own", "teacher"] = "own",
        rows: RowChoice = "auto",
    ) -> None:
        super().__init__()
        if pair.table is None or pair.table_of_student is None:
            raise RecipeError(
                "Identity answers need the teacher's identity table, which its file does not hold (only checkpoints "
                'do). Set distillation.teacher.table = "means": one row per identity from the teacher\'s embeddings.'
            )
        if rows == "locations" and not (pair.student.located and pair.teacher.located):
            raise RecipeError(
                'rows = "locations" needs two networks in which single locations answer for people, such as AlignPS. '
                'Set it to "people".'
            )
        # A plain attribute: the table is the teacher's, and no part of what is trained or stored.
        self._tables = (pair.table_of_student, pair.table)
        self.loss = loss
        self.effective_scale = effective_scale
        self.temperature = pair.student.scale / effective_scale
        self.table = table
        self.rows = rows
        self.project: nn.Module = nn.Identity()
        if table == "teacher":
            self.project = shaping.projection(pair.student.embedding_dim, pair.teacher.embedding_dim)

    def forward(self, student: Reading, teacher: Reading) -> Tensor:
        """Compare everyone who answers."""
        ours, theirs, labels = self._rows(student, teacher)
        # Half precision would leave a cosine two digits.
        with torch.autocast(ours.device.type, enabled=False):
            return self.loss(self._answers(ours, theirs, labels), self.temperature)

    def _answers(self, ours: Tensor, theirs: Tensor, labels: Tensor) -> Answers:
        """Logits of both networks over the identities that both tables know."""
        device = ours.device
        wanted = self._tables[1].to(device).float()
        if self.table == "teacher":
            own, ours = wanted, nn.functional.normalize(self.project(ours), dim=1)
        else:
            own = self._tables[0]().to(device).float()
        known = response.seen_rows(own, wanted)
        columns = torch.full((len(wanted) + 1,), -1, dtype=torch.int64, device=device)
        columns[known] = torch.arange(len(known), device=device)
        return Answers(
            response.identity_logits(ours, own, self.effective_scale, known),
            response.identity_logits(theirs, wanted, self.effective_scale, known),
            # A label below 0 reads the last entry, which stays -1.
            columns[torch.where(labels >= 0, labels, len(wanted))],
        )

    def _rows(self, student: Reading, teacher: Reading) -> tuple[Tensor, Tensor, Tensor]:
        if self.rows != "people":
            ours, theirs = student.located, teacher.located
            if ours is not None and theirs is not None and _same_places(student, teacher):
                return ours.embeddings.float(), theirs.embeddings.float(), ours.labels
            if self.rows == "locations":
                raise RecipeError(
                    "rows = \"locations\" needs maps of one size; the student's and the teacher's differ. Set "
                    'distillation.teacher.scenes = "student", or rows = "people".'
                )
        return student.embeddings.float(), teacher.embeddings.float(), student.person_ids


def _same_places(student: Reading, teacher: Reading) -> bool:
    ours, theirs = student.located, teacher.located
    return (
        ours is not None
        and theirs is not None
        and ours.grid == theirs.grid
        and student.sizes == teacher.sizes
        and len(ours.labels) == len(theirs.labels)
    )


def kl(answers: Answers, temperature: float) -> Tensor:
    """``response.kl``; the logits are divided already."""
    return temperature**2 * response.kl(answers.student, answers.teacher)


def jensen_shannon(answers: Answers, temperature: float) -> Tensor:
    """``response.jensen_shannon``; the logits are divided already."""
    return temperature**2 * response.jensen_shannon(answers.student, answers.teacher)


def dist(answers: Answers, temperature: float) -> Tensor:
    """``relation.dist``; the logits are divided already."""
    return temperature**2 * relation.dist(answers.student, answers.teacher)


def decoupled(alpha: float, beta: float) -> Callable[[Answers, float], Tensor]:
    """``response.dkd`` over people whose identity both tables know."""

    def loss(answers: Answers, temperature: float) -> Tensor:
        known = answers.columns >= 0
        ours, theirs = answers.student[known], answers.teacher[known]
        return temperature**2 * response.dkd(ours, theirs, answers.columns[known], alpha=alpha, beta=beta)

    return loss


def table_matching(answers: Answers, _: float) -> Tensor:
    """``response.table_matching``."""
    return response.table_matching(answers.student, answers.columns)
