"""Rows from every training process, in rank order."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import distributed as dist


def gather_rows(*columns: Tensor) -> tuple[Tensor, ...]:
    """Concatenate the rows of every process: rank 0's first, then rank 1's, and so on.

    Every process gets the same result, whatever its own number of rows (it may be 0). Without ``torch.distributed``, or
    with one process, the columns come back as they are. All processes of the group must call this together.

    Args:
        columns: Tensors ``(N, ...)`` that share ``N``; no gradient flows through the result.

    Returns:
        The same tensors with ``(N_0 + N_1 + ..., ...)`` rows.

    Example:
        >>> gather_rows(torch.arange(2))
        (tensor([0, 1]),)
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return tuple(column.detach() for column in columns)
    own = torch.tensor([len(columns[0])], dtype=torch.int64, device=columns[0].device)
    counts = [torch.zeros_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(counts, own)
    sizes = [int(count) for count in counts]
    return tuple(_gather_padded(column.detach(), sizes) for column in columns)


def _gather_padded(column: Tensor, sizes: list[int]) -> Tensor:
    """All-gather needs equal shapes: pad to the longest, cut again afterwards."""
    longest = max(sizes)
    if longest == 0:
        return column
    padded = column.new_zeros((longest, *column.shape[1:]))
    padded[: len(column)] = column
    parts = [torch.empty_like(padded) for _ in sizes]
    dist.all_gather(parts, padded)
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])
