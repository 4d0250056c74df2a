"""AlignPS, AlignPS+ and ROI-AlignPS: a program on mmdetection, with weights that begin in Caffe.

Its pictures are BGR in 0 to 255, less a mean: the same as RGB in 0 to 1 with that mean turned round and a spread of
1/255, where the first convolution's channels are turned round as well. Bottlenecks stride in their first convolution.
"""

from __future__ import annotations

from typing import Any

from sceneseek.models.convert.rewrites import codes_of_a_person, colours_turned_round, scalar
from sceneseek.models.convert.rules import Layout, PublishedNetwork, State

_COARSE = (1, 2, 3, 4)
_PRW_IDENTITIES = 483
_NAMES = {
    "backbone.conv1.": "stem.stages.0.0.",
    "backbone.bn1.": "stem.stages.0.1.",
    "backbone.layer1.": "stem.stages.0.4.",
    "backbone.layer2.": "stem.stages.1.",
    "backbone.layer3.": "stem.stages.2.",
    "backbone.layer4.": "stem.stages.3.",
    "neck.lateral_convs.": "aggregation.lateral_convs.",
    "neck.fpn_convs.": "aggregation.fpn_convs.",
    "neck.fpn_convs.3.conv.": "aggregation.extra_convs.0.",
    "neck.fpn_convs.4.conv.": "aggregation.extra_convs.1.",
    "bbox_head.cls_convs.": "detector.head.cls_convs.",
    "bbox_head.reg_convs.": "detector.head.reg_convs.",
    "bbox_head.conv_cls.": "detector.head.conv_cls.",
    "bbox_head.conv_reg.": "detector.head.conv_reg.",
    "bbox_head.conv_centerness.": "detector.head.conv_centreness.",
    "bbox_head.scales.0.scale": "detector.head.box_scale",
}
_LEARNT = "a memory of training; files of weights hold none"
_TABLE = "bbox_head.labeled_matching_layer.lookup_table"
_UNUSED = {
    "bbox_head.labeled_matching_layer.": _LEARNT,
    "bbox_head.unlabeled_matching_layer.": _LEARNT,
    **{f"bbox_head.scales.{level}.": "of a map on which nobody is to be found" for level in _COARSE},
}
_REGION_NAMES = {
    "rpn_head.rpn_conv.": "proposals.rpn.head.conv.0.0.",
    "rpn_head.rpn_cls.": "proposals.rpn.head.cls_logits.",
    "rpn_head.rpn_reg.": "proposals.rpn.head.bbox_pred.",
    "roi_head.shared_head.layer4.": "region_head.tail.layers.0.",
    "roi_head.bbox_head.embedding_head.projectors.": "region_head.embedding.projectors.",
    "roi_head.bbox_head.embedding_head.rescaler.": "region_head.embedding.rescaler.",
    "roi_head.bbox_head.fc_reg.": "region_head.box.bbox_pred.",
}
_REGION_UNUSED = {
    "roi_head.bbox_head.loss_oim.": _LEARNT,
    "roi_head.bbox_head.fc_cls.": "a classifier that the published program makes and never asks",
    "loss_oim.": "a memory that the published program makes and never writes",
    "labeled_matching_layer.": "a memory that the published program makes and never writes",
    "unlabeled_matching_layer.": "a memory that the published program makes and never writes",
    "mi_estimator.": "ties the branches in training alone",
}
_REWRITES = (colours_turned_round("stem.stages.0.0.weight"), scalar("detector.head.box_scale"))
_BEHAVIOUR: dict[str, Any] = {
    "min_size": (400, 600, 800, 1000, 1200, 900),
    "max_size": 1500,
    "image_mean": (123.675 / 255, 116.28 / 255, 103.53 / 255),
    "image_std": (1 / 255, 1 / 255, 1 / 255),
    "antialias": False,
    "caffe_strides": True,
    "coarse_levels": True,
    "mean_over": "batch",
    "queue_dims": 64,
    "candidates": 1000,
    "score_threshold": 0.05,
    "nms_threshold": 0.5,
    "max_detections": 100,
    "given_boxes": "detection",
}
_REMARKS = (
    "as published, a person's numbers depend a little on the padding of the batch: search scene by scene to repeat a "
    "published figure, and keep detections from a score of 0.2 (CUHK-SYSU) or 0.15 (PRW)",
)


def _sizes(state: State) -> dict[str, int]:
    sizes = {"num_identities": _TABLE, "queue_size": "bbox_head.unlabeled_matching_layer.queue"}
    return {option: len(state[key]) for option, key in sizes.items() if key in state}


def alignps_layout(state: State) -> Layout:
    """AlignPS, or AlignPS+ where the backbone's convolutions are deformable; TOIM's numbers by the table's size."""
    deformable = any(key.startswith("backbone.layer2.0.conv2.conv_offset") for key in state)
    sizes = _sizes(state)
    prw: dict[str, Any] = {"oim_scale": 15.0, "oim_queue_scale": 10.0, "oim_renormalise": True}
    identity = prw if sizes.get("num_identities") == _PRW_IDENTITIES else {"oim_scale": 10.0}
    return Layout(
        builder="alignps_resnet50_dcn" if deformable else "alignps_resnet50",
        options={**_BEHAVIOUR, **sizes, **identity},
        names=_NAMES,
        unused=_UNUSED,
        rewrites=_REWRITES,
        optional={"aggregation.extra_convs.": "of maps that only training looks at; 0 stands there"},
        remarks=_REMARKS,
        tables={_TABLE: "identity.table"},
    )


def roi_alignps_layout(state: State) -> Layout:
    """ROI-AlignPS: AlignPS and a norm-aware head on regions; its proposals serve training alone."""
    return Layout(
        builder="roi_alignps_resnet50",
        options={
            **_BEHAVIOUR,
            **_sizes(state),
            "oim_scale": 10.0,
            "region_operator": "align_adaptive",
            "reid_size": (14, 14),
            "region_oim_scale": 30.0,
        },
        names={**_NAMES, **_REGION_NAMES},
        unused={**_UNUSED, **_REGION_UNUSED},
        rewrites=(*_REWRITES, codes_of_a_person("region_head.box.bbox_pred.")),
        optional={
            "aggregation.extra_convs.": "of maps that only training looks at; 0 stands there",
            "proposals.rpn.head.": "proposals serve training alone; 0 stands there",
        },
        remarks=_REMARKS,
        tables={_TABLE: "identity.table", "roi_head.bbox_head.loss_oim.lut": "region_identity.table"},
    )


_LICENCE = "code: Apache-2.0; weights learnt on CUHK-SYSU or PRW, which are for research"
ALIGNPS = PublishedNetwork(
    name="alignps",
    title="AlignPS and AlignPS+",
    source="github.com/daodaofr/AlignPS (Yan et al., 2021)",
    licence=_LICENCE,
    marks=("bbox_head.labeled_matching_layer.", "neck.lateral_convs.0.conv_offset."),
    layout=alignps_layout,
    foreign=("roi_head.",),
)
ROI_ALIGNPS = PublishedNetwork(
    name="roi_alignps",
    title="ROI-AlignPS",
    source="github.com/daodaofr/AlignPS (Yan et al., 2021)",
    licence=_LICENCE,
    marks=("roi_head.bbox_head.embedding_head.", "roi_head.shared_head.", "bbox_head.conv_centerness."),
    layout=roi_alignps_layout,
)
