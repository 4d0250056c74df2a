"""What a recipe may say, and must: every key of a table is required, so that ``diff`` compares two experiments.

Some things may be left out, and mean "not done": the tables ``[evaluation]`` and ``[distillation]``, single tables of
``[augmentation]``, terms of ``[distillation]``, and the list ``optimiser.groups``. Of ``training.steps`` and
``training.epochs`` exactly one is given.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from sceneseek.data.layouts import Layout
from sceneseek.training.recipe.distillation import DistillationTable
from sceneseek.training.recipe.values import (
    AngleRange,
    Count,
    CountOrNone,
    FactorRange,
    LengthRange,
    NotNegative,
    Positive,
    QualityRange,
    Share,
    ShareRange,
    Table,
    Text,
    ordered,
)


class DataTable(Table):
    """``[data]``: what to train on.

    Attributes:
        layout: How it lies on disk, see ``data.layouts``; ``"auto"`` looks at the files.
        train: Folder (or file) of the training set, absolute or below ``--data``; of a set that is divided the training
            part is read.
    """

    layout: Layout | Literal["auto"]
    train: Text


class ModelTable(Table):
    """``[model]``: what to train.

    Attributes:
        name: A builder of the zoo.
        init: Weights of a whole network to start from; empty for none.
        channels_last: Whether parameters are stored with channels last, which is faster on most machines.
        options: The builder's options, without ``num_identities``, which the training set decides.
    """

    name: Text
    init: str
    channels_last: bool
    options: dict[str, Any]


class Zoom(Table):
    """``[augmentation.zoom]``: see ``data.transforms.Zoom``."""

    probability: Share
    zoom: FactorRange
    aspect: FactorRange
    label_above: Share
    keep_above: Share


class HorizontalFlip(Table):
    """``[augmentation.horizontal_flip]``."""

    probability: Share


class Erasing(Table):
    """``[augmentation.erasing]``: see ``data.transforms.Erasing``."""

    probability: Share
    area: ShareRange


class Light(Table):
    """``[augmentation.light]``: see ``data.transforms.Light``."""

    probability: Share
    gain: Annotated[tuple[Positive, Annotated[float, Field(gt=0.0, lt=4.0)]], AfterValidator(ordered)]
    cells: Count


class Colour(Table):
    """``[augmentation.colour]``: see ``data.transforms.Colour``."""

    probability: Share
    brightness: FactorRange
    contrast: FactorRange
    white_balance: FactorRange
    gamma: FactorRange
    saturation: FactorRange
    hue: AngleRange


class Greyscale(Table):
    """``[augmentation.greyscale]``."""

    probability: Share


class LowResolution(Table):
    """``[augmentation.low_resolution]``: see ``data.transforms.LowResolution``."""

    probability: Share
    scale: ShareRange


class GaussianBlur(Table):
    """``[augmentation.gaussian_blur]``: see ``data.transforms.GaussianBlur``."""

    probability: Share
    sigma: LengthRange


class MotionBlur(Table):
    """``[augmentation.motion_blur]``: see ``data.transforms.MotionBlur``."""

    probability: Share
    length: LengthRange


class Noise(Table):
    """``[augmentation.noise]``: see ``data.transforms.Noise``."""

    probability: Share
    sigma: LengthRange


class Jpeg(Table):
    """``[augmentation.jpeg]``: see ``data.transforms.Jpeg``."""

    probability: Share
    quality: QualityRange


class AugmentationTable(Table):
    """``[augmentation]``: applied in this order; a table that is left out is not applied."""

    zoom: Zoom | None = None
    horizontal_flip: HorizontalFlip | None = None
    erasing: Erasing | None = None
    light: Light | None = None
    colour: Colour | None = None
    greyscale: Greyscale | None = None
    low_resolution: LowResolution | None = None
    gaussian_blur: GaussianBlur | None = None
    motion_blur: MotionBlur | None = None
    noise: Noise | None = None
    jpeg: Jpeg | None = None


class IdentityPairs(Table):
    """``[sampler]`` of pairs that share a person.

    Attributes:
        name: ``"identity_pairs"``.
        prefer_other_camera: See ``data.samplers.IdentityPairSampler``.
    """

    name: Literal["identity_pairs"]
    prefer_other_camera: bool


class Shuffled(Table):
    """``[sampler]`` of single images.

    Attributes:
        name: ``"shuffled"``.
    """

    name: Literal["shuffled"]


class Group(Table):
    """One of ``[[optimiser.groups]]``: see ``training.optimisers.GroupRule``."""

    parameters: Text
    lr_factor: NotNegative
    decay_factor: NotNegative


class Sgd(Table):
    """``[optimiser]``: stochastic gradient descent."""

    name: Literal["sgd"]
    lr: Positive
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)]
    nesterov: bool
    weight_decay: NotNegative
    groups: tuple[Group, ...] = ()


class AdamW(Table):
    """``[optimiser]``: AdamW."""

    name: Literal["adamw"]
    lr: Positive
    betas: tuple[Annotated[float, Field(ge=0.0, lt=1.0)], Annotated[float, Field(ge=0.0, lt=1.0)]]
    eps: Positive
    weight_decay: NotNegative
    groups: tuple[Group, ...] = ()


class StepTable(Table):
    """``[schedule]``: constant between milestones, given in optimiser steps."""

    name: Literal["step"]
    warmup_steps: CountOrNone
    warmup_factor: Share
    milestones: tuple[Count, ...]
    gamma: Positive


class CosineTable(Table):
    """``[schedule]``: half a cosine down to ``final_factor``."""

    name: Literal["cosine"]
    warmup_steps: CountOrNone
    warmup_factor: Share
    final_factor: Share


class TrainingTable(Table):
    """``[training]``: how the run goes.

    Attributes:
        steps: Optimiser steps; or
        epochs: passes over what the sampler draws from.
        batch_size: Images per process and batch.
        accumulation: Batches per step.
        clip_norm: Limit of the gradient's norm; 0 for none.
        amp: Automatic mixed precision.
        ema_decay: Decay of the running average of the weights; 0 for none.
        seed: Decides every random choice.
        workers: Threads that decode and augment, per process.
        prefetch: Batches prepared ahead.
        log_every: Steps between log records.
        checkpoint_every: Steps between checkpoints.
    """

    steps: Count | None = None
    epochs: Positive | None = None
    batch_size: Count
    accumulation: Count
    clip_norm: NotNegative
    amp: Literal["off", "bf16", "fp16"]
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)]
    seed: CountOrNone
    workers: CountOrNone
    prefetch: Count
    log_every: Count
    checkpoint_every: Count

    @model_validator(mode="after")
    def _one_length(self) -> TrainingTable:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("expected exactly one of steps and epochs")
        return self


class EvaluationTable(Table):
    """``[evaluation]``: what to measure while training; left out, nothing is.

    Attributes:
        layout: How it lies on disk, see ``data.layouts``; ``"auto"`` looks at the files.
        data: Folder (or file) of a set with queries, absolute or below ``--data``; of a set that is divided the test
            part is read.
        every_steps: Steps between evaluations; the last step is always evaluated.
        batch_size: Images per forward pass.
        best: The number whose highest value marks the best checkpoint.
    """

    layout: Layout | Literal["auto"]
    data: Text
    every_steps: Count
    batch_size: Count
    best: Text


class ExportTable(Table):
    """``[export]``: the weights file a run ends with.

    Attributes:
        dtype: Stored precision.
        weights: ``"last"`` or ``"best"`` (by evaluation).
    """

    dtype: Literal["float32", "float16"]
    weights: Literal["last", "best"]


class Recipe(Table):
    """One training run, completely.

    Attributes:
        data: What to train on.
        model: What to train.
        augmentation: What is done to pictures.
        sampler: Which images share a batch.
        optimiser: Who makes the steps.
        schedule: How long they are.
        training: How the run goes.
        loss_weights: The weight of every loss the model returns; 0 switches one off.
        evaluation: What is measured meanwhile.
        distillation: Who teaches, if anybody.
        export: What the run leaves.
    """

    data: DataTable
    model: ModelTable
    augmentation: AugmentationTable
    sampler: Annotated[IdentityPairs | Shuffled, Field(discriminator="name")]
    optimiser: Annotated[Sgd | AdamW, Field(discriminator="name")]
    schedule: Annotated[StepTable | CosineTable, Field(discriminator="name")]
    training: TrainingTable
    loss_weights: Annotated[dict[str, NotNegative], Field(min_length=1)]
    evaluation: EvaluationTable | None = None
    distillation: DistillationTable | None = None
    export: ExportTable

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        if self.export.weights == "best" and self.evaluation is None:
            raise ValueError("export.weights = 'best' needs the table [evaluation]; expected 'last' without one")
        if "num_identities" in self.model.options:
            raise ValueError("model.options.num_identities is decided by the training set; remove it")
        return self
