"""Evaluation during training, through the same predictor, extraction and protocol as any other."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn

from sceneseek.structures import Progress, SceneSet, silent
from sceneseek.structures.report import SearchReport

Metrics = dict[str, float]
Evaluate = Callable[[nn.Module, int], Metrics]
"""Takes a network (which it may change) and the step, and returns named numbers."""


def search_evaluation(
    scenes: SceneSet, *, device: torch.device, batch_size: int, progress: Progress = silent
) -> Evaluate:
    """An evaluation of person search on ``scenes``.

    Args:
        scenes: Scenes with queries.
        device: Where to compute.
        batch_size: Images per forward pass.
        progress: Told about images.

    Returns:
        The function to call with a network and a step.
    """

    def evaluate_network(model: nn.Module, step: int) -> Metrics:
        from sceneseek.evaluation import evaluate
        from sceneseek.inference.extract import extract
        from sceneseek.inference.predictor import Predictor

        began = time.perf_counter()
        model.eval()
        predictor = Predictor(
            model,
            name=f"step-{step}",
            fingerprint=f"training-step-{step}",
            device=str(device),
            batch_size=batch_size,
        )
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            extraction = extract(predictor, scenes, progress=progress)
        report = evaluate(extraction, scenes)
        return {**headline(report), "seconds": round(time.perf_counter() - began, 2)}

    return evaluate_network


def headline(report: SearchReport) -> Metrics:
    """The numbers of a search report that a training curve shows, all shares; those that do not exist are left out."""
    table = report.headline()
    detection = table.pop("detection") or {}
    numbers = {name: value["value"] if isinstance(value, dict) else value for name, value in table.items()}
    numbers |= {f"detection_{name}": detection.get(name) for name in ("recall", "AP", "AP50")}
    return {name: float(value) for name, value in numbers.items() if value is not None}
