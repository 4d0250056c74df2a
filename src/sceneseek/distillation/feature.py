"""Losses between two networks' maps: pure functions of a student's and a teacher's ``(B, C, h, w)`` on one grid.

The teacher's maps are constants here: no gradient reaches them. ``regions`` says which cells a loss looks at, and
``shaping`` brings a student's map to the teacher's grid and width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_SMALLEST_DEVIATION = 1e-6
_FEWEST_CELLS = 2
"""One cell has no spread, and so no correlation."""


def pearson_distance(student: Tensor, teacher: Tensor, cells: Tensor) -> Tensor:
    """``1 - mean_c r_c``, Pearson's correlation of each channel over the chosen cells of the whole batch.

    Scale and offset of either map drop out, so a student need not copy its teacher's magnitudes. Channels that are
    constant in the teacher say nothing and are left out.

    Args:
        student: ``(B, C, h, w)``.
        teacher: The same.
        cells: ``(B, 1, h, w)`` bool.

    Returns:
        ``()`` in [0, 2]; zero, with a graph, where there are fewer than two cells.
    """
    chosen = cells.expand_as(student[:, :1])[:, 0]
    if int(chosen.sum()) < _FEWEST_CELLS:
        return student.sum() * 0.0
    ours, theirs = (maps.movedim(1, -1)[chosen] for maps in (student, teacher.detach()))
    ours, theirs = ours - ours.mean(dim=0), theirs - theirs.mean(dim=0)
    own, wanted = (rows.square().mean(dim=0).clamp(min=_SMALLEST_DEVIATION**2).sqrt() for rows in (ours, theirs))
    telling = wanted > _SMALLEST_DEVIATION
    if not bool(telling.any()):
        return student.sum() * 0.0
    correlation = (ours * theirs).mean(dim=0) / (own * wanted)
    return 1.0 - correlation[telling].mean()


def masked_pearson(
    student: Tensor,
    teacher: Tensor,
    foreground: Tensor,
    background: Tensor,
    *,
    foreground_weight: float = 0.5,
    background_weight: float = 0.5,
) -> Tensor:
    """Correlation on people and correlation around them, apart: ``a (1 - r^fg) + b (1 - r^bg)``.

    Agreement on the background decides about false detections, agreement on people about boxes and embeddings; over the
    whole map the few cells with people would not count. Ours: Pearson matching of Cao et al., PKD: General Distillation
    Framework for Object Detectors via Pearson Correlation Coefficient (2022), with the division into people and
    background of Yang et al., Focal and Global Knowledge Distillation for Detectors (2022).

    Args:
        student: ``(B, C, h, w)``.
        teacher: The same.
        foreground: ``(B, 1, h, w)`` bool, cells that people cover.
        background: ``(B, 1, h, w)`` bool, the others inside the pictures.
        foreground_weight: ``a``.
        background_weight: ``b``.
    """
    people = pearson_distance(student, teacher, foreground)
    around = pearson_distance(student, teacher, background)
    return foreground_weight * people + background_weight * around


def pkd(student: Tensor, teacher: Tensor) -> Tensor:
    """Half the mean squared difference of maps standardised per channel: ``1 - r`` but for a factor ``(n - 1) / n``.

    Source: Cao et al., PKD (2022).
    """
    ours, theirs = _standardised(student), _standardised(teacher.detach())
    return F.mse_loss(ours, theirs) / 2


def _standardised(maps: Tensor) -> Tensor:
    rows = maps.movedim(1, 0).flatten(1)
    deviation = rows.var(dim=1, keepdim=True).clamp(min=_SMALLEST_DEVIATION**2).sqrt()
    return (rows - rows.mean(dim=1, keepdim=True)) / (deviation + _SMALLEST_DEVIATION)


def cwd(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Where each channel looks: ``t^2 / (C B) sum KL(phi_T || phi_S)``, ``phi`` a softmax over the cells.

    Source: Shu et al., Channel-wise Knowledge Distillation for Dense Prediction (2021).
    """
    ours = F.log_softmax(student.flatten(2) / temperature, dim=2)
    theirs = F.log_softmax(teacher.detach().flatten(2) / temperature, dim=2)
    divergence = (theirs.exp() * (theirs - ours)).sum()
    return temperature**2 * divergence / (student.shape[0] * student.shape[1])


@dataclass(frozen=True)
class FocalLosses:
    """The focal parts of FGD, unweighted.

    Attributes:
        foreground: Squared differences on people, weighted by the teacher's attention.
        background: The same around them.
        attention: How far the two attentions lie apart.
    """

    foreground: Tensor
    background: Tensor
    attention: Tensor


def fgd(
    student: Tensor, teacher: Tensor, foreground_shares: Tensor, background_shares: Tensor, temperature: float = 0.5
) -> FocalLosses:
    """The focal parts of FGD: people and background apart, each by the teacher's attention.

    Source: Yang et al., Focal and Global Knowledge Distillation for Detectors (2022), eq. 5 to 9, and the authors'
    code, which divides by the number of images.

    Args:
        student: ``(B, C, h, w)``.
        teacher: The same.
        foreground_shares: ``(B, 1, h, w)``, 1 over the cells of the person (``regions.foreground_shares``).
        background_shares: ``(B, 1, h, w)``, 1 over the cells of the background.
        temperature: Of the attentions.
    """
    theirs = teacher.detach()
    spatial, channel = _attentions(theirs, temperature)
    own_spatial, own_channel = _attentions(student, temperature)
    difference = (theirs - student).square() * spatial * channel
    images = len(student)
    attention = (own_channel - channel).abs().sum() + (own_spatial - spatial).abs().sum()
    return FocalLosses(
        (difference * foreground_shares).sum() / images,
        (difference * background_shares).sum() / images,
        attention / images,
    )


def _attentions(maps: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """How much each cell ``(B, 1, h, w)`` and each channel ``(B, C, 1, 1)`` matters; means are 1."""
    size, (images, channels, height, width) = maps.abs(), maps.shape
    cells = (size.mean(dim=1).flatten(1) / temperature).softmax(dim=1) * (height * width)
    depth = (size.mean(dim=(2, 3)) / temperature).softmax(dim=1) * channels
    return cells.view(images, 1, height, width), depth[:, :, None, None]


def per_image_difference(student: Tensor, teacher: Tensor) -> Tensor:
    """``1/B sum (S - T)^2``: the global part of FGD, on maps with their context, and MGD, on generated maps.

    Source: Yang et al. (2022), eq. 11; Yang et al., Masked Generative Distillation (2022), eq. 3.
    """
    return (student - teacher.detach()).square().sum() / len(student)


def fgfi(student: Tensor, teacher: Tensor, cells: Tensor) -> Tensor:
    """Fine-grained imitation: ``sum_x (S - T)^2 / (2 n)`` over the ``n`` cells near people.

    Source: Wang et al., Distilling Object Detectors with Fine-grained Feature Imitation (2019), eq. 3.

    Args:
        student: ``(B, C, h, w)``.
        teacher: The same.
        cells: ``(B, 1, h, w)`` bool, see ``regions.near_anchors``.
    """
    difference = (student - teacher.detach()).square() * cells
    return difference.sum() / (2.0 * cells.sum().clamp(min=1))


def defeat(
    student: Tensor,
    teacher: Tensor,
    foreground: Tensor,
    background: Tensor,
    *,
    foreground_weight: float = 3.0,
    background_weight: float = 12.0,
) -> Tensor:
    """Imitation on people and around them, each a mean over its own cells.

    Source: Guo et al., Distilling Object Detectors via Decoupled Features (2021); the numbers are those of their code.
    """
    return foreground_weight * fgfi(student, teacher, foreground) + background_weight * fgfi(
        student, teacher, background
    )


def crop_difference(student: Tensor, teacher: Tensor) -> Tensor:
    """``sum (t - s)^2 / (K h w)`` over ``K`` regions ``(K, C, h, w)`` cut out of both networks' maps.

    Source: the feature part of Dai et al., General Instance Distillation for Object Detection (2021), as in the
    author's code.
    """
    cells = student.shape[0] * student.shape[2] * student.shape[3]
    return (student - teacher.detach()).square().sum() / max(cells, 1)


def mean_over_levels(losses: Sequence[Tensor]) -> Tensor:
    """The mean of several levels' losses."""
    return torch.stack(list(losses)).mean()
