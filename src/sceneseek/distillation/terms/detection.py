"""The term between detectors' scores."""

from __future__ import annotations

import torch
from torch import Tensor

from sceneseek.distillation import response, shaping
from sceneseek.distillation.contract import Reading
from sceneseek.distillation.terms.levels import Level
from sceneseek.distillation.terms.pair import Pair, Term
from sceneseek.errors import RecipeError


class DetectionTerm(Term):
    """``response.detection_kl``: of regions that the student proposes, or of all locations.

    Locations with people and those without count half each. Regions are the annotated people and the student's best
    proposals; Jia et al. (2025) sample those that the student's detector learns from.

    Args:
        pair: The two networks.
        temperature: Divides the log-odds.
        proposals: Of each image; not read where locations detect.

    Raises:
        RecipeError: One network detects by regions, the other by locations.
    """

    def __init__(self, pair: Pair, *, temperature: float, proposals: int) -> None:
        super().__init__()
        if pair.student.detects != pair.teacher.detects:
            raise RecipeError(
                f"distillation.detection compares like with like; the student detects by {pair.student.detects}, the "
                f"teacher by {pair.teacher.detects or 'nothing that was cached'}. Leave the table out."
            )
        self.by_regions = pair.student.detects == "regions"
        self.strides = tuple(facts.maps[facts.shared[0]].stride for facts in (pair.student, pair.teacher))
        self.temperature = temperature
        self.proposals = proposals

    def forward(self, student: Reading, teacher: Reading) -> Tensor:
        """Compare."""
        return self._regions(student, teacher) if self.by_regions else self._locations(student, teacher)

    def _regions(self, student: Reading, teacher: Reading) -> Tensor:
        boxes = [
            torch.cat([people, best[: self.proposals]])
            for people, best in zip(student.boxes, student.proposals, strict=True)
        ]
        moved = shaping.rescaled(boxes, student.sizes, teacher.sizes)
        ours, theirs = student.region_logits(boxes), teacher.region_logits(moved)
        return response.detection_kl(ours.float(), theirs.float(), self.temperature)

    def _locations(self, student: Reading, teacher: Reading) -> Tensor:
        theirs = teacher.location_logits.float()
        grid = (theirs.shape[-2], theirs.shape[-1])
        ours = shaping.resampled(
            student.location_logits.float(), self.strides[0], student.sizes, self.strides[1], teacher.sizes, grid
        )
        level = Level(ours, theirs, teacher.boxes, teacher.sizes, self.strides[1])
        halves = [
            response.detection_kl(ours[cells], theirs[cells], self.temperature)
            for cells in (level.foreground, level.background)
        ]
        return torch.stack(halves).mean()
