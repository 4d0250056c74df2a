"""From ``[distillation]`` to a task: the teacher, what it is asked beforehand, and the terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sceneseek import boxes as box_ops
from sceneseek.distillation import offline, terms
from sceneseek.distillation.contract import facts_of, teachable
from sceneseek.distillation.initialisation import Inheritance, inherit
from sceneseek.distillation.teacher import OnlineTeacher, Teacher
from sceneseek.errors import RecipeError
from sceneseek.structures import UNLABELED, Progress, SceneSet, data_fingerprint, silent
from sceneseek.training.checkpoint import read_checkpoint
from sceneseek.training.distilling import DistillingTask, TermPlan
from sceneseek.training.recipe.building import below
from sceneseek.training.recipe.distillation import DistillationTable, TeacherTable, TermTable
from sceneseek.training.recipe.schema import AugmentationTable
from sceneseek.training.task import SearchTask

ANSWERS = "answers.safetensors"
_GEOMETRY_KEPT = ("zoom",)
"""Augmentations that move what a cached map shows; mirroring is not one of them, its maps are cached, too."""
_RESPONSES = {
    "kl": terms.kl,
    "jensen_shannon": terms.jensen_shannon,
    "dist": terms.dist,
    "table_matching": terms.table_matching,
}


@dataclass(frozen=True)
class LoadedTeacher:
    """A teacher's network as it was stored.

    Attributes:
        network: In evaluation.
        table: ``(P, D)`` by the training set's labels, where the file holds one.
        source: The file.
    """

    network: nn.Module
    table: Tensor | None
    source: str


@dataclass(frozen=True)
class TrainingSet:
    """What a student and a teacher have before them.

    Attributes:
        scenes: The training set.
        identities: Person id -> label.
        root: Relative paths are looked for below it.
        device: Where to compute.
        progress: Told about scenes while a teacher is asked beforehand.
    """

    scenes: SceneSet
    identities: Mapping[int, int]
    root: Path
    device: torch.device
    progress: Progress = silent


def build_distillation(
    table: DistillationTable, task: SearchTask, augmentation: AugmentationTable, data: TrainingSet, steps: int
) -> tuple[DistillingTask, Inheritance]:
    """Put teacher and terms beside a task.

    The student may get some of its teacher's weights; nothing else of it changes.

    Args:
        table: With at least one term.
        task: What is trained without a teacher.
        augmentation: What is done to pictures, which cached maps must bear.
        data: See there.
        steps: Of the run.

    Raises:
        RecipeError: The terms do not fit student and teacher.
        WeightsError: The teacher's file does not fit or is damaged.
        CheckpointError: Cached answers are another teacher's or of other data.
    """
    loaded = load_teacher(table.teacher, data)
    loaded.network.to(data.device)
    answers = _ask_beforehand(table.teacher, loaded.network, augmentation, data)
    if answers is not None and table.teacher.table == "means":
        loaded = replace(loaded, table=answers.table(_labels(data), len(data.identities)))
    inheritance = inherit(task.model, loaded.network, table.init_from_teacher)
    return taught(table, task, loaded, answers, steps, data.device), inheritance


def taught(
    table: DistillationTable,
    task: SearchTask,
    loaded: LoadedTeacher,
    answers: offline.CachedAnswers | None,
    steps: int,
    device: torch.device,
) -> DistillingTask:
    """A task with a teacher that is there already.

    Args:
        table: With at least one term.
        task: What is trained without a teacher.
        loaded: The teacher.
        answers: What it said, for an offline one.
        steps: Of the run.
        device: Where to compute.

    Raises:
        RecipeError: The terms do not fit student and teacher.
    """
    teacher: Teacher
    if table.teacher.mode == "offline":
        assert answers is not None
        teacher = offline.OfflineTeacher(loaded.network, answers)
    else:
        teacher = OnlineTeacher(loaded.network, scenes=table.teacher.scenes, student=task.model)
    student = teachable(task.model, "student")

    def own_table() -> Tensor:
        return student.identity_table.detach()

    pair = terms.Pair(facts_of(task.model, "student"), teacher.facts, loaded.table, own_table)
    built = nn.ModuleDict({name: build_term(name, term, pair) for name, term in table.terms.items()}).to(device)
    plans = {name: _plan(term, steps) for name, term in table.terms.items()}
    return DistillingTask(
        task, teacher, built, plans, warmup_steps=table.warmup_steps, conflict_every=table.conflict_every
    )


def _plan(table: TermTable, steps: int) -> TermPlan:
    begin, end = (round(share * steps) for share in table.active)
    return TermPlan(table.weight, begin, end)


def build_term(name: str, table: TermTable, pair: terms.Pair) -> terms.Term:
    """One of ``[distillation.<name>]``.

    Raises:
        RecipeError: It does not fit student and teacher.
    """
    options: dict[str, Any] = table.model_dump(exclude={"weight", "active"})
    kind = options.pop("name", name)
    if name == "feature" and kind == "gid_crops":
        return terms.CropTerm(pair, options.pop("maps"), **options)
    if name == "feature":
        maps = options.pop("maps")
        return terms.MapTerm(pair, maps, terms.level_loss(kind, **options))
    if name == "relation" and kind in terms.RELATIONS:
        return terms.RelationTerm(terms.RELATIONS[kind])
    if name == "embedding":
        return terms.EmbeddingTerm(pair)
    if name == "detection":
        return terms.DetectionTerm(pair, **options)
    loss = terms.decoupled(options.pop("alpha"), options.pop("beta")) if kind == "dkd" else _RESPONSES[kind]
    return terms.IdentityTerm(pair, loss, **options)


def load_teacher(table: TeacherTable, data: TrainingSet) -> LoadedTeacher:
    """The network behind ``distillation.teacher.weights``.

    Raises:
        RecipeError: Its own identity table is asked for, and was made for other people.
        UnknownModelError: There is no such file or shipped name.
        WeightsError: The file does not fit, or is damaged.
        CheckpointError: A checkpoint is damaged.
    """
    path = below(data.root, table.weights)
    if path.endswith(".pt"):
        return _from_checkpoint(Path(path), table, data)
    from sceneseek.models.weights import load_model

    network, _ = load_model(path)
    return LoadedTeacher(network, None, path)


def _from_checkpoint(path: Path, table: TeacherTable, data: TrainingSet) -> LoadedTeacher:
    from sceneseek.models import zoo

    state = read_checkpoint(path)
    options = {**state["recipe"]["model"]["options"], "weights": None}
    theirs = state["identities"]
    network = zoo.create(state["recipe"]["model"]["name"], num_identities=len(theirs), **options)
    network.load_state_dict(state["model"])
    if state["average"] is not None:
        network.load_state_dict(state["average"]["average"], strict=False)
    if table.table == "means":
        return LoadedTeacher(network.eval(), None, str(path))
    missing = [person for person in data.identities if person not in theirs]
    if missing:
        raise RecipeError(
            f"The teacher {path} was trained on {len(theirs)} people, without {len(missing)} of the training set's "
            f"{len(data.identities)} ({', '.join(map(str, missing[:3]))}...): its table has no rows for them. Set "
            'distillation.teacher.table = "means".'
        )
    rows = torch.tensor([theirs[person] for person in data.identities])
    return LoadedTeacher(network.eval(), teachable(network, "teacher").identity_table.detach()[rows], str(path))


# --- asked beforehand -------------------------------------------------------------------------------------------------


def _ask_beforehand(
    table: TeacherTable, network: nn.Module, augmentation: AugmentationTable, data: TrainingSet
) -> offline.CachedAnswers | None:
    """What the teacher says of the training set, where anybody wants to know; from the cache where it is there."""
    if table.mode == "online" and table.table == "own":
        return None
    for name in _GEOMETRY_KEPT:
        if table.cached_maps and getattr(augmentation, name) is not None:
            raise RecipeError(
                f"Cached maps show scenes as they are, and augmentation.{name} moves what is in them. Leave it out, "
                'set distillation.teacher.cached_maps = false, or mode = "online".'
            )
    key = offline.cache_key(network, data_fingerprint(data.scenes), maps=table.cached_maps)
    path = data.root / table.cache / ANSWERS
    if table.cache and path.exists():
        return offline.load_answers(path, key)
    answers = offline.ask_about(network, _scenes(data), key=key, maps=table.cached_maps)
    if table.cache:
        offline.save_answers(answers, path)
    return answers


def _scenes(data: TrainingSet) -> Iterator[offline.Scene]:
    from sceneseek.data.picture_files import read_scene

    for number, sample in enumerate(data.scenes.samples, start=1):
        image = torch.from_numpy(np.ascontiguousarray(read_scene(sample).transpose(2, 0, 1)))
        boxes = torch.from_numpy(box_ops.clip(sample.boxes, sample.width, sample.height).astype(np.float32))
        yield offline.Scene(sample.image_id, image.to(data.device).float() / 255.0, boxes.to(data.device))
        data.progress(number, len(data.scenes.samples), "asking the teacher")


def _labels(data: TrainingSet) -> Tensor:
    """Training labels of all annotated boxes, in the order in which the teacher was asked."""
    rows = [
        UNLABELED if ignored else data.identities.get(int(person), UNLABELED)
        for sample in data.scenes.samples
        for person, ignored in zip(sample.person_ids, np.asarray(sample.ignore_mask, bool), strict=True)
    ]
    return torch.tensor(rows, dtype=torch.int64)
