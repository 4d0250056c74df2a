"""Losses between two networks' answers: who a person resembles, and whether there is a person at all.

Identity answers are cosines with the rows of an identity table times a scale. Row ``k`` means identity ``k`` in every
network trained on one set, so answers can be compared where embeddings cannot; the slots of an unlabelled queue mean
nothing in particular and take no part. Tables are constants here, as are teachers' answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def identity_logits(embeddings: Tensor, table: Tensor, scale: float, rows: Tensor) -> Tensor:
    """``scale * e V^T`` over some rows of a table, ``(N, R)``; a plain product that updates no memory.

    Args:
        embeddings: Unit rows ``(N, D)``.
        table: ``(P, D)``, as the network's own loss reads it.
        scale: The *effective* one: a network's own divided by the temperature.
        rows: ``(R,)`` indices of rows that both networks have seen.
    """
    return scale * (embeddings @ table.detach()[rows].T)


def seen_rows(*tables: Tensor) -> Tensor:
    """Identities whose row is not zero in any of the tables, ``(R,)``: a row never written pulls nowhere."""
    seen = torch.stack([table.ne(0).any(dim=1) for table in tables]).all(dim=0)
    return seen.nonzero().flatten()


def kl(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """``t^2 KL(p_T || p_S)``, a mean over rows.

    Source: Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network (2015).

    Args:
        student: Logits ``(N, P)``.
        teacher: The same.
        temperature: Divides both.

    Returns:
        ``()``. Zero, with a graph, where there is no row or no column.
    """
    if student.numel() == 0:
        return student.sum() * 0.0
    ours = F.log_softmax(student / temperature, dim=1)
    theirs = F.log_softmax(teacher.detach() / temperature, dim=1)
    return temperature**2 * _divergence(theirs, ours)


def _divergence(of: Tensor, to: Tensor) -> Tensor:
    """``KL(of || to)`` of log-probabilities, a mean over rows."""
    return (of.exp() * (of - to)).sum(dim=1).mean()


@dataclass(frozen=True)
class DecoupledParts:
    """The two parts of DKD, each without ``t^2``.

    Attributes:
        target: Target or not.
        others: Which of the others.
    """

    target: Tensor
    others: Tensor


def dkd_parts(student: Tensor, teacher: Tensor, targets: Tensor, temperature: float = 1.0) -> DecoupledParts:
    """The knowledge about the target, and that about the others, apart.

    Source: Zhao et al., Decoupled Knowledge Distillation (2022), eq. 6.
    Differs from the authors' code: the target is masked out of the second part, not lowered by 1000.

    Args:
        student: Logits ``(N, P)``.
        teacher: The same.
        targets: ``(N,)`` columns.
        temperature: Divides both.
    """
    if student.numel() == 0:
        return DecoupledParts(student.sum() * 0.0, student.sum() * 0.0)
    ours, theirs = student / temperature, teacher.detach() / temperature
    wanted = F.one_hot(targets, student.shape[1]).bool()
    target = _divergence(_two_sided(theirs, wanted), _two_sided(ours, wanted))
    size = (len(student), student.shape[1] - 1)
    rest = (F.log_softmax(logits[~wanted].view(size), dim=1) for logits in (theirs, ours))
    return DecoupledParts(target, _divergence(*rest))


def _two_sided(logits: Tensor, wanted: Tensor) -> Tensor:
    """Log-probabilities ``(N, 2)`` of the target and of anything else."""
    total = torch.logsumexp(logits, dim=1)
    target = logits[wanted]
    others = torch.logsumexp(logits.masked_fill(wanted, -torch.inf), dim=1)
    return torch.stack([target - total, others - total], dim=1)


def dkd(
    student: Tensor,
    teacher: Tensor,
    targets: Tensor,
    temperature: float = 1.0,
    *,
    alpha: float = 1.0,
    beta: float = 0.5,
) -> Tensor:
    """``t^2 (alpha TCKD + beta NCKD)``; arguments as for ``dkd_parts``."""
    parts = dkd_parts(student, teacher, targets, temperature)
    return temperature**2 * (alpha * parts.target + beta * parts.others)


def jensen_shannon(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """``t^2`` times the Jensen-Shannon divergence, a mean over rows; never above ``t^2 log 2``.

    Differs from fast-reid's loss of that name, which is the mean of the divergences in both directions.
    """
    if student.numel() == 0:
        return student.sum() * 0.0
    ours = F.log_softmax(student / temperature, dim=1)
    theirs = F.log_softmax(teacher.detach() / temperature, dim=1)
    middle = torch.logaddexp(ours, theirs) - torch.log(ours.new_tensor(2.0))
    return temperature**2 * 0.5 * (_divergence(ours, middle) + _divergence(theirs, middle))


def table_matching(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of a student's answers by its teacher's table, over labelled people.

    Source: our reading of Munjal, Galasso and Amin, Knowledge Distillation for End-to-End Person Search (2019), which
    trains OIM against a table of the teacher's features; its equations could not be had.

    Args:
        logits: ``(N, P)``, a student's cosines with the teacher's table, scaled.
        labels: ``(N,)`` columns; below 0 for people without an identity, who take no part.
    """
    known = labels >= 0
    if not bool(known.any()):
        return logits.sum() * 0.0
    return F.cross_entropy(logits[known], labels[known])


def embedding_difference(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared distance of two networks' embeddings of one person, a mean over people; zero where there are none."""
    return (student - teacher.detach()).square().sum() / max(len(student), 1)


def detection_kl(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """``t^2 KL`` of "a person" and "nobody" from log-odds ``(N,)``, a mean; DKD of two classes is this.

    Source: the detection part of Jia et al., Disaggregation Distillation for Person Search (2025), temperature 4: of
    two classes, DKD's second part has nothing to say.
    """
    if student.numel() == 0:
        return student.sum() * 0.0
    ours, theirs = student / temperature, teacher.detach() / temperature
    chance = theirs.sigmoid()
    apart = chance * (F.logsigmoid(theirs) - F.logsigmoid(ours))
    apart = apart + (1.0 - chance) * (F.logsigmoid(-theirs) - F.logsigmoid(-ours))
    return temperature**2 * apart.mean()
