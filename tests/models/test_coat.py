import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sceneseek.errors import ModelError
from sceneseek.losses import BACKGROUND
from sceneseek.models import coat, zoo
from sceneseek.models.backbones import Backbone, Level, Stem
from sceneseek.models.heads.cascade import CascadeStage
from sceneseek.models.heads.joint import RegionAnswers
from sceneseek.models.heads.occluded_attention import (
    Exchange,
    OccludedHead,
    TokenAttention,
    TokenBlock,
    TokenScale,
    TransformerTail,
)
from sceneseek.models.heads.regions import BOX_CODER, RegionSampler, Suppression, refine
from sceneseek.models.trunk import RegionPooling


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def linear(layer, rows):
    return rows @ layer.weight.T + layer.bias


def layer_norm(norm, rows):
    centred = rows - rows.mean(dim=-1, keepdim=True)
    spread = (centred.pow(2).mean(dim=-1, keepdim=True) + norm.eps).sqrt()
    return centred / spread * norm.weight + norm.bias


def attention_by_hand(attention, tokens):
    """Every head and every token on its own."""
    query, key, value = (linear(getattr(attention, name), tokens) for name in ("query", "key", "value"))
    width = tokens.shape[2] // attention.num_heads
    attended = torch.zeros_like(tokens)
    for head in range(attention.num_heads):
        own = slice(head * width, (head + 1) * width)
        for region in range(tokens.shape[0]):
            for token in range(tokens.shape[1]):
                scores = key[region, :, own] @ query[region, token, own] / math.sqrt(width)
                weights = scores.exp() / scores.exp().sum()
                attended[region, token, own] = weights @ value[region, :, own]
    return linear(attention.project, attended)


def test_tokens_attend_to_each_other_within_a_region_and_a_head():
    attention = TokenAttention(8, 2).double()
    tokens = torch.randn(2, 5, 8, dtype=torch.float64)
    torch.testing.assert_close(attention(tokens), attention_by_hand(attention, tokens))


def test_the_first_shortcut_of_a_block_starts_behind_the_normalisation():
    block = TokenBlock(6, 3).double()
    for norm in (block.first_norm, block.second_norm):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    tokens = torch.randn(2, 4, 6, dtype=torch.float64)
    normed = layer_norm(block.first_norm, tokens)
    attended = normed + attention_by_hand(block.attention, normed)
    into, _, out = block.feed_forward
    hidden = linear(into, layer_norm(block.second_norm, attended)).clamp(min=0)
    assert hidden.shape[2] == 4 * 6
    torch.testing.assert_close(block(tokens), attended + linear(out, hidden))


@pytest.mark.parametrize("size", [1, 3])
def test_a_token_gives_its_neighbourhood_a_patch_and_patches_are_added(size):
    scale = TokenScale(4, 6, size, 2).double()
    cells = torch.randn(2, 4, 5, 3, dtype=torch.float64)
    height, width, reach = 5, 3, size // 2
    tokens = F.conv2d(cells, scale.to_tokens.weight, scale.to_tokens.bias, padding=reach)
    patches = linear(scale.to_patches, scale.block(tokens.flatten(2).transpose(1, 2)))
    wanted = cells.clone()
    for y in range(height):
        for x in range(width):
            patch = patches[:, y * width + x].reshape(2, 4, size, size)
            for dy in range(size):
                for dx in range(size):
                    at = (y + dy - reach, x + dx - reach)
                    if 0 <= at[0] < height and 0 <= at[1] < width:
                        wanted[:, :, at[0], at[1]] += patch[:, :, dy, dx]
    torch.testing.assert_close(scale(cells), wanted)


def test_cells_unfolded_to_patches_come_back_as_often_as_they_were_taken():
    scale = TokenScale(4, 4 * 9, 3, 1)
    cells = torch.randn(2, 4, 5, 3)

    class Patches(nn.Module):
        def forward(self, tokens):
            return F.unfold(cells, 3, padding=1).transpose(1, 2)

    scale.block, scale.to_patches = nn.Identity(), Patches()
    taken = F.conv2d(torch.ones(1, 1, 5, 3), torch.ones(1, 1, 3, 3), padding=1)
    torch.testing.assert_close(scale(cells), cells + taken * cells)


def test_groups_of_channels_have_tokens_of_their_own_size():
    tail = TransformerTail(7, 24, (1, 3), 2, 10).eval()
    regions = torch.randn(3, 7, 4, 3)
    entered = tail.enter(regions)
    small, large = tail.scales
    assert (small.to_tokens.kernel_size, large.to_tokens.kernel_size) == ((1, 1), (3, 3))
    assert small.to_tokens.out_channels == large.to_tokens.out_channels == 6
    mixed = torch.cat([small(entered[:, :12]), large(entered[:, 12:])], dim=1)
    torch.testing.assert_close(tail(regions), tail.leave(entered + mixed))
    assert tail(regions).shape == (3, 10, 4, 3)
    assert tail(regions[:0]).shape == (0, 10, 4, 3)


@pytest.mark.parametrize("axis", [2, 3])
def test_an_exchange_replaces_the_stripe_by_the_partners_and_nothing_else(axis):
    cells = torch.arange(4 * 2 * 5 * 3, dtype=torch.float32).reshape(4, 2, 5, 3)
    before = cells.clone()
    partners = torch.tensor([2, 0, 3, 1])
    exchanged = Exchange(partners, axis, 1, 2)(cells)
    for region in range(4):
        for y in range(5):
            for x in range(3):
                inside = 1 <= (y if axis == 2 else x) < 3
                source = int(partners[region]) if inside else region
                assert torch.equal(exchanged[region, :, y, x], before[source, :, y, x])
    assert torch.equal(cells, before)


def test_gradients_follow_the_exchanged_stripe():
    cells = torch.randn(3, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(3, 2, 4, 3, dtype=torch.float64)
    partners = torch.tensor([1, 2, 0])
    (Exchange(partners, 2, 3, 1)(cells) * weights).sum().backward()
    wanted = weights.clone()
    wanted[partners, :, 3] = weights[:, :, 3]
    torch.testing.assert_close(cells.grad, wanted)


def test_every_stripe_and_every_partner_can_be_drawn():
    regions = torch.zeros(3, 1, 4, 2)
    drawn = [Exchange.drawn(regions, 1) for _ in range(300)]
    stripes = {(exchange.axis, exchange.start) for exchange in drawn}
    assert stripes == {(2, start) for start in range(4)} | {(3, start) for start in range(2)}
    assert {tuple(exchange.partners.tolist()) for exchange in drawn} == set(itertools.permutations(range(3)))
    rows = sum(exchange.axis == 2 for exchange in drawn) / len(drawn)
    assert 0.4 < rows < 0.6
    assert Exchange.drawn(torch.zeros(2, 1, 3, 3), 3).start == 0


def test_the_same_seed_draws_the_same_exchange():
    regions = torch.zeros(9, 1, 7, 5)
    first, again = (
        [Exchange.drawn(regions, 2, torch.Generator().manual_seed(seed)) for seed in range(5)] for _ in range(2)
    )
    for a, b in zip(first, again, strict=True):
        assert (a.axis, a.start, a.size) == (b.axis, b.start, b.size)
        assert torch.equal(a.partners, b.partners)


MAPS = {"map": torch.rand(1, 6, 12, 12, generator=torch.Generator().manual_seed(0))}
BOXES = [
    torch.tensor([[0.0, 0.0, 40.0, 90.0], [20.0, 10.0, 60.0, 80.0], [50.0, 0.0, 90.0, 95.0], [10.0, 5.0, 30.0, 60.0]])
]


def occluded_head(**options):
    pooling = RegionPooling(Level("map", 8, 6), (6, 4))
    return OccludedHead(pooling, 6, TransformerTail(6, 16, (1, 3), 2, 8), 10, **options)


def test_a_region_is_read_beside_the_transformer_and_behind_it():
    head = occluded_head().eval()
    answers = head(MAPS, BOXES)
    regions = head.pooling(MAPS, BOXES)
    beside = F.conv2d(regions, head.beside.weight).amax(dim=(2, 3))
    behind = head.tail(regions).amax(dim=(2, 3))
    embeddings, logits, features = head.embedding((beside, behind))
    torch.testing.assert_close(answers.embeddings, embeddings)
    torch.testing.assert_close(answers.logits, logits)
    torch.testing.assert_close(answers.features, features)
    torch.testing.assert_close(answers.codes, head.box(behind))


@pytest.mark.parametrize(
    ("occlusion", "draws", "same"), [("apart", 2, False), ("together", 1, True), ("none", 0, True)]
)
def test_both_ways_are_occluded_in_training(occlusion, draws, same, monkeypatch):
    drawn, seen = [], []
    draw = Exchange.drawn

    def remembered(*arguments):
        drawn.append(draw(*arguments))
        return drawn[-1]

    head = occluded_head(occlusion=occlusion, stripe=2).train()
    monkeypatch.setattr(Exchange, "drawn", remembered)
    for scale in head.tail.scales:
        scale.block.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    head.embedding.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0]))
    head(MAPS, BOXES)

    assert len(drawn) == draws
    among, beside = (drawn[0], drawn[-1]) if drawn else (lambda cells: cells, lambda cells: cells)
    assert (among is beside) == (same and bool(drawn))
    regions = head.pooling(MAPS, BOXES)
    groups = head.tail.enter(regions).chunk(2, dim=1)
    for scale, group, tokens in zip(head.tail.scales, groups, seen[:2], strict=True):
        torch.testing.assert_close(tokens, among(scale.to_tokens(group)).flatten(2).transpose(1, 2))
        assert torch.equal(tokens, scale.to_tokens(group).flatten(2).transpose(1, 2)) == (draws == 0)
    torch.testing.assert_close(seen[2], beside(head.beside(regions)).amax(dim=(2, 3)))


def test_nothing_is_exchanged_and_nothing_drawn_in_evaluation():
    head = occluded_head().eval()
    state = torch.get_rng_state()
    together = head(MAPS, BOXES).embeddings
    assert torch.equal(torch.get_rng_state(), state)
    apart = torch.cat([head(MAPS, [box[None]]).embeddings for box in BOXES[0]])
    torch.testing.assert_close(together, apart)
    head.train()(MAPS, BOXES)
    assert not torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_any_number_of_regions(count):
    head = occluded_head()
    for mode in (True, False):
        answers = head.train(mode)(MAPS, [BOXES[0][:count]])
        assert (answers.embeddings.shape, answers.codes.shape, answers.logits.shape) == (
            (count, 10),
            (count, 4),
            (count,),
        )
        assert all(torch.isfinite(t).all() for t in (answers.embeddings, answers.codes, answers.logits))


def test_a_stage_refines_suppresses_and_keeps_score_and_place():
    boxes = [torch.tensor([[0.0, 0.0, 20.0, 40.0], [100.0, 0.0, 120.0, 40.0], [1.0, 0.0, 21.0, 40.0]]), BOXES[0][:0]]
    boxes += [torch.tensor([[5.0, 5.0, 25.0, 45.0]])]
    scores = [torch.tensor([0.7, 0.9, 0.8]), torch.zeros(0), torch.tensor([0.6])]
    codes = torch.tensor([[0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]])
    stage = CascadeStage(RegionSampler(4, 0.5), Suppression(0.5, 0.4, 10), 1.0)
    kept = stage.keep(boxes, codes, scores, [(60, 200)] * 3)
    assert kept.counts == [2, 0, 1]
    # The first box lies on the third, whose score is higher; the second moves right by a tenth of its width.
    assert kept.rows.tolist() == [1, 2, 3]
    wanted = [torch.tensor([[102.0, 0.0, 122.0, 40.0], [1.0, 0.0, 21.0, 40.0]]), torch.zeros(0, 4)]
    wanted += [torch.tensor([[5.0, 13.0, 25.0, 53.0]])]
    for image, (found, score) in enumerate(zip(kept.boxes, kept.scores, strict=True)):
        torch.testing.assert_close(found, wanted[image])
        torch.testing.assert_close(score, torch.tensor([[0.9, 0.8], [], [0.6]][image]))


def thin_backbone():
    layers = nn.Sequential(nn.Conv2d(3, 12, 3, 8, 1), nn.ReLU())
    return Backbone(Stem([layers], [Level("only", 8, 12)]), lambda *_: pytest.fail("no tail of the backbone is used"))


TINY = {
    "num_identities": 4,
    "min_size": 96,
    "max_size": 160,
    "det_level": "only",
    "det_size": (6, 4),
    "frozen_stages": 0,
    "freeze_entry": False,
    "anchors": "people",
    "train_proposals": (60, 20),
    "test_proposals": (60, 10),
    "det_regions": 16,
    "embedding_dim": 6,
    "queue_size": 8,
    "transformer_dim": 16,
    "attention_heads": 2,
    "described_dim": 10,
    "score_threshold": 0.0,
}


def tiny(**options):
    return coat.build(thin_backbone(), coat.RESNET50.changed({**TINY, **options}))


def scenes():
    generator = torch.Generator().manual_seed(3)
    images = [torch.rand(3, 96, 160, generator=generator) for _ in range(2)]
    boxes = torch.tensor([[10.0, 10.0, 40.0, 85.0], [60.0, 5.0, 95.0, 90.0], [110.0, 20.0, 140.0, 90.0]])
    ids = torch.tensor([0, 3, -1])
    return images, [{"boxes": boxes + i, "person_ids": ids} for i in range(2)]


def test_the_published_numbers():
    options = zoo.default_options("coat_resnet50")
    assert (options.later_overlaps, options.nms_threshold, options.later_nms_thresholds) == (
        (0.6, 0.7),
        0.4,
        (0.4, 0.5),
    )
    assert (options.freeze_entry, options.stem_norm, options.det_size) == (True, "batch", (14, 14))
    on_thin = {"det_level": "only", "num_identities": 4, "freeze_entry": False}
    net = coat.build(thin_backbone(), options.changed(on_thin))
    samplers = [net.detector.roi_heads] + [net.numbers[name].sampler.heads for name in coat.LATER]
    for overlap, heads in zip((0.5, 0.6, 0.7), samplers, strict=True):
        assert heads.proposal_matcher.high_threshold == heads.proposal_matcher.low_threshold == overlap
        assert (heads.fg_bg_sampler.batch_size_per_image, heads.fg_bg_sampler.positive_fraction) == (128, 0.25)
    assert [net.numbers[name].suppression.nms_threshold for name in coat.LATER] == [0.4, 0.5]
    assert net.embedding_dim == 512
    tails = [net.detector.roi_heads.box_head.tail] + [net.heads[name].tail for name in coat.LATER]
    for tail in tails:
        assert (tail.enter.out_channels, tail.out_channels) == (512, 2048)
        assert [scale.size for scale in tail.scales] == [1, 3]
        for scale in tail.scales:
            assert scale.to_tokens.in_channels == 256
            assert scale.to_tokens.out_channels == 128
            assert scale.block.attention.num_heads == 8
    for name in coat.LATER:
        head, losses = net.heads[name], net.identity[name]
        assert [project[0].in_features for project in head.embedding.projectors] == [12, 2048]
        assert [project[0].out_features for project in head.embedding.projectors] == [128, 128]
        assert (head.stripe, head.occlusion, losses.scale) == (1, "apart", 30.0)
        assert losses.classifier.neck is not None
        assert losses.classifier.bias is None
        assert losses.classifier.weight.shape == (4, 256)


def test_stages_share_the_stem_and_nothing_else():
    net = tiny()
    second, third = (net.heads[name] for name in coat.LATER)
    for a, b in zip(second.parameters(), third.parameters(), strict=True):
        assert a is not b
    norms = [head.embedding.projectors[0][1] for head in (second, third)]
    assert norms[0].running_mean is not norms[1].running_mean
    net.train()(*scenes())
    assert not torch.equal(norms[0].running_mean, norms[1].running_mean)
    assert not torch.equal(net.identity["second"].classifier.weight, net.identity["third"].classifier.weight)


def test_each_stage_learns_from_the_boxes_that_the_one_before_it_refined():
    net = tiny().train()
    entered, answered = [], []
    for name in coat.LATER:
        net.heads[name].register_forward_pre_hook(lambda _, inputs: entered.append(inputs[1]))
        net.heads[name].register_forward_hook(lambda _, inputs, answers: answered.append((inputs[1], answers)))
    images, targets = scenes()
    net(images, targets)
    assert all(not boxes.requires_grad for stage in entered for boxes in stage)
    boxes, answers = answered[0]
    refined = refine(boxes, answers.codes, [(96, 160)] * 2)
    for image in range(2):
        offered = torch.cat([refined[image], targets[image]["boxes"]])
        nearest = torch.cdist(entered[1][image], offered).amin(dim=1)
        torch.testing.assert_close(nearest, torch.zeros_like(nearest), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("later", "earlier"), [("loss_second_reg", ["detector."]), ("loss_third_reg", ["detector.", "heads.second."])]
)
def test_no_gradient_passes_through_boxes_to_the_stage_before(later, earlier):
    net = tiny().train()
    losses = net(*scenes())
    sum(value for name, value in losses.items() if name.startswith(later[: later.rindex("_")])).backward()
    touched = {name for name, p in net.named_parameters() if p.grad is not None and p.grad.any()}
    assert any(name.startswith("stem.") for name in touched)
    assert any(name.startswith(f"heads.{later.split('_')[1]}.box.") for name in touched)
    assert not [name for name in touched if name.startswith((*earlier, "proposals."))]


def test_the_losses_of_a_later_stage_are_their_formulas():
    net = tiny(identity_losses=["softmax"]).train()
    asked = {}

    def remember(name):
        return lambda _, inputs, answers: asked.update({name: (*inputs, answers)})

    for name in coat.LATER:
        net.heads[name].register_forward_hook(remember(name))
    images, targets = scenes()
    losses = net(images, targets)
    for name in coat.LATER:
        _, boxes, labels, answers = asked[name]
        person = labels != BACKGROUND
        assert 0 < person.sum() < len(labels)
        overlaps = [F.relu(_overlaps(b, t["boxes"])) for b, t in zip(boxes, targets, strict=True)]
        threshold = {"second": 0.6, "third": 0.7}[name]
        assert torch.equal(person, torch.cat([o.amax(dim=1) for o in overlaps]) >= threshold)
        wanted = [t["boxes"][o.argmax(dim=1)] for o, t in zip(overlaps, targets, strict=True)]
        codes = torch.cat(BOX_CODER.encode(wanted, boxes))
        probability = answers.logits.sigmoid()
        truth = torch.where(person, probability, 1 - probability)
        torch.testing.assert_close(losses[f"loss_{name}_cls"], -truth.log().mean())
        away = (answers.codes - codes)[person].abs()
        smooth = torch.where(away < 1, 0.5 * away**2, away - 0.5)
        torch.testing.assert_close(losses[f"loss_{name}_reg"], smooth.sum() / len(labels))
        people = answers.embeddings[person]
        spread = (people.var(dim=0, unbiased=False) + 1e-5).sqrt()
        classifier = net.identity[name].classifier
        scores = ((people - people.mean(dim=0)) / spread * classifier.neck.weight) @ classifier.weight.T
        known = labels[person] >= 0
        log = scores[known].log_softmax(dim=1)
        wanted_loss = -log[torch.arange(len(log)), labels[person][known]].mean()
        torch.testing.assert_close(losses[f"loss_{name}_softmax"], wanted_loss)


def _overlaps(boxes, people):
    inside = (
        torch.minimum(boxes[:, None, 2:], people[:, 2:]) - torch.maximum(boxes[:, None, :2], people[:, :2])
    ).clamp(min=0)
    shared = inside[..., 0] * inside[..., 1]
    areas = [(b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (boxes, people)]
    return shared / (areas[0][:, None] + areas[1] - shared)


def test_each_stage_remembers_its_own_embeddings():
    net = tiny().train()
    seen = {}

    def remember(name):
        return lambda _, inputs, answers: seen.update({name: (inputs[2], answers.embeddings.detach())})

    for name in coat.LATER:
        net.heads[name].register_forward_hook(remember(name))
    net(*scenes())
    net.update_memories()
    for name in coat.LATER:
        labels, embeddings = seen[name]
        unknown = embeddings[labels == -1]
        torch.testing.assert_close(net.identity[name].queue.features[: len(unknown)], unknown[:8])
        assert torch.equal(net.identity[name].table.seen, torch.tensor([True, False, False, True]))
    table = net.identity_table
    halves = table.split(6, dim=1)
    for name, half in zip(coat.LATER, halves, strict=True):
        torch.testing.assert_close(half[0].norm(), torch.tensor(0.5**0.5))
        torch.testing.assert_close(F.normalize(half[0], dim=0), net.identity[name].table.centres[0])
    assert not torch.equal(halves[0], halves[1])
    assert table[1].norm() == 0


@pytest.mark.parametrize("embed_refined", [False, True])
def test_scores_are_the_detectors_and_embeddings_those_of_both_later_stages(embed_refined):
    net = tiny(embed_refined=embed_refined).eval()
    images, _ = scenes()
    entered = []
    answer = OccludedHead.answer

    def watched(head, regions):
        answers = answer(head, regions)
        entered.append((head, regions, answers))
        return answers

    with torch.inference_mode(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(OccludedHead, "answer", watched)
        found = net(images[:1])[0]
        patch.undo()
        asked = [head for head, _, _ in entered]
        scene, _ = net.transform(images[:1])
        maps = net.stem(scene.tensors)
        proposals, _ = net.proposals(scene, maps, None)
        boxes, scores = net.detector.detect(maps, proposals, scene.image_sizes)
        second = net.numbers["second"].keep(boxes, entered[0][2].codes, scores, scene.image_sizes)
        third = net.numbers["third"].keep(second.boxes, entered[2][2].codes, second.scores, scene.image_sizes)
        wanted = net.embed(images[:1], third.boxes if embed_refined else [second.boxes[0][third.rows]])[0]
    two = [net.heads[name] for name in coat.LATER]
    assert [id(head) for head in asked[:3]] == [id(two[0]), id(two[0]), id(two[1])]
    assert len(asked) == (5 if embed_refined else 3)
    assert 1 < len(found["boxes"]) <= len(second.boxes[0]) <= len(boxes[0])
    torch.testing.assert_close(found["boxes"], third.boxes[0])
    assert torch.equal(found["scores"], second.scores[0][third.rows])
    assert set(found["scores"].tolist()) <= set(scores[0].tolist())
    torch.testing.assert_close(found["embeddings"], wanted)


def test_cosines_are_the_mean_of_the_stages_cosines():
    def answers():
        rows = F.normalize(torch.randn(5, 6), dim=1)
        return RegionAnswers(torch.zeros(5), torch.zeros(5, 4), rows, rows)

    second, third = answers(), answers()
    both = coat._side_by_side(second, third)
    torch.testing.assert_close(both.norm(dim=1), torch.ones(5))
    means = (second.embeddings @ second.embeddings.T + third.embeddings @ third.embeddings.T) / 2
    torch.testing.assert_close(both @ both.T, means)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"later_overlaps": [0.6]}, "later_overlaps .* one number for the second and one for the third"),
        ({"token_sizes": [1, 2]}, r"odd numbers; found \(1, 2\)"),
        ({"token_sizes": []}, "odd numbers"),
        ({"transformer_dim": 500}, "transformer_dim .* multiple of 32.*500"),
        ({"stripe": 15}, "stripe .* from 1 to 14.*14 x 14 cells; it is 15"),
        ({"stripe": 0}, "stripe"),
        ({"occlusion": "sometimes"}, "'apart', 'together', 'none'"),
    ],
)
def test_choices_that_cannot_be_built_are_refused(options, message):
    with pytest.raises(ModelError, match=message):
        coat.RESNET50.changed(options)
