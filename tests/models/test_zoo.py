from dataclasses import fields

import pytest
import torch

from sceneseek.errors import ModelError, UnknownModelError
from sceneseek.models import zoo
from sceneseek.models.backbones import make_backbone

FAMILIES = ["oim", "inet", "dcinet", "nae", "seqnet", "oimnetpp", "coat", "alignps", "roi_alignps"]


def test_names_are_sorted_and_known():
    names = zoo.names()
    assert names == sorted(names)
    assert {"dcinet_vgg16", "oim_resnet50", "nae_plus_resnet50", "seqnet_mobilenet_v2", "oimnetpp_resnet50"} <= {*names}


def test_every_network_shows_its_options():
    for name in zoo.names():
        options = zoo.default_options(name)
        assert options.changed({"num_identities": 3}).num_identities == 3
        assert list(options.losses) == sorted(options.losses)
    with pytest.raises(UnknownModelError, match=r"'seqnet_resnet5'.*'seqnet_resnet50'"):
        zoo.default_options("seqnet_resnet5")


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(UnknownModelError, match=r"'dcinet_resnet51'.*'dcinet_resnet50'"):
        zoo.create("dcinet_resnet51")


def test_a_name_is_given_once():
    zoo.names()
    with pytest.raises(ModelError, match="two builders are called 'dcinet_vgg16'"):
        zoo.register("dcinet_vgg16")(lambda: None)


@pytest.mark.parametrize("backbone", ["resnet34", "resnet101", "mobilenet_v3_small", "convnext_tiny", "swin_tiny"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_network_stands_on_other_backbones(family, backbone):
    with torch.device("meta"):  # shapes alone
        level = make_backbone(backbone).stem.at_stride(16)
        wanted = {"stem_norm": "batch", "tail_norm": "batch", "det_level": level.name, "reid_level": level.name}
        known = {field.name for field in fields(zoo.default_options(f"{family}_resnet50"))}
        options = {key: value for key, value in wanted.items() if key in known}
        net = zoo.create(f"{family}_resnet50", backbone=backbone, **options)
    assert net.stem.level(level.name).channels == level.channels


def test_another_backbone_finds_and_embeds():
    net = zoo.create("seqnet_resnet50", backbone="resnet18", min_size=64, max_size=96, score_threshold=0.0).eval()
    with torch.inference_mode():
        (found,) = net([torch.rand(3, 64, 96, generator=torch.Generator().manual_seed(0))])
    assert len(found["boxes"]) > 0
    assert found["embeddings"].shape[1] == 256


def test_a_backbone_that_does_not_exist_is_refused_with_the_nearest():
    with pytest.raises(ModelError, match=r"no backbone 'resnet5'.*resnet50"):
        zoo.create("seqnet_resnet50", backbone="resnet5")
    with pytest.raises(ModelError, match="ResNet-50 of its own"):
        zoo.create("oim_resnet50", backbone="resnet18", layout="caffe")
