from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F

from sceneseek.models.aggregation import AlignedAggregation
from sceneseek.models.backbones import Level

LEVELS = [Level("a", 8, 3), Level("b", 16, 5), Level("c", 32, 7)]


def maps(height=6, width=10):
    torch.manual_seed(0)
    sizes = [(-(-height // 2**i), -(-width // 2**i)) for i in range(3)]
    return OrderedDict(
        (level.name, torch.randn(2, level.channels, *size)) for level, size in zip(LEVELS, sizes, strict=True)
    )


def test_without_displacements_it_is_a_pyramid_by_concatenation():
    torch.manual_seed(0)
    net = AlignedAggregation(LEVELS, 4, offsets_start="zero")
    given = maps()
    outputs = net(given, finest_only=False)

    def convolve(conv, x):
        return F.conv2d(x, conv.weight, None, padding=1)

    sides = [convolve(conv, x) for conv, x in zip(net.lateral_convs, given.values(), strict=True)]
    # By hand: 3x5 under 6x10, and 2x3 under 3x5 with its last row and column cut.
    second = torch.cat([sides[1], sides[2].repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, :3, :5]], dim=1)
    rows, columns = torch.tensor([0, 0, 1]), torch.tensor([0, 0, 1, 1, 2])
    second = torch.cat([sides[1], sides[2][:, :, rows][:, :, :, columns]], dim=1)
    first = torch.cat([sides[0], second.repeat_interleave(2, 2).repeat_interleave(2, 3)], dim=1)
    for output, merged, conv in zip(outputs[:3], (first, second, sides[2]), net.fpn_convs, strict=True):
        torch.testing.assert_close(output, convolve(conv, merged))
    torch.testing.assert_close(outputs[3], net.extra_convs[0](outputs[2]))
    torch.testing.assert_close(outputs[4], net.extra_convs[1](outputs[3].relu()))
    assert [conv.in_channels for conv in net.fpn_convs] == [12, 8, 4]


def test_searching_computes_the_finest_map_alone():
    torch.manual_seed(0)
    net = AlignedAggregation(LEVELS, 4, offsets_start="xavier")
    (finest,) = net(maps(), finest_only=True)
    torch.testing.assert_close(finest, net(maps(), finest_only=False)[0])
    lean = AlignedAggregation(LEVELS, 4, coarse_levels=False, offsets_start="xavier")
    assert len(lean(maps(), finest_only=False)) == 1
    assert sum(p.numel() for p in lean.parameters()) < sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("start", ["xavier", "zero"])
def test_where_displacements_start(start):
    net = AlignedAggregation(LEVELS, 4, offsets_start=start)
    for conv in (*net.lateral_convs, *net.fpn_convs):
        assert bool(conv.conv_offset.weight.any()) == (start == "xavier")
        assert not conv.conv_offset.bias.any()
        # The kernels keep their own start, U(-1, 1) / sqrt(fan in).
        bound = (conv.in_channels * 9) ** -0.5
        assert 0.8 * bound < conv.weight.abs().max() <= bound
