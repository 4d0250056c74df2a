"""Which elements take part in a loss. Functions here return indices only, and nothing of them has a gradient."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

HardOrder = Literal["similar", "dissimilar"]


@torch.no_grad()
def positive_group_indices(
    labels: Tensor,
    image_indices: Tensor,
    *,
    include_intra_image: bool = False,
    max_groups: int | None = 1024,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Ordered pairs (anchor, positive) of one labelled identity; both orders count.

    Args:
        labels: ``(N,)`` int64; only entries >= 0 take part.
        image_indices: ``(N,)``, which image of the batch each row comes from.
        include_intra_image: Also pair two regions of one image. They are near-duplicates of each other.
        max_groups: A random choice of so many where there are more; ``None`` keeps all.
        generator: Source of that choice; torch's own CPU generator when absent.

    Returns:
        Anchors ``(m,)`` and positives ``(m,)``, indices into the rows, sorted by anchor, then positive.

    Example:
        >>> positive_group_indices(torch.tensor([3, 4, 3, -1]), torch.tensor([0, 0, 1, 1]))
        (tensor([0, 2]), tensor([2, 0]))
    """
    pair = (labels[:, None] == labels[None, :]) & (labels >= 0)[:, None]
    pair.fill_diagonal_(False)
    if not include_intra_image:
        pair &= image_indices[:, None] != image_indices[None, :]
    anchors, positives = pair.nonzero(as_tuple=True)
    if max_groups is not None and len(anchors) > max_groups:
        chosen = torch.randperm(len(anchors), generator=generator)[:max_groups].sort().values.to(anchors.device)
        anchors, positives = anchors[chosen], positives[chosen]
    return anchors, positives


@torch.no_grad()
def hard_classes(
    similarities: Tensor,
    anchor_labels: Tensor,
    entry_labels: Tensor,
    *,
    top: int = 20,
    order: HardOrder = "similar",
) -> Tensor:
    """Identities of the hardest negatives of all anchors, hardest first, each once.

    Every anchor names its ``top`` hardest entries of another label; entries without an identity are dropped after that.

    Args:
        similarities: ``(A, K)``, anchors against entries.
        anchor_labels: ``(A,)``.
        entry_labels: ``(K,)``.
        top: Negatives per anchor.
        order: ``"similar"``: the most similar negatives are the hard ones. ``"dissimilar"`` is the other reading of the
            paper's "maximum cosine distance", kept for the ablation.

    Returns:
        Identities ``(H,)`` int64.
    """
    hardness = similarities if order == "similar" else -similarities
    hardness = hardness.masked_fill(anchor_labels[:, None] == entry_labels[None, :], -torch.inf)
    best, chosen = hardness.topk(min(top, hardness.shape[1]), dim=1)
    candidates = entry_labels[chosen]
    usable = (candidates >= 0) & torch.isfinite(best)
    classes, hardness_of = candidates[usable], best[usable]
    classes = classes[hardness_of.argsort(descending=True, stable=True)]
    return _first_occurrences(classes)


@torch.no_grad()
def priority_pool_indices(
    labels: Tensor,
    hard: Tensor,
    available: Tensor,
    *,
    size: int = 100,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The classes that a priority softmax runs over: those present, then the hard ones, then random ones.

    Source: hard example priority softmax of He and Zhang (2018) and Zhang et al. (2020).
    Differs from the paper: where present and hard classes exceed ``size``, the present ones are all kept and the least
    hard dropped; the paper does not say.

    Args:
        labels: ``(N,)``, labels of the regions of the step.
        hard: ``(H,)`` identities, hardest first (``hard_classes``).
        available: ``(P,)`` bool, the classes that hard and random choice may use.
        size: ``M``; the pool is larger only when more identities than that are present.
        generator: Source of the random fill; torch's own CPU generator when absent.

    Returns:
        Class indices ``(min(M, classes),)``, no duplicates: present ones sorted, hard ones by hardness, random ones.

    Example:
        >>> present, hard = torch.tensor([5, 2, -1, 5]), torch.tensor([7, 2])
        >>> priority_pool_indices(present, hard, torch.ones(9, dtype=torch.bool), size=3)
        tensor([2, 5, 7])
    """
    present = torch.unique(labels[labels >= 0])
    open_to_choice = available.clone()
    open_to_choice[present] = False
    hard = hard[open_to_choice[hard]][: max(0, size - len(present))]
    open_to_choice[hard] = False
    rest = open_to_choice.nonzero().flatten()
    missing = max(0, size - len(present) - len(hard))
    if len(rest) > missing:
        rest = rest[torch.randperm(len(rest), generator=generator)[:missing].to(rest.device)]
    return torch.cat([present, hard, rest])


def _first_occurrences(values: Tensor) -> Tensor:
    """``values`` without repetitions, in order of first occurrence."""
    if len(values) == 0:
        return values
    unique, inverse = torch.unique(values, return_inverse=True)
    first = torch.full((len(unique),), len(values), dtype=torch.int64, device=values.device)
    first.scatter_reduce_(0, inverse, torch.arange(len(values), device=values.device), reduce="amin")
    return values[first.sort().values]
