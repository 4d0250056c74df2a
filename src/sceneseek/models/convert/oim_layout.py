"""OIM: the network of the authors' prototxt in PyTorch, layers numbered as there.

It lists a ResNet-50's layers in one row: convolutions with offsets, and behind each block one normalisation of the sum
of the block and its shortcut. Ours has a normalisation in each of the two, with the same scale; the sums are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from sceneseek.models.convert.rewrites import colours_turned_round, hidden_channels_added, log_odds_of_two_classes
from sceneseek.models.convert.rules import Layout, PublishedNetwork, State

_STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))
_STEM_BLOCKS = 10
"""conv2_1 to conv4_3; the others are the region head's."""


@dataclass(frozen=True)
class Block:
    """A bottleneck of the published row of layers.

    Attributes:
        theirs: ``"backbone."`` or ``"head."``.
        ours: Beginning of our names.
        first: Number of its first layer.
        projects: Its shortcut has a convolution.
    """

    theirs: str
    ours: str
    first: int
    projects: bool

    def convolutions(self) -> dict[str, str]:
        """Published names to ours."""
        pairs = {self.first: "conv1.", self.first + 3: "conv2.", self.first + 6: "conv3."}
        if self.projects:
            pairs[self.first + 7] = "downsample.0."
        return {f"{self.theirs}SpatialConvolution_{number}.": self.ours + name for number, name in pairs.items()}

    def norms(self) -> dict[str, str]:
        """Published names to ours; the one behind the sum goes to ``bn3``."""
        last = self.first + (9 if self.projects else 8)
        pairs = {self.first + 1: "bn1.", self.first + 4: "bn2.", last: "bn3."}
        return {f"{self.theirs}BN_{number}.": self.ours + name for number, name in pairs.items()}

    @property
    def shortcut_norm(self) -> str:
        """Beginning of our names of the normalisation in the shortcut."""
        return self.ours + ("downsample.1." if self.projects else "downsample.")


def blocks() -> list[Block]:
    """The sixteen bottlenecks in order.

    Layers count convolutions, normalisations, activations and sums: eleven numbers for a block with a projection, ten
    without, and four before the first.

    Example:
        >>> [block.first for block in blocks()][:4]
        [4, 15, 25, 35]
    """
    made: list[Block] = []
    first = 4
    for stage, (count, _) in enumerate(_STAGES):
        for index in range(count):
            made.append(Block(*_homes(len(made), stage, index), first, projects=index == 0))
            first += 11 if index == 0 else 10
    return made


def _homes(number: int, stage: int, index: int) -> tuple[str, str]:
    """Where a block stands there and here."""
    if number < _STEM_BLOCKS:
        return "backbone.", f"stem.stages.{stage}.{'4.' if stage == 0 else ''}{index}."
    # The tail keeps the numbers that its blocks had in the whole network.
    return "head.", f"head.tail.layers.{stage - 2}.{index}."


def _offsets_into_norms(state: State) -> dict[str, str]:
    """A normalisation behind a convolution takes off its offset with the mean."""
    done = {"stem.stages.0.1.running_mean": "the convolution's offset taken off"}
    _take_off(state, "stem.stages.0.0.bias", "stem.stages.0.1.")
    for block in blocks():
        for conv, norm in (("conv1.", "bn1."), ("conv2.", "bn2.")):
            _take_off(state, f"{block.ours}{conv}bias", block.ours + norm)
            done[f"{block.ours}{norm}running_mean"] = "the convolution's offset taken off"
    return done


def _take_off(state: State, offset: str, norm: str) -> None:
    value = state.pop(offset, None)
    mean = state.get(f"{norm}running_mean")
    if value is not None and mean is not None:
        state[f"{norm}running_mean"] = mean - value


def _norms_of_sums(state: State) -> dict[str, str]:
    """``BN(f + b + x + b')`` as ``BN'(f) + BN''(x)``: one scale, and all that is constant in the first."""
    done: dict[str, str] = {}
    for block in blocks():
        parts = ("weight", "running_mean", "running_var", "bias")
        norm = {part: state.get(f"{block.ours}bn3.{part}") for part in parts}
        mean, weight, variance = norm["running_mean"], norm["weight"], norm["running_var"]
        if mean is None or weight is None or variance is None:
            continue  # what is missing is told by name when all is compared
        for offset in (f"{block.ours}conv3.bias", f"{block.ours}downsample.0.bias"):
            if offset in state:
                mean = mean - state.pop(offset)
        state[f"{block.ours}bn3.running_mean"] = mean
        added = {
            f"{block.shortcut_norm}weight": weight.clone(),
            f"{block.shortcut_norm}running_var": variance.clone(),
            f"{block.shortcut_norm}bias": torch.zeros_like(weight),
            f"{block.shortcut_norm}running_mean": torch.zeros_like(weight),
        }
        state |= added
        done |= dict.fromkeys(added, "the scale of the normalisation behind the sum, for the shortcut")
    return done


def oim_layout(state: State) -> Layout:
    """OIM: conv1 to conv4_3 for scenes, conv4_4 to conv5_3 for regions."""
    names = {
        "backbone.SpatialConvolution_0.": "stem.stages.0.0.",
        "backbone.BN_1.": "stem.stages.0.1.",
        "rpn.rpn_conv.": "proposals.rpn.head.conv.0.0.",
        "rpn.rpn_cls_score.": "proposals.rpn.head.cls_logits.",
        "rpn.rpn_bbox_pred.": "proposals.rpn.head.bbox_pred.",
        "cls_score.": "head.score.",
        "bbox_pred.": "head.box.bbox_pred.",
        "feature.": "head.embedding.",
    }
    for block in blocks():
        names |= block.convolutions() | block.norms()
    table, queue = "labeled_matching_layer.lookup_table", "unlabeled_matching_layer.queue"
    sizes = {"num_identities": table, "queue_size": queue}
    options: dict[str, Any] = {
        "layout": "caffe",
        "min_size": 600,
        "max_size": 1000,
        "image_mean": (122.7717 / 255, 115.9465 / 255, 102.9801 / 255),
        "image_std": (1 / 255, 1 / 255, 1 / 255),
        "antialias": False,
        "anchors": "published",
        "test_proposals": (6000, 300),
        "det_level": "conv4_3",
        "det_size": (14, 14),
        "region_operator": "pool_inclusive",
        "pooling": "average",
        "score_threshold": 0.5,
        "nms_threshold": 0.4,
        "max_detections": 300,
        "embed_refined": False,
        "oim_scale": 10.0,
        "oim_renormalise": False,
        "queue_dims": 64,
    }
    learnt = "a memory of training; files of weights hold none"
    return Layout(
        builder="oim_resnet50",
        options={**options, **{option: len(state[key]) for option, key in sizes.items() if key in state}},
        names=names,
        unused={
            "labeled_matching_layer.": learnt,
            "unlabeled_matching_layer.": learnt,
            "rpn.rpn_proposal.": "anchors, made anew",
            "rpn.rpn_anchor_target.": "anchors, made anew",
        },
        rewrites=(
            colours_turned_round("stem.stages.0.0.weight"),
            _offsets_into_norms,
            _norms_of_sums,
            log_odds_of_two_classes("proposals.rpn.head.cls_logits."),
            hidden_channels_added("proposals.rpn.head.", 1024),
        ),
        tables={table: "identity.table"},
        remarks=(
            "boxes of the published program end at their last pixel, ours behind it: they may differ by a pixel, and "
            "the smallest proposal is 16 pixels of the resized scene here, of the picture there",
        ),
    )


OIM = PublishedNetwork(
    name="oim",
    title="OIM",
    source="github.com/serend1p1ty/person_search (a port of Xiao, Li, Wang, Lin and Wang, 2017)",
    licence="code: no licence stated; weights learnt on CUHK-SYSU, which is for research",
    marks=("backbone.SpatialConvolution_0.", "head.SpatialConvolution_107."),
    layout=oim_layout,
)
