"""What every network of the zoo keeps to, at a size at which it proves nothing else."""

import pytest
import torch

from sceneseek.losses import TrainingOnly
from sceneseek.models import weights, zoo
from thin_zoo import TINY, options_of, scenes, thin_backbones


@pytest.fixture(scope="module", autouse=True)
def thin():
    with thin_backbones():
        yield


@pytest.fixture(scope="module", params=zoo.names())
def named(request, thin):
    torch.manual_seed(0)
    return request.param, zoo.create(request.param, **options_of(request.param))


@pytest.fixture
def model(named):
    return named[1]


def step(model, images, targets, optimiser):
    losses = model(images, targets)
    assert all(torch.isfinite(value) and value.shape == () for value in losses.values()), losses
    sum(losses.values()).backward()
    model.update_memories()
    optimiser.step()
    optimiser.zero_grad()
    return losses


@pytest.mark.trains
def test_every_trainable_parameter_gets_a_gradient(named):
    name, model = named
    model.train()
    touched = set()
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-4)
    for parameter in (p for p in model.parameters() if p.requires_grad):
        parameter.register_post_accumulate_grad_hook(lambda p: touched.add(id(p)) if p.grad.any() else None)
    for seed in range(3):
        losses = step(model, *scenes(seed=seed), optimiser)
        assert tuple(sorted(losses)) == zoo.default_options(name).losses
    missing = [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in touched]
    assert missing == []


def test_memories_change_in_update_alone(model):
    def memories():
        # The statistics of a classifier's batch normalisation follow the forward pass, as everywhere.
        state = model.identity.state_dict().items()
        return {k: v.clone() for k, v in state if ".running_" not in k and not k.endswith("num_batches_tracked")}

    model.train()
    before = memories()
    losses = model(*scenes())
    sum(losses.values()).backward()
    assert all(torch.equal(v, before[k]) for k, v in memories().items())
    model.update_memories()
    changed = {k for k, v in memories().items() if not torch.equal(v, before[k])}
    assert any(key.endswith(".centres") for key in changed) or "hep" in changed
    assert any(key.endswith(".pointer") for key in changed)
    once = memories()
    model.update_memories()  # nothing is pending any more
    assert all(torch.equal(v, once[k]) for k, v in memories().items())
    model.zero_grad()


@pytest.mark.trains
def test_scenes_without_people_are_learnt_from_too(model):
    model.train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.0)
    losses = step(model, *scenes(people=False), optimiser)
    # Background is a class of its own for I-Net's softmax.
    of_people = {name for name in losses if "_cls" not in name} - {"loss_rpn_reg", "loss_hep"}
    assert {name: losses[name].item() for name in of_people} == dict.fromkeys(of_people, 0.0)
    images, targets = scenes(people=True)
    images_without, targets_without = scenes(people=False)
    step(model, [images[0], images_without[0]], [targets[0], targets_without[0]], optimiser)


def test_detections_are_what_the_contract_says(model):
    model.eval()
    images, _ = scenes()
    with torch.inference_mode():
        found = model(images)
    assert len(found) == 2
    for image, detections in zip(images, found, strict=True):
        boxes, scores, embeddings = (detections[key] for key in ("boxes", "scores", "embeddings"))
        assert 0 < len(boxes) == len(scores) == len(embeddings)
        assert embeddings.shape[1] == model.embedding_dim
        assert all(torch.isfinite(column).all() for column in (boxes, scores, embeddings))
        torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(len(embeddings)), atol=1e-5, rtol=0)
        height, width = image.shape[-2:]
        assert boxes.min() >= 0
        assert (boxes[:, 0::2] <= width).all()
        assert (boxes[:, 1::2] <= height).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert (scores.diff() <= 0).all()


def test_two_scenes_at_once_are_two_scenes(model):
    model.eval()
    images, _ = scenes()
    with torch.inference_mode():
        together = model(images)
        apart = [model([image])[0] for image in images]
    for a, b in zip(together, apart, strict=True):
        assert min(found_again(a, b), found_again(b, a)) >= 0.95


def found_again(these, those):
    """Share of detections with an equal among others.

    A network that knows nothing scores many alike: rounding decides which comes first and which of two is suppressed.
    """
    rows, others = (
        torch.cat([d["boxes"], d["scores"][:, None], d["embeddings"]], dim=1)[:, None] for d in (these, those)
    )
    return torch.isclose(rows, others[:, 0], atol=2e-3, rtol=1e-3).all(dim=2).any(dim=1).float().mean()


def test_nothing_found_is_an_empty_result(named):
    name, _ = named
    model = zoo.create(name, **{**options_of(name), "score_threshold": 1.1}).eval()
    images, _ = scenes()
    with torch.inference_mode():
        found = model(images)
    for detections in found:
        assert detections["boxes"].shape == (0, 4)
        assert detections["scores"].shape == (0,)
        assert detections["embeddings"].shape == (0, model.embedding_dim)


def test_given_boxes_are_embedded(model):
    model.eval()
    images, targets = scenes()
    boxes = [targets[0]["boxes"], torch.zeros(0, 4)]
    with torch.inference_mode():
        embeddings = model.embed(images, boxes)
        found = model(images[:1])[0]
        again = model.embed(images[:1], [found["boxes"]])[0]
    assert [tuple(e.shape) for e in embeddings] == [(3, model.embedding_dim), (0, model.embedding_dim)]
    torch.testing.assert_close(embeddings[0].norm(dim=1), torch.ones(3), atol=1e-5, rtol=0)
    # The embedding of a detection is that of its own, refined box.
    torch.testing.assert_close(again, found["embeddings"], atol=2e-3, rtol=1e-3)


def test_odd_pictures_do_no_harm(model):
    model.eval()
    with torch.inference_mode():
        for height, width in ((1, 1), (3, 3000), (700, 2)):
            image = torch.rand(3, height, width)
            found = model([image])[0]
            assert torch.isfinite(found["embeddings"]).all()
            embedded = model.embed([image], [torch.tensor([[0.0, 0.0, width, height]])])[0]
            assert torch.isfinite(embedded).all()


def test_what_distillation_reads(model):
    images, _ = scenes()
    maps = model.shared_features(images)
    assert list(maps) == list(model.feature_strides)
    for name, stride in model.feature_strides.items():
        assert maps[name].shape[-2:] == (64 // stride, 96 // stride)
    assert model.identity_table.shape == (TINY["num_identities"], model.embedding_dim)
    assert model.scale > 0


def test_one_look_answers_everything(model):
    images, targets = scenes()
    model.eval()
    with torch.inference_mode():
        reading = model.read(images, targets)
        assert list(model.map_strides)[: len(model.feature_strides)] == list(model.feature_strides)
        for name, stride in model.map_strides.items():
            assert reading.map(name).shape[-2:] == (64 // stride, 96 // stride)
        shared = model.shared_features(images)
        assert all(torch.equal(reading.map(name), shared[name]) for name in shared)
        people = sum(len(target["boxes"]) for target in targets)
        assert reading.embeddings.shape == (people, model.embedding_dim)
        torch.testing.assert_close(reading.embeddings.norm(dim=1), torch.ones(people), atol=1e-5, rtol=0)
        if model.detects == "regions":
            assert all(len(boxes) for boxes in reading.proposals)
            assert reading.region_logits(reading.boxes).shape == (people,)
        else:
            (level,) = shared.values()
            assert reading.location_logits.shape == (len(images), 1, *level.shape[-2:])
        if reading.located is not None:
            assert reading.located.embeddings.shape == (len(reading.located.labels), model.embedding_dim)
            assert set(reading.located.labels.tolist()) == {0, 1, -1}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_weights_come_back_as_they_were_stored(named, tmp_path, dtype):
    name, model = named
    path = tmp_path / "stored.safetensors"
    weights.save_model(model, path, builder=name, options=options_of(name), dtype=dtype)
    again, info = weights.load_model(path)
    assert (info.builder, info.name, again.training) == (name, "stored", False)
    memories = tuple(f"{n}." for n, m in model.named_modules() if isinstance(m, TrainingOnly))
    state = model.state_dict()
    for key, value in again.state_dict().items():
        if not key.startswith(memories):
            wanted = state[key]
            wanted = wanted.to(dtype).float() if wanted.is_floating_point() else wanted
            assert torch.equal(value, wanted), key
    if dtype == torch.float32:
        model.eval()
        images, targets = scenes()
        boxes = [target["boxes"] for target in targets]
        with torch.inference_mode():
            for a, b in zip(model.embed(images, boxes), again.embed(images, boxes), strict=True):
                assert torch.equal(a, b)


def test_a_step_after_a_checkpoint_is_the_step_without_one(named, tmp_path):
    model = named[1]
    model.train()
    images, targets = scenes()

    def one_step(net):
        torch.manual_seed(5)
        losses = net(images, targets)
        sum(losses.values()).backward()
        net.update_memories()
        net.zero_grad()
        return {**{k: v.detach() for k, v in losses.items()}, **net.state_dict()}

    state = {key: value.clone() for key, value in model.state_dict().items()}
    expected = {key: value.clone() for key, value in one_step(model).items()}
    torch.save(state, tmp_path / "checkpoint.pt")
    model.load_state_dict({key: torch.zeros_like(value) for key, value in state.items()})
    model.load_state_dict(torch.load(tmp_path / "checkpoint.pt", weights_only=True))
    for key, value in one_step(model).items():
        assert torch.equal(value, expected[key]), key


def test_half_precision_autocast_trains_and_detects(model):
    images, targets = scenes()
    with torch.autocast("cpu", torch.bfloat16):
        losses = model.train()(images, targets)
        sum(losses.values()).backward()
        assert all(torch.isfinite(value) and value.dtype == torch.float32 for value in losses.values())
        model.update_memories()
        model.zero_grad()
        found = model.eval()(images)
    assert all(d["boxes"].dtype == d["embeddings"].dtype == torch.float32 for d in found)
