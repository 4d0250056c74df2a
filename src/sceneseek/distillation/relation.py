"""Losses between what two networks think of how people relate: pure functions of rows, one per person.

Rows may have different lengths in the two networks: only distances and angles among a network's own rows are compared,
so a scale of either drops out. No loss needs identities: people without one take part. Teachers' rows are constants.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneseek.losses.triplet import euclidean_distances

FEWEST_ROWS = 3
"""Of two people there is one distance, which is its own mean."""
_SMALLEST = 1e-12


def rkd_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Huber loss between distances divided by their mean: ``mean_{i != j} l(psi^S_ij - psi^T_ij)``.

    Source: Park et al., Relational Knowledge Distillation (2019), eq. 5 to 7.
    Differs from the authors' code: a mean over pairs, which has no zeros of the diagonal in it.

    Args:
        student: ``(N, D)``.
        teacher: ``(N, D')``.

    Returns:
        ``()``. Zero, with a graph, for fewer than three rows.
    """
    if len(student) < FEWEST_ROWS:
        return student.sum() * 0.0
    ours, theirs = _relative_distances(student), _relative_distances(teacher.detach())
    return F.smooth_l1_loss(ours, theirs, reduction="sum") / _pairs(student)


def _relative_distances(rows: Tensor) -> Tensor:
    distances = euclidean_distances(rows, rows)
    return distances / (distances.sum() / _pairs(rows)).clamp(min=_SMALLEST)


def rkd_angle(student: Tensor, teacher: Tensor) -> Tensor:
    """Huber loss between the cosines of all angles i-j-k, a mean over ``N^3``.

    Source: Park et al. (2019), eq. 8 to 10.
    """
    if len(student) < FEWEST_ROWS:
        return student.sum() * 0.0
    return F.smooth_l1_loss(_angles(student), _angles(teacher.detach()))


def _angles(rows: Tensor) -> Tensor:
    towards = F.normalize(rows[None, :, :] - rows[:, None, :], dim=2)
    cosines: Tensor = towards @ towards.transpose(1, 2)
    return cosines


def similarity_preserving(student: Tensor, teacher: Tensor) -> Tensor:
    """``sum (G_S - G_T)^2 / N^2``, ``G`` the products of rows, each row of ``G`` brought to length one.

    Source: Similarity-Preserving Knowledge Distillation (ICCV 2019), eq. 1 to 4.
    """
    ours, theirs = (F.normalize(rows @ rows.T, dim=1) for rows in (student, teacher.detach()))
    return (ours - theirs).square().sum() / max(len(student), 1) ** 2


def cosine_gram(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of cosines over the pairs ``i != j``; zero, with a graph, for fewer than two rows."""
    return cosine_gram_sum(student, teacher) / max(_pairs(student), 1)


def cosine_gram_sum(student: Tensor, teacher: Tensor) -> Tensor:
    """``sum_ij (cos^S_ij - cos^T_ij)^2``, not divided by anything.

    Source: the correlation part of Jia et al., Disaggregation Distillation for Person Search (2025), as in the authors'
    code.
    """
    ours, theirs = (F.normalize(rows, dim=1) for rows in (student, teacher.detach()))
    return (ours @ ours.T - theirs @ theirs.T).square().sum()


def cckd(student: Tensor, teacher: Tensor, gamma: float = 0.4, order: int = 2) -> Tensor:
    """``||K_S - K_T|| / N^2``, ``K`` a Gaussian kernel of unit rows by its Taylor series.

    Source: Peng et al., Correlation Congruence for Knowledge Distillation (2019), eq. 8 to 11.
    """
    difference = _kernel(student, gamma, order) - _kernel(teacher.detach(), gamma, order)
    length: Tensor = torch.linalg.vector_norm(difference)
    return length / max(len(student), 1) ** 2


def _kernel(rows: Tensor, gamma: float, order: int) -> Tensor:
    unit = F.normalize(rows, dim=1)
    cosines = unit @ unit.T
    terms = [(2 * gamma) ** p / math.factorial(p) * cosines**p for p in range(order + 1)]
    return math.exp(-2 * gamma) * torch.stack(terms).sum(dim=0)


def dist(
    student: Tensor, teacher: Tensor, temperature: float = 1.0, *, beta: float = 1.0, gamma: float = 1.0
) -> Tensor:
    """``t^2 (beta (1 - r_rows) + gamma (1 - r_columns))``, Pearson's ``r`` of class probabilities.

    Source: Huang et al., Knowledge Distillation from A Stronger Teacher (2022), eq. 7 to 10.

    Args:
        student: ``(N, P)`` logits.
        teacher: The same.
        temperature: ``t``.
        beta: Weight of the relation among classes, within a row.
        gamma: Weight of the relation among rows, within a class.

    Returns:
        ``()``. Zero, with a graph, for fewer than two rows.
    """
    if len(student) < 2:
        return student.sum() * 0.0
    ours, theirs = ((logits / temperature).softmax(dim=1) for logits in (student, teacher.detach()))
    inter, intra = 1.0 - _correlation(ours, theirs), 1.0 - _correlation(ours.T, theirs.T)
    return temperature**2 * (beta * inter + gamma * intra)


def _correlation(ours: Tensor, theirs: Tensor) -> Tensor:
    """The mean over rows of Pearson's ``r``."""
    first, second = (rows - rows.mean(dim=1, keepdim=True) for rows in (ours, theirs))
    correlations: Tensor = F.cosine_similarity(first, second, dim=1, eps=1e-16)
    return correlations.mean()


def _pairs(rows: Tensor) -> int:
    return len(rows) * (len(rows) - 1)
