"""SeqNet, NAE, NAE+ and OIMNet++: programs on torchvision's detection classes, whose names they share."""

from __future__ import annotations

from typing import Any

from sceneseek.models.convert.rewrites import identity_norm
from sceneseek.models.convert.rules import Layout, PublishedNetwork, State

STEM = {
    "backbone.conv1.": "stem.stages.0.0.",
    "backbone.bn1.": "stem.stages.0.1.",
    "backbone.layer1.": "stem.stages.0.4.",
    "backbone.layer2.": "stem.stages.1.",
    "backbone.layer3.": "stem.stages.2.",
}
PROPOSALS = {
    "rpn.head.conv.": "proposals.rpn.head.conv.0.0.",  # before torchvision 0.14
    "rpn.head.conv.0.0.": "proposals.rpn.head.conv.0.0.",
    "rpn.head.cls_logits.": "proposals.rpn.head.cls_logits.",
    "rpn.head.bbox_pred.": "proposals.rpn.head.bbox_pred.",
}
_CONVOLUTION = 4
"""Axes of a convolution's weight."""
LEARNT = "a memory of training; files of weights hold none"
_MEMORIES = {f"roi_heads.reid_loss.{name}": LEARNT for name in ("lut", "cq", "cq_omega")}
_TABLE = {"roi_heads.reid_loss.lut": "identity.table"}
BEHAVIOUR: dict[str, Any] = {
    "min_size": 900,
    "max_size": 1500,
    "antialias": False,
    "anchors": "person_search",
    "test_proposals": (6000, 300),
    "det_level": "layer3",
    "det_size": (14, 14),
    "region_operator": "align",
    "score_threshold": 0.5,
    "nms_threshold": 0.4,
    "max_detections": 300,
    "embed_refined": False,
    "oim_scale": 30.0,
}
"""Common to the four programs: ImageNet's colours, two samples per cell, box codes times (10, 10, 5, 5)."""
WEIGHTED = "published scores multiply similarities by the detector's score: evaluate with --confidence-weighted"


def memory_sizes(state: State, table: str, queue: str) -> dict[str, int]:
    """Rows of the identity table and slots of the queue, as the checkpoint has them."""
    sizes = {"num_identities": table, "queue_size": queue}
    return {option: len(state[key]) for option, key in sizes.items() if key in state}


def _sizes(state: State) -> dict[str, int]:
    return memory_sizes(state, "roi_heads.reid_loss.lut", "roi_heads.reid_loss.cq")


def _norm_aware(theirs: str, ours: str) -> dict[str, str]:
    return {
        f"{theirs}projectors.feat_res4.": f"{ours}projectors.0.",
        f"{theirs}projectors.feat_res5.": f"{ours}projectors.1.",
        f"{theirs}rescaler.": f"{ours}rescaler.",
    }


def _has_norm(state: State) -> bool:
    return any(key.startswith("roi_heads.box_predictor.bbox_pred.1.") for key in state)


def _box(state: State) -> dict[str, str]:
    """The table of a box regressor with normalisation, or of one without, whose layer is not in a sequence."""
    return {"roi_heads.box_predictor.bbox_pred.": "head.box.bbox_pred." + ("" if _has_norm(state) else "0.")}


_BOX_NORM = identity_norm("head.box.bbox_pred.0.", "head.box.bbox_pred.1.")


def seqnet_layout(state: State) -> Layout:
    """SeqNet: a Faster R-CNN head, and a norm-aware one on the boxes it refined."""
    return Layout(
        builder="seqnet_resnet50",
        options={**BEHAVIOUR, **_sizes(state), "second_head": "nae", "second_nms_threshold": 0.5},
        names={
            **STEM,
            **PROPOSALS,
            "roi_heads.box_head.layer4.": "detector.roi_heads.box_head.tail.layers.0.",
            "roi_heads.faster_rcnn_predictor.": "detector.roi_heads.box_predictor.",
            "roi_heads.reid_head.layer4.": "head.tail.layers.0.",
            **_norm_aware("roi_heads.embedding_head.", "head.embedding."),
            **_box(state),
        },
        unused=_MEMORIES,
        rewrites=() if _has_norm(state) else (_BOX_NORM,),
        remarks=(WEIGHTED,),
        tables=_TABLE,
    )


def nae_layout(state: State) -> Layout:
    """NAE, or NAE+ where vectors are projected per cell, by convolutions."""
    projector = state.get("roi_heads.embedding_head.projectors.feat_res5.0.weight")
    per_cell = projector is not None and projector.ndim == _CONVOLUTION
    embedding = "head." if per_cell else "head.embedding."
    own: dict[str, Any] = {"box_pooling": "average"} if per_cell else {}
    return Layout(
        builder="nae_plus_resnet50" if per_cell else "nae_resnet50",
        options={**BEHAVIOUR, **_sizes(state), "background_threshold": 0.1, **own},
        names={
            **STEM,
            **PROPOSALS,
            "roi_heads.box_head.layer4.": "head.tail.layers.0.",
            **_norm_aware("roi_heads.embedding_head.", embedding),
            **_box(state),
        },
        unused={
            **_MEMORIES,
            "roi_heads.box_predictor.cls_score.": "a classifier that the published program makes and never asks",
            "roi_heads.feat_head.": "a second name of roi_heads.box_head",
        },
        rewrites=() if _has_norm(state) else (_BOX_NORM,),
        remarks=(WEIGHTED,),
        tables=_TABLE,
    )


def oimnetpp_layout(state: State) -> Layout:
    """OIMNet++: one head; its class prototypes' statistics act as a batch normalisation's."""
    normed = "roi_heads.embedding_head.projectors.feat_res5.1.running_mean" in state
    never = "made by the published program and never asked"
    return Layout(
        builder="oimnetpp_resnet50",
        options={
            **BEHAVIOUR,
            **_sizes(state),
            "anchors": "oimnetpp",
            "pooling": "max",
            "normalisation": "prototypes" if normed else "none",
        },
        names={
            **STEM,
            **PROPOSALS,
            "roi_heads.reid_head.layer4.": "head.tail.layers.0.",
            "roi_heads.box_predictor.bbox_cls.": "head.score.",
            **_box(state),
            "roi_heads.embedding_head.projectors.feat_res5.0.": "head.embedding.",
            "roi_heads.embedding_head.projectors.feat_res5.1.": "head.neck.",
        },
        unused={
            **_MEMORIES,
            "roi_heads.box_head.": f"a copy of the last stage, {never}",
            "roi_heads.faster_rcnn_predictor.": f"a classifier {never}",
        },
        rewrites=() if _has_norm(state) else (_BOX_NORM,),
        tables=_TABLE,
    )


SEQNET = PublishedNetwork(
    name="seqnet",
    title="SeqNet",
    source="github.com/serend1p1ty/SeqNet (Li and Miao, 2021)",
    licence="code: MIT; weights learnt on CUHK-SYSU or PRW, which are for research",
    marks=("roi_heads.faster_rcnn_predictor.", "roi_heads.reid_head.", "roi_heads.embedding_head.rescaler."),
    layout=seqnet_layout,
)
NAE = PublishedNetwork(
    name="nae",
    title="NAE and NAE+",
    source="github.com/dichen-cd/NAE4PS (Chen, Zhang, Yang and Schiele, 2020)",
    licence="code: MIT; weights learnt on CUHK-SYSU or PRW, which are for research",
    marks=("roi_heads.embedding_head.rescaler.", "roi_heads.box_head.layer4.", "roi_heads.box_predictor.cls_score."),
    layout=nae_layout,
)
OIMNETPP = PublishedNetwork(
    name="oimnetpp",
    title="OIMNet++",
    source="github.com/cvlab-yonsei/OIMNetPlus (Lee, Oh, Baek, Lee and Ham, 2022)",
    licence="code: no licence stated; weights learnt on CUHK-SYSU or PRW, which are for research",
    marks=("roi_heads.box_predictor.bbox_cls.", "roi_heads.embedding_head.projectors.feat_res5."),
    layout=oimnetpp_layout,
)
