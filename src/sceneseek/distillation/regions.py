"""Which cells of a map show people, which show background, and which only padding."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import box_iou

Size = tuple[int, int]


def cells_of(box: Tensor, stride: float, grid: Size) -> tuple[slice, slice]:
    """Rows and columns of the cells that a box touches.

    Args:
        box: ``(4,)`` ``xyxy``, pixels.
        stride: Pixels per cell.
        grid: Rows and columns of the map.

    Example:
        >>> cells_of(torch.tensor([8.0, 0.0, 24.0, 9.0]), 8, (3, 4))
        (slice(0, 2, None), slice(1, 3, None))
    """
    left, top = (max(int(edge), 0) for edge in (box[:2] / stride).floor().tolist())
    right, bottom = (int(edge) for edge in (box[2:] / stride).ceil().tolist())
    return slice(top, min(bottom, grid[0])), slice(left, min(right, grid[1]))


def picture_mask(sizes: Sequence[Size], stride: float, grid: Size, device: torch.device) -> Tensor:
    """Cells that show some of a picture, not padding alone, ``(B, 1, h, w)`` bool."""
    mask = torch.zeros(len(sizes), 1, *grid, dtype=torch.bool, device=device)
    for image, (height, width) in zip(mask, sizes, strict=True):
        rows, columns = cells_of(torch.tensor([0.0, 0.0, float(width), float(height)]), stride, grid)
        image[0, rows, columns] = True
    return mask


def people_mask(boxes: Sequence[Tensor], stride: float, grid: Size) -> Tensor:
    """Cells that a person's box touches, ``(B, 1, h, w)`` bool; boxes ``(N, 4)`` per image in pixels."""
    return foreground_shares(boxes, stride, grid) > 0


def foreground_shares(boxes: Sequence[Tensor], stride: float, grid: Size) -> Tensor:
    """One over the cells of the person that a cell shows, of the smallest where several do; 0 where none, float32.

    Source: Yang et al., Focal and Global Knowledge Distillation (2022), eq. 3 and 4, where people overlap as in their
    code. Differs from that code: the row and the column behind a box do not belong to it.
    """
    shares = torch.zeros(len(boxes), 1, *grid, device=boxes[0].device)
    for image, people in zip(shares, boxes, strict=True):
        for box in people:
            rows, columns = cells_of(box, stride, grid)
            covered = image[0, rows, columns]
            if covered.numel():
                covered.clamp_(min=1.0 / covered.numel())
    return shares


def background_shares(background: Tensor) -> Tensor:
    """One over an image's cells of background, at these; ``(B, 1, h, w)`` bool to float32."""
    return background / background.sum(dim=(2, 3), keepdim=True).clamp(min=1)


def near_anchors(
    boxes: Sequence[Tensor],
    stride: float,
    grid: Size,
    *,
    sides: Sequence[float] = (32.0, 64.0, 128.0, 256.0, 512.0),
    ratios: Sequence[float] = (0.5, 1.0, 2.0),
    share: float = 0.5,
) -> Tensor:
    """Cells with an anchor whose IoU with a person exceeds ``share`` of the best anchor's, ``(B, 1, h, w)`` bool.

    Source: Wang et al., Distilling Object Detectors with Fine-grained Feature Imitation (2019), section 3.1.

    Args:
        boxes: ``(N, 4)`` per image, pixels.
        stride: Pixels per cell.
        grid: Rows and columns of the map.
        sides: Square roots of the anchors' areas, pixels.
        ratios: Height over width.
        share: See above.
    """
    device = boxes[0].device
    shapes = torch.tensor([[side / ratio**0.5, side * ratio**0.5] for side in sides for ratio in ratios], device=device)
    rows, columns = (torch.arange(n, device=device) for n in grid)
    centres = (torch.stack([columns.repeat(grid[0]), rows.repeat_interleave(grid[1])], dim=1) + 0.5) * stride
    anchors = torch.cat([centres[:, None] - shapes / 2, centres[:, None] + shapes / 2], dim=2).flatten(0, 1)
    mask = torch.zeros(len(boxes), 1, *grid, dtype=torch.bool, device=device)
    for image, people in zip(mask, boxes, strict=True):
        if len(people):
            overlaps = box_iou(people, anchors)
            near = (overlaps > share * overlaps.amax(dim=1, keepdim=True)).any(dim=0)
            image[0] = near.view(*grid, len(shapes)).any(dim=2)
    return mask
