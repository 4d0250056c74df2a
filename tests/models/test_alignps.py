"""AlignPS and ROI-AlignPS: what sets them apart from other networks; the contract suite holds what does not."""

import pytest
import torch
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_iou

from sceneseek.errors import ModelError
from sceneseek.models import zoo
from sceneseek.models.alignps import AlignPSOptions, ProportionalTransform, build, described
from sceneseek.models.backbones import vgg16
from sceneseek.models.heads.location_identity import LocationIdentity, LocationIdentityOptions

TINY = {
    "num_identities": 4,
    "min_size": 96,
    "max_size": 160,
    "embedding_dim": 32,
    "tower_convs": 1,
    "queue_size": 16,
    "score_threshold": 0.0,
}
SCENES = 4
"""In which each of four people appears twice, and a stranger in all."""


def noise(count=2, seed=0):
    images = [torch.rand(3, 96, 160, generator=torch.Generator().manual_seed(seed + i)) for i in range(count)]
    boxes = torch.tensor([[10.0, 10.0, 40.0, 90.0], [70.0, 5.0, 100.0, 85.0]])
    targets = [{"boxes": boxes, "person_ids": torch.tensor([0, 1]), "image_id": str(i)} for i in range(count)]
    return images, targets


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return zoo.create("alignps_mobilenet_v2", **TINY)


def figures(count, seed):
    """Scenes of a noisy wall with people in front of it: a head, and the two colours that each of them wears."""
    generator = torch.Generator().manual_seed(seed)
    clothes = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9], [0.9, 0.8, 0.1], [0.1, 0.7, 0.2], [0.6, 0.1, 0.7]])
    wears = [(0, 1), (1, 2), (2, 3), (3, 0), (4, 4)]  # the last is a stranger
    images, targets = [], []
    for scene in range(count):
        image = 0.45 + 0.1 * torch.rand(3, 96, 160, generator=generator)
        boxes, ids = [], []
        for place, person in enumerate([scene % 4, (scene + 1 + scene // 4) % 4, 4]):
            left = 6 + 52 * place + int(torch.randint(0, 18, (), generator=generator))
            top = 6 + int(torch.randint(0, 16, (), generator=generator))
            width, height = 26, 66
            image[:, top : top + 14, left + 7 : left + 19] = torch.tensor([0.8, 0.6, 0.5])[:, None, None]
            image[:, top + 14 : top + 42, left : left + width] = clothes[wears[person][0]][:, None, None]
            image[:, top + 42 : top + height, left + 3 : left + 23] = clothes[wears[person][1]][:, None, None]
            boxes.append([left, top, left + width, top + height])
            ids.append(person if person < 4 else -1)
        images.append((image + 0.03 * torch.randn(image.shape, generator=generator)).clamp(0, 1))
        targets.append({"boxes": torch.tensor(boxes).float(), "person_ids": torch.tensor(ids), "image_id": str(scene)})
    return images, targets


def average_precisions(model, images, targets):
    """Of every annotated person as a query among the detections of the other scenes."""
    model.eval()
    with torch.inference_mode():
        found, queries = model(images), model.embed(images, [t["boxes"] for t in targets])
    precisions = []
    for here, target in enumerate(targets):
        for query, person in zip(queries[here], target["person_ids"].tolist(), strict=True):
            rows, hits, wanted = [], [], 0
            for there, other in enumerate(targets):
                boxes = other["boxes"][other["person_ids"] == person]
                if there == here or person < 0:
                    continue
                wanted += len(boxes)
                similar = found[there]["embeddings"] @ query
                hit = torch.zeros(len(similar))
                if len(boxes) and len(similar):
                    overlap = box_iou(found[there]["boxes"], boxes)[:, 0]
                    hit[similar.masked_fill(overlap < 0.5, -9.0).argmax()] = float(overlap.max() >= 0.5)
                rows.append(similar)
                hits.append(hit)
            if wanted:
                ranked = torch.cat(hits)[torch.cat(rows).argsort(descending=True)]
                precision = ranked.cumsum(0) / torch.arange(1, len(ranked) + 1)
                precisions.append(float((precision * ranked).sum() / wanted))
    return precisions


def settle(model, scenes):
    """Take the statistics of all normalisations of maps anew: while rates are high, running ones lag behind."""
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    with torch.no_grad():
        model.train()(*scenes)
    return norms


def learnt(name, scenes, seed, steps):
    """From random weights: with the statistics of the batch for four fifths of the steps, then with settled ones."""
    torch.manual_seed(seed)
    own = {"reid_regions": 16, "reid_size": (6, 4), "train_proposals": (200, 50)} if name.startswith("roi") else {}
    model = zoo.create(name, **{**TINY, "score_threshold": 0.5, **own})
    rate, settling, settled = 3e-3, steps * 4 // 5, []
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * max(0.2, min(1.0, 2 * (1 - step / settling)))
        settled = settle(model, scenes) if step == settling else settled
        model.train()
        for norm in settled:
            norm.eval()
        losses = model(*scenes)
        optimiser.zero_grad()
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 35.0)
        optimiser.step()
        model.update_memories()
    return model


@pytest.mark.parametrize("name", ["alignps_mobilenet_v2", "roi_alignps_mobilenet_v2"])
@pytest.mark.trains
def test_a_handful_of_scenes_is_learnt_until_search_is_near_perfect(name):
    """From one of three beginnings, the later ones longer: parts that do not fit learn from none."""
    scenes, outcomes = figures(SCENES, seed=3), []
    for seed, steps in {0: 50, 1: 75, 2: 110}.items():
        precisions = average_precisions(learnt(name, scenes, seed, steps), *scenes)
        assert len(precisions) == 2 * SCENES
        outcomes.append(sum(precisions) / len(precisions))
        if outcomes[-1] >= 0.85:
            return
    raise AssertionError(f"mean average precision from each beginning: {outcomes}")


def test_each_loss_reaches_its_own_layers_and_the_shared_ones(model):
    model.train()
    images, targets = noise()
    model(images, targets)
    model.update_memories()
    losses = model(images, targets)
    head = model.detector.head
    parts = {
        "shared": model.aggregation.fpn_convs[0],
        "classes": head.cls_convs,
        "sides": head.reg_convs,
        "centre": head.conv_centreness,
        "coarse": model.aggregation.fpn_convs[2],
    }
    expected = {
        "loss_det_cls": {"shared", "classes", "coarse"},
        "loss_det_reg": {"shared", "sides"},
        "loss_det_ctr": {"shared", "sides", "centre"},
        "loss_oim": {"shared"},
        "loss_triplet": {"shared"},
    }
    for name, reached in expected.items():
        model.zero_grad()
        losses[name].backward(retain_graph=True)
        hit = {
            part
            for part, layers in parts.items()
            if any(p.grad is not None and p.grad.any() for p in layers.parameters())
        }
        assert hit == reached, name
    model.zero_grad()
    model.update_memories()


def test_the_embedding_is_the_map_itself(model):
    """No layer of its own: what is shared, at the location that found the person."""
    model.eval()
    images, _ = noise(1)
    with torch.inference_mode():
        maps = model.shared_features(images)["p3"]
        found = model(images)[0]
    assert maps.shape == (1, 32, 12, 20)
    torch.testing.assert_close(maps.mean(dim=(2, 3)), torch.zeros(1, 32), atol=1e-5, rtol=0)
    rows = described(maps)[0]
    assert len(found["embeddings"]) > 1
    assert (found["embeddings"] @ rows.T).amax(dim=1).min() > 0.9999


@pytest.mark.parametrize("mean_over", ["batch", "scene", "nothing"])
def test_the_mean_that_is_taken_off(mean_over):
    net = zoo.create("alignps_mobilenet_v2", **TINY, mean_over=mean_over)
    maps = torch.randn(2, 32, 4, 8)
    scenes = ImageList(torch.zeros(2, 3, 32, 64), [(32, 64), (17, 40)])  # 3 rows and 5 columns of the second are scene
    centred = net.centred(maps, scenes)
    if mean_over == "nothing":
        assert torch.equal(centred, maps)
        return
    torch.testing.assert_close(centred[0].mean(dim=(1, 2)), torch.zeros(32), atol=1e-6, rtol=0)
    inside = centred[1, :, :3, :5] if mean_over == "scene" else centred[1]
    torch.testing.assert_close(inside.mean(dim=(1, 2)), torch.zeros(32), atol=1e-6, rtol=0)
    if mean_over == "scene":  # what lies beyond a scene does not count
        maps[1, :, 3:] += 100.0
        torch.testing.assert_close(net.centred(maps, scenes)[1, :, :3, :5], inside)


def test_given_boxes_are_described_by_the_detection_that_overlaps_them_most(model):
    model.eval()
    images, _ = noise(1)
    box = torch.tensor([[12.0, 12.0, 60.0, 80.0]])
    with torch.inference_mode():
        found = model(images)[0]
        described_as = model.embed(images, [box])[0][0]
        rows = described(model.shared_features(images)["p3"])[0]
    best = box_iou(box, found["boxes"])[0].argmax()
    torch.testing.assert_close(described_as, found["embeddings"][best])
    # Not by its centre, the location (36, 44) and those around it.
    assert (rows[[20 * y + x for y in (4, 5, 6) for x in (3, 4, 5)]] @ described_as).max() < 0.999


def test_a_box_that_no_detection_touches_is_described_by_its_centre():
    torch.manual_seed(0)
    blind = zoo.create("alignps_mobilenet_v2", **{**TINY, "score_threshold": 1.0}).eval()
    torch.manual_seed(0)
    central = zoo.create("alignps_mobilenet_v2", **TINY, given_boxes="centre").eval()
    images, targets = noise(1)
    boxes = torch.cat([targets[0]["boxes"], torch.tensor([[50.0, 50.0, 51.0, 51.0]])])  # the last is between locations
    with torch.inference_mode():
        expected = central.embed(images, [boxes])[0]
        torch.testing.assert_close(blind.embed(images, [boxes])[0], expected)
        rows = described(central.shared_features(images)["p3"])[0]
    # By hand: the centre (25, 50) has the locations x = 20, 28, (36) and y = 44, 52, 60 within 12 pixels.
    cells = [20 * y + x for y in (5, 6, 7) for x in (2, 3, 4) if abs(8 * x + 4 - 25) < 12 and abs(8 * y + 4 - 50) < 12]
    mean = rows[cells].mean(dim=0)
    torch.testing.assert_close(expected[0], mean / mean.norm())
    torch.testing.assert_close(expected[2], rows[20 * 6 + 6])  # the nearest, (52, 52)


def test_sizes_of_training_keep_their_shape():
    """Those of the published configuration, for pictures wide enough to reach every limit."""
    published = {400: 667, 600: 1000, 800: 1333, 1000: 1666, 1200: 2000, 900: 1500}
    options = AlignPSOptions()
    assert options.min_size == tuple(published)
    transform = ProportionalTransform(options.min_size, options.max_size, [0.0] * 3, [1.0] * 3)
    for short, long in published.items():
        assert abs(transform.zoom(720, 1280, short) * 1280 - long) < 1
        assert transform.zoom(900, 1000, short) * 900 == pytest.approx(short)
    assert transform.zoom(720, 1280) * 1280 == pytest.approx(1500)
    seen = set()
    for _ in range(60):
        height, width = transform.train()([torch.zeros(3, 72, 120)])[0].image_sizes[0]
        assert width == pytest.approx(height * 5 / 3, abs=2)
        seen.add(height)
    assert seen == {400, 600, 800, 900, 1000, 1200}


def test_toim_is_oim_and_a_triplet_loss_with_rows_of_the_table():
    torch.manual_seed(0)
    identity = LocationIdentity(3, 8, LocationIdentityOptions(queue_size=4, queue_dims=2))
    rows = torch.nn.functional.normalize(torch.randn(5, 8), dim=1)
    labels, images = torch.tensor([0, 1, -1, 0, 1]), torch.zeros(5, dtype=torch.int64)
    identity.update(rows, labels, images)
    table = identity.table.centres
    # Identity 0 was seen twice, in order, and is not brought back to length one.
    torch.testing.assert_close(table[0], 0.25 * rows[0] + 0.5 * rows[3])
    assert identity.queue.features[0, :2].any()
    assert not identity.queue.features[0, 2:].any()
    losses = identity(rows, labels, images)
    logits = 10 * torch.cat([rows @ table.T, rows @ identity.queue.features.T], dim=1)
    p = logits.softmax(dim=1)[labels >= 0, labels[labels >= 0]]
    torch.testing.assert_close(losses["loss_oim"], (-((1 - p) ** 2) * p.log()).sum() / 5)  # of five people, four known
    known = labels >= 0
    joined = torch.cat([rows[known], table[labels[known]]])
    ids = labels[known].repeat(2)
    apart = torch.cdist(joined, joined)
    terms = [
        max(0.0, float(apart[i][ids == ids[i]].max() - apart[i][ids != ids[i]].min()) + 0.3) for i in range(len(ids))
    ]
    assert losses["loss_triplet"].item() == pytest.approx(sum(terms) / len(terms), abs=1e-5)


def test_alignps_plus_and_caffes_strides():
    plain, plus = (
        sum(p.numel() for p in zoo.create(name, embedding_dim=16, tower_convs=1).stem.parameters())
        for name in ("alignps_resnet50", "alignps_resnet50_dcn")
    )
    # 27 numbers told by 3x3 convolutions of 128, 256 and 512 channels in 4, 6 and 3 blocks.
    assert plus - plain == sum(blocks * 27 * (9 * width + 1) for blocks, width in ((4, 128), (6, 256), (3, 512)))
    caffe = zoo.create("roi_alignps_resnet50", embedding_dim=16, tower_convs=1, caffe_strides=True)
    for block in (caffe.stem.stages[3][0], caffe.region_head.tail.layers[0][0]):
        assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))


def test_both_branches_describe_a_person():
    torch.manual_seed(0)
    net = zoo.create("roi_alignps_mobilenet_v2", **TINY).eval()
    images, targets = noise(1)
    with torch.inference_mode():
        rows = net.embed(images, [targets[0]["boxes"]])[0]
        found = net(images)[0]
    assert net.embedding_dim == rows.shape[1] == found["embeddings"].shape[1] == 64
    for half in (rows[:, :32], rows[:, 32:], found["embeddings"][:, :32], found["embeddings"][:, 32:]):
        torch.testing.assert_close(half.norm(dim=1), torch.full((len(half),), 0.5**0.5))
    net.train()
    net(*noise(2))
    net.update_memories()
    assert net.identity.table.seen.tolist() == net.region_identity.table.seen.tolist() == [True, True, False, False]
    assert net.identity_table.shape == (4, 64)
    # Locations enter one table, regions the other.
    halves = net.identity_table.split(32, dim=1)
    assert not torch.allclose(halves[0][0], halves[1][0])


def test_options_are_strict():
    with pytest.raises(ModelError, match=r"AlignPS has no option 'mean_ovr'.*'mean_over'"):
        zoo.create("alignps_mobilenet_v2", mean_ovr="scene")
    with pytest.raises(ModelError, match="given_boxes of ROI-AlignPS must be one of 'detection', 'centre'"):
        zoo.create("roi_alignps_mobilenet_v2", given_boxes="center")
    with pytest.raises(ModelError, match="no level of stride 32"), torch.device("meta"):
        build(vgg16(), AlignPSOptions())
