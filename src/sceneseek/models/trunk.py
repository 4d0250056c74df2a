"""From pictures to maps and proposals: resizing, the stem, the region proposal network."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform, resize_boxes
from torchvision.ops import clip_boxes_to_image, roi_align, roi_pool

from sceneseek.models.backbones import Level

Target = dict[str, Tensor]
ImageSize = tuple[int, int]

PUBLISHED_ANCHORS = ((128, 256, 512), (0.5, 1.0, 2.0))
"""Sides (square root of the area, pixels) and height-to-width ratios of py-faster-rcnn."""
PEOPLE_ANCHORS = ((24, 40, 64, 104, 168, 272), (1.5, 2.75))
"""Anchors for people: upright, and from 30 pixels to 450 pixels tall."""
ANCHORS: dict[str, tuple[tuple[int, ...], tuple[float, ...]]] = {
    "published": PUBLISHED_ANCHORS,
    "people": PEOPLE_ANCHORS,
    "person_search": ((32, 64, 128, 256, 512), (0.5, 1.0, 2.0)),
    "oimnetpp": ((8, 16, 32), (0.5, 1.0, 2.0)),
}
"""Sides and ratios by what options call them; the last two are those of the codes of NAE and of OIMNet++."""


class SceneTransform(GeneralizedRCNNTransform):  # type: ignore[misc]
    """Resize scenes, normalise them, and pad them to one batch; and take boxes back to the pixels they came from.

    Args:
        min_size: Length of the short side, pixels; of several, training picks one at random per image.
        max_size: Limit for the long side, pixels.
        image_mean: Per channel, on RGB in [0, 1].
        image_std: Per channel.
        antialias: Average over pixels when a scene is made smaller. torchvision's own transform does not, which makes
            textures flicker with the scale.
        channels_last: Memory layout of the batch.
    """

    def __init__(
        self,
        min_size: int | Sequence[int],
        max_size: int,
        image_mean: Sequence[float],
        image_std: Sequence[float],
        *,
        antialias: bool = True,
        channels_last: bool = True,
    ) -> None:
        super().__init__(min_size, max_size, list(image_mean), list(image_std))
        self.antialias = antialias
        self.channels_last = channels_last

    def zoom(self, height: int, width: int, short: float | None = None) -> float:
        """Pixels of the resized scene per pixel of a picture, whose short side becomes ``short``, or evaluation's."""
        wanted = self.min_size[-1] if short is None else short
        return float(min(wanted / min(height, width), self.max_size / max(height, width)))

    def resize(self, image: Tensor, target: Target | None = None) -> tuple[Tensor, Target | None]:
        """Resize one ``(3, H, W)`` image, and the boxes of its target with it."""
        height, width = image.shape[-2:]
        scale = self.zoom(height, width, self.torch_choice(self.min_size) if self.training else None)
        # At least one cell is left of a picture that is thousands of times as long as it is wide.
        size = (max(1, int(height * scale)), max(1, int(width * scale)))
        if size != (height, width):
            image = F.interpolate(image[None], size=size, mode="bilinear", antialias=self.antialias)[0]
        if target is not None:
            target["boxes"] = resize_boxes(target["boxes"], (height, width), size)
        return image, target

    def batch_images(self, images: list[Tensor], size_divisible: int = 32) -> Tensor:
        """Pad images to one ``(B, 3, H, W)``."""
        batch: Tensor = super().batch_images(images, size_divisible)
        return batch.contiguous(memory_format=torch.channels_last) if self.channels_last else batch

    def restore(self, boxes: Tensor, size: ImageSize, original_size: ImageSize) -> Tensor:
        """Take ``(N, 4)`` boxes of a resized image back to the original's pixels, inside it."""
        restored: Tensor = clip_boxes_to_image(resize_boxes(boxes, size, original_size), original_size)
        return restored


class ProposalHead(RPNHead):  # type: ignore[misc]
    """torchvision's RPN head, in single precision behind autocast: boxes need more than bfloat16's 8 bits."""

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Score and regress anchors; ``(B, A, H, W)`` and ``(B, 4 A, H, W)`` per map."""
        scores, deltas = super().forward(x)
        return [s.float() for s in scores], [d.float() for d in deltas]


@dataclass(frozen=True)
class ProposalSettings:
    """Numbers of the region proposal network; the defaults are py-faster-rcnn's.

    Attributes:
        anchor_sides: Square roots of the anchors' areas, pixels of the resized scene.
        anchor_ratios: Height over width.
        batch_size_per_image: Anchors that enter the loss.
        positive_fraction: At most this share of them is positive.
        train_pre_nms: Best-scored anchors before suppression, in training.
        train_post_nms: Proposals after it, in training.
        test_pre_nms: As above, in evaluation.
        test_post_nms: As above, in evaluation.
        nms_threshold: IoU of the suppression.
    """

    anchor_sides: tuple[int, ...] = PUBLISHED_ANCHORS[0]
    anchor_ratios: tuple[float, ...] = PUBLISHED_ANCHORS[1]
    batch_size_per_image: int = 256
    positive_fraction: float = 0.5
    train_pre_nms: int = 12000
    train_post_nms: int = 2000
    test_pre_nms: int = 6000
    test_post_nms: int = 300
    nms_threshold: float = 0.7


class ProposalNetwork(nn.Module):
    """The region proposal network on one level: torchvision's, with our names.

    Args:
        level: The map it reads.
        settings: Its numbers.
    """

    def __init__(self, level: Level, settings: ProposalSettings) -> None:
        super().__init__()
        self.level_name = level.name
        generator = AnchorGenerator((settings.anchor_sides,), (settings.anchor_ratios,))
        self.rpn = RegionProposalNetwork(
            generator,
            ProposalHead(level.channels, generator.num_anchors_per_location()[0]),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=settings.batch_size_per_image,
            positive_fraction=settings.positive_fraction,
            pre_nms_top_n={"training": settings.train_pre_nms, "testing": settings.test_pre_nms},
            post_nms_top_n={"training": settings.train_post_nms, "testing": settings.test_post_nms},
            nms_thresh=settings.nms_threshold,
        )

    def forward(
        self, scenes: ImageList, maps: OrderedDict[str, Tensor], targets: list[Target] | None
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Propose boxes.

        Args:
            scenes: The resized batch.
            maps: Levels of the stem.
            targets: With boxes in resized pixels, in training.

        Returns:
            Proposals ``(R, 4)`` per image, without gradient, and in training ``loss_rpn_cls`` and ``loss_rpn_reg``.
        """
        proposals, losses = self.rpn(scenes, {self.level_name: maps[self.level_name]}, targets)
        names: dict[str, Any] = {"loss_objectness": "loss_rpn_cls", "loss_rpn_box_reg": "loss_rpn_reg"}
        return [p.detach() for p in proposals], {names[key]: value for key, value in losses.items()}


RegionOperator = Literal["align", "align_centred", "align_adaptive", "pool", "pool_inclusive"]


class RegionPooling(nn.Module):
    """Cut regions of one fixed size out of one level.

    Args:
        level: The map to cut from.
        size: Cells, height and width.
        operator: ``"align"``: bilinear, 2 x 2 samples per cell, as in torchvision's detectors. ``"align_centred"``: the
            same with the half-cell shift of that convention mended. ``"align_adaptive"``: that with one sample per map
            cell, however many a region's cell covers, as in mmdetection. ``"pool"``: maximum, as in Fast R-CNN.
            ``"pool_inclusive"``: the same where a box is thought to end at its last pixel, not behind it, as in codes
            from before 2018.
    """

    def __init__(self, level: Level, size: tuple[int, int], operator: RegionOperator = "align") -> None:
        super().__init__()
        self.level_name = level.name
        self.spatial_scale = 1.0 / level.stride
        self.size = size
        self.operator = operator

    def forward(self, maps: OrderedDict[str, Tensor], boxes: list[Tensor]) -> Tensor:
        """Cut ``(N, 4)`` boxes per image, in resized pixels, out of the level: ``(sum N, C, h, w)`` float32."""
        # Autocast would hand over half-precision maps, whose sampling positions are too coarse.
        source = maps[self.level_name].float()
        if self.operator in ("pool", "pool_inclusive"):
            if self.operator == "pool_inclusive":
                boxes = [b - b.new_tensor([0.0, 0.0, 1.0, 1.0]) for b in boxes]
            cut: Tensor = roi_pool(source, boxes, self.size, self.spatial_scale)
        else:
            samples = -1 if self.operator == "align_adaptive" else 2
            centred = self.operator != "align"
            cut = roi_align(source, boxes, self.size, self.spatial_scale, sampling_ratio=samples, aligned=centred)
        return cut
