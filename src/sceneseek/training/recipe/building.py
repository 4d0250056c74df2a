"""From a recipe's tables to the parts of a run. Beyond this module nothing knows recipes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn, optim

from sceneseek.data import layouts, samplers, transforms
from sceneseek.data.problems import OnProblem, refuse
from sceneseek.errors import RecipeError
from sceneseek.structures import SceneSet
from sceneseek.training import optimisers, schedules
from sceneseek.training.loop import LoopSettings
from sceneseek.training.processes import Processes
from sceneseek.training.recipe.schema import (
    AdamW,
    AugmentationTable,
    DataTable,
    EvaluationTable,
    IdentityPairs,
    ModelTable,
    Recipe,
    Sgd,
    StepTable,
)

_TRANSFORMS: tuple[tuple[str, Callable[..., transforms.Transform]], ...] = (
    ("zoom", transforms.Zoom),
    ("horizontal_flip", transforms.HorizontalFlip),
    ("erasing", transforms.Erasing),
    ("light", transforms.Light),
    ("colour", transforms.Colour),
    ("greyscale", transforms.Greyscale),
    ("low_resolution", transforms.LowResolution),
    ("gaussian_blur", transforms.GaussianBlur),
    ("motion_blur", transforms.MotionBlur),
    ("noise", transforms.Noise),
    ("jpeg", transforms.Jpeg),
)


def read_scenes(table: DataTable | EvaluationTable, root: Path, on_problem: OnProblem = refuse) -> SceneSet:
    """Read the data set a table names, below ``root`` where the path is relative.

    Args:
        table: The recipe's table.
        root: Where relative paths begin.
        on_problem: Told of what is wrong or odd; the default raises at the first error.

    Raises:
        RecipeError: If there is nothing at that path.
        DataError: If the annotations are wrong.
    """
    is_training = isinstance(table, DataTable)
    named = table.train if isinstance(table, DataTable) else table.data
    path = root / named
    if not path.exists():
        key = "data.train" if is_training else "evaluation.data"
        raise RecipeError(f"{key} = {named!r}: there is nothing at {path}. --data names the folder that holds it.")
    return layouts.read_scenes(path, "train" if is_training else "test", table.layout, on_problem=on_problem)


def build_augmentation(table: AugmentationTable) -> transforms.Augmentation:
    """The transforms that the recipe names, in their fixed order: geometry, occlusion, light, sensor, file."""
    chosen = [(build, getattr(table, name)) for name, build in _TRANSFORMS]
    return transforms.Augmentation(tuple(build(**row.model_dump()) for build, row in chosen if row is not None))


def build_sampler(recipe: Recipe, scenes: SceneSet, processes: Processes) -> samplers.BatchSampler:
    """Which images share a batch."""
    if isinstance(recipe.sampler, IdentityPairs):
        return samplers.IdentityPairSampler(
            scenes,
            batch_size=recipe.training.batch_size,
            seed=recipe.training.seed,
            rank=processes.rank,
            world_size=processes.world_size,
            prefer_other_camera=recipe.sampler.prefer_other_camera,
        )
    return samplers.ShuffledSampler(
        scenes,
        batch_size=recipe.training.batch_size,
        seed=recipe.training.seed,
        rank=processes.rank,
        world_size=processes.world_size,
    )


def build_model(table: ModelTable, num_identities: int, root: Path) -> nn.Module:
    """The network, with weights to start from where the recipe names some.

    ``model.init`` and the backbone weights ``model.options.weights`` may be files below ``root``, as data sets are, or
    names that the model knows.

    Raises:
        UnknownModelError: If no builder has that name.
        ModelError: If an option is refused.
        WeightsError: If the weights do not fit.
    """
    from sceneseek.models import zoo

    options = dict(table.options)
    if isinstance(options.get("weights"), str):
        options["weights"] = below(root, options["weights"])
    model = zoo.create(table.name, num_identities=num_identities, **options)
    if table.init:
        from sceneseek.models.weights import load_into

        load_into(model, below(root, table.init), builder=table.name)
    return model.to(memory_format=torch.channels_last) if table.channels_last else model


def below(root: Path, name: str) -> str:
    """A file's path below ``root`` where there is one of that name, else the name as it is."""
    return str(root / name) if (root / name).is_file() else name


def build_optimiser(table: Sgd | AdamW, model: nn.Module, beside: nn.Module | None = None) -> optim.Optimizer:
    """Who makes the steps.

    Args:
        table: ``[optimiser]``.
        model: The network; rules of groups are about its parameters.
        beside: What is trained with it and left behind, such as the layers of a distillation's terms.
    """
    rules = [optimisers.GroupRule(**group.model_dump()) for group in table.groups]
    groups = optimisers.parameter_groups(model, lr=table.lr, weight_decay=table.weight_decay, rules=rules)
    if beside is not None and any(True for _ in beside.parameters()):
        groups += optimisers.parameter_groups(beside, lr=table.lr, weight_decay=table.weight_decay)
    if isinstance(table, AdamW):
        return optimisers.adamw(table.betas, table.eps)(groups)
    return optimisers.sgd(table.momentum, table.nesterov)(groups)


def build_schedule(recipe: Recipe, steps: int) -> schedules.Schedule:
    """How long the steps are."""
    table = recipe.schedule
    warm_up = schedules.WarmUp(table.warmup_steps, table.warmup_factor)
    if isinstance(table, StepTable):
        return schedules.StepSchedule(table.milestones, table.gamma, warm_up)
    return schedules.CosineSchedule(steps, table.final_factor, warm_up)


def count_steps(recipe: Recipe, sampler: samplers.BatchSampler) -> int:
    """Optimiser steps of the whole run."""
    table = recipe.training
    if table.steps is not None:
        return table.steps
    assert table.epochs is not None
    return max(-(-sampler.batches_for(table.epochs) // table.accumulation), 1)


def build_settings(recipe: Recipe, steps: int) -> LoopSettings:
    """How the run goes."""
    table = recipe.training
    return LoopSettings(
        steps=steps,
        accumulation=table.accumulation,
        clip_norm=table.clip_norm,
        amp=table.amp,
        log_every=table.log_every,
        checkpoint_every=table.checkpoint_every,
        evaluate_every=0 if recipe.evaluation is None else recipe.evaluation.every_steps,
    )
