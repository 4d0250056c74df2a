import pytest

from sceneseek.errors import ModelError, UnknownModelError
from sceneseek.models import zoo


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
