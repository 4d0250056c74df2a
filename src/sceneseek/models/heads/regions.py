"""Regions before and after a head: which to learn from, what the head gets wrong, and which detections remain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.ops import box_iou, clip_boxes_to_image, nms

from sceneseek.losses import BACKGROUND
from sceneseek.models.trunk import ImageSize, Target

BOX_CODER = BoxCoder((10.0, 10.0, 5.0, 5.0))
"""Offsets and log sizes times ten and five: the standard deviations of 0.1 and 0.2 of Fast R-CNN."""
_SMALLEST_SIDE = 1e-2
_EMPTY_BOX = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class SampledRegions:
    """Regions to learn from, images in order.

    Attributes:
        boxes: ``(R, 4)`` per image.
        labels: ``(sum R,)``: identity, ``UNLABELED`` or ``BACKGROUND``.
        image_indices: ``(sum R,)``.
        wanted: ``(sum R, 4)``, the box of the matched person; any for background.
        overlaps: ``(sum R,)``, IoU with it; 0 for background.
    """

    boxes: list[Tensor]
    labels: Tensor
    image_indices: Tensor
    wanted: Tensor
    overlaps: Tensor

    @property
    def person(self) -> Tensor:
        """Which of them show a person, ``(sum R,)`` bool."""
        return self.labels != BACKGROUND

    @property
    def counts(self) -> list[int]:
        """Regions per image."""
        return [len(boxes) for boxes in self.boxes]


class RegionSampler:
    """Match boxes to the annotated people and choose some of both kinds; the annotated boxes take part.

    Matching and choice are torchvision's ``RoIHeads``.

    Args:
        batch_size_per_image: How many.
        positive_fraction: At most this share of them are people.
        foreground: IoU from which a box shows the person.
        background: IoU below which it shows none; boxes between the two are ignored.
    """

    def __init__(
        self, batch_size_per_image: int, positive_fraction: float, foreground: float = 0.5, background: float = 0.5
    ) -> None:
        self.heads = RoIHeads(
            *(None, None, None),
            fg_iou_thresh=foreground,
            bg_iou_thresh=background,
            batch_size_per_image=batch_size_per_image,
            positive_fraction=positive_fraction,
            bbox_reg_weights=BOX_CODER.weights,
            score_thresh=0.0,
            nms_thresh=1.0,
            detections_per_img=0,
        )

    @torch.no_grad()
    def __call__(self, boxes: list[Tensor], targets: list[Target]) -> SampledRegions:
        """Match and choose.

        Args:
            boxes: ``(R, 4)`` per image, without gradient.
            targets: ``boxes`` in the same pixels, ``person_ids``, and ``labels`` that are all 1.
        """
        sampled, matches, kinds, _ = self.heads.select_training_samples(list(boxes), targets)
        rows = [
            _matched(b, match, kind, target)
            for b, match, kind, target in zip(sampled, matches, kinds, targets, strict=True)
        ]
        labels, wanted, overlaps = (torch.cat(column) for column in zip(*rows, strict=True))
        counts = torch.tensor([len(b) for b in sampled], device=labels.device)
        images = torch.repeat_interleave(torch.arange(len(sampled), device=labels.device), counts)
        return SampledRegions(sampled, labels, images, wanted, overlaps)


def _matched(boxes: Tensor, match: Tensor, kind: Tensor, target: Target) -> tuple[Tensor, Tensor, Tensor]:
    """Labels ``(R,)``, people's boxes ``(R, 4)`` and overlaps ``(R,)`` of one image's regions."""
    if len(target["boxes"]) == 0:
        nobody = torch.full((len(boxes),), BACKGROUND, dtype=torch.int64, device=boxes.device)
        return nobody, boxes.new_tensor(_EMPTY_BOX).expand(len(boxes), 4), boxes.new_zeros(len(boxes))
    people = target["boxes"].to(boxes)
    labels = target["person_ids"][match].clone()
    labels[kind == 0] = BACKGROUND
    overlaps = box_iou(boxes, people).gather(1, match[:, None]).flatten()
    return labels, people[match], torch.where(kind == 0, 0.0, overlaps)


def region_losses(logits: Tensor, codes: Tensor, regions: SampledRegions, beta: float) -> tuple[Tensor, Tensor]:
    """What a head gets wrong about regions.

    Args:
        logits: ``(N,)``, log-odds of a person.
        codes: ``(N, 4)``, predicted box codes.
        regions: What is true.
        beta: Where the smooth L1 loss turns straight.

    Returns:
        Binary cross-entropy, a mean over regions; smooth L1, a sum over people divided by the number of regions.
    """
    wanted = torch.cat(BOX_CODER.encode(list(torch.split(regions.wanted, regions.counts)), regions.boxes))
    return binary_losses(logits, codes, regions.person, wanted, beta)


def binary_losses(logits: Tensor, codes: Tensor, person: Tensor, wanted: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """Cross-entropy of person against background over all regions, and smooth L1 over the codes of people.

    With ``logits`` the difference of two classes' logits, the first is the two-class softmax cross-entropy.

    Source: Girshick, Fast R-CNN (2015), eq. 1 to 3.

    Args:
        logits: ``(N,)``, log-odds of a person.
        codes: ``(N, 4)``, predicted.
        person: ``(N,)`` bool.
        wanted: ``(N, 4)`` codes; those of background are not read.
        beta: Where the smooth L1 loss turns straight; 1 in the paper.

    Returns:
        A mean over regions; a sum over people divided by the number of regions.
    """
    if len(logits) == 0:
        return logits.sum() * 0.0, codes.sum() * 0.0
    classification = F.binary_cross_entropy_with_logits(logits, person.to(logits))
    regression = F.smooth_l1_loss(codes[person], wanted[person], beta=beta, reduction="sum")
    return classification, regression / len(logits)


def refine(boxes: list[Tensor], codes: Tensor, sizes: Sequence[ImageSize]) -> list[Tensor]:
    """Apply ``(sum R, 4)`` codes to ``(R, 4)`` boxes per image and clip to the images; no gradient passes."""
    decoded = BOX_CODER.decode(codes.detach(), boxes).reshape(-1, 4)
    counts = [len(b) for b in boxes]
    return [clip_boxes_to_image(b, size) for b, size in zip(torch.split(decoded, counts), sizes, strict=True)]


@dataclass(frozen=True)
class Suppression:
    """Which detections of an image remain.

    Attributes:
        score_threshold: Those that do not exceed it are dropped.
        nms_threshold: IoU above which the lower-scored of two is dropped.
        max_detections: Best first.
    """

    score_threshold: float
    nms_threshold: float
    max_detections: int

    def __call__(self, boxes: Tensor, scores: Tensor) -> Tensor:
        """Indices into ``(N, 4)`` boxes and ``(N,)`` scores, best first."""
        sides = boxes[:, 2:] - boxes[:, :2]
        kept = ((scores > self.score_threshold) & (sides >= _SMALLEST_SIDE).all(dim=1)).nonzero().flatten()
        best: Tensor = kept[nms(boxes[kept], scores[kept], self.nms_threshold)]
        return best[: self.max_detections]
