"""What tells the networks with region proposals apart, at a size at which they compute it at once."""

import pytest
import torch
from torchvision.ops import box_iou

from sceneseek.errors import ModelError
from sceneseek.models import inet, nae, oim, oimnetpp, seqnet, zoo
from sceneseek.models.backbones import BACKBONES
from sceneseek.models.heads.joint import RegionAnswers
from sceneseek.models.heads.norm_aware import cell_coverage
from sceneseek.models.heads.protonorm import ProtoNorm

TINY = {
    "num_identities": 4,
    "min_size": 96,
    "max_size": 160,
    "train_proposals": (100, 20),
    "test_proposals": (100, 10),
    "det_regions": 16,
    "embedding_dim": 16,
    "queue_size": 10,
    "score_threshold": 0.0,
}


def scene(seed=0):
    image = torch.rand(3, 96, 160, generator=torch.Generator().manual_seed(seed))
    boxes = torch.tensor([[10.0, 10.0, 40.0, 90.0], [70.0, 5.0, 100.0, 85.0], [110.0, 20.0, 130.0, 80.0]])
    return image, {"boxes": boxes, "person_ids": torch.tensor([0, 1, -1]), "image_id": str(seed)}


def small(module, **options):
    torch.manual_seed(0)
    return module.build(BACKBONES["mobilenet_v2"](None), module.MOBILENET.changed({**TINY, **options}))


def parts_of(model, image):
    scenes, _ = model.transform([image])
    maps = model.stem(scenes.tensors)
    return maps, model.proposals(scenes, maps, None)[0], scenes.image_sizes


@pytest.mark.parametrize("module", [oim, nae, oimnetpp, inet], ids=lambda m: m.__name__.rpartition(".")[2])
def test_a_detection_has_the_embedding_of_its_proposal(module):
    model = small(module, nms_threshold=1.0).eval()
    with torch.inference_mode():
        maps, proposals, sizes = parts_of(model, scene()[0])
        found = model.find(maps, proposals, sizes)
        of_proposals = model.embed_regions(maps, proposals)
        best = model.scores(model.head(maps, proposals), [len(proposals[0])])[0].argsort(descending=True, stable=True)
    assert len(found.boxes[0]) == len(best)
    # Several proposals may score alike: each found embedding is that of some proposal, and none is used twice.
    matches = torch.cdist(found.embeddings[0], of_proposals).argmin(dim=1)
    assert sorted(matches.tolist()) == sorted(best.tolist())
    torch.testing.assert_close(found.embeddings[0], of_proposals[matches], atol=1e-5, rtol=0)


def test_what_is_embedded_can_be_the_refined_box():
    model = small(oim, embed_refined=True).eval()
    with torch.inference_mode():
        maps, proposals, sizes = parts_of(model, scene()[0])
        found = model.find(maps, proposals, sizes)
        torch.testing.assert_close(found.embeddings[0], model.embed_regions(maps, found.boxes), atol=1e-5, rtol=0)


def test_seqnet_embeds_and_scores_what_leaves_its_detector():
    model = small(seqnet).eval()
    with torch.inference_mode():
        maps, proposals, sizes = parts_of(model, scene()[0])
        boxes, scores = model.detector.detect(maps, proposals, sizes)
        found = model.find(maps, proposals, sizes)
        entering = model.embed_regions(maps, boxes)
    # Which of the boxes that entered became which detection: the one with its embedding.
    which = torch.cdist(found.embeddings[0], entering).argmin(dim=1)
    assert 1 < len(which) == len(which.unique())
    torch.testing.assert_close(found.embeddings[0], entering[which], atol=1e-5, rtol=0)
    assert torch.equal(found.scores[0], scores[0][which])
    assert not torch.equal(found.boxes[0], boxes[0][which])
    assert model.detector.roi_heads.nms_thresh == 0.4
    assert model.second.suppression.nms_threshold == 0.5


def test_no_gradient_passes_through_the_boxes_between_the_stages():
    model = small(seqnet, second_regions=8).train()
    image, target = scene()
    losses = model([image], [target])
    second = losses["loss_box_cls"] + losses["loss_box_reg"] + losses["loss_oim"]
    second.backward()
    reached = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert any(name.startswith("stem.") for name in reached)
    assert any(name.startswith("head.") for name in reached)
    assert not any(name.startswith(("detector.", "proposals.")) for name in reached)


@pytest.mark.parametrize("head", ["nae", "oim"])
def test_both_heads_of_seqnet_train(head):
    model = small(seqnet, second_head=head).train()
    image, target = scene()
    for _ in range(2):
        losses = model([image], [target])
        sum(losses.values()).backward()
        model.update_memories()
    assert all(torch.isfinite(value) for value in losses.values())
    assert hasattr(model.head, "score") == (head == "oim")


def test_oim_is_fed_all_regions_and_remembers_people_alone():
    model = small(oim).train()
    image, target = scene()
    model([image], [target])
    rows, labels, *_ = model._pending[0]
    assert len(rows) == 16
    assert (labels == -2).sum() >= 12  # at most a quarter are people
    model.update_memories()
    assert model.identity.table.seen.tolist() == [True, True, False, False]
    assert 0 < len(model.identity.queue) == min(int((labels == -1).sum()), 10)


def overlapping(person, overlap):
    """The person's box, moved down until so much of the union of both is shared."""
    height = person[3] - person[1]
    moved = height * (1 - overlap) / (1 + overlap)
    return person + torch.stack([0 * moved, moved, 0 * moved, moved])


CLEAR = (0.02, 0.06, 0.54, 0.7, 0.9)
BAND = (0.14, 0.2, 0.3, 0.4, 0.46)
"""Overlaps well to either side of 0.1 and 0.5, so that no rounding takes one for another."""


def shown_in_training(model, overlaps):
    """The losses of a scene with such proposals, what the head is shown, and what each logit is told by the loss."""
    image, target = scene()
    scenes, targets = model.transform([image], [{**target, "labels": torch.ones(3, dtype=torch.int64)}])
    proposals = torch.stack([overlapping(person, o) for person in targets[0]["boxes"] for o in overlaps])
    seen = []
    handle = model.head.register_forward_hook(lambda _, args, answers: seen.append((args[1][0], answers.logits)))
    losses = model.train().learn(model.stem(scenes.tensors), [proposals], scenes.image_sizes, targets)
    handle.remove()
    ((boxes, logits),) = seen
    (told,) = torch.autograd.grad(losses["loss_det_cls"], logits, retain_graph=True)
    return losses, box_iou(boxes, targets[0]["boxes"]).amax(dim=1), told


def test_nae_is_never_shown_what_overlaps_somebody_a_little():
    """Between 0.1 and 0.5, its authors' thresholds, a box is neither person nor background: it changes no bit.

    What a network does with boxes that it is never shown is its own affair, so NAE may take them for people. With one
    threshold of 0.5, the default of the other networks, the same boxes are background and their logits are pushed down.
    """
    clear, overlaps, told = shown_in_training(small(nae, det_regions=200), CLEAR)
    assert sorted(set(overlaps.mul(100).round().int().tolist())) == [2, 6, 54, 70, 90, 100]
    assert ((told < 0) == (overlaps > 0.5)).all()
    assert ((told > 0) == (overlaps < 0.1)).all()
    with_band, overlaps_seen, _ = shown_in_training(small(nae, det_regions=200), (*CLEAR[:2], *BAND, *CLEAR[2:]))
    assert torch.equal(overlaps_seen, overlaps)
    assert all(torch.equal(with_band[name], value) for name, value in clear.items())

    strict = small(nae, det_regions=200, background_threshold=0.5)
    losses, overlaps, told = shown_in_training(strict, (*CLEAR[:2], *BAND, *CLEAR[2:]))
    band = (overlaps > 0.1) & (overlaps < 0.5)
    assert band.sum() == 3 * len(BAND)
    assert (told[band] > 0).all()
    assert not torch.equal(losses["loss_det_cls"], clear["loss_det_cls"])


def test_every_cell_of_nae_plus_is_told_how_much_person_it_shows():
    torch.manual_seed(0)
    model = zoo.create("nae_plus_mobilenet_v2", **TINY).train()
    image, target = scene()
    scenes, targets = model.transform([image], [{**target, "labels": torch.ones(3, dtype=torch.int64)}])
    maps = model.stem(scenes.tensors)
    regions = model.numbers.sampler([torch.tensor([[5.0, 5.0, 45.0, 80.0]])], targets)
    answers = model.head(maps, regions.boxes)
    loss, _ = model.detection_losses(answers, regions)
    shares = (
        cell_coverage(regions.boxes[0], regions.wanted, answers.cell_logits.shape[1:]) * regions.person[:, None, None]
    )
    probabilities = answers.cell_logits.sigmoid()
    written_out = -(shares * probabilities.log() + (1 - shares) * (1 - probabilities).log()).mean()
    torch.testing.assert_close(loss, written_out)
    assert 0 < shares.mean() < 1


def test_scores_of_nae_plus_are_relative_to_the_best_of_the_image():
    model = zoo.create("nae_plus_mobilenet_v2", **TINY).eval()
    mean_probabilities = torch.tensor([0.2, 0.1, 0.4, 0.6, 0.3])
    rows = torch.zeros(5, 4)
    scores = model.scores(RegionAnswers(mean_probabilities.logit(), rows, rows, rows), [2, 3, 0])
    for mine, wanted in zip(scores, ([1.0, 0.5], [2 / 3, 1.0, 0.5], []), strict=True):
        torch.testing.assert_close(mine, torch.tensor(wanted))


def test_oimnetpp_normalises_by_prototypes_and_trusts_well_cut_regions():
    model = small(oimnetpp).train()
    assert isinstance(model.head.neck, ProtoNorm)
    image, target = scene()
    model([image], [target])
    embeddings, labels, _, _, overlaps = model._pending[0]
    model.update_memories()
    expected = torch.zeros(16)
    for row, share in zip(embeddings[labels == 0], overlaps[labels == 0].clamp(0.7, 0.9), strict=True):
        expected = torch.nn.functional.normalize((1 - share) * expected + share * row, dim=0)
    torch.testing.assert_close(model.identity.table.centres[0], expected)


def test_oim_divides_resnet50_in_two_ways():
    published = zoo.default_options("oim_resnet50")
    assert published.det_level == "conv4_3"
    counts = {}
    for level in ("conv4_3", "layer3"):
        backbone = BACKBONES["resnet50_conv4_3" if level == "conv4_3" else "resnet50"](None)
        tail = backbone.tail(level)
        counts[level] = sum(1 for m in tail.modules() if isinstance(m, torch.nn.BatchNorm2d))
    # Three bottlenecks of three each and the last stage's nine and its shortcut, or that stage alone.
    assert counts == {"conv4_3": 19, "layer3": 10}


def test_any_list_of_identity_losses_and_options_by_name():
    model = small(inet, identity_losses=["triplet", "hep"], pool_size=4).train()
    image, target = scene()
    other, other_target = scene(1)
    losses = model([image, other], [target, other_target])
    assert tuple(sorted(losses)) == inet.MOBILENET.changed({"identity_losses": ["triplet", "hep"]}).losses
    with pytest.raises(ModelError, match=r"SeqNet has no option 'second_nms'.*'second_"):
        zoo.create("seqnet_mobilenet_v2", second_nms=0.5)
    with pytest.raises(ModelError, match=r"second_head of SeqNet must be one of 'nae', 'oim'"):
        zoo.create("seqnet_mobilenet_v2", second_head="both")
