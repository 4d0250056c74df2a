"""Deformable convolution: torchvision's, and a plain one where nothing is displaced."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import deform_conv2d

from sceneseek.models.deformable import DeformableConv2d, deformable_convolution


@pytest.mark.parametrize(("stride", "modulated", "bias"), [(1, False, False), (2, True, True), (1, True, True)])
def test_it_is_torchvisions(stride, modulated, bias):
    """Values and all gradients, with displacements that leave the map."""
    torch.manual_seed(0)
    input = torch.rand(2, 5, 9, 12, dtype=torch.float64, requires_grad=True)
    height, width = (9 + 1) // stride if stride == 2 else 9, 12 // stride
    offsets = (3 * torch.randn(2, 18, height, width, dtype=torch.float64)).requires_grad_()
    masks = torch.rand(2, 9, height, width, dtype=torch.float64, requires_grad=True) if modulated else None
    weight = torch.randn(7, 5, 3, 3, dtype=torch.float64, requires_grad=True)
    added = torch.randn(7, dtype=torch.float64, requires_grad=True) if bias else None
    ours = deformable_convolution(input, offsets, weight, added, masks, stride, 1)
    theirs = deform_conv2d(input, offsets, weight, added, stride, 1, mask=masks)
    torch.testing.assert_close(ours, theirs)
    leaves = [x for x in (input, offsets, weight, added, masks) if x is not None]
    upstream = torch.randn_like(ours)
    pairs = zip(torch.autograd.grad(ours, leaves, upstream), torch.autograd.grad(theirs, leaves, upstream), strict=True)
    for mine, reference in pairs:
        torch.testing.assert_close(mine, reference)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (6, 5)])
def test_without_displacement_it_is_a_convolution(size):
    torch.manual_seed(0)
    plain = nn.Conv2d(3, 4, 3, padding=1)
    x = torch.rand(2, 3, *size)
    moved = DeformableConv2d.taking_over(plain, modulated=False)
    torch.testing.assert_close(moved(x), plain(x))
    masked = DeformableConv2d.taking_over(plain, modulated=True)
    half = F.conv2d(x, 0.5 * plain.weight, plain.bias, padding=1)
    torch.testing.assert_close(masked(x), half)
    masked.conv_offset.bias.data[18:] = 100.0
    torch.testing.assert_close(masked(x), plain(x))


def test_displacements_are_learnt():
    torch.manual_seed(0)
    conv = DeformableConv2d(3, 4, modulated=True)
    conv(torch.rand(1, 3, 6, 6)).square().sum().backward()
    assert all(bool(p.grad.any()) for p in conv.parameters())


def test_half_precision_around_it_does_not_reach_it():
    conv = DeformableConv2d(3, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert conv(torch.rand(1, 3, 6, 6).bfloat16()).dtype == torch.float32


def test_memory_layout_does_not_matter():
    torch.manual_seed(0)
    conv = DeformableConv2d(3, 4, modulated=True)
    nn.init.normal_(conv.conv_offset.weight)
    x = torch.rand(2, 3, 6, 5)
    expected = conv(x)
    conv.to(memory_format=torch.channels_last)
    torch.testing.assert_close(conv(x.to(memory_format=torch.channels_last)), expected)
