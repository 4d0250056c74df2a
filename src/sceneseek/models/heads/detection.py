"""The detector: proposals in, person scores and refined boxes out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.ops import clip_boxes_to_image

from sceneseek.models.heads.regions import binary_losses
from sceneseek.models.heads.reid import SpatialPool
from sceneseek.models.skeleton import SkeletonOptions
from sceneseek.models.trunk import ImageSize, RegionPooling, Target


@dataclass(frozen=True)
class DetectorSettings:
    """Numbers of the detector; the defaults are py-faster-rcnn's, with the tests' thresholds of Xiao et al. (2017).

    Attributes:
        batch_size_per_image: Regions that enter the loss.
        positive_fraction: At most this share of them is a person (IoU >= 0.5).
        box_loss_beta: Where the smooth L1 loss turns from square to straight.
        score_threshold: Detections below it are dropped.
        nms_threshold: IoU above which the lower-scored of two detections is dropped.
        max_detections: Per image, best first.
    """

    batch_size_per_image: int = 128
    positive_fraction: float = 0.25
    box_loss_beta: float = 1.0
    score_threshold: float = 0.5
    nms_threshold: float = 0.4
    max_detections: int = 100

    @classmethod
    def of(cls, options: SkeletonOptions) -> DetectorSettings:
        """Those that a network's options name."""
        return cls(
            batch_size_per_image=options.det_regions,
            positive_fraction=options.det_positive_fraction,
            box_loss_beta=options.box_loss_beta,
            score_threshold=options.score_threshold,
            nms_threshold=options.nms_threshold,
            max_detections=options.max_detections,
        )


@dataclass(frozen=True)
class TrainedRegions:
    """What the detector hands to the re-identifier in training.

    Attributes:
        losses: ``loss_det_cls`` and ``loss_det_reg``.
        refined: The sampled proposals after their own regression, ``(R, 4)`` per image, without gradient.
    """

    losses: dict[str, Tensor]
    refined: list[Tensor]


class LightRegionHead(nn.Module):
    """A few thin layers in place of a network's last stage, for a hundred proposals per scene on a CPU.

    Depthwise 3x3 and 1x1 convolutions, then one fully connected layer: about 2 million multiplications per region.

    Args:
        in_channels: Of the regions.
        size: Cells, height and width.
        hidden: Width of the convolutions.
        out_channels: Width of the output.
    """

    def __init__(self, in_channels: int, size: tuple[int, int], hidden: int = 128, out_channels: int = 256) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False),
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
        )
        self.fuse = nn.Linear(hidden * size[0] * size[1], out_channels)
        self.out_channels = out_channels

    def forward(self, regions: Tensor) -> Tensor:
        """Describe ``(N, C, h, w)`` regions as ``(N, out_channels)``."""
        return F.relu(self.fuse(self.mix(regions).flatten(1)))


class TailRegionHead(nn.Module):
    """A network's own last stage as the detector's head, pooled over its cells.

    Args:
        tail: Maps regions to regions.
        out_channels: Depth of its output.
        spatial: How cells become a vector.
    """

    def __init__(self, tail: nn.Module, out_channels: int, spatial: Literal["average", "max"] = "average") -> None:
        super().__init__()
        self.tail = tail
        self.spatial = SpatialPool(spatial == "max")
        self.out_channels = out_channels

    def forward(self, regions: Tensor) -> Tensor:
        """Describe ``(N, C, h, w)`` regions as ``(N, out_channels)``."""
        described: Tensor = self.spatial(self.tail(regions))
        return described


class Detector(nn.Module):
    """Person or background, and a better box, for each proposal.

    Matching, sampling, box coding and suppression are torchvision's ``RoIHeads``.

    Args:
        pooling: Cuts the regions.
        head: Describes a region as a vector; has ``out_channels``.
        settings: Its numbers.
    """

    def __init__(
        self, pooling: RegionPooling, head: LightRegionHead | TailRegionHead, settings: DetectorSettings
    ) -> None:
        super().__init__()
        self.box_loss_beta = settings.box_loss_beta
        self.roi_heads = RoIHeads(
            pooling,
            head,
            FastRCNNPredictor(head.out_channels, 2),
            fg_iou_thresh=0.5,
            bg_iou_thresh=0.5,
            batch_size_per_image=settings.batch_size_per_image,
            positive_fraction=settings.positive_fraction,
            bbox_reg_weights=None,
            score_thresh=settings.score_threshold,
            nms_thresh=settings.nms_threshold,
            detections_per_img=settings.max_detections,
        )

    def predict(self, maps: OrderedDict[str, Tensor], boxes: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Class logits ``(N, 2)`` and box codes ``(N, 8)``, float32, for all boxes of the batch."""
        described = self.roi_heads.box_head(self.roi_heads.box_roi_pool(maps, boxes))
        logits, codes = self.roi_heads.box_predictor(described)
        return logits.float(), codes.float()

    def judge(self, maps: OrderedDict[str, Tensor], boxes: list[Tensor]) -> Tensor:
        """Log-odds of a person, ``(N,)``, for all boxes of the batch."""
        logits, _ = self.predict(maps, boxes)
        return logits[:, 1] - logits[:, 0]

    def learn(
        self,
        maps: OrderedDict[str, Tensor],
        proposals: list[Tensor],
        sizes: Sequence[ImageSize],
        targets: list[Target],
    ) -> TrainedRegions:
        """One training pass.

        Args:
            maps: Levels of the stem.
            proposals: ``(R, 4)`` per image.
            sizes: Heights and widths of the resized images.
            targets: With ``boxes`` in resized pixels and ``labels`` (1 for a person).

        Returns:
            The two losses and the refined boxes.
        """
        sampled, _, labels, codes = self.roi_heads.select_training_samples(proposals, targets)
        logits, predicted = self.predict(maps, sampled)
        losses = detection_losses(logits, predicted, torch.cat(labels), torch.cat(codes), self.box_loss_beta)
        person = self.roi_heads.box_coder.decode(predicted.detach(), sampled)[:, 1]
        refined = person.split([len(boxes) for boxes in sampled])
        return TrainedRegions(
            losses, [clip_boxes_to_image(boxes, size) for boxes, size in zip(refined, sizes, strict=True)]
        )

    def detect(
        self, maps: OrderedDict[str, Tensor], proposals: list[Tensor], sizes: Sequence[ImageSize]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Refined boxes ``(N, 4)`` in resized pixels and scores ``(N,)`` per image, best first."""
        logits, codes = self.predict(maps, proposals)
        boxes, scores, _ = self.roi_heads.postprocess_detections(logits, codes, proposals, sizes)
        return boxes, scores


def detection_losses(
    logits: Tensor, predicted: Tensor, labels: Tensor, codes: Tensor, beta: float
) -> dict[str, Tensor]:
    """Cross-entropy over all regions, and smooth L1 over the codes of people.

    Args:
        logits: ``(N, 2)``.
        predicted: ``(N, 8)``, codes per class.
        labels: ``(N,)``, 1 for people.
        codes: ``(N, 4)`` wanted codes.
        beta: Where the smooth L1 loss turns straight; 1 in the paper.

    Returns:
        ``loss_det_cls``, a mean over regions, and ``loss_det_reg``, a sum over people divided by the number of regions.
    """
    classification, regression = binary_losses(logits[:, 1] - logits[:, 0], predicted[:, 4:], labels > 0, codes, beta)
    return {"loss_det_cls": classification, "loss_det_reg": regression}
