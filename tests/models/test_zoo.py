import pytest

from sceneseek.errors import ModelError, UnknownModelError
from sceneseek.models import zoo


def test_names_are_sorted_and_known():
    assert zoo.names() == ["dcinet_mobilenet_v2", "dcinet_resnet18", "dcinet_resnet50", "dcinet_vgg16"]


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(UnknownModelError, match=r"'dcinet_resnet51'.*'dcinet_resnet50'"):
        zoo.create("dcinet_resnet51")


def test_a_name_is_given_once():
    zoo.names()
    with pytest.raises(ModelError, match="two builders are called 'dcinet_vgg16'"):
        zoo.register("dcinet_vgg16")(lambda: None)
