"""One training run in a folder: start it, continue it, and leave weights, logs and a curve behind.

::

    OUT/
    ├── recipe.toml           the recipe, as given
    ├── identities.json       person id of the data set -> row of the identity table
    ├── teacher.json          of a distillation: the teacher's fingerprint, and what the student took over from it
    ├── log.jsonl             one record per line
    ├── tensorboard/          the same for TensorBoard
    ├── curve.png             losses, evaluation and learning rate over the steps
    ├── checkpoints/last.pt   everything needed to go on; best.pt beside it
    └── model.safetensors     the result
"""

from __future__ import annotations

import copy
import hashlib
import json
import platform
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sceneseek.data.loading import SceneDataset, SceneLoader, identity_mapping
from sceneseek.data.problems import OnProblem, refuse
from sceneseek.errors import CheckpointError, RecipeError, suggest
from sceneseek.structures import Progress, SceneSet, silent
from sceneseek.training.averaging import WeightAverage
from sceneseek.training.checkpoint import CheckpointFolder, State, differences, read_checkpoint
from sceneseek.training.curves import draw_curve
from sceneseek.training.distilling import DistillingTask
from sceneseek.training.interruption import StopRequest
from sceneseek.training.logs import TrainingLog
from sceneseek.training.loop import TrainingLoop
from sceneseek.training.processes import Processes
from sceneseek.training.random_state import start_generators
from sceneseek.training.recipe import Recipe, building, teaching
from sceneseek.training.task import SearchTask, Task
from sceneseek.training.validation import Evaluate, Metrics, search_evaluation

FREE_KEYS = (
    "training.workers",
    "training.prefetch",
    "training.checkpoint_every",
    "evaluation.batch_size",
    "distillation.teacher.cache",
)
"""Keys that may change when a run is continued: they decide how fast it is, not what comes out."""


@dataclass(frozen=True)
class TrainingSummary:
    """What a run came to.

    Attributes:
        folder: Its folder.
        step: The last step made.
        steps: The steps the recipe asks for.
        weights: The exported weights; ``None`` while the run is not finished.
        metrics: The last evaluation.
        best_step: The step of the best evaluation.
        best: Its value of the recipe's ``evaluation.best``.
    """

    folder: Path
    step: int
    steps: int
    weights: Path | None
    metrics: Metrics = field(default_factory=dict)
    best_step: int | None = None
    best: float | None = None

    @property
    def finished(self) -> bool:
        """Whether the last step was made."""
        return self.step >= self.steps


def train(
    recipe: Recipe,
    folder: Path,
    *,
    recipe_text: str = "",
    data_root: Path | None = None,
    resume: bool = False,
    processes: Processes | None = None,
    stop: StopRequest | None = None,
    on_problem: OnProblem = refuse,
    progress: Progress = silent,
) -> TrainingSummary:
    """Train what ``recipe`` describes.

    Args:
        recipe: The run.
        folder: Where everything is written.
        recipe_text: The recipe as its author wrote it, kept beside the results.
        data_root: Relative data paths are looked for below it; the current folder when not given.
        resume: Go on from the folder's last checkpoint; begin where there is none yet.
        processes: This process's view of a run over several.
        stop: Looked at after each step; asked to stop, the run saves and leaves.
        on_problem: Told of what is wrong or odd with the data; the default raises at the first error.
        progress: Told about steps.

    Returns:
        What the run came to.

    Raises:
        RecipeError: If the recipe does not fit the data, the model or its losses.
        CheckpointError: If the folder holds another run, or one that nobody asked to continue.
        NonFiniteLossError: If training went out of hand.
    """
    run = TrainingRun(recipe, folder, data_root or Path(), processes or Processes(), recipe_text, on_problem)
    run.begin(resume)
    try:
        run.loop.run(run, stop=stop, progress=progress)
        return run.finish()
    finally:
        run.close()


class TrainingRun:
    """The parts of a run, put together, and what happens between its steps (``loop.Watcher``).

    Args:
        recipe: The run.
        folder: Where everything is written.
        data_root: Relative data paths are looked for below it.
        processes: This process's view.
        recipe_text: The recipe as its author wrote it.
        on_problem: Told of what is wrong or odd with the data.

    Attributes:
        loop: The training loop.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        data_root: Path,
        processes: Processes,
        recipe_text: str = "",
        on_problem: OnProblem = refuse,
    ) -> None:
        self.recipe = recipe
        self.folder = folder
        self.processes = processes
        self._recipe_text = recipe_text
        self._on_problem = on_problem
        self._checkpoints = CheckpointFolder(folder / "checkpoints")
        self._log: TrainingLog | None = None
        self._metrics: Metrics = {}
        self._best: tuple[float, int] | None = None
        self._is_best = False
        self._taught_by: dict[str, Any] | None = None
        start_generators(recipe.training.seed)
        scenes = building.read_scenes(recipe.data, data_root, on_problem)
        self._scenes_name = scenes.name
        self.identities = identity_mapping(scenes)
        self._evaluate = self._build_evaluation(data_root)
        model = building.build_model(recipe.model, len(self.identities), data_root).to(processes.device)
        sampler = building.build_sampler(recipe, scenes, processes)
        steps = building.count_steps(recipe, sampler)
        task = self._build_task(model, scenes, data_root, steps)
        processes.share_module(model)
        dataset = SceneDataset(
            scenes,
            self.identities,
            augmentation=building.build_augmentation(recipe.augmentation),
            seed=recipe.training.seed,
        )
        loader = SceneLoader(
            dataset,
            sampler,
            workers=recipe.training.workers,
            prefetch=recipe.training.prefetch,
            device=processes.device,
        )
        decay = recipe.training.ema_decay
        self.loop = TrainingLoop(
            task,
            building.build_optimiser(recipe.optimiser, model, task.terms if isinstance(task, DistillingTask) else None),
            building.build_schedule(recipe, steps),
            loader,
            settings=building.build_settings(recipe, steps),
            processes=processes,
            average=WeightAverage(model, decay) if decay else None,
        )
        # From here on each process draws its own numbers (which regions are sampled, say).
        start_generators(recipe.training.seed, processes.rank + 1)

    def begin(self, resume: bool) -> None:
        """Load the last checkpoint, or make sure that there is none.

        Raises:
            CheckpointError: If the folder holds a run and ``resume`` is false, or the run is another one.
        """
        if self._checkpoints.last.exists():
            if not resume:
                raise CheckpointError(
                    f"{self.folder} already holds a run. Give --resume to continue it, or another --out for a new one."
                )
            self._load(read_checkpoint(self._checkpoints.last))
        self.processes.wait()
        if self.processes.is_first:
            self._checkpoints.remove_partial()
            self._log = TrainingLog(self.folder, self.loop.step)
            _write_text(self.folder / "recipe.toml", self._recipe_text)
            _write_text(self.folder / "identities.json", json.dumps(self.identities))
            if self._taught_by is not None:
                _write_text(self.folder / "teacher.json", json.dumps(self._taught_by, indent=1))

    def log(self, record: dict[str, Any]) -> None:
        """Write a log record."""
        if self._log is not None:
            self._log.write(record)

    def evaluate(self, step: int) -> None:
        """Measure the network; the other processes wait."""
        if self._log is not None and self._evaluate is not None:
            self._metrics = self._evaluate(self._result(), step)
            value = self._best_value()
            self._is_best = self._best is None or value > self._best[0]
            if self._is_best:
                self._best = (value, step)
            self._log.write({"kind": "evaluation", "step": step, **self._metrics})
            draw_curve(self._log.path, self.folder / "curve.png")
        self.processes.wait()

    def save(self, step: int) -> None:
        """Write a checkpoint."""
        state = self.loop.state_dict()
        if self.processes.is_first:
            self._checkpoints.save({**state, **self._about()}, best=self._is_best)
            self._is_best = False
        self.processes.wait()

    def finish(self) -> TrainingSummary:
        """Draw the curve and, after the last step, export the weights."""
        steps = self.loop.settings.steps
        weights = None
        if self._log is not None:
            draw_curve(self._log.path, self.folder / "curve.png")
            if self.loop.step >= steps:
                weights = self._export()
        self.processes.wait()
        value, step = self._best if self._best is not None else (None, None)
        return TrainingSummary(self.folder, self.loop.step, steps, weights, self._metrics, step, value)

    def _build_task(self, model: nn.Module, scenes: SceneSet, data_root: Path, steps: int) -> Task:
        """The network's own losses, and a teacher beside them where the recipe has terms that weigh something."""
        task = SearchTask(model, self.recipe.loss_weights)
        table = self.recipe.distillation
        if table is None or not table.terms:
            return task
        data = teaching.TrainingSet(scenes, self.identities, data_root, self.processes.device)
        # One asks the teacher and fills the cache, the others read it.
        for turn in (True, False):
            if self.processes.is_first == turn:
                distilling, taken = teaching.build_distillation(table, task, self.recipe.augmentation, data, steps)
            self.processes.wait()
        self.processes.share_module(distilling.terms)
        self._taught_by = {"fingerprint": distilling.teacher.fingerprint, "copied": taken.copied, "left": taken.left}
        return distilling

    def _build_evaluation(self, data_root: Path) -> Evaluate | None:
        table = self.recipe.evaluation
        if table is None or not self.processes.is_first:
            return None
        return search_evaluation(
            building.read_scenes(table, data_root, self._on_problem),
            device=self.processes.device,
            batch_size=table.batch_size,
        )

    def _result(self) -> nn.Module:
        """A copy of the network with the averaged weights, where an average is kept."""
        model = copy.deepcopy(self.loop.task.model)
        if self.loop.average is not None:
            self.loop.average.copy_to(model)
        return model

    def _best_value(self) -> float:
        assert self.recipe.evaluation is not None
        name = self.recipe.evaluation.best
        if name not in self._metrics:
            raise RecipeError(f"evaluation.best = {name!r} is not measured.{suggest(name, list(self._metrics))}")
        return self._metrics[name]

    def _about(self) -> State:
        """What a checkpoint says beside the loop's state."""
        return {
            "recipe": self.recipe.model_dump(mode="json"),
            "recipe_text": self._recipe_text,
            "identities": dict(self.identities),
            "best": None if self._best is None else list(self._best),
            "metrics": dict(self._metrics),
            "versions": {"python": platform.python_version(), **_versions()},
        }

    def _load(self, state: State) -> None:
        # Checkpoints from before there were teachers have recipes without the table.
        before = {"distillation": None, **state["recipe"]}
        changed = differences(before, self.recipe.model_dump(mode="json"))
        changed = [line for line in changed if line.split(":")[0] not in FREE_KEYS]
        if changed:
            raise CheckpointError(
                f"{self.folder} holds a run of another recipe ({'; '.join(changed[:5])}). "
                "Continue it with the recipe that made it, or choose another --out."
            )
        if state["identities"] != self.identities:
            raise CheckpointError(
                f"{self.folder} holds a run with {len(state['identities'])} identities, the data set "
                f"{self._scenes_name} has {len(self.identities)}, or others. Continue it with the data that made "
                "it, or choose another --out."
            )
        self.loop.load_state_dict(state)
        self._metrics = state["metrics"]
        self._best = None if state["best"] is None else (float(state["best"][0]), int(state["best"][1]))

    def _export(self) -> Path:
        from sceneseek.models.weights import save_model

        model = self._result()
        step = self.loop.step
        if self.recipe.export.weights == "best":
            state = read_checkpoint(self._checkpoints.best)
            model.load_state_dict(state["model"])
            if self.loop.average is not None:
                self.loop.average.load_state_dict(state["average"])
                self.loop.average.copy_to(model)
            step = int(state["step"])
        path = self.folder / "model.safetensors"
        table = self.recipe.model
        save_model(
            model.eval(),
            path,
            builder=table.name,
            options=dict(table.options),
            info={
                "training data": self._scenes_name,
                "training step": str(step),
                "recipe sha256": hashlib.sha256(self._recipe_text.encode()).hexdigest(),
                **({} if self._taught_by is None else {"teacher": str(self._taught_by["fingerprint"])}),
                **{f"{name} version": version for name, version in _versions().items()},
            },
            dtype=getattr(torch, self.recipe.export.dtype),
        )
        return path

    def close(self) -> None:
        """Close the logs."""
        if self._log is not None:
            self._log.close()


def _versions() -> dict[str, str]:
    found = {"numpy": np.__version__, "torch": str(torch.__version__)}
    for name in ("sceneseek", "torchvision"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a source folder
            found[name] = "unknown"
    return found


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
