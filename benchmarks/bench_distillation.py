"""A step of distillation: without a teacher, with one that reads every batch, with one that was asked before."""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import Work
from sceneseek.data.loading import Batch
from sceneseek.data.synthetic import PeopleWorld, WorldSpec
from sceneseek.distillation import offline
from sceneseek.distillation.gdps import preset
from sceneseek.models import zoo
from sceneseek.models.weights import load_into, load_model, working_state
from sceneseek.training.recipe.distillation import DistillationTable
from sceneseek.training.recipe.reading import parse_tables
from sceneseek.training.recipe.teaching import LoadedTeacher, taught
from sceneseek.training.task import SearchTask, Task

_STUDENT: dict[str, Any] = {
    "min_size": 192,
    "max_size": 320,
    "frozen_stages": 1,
    "reid_size": (12, 6),
    "reid_regions": 8,
    "det_regions": 32,
    "num_identities": 16,
}
"""The student of the study gdps-ablation, beside the options of its teacher."""
_ALIGNPS: dict[str, Any] = {
    "frozen_stages": 2,
    "stem_norm": "folded",
    "coarse_levels": False,
    "tower_deformable": False,
    "offsets_start": "zero",
}
_ALIGNPS_PAIR: dict[str, dict[str, Any]] = {
    "AlignPS, teacher": {"min_size": 192, "max_size": 320, "embedding_dim": 128},
    "AlignPS, student": {"min_size": 160, "max_size": 256, "embedding_dim": 64},
}
"""Teacher and student of the study gdps-ablation-alignps."""
_WEIGHTS = {"rpn_cls": 2.0, "rpn_reg": 2.0, "det_cls": 2.0, "det_reg": 2.0, "olp": 0.05, "c2hep": 1.0}
_REPEATS = 5


def main() -> None:
    """Print seconds a step of four scenes, and what student and teacher weigh."""
    torch.set_num_threads(1)
    batch = _batch(4)
    teacher, info = load_model("dcinet-synthetic")
    options = {**info.options, **_STUDENT}
    works: dict[str, Work] = {"without a teacher": _step(_student(info.builder, options)[1], batch)}
    for mode, maps in (("online", False), ("offline", True)):
        _, own = _student(info.builder, options)
        table = _table(mode, maps)
        answers = _asked(teacher, batch) if mode == "offline" else None
        loaded = LoadedTeacher(teacher, torch.nn.functional.normalize(torch.randn(16, 256), dim=1), info.name)
        works[f"{mode} teacher"] = _step(taught(table, own, loaded, answers, 1000, torch.device("cpu")), batch)
    taken = _cpu_seconds(works)
    for name, value in taken.items():
        print(f"{name:20s} {value:6.3f} CPU s a step of 4 scenes, {value / taken['without a teacher']:.2f} times")
    student, _ = _student(info.builder, options)
    _print_sizes({"DC-I-Net, teacher": teacher, "DC-I-Net, student": student}, batch.images[:1])
    _print_sizes(
        {name: zoo.create("alignps_mobilenet_v2", **_ALIGNPS, **own) for name, own in _ALIGNPS_PAIR.items()},
        batch.images[:1],
    )


def _print_sizes(networks: dict[str, nn.Module], image: list[torch.Tensor]) -> None:
    """What networks weigh, and what a scene costs them in search."""
    for network in networks.values():
        network.eval()
    searching = _cpu_seconds(
        {name: lambda network=network: _search(network, image) for name, network in networks.items()}
    )
    for name, network in networks.items():
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            network(image)
        weights = sum(value.numel() for value in working_state(network).values())
        print(
            f"{name:20s} {weights / 1e6:6.2f} M numbers, {counter.get_total_flops() / 2e9:6.2f} G multiply-adds, "
            f"{1000 * searching[name]:6.1f} CPU ms a scene"
        )


def _cpu_seconds(works: dict[str, Work]) -> dict[str, float]:
    """Medians in turn; CPU time of this process, so that what else runs on the machine counts little."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for repeat in range(_REPEATS + 1):
        for name, work in works.items():
            start = time.process_time()
            work()
            if repeat:
                taken[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in taken.items()}


def _batch(count: int) -> Batch:
    world = PeopleWorld(WorldSpec(seed=1))
    images, targets = [], []
    for number in range(count):
        picture, sample = world.render(number)[:2]
        images.append(torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 255)
        people = torch.arange(len(sample.boxes))
        targets.append(
            {
                "boxes": torch.from_numpy(sample.boxes.copy()).float(),
                "person_ids": people % 16,
                "image_id": torch.tensor(number),
                "annotations": people,
                "mirrored": torch.tensor(False),
            }
        )
    return Batch(images, targets)


def _student(builder: str, options: dict[str, Any]) -> tuple[nn.Module, SearchTask]:
    model = zoo.create(builder, **options)
    load_into(model, "dcinet-synthetic", builder=builder)
    return model.train(), SearchTask(model, {f"loss_{name}": weight for name, weight in _WEIGHTS.items()})


def _table(mode: str, maps: bool) -> DistillationTable:
    terms = parse_tables(preset("gdps"), "preset")["distillation"]
    facts = {"weights": "x", "mode": mode, "scenes": "own", "table": "means", "cache": "", "cached_maps": maps}
    whole = {"teacher": facts, "init_from_teacher": [], "warmup_steps": 0, "conflict_every": 0, **terms}
    return DistillationTable.model_validate_json(json.dumps(whole))


def _asked(teacher: nn.Module, batch: Batch) -> offline.CachedAnswers:
    pairs = enumerate(zip(batch.images, batch.targets, strict=True))
    scenes = (offline.Scene(number, image, target["boxes"]) for number, (image, target) in pairs)
    return offline.ask_about(teacher, scenes, key="benchmark", maps=True)


def _step(task: Task, batch: Batch) -> Work:
    def step() -> None:
        task.losses(batch).total.backward()  # type: ignore[no-untyped-call]
        task.update_memories()
        task.model.zero_grad()

    return step


def _search(network: nn.Module, images: list[torch.Tensor]) -> None:
    with torch.inference_mode():
        network(images)
