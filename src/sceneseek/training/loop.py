"""The training loop: backward, accumulate, clip, step, schedule; and between steps log, evaluate, save.

Each step is a function of the loop's state, so a run can be cut after any step and go on from its last checkpoint as if
nothing had happened: save, load, one more step equals two steps, bit for bit on CPU.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, optim

from sceneseek.data.loading import Batch, SceneLoader
from sceneseek.errors import CheckpointError, NonFiniteLossError, TrainingError
from sceneseek.structures import Progress, silent
from sceneseek.training.averaging import WeightAverage
from sceneseek.training.interruption import StopRequest
from sceneseek.training.processes import Processes
from sceneseek.training.random_state import capture_generators, restore_generators
from sceneseek.training.schedules import Schedule, set_learning_rates
from sceneseek.training.task import Losses, Task

Precision = Literal["off", "bf16", "fp16"]

_IMAGES_NAMED = 16


@dataclass(frozen=True)
class LoopSettings:
    """How a run goes.

    Attributes:
        steps: Optimiser steps of the whole run.
        accumulation: Batches per step.
        clip_norm: Limit of the gradient's norm; 0 for none.
        amp: Automatic mixed precision; ``"off"`` computes in float32.
        log_every: Steps between log records.
        checkpoint_every: Steps between checkpoints; one is also written after each evaluation.
        evaluate_every: Steps between evaluations; 0 for none.
    """

    steps: int
    accumulation: int = 1
    clip_norm: float = 0.0
    amp: Precision = "off"
    log_every: int = 20
    checkpoint_every: int = 500
    evaluate_every: int = 0


class Watcher(Protocol):
    """What happens between steps. Called in every process, in this order."""

    def log(self, record: dict[str, Any]) -> None:
        """A log record is due."""

    def evaluate(self, step: int) -> None:
        """An evaluation is due."""

    def save(self, step: int) -> None:
        """A checkpoint is due."""


class _Window:
    """Means of what was measured since the last log record."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        # A number need not be there at every step: terms of a distillation come and go, diagnostics are rare.
        self.counts: dict[str, int] = {}

    def add(self, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        return {name: value / self.counts[name] for name, value in self.sums.items()}

    def means_of_all(self, processes: Processes) -> dict[str, float]:
        """Means over the processes too: each saw its own images."""
        counts = torch.tensor(list(self.counts.values()), dtype=torch.float64)
        rows = torch.stack(processes.gather(self._row())) / counts
        return dict(zip(self.sums, rows.mean(dim=0).tolist(), strict=True))

    def state_dict(self, processes: Processes) -> dict[str, Any]:
        counts = list(self.counts.values())
        return {"names": list(self.sums), "sums": processes.gather(self._row()), "counts": counts}

    def load_state_dict(self, state: dict[str, Any], processes: Processes) -> None:
        self.sums = dict(zip(state["names"], state["sums"][processes.rank].tolist(), strict=True))
        counts = state["counts"] if "counts" in state else [state["count"]] * len(self.sums)
        self.counts = dict(zip(state["names"], map(int, counts), strict=True))

    def _row(self) -> Tensor:
        return torch.tensor(list(self.sums.values()), dtype=torch.float64)


class TrainingLoop:
    """Trains a task.

    Args:
        task: What is minimised.
        optimiser: Its groups carry ``base_lr``.
        schedule: The learning rate's factor for each step.
        loader: Where batches come from.
        settings: How the run goes.
        processes: This process's view of the run.
        average: A running average of the weights to keep, if any.

    Attributes:
        step: Optimiser steps made.
    """

    def __init__(
        self,
        task: Task,
        optimiser: optim.Optimizer,
        schedule: Schedule,
        loader: SceneLoader,
        *,
        settings: LoopSettings,
        processes: Processes | None = None,
        average: WeightAverage | None = None,
    ) -> None:
        self.task = task
        self.optimiser = optimiser
        self.schedule = schedule
        self.loader = loader
        self.settings = settings
        self.processes = Processes() if processes is None else processes
        self.average = average
        self.step = 0
        self._device = self.processes.device.type
        self._scaler = torch.amp.GradScaler(self._device, enabled=settings.amp == "fp16")
        self._parameters = [p for group in optimiser.param_groups for p in group["params"]]
        self._window = _Window()

    def run(self, watcher: Watcher, *, stop: StopRequest | None = None, progress: Progress = silent) -> bool:
        """Train until the last step, or until asked to stop.

        Args:
            watcher: Told when a log record, an evaluation or a checkpoint is due.
            stop: Looked at after each step.
            progress: Told about steps, with loss, images per second and the time left.

        Returns:
            Whether the last step was reached.

        Raises:
            NonFiniteLossError: If a loss term or the gradient is NaN or infinite.
        """
        settings = self.settings
        pace = _Pace(self.loader.sampler.global_batch_size * settings.accumulation)
        self.task.model.train()
        with closing(self.loader.batches(self.step * settings.accumulation)) as batches:
            while self.step < settings.steps:
                self._window.add(self._one_step(batches))
                self.step += 1
                pace.step()
                progress(self.step, settings.steps, pace.note(self._window.means(), settings.steps - self.step))
                stopping = self.processes.any(bool(stop))
                self._between_steps(watcher, pace, stopping)
                if stopping:
                    break
        return self.step >= settings.steps

    def state_dict(self) -> dict[str, Any]:
        """Everything that survives a step. Every process must call it.

        Raises:
            TrainingError: If the processes' networks are no longer equal.
        """
        self._check_agreement()
        return {
            "step": self.step,
            "model": self.task.model.state_dict(),
            "task": self.task.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "sampler": self.loader.sampler.state_dict(self.step * self.settings.accumulation),
            "random": self.processes.gather(capture_generators(self.processes.device)),
            "window": self._window.state_dict(self.processes),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken.

        Raises:
            CheckpointError: If the state belongs to another network, other data or another number of processes.
        """
        done = self.loader.sampler.resume(state["sampler"])
        try:
            self.task.model.load_state_dict(state["model"])
            # Checkpoints from before there were teachers say nothing of the task.
            self.task.load_state_dict(state.get("task", {}))
            self.optimiser.load_state_dict(state["optimiser"])
            restore_generators(state["random"][self.processes.rank], self.processes.device)
        except (RuntimeError, ValueError, KeyError, IndexError) as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise CheckpointError(
                f"The checkpoint belongs to another network or run: {' '.join(lines[:3])[:300]} "
                "Continue it with the recipe that made it."
            ) from error
        self._scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self._window.load_state_dict(state["window"], self.processes)
        self.step = done // self.settings.accumulation

    def _check_agreement(self) -> None:
        held = dict(self.task.model.state_dict())
        # What a task trains beside its network (the layers of a distillation's terms) must not part either.
        held |= {f"trained tensor {number}": value for number, value in enumerate(self._parameters)}
        sums = torch.stack([value.detach().double().sum() for value in held.values()])
        first, *others = self.processes.gather(sums)
        for rank, other in enumerate(others, start=1):
            apart = [name for name, a, b in zip(held, first, other, strict=True) if a != b]
            if apart:
                raise TrainingError(
                    f"Step {self.step}: process {rank} and process 0 no longer hold the same network: "
                    f"{', '.join(apart[:3])} differ. A network must change its memories in update_memories, from rows "
                    "gathered over all processes, and nowhere else."
                )

    def _between_steps(self, watcher: Watcher, pace: _Pace, stopping: bool) -> None:
        settings = self.settings
        last = self.step == settings.steps
        if last or self.step % settings.log_every == 0:
            means = self._window.means_of_all(self.processes)
            watcher.log({"kind": "train", "step": self.step, **means, **pace.record()})
            self._window = _Window()
        pace.pause()
        evaluation = settings.evaluate_every > 0 and (last or self.step % settings.evaluate_every == 0)
        if evaluation:
            watcher.evaluate(self.step)
            self.task.model.train()
        if last or stopping or evaluation or self.step % settings.checkpoint_every == 0:
            watcher.save(self.step)
        pace.go_on()

    def _one_step(self, batches: Generator[Batch, None, None]) -> dict[str, float]:
        settings = self.settings
        self.optimiser.zero_grad(set_to_none=True)
        set_learning_rates(self.optimiser, self.schedule, self.step)
        values: dict[str, float] = {}
        for _ in range(settings.accumulation):
            batch = next(batches)
            losses = self._forward(batch)
            for name, value in self._checked(losses, batch).items():
                values[name] = values.get(name, 0.0) + value / settings.accumulation
            self._scaler.scale(losses.total / settings.accumulation).backward()  # type: ignore[no-untyped-call]
        self.processes.average_gradients(self._parameters)
        self._scaler.unscale_(self.optimiser)
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters, settings.clip_norm or math.inf))
        if not math.isfinite(norm):
            self._refuse_gradient(batch)
            norm = 0.0  # float16 overflowed: the scaler skips this step and lowers its scale
        self._scaler.step(self.optimiser)
        self._scaler.update()
        self.task.update_memories()
        self.processes.average_norms(self.task.model)
        if self.average is not None:
            self.average.update(self.task.model)
        return {**values, "lr": max(g["lr"] for g in self.optimiser.param_groups), "gradient_norm": norm}

    def _forward(self, batch: Batch) -> Losses:
        amp = self.settings.amp
        dtype = torch.bfloat16 if amp == "bf16" else torch.float16
        with torch.autocast(self._device, dtype=dtype, enabled=amp != "off"):
            return self.task.losses(batch)

    def _checked(self, losses: Losses, batch: Batch) -> dict[str, float]:
        """The losses as numbers, fetched from the device at once; refuses what is not finite."""
        scalars: dict[str, Tensor] = {"loss": losses.total}
        scalars |= {f"raw/{name}": value for name, value in losses.raw.items()}
        scalars |= {f"weighted/{name}": value for name, value in losses.weighted.items()}
        scalars |= losses.notes
        numbers = torch.stack([value.detach().float() for value in scalars.values()]).tolist()
        values = dict(zip(scalars, numbers, strict=True))
        bad = [name.removeprefix("raw/") for name in values if name[:4] == "raw/" and not math.isfinite(values[name])]
        if not bad and not math.isfinite(values["loss"]):
            bad = ["the weighted sum"]
        if self.processes.any(bool(bad)):
            if not bad:
                raise NonFiniteLossError(f"Step {self.step + 1}: a loss became NaN or infinite in another process.")
            terms = ", ".join(f"{name} = {values.get('raw/' + name, values['loss'])}" for name in bad)
            raise NonFiniteLossError(
                f"Step {self.step + 1}: {terms} for the images {_named(batch.image_ids)}. Lower the learning rate, "
                "lengthen the warm-up, clip the gradient, or look at these images' annotations; the last checkpoint is "
                "from before this step."
            )
        return values

    def _refuse_gradient(self, batch: Batch) -> None:
        if self._scaler.is_enabled():
            return
        raise NonFiniteLossError(
            f"Step {self.step + 1}: the gradient became NaN or infinite though every loss was finite; the last images "
            f'were {_named(batch.image_ids)}. Lower the learning rate, or train with amp = "off" to see whether '
            "precision is the cause; the last checkpoint is from before this step."
        )


def _named(image_ids: list[int]) -> str:
    shown = ", ".join(str(image_id) for image_id in image_ids[:_IMAGES_NAMED])
    return shown + (f" and {len(image_ids) - _IMAGES_NAMED} more" if len(image_ids) > _IMAGES_NAMED else "")


class _Pace:
    """How fast the run goes, without the time spent on evaluations and checkpoints."""

    def __init__(self, images_per_step: int) -> None:
        self._images_per_step = images_per_step
        self._began = self._window_began = time.perf_counter()
        self._steps = self._window_steps = 0
        self._paused_at = 0.0

    def step(self) -> None:
        self._steps += 1
        self._window_steps += 1

    def pause(self) -> None:
        self._paused_at = time.perf_counter()

    def go_on(self) -> None:
        away = time.perf_counter() - self._paused_at
        self._began += away
        self._window_began += away

    def record(self) -> dict[str, float]:
        """Images per second since the last record."""
        seconds = time.perf_counter() - self._window_began
        speed = self._window_steps * self._images_per_step / max(seconds, 1e-9)
        self._window_began, self._window_steps = time.perf_counter(), 0
        return {"images_per_second": round(speed, 3)}

    def note(self, means: dict[str, float], steps_left: int) -> str:
        seconds = max(time.perf_counter() - self._began, 1e-9)
        left = round(seconds / self._steps * steps_left)
        speed = self._steps * self._images_per_step / seconds
        clock = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
        return f"loss {means['loss']:.3f}  {speed:.1f} images/s  {clock} left"
