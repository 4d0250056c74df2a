"""Imported networks compute what the published definitions say, written here with torchvision's parts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet50
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import MultiScaleRoIAlign, clip_boxes_to_image, deform_conv2d, nms, roi_align, roi_pool

import published_checkpoints as published
from sceneseek.models import zoo
from sceneseek.models.convert import NETWORKS
from sceneseek.models.convert.rules import translate
from sceneseek.models.weights import working_state

State = dict[str, Tensor]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SMALL: dict[str, Any] = {"min_size": 96, "max_size": 128}
BOXES = torch.tensor([[10.0, 6.0, 50.0, 90.0], [30.0, 20.0, 127.0, 95.0], [2.0, 3.0, 20.0, 60.0]])


@pytest.fixture
def scene() -> Tensor:
    return torch.rand(3, 96, 128, generator=torch.Generator().manual_seed(5))


def at_work(network: str, state: State, **overrides: Any) -> Any:
    """The imported network, built as it is from a file."""
    layout = NETWORKS[network].layout(state)
    done = translate(state, layout, "file.pth")
    net = zoo.create(layout.builder, **{**layout.options, **SMALL, **overrides})
    missing, unexpected = net.load_state_dict(working_state(done.model), strict=False)
    assert not unexpected
    assert not [name for name in missing if name in working_state(net)]
    return net.eval()


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3 * float(theirs.abs().max()))


def part(state: State, prefix: str) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def load(module: nn.Module, state: State) -> nn.Module:
    module.load_state_dict(state)
    return module.eval()


def batch_norm(x: Tensor, state: State, name: str) -> Tensor:
    affine = (state.get(f"{name}.weight"), state.get(f"{name}.bias"))
    return F.batch_norm(x, state[f"{name}.running_mean"], state[f"{name}.running_var"], *affine)


def linear(x: Tensor, state: State, name: str) -> Tensor:
    return F.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias"))


# --- on torchvision's detection classes -------------------------------------------------------------------------------


def res4(state: State) -> nn.Module:
    net = resnet50(weights=None)
    names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3")
    stem = nn.Sequential()
    for name in names:
        stem.add_module(name, getattr(net, name))
    return load(stem, part(state, "backbone."))


def res5(state: State, prefix: str) -> nn.Module:
    return load(resnet50(weights=None).layer4, part(state, prefix))


def norm_aware(state: State, four: Tensor, five: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings and log-odds as NormAwareEmbedding computes them, of ``(N, C, 1, 1)``."""
    name = "roi_heads.embedding_head"
    joined = torch.cat(
        [
            batch_norm(linear(x.flatten(1), state, f"{name}.projectors.{key}.0"), state, f"{name}.projectors.{key}.1")
            for key, x in (("feat_res4", four), ("feat_res5", five))
        ],
        dim=1,
    )
    lengths = joined.norm(2, 1, keepdim=True)
    return joined / lengths, batch_norm(lengths, state, f"{name}.rescaler").squeeze(1)


class PublishedSeqNet:
    """SeqNet's search of one scene, put together from torchvision's parts."""

    def __init__(self, state: State, proposals: tuple[int, int], score: float) -> None:
        self.state = state
        self.transform = GeneralizedRCNNTransform(96, 128, list(MEAN), list(STD)).eval()
        self.stem = res4(state)
        counts = [{"training": n, "testing": n} for n in proposals]
        anchors = AnchorGenerator(((32, 64, 128, 256, 512),), ((0.5, 1.0, 2.0),))
        self.rpn = RegionProposalNetwork(anchors, RPNHead(1024, 15), 0.7, 0.3, 256, 0.5, *counts, 0.7)
        load(self.rpn.head, {n.replace("conv.", "conv.0.0.", 1): v for n, v in part(state, "rpn.head.").items()})
        self.rpn.eval()
        self.first, self.second = (res5(state, f"roi_heads.{name}.layer4.") for name in ("box_head", "reid_head"))
        self.cut = MultiScaleRoIAlign(["feat_res4"], output_size=14, sampling_ratio=2)
        self.heads = RoIHeads(None, None, None, 0.5, 0.5, 128, 0.5, None, score, 0.4, 300).eval()
        self.score = score

    def embed(self, features: dict[str, Tensor], boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        regions = self.cut(features, [boxes], [size])
        five = F.adaptive_max_pool2d(self.second(regions), 1)
        embeddings, _ = norm_aware(self.state, F.adaptive_max_pool2d(regions, 1), five)
        codes = linear(five.flatten(1), self.state, "roi_heads.box_predictor.bbox_pred.0")
        return embeddings, batch_norm(codes, self.state, "roi_heads.box_predictor.bbox_pred.1")

    def search(self, scene: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        images, _ = self.transform([scene])
        size = images.image_sizes[0]
        features = {"feat_res4": self.stem(images.tensors)}
        proposals, _ = self.rpn(images, features)
        described = F.adaptive_max_pool2d(self.first(self.cut(features, proposals, [size])), 1).flatten(1)
        logits, codes = (
            linear(described, self.state, f"roi_heads.faster_rcnn_predictor.{n}") for n in ("cls_score", "bbox_pred")
        )
        (boxes,), (scores,), _ = self.heads.postprocess_detections(logits, codes, proposals, [size])
        embeddings, codes = self.embed(features, boxes, size)
        refined = clip_boxes_to_image(self.heads.box_coder.decode(codes, [boxes])[:, 1], size)
        kept = nms(refined, scores, 0.5)
        return refined[kept], scores[kept], embeddings[kept]


@torch.no_grad()
def test_seqnet_searches_as_published(scene: Tensor) -> None:
    state = published.drawn(published.seqnet(identities=5, queue=5))
    theirs = PublishedSeqNet(state, (60, 8), 0.05)
    ours = at_work("seqnet", state, test_proposals=(60, 8), score_threshold=0.05)
    boxes, scores, embeddings = theirs.search(scene)
    (found,) = ours([scene])
    assert len(scores) > 1
    close(found["boxes"], boxes)
    close(found["scores"], scores)
    close(found["embeddings"], embeddings)
    images, _ = theirs.transform([scene])
    wanted, _ = theirs.embed({"feat_res4": theirs.stem(images.tensors)}, BOXES, images.image_sizes[0])
    close(ours.embed([scene], [BOXES])[0], wanted)


def regions_of(state: State, scene: Tensor) -> tuple[Tensor, Tensor]:
    """Regions at ``BOXES`` from the published stem, and the normalised scene."""
    x = ((scene - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None])[None]
    return roi_align(res4(state)(x), [BOXES], 14, 1 / 16, sampling_ratio=2), x


@pytest.mark.parametrize("normed", [True, False])
@torch.no_grad()
def test_nae_answers_as_published(scene: Tensor, normed: bool) -> None:
    state = published.drawn(published.nae(normed=normed))
    ours = at_work("nae", state)
    regions, _x = regions_of(state, scene)
    answers = ours.head(ours.stem(ours.transform([scene])[0].tensors), [BOXES])
    five = F.adaptive_max_pool2d(res5(state, "roi_heads.box_head.layer4.")(regions), 1)
    embeddings, logits = norm_aware(state, F.adaptive_max_pool2d(regions, 1), five)
    name = "roi_heads.box_predictor.bbox_pred"
    codes = linear(five.flatten(1), state, f"{name}.0" if normed else name)
    codes = batch_norm(codes, state, f"{name}.1") if normed else codes
    close(answers.embeddings, embeddings)
    close(answers.logits, logits)
    close(answers.codes, codes[:, 4:])
    assert ours.numbers.suppression.max_detections == 300


@torch.no_grad()
def test_nae_plus_answers_as_published(scene: Tensor) -> None:
    state = published.drawn(published.nae(cells=True))
    ours = at_work("nae", state)
    regions, _ = regions_of(state, scene)
    five = res5(state, "roi_heads.box_head.layer4.")(regions)
    name = "roi_heads.embedding_head.projectors"
    four, last = (
        batch_norm(
            F.conv2d(v, state[f"{name}.{key}.0.weight"], state[f"{name}.{key}.0.bias"]), state, f"{name}.{key}.1"
        )
        for key, v in (("feat_res4", regions), ("feat_res5", five))
    )
    four = F.interpolate(four, size=last.shape[2:], mode="bilinear", align_corners=False)
    joined = torch.cat([four, last], dim=1)
    lengths = joined.norm(2, 1, keepdim=True)
    attention = batch_norm(lengths, state, "roi_heads.embedding_head.rescaler").sigmoid()
    attended = F.adaptive_avg_pool2d(joined / lengths * attention, 1).flatten(1)
    answers = ours.head(ours.stem(ours.transform([scene])[0].tensors), [BOXES])
    close(answers.embeddings, F.normalize(attended))
    close(answers.logits.sigmoid(), attention.mean(dim=(1, 2, 3)))
    codes = linear(F.adaptive_avg_pool2d(five, 1).flatten(1), state, "roi_heads.box_predictor.bbox_pred.0")
    close(answers.codes, batch_norm(codes, state, "roi_heads.box_predictor.bbox_pred.1")[:, 4:])


@torch.no_grad()
def test_oimnetpp_answers_as_published(scene: Tensor) -> None:
    state = published.drawn(published.oimnetpp())
    ours = at_work("oimnetpp", state)
    regions, _ = regions_of(state, scene)
    five = F.adaptive_max_pool2d(res5(state, "roi_heads.reid_head.layer4.")(regions), 1).flatten(1)
    answers = ours.head(ours.stem(ours.transform([scene])[0].tensors), [BOXES])
    close(answers.logits.sigmoid(), F.softmax(linear(five, state, "roi_heads.box_predictor.bbox_cls"), -1)[:, 1])
    close(answers.codes, linear(five, state, "roi_heads.box_predictor.bbox_pred")[:, 4:])
    projector = "roi_heads.embedding_head.projectors.feat_res5"
    features = batch_norm(linear(five, state, f"{projector}.0"), state, f"{projector}.1")
    close(answers.embeddings, F.normalize(features))
    assert ours.proposals.rpn.anchor_generator.sizes == ((8, 16, 32),)


def coat_head(state: State, name: str, regions: Tensor) -> Tensor:
    """A transformer head's "after_trans", of ``(N, 1024, 14, 14)``."""
    entered = F.conv2d(regions, state[f"{name}.conv1.weight"])
    groups = []
    for group, (scale, size) in zip(entered.chunk(2, dim=1), (("scale1", 1), ("scale2", 3)), strict=True):
        here = part(state, f"{name}.transformer_encoder.blocks.{scale}.0.")
        cells = F.conv2d(group, here["patch2vec.weight"], here["patch2vec.bias"], padding=size // 2)
        tokens = cells.view(len(cells), 128, -1).permute(0, 2, 1)
        tokens = F.layer_norm(tokens, (128,), here["transblock.norm1.weight"], here["transblock.norm1.bias"])
        query, key, value = (
            linear(tokens, here, f"transblock.attention.{what}_embedding")
            .view(len(cells), 196, 8, 16)
            .permute(0, 2, 1, 3)
            for what in ("query", "key", "value")
        )
        attention = F.softmax(query @ key.transpose(-2, -1) / 16**0.5, dim=-1) @ value
        attention = attention.permute(0, 2, 1, 3).reshape(len(cells), 196, 128)
        tokens = tokens + linear(attention, here, "transblock.attention.output_linear")
        normed = F.layer_norm(tokens, (128,), here["transblock.norm2.weight"], here["transblock.norm2.bias"])
        hidden = F.relu(linear(normed, here, "transblock.ffn.conv.0"))
        patches = linear(tokens + linear(hidden, here, "transblock.ffn.conv.3"), here, "vec2patch.embedding")
        groups.append(group + F.fold(patches.permute(0, 2, 1), (14, 14), size, padding=size // 2))
    described = F.conv2d(entered + torch.cat(groups, 1), state[f"{name}.conv2.weight"])
    return F.adaptive_max_pool2d(described, 1).flatten(1)


@torch.no_grad()
def test_coat_answers_as_published(scene: Tensor) -> None:
    state = published.drawn(published.coat())
    for name in list(state):  # one module under two names has one set of numbers
        state[name.replace("box_head.", "box_head_1st.").replace("transformer.0.", "transblock.")] = state[name]
    ours = at_work("coat", state)
    regions, _ = regions_of(state, scene)
    maps = ours.stem(ours.transform([scene])[0].tensors)
    first = coat_head(state, "roi_heads.box_head_1st", regions)
    logits, codes = ours.detector.predict(maps, [BOXES])
    close(logits, linear(first, state, "roi_heads.box_predictor_1st.cls_score"))
    close(codes, linear(first, state, "roi_heads.box_predictor_1st.bbox_pred"))
    halves = []
    for stage, which in (("second", "2nd"), ("third", "3rd")):
        after = coat_head(state, f"roi_heads.box_head_{which}", regions)
        before = F.adaptive_max_pool2d(F.conv2d(regions, state[f"roi_heads.box_head_{which}.conv0.weight"]), 1)
        renamed = {
            n.replace(f"head_{which}", "head")
            .replace("before_trans", "feat_res4")
            .replace("after_trans", "feat_res5"): v
            for n, v in state.items()
            if f"embedding_head_{which}" in n
        }
        embeddings, logits = norm_aware(renamed, before, after)
        box = f"roi_heads.box_predictor_{which}.bbox_pred"
        answers = ours.heads[stage](maps, [BOXES])
        close(answers.embeddings, embeddings)
        close(answers.logits, logits)
        close(answers.codes, batch_norm(linear(after, state, f"{box}.0"), state, f"{box}.1")[:, 4:])
        halves.append(embeddings)
    close(ours.embed([scene], [BOXES])[0] * 2**0.5, torch.cat(halves, 1))


# --- on mmdetection ---------------------------------------------------------------------------------------------------


def bgr(scene: Tensor, mean: tuple[float, float, float]) -> Tensor:
    return (scene.flip(0) * 255 - torch.tensor(mean)[:, None, None])[None]


def caffe_stage(x: Tensor, state: State, name: str, count: int, stride: int) -> Tensor:
    """A stage of mmdetection's ResNet in Caffe's style; convolutions with ``conv_offset`` are deformable."""
    for i in range(count):
        block = f"{name}.{i}"
        step = stride if i == 0 else 1
        y = F.relu(batch_norm(F.conv2d(x, state[f"{block}.conv1.weight"], stride=step), state, f"{block}.bn1"))
        y = F.relu(batch_norm(mmcv_convolution(y, state, f"{block}.conv2"), state, f"{block}.bn2"))
        y = batch_norm(F.conv2d(y, state[f"{block}.conv3.weight"]), state, f"{block}.bn3")
        if i == 0:
            shortcut = F.conv2d(x, state[f"{block}.downsample.0.weight"], stride=step)
            x = batch_norm(shortcut, state, f"{block}.downsample.1")
        x = F.relu(y + x)
    return x


def mmcv_convolution(x: Tensor, state: State, name: str) -> Tensor:
    """A 3x3 convolution, plain or deformable: 18 displacements, or 27 of which the last 9 are masks."""
    weight, bias = state[f"{name}.weight"], state.get(f"{name}.bias")
    if f"{name}.conv_offset.weight" not in state:
        return F.conv2d(x, weight, bias, padding=1)
    told = F.conv2d(x, state[f"{name}.conv_offset.weight"], state[f"{name}.conv_offset.bias"], padding=1)
    mask = told[:, 18:].sigmoid() if told.shape[1] > 18 else None
    return deform_conv2d(x, told[:, :18], weight, bias, padding=1, mask=mask)


def published_maps(state: State, scene: Tensor) -> list[Tensor]:
    x = F.conv2d(bgr(scene, (103.53, 116.28, 123.675)), state["backbone.conv1.weight"], stride=2, padding=3)
    x = F.max_pool2d(F.relu(batch_norm(x, state, "backbone.bn1")), 3, 2, 1)
    maps = []
    for number, (count, _) in published.STAGES.items():
        x = caffe_stage(x, state, f"backbone.layer{number}", count, 1 if number == 1 else 2)
        maps.append(x)
    return maps[1:]


def published_p3(state: State, maps: list[Tensor]) -> Tensor:
    laterals = [mmcv_convolution(x, state, f"neck.lateral_convs.{i}") for i, x in enumerate(maps)]
    for i in (2, 1):
        above = F.interpolate(laterals[i], size=laterals[i - 1].shape[2:], mode="nearest")
        laterals[i - 1] = torch.cat([laterals[i - 1], above], dim=1)
    p3 = mmcv_convolution(laterals[0], state, "neck.fpn_convs.0")
    return p3 - F.adaptive_avg_pool2d(p3, 1)


def tower(x: Tensor, state: State, name: str) -> Tensor:
    for i in range(4):
        x = mmcv_convolution(x, state, f"bbox_head.{name}.{i}.conv")
        x = F.relu(
            F.group_norm(x, 32, state[f"bbox_head.{name}.{i}.gn.weight"], state[f"bbox_head.{name}.{i}.gn.bias"])
        )
    return x


def calm(state: State) -> State:
    """With displacements of about a cell, as in trained networks, and pictures of 0 to 255 brought to order one."""
    state["backbone.conv1.weight"] /= 60.0
    return {name: value * (0.3 if "conv_offset.weight" in name else 1.0) for name, value in state.items()}


@pytest.mark.parametrize("deformable", [False, True])
@torch.no_grad()
def test_alignps_answers_as_published(scene: Tensor, deformable: bool) -> None:
    state = calm(published.drawn(published.alignps(deformable=deformable, identities=5, queue=5)))
    ours = at_work("alignps", state)
    p3 = published_p3(state, published_maps(state, scene))
    images, _ = ours.transform([scene])
    aligned = ours.aligned(images)
    close(aligned, p3)
    answers = ours.detector.head(aligned)
    judged, measured = tower(p3, state, "cls_convs"), tower(p3, state, "reg_convs")
    close(answers.logits, mmcv_convolution(judged, state, "bbox_head.conv_cls").flatten(1))
    close(answers.centreness, mmcv_convolution(measured, state, "bbox_head.conv_centerness").flatten(1))
    sides = F.relu(state["bbox_head.scales.0.scale"] * mmcv_convolution(measured, state, "bbox_head.conv_reg"))
    close(answers.distances, sides.flatten(2).transpose(1, 2))


@torch.no_grad()
def test_roi_alignps_describes_regions_as_published(scene: Tensor) -> None:
    state = calm(published.drawn(published.roi_alignps()))
    ours = at_work("roi_alignps", state)
    maps = published_maps(state, scene)
    regions = roi_align(maps[1], [BOXES], 14, 1 / 16, sampling_ratio=0, aligned=True)
    five = F.adaptive_max_pool2d(caffe_stage(regions, state, "roi_head.shared_head.layer4", 3, 2), 1)
    renamed = {
        name.replace("roi_head.bbox_head", "roi_heads")
        .replace("rs.0.", "rs.feat_res4.")
        .replace("rs.1.", "rs.feat_res5."): v
        for name, v in state.items()
        if "embedding_head" in name
    }
    embeddings, logits = norm_aware(renamed, F.adaptive_max_pool2d(regions, 1), five)
    images, _ = ours.transform([scene])
    answers = ours.region_head(ours.stem(images.tensors), [BOXES])
    close(answers.embeddings, embeddings)
    close(answers.logits, logits)
    codes = linear(five.flatten(1), state, "roi_head.bbox_head.fc_reg.0")
    close(answers.codes, batch_norm(codes, state, "roi_head.bbox_head.fc_reg.1"))
    close(ours.aligned(images), published_p3(state, maps))


# --- OIM's own row of layers ------------------------------------------------------------------------------------------


def oim_block(x: Tensor, state: State, row: tuple[Any, ...]) -> Tensor:
    name, convs, norms, _, _, stride = row

    def conv(y: Tensor, number: int, **how: int) -> Tensor:
        key = f"{name}.SpatialConvolution_{number}"
        return F.conv2d(y, state[f"{key}.weight"], state[f"{key}.bias"], **how)

    shortcut = conv(x, convs[3], stride=stride) if len(convs) > 3 else x
    x = F.relu(batch_norm(conv(x, convs[0]), state, f"{name}.BN_{norms[0]}"))
    x = F.relu(batch_norm(conv(x, convs[1], stride=stride, padding=1), state, f"{name}.BN_{norms[1]}"))
    return F.relu(batch_norm(conv(x, convs[2]) + shortcut, state, f"{name}.BN_{norms[2]}"))


@torch.no_grad()
def test_oim_answers_as_published(scene: Tensor) -> None:
    state = published.drawn(published.oim())
    state["backbone.SpatialConvolution_0.weight"] /= 60.0
    state["backbone.BN_13.weight"][::3] *= -1.0  # the sign of a sum's normalisation is free
    ours = at_work("oim", state)
    x = bgr(scene, (102.9801, 115.9465, 122.7717))
    key = "backbone.SpatialConvolution_0"
    x = F.conv2d(x, state[f"{key}.weight"], state[f"{key}.bias"], stride=2, padding=3)
    x = F.max_pool2d(F.relu(batch_norm(x, state, "backbone.BN_1")), 3, 2, 0, ceil_mode=True)
    for row in published.OIM_BLOCKS[:10]:
        x = oim_block(x, state, row)
    images, _ = ours.transform([scene])
    maps = ours.stem(images.tensors)
    close(maps["conv4_3"], x)

    hidden = F.relu(F.conv2d(x, state["rpn.rpn_conv.weight"], state["rpn.rpn_conv.bias"], padding=1))
    scores = F.conv2d(hidden, state["rpn.rpn_cls_score.weight"], state["rpn.rpn_cls_score.bias"])
    (logits,), (codes,) = ours.proposals.rpn.head([x])
    # As published: the first nine channels against the last nine.
    close(logits.sigmoid(), F.softmax(scores.reshape(1, 2, 9 * 6, 8), 1)[:, 1].reshape(1, 9, 6, 8))
    close(codes, F.conv2d(hidden, state["rpn.rpn_bbox_pred.weight"], state["rpn.rpn_bbox_pred.bias"]))

    inclusive = torch.cat([torch.zeros(3, 1), BOXES - torch.tensor([0.0, 0.0, 1.0, 1.0])], dim=1)
    regions = roi_pool(x, inclusive, (14, 14), 1 / 16)
    for row in published.OIM_BLOCKS[10:]:
        regions = oim_block(regions, state, row)
    described = F.avg_pool2d(regions, 7).flatten(1)
    answers = ours.head(maps, [BOXES])
    close(answers.embeddings, F.normalize(linear(described, state, "feature")))
    close(answers.logits.sigmoid(), F.softmax(linear(described, state, "cls_score"), 1)[:, 1])
    close(answers.codes, linear(described, state, "bbox_pred")[:, 4:])


def test_anchors_of_oim_are_those_of_faster_rcnn() -> None:
    # The nine anchors of py-faster-rcnn's generate_anchors, whose boxes end at their last pixel.
    wanted = [[-84, -40, 99, 55], [-176, -88, 191, 103], [-360, -184, 375, 199]]
    wanted += [[-56, -56, 71, 71], [-120, -120, 135, 135], [-248, -248, 263, 263]]
    wanted += [[-36, -80, 51, 95], [-80, -168, 95, 183], [-168, -344, 183, 359]]
    with torch.device("cpu"):
        net = zoo.create("oim_resnet50", layout="caffe", region_operator="pool_inclusive")
    (anchors,) = net.proposals.rpn.anchor_generator.cell_anchors
    assert (anchors - torch.tensor([0.0, 0.0, 1.0, 1.0])).tolist() == wanted
