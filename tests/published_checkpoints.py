"""State dictionaries with the names and shapes that published person search programs save.

Written after the public definitions: serend1p1ty/SeqNet (models/seqnet.py, models/resnet.py, models/oim.py),
dichen-cd/NAE4PS (lib/model), cvlab-yonsei/OIMNetPlus (models/base.py), daodaofr/AlignPS (mmdet/models: necks,
dense_heads, detectors, roi_heads) serend1p1ty/person_search (lib/models, lib/rpn, lib/oim) and Kitware/COAT
(models/coat.py, models/transformer.py). They give names and shapes; values are drawn here.
"""

from __future__ import annotations

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]
STAGES = {1: (3, 64), 2: (4, 128), 3: (6, 256), 4: (3, 512)}


def norm(name: str, width: int, *, affine: bool = True, counted: bool = True) -> Shapes:
    shapes: Shapes = {f"{name}.weight": (width,), f"{name}.bias": (width,)} if affine else {}
    shapes |= {f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}
    return shapes | ({f"{name}.num_batches_tracked": ()} if counted else {})


def layer(name: str, *shape: int, bias: bool = True) -> Shapes:
    return {f"{name}.weight": shape} | ({f"{name}.bias": shape[:1]} if bias else {})


def stage(name: str, number: int, *, deformable: bool = False) -> Shapes:
    """A stage of torchvision's ResNet-50, whose names mmdetection shares."""
    count, width = STAGES[number]
    into = 64 if number == 1 else width * 2
    shapes: Shapes = {}
    for i in range(count):
        block = f"{name}.{i}"
        shapes |= layer(f"{block}.conv1", width, into, 1, 1, bias=False) | norm(f"{block}.bn1", width)
        shapes |= layer(f"{block}.conv2", width, width, 3, 3, bias=False) | norm(f"{block}.bn2", width)
        if deformable:
            shapes |= layer(f"{block}.conv2.conv_offset", 27, width, 3, 3)
        shapes |= layer(f"{block}.conv3", width * 4, width, 1, 1, bias=False) | norm(f"{block}.bn3", width * 4)
        if i == 0:
            shapes |= layer(f"{block}.downsample.0", width * 4, into, 1, 1, bias=False)
            shapes |= norm(f"{block}.downsample.1", width * 4)
        into = width * 4
    return shapes


def stem(stages: int, *, deformable: bool = False) -> Shapes:
    shapes = layer("backbone.conv1", 64, 3, 7, 7, bias=False) | norm("backbone.bn1", 64)
    for number in range(1, stages + 1):
        shapes |= stage(f"backbone.layer{number}", number, deformable=deformable and number > 1)
    return shapes


def proposals(anchors: int, *, conv: str = "conv") -> Shapes:
    """torchvision's RPNHead; ``conv`` is ``conv.0.0`` from torchvision 0.14 on."""
    return (
        layer(f"rpn.head.{conv}", 1024, 1024, 3, 3)
        | layer("rpn.head.cls_logits", anchors, 1024, 1, 1)
        | layer("rpn.head.bbox_pred", anchors * 4, 1024, 1, 1)
    )


def memories(identities: int, queue: int) -> Shapes:
    return {"roi_heads.reid_loss.lut": (identities, 256), "roi_heads.reid_loss.cq": (queue, 256)}


def norm_aware(name: str, *, cells: bool = False, keys: tuple[str, str] = ("feat_res4", "feat_res5")) -> Shapes:
    shapes: Shapes = {}
    for key, channels in zip(keys, (1024, 2048), strict=True):
        shapes |= layer(f"{name}.projectors.{key}.0", 128, channels, *((1, 1) if cells else ()))
        shapes |= norm(f"{name}.projectors.{key}.1", 128)
    return shapes | norm(f"{name}.rescaler", 1)


def box_codes(*, normed: bool = True) -> Shapes:
    name = "roi_heads.box_predictor.bbox_pred"
    return layer(f"{name}.0", 8, 2048) | norm(f"{name}.1", 8) if normed else layer(name, 8, 2048)


def seqnet(*, normed: bool = True, conv: str = "conv", identities: int = 5532, queue: int = 5000) -> Shapes:
    return (
        stem(3)
        | proposals(15, conv=conv)
        | stage("roi_heads.box_head.layer4", 4)
        | box_codes(normed=normed)
        | norm_aware("roi_heads.embedding_head")
        | memories(identities, queue)
        | layer("roi_heads.faster_rcnn_predictor.cls_score", 2, 2048)
        | layer("roi_heads.faster_rcnn_predictor.bbox_pred", 8, 2048)
        | stage("roi_heads.reid_head.layer4", 4)
    )


def nae(*, cells: bool = False, normed: bool = True) -> Shapes:
    return (
        stem(3)
        | proposals(15)
        | stage("roi_heads.box_head.layer4", 4)
        | box_codes(normed=normed)
        | layer("roi_heads.box_predictor.cls_score", 2, 2048)
        | norm_aware("roi_heads.embedding_head", cells=cells)
        | memories(482, 500)
    )


def oimnetpp(*, prototypes: bool = True) -> Shapes:
    projector = "roi_heads.embedding_head.projectors.feat_res5"
    return (
        stem(3)
        | proposals(9)
        | stage("roi_heads.box_head.layer4", 4)
        | layer("roi_heads.box_predictor.bbox_cls", 2, 2048)
        | box_codes(normed=False)
        | layer(f"{projector}.0", 256, 2048, bias=False)
        | (norm(f"{projector}.1", 256, affine=False) if prototypes else {})
        | memories(5532, 5000)
        | layer("roi_heads.faster_rcnn_predictor.cls_score", 2, 2048)
        | layer("roi_heads.faster_rcnn_predictor.bbox_pred", 8, 2048)
        | stage("roi_heads.reid_head.layer4", 4)
    )


def alignps(*, deformable: bool = False, identities: int = 5532, queue: int = 5000) -> Shapes:
    shapes = stem(4, deformable=deformable)
    for i, channels in enumerate((512, 1024, 2048)):
        shapes |= layer(f"neck.lateral_convs.{i}", 256, channels, 3, 3, bias=False)
        shapes |= layer(f"neck.lateral_convs.{i}.conv_offset", 18, channels, 3, 3)
    for i in range(3):
        shapes |= layer(f"neck.fpn_convs.{i}", 256, (3 - i) * 256, 3, 3, bias=False)
        shapes |= layer(f"neck.fpn_convs.{i}.conv_offset", 18, (3 - i) * 256, 3, 3)
    for i in (3, 4):
        shapes |= layer(f"neck.fpn_convs.{i}.conv", 256, 256, 3, 3)
    for tower in ("cls_convs", "reg_convs"):
        for i in range(4):
            shapes |= layer(f"bbox_head.{tower}.{i}.conv", 256, 256, 3, 3)
            shapes |= layer(f"bbox_head.{tower}.{i}.gn", 256)
        shapes |= layer(f"bbox_head.{tower}.3.conv.conv_offset", 27, 256, 3, 3)
    shapes |= layer("bbox_head.conv_cls", 1, 256, 3, 3) | layer("bbox_head.conv_reg", 4, 256, 3, 3)
    shapes |= layer("bbox_head.conv_centerness", 1, 256, 3, 3)
    shapes |= {f"bbox_head.scales.{i}.scale": () for i in range(5)}
    return shapes | _matching("bbox_head.", identities, queue)


def _matching(prefix: str, identities: int, queue: int) -> Shapes:
    return {
        f"{prefix}labeled_matching_layer.lookup_table": (identities, 256),
        f"{prefix}unlabeled_matching_layer.queue": (queue, 256),
        f"{prefix}unlabeled_matching_layer.tail": (),
    }


def roi_alignps() -> Shapes:
    head = "roi_head.bbox_head"
    return (
        alignps()
        | layer("rpn_head.rpn_conv", 1024, 1024, 3, 3)
        | layer("rpn_head.rpn_cls", 15, 1024, 1, 1)
        | layer("rpn_head.rpn_reg", 60, 1024, 1, 1)
        | stage("roi_head.shared_head.layer4", 4)
        | layer(f"{head}.fc_cls", 2, 2048)
        | layer(f"{head}.fc_reg.0", 4, 2048)
        | norm(f"{head}.fc_reg.1", 4)
        | norm_aware(f"{head}.embedding_head", keys=("0", "1"))
        | {f"{head}.loss_oim.lut": (5532, 256), f"{head}.loss_oim.cq": (5000, 256)}
        | {"loss_oim.lut": (5532, 256), "loss_oim.cq": (5000, 256)}
        | _matching("", 5532, 5000)
        | layer("mi_estimator.T_func.0", 256, 512)
        | layer("mi_estimator.T_func.2", 1, 256)
    )


# Numbers of the layers of the OIM port, stage by stage, as its files list them: (conv, conv, conv[, shortcut]) and the
# normalisations behind the first, the second and the sum.
OIM_BLOCKS = [
    ("backbone", (4, 7, 10, 11), (5, 8, 13), 64, 64, 1),
    ("backbone", (15, 18, 21), (16, 19, 23), 256, 64, 1),
    ("backbone", (25, 28, 31), (26, 29, 33), 256, 64, 1),
    ("backbone", (35, 38, 41, 42), (36, 39, 44), 256, 128, 2),
    ("backbone", (46, 49, 52), (47, 50, 54), 512, 128, 1),
    ("backbone", (56, 59, 62), (57, 60, 64), 512, 128, 1),
    ("backbone", (66, 69, 72), (67, 70, 74), 512, 128, 1),
    ("backbone", (76, 79, 82, 83), (77, 80, 85), 512, 256, 2),
    ("backbone", (87, 90, 93), (88, 91, 95), 1024, 256, 1),
    ("backbone", (97, 100, 103), (98, 101, 105), 1024, 256, 1),
    ("head", (107, 110, 113), (108, 111, 115), 1024, 256, 1),
    ("head", (117, 120, 123), (118, 121, 125), 1024, 256, 1),
    ("head", (127, 130, 133), (128, 131, 135), 1024, 256, 1),
    ("head", (137, 140, 143, 144), (138, 141, 146), 1024, 512, 2),
    ("head", (148, 151, 154), (149, 152, 156), 2048, 512, 1),
    ("head", (158, 161, 164), (159, 162, 166), 2048, 512, 1),
]


def oim() -> Shapes:
    shapes = layer("backbone.SpatialConvolution_0", 64, 3, 7, 7) | norm("backbone.BN_1", 64)
    for part, convs, norms, into, width, _ in OIM_BLOCKS:
        sizes = [(width, into, 1, 1), (width, width, 3, 3), (width * 4, width, 1, 1), (width * 4, into, 1, 1)]
        for number, size in zip(convs, sizes, strict=False):
            shapes |= layer(f"{part}.SpatialConvolution_{number}", *size)
        for number, size in zip(norms, (width, width, width * 4), strict=True):
            shapes |= norm(f"{part}.BN_{number}", size)
    return (
        shapes
        | layer("rpn.rpn_conv", 512, 1024, 3, 3)
        | layer("rpn.rpn_cls_score", 18, 512, 1, 1)
        | layer("rpn.rpn_bbox_pred", 36, 512, 1, 1)
        | layer("cls_score", 2, 2048)
        | layer("bbox_pred", 8, 2048)
        | layer("feature", 256, 2048)
        | {
            "labeled_matching_layer.lookup_table": (5532, 256),
            "unlabeled_matching_layer.queue": (5000, 256),
            "unlabeled_matching_layer.tail": (),
        }
    )


def coat(*, normed: bool = True) -> Shapes:
    """Modules that the program keeps under two names are saved under both."""
    heads = "roi_heads"
    shapes = stem(3) | proposals(15)
    for which in ("", "_1st", "_2nd", "_3rd"):
        shapes |= _transformer_head(f"{heads}.box_head{which}")
    for which in ("", "_2nd", "_3rd"):
        name = f"{heads}.box_predictor{which}.bbox_pred"
        shapes |= layer(f"{name}.0", 8, 2048) | norm(f"{name}.1", 8) if normed else layer(name, 8, 2048)
    shapes |= layer(f"{heads}.box_predictor_1st.cls_score", 2, 2048)
    shapes |= layer(f"{heads}.box_predictor_1st.bbox_pred", 8, 2048)
    for which in ("2nd", "3rd"):
        shapes |= norm_aware(f"{heads}.embedding_head_{which}", keys=("before_trans", "after_trans"))
        shapes |= {f"{heads}.reid_loss_{which}.lut": (5532, 256), f"{heads}.reid_loss_{which}.cq": (5000, 256)}
    return shapes


def _transformer_head(name: str) -> Shapes:
    shapes: Shapes = {}
    for scale, size in (("scale1", 1), ("scale2", 3)):
        block = f"{name}.transformer_encoder.blocks.{scale}.0"
        for alias in ("transblock", "transformer.0"):
            for part in ("query", "value", "key"):
                shapes |= layer(f"{block}.{alias}.attention.{part}_embedding", 128, 128)
            shapes |= layer(f"{block}.{alias}.attention.output_linear", 128, 128)
            shapes |= layer(f"{block}.{alias}.ffn.conv.0", 512, 128) | layer(f"{block}.{alias}.ffn.conv.3", 128, 512)
            shapes |= layer(f"{block}.{alias}.norm1", 128) | layer(f"{block}.{alias}.norm2", 128)
        shapes |= layer(f"{block}.patch2vec", 128, 256, size, size)
        shapes |= layer(f"{block}.vec2patch.embedding", 256 * size * size, 128)
    shapes |= layer(f"{name}.transformer_encoder.output_linear.0", 512, 512, 3, 3)
    for conv, shape in (("conv0", (1024, 1024)), ("conv1", (512, 1024)), ("conv2", (2048, 512))):
        shapes |= layer(f"{name}.{conv}", *shape, 1, 1, bias=False)
    return shapes


def outlines(shapes: Shapes) -> dict[str, Tensor]:
    """Tensors of these shapes without numbers, for tests that look at names alone."""
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def drawn(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
    """Tensors of these shapes with numbers that keep activations of order one."""
    generator = torch.Generator().manual_seed(seed)

    def normal(shape: tuple[int, ...], spread: float) -> Tensor:
        return torch.randn(shape, generator=generator) * spread

    state: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        if name.endswith(("num_batches_tracked", "tail")):
            state[name] = torch.tensor(7)
        elif name.endswith("running_var"):
            state[name] = 0.5 + torch.rand(shape, generator=generator)
        elif len(shape) > 1:
            state[name] = normal(shape, (1.0 / max(1, torch.Size(shape[1:]).numel())) ** 0.5)
        elif name.endswith(("weight", "scale")):
            state[name] = 0.7 + 0.3 * torch.rand(shape, generator=generator)
        else:
            state[name] = normal(shape, 0.1)
    return state
