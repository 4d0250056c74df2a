"""The detector without anchors: every location says whether a person's centre is near, and how far the sides are.

Source: Tian, Shen, Chen and He, FCOS: fully convolutional one-stage object detection (2019), with the improvements of
its authors' code that AlignPS (Yan et al., 2021) uses: centre sampling, distances in strides, centre-ness beside the
distances, the generalised IoU, a deformable last convolution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import clip_boxes_to_image, generalized_box_iou_loss, sigmoid_focal_loss

from sceneseek.models.deformable import DeformableConv2d
from sceneseek.models.heads.regions import Suppression
from sceneseek.models.trunk import ImageSize, Target

_PRIOR = 0.01
"""Share of locations that show a person, for all the head knows at first."""
_FOCAL_ALPHA, _FOCAL_GAMMA = 0.25, 2.0
_GROUP_CHANNELS = 8
"""Channels normalised together: 32 groups of the published 256."""


# --- geometry ---------------------------------------------------------------------------------------------------------


def location_grid(height: int, width: int, stride: int, device: torch.device) -> Tensor:
    """Scene pixels that the cells of a map stand for, ``(height * width, 2)`` as x and y, row by row.

    Example:
        >>> location_grid(1, 2, 8, torch.device("cpu")).tolist()
        [[4.0, 4.0], [12.0, 4.0]]
    """
    y, x = (torch.arange(n, device=device, dtype=torch.float32) * stride + stride // 2 for n in (height, width))
    return torch.stack([x.repeat(height), y.repeat_interleave(width)], dim=1)


def side_distances(locations: Tensor, boxes: Tensor) -> Tensor:
    """Distances ``(N, 4)`` of ``(N, 2)`` locations to the left, upper, right and lower sides of ``(N, 4)`` boxes."""
    return torch.cat([locations - boxes[:, :2], boxes[:, 2:] - locations], dim=1)


def boxes_around(locations: Tensor, distances: Tensor) -> Tensor:
    """Boxes ``(N, 4)`` whose sides lie at ``(N, 4)`` distances from ``(N, 2)`` locations: ``side_distances`` undone."""
    return torch.cat([locations - distances[:, :2], locations + distances[:, 2:]], dim=1)


def centreness(distances: Tensor) -> Tensor:
    """1 in the middle of a box, 0 at its sides: ``sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b))``.

    Source: FCOS, eq. 3.

    Args:
        distances: ``(N, 4)``, not negative.

    Example:
        >>> centreness(torch.tensor([[1.0, 2.0, 4.0, 2.0]])).tolist()
        [0.5]
    """
    across, down = distances[:, 0::2], distances[:, 1::2]
    smallest = across.amin(dim=1) * down.amin(dim=1)
    return (smallest / (across.amax(dim=1) * down.amax(dim=1)).clamp(min=1e-12)).sqrt()


def nearest_person(locations: Tensor, boxes: Tensor, reach: float) -> Tensor:
    """Which person a location answers for: one whose box it is inside of, and whose centre lies within reach.

    Args:
        locations: ``(N, 2)``.
        boxes: ``(M, 4)``.
        reach: Largest distance from the centre along each axis, pixels (centre sampling).

    Returns:
        ``(N,)`` indices of boxes, of the smaller box where several would do, and -1 where none does.
    """
    if len(boxes) == 0:
        return torch.full((len(locations),), -1, dtype=torch.int64, device=locations.device)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    allowed = torch.cat([torch.maximum(boxes[:, :2], centres - reach), torch.minimum(boxes[:, 2:], centres + reach)], 1)
    inside = ((locations[:, None] > allowed[:, :2]) & (locations[:, None] < allowed[:, 2:])).all(dim=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    smallest, person = torch.where(inside, areas, math.inf).min(dim=1)
    return torch.where(smallest.isfinite(), person, -1)


# --- layers -----------------------------------------------------------------------------------------------------------


class TowerConvolution(nn.Module):
    """A 3x3 convolution, a group normalisation, a ReLU.

    Args:
        channels: In and out.
        deformable: With displaced, weighted taps.
    """

    def __init__(self, channels: int, *, deformable: bool) -> None:
        super().__init__()
        if deformable:
            self.conv: nn.Conv2d = DeformableConv2d(channels, channels, bias=True, modulated=True)
        else:
            self.conv = nn.Conv2d(channels, channels, 3, padding=1)
            nn.init.normal_(self.conv.weight, std=0.01)
        assert self.conv.bias is not None
        nn.init.zeros_(self.conv.bias)
        self.gn = nn.GroupNorm(channels // math.gcd(_GROUP_CHANNELS, channels), channels)

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same shape."""
        return F.relu(self.gn(self.conv(maps)))


@dataclass(frozen=True)
class LocationAnswers:
    """What a head says at the ``N`` locations of one level, float32.

    Attributes:
        logits: ``(B, N)``, log-odds of a person.
        distances: ``(B, N, 4)`` to the sides, in strides, not negative.
        centreness: ``(B, N)``, its log-odds.
    """

    logits: Tensor
    distances: Tensor
    centreness: Tensor


class AnchorFreeHead(nn.Module):
    """Two towers on one map: one says whether there is a person, the other where the sides are, and how central it is.

    Args:
        channels: Of the map and the towers.
        num_convs: Per tower.
        deformable: The last convolution of each tower is.
    """

    def __init__(self, channels: int, num_convs: int = 4, *, deformable: bool = True) -> None:
        super().__init__()
        self.cls_convs, self.reg_convs = (
            nn.Sequential(
                *(TowerConvolution(channels, deformable=deformable and i == num_convs - 1) for i in range(num_convs))
            )
            for _ in range(2)
        )
        self.conv_cls = nn.Conv2d(channels, 1, 3, padding=1)
        self.conv_reg = nn.Conv2d(channels, 4, 3, padding=1)
        self.conv_centreness = nn.Conv2d(channels, 1, 3, padding=1)
        for conv in (self.conv_cls, self.conv_reg, self.conv_centreness):
            nn.init.normal_(conv.weight, std=0.01)
            assert conv.bias is not None
            nn.init.constant_(conv.bias, -math.log(1 / _PRIOR - 1) if conv is self.conv_cls else 0.0)
        # FCOS has one per level; only the finest ever sees a person, so the others would stay at 1 and never be read.
        self.box_scale = nn.Parameter(torch.ones(()))

    def forward(self, maps: Tensor) -> LocationAnswers:
        """Answer for all cells of ``(B, C, H, W)``, row by row."""
        judged, measured = self.cls_convs(maps), self.reg_convs(maps)
        distances = F.relu(self.box_scale * self.conv_reg(measured).float())
        return LocationAnswers(
            self.conv_cls(judged).float().flatten(1),
            distances.flatten(2).transpose(1, 2),
            self.conv_centreness(measured).float().flatten(1),
        )

    def classify(self, maps: Tensor) -> Tensor:
        """The log-odds alone, ``(B, N)`` float32."""
        logits: Tensor = self.conv_cls(self.cls_convs(maps))
        return logits.float().flatten(1)


# --- learning and finding ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LocationSettings:
    """Numbers of the detector without anchors; the defaults are AlignPS's.

    Attributes:
        stride: Of the map that finds people.
        centre_radius: A location answers for people whose centre lies within so many strides.
        candidates: Best-scored locations before suppression.
        score_threshold: Locations whose class score does not exceed it are dropped, before centre-ness counts.
        nms_threshold: IoU of the suppression.
        max_detections: Per image, best first.
    """

    stride: int = 8
    centre_radius: float = 1.5
    candidates: int = 1000
    score_threshold: float = 0.05
    nms_threshold: float = 0.5
    max_detections: int = 100


@dataclass(frozen=True)
class PersonLocations:
    """Locations that answer for a person, images in order.

    Attributes:
        image_indices: ``(P,)``.
        cells: ``(P,)``, row-major index into the map.
        distances: ``(P, 4)`` to the person's sides, in strides.
        labels: ``(P,)``, identity or ``UNLABELED``.
    """

    image_indices: Tensor
    cells: Tensor
    distances: Tensor
    labels: Tensor

    @property
    def where(self) -> tuple[Tensor, Tensor]:
        """An index into ``(B, N, ...)``."""
        return self.image_indices, self.cells


@dataclass(frozen=True)
class FoundLocations:
    """Detections of one image.

    Attributes:
        boxes: ``(N, 4)``, resized pixels, inside the image.
        scores: ``(N,)``, class score times centre-ness, falling.
        cells: ``(N,)``, row-major index of the location that found each.
    """

    boxes: Tensor
    scores: Tensor
    cells: Tensor


class LocationDetector(nn.Module):
    """Learn from locations, and find people at them.

    Args:
        head: Map to answers.
        settings: Its numbers.
    """

    def __init__(self, head: AnchorFreeHead, settings: LocationSettings) -> None:
        super().__init__()
        self.head = head
        self.settings = settings

    @torch.no_grad()
    def assign(self, size: tuple[int, int], targets: Sequence[Target]) -> PersonLocations:
        """Which cells of a map answer for whom.

        Args:
            size: Its height and width.
            targets: ``boxes`` ``(M, 4)`` in resized pixels and ``person_ids`` ``(M,)`` per image.
        """
        stride = self.settings.stride
        grid = location_grid(*size, stride, targets[0]["boxes"].device)
        rows = []
        for i, target in enumerate(targets):
            person = nearest_person(grid, target["boxes"], self.settings.centre_radius * stride)
            cells = (person >= 0).nonzero().flatten()
            chosen = person[cells]
            distances = side_distances(grid[cells], target["boxes"][chosen]) / stride
            rows.append((torch.full_like(cells, i), cells, distances, target["person_ids"][chosen]))
        return PersonLocations(*(torch.cat(column) for column in zip(*rows, strict=True)))

    def learn(self, maps: Sequence[Tensor], targets: Sequence[Target]) -> tuple[dict[str, Tensor], PersonLocations]:
        """Compute the three detection losses.

        Args:
            maps: The one that finds people, and coarser ones on which nobody is to be found.
            targets: As for ``assign``.

        Returns:
            ``loss_det_cls``, ``loss_det_reg`` and ``loss_det_ctr``, and the locations that answer for people.
        """
        people = self.assign((maps[0].shape[-2], maps[0].shape[-1]), targets)
        answers: LocationAnswers = self.head(maps[0])
        nobody = [self.head.classify(coarse) for coarse in maps[1:]]
        return location_losses(answers, nobody, people), people

    @torch.no_grad()
    def find(self, maps: Tensor, sizes: Sequence[ImageSize]) -> list[FoundLocations]:
        """Find people.

        Args:
            maps: ``(B, C, H, W)``.
            sizes: Heights and widths of the resized images, without padding.
        """
        answers: LocationAnswers = self.head(maps)
        grid = location_grid(maps.shape[-2], maps.shape[-1], self.settings.stride, maps.device)
        columns = zip(answers.logits, answers.distances, answers.centreness, sizes, strict=True)
        return [self._find_in(grid, *column) for column in columns]

    def _find_in(
        self, grid: Tensor, logits: Tensor, distances: Tensor, central: Tensor, size: ImageSize
    ) -> FoundLocations:
        chosen = self.settings
        class_scores = logits.sigmoid()
        scores = class_scores * central.sigmoid()
        cells = scores.topk(min(chosen.candidates, len(scores))).indices
        cells = cells[class_scores[cells] > chosen.score_threshold]
        boxes = clip_boxes_to_image(boxes_around(grid[cells], chosen.stride * distances[cells]), size)
        # The threshold has been applied already, to the class score alone.
        kept = Suppression(-1.0, chosen.nms_threshold, chosen.max_detections)(boxes, scores[cells])
        return FoundLocations(boxes[kept], scores[cells[kept]], cells[kept])


def location_losses(answers: LocationAnswers, nobody: Sequence[Tensor], people: PersonLocations) -> dict[str, Tensor]:
    """The losses of FCOS.

    Args:
        answers: Of the level that finds people.
        nobody: Logits ``(B, N')`` of levels on which nobody is to be found.
        people: Locations that answer for someone.

    Returns:
        ``loss_det_cls``: focal, a sum over all locations divided by people's locations plus images. ``loss_det_reg``:
        one minus the generalised IoU, an average weighted by centre-ness. ``loss_det_ctr``: binary cross-entropy, a
        mean over people's locations.
    """
    wanted = torch.zeros_like(answers.logits)
    wanted[people.where] = 1.0
    logits = torch.cat([answers.logits.flatten(), *(level.flatten() for level in nobody)])
    truth = torch.cat([wanted.flatten(), *(torch.zeros_like(level).flatten() for level in nobody)])
    focal = sigmoid_focal_loss(logits, truth, _FOCAL_ALPHA, _FOCAL_GAMMA, reduction="sum")
    losses = {"loss_det_cls": focal / (len(people.cells) + len(answers.logits))}
    if len(people.cells) == 0:
        nothing = {"loss_det_reg": answers.distances, "loss_det_ctr": answers.centreness}
        return losses | {name: answer.sum() * 0.0 for name, answer in nothing.items()}
    central = centreness(people.distances)
    origin = torch.zeros_like(people.distances[:, :2])
    mismatch = generalized_box_iou_loss(
        boxes_around(origin, answers.distances[people.where]), boxes_around(origin, people.distances)
    )
    losses["loss_det_reg"] = (central * mismatch).sum() / central.sum().clamp(min=1e-6)
    losses["loss_det_ctr"] = F.binary_cross_entropy_with_logits(answers.centreness[people.where], central)
    return losses
