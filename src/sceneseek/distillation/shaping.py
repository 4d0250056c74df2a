"""Bringing a student's maps and boxes to where the teacher's are: other grids, other widths, other pixels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneseek.distillation.regions import Size


def adapter(own: int, wanted: int) -> nn.Module:
    """A 1x1 convolution from one width of a map to another; nothing where they agree. Trained, and left behind."""
    return nn.Identity() if own == wanted else nn.Conv2d(own, wanted, 1)


def projection(own: int, wanted: int) -> nn.Module:
    """A linear map from one length of embeddings to another; nothing where they agree. Trained, and left behind."""
    return nn.Identity() if own == wanted else nn.Linear(own, wanted, bias=False)


def resampled(
    maps: Tensor, stride: float, sizes: Sequence[Size], to_stride: float, to_sizes: Sequence[Size], to_grid: Size
) -> Tensor:
    """A map where another network's cells are: bilinear, by the pictures' own coordinates.

    Each cell of the other grid is looked up at the place of the picture that it shows, so batches padded by different
    amounts still fit. Without padding this is ``interpolate(..., mode="bilinear")``. A map that fits is left alone.

    Args:
        maps: ``(B, C, h, w)``.
        stride: Pixels of its network's resized pictures per cell.
        sizes: Heights and widths of these, without padding.
        to_stride: The other network's.
        to_sizes: The other network's.
        to_grid: Rows and columns of the other map.

    Returns:
        ``(B, C, *to_grid)``.
    """
    if stride == to_stride and list(sizes) == list(to_sizes) and tuple(maps.shape[-2:]) == tuple(to_grid):
        return maps
    grids = []
    for own, other in zip(sizes, to_sizes, strict=True):
        axes = []
        for axis in range(2):
            cells = torch.arange(to_grid[axis], device=maps.device, dtype=maps.dtype)
            place = (cells + 0.5) * to_stride * own[axis] / other[axis]
            axes.append(place / stride * 2 / maps.shape[2 + axis] - 1)
        rows, columns = torch.meshgrid(*axes, indexing="ij")
        grids.append(torch.stack([columns, rows], dim=2))
    return F.grid_sample(maps, torch.stack(grids), mode="bilinear", padding_mode="border", align_corners=False)


def rescaled(boxes: Sequence[Tensor], sizes: Sequence[Size], to_sizes: Sequence[Size]) -> list[Tensor]:
    """Boxes ``(N, 4)`` per image in another network's resized pixels.

    Example:
        >>> rescaled([torch.tensor([[2.0, 4.0, 6.0, 8.0]])], [(10, 20)], [(20, 20)])[0].tolist()
        [[2.0, 8.0, 6.0, 16.0]]
    """
    moved = []
    for rows, (height, width), (other_height, other_width) in zip(boxes, sizes, to_sizes, strict=True):
        across, down = other_width / width, other_height / height
        moved.append(rows * rows.new_tensor([across, down, across, down]))
    return moved
