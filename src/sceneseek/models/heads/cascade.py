"""A later stage of a cascade: boxes that another stage refined are sampled again, answered again, refined again.

Source: Cai and Vasconcelos, Cascade R-CNN (2018); that the first stage's score stays the final one is of Li and Miao,
Sequential End-to-end Network for Efficient Person Search (2021). Boxes are constants for the stage that they enter.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sceneseek.models.heads.joint import RegionAnswers
from sceneseek.models.heads.regions import RegionSampler, SampledRegions, Suppression, refine, region_losses
from sceneseek.models.trunk import ImageSize, Target

StageHead = Callable[[OrderedDict[str, Tensor], list[Tensor], Tensor], RegionAnswers]


@dataclass(frozen=True)
class TaughtStage:
    """What a stage learnt from.

    Attributes:
        regions: The sampled boxes and what is true of them.
        answers: What its head said of them.
        classification: What it got wrong about people.
        regression: What it got wrong about their boxes.
    """

    regions: SampledRegions
    answers: RegionAnswers
    classification: Tensor
    regression: Tensor


@dataclass(frozen=True)
class KeptRegions:
    """What leaves a stage, per image, best first.

    Attributes:
        boxes: ``(K, 4)``, refined.
        scores: ``(K,)``, those they came with.
        rows: ``(sum K,)``, which of the boxes that entered, counted over all images.
    """

    boxes: list[Tensor]
    scores: list[Tensor]
    rows: Tensor

    @property
    def counts(self) -> list[int]:
        """Boxes per image."""
        return [len(boxes) for boxes in self.boxes]


@dataclass(frozen=True)
class CascadeStage:
    """What a stage behind the detector does with its head's answers.

    Attributes:
        sampler: Chooses refined boxes to learn from.
        suppression: Chooses the detections that remain.
        box_loss_beta: Of the smooth L1 loss.
    """

    sampler: RegionSampler
    suppression: Suppression
    box_loss_beta: float

    def learn(
        self, head: StageHead, maps: OrderedDict[str, Tensor], boxes: list[Tensor], targets: list[Target]
    ) -> TaughtStage:
        """Sample ``(R, 4)`` boxes per image, ask the head, compare; ``targets`` as for ``RegionSampler``."""
        regions = self.sampler(boxes, targets)
        answers = head(maps, regions.boxes, regions.labels)
        losses = region_losses(answers.logits, answers.codes, regions, self.box_loss_beta)
        return TaughtStage(regions, answers, *losses)

    def keep(self, boxes: list[Tensor], codes: Tensor, scores: list[Tensor], sizes: Sequence[ImageSize]) -> KeptRegions:
        """Refine and suppress once more.

        Args:
            boxes: ``(N, 4)`` per image, as they entered.
            codes: ``(sum N, 4)``, the head's.
            scores: ``(N,)`` per image.
            sizes: Heights and widths of the resized images.
        """
        refined = refine(boxes, codes, sizes)
        kept = [self.suppression(b, s) for b, s in zip(refined, scores, strict=True)]
        rows = torch.split(torch.arange(len(codes), device=codes.device), [len(b) for b in boxes])
        return KeptRegions(
            [b[k] for b, k in zip(refined, kept, strict=True)],
            [s[k] for s, k in zip(scores, kept, strict=True)],
            torch.cat([r[k] for r, k in zip(rows, kept, strict=True)]),
        )
