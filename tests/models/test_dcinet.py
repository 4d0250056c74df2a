import pytest
import torch

from sceneseek.errors import ModelError, ValueRefused
from sceneseek.models import zoo
from sceneseek.models.dcinet import DCINetOptions

TINY = {
    "num_identities": 4,
    "min_size": 96,
    "max_size": 160,
    "reid_size": (12, 6),
    "train_proposals": (100, 30),
    "test_proposals": (100, 10),
    "det_regions": 16,
    "embedding_dim": 16,
    "score_threshold": 0.0,
}


def scene(seed=0):
    image = torch.rand(3, 96, 160, generator=torch.Generator().manual_seed(seed))
    boxes = torch.tensor([[10.0, 10.0, 40.0, 90.0], [70.0, 5.0, 100.0, 85.0]])
    return image, {"boxes": boxes, "person_ids": torch.tensor([0, 1]), "image_id": str(seed)}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return zoo.create("dcinet_mobilenet_v2", **TINY)


def gradients(model, loss):
    model.zero_grad()
    loss.backward(retain_graph=True)
    return {
        part: any(p.grad is not None and bool(p.grad.any()) for p in getattr(model, part).parameters())
        for part in ("stem", "proposals", "detector", "reidentifier")
    }


def test_each_loss_reaches_its_own_layers_and_the_shared_ones(model):
    model.train()
    images, targets = map(list, zip(scene(0), scene(1), strict=True))
    model(images, targets)
    model.update_memories()
    losses = model(images, targets)
    model.update_memories()
    reached = {name: gradients(model, value) for name, value in losses.items()}
    model.zero_grad()
    parts = ("stem", "proposals", "detector", "reidentifier")
    for name, owner in (("rpn", "proposals"), ("det", "detector"), ("olp", "reidentifier"), ("c2hep", "reidentifier")):
        for loss, hit in reached.items():
            if f"loss_{name}" in loss:
                assert hit == {part: part in ("stem", owner) for part in parts}, loss


@pytest.mark.trains
def test_training_moves_towards_the_annotation():
    """The same two scenes again and again: every term but the pairing loss, whose dictionary fills, must fall."""
    torch.manual_seed(0)
    model = zoo.create("dcinet_mobilenet_v2", **TINY).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    images, targets = map(list, zip(scene(0), scene(1), strict=True))
    history = []
    for _ in range(25):
        losses = model(images, targets)
        optimiser.zero_grad()
        sum(losses.values()).backward()
        model.update_memories()
        optimiser.step()
        history.append({name: value.item() for name, value in losses.items()})
    for name in ("loss_rpn_cls", "loss_det_cls", "loss_c2hep"):
        early, late = (sum(step[name] for step in part) / 3 for part in (history[1:4], history[-3:]))
        assert late < 0.7 * early, (name, early, late)


def test_the_reidentifier_reads_refined_boxes(model):
    seen = []
    handle = model.reidentifier.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
    heads = model.detector.roi_heads
    try:
        model.eval()
        with torch.inference_mode():
            found = model([scene()[0]])[0]
    finally:
        handle.remove()
    torch.testing.assert_close(seen[0][0], found["boxes"])  # the scene has the network's own size
    assert heads.nms_thresh == 0.4


def test_several_forwards_make_one_update(model):
    model.train()
    images, targets = map(list, zip(scene(0), scene(1), strict=True))
    with torch.no_grad():
        model(images, targets)
        first = len(model._pending[0][0])
        model(images, targets)
        total = sum(len(rows) for rows, *_ in model._pending)
    before = len(model.identity.dictionary)
    model.update_memories()
    assert len(model.identity.dictionary) == before + total > before + first


def test_training_without_targets_says_what_to_do(model):
    model.train()
    with pytest.raises(ValueRefused, match="eval"):
        model([scene()[0]])


def test_options_are_strict():
    with pytest.raises(ModelError, match=r"no option 'embeding_dim'.*'embedding_dim'"):
        zoo.create("dcinet_mobilenet_v2", embeding_dim=3)
    with pytest.raises(ModelError, match=r"det_head .* must be one of 'tail', 'light'; it is 'ligth'"):
        zoo.create("dcinet_mobilenet_v2", det_head="ligth")
    assert DCINetOptions().changed({"det_size": [3, 4]}).det_size == (3, 4)


@pytest.mark.parametrize(
    "options",
    [
        {"anchors": "published"},
        {"reid_pooling": "gem", "reid_dropout": 0.5, "reid_last_stride": 1},
        {"det_head": "tail", "reid_level": "stride16", "reid_positive_fraction": 0.5, "dictionary_store": "all"},
        {"c2hep_pool": "centres", "olp_current_negatives": True, "olp_scale": 10.0, "exclude_current_positives": True},
        {"stem_norm": "affine", "tail_norm": "frozen", "frozen_stages": 2, "channels_last": False},
    ],
    ids="+".join,
)
def test_every_choice_trains_and_detects(options):
    torch.manual_seed(0)
    model = zoo.create("dcinet_mobilenet_v2", **{**TINY, **options}).train()
    images, targets = map(list, zip(scene(0), scene(1), strict=True))
    for _ in range(2):
        losses = model(images, targets)
        sum(losses.values()).backward()
        model.update_memories()
    assert all(torch.isfinite(value) for value in losses.values())
    with torch.inference_mode():
        assert torch.isfinite(model.eval()(images)[0]["embeddings"]).all()
