import pickle

import pytest
import torch
import torchvision.models as tv
from safetensors.torch import save_file

from sceneseek.errors import ModelError, WeightsError
from sceneseek.models.backbones import (
    BACKBONES,
    mobilenet_v2,
    resnet18,
    resnet50,
    resnet50_conv4_3,
    resnet50_dcn,
    stride_on_first_convolution,
)
from sceneseek.models.deformable import DeformableConv2d

SMALL = ["resnet18", "mobilenet_v2", "resnet50", "resnet50_conv4_3", "mobilenet_v3_small", "convnext_tiny", "swin_tiny"]
TORCHVISION = {"swin_tiny": "swin_t", "resnet50_conv4_3": "resnet50", "resnet50_dcn": "resnet50"}
WITHOUT_TAIL = {("convnext_tiny", "stride32"), ("swin_tiny", "stride32")} | {
    (name, "layer4") for name in BACKBONES if name.startswith("resnet")
}


def shapes_alone(name):
    """Shapes need no numbers, and the weights of VGG16 need not exist; autocast alone knows no such device."""
    return torch.device("cpu" if name.endswith("dcn") else "meta")


@pytest.mark.parametrize("name", BACKBONES)
def test_levels_say_their_stride_and_channels(name):
    with shapes_alone(name), torch.inference_mode():
        stem = BACKBONES[name](None).stem
        maps = stem(torch.zeros(1, 3, 64, 96))
    assert list(maps) == [level.name for level in stem.levels]
    for level in stem.levels:
        assert maps[level.name].shape == (1, level.channels, 64 // level.stride, 96 // level.stride)


@pytest.mark.parametrize("name", BACKBONES)
def test_tails_say_their_channels(name):
    with shapes_alone(name), torch.inference_mode():
        backbone = BACKBONES[name](None)
        for level in backbone.stem.levels:
            if (name, level.name) in WITHOUT_TAIL:
                with pytest.raises(ModelError, match=f"nothing comes after {level.name}"):
                    backbone.tail(level.name)
                continue
            size = 7 if (name, level.name) == ("vgg16", "conv5") else 14
            regions = torch.zeros(2, level.channels, size, size)
            tail = backbone.tail(level.name)
            assert tail(regions).shape[:2] == (2, tail.out_channels)


def test_published_levels():
    """Those that pyramids on these networks are published with."""
    expected = {
        "resnet18": (128, 256, 512),
        "resnet34": (128, 256, 512),
        "resnet50": (512, 1024, 2048),
        "resnet50_dcn": (512, 1024, 2048),
        "resnet101": (512, 1024, 2048),
        "mobilenet_v2": (32, 96, 320),
        "mobilenet_v3_small": (24, 48, 96),
        "mobilenet_v3_large": (40, 112, 160),
        "convnext_tiny": (192, 384, 768),
        "swin_tiny": (192, 384, 768),
    }
    with torch.device("meta"):
        for name, channels in expected.items():
            stem = BACKBONES[name](None).stem
            assert tuple(stem.at_stride(stride).channels for stride in (8, 16, 32)) == channels
        with pytest.raises(ModelError, match=r"no level of stride 32.*conv5 \(16\)"):
            BACKBONES["vgg16"](None).stem.at_stride(32)


@pytest.mark.parametrize("name", SMALL)
def test_stem_and_tail_together_are_the_classifier(name):
    torch.manual_seed(0)
    net = tv.get_model(TORCHVISION.get(name, name), weights=None).eval()
    torch.manual_seed(0)
    backbone = BACKBONES[name](None)
    scene = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        maps, expected = backbone.stem.eval()(scene), net(scene)
        for level in backbone.stem.levels:
            if (name, level.name) in WITHOUT_TAIL:
                described = maps[level.name]
                described = (
                    net.norm(described.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) if name == "swin_tiny" else described
                )
            else:
                described = backbone.tail(level.name).eval()(maps[level.name])
            described = described.mean(dim=(2, 3), keepdim=True)
            head = next(getattr(net, part) for part in ("fc", "classifier", "head") if hasattr(net, part))
            # ConvNeXt's classifier normalises maps, the others read vectors.
            answer = head(described if name == "convnext_tiny" else described.flatten(1))
            torch.testing.assert_close(answer, expected)


def test_a_deformable_network_takes_the_weights_of_a_plain_one(tmp_path):
    torch.manual_seed(0)
    plain = tv.resnet50(weights=None)
    torch.save(plain.state_dict(), tmp_path / "resnet50.pth")
    backbone = resnet50_dcn(str(tmp_path / "resnet50.pth"))
    stem = backbone.stem
    moved = [m for m in stem.modules() if isinstance(m, DeformableConv2d)]
    assert len(moved) == 4 + 6 + 3  # every block of layer2, layer3 and layer4; none of layer1
    assert torch.equal(stem.stages[2][0].conv2.weight, plain.layer3[0].conv2.weight)
    # With masks that let everything through, it is the plain network.
    for conv in moved:
        conv.conv_offset.bias.data[18:] = 100.0
    scene = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        x = plain.eval().maxpool(plain.relu(plain.bn1(plain.conv1(scene))))
        expected = plain.layer4(plain.layer3(plain.layer2(plain.layer1(x))))
        torch.testing.assert_close(stem.eval()(scene)["layer4"], expected, atol=1e-3, rtol=1e-3)
    tail = backbone.tail("layer3", last_stride=1)
    assert tail(torch.zeros(1, 1024, 6, 6)).shape[-2:] == (6, 6)


def test_the_stride_can_stand_in_the_first_convolution():
    stem = resnet50().stem
    stride_on_first_convolution(stem)
    block = stem.stages[1][0]
    assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))
    assert stem(torch.zeros(1, 3, 64, 64))["layer4"].shape[-2:] == (2, 2)
    stem = resnet50_dcn().stem
    stride_on_first_convolution(stem)
    block = stem.stages[1][0]
    assert (block.conv1.stride, block.conv2.stride, block.conv2.conv_offset.stride) == ((2, 2), (1, 1), (1, 1))


def test_the_division_of_oim():
    backbone = resnet50_conv4_3()
    assert [level.name for level in backbone.stem.levels] == ["layer1", "layer2", "conv4_3", "layer3", "layer4"]
    tail = backbone.tail("conv4_3")
    assert [len(layer) for layer in tail.layers] == [3, 3]  # conv4_4 to conv4_6, and conv5


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
    assert [any(p.requires_grad for p in stage.parameters()) for stage in stem.stages] == [False, True, True, True]
    stem.truncate("stride8")
    assert list(stem(torch.zeros(1, 3, 32, 32))) == ["stride4", "stride8"]


def test_an_unknown_level_is_named():
    with pytest.raises(ModelError, match=r"no level 'layer5'.*'layer4'"):
        resnet18().tail("layer5")


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
