"""Localisation-aware OIM: a well-cut region moves its identity's row further than a badly cut one."""

from __future__ import annotations

from torch import Tensor


def localisation_shares(overlaps: Tensor, lowest: float = 0.7, highest: float = 0.9) -> Tensor:
    """How much of its identity's new row each region makes up: its overlap with the annotated person, within limits.

    LOIM is ``oim.OIMLoss`` with a scale of 30 whose table is updated with these shares in place of a fixed momentum:
    ``v <- (1 - s) v + s x``, then length one. The loss, its gradient and the queue are those of OIM.

    Source: Lee, Oh, Baek, Lee and Ham, OIMNet++ (2022), whose code has a largest share of 1 - 0.1.
    Differs from the paper: nothing known; a version of the authors' code leaves out the lower limit (``lowest=0``).

    Args:
        overlaps: ``(N,)``, IoU of each region with the person it was matched to.
        lowest: Smallest share.
        highest: Largest share.

    Returns:
        ``(N,)`` in [``lowest``, ``highest``], without gradient.

    Example:
        >>> import torch
        >>> [round(share, 2) for share in localisation_shares(torch.tensor([0.5, 0.8, 1.0])).tolist()]
        [0.7, 0.8, 0.9]
    """
    return overlaps.detach().clamp(lowest, highest)
