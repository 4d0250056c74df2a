import pickle

import pytest
import torch
import torchvision.models as tv
from safetensors.torch import save_file

from sceneseek.errors import ModelError, WeightsError
from sceneseek.models.backbones import BACKBONES, mobilenet_v2, resnet18

SMALL = ["resnet18", "mobilenet_v2", "resnet50"]


@pytest.mark.parametrize("name", BACKBONES)
def test_levels_say_their_stride_and_channels(name):
    with torch.device("meta"):  # shapes alone: the weights of VGG16 need not exist
        stem = BACKBONES[name](None).stem
        maps = stem(torch.zeros(1, 3, 64, 96))
    assert list(maps) == [level.name for level in stem.levels]
    for level in stem.levels:
        assert maps[level.name].shape == (1, level.channels, 64 // level.stride, 96 // level.stride)


@pytest.mark.parametrize("name", BACKBONES)
def test_tails_say_their_channels(name):
    with torch.device("meta"):
        backbone = BACKBONES[name](None)
        for level in backbone.stem.levels:
            size = 7 if (name, level.name) == ("vgg16", "conv5") else 14
            regions = torch.zeros(2, level.channels, size, size)
            tail = backbone.tail(level.name)
            assert tail(regions).shape[:2] == (2, tail.out_channels)


@pytest.mark.parametrize("name", SMALL)
def test_stem_and_tail_together_are_the_classifier(name):
    torch.manual_seed(0)
    net = tv.get_model(name, weights=None).eval()
    torch.manual_seed(0)
    backbone = BACKBONES[name](None)
    scene = torch.rand(1, 3, 64, 64)
    for level in backbone.stem.levels:
        with torch.inference_mode():
            regions = backbone.stem.eval()(scene)[level.name]
            described = backbone.tail(level.name).eval()(regions).mean(dim=(2, 3))
            head = net.fc if hasattr(net, "fc") else net.classifier
            torch.testing.assert_close(head.eval()(described), net(scene))


def test_tails_share_nothing_with_the_stem_or_each_other():
    backbone = mobilenet_v2()
    tails = [backbone.tail("stride8"), backbone.tail("stride8")]
    owned = [{p.data_ptr() for p in part.parameters()} for part in (backbone.stem, *tails)]
    assert not owned[0] & owned[1]
    assert not owned[1] & owned[2]
    for a, b in zip(tails[0].parameters(), tails[1].parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_last_reduction_can_be_left_out():
    backbone = resnet18()
    regions = torch.zeros(1, 256, 8, 8)
    assert backbone.tail("layer3")(regions).shape[-2:] == (4, 4)
    assert backbone.tail("layer3", last_stride=1)(regions).shape[-2:] == (8, 8)
    regions = torch.zeros(1, 32, 24, 12)
    assert mobilenet_v2().tail("stride8")(regions).shape[-2:] == (6, 3)
    assert mobilenet_v2().tail("stride8", last_stride=1)(regions).shape[-2:] == (12, 6)


def test_freezing_and_cutting():
    stem = mobilenet_v2().stem
    stem.freeze(1)
    assert [any(p.requires_grad for p in stage.parameters()) for stage in stem.stages] == [False, True, True]
    stem.truncate("stride8")
    assert list(stem(torch.zeros(1, 3, 32, 32))) == ["stride4", "stride8"]


def test_an_unknown_level_is_named():
    with pytest.raises(ModelError, match=r"no level 'layer4'.*'layer3'"):
        resnet18().tail("layer4")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_local_file_in_half_precision_is_read(tmp_path, suffix):
    net = tv.resnet18(weights=None)
    half = {k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(half, path)
    else:
        save_file(half, path)
    stem = resnet18(str(path)).stem
    conv = stem.stages[0][0].weight
    assert conv.dtype == torch.float32
    assert torch.equal(conv, net.conv1.weight.half().float())


class Trap:
    def __reduce__(self):
        return (open, ("/nowhere/at/all", "w"))


def test_a_pickle_is_not_opened(tmp_path):
    path = tmp_path / "trap.pth"
    with path.open("wb") as stream:
        pickle.dump({"weight": Trap()}, stream, protocol=2)
    with pytest.raises(WeightsError, match=r"trap\.pth"):
        resnet18(str(path))
    torch.save({"weight": Trap()}, path)
    with pytest.raises(WeightsError, match="more than plain tensors"):
        resnet18(str(path))


@pytest.mark.parametrize("content", [b"", b"no weights at all", bytes(1000)])
def test_a_damaged_file_is_refused(tmp_path, content):
    for name in ("broken.pth", "broken.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match="broken"):
            resnet18(str(tmp_path / name))


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "other.pth"
    torch.save(tv.mobilenet_v2(weights=None).state_dict(), path)
    with pytest.raises(WeightsError, match="does not hold the weights of torchvision's resnet18"):
        resnet18(str(path))
    torch.save([torch.zeros(3)], path)
    with pytest.raises(WeightsError, match="not a state dictionary"):
        resnet18(str(path))


def test_a_misspelt_source_says_what_there_is():
    with pytest.raises(WeightsError, match=r"'IMAGNET'.*IMAGENET1K_V1"):
        resnet18("IMAGNET")
