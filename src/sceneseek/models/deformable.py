"""Convolutions that move their taps: each location says where to look.

Source: Dai et al., Deformable Convolutional Networks (2017); with masks, Zhu, Hu, Lin and Dai, Deformable ConvNets v2
(2019).
"""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import deform_conv2d


class DeformableConv2d(nn.Conv2d):
    """A square convolution whose taps are displaced, and with masks also weighted, by a convolution of its own.

    Offsets start at zero. Their order is torchvision's, ``(dy, dx)`` per tap, row by row, then the masks before their
    sigmoid; that is also mmcv's order, and the names of the parameters are mmcv's.

    Args:
        in_channels: Of the input.
        out_channels: Of the output.
        kernel_size: Taps per side.
        stride: Steps between locations.
        padding: Zeros around the input.
        bias: Add one.
        modulated: With masks (version 2). They start at a half.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        padding: int = 1,
        bias: bool = False,
        *,
        modulated: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, bias=bias)
        self.modulated = modulated
        self.conv_offset = nn.Conv2d(
            in_channels, (3 if modulated else 2) * kernel_size**2, kernel_size, stride, padding, bias=True
        )
        nn.init.zeros_(self.conv_offset.weight)
        assert self.conv_offset.bias is not None
        nn.init.zeros_(self.conv_offset.bias)

    @classmethod
    def taking_over(cls, conv: nn.Conv2d, *, modulated: bool) -> Self:
        """A deformable convolution in place of ``conv``, with its weights (the same tensors)."""
        new = cls(
            conv.in_channels,
            conv.out_channels,
            int(conv.kernel_size[0]),
            int(conv.stride[0]),
            int(conv.padding[0]),
            conv.bias is not None,
            modulated=modulated,
        )
        new.weight, new.bias = conv.weight, conv.bias
        return new

    def forward(self, input: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C', H', W')``, float32."""
        told = self.conv_offset(input).float()
        taps = int(self.kernel_size[0]) ** 2
        offsets = told[:, : 2 * taps]
        masks = told[:, 2 * taps :].sigmoid() if self.modulated else None
        # Behind autocast: sampling positions need more than 8 bits.
        with torch.autocast(input.device.type, enabled=False):
            return deformable_convolution(
                input.float(), offsets, self.weight.float(), self.bias, masks, int(self.stride[0]), int(self.padding[0])
            )


def deformable_convolution(
    input: Tensor,
    offsets: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    masks: Tensor | None,
    stride: int,
    padding: int,
) -> Tensor:
    """What ``torchvision.ops.deform_conv2d`` computes with one group, by whichever way is quick on the device.

    On a graphics processor it is torchvision's kernel. Its kernel for processors is scalar code; ``grid_sample`` and a
    matrix product compute the same three times as fast, and the gradient five times.

    Args:
        input: ``(B, C, H, W)``.
        offsets: ``(B, 2 k k, H', W')``, ``(dy, dx)`` per tap.
        weight: ``(C', C, k, k)``.
        bias: ``(C',)``.
        masks: ``(B, k k, H', W')``.
        stride: Steps between locations.
        padding: Zeros around the input.

    Returns:
        ``(B, C', H', W')``.
    """
    if input.is_cuda:
        out: Tensor = deform_conv2d(input, offsets, weight, bias, (stride, stride), (padding, padding), mask=masks)
        return out
    columns = _sampled_columns(input, offsets, weight.shape[-1], stride, padding)
    batch, (height, width) = input.shape[0], offsets.shape[-2:]
    if masks is not None:
        columns = columns * masks.reshape(batch, 1, -1, height * width)
    answer = weight.reshape(len(weight), -1) @ columns.reshape(batch, -1, height * width)
    if bias is not None:
        answer = answer + bias[:, None]
    return answer.reshape(batch, -1, height, width)


def _sampled_columns(input: Tensor, offsets: Tensor, taps: int, stride: int, padding: int) -> Tensor:
    """What each tap sees: ``(B, C, k k, H' W')``, bilinear, zero outside."""
    batch, channels, in_height, in_width = input.shape
    height, width = offsets.shape[-2:]
    moves = offsets.reshape(batch, taps * taps, 2, height, width)
    row, column = (torch.arange(n, device=input.device) * stride - padding for n in (height, width))
    tap = torch.arange(taps, device=input.device)
    y = moves[:, :, 0] + (tap.repeat_interleave(taps)[:, None] + row)[None, :, :, None]
    x = moves[:, :, 1] + (tap.repeat(taps)[:, None] + column)[None, :, None, :]
    # grid_sample counts from -1 at the input's left edge to 1 at its right; cell centres lie half a cell inside.
    grid = torch.stack(((2 * x + 1) / in_width - 1, (2 * y + 1) / in_height - 1), dim=-1)
    grid = grid.reshape(batch, taps * taps * height, width, 2)
    seen = F.grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return seen.reshape(batch, channels, taps * taps, height * width)
