"""What a distillation adds to a student's losses: terms, each from two readings of one batch to an unweighted scalar.

A term may own layers that only training needs (adapters of width, MGD's generator, FGD's context); they are parameters
of the term and never of the student. It is built from the facts of both networks and refuses what does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from sceneseek.distillation import feature, regions, relation, response, shaping
from sceneseek.distillation.contract import Facts, Reading
from sceneseek.errors import RecipeError, suggest

Pairs = Literal["shared"] | Sequence[tuple[str, str]]
RowChoice = Literal["auto", "people", "locations"]


@dataclass(frozen=True)
class Pair:
    """A student and a teacher, before anything is read.

    Attributes:
        student: What the student shows.
        teacher: What the teacher shows.
        table: The teacher's identity table ``(P, D)``, if it has one.
        table_of_student: Gives the student's, which moves; ``None`` where no term asks.
    """

    student: Facts
    teacher: Facts
    table: Tensor | None = None
    table_of_student: Callable[[], Tensor] | None = None

    def maps(self, names: Pairs) -> list[tuple[str, str]]:
        """Names of the student's and the teacher's maps that belong together.

        Raises:
            RecipeError: One has no such map, or they share different numbers of maps.
        """
        if names == "shared":
            if len(self.student.shared) != len(self.teacher.shared):
                raise RecipeError(
                    f"The student shares the maps {', '.join(self.student.shared)}, the teacher "
                    f'{", ".join(self.teacher.shared) or "none"}. Name pairs: maps = [["STUDENT\'S", "TEACHER\'S"]].'
                )
            names = list(zip(self.student.shared, self.teacher.shared, strict=True))
        for own, other in names:
            self.student.named(own, "student")
            self.teacher.named(other, "teacher")
        return list(names)


class Term(nn.Module):
    """Two readings of one batch to an unweighted scalar."""

    def forward(self, student: Reading, teacher: Reading) -> Tensor:
        """Compare.

        Args:
            student: With a graph.
            teacher: Without.

        Returns:
            ``()`` float32, zero with a graph where there is nothing to compare.
        """
        raise NotImplementedError


# --- maps -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Level:
    """Two maps on the teacher's grid.

    Attributes:
        student: ``(B, C, h, w)``, resampled and adapted.
        teacher: The same shape.
        boxes: Annotated people, ``(N, 4)`` per image in the teacher's pixels.
        sizes: The teacher's resized pictures.
        stride: Pixels per cell.
    """

    student: Tensor
    teacher: Tensor
    boxes: list[Tensor]
    sizes: list[tuple[int, int]]
    stride: int

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.teacher.shape[-2], self.teacher.shape[-1]

    @cached_property
    def shares(self) -> Tensor:
        """``regions.foreground_shares``."""
        return regions.foreground_shares(self.boxes, self.stride, self.grid).to(self.teacher.device)

    @property
    def foreground(self) -> Tensor:
        """Cells that people cover, ``(B, 1, h, w)`` bool."""
        return self.shares > 0

    @property
    def background(self) -> Tensor:
        """The others that show some of a picture."""
        pictures = regions.picture_mask(self.sizes, self.stride, self.grid, self.teacher.device)
        return pictures & ~self.foreground


def learnable(student: Reading, name: str) -> Tensor:
    """A student's map, float32, that a loss can reach.

    Raises:
        RecipeError: Every layer in front of it is frozen: nothing would be learnt, and nobody would notice.
    """
    maps = student.map(name)
    if torch.is_grad_enabled() and not maps.requires_grad:
        raise RecipeError(
            f"No gradient can reach the student's map {name!r}: all layers in front of it are frozen. Lower "
            "model.options.frozen_stages, or leave distillation.feature out."
        )
    return maps.float()


class LevelLoss(nn.Module):
    """A loss on one level. Built for a teacher's map of so many channels, after adaptation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, level: Level) -> Tensor:
        """``()``."""
        raise NotImplementedError


class MaskedPearson(LevelLoss):
    """``feature.masked_pearson``."""

    def __init__(self, channels: int, *, foreground: float = 0.5, background: float = 0.5) -> None:
        super().__init__(channels)
        self.weights = {"foreground_weight": foreground, "background_weight": background}

    def forward(self, level: Level) -> Tensor:
        """People and background apart."""
        return feature.masked_pearson(level.student, level.teacher, level.foreground, level.background, **self.weights)


class Pearson(LevelLoss):
    """``feature.pkd``."""

    def forward(self, level: Level) -> Tensor:
        """The whole map."""
        return feature.pkd(level.student, level.teacher)


class ChannelWise(LevelLoss):
    """``feature.cwd``."""

    def __init__(self, channels: int, *, temperature: float = 1.0) -> None:
        super().__init__(channels)
        self.temperature = temperature

    def forward(self, level: Level) -> Tensor:
        """The whole map."""
        return feature.cwd(level.student, level.teacher, self.temperature)


class FineGrained(LevelLoss):
    """``feature.fgfi``."""

    def __init__(self, channels: int, *, share: float = 0.5) -> None:
        super().__init__(channels)
        self.share = share

    def forward(self, level: Level) -> Tensor:
        """Cells near people."""
        cells = regions.near_anchors(level.boxes, level.stride, level.grid, share=self.share)
        return feature.fgfi(level.student, level.teacher, cells)


class Decoupled(MaskedPearson):
    """``feature.defeat``."""

    def forward(self, level: Level) -> Tensor:
        """People and background apart."""
        return feature.defeat(level.student, level.teacher, level.foreground, level.background, **self.weights)


class GlobalContext(nn.Module):
    """A map with what the whole of it says added to every cell: one of FGD's two GCNet blocks.

    Source: Yang et al., Focal and Global Knowledge Distillation for Detectors (2022), eq. 11.

    Args:
        channels: Of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // 2, 1)
        self.attend = nn.Conv2d(channels, 1, 1)
        self.transform = nn.Sequential(
            nn.Conv2d(channels, inner, 1), nn.LayerNorm([inner, 1, 1]), nn.ReLU(), nn.Conv2d(inner, channels, 1)
        )
        last = self.transform[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, C, h, w)`` to the same shape."""
        attention = self.attend(maps).flatten(2).softmax(dim=2)
        context = maps.flatten(2) @ attention.transpose(1, 2)
        added: Tensor = maps + self.transform(context[..., None])
        return added


class FocalGlobal(LevelLoss):
    """FGD: the focal parts (``feature.fgd``) and the difference of maps with their context.

    Args:
        channels: Of the maps.
        foreground: Weight of people, alpha.
        background: Weight of the background, beta.
        attention: Weight of the attentions, gamma.
        context: Weight of the global part, lambda.
        temperature: Of the attentions.
        per_cell: Divide by the cells of the map, as the authors advise where the loss is too large.
    """

    def __init__(
        self,
        channels: int,
        *,
        foreground: float = 1.6e-3,
        background: float = 8e-4,
        attention: float = 8e-4,
        context: float = 8e-6,
        temperature: float = 0.8,
        per_cell: bool = False,
    ) -> None:
        super().__init__(channels)
        self.weights = (foreground, background, attention, context)
        self.temperature = temperature
        self.per_cell = per_cell
        self.contexts = nn.ModuleList(GlobalContext(channels) for _ in range(2))

    def forward(self, level: Level) -> Tensor:
        """All four parts, weighted among themselves."""
        around = regions.background_shares(level.background)
        focal = feature.fgd(level.student, level.teacher, level.shares, around, self.temperature)
        ours, theirs = self.contexts[0](level.student), self.contexts[1](level.teacher.detach())
        # The teacher's block learns, too: its output is no constant.
        apart = (ours - theirs).square().sum() / len(ours)
        parts = torch.stack([focal.foreground, focal.background, focal.attention, apart])
        total = (parts * parts.new_tensor(self.weights)).sum()
        return total / (level.grid[0] * level.grid[1]) if self.per_cell else total


class MaskedGeneration(LevelLoss):
    """MGD: the teacher's map out of a student's of which a share of the cells is hidden.

    Source: Yang et al., Masked Generative Distillation (2022), eq. 1 to 3.

    Args:
        channels: Of the maps.
        masked: Share of the cells that is hidden, drawn anew each time.
    """

    def __init__(self, channels: int, *, masked: float = 0.65) -> None:
        super().__init__(channels)
        self.masked = masked
        self.generator = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1)
        )

    def forward(self, level: Level) -> Tensor:
        """The whole map."""
        kept = torch.rand_like(level.student[:, :1]) <= 1.0 - self.masked
        return feature.per_image_difference(self.generator(level.student * kept), level.teacher)


LEVEL_LOSSES: dict[str, type[LevelLoss]] = {
    "pkd_fgbg": MaskedPearson,
    "pkd": Pearson,
    "fgd": FocalGlobal,
    "mgd": MaskedGeneration,
    "cwd": ChannelWise,
    "fgfi": FineGrained,
    "defeat": Decoupled,
}


class MapTerm(Term):
    """A loss between maps on the teacher's grid, a mean over the levels.

    Args:
        pair: The two networks.
        names: Which maps belong together.
        loss: Makes the loss of a level for so many channels.
    """

    def __init__(self, pair: Pair, names: Pairs, loss: Callable[[int], LevelLoss]) -> None:
        super().__init__()
        self.names = pair.maps(names)
        self.strides = [(pair.student.maps[own].stride, pair.teacher.maps[other].stride) for own, other in self.names]
        widths = [(pair.student.maps[own].channels, pair.teacher.maps[other].channels) for own, other in self.names]
        self.adapters = nn.ModuleList(shaping.adapter(*width) for width in widths)
        self.levels = nn.ModuleList(loss(wanted) for _, wanted in widths)

    def forward(self, student: Reading, teacher: Reading) -> Tensor:
        """Compare all levels."""
        losses = []
        for (own, other), strides, adapt, loss in zip(
            self.names, self.strides, self.adapters, self.levels, strict=True
        ):
            wanted = teacher.map(other).float()
            grid = (wanted.shape[-2], wanted.shape[-1])
            maps = shaping.resampled(
                learnable(student, own), strides[0], student.sizes, strides[1], teacher.sizes, grid
            )
            losses.append(loss(Level(adapt(maps), wanted, teacher.boxes, teacher.sizes, strides[1])))
        return feature.mean_over_levels(losses)


class CropTerm(Term):
    """``feature.crop_difference`` of people cut out of each network's own map: grids need not agree.

    Args:
        pair: The two networks.
        names: Which maps belong together.
        size: Cells of a crop, a side.
    """

    def __init__(self, pair: Pair, names: Pairs, *, size: int = 10) -> None:
        super().__init__()
        self.names = pair.maps(names)
        self.strides = [(pair.student.maps[own].stride, pair.teacher.maps[other].stride) for own, other in self.names]
        self.adapters = nn.ModuleList(
            shaping.adapter(pair.student.maps[own].channels, pair.teacher.maps[other].channels)
            for own, other in self.names
        )
        self.size = size

    def forward(self, student: Reading, teacher: Reading) -> Tensor:
        """Compare people."""
        losses = []
        for (own, other), strides, adapt in zip(self.names, self.strides, self.adapters, strict=True):
            ours = self._cut(learnable(student, own), student.boxes, strides[0])
            theirs = self._cut(teacher.map(other), teacher.boxes, strides[1])
            losses.append(feature.crop_difference(adapt(ours), theirs))
        return feature.mean_over_levels(losses)

    def _cut(self, maps: Tensor, boxes: list[Tensor], stride: int) -> Tensor:
        cut: Tensor = roi_align(maps.float(), boxes, self.size, 1.0 / stride, sampling_ratio=2, aligned=True)
        return cut


# --- people -----------------------------------------------------------------------------------------------------------

RELATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "rkd_distance": relation.rkd_distance,
    "rkd_angle": relation.rkd_angle,
    "gram": relation.cosine_gram,
    "gram_sum": relation.cosine_gram_sum,
    "sp": relation.similarity_preserving,
    "cckd": relation.cckd,
}


class RelationTerm(Term):
    """A loss between what the networks think of how the batch's people relate.

    Args:
        loss: Of ``RELATIONS``.
    """

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, student: Reading, teacher: Reading) -> Tensor:
        """Compare everyone who is annotated."""
        ours, theirs = student.embeddings.float(), teacher.embeddings.float()
        with torch.autocast(ours.device.type, enabled=False):
            return self.loss(ours, theirs)


@dataclass(frozen=True)
class Answers:
    """Who is meant, by both networks.

    Attributes:
        student: Logits ``(N, R)``.
        teacher: The same.
        columns: ``(N,)`` each row's identity among the ``R``, -1 where it is none of them.
    """

    student: Tensor
    teacher: Tensor
    columns: Tensor = field(repr=False)


class IdentityTerm(Term):
    """A loss between identity answers.

    Args:
        pair: The two networks, with tables.
        loss: Of ``RESPONSES``, given answers and the temperature.
        effective_scale: What multiplies cosines in both; the temperature is the student's own scale over it.
        table: Whose table the student answers by, its ``"own"`` or the ``"teacher"``'s.
        rows: Who answers: annotated ``"people"``, single ``"locations"``, or ``"auto"``: locations where both networks
            have the same.

    Raises:
        RecipeError: There is no table, or there are no locations.
    """

    def __init__(
        self,
        pair: Pair,
        loss: Callable[[Answers, float], Tensor],
        *,
        effective_scale: float,
        table: Literal["own", "teacher"] = "own",
        rows: RowChoice = "auto",
    ) -> None:
        super().__init__()
        if pair.table is None or pair.table_of_student is None:
            raise RecipeError(
                "Identity answers need the teacher's identity table, which its file does not hold (only checkpoints "
                'do). Set distillation.teacher.table = "means": one row per identity from the teacher\'s embeddings.'
            )
        if rows == "locations" and not (pair.student.located and pair.teacher.located):
            raise RecipeError(
                'rows = "locations" needs two networks in which single locations answer for people, such as AlignPS. '
                'Set it to "people".'
            )
        # A plain attribute: the table is the teacher's, and no part of what is trained or stored.
        self._tables = (pair.table_of_student, pair.table)
        self.loss = loss
        self.effective_scale = effective_scale
        self.temperature = pair.student.scale / effective_scale
        self.table = table
        self.rows = rows
        self.project: nn.Module = nn.Identity()
        if table == "teacher":
            self.project = shaping.projection(pair.student.embedding_dim, pair.teacher.embedding_dim)

    def forward(self, student: Reading, teacher: Reading) -> Tensor:
        """Compare everyone who answers."""
        ours, theirs, labels = self._rows(student, teacher)
        # Half precision would leave a cosine two digits.
        with torch.autocast(ours.device.type, enabled=False):
            return self.loss(self._answers(ours, theirs, labels), self.temperature)

    def _answers(self, ours: Tensor, theirs: Tensor, labels: Tensor) -> Answers:
        """Logits of both networks over the identities that both tables know."""
        device = ours.device
        wanted = self._tables[1].to(device).float()
        if self.table == "teacher":
            own, ours = wanted, nn.functional.normalize(self.project(ours), dim=1)
        else:
            own = self._tables[0]().to(device).float()
        known = response.seen_rows(own, wanted)
        columns = torch.full((len(wanted) + 1,), -1, dtype=torch.int64, device=device)
        columns[known] = torch.arange(len(known), device=device)
        return Answers(
            response.identity_logits(ours, own, self.effective_scale, known),
            response.identity_logits(theirs, wanted, self.effective_scale, known),
            # A label below 0 reads the last entry, which stays -1.
            columns[torch.where(labels >= 0, labels, len(wanted))],
        )

    def _rows(self, student: Reading, teacher: Reading) -> tuple[Tensor, Tensor, Tensor]:
        if self.rows != "people":
            ours, theirs = student.located, teacher.located
            if ours is not None and theirs is not None and _same_places(student, teacher):
                return ours.embeddings.float(), theirs.embeddings.float(), ours.labels
            if self.rows == "locations":
                raise RecipeError(
                    "rows = \"locations\" needs maps of one size; the student's and the teacher's differ. Set "
                    'distillation.teacher.scenes = "student", or rows = "people".'
                )
        return student.embeddings.float(), teacher.embeddings.float(), student.person_ids


def _same_places(student: Reading, teacher: Reading) -> bool:
    ours, theirs = student.located, teacher.located
    return (
        ours is not None
        and theirs is not None
        and ours.grid == theirs.grid
        and student.sizes == teacher.sizes
        and len(ours.labels) == len(theirs.labels)
    )


def kl(answers: Answers, temperature: float) -> Tensor:
    """``response.kl``; the logits are divided already."""
    return temperature**2 * response.kl(answers.student, answers.teacher)


def jensen_shannon(answers: Answers, temperature: float) -> Tensor:
    """``response.jensen_shannon``; the logits are divided already."""
    return temperature**2 * response.jensen_shannon(answers.student, answers.teacher)


def dist(answers: Answers, temperature: float) -> Tensor:
    """``relation.dist``; the logits are divided already."""
    return temperature**2 * relation.dist(answers.student, answers.teacher)


def decoupled(alpha: float, beta: float) -> Callable[[Answers, float], Tensor]:
    """``response.dkd`` over people whose identity both tables know."""

    def loss(answers: Answers, temperature: float) -> Tensor:
        known = answers.columns >= 0
        ours, theirs = answers.student[known], answers.teacher[known]
        return temperature**2 * response.dkd(ours, theirs, answers.columns[known], alpha=alpha, beta=beta)

    return loss


def table_matching(answers: Answers, _: float) -> Tensor:
    """``response.table_matching``."""
    return response.table_matching(answers.student, answers.columns)


class EmbeddingTerm(Term):
    """``response.embedding_difference``, through a linear map where lengths differ.

    Args:
        pair: The two networks.
    """

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self.project = shaping.projection(pair.student.embedding_dim, pair.teacher.embedding_dim)

    def forward(self, student: Reading, teacher: Reading) -> Tensor:
        """Compare everyone who is annotated."""
        ours = nn.functional.normalize(self.project(student.embeddings.float()), dim=1)
        return response.embedding_difference(ours, teacher.embeddings.float())


# --- detection --------------------------------------------------------------------------------------------------------


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


def level_loss(name: str, **options: float) -> Callable[[int], LevelLoss]:
    """Makes losses of ``LEVEL_LOSSES`` by name.

    Raises:
        RecipeError: There is none of that name.
    """
    if name not in LEVEL_LOSSES:
        raise RecipeError(f"There is no loss between maps called {name!r}.{suggest(name, list(LEVEL_LOSSES))}")
    chosen = LEVEL_LOSSES[name]
    return lambda channels: chosen(channels, **options)
