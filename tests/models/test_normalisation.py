import pytest
import torch
from torch import nn

from sceneseek.models.normalisation import FixedBatchNorm2d, restore_statistics, set_norm_mode


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU6()), nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2)
    )


@pytest.mark.parametrize(
    ("mode", "learns", "moves"), [("batch", True, True), ("affine", True, False), ("frozen", False, False)]
)
def test_modes(mode, learns, moves):
    net = network()
    names = list(net.state_dict())
    set_norm_mode(net, mode)
    assert list(net.state_dict()) == names
    norm = net[1][0]
    assert norm.weight.requires_grad == norm.bias.requires_grad == learns
    net.train()(torch.rand(2, 3, 8, 8))
    assert bool(norm.running_mean.any()) == moves


def test_fixed_statistics_in_training_are_evaluation():
    net = network().eval()
    x = torch.rand(2, 3, 8, 8)
    expected = net(x)
    set_norm_mode(net, "frozen")
    torch.testing.assert_close(net.train()(x), expected)
    assert isinstance(net[3], FixedBatchNorm2d)
    set_norm_mode(net, "batch")
    assert type(net[3]) is nn.BatchNorm2d
    assert net[3].weight.requires_grad


def test_restored_statistics_are_those_of_the_data_and_change_nothing():
    net = network().eval()
    batches = [torch.rand(4, 3, 9, 9), torch.rand(2, 3, 9, 9) * 3]
    before = [net(x) for x in batches]
    seen = torch.cat([net[0](x) for x in batches])
    restore_statistics(net, batches)
    for x, expected in zip(batches, before, strict=True):
        torch.testing.assert_close(net(x), expected, atol=1e-5, rtol=1e-4)
    norm = net[1][0]
    torch.testing.assert_close(norm.running_mean, seen.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(norm.running_var, seen.var(dim=(0, 2, 3), unbiased=False))
    # In training with such data the normalisation is now about what it is in evaluation; as the identity it was not.
    torch.testing.assert_close(
        nn.Sequential(net[0], norm).train()(torch.cat(batches)), net[0:1](torch.cat(batches)), atol=1e-3, rtol=1e-3
    )
