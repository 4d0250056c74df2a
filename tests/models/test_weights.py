import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from sceneseek.errors import UnknownModelError, WeightsError
from sceneseek.models import weights, zoo

OPTIONS = {"num_identities": 3, "embedding_dim": 8, "min_size": 64, "max_size": 96, "dictionary_size": 16}
NAME = "dcinet_mobilenet_v2"


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return zoo.create(NAME, **OPTIONS)


@pytest.fixture
def stored(model, tmp_path):
    path = tmp_path / "net.safetensors"
    options = {**OPTIONS, "weights": "/somewhere/imagenet.pth"}
    weights.save_model(model, path, builder=NAME, options=options, info={"recipe": "r.toml"})
    return path


def rewrite(path, change_tensors=None, change_note=None):
    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        note = json.loads(file.metadata()["sceneseek"])
    if change_tensors:
        change_tensors(tensors)
    if change_note:
        change_note(note)
    save_file(tensors, path, metadata={"sceneseek": json.dumps(note)})


def test_the_file_is_small_plain_and_without_memories(stored, model):
    with safe_open(stored, framework="pt") as file:
        keys = set(file.keys())
        assert all(file.get_tensor(k).dtype in (torch.float16, torch.int64) for k in keys)
    assert keys == {key for key in model.state_dict() if not key.startswith(("identity.",))}
    assert stored.stat().st_size < 20e6


def test_the_same_network_gives_the_same_bytes(stored, model, tmp_path):
    again = weights.save_model(
        model,
        tmp_path / "again.safetensors",
        builder=NAME,
        options=OPTIONS | {"weights": None},
        info={"recipe": "r.toml"},
    )
    assert weights.load_model(stored)[1].sha256 == again.sha256
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.safetensors", "net.safetensors"]


def test_what_is_known_of_it_comes_back(stored):
    net, info = weights.load_model(stored)
    assert (info.name, info.builder, info.info) == ("net", NAME, {"recipe": "r.toml"})
    assert info.options == {**OPTIONS, "weights": None}  # the file replaces the backbone's own weights
    assert len(info.sha256) == 64
    assert not net.training
    assert {p.dtype for p in net.parameters()} == {torch.float32}


def test_options_can_be_replaced_at_loading(stored):
    net, _ = weights.load_model(stored, score_threshold=0.05, min_size=128)
    assert net.detector.roi_heads.score_thresh == 0.05
    assert net.transform.min_size == (128,)


def test_training_goes_on_from_stored_weights(stored):
    net = zoo.create(NAME, **{**OPTIONS, "num_identities": 99})
    net.identity.centres.centres.fill_(0.5)
    info = weights.load_into(net, stored, builder=NAME)
    assert info.name == "net"
    assert net.identity.centres.centres.eq(0.5).all()
    with pytest.raises(
        WeightsError, match="holds a dcinet_mobilenet_v2, the network to load them into is a dcinet_resnet18"
    ):
        weights.load_into(net, stored, builder="dcinet_resnet18")


def test_a_pickle_is_explained_not_opened(tmp_path):
    path = tmp_path / "net.safetensors"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match=r"pickle.*safetensors only"):
        weights.load_model(path)


def test_a_header_as_long_as_a_pickle_begins_is_read(model, tmp_path):
    """The first byte of a file is the lowest of its header's length, and may be any."""
    path = tmp_path / "net.safetensors"
    weights.save_model(model, path, builder=NAME, options=OPTIONS, info={"note": ""})
    length = (0x80 - path.read_bytes()[0]) % 256
    weights.save_model(model, path, builder=NAME, options=OPTIONS, info={"note": "x" * length})
    assert path.read_bytes()[0] == 0x80
    assert weights.load_model(path)[1].info == {"note": "x" * length}


@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_damage_is_reported(stored, damage):
    content = stored.read_bytes()
    stored.write_bytes({"empty": b"", "text": b"hello, I am no network", "cut": content[: len(content) // 2]}[damage])
    with pytest.raises(WeightsError, match=r"net\.safetensors is a damaged safetensors file"):
        weights.load_model(stored)


def test_foreign_tensors_are_reported(tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, path, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"not the note of a sceneseek network \(found \['format'\]\)"):
        weights.load_model(path)


def test_a_later_format_is_reported(stored):
    rewrite(stored, change_note=lambda note: note.update(format=7))
    with pytest.raises(WeightsError, match=r"format 7.*Update"):
        weights.load_model(stored)


def test_an_unknown_builder_is_reported(stored):
    rewrite(stored, change_note=lambda note: note.update(builder="dcinet_mobilenet_v3"))
    with pytest.raises(UnknownModelError, match=r"'dcinet_mobilenet_v3'.*'dcinet_mobilenet_v2'"):
        weights.load_model(stored)


def test_differing_tensors_are_named(stored):
    def change(tensors):
        tensors["reidentifier.project.weight"] = torch.zeros(4, 1280)
        tensors["reidentifier.extra"] = torch.zeros(1)
        del tensors["reidentifier.project.bias"]

    rewrite(stored, change_tensors=change)
    with pytest.raises(WeightsError) as caught:
        weights.load_model(stored)
    message = str(caught.value)
    assert "it lacks reidentifier.project.bias" in message
    assert "the network has no reidentifier.extra" in message
    assert "reidentifier.project.weight is (4, 1280), the network's (8, 1280)" in message


def test_weights_that_half_precision_cannot_hold_are_refused(model, tmp_path):
    broken = zoo.create(NAME, **OPTIONS)
    with torch.no_grad():
        broken.reidentifier.project.bias[0] = 1e6
    with pytest.raises(WeightsError, match=r"reidentifier\.project\.bias.*float16.*1e\+06"):
        weights.save_model(broken, tmp_path / "net.safetensors", builder=NAME, options=OPTIONS)
    assert list(tmp_path.iterdir()) == []


def test_names_and_paths_are_resolved(stored):
    assert weights.resolve(stored) == stored
    for name in weights.shipped_names():
        assert weights.resolve(name).is_file()
    with pytest.raises(UnknownModelError, match="neither a file nor the name"):
        weights.resolve("no-such-network")
