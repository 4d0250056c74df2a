"""One run of a study: train, look at the test scenes, score. Whatever is finished is not done again."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from sceneseek import text_files
from sceneseek.errors import DataError
from sceneseek.structures import Progress, SearchReport, silent
from sceneseek.studies.definition import ScoringTable
from sceneseek.studies.plan import WEIGHTS, Run
from sceneseek.training.interruption import StopRequest
from sceneseek.training.logs import read_log
from sceneseek.training.processes import Processes

SCORES = "scores.json"
_SCORE_FLOOR = 0.01
"""Average precision of detection looks at unsure detections too, whatever the protocol then ranks."""


@dataclass(frozen=True)
class Place:
    """Where a study works.

    Attributes:
        out: Its folder.
        data: The data folder.
        scoring: What its runs are scored on.
        device: Where they compute: ``"cpu"``, ``"cuda"``, ``"auto"``.
    """

    out: Path
    data: Path
    scoring: ScoringTable
    device: str = "cpu"


@dataclass(frozen=True)
class Scores:
    """What one run came to.

    Attributes:
        row: Its row.
        seed: Its seed.
        values: Scores by the field's names, fractions: ``mAP``, ``top-1``, ``top-5``, ``top-10``, ``AP50``, ``recall``.
        parameters: Numbers that the network at work holds.
        steps: Optimiser steps.
        training_seconds: Time of the steps alone, without evaluations and checkpoints.
        extraction_seconds: Time to search the test scenes.
        recipe_sha256: Hash of ``recipe.toml`` without its comment.
        weights_sha256: Hash of ``model.safetensors``.
        machine: Where it was trained and scored.
        device: On which device.
        versions: Of the libraries that compute.
    """

    row: str
    seed: int
    values: dict[str, float]
    parameters: int
    steps: int
    training_seconds: float
    extraction_seconds: float
    recipe_sha256: str
    weights_sha256: str
    machine: str
    device: str
    versions: dict[str, str] = field(default_factory=dict)


def read_scores(folder: Path, run: Run) -> Scores | None:
    """What a finished run came to; ``None`` when it is not finished.

    Raises:
        DataError: The scores are of another recipe, or damaged.
    """
    path = folder / SCORES
    if not path.is_file():
        return None
    try:
        scores = Scores(**text_files.read_json(path))
    except (ValueError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}). Remove it: the run is scored again.") from error
    if scores.recipe_sha256 != run.digest:
        raise DataError(f"{path} was made by another recipe. Choose another --out, or remove {folder}.")
    return scores


def work(run: Run, place: Place, *, stop: StopRequest | None = None, progress: Progress = silent) -> Scores | None:
    """Train a run, from where it stopped, and score it.

    It computes in one thread, so that it comes to the same numbers whatever runs beside it.

    Args:
        run: Which one.
        place: Where.
        stop: Looked at after each step; asked to stop, the run saves and leaves.
        progress: Told about steps.

    Returns:
        The scores; ``None`` when it was stopped before the end.
    """
    from sceneseek.training.run import train

    folder = place.out / run.folder
    done = read_scores(folder, run)
    if done is not None:
        return done
    device = place.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    with one_thread():
        summary = train(
            run.recipe,
            folder,
            recipe_text=run.text,
            data_root=place.data,
            resume=True,
            processes=Processes(device=torch.device(device)),
            stop=stop,
            progress=progress,
        )
        if not summary.finished:
            return None
        scores = _score(run, place, folder, device, summary.steps)
    write_whole(folder / SCORES, json.dumps(asdict(scores), indent=1))
    return scores


def write_whole(path: Path, text: str) -> None:
    """Write a text file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread."""
    import cv2

    before, before_cv2 = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        cv2.setNumThreads(before_cv2)


def _score(run: Run, place: Place, folder: Path, device: str, steps: int) -> Scores:
    from sceneseek.data.layouts import read_scenes
    from sceneseek.evaluation import evaluate
    from sceneseek.evaluation.protocols import named_protocol, varied
    from sceneseek.inference.extract import extract, machine
    from sceneseek.inference.predictor import load_predictor
    from sceneseek.models.weights import working_state

    scoring = place.scoring
    path = place.data / scoring.data
    if not path.exists():
        raise DataError(f"evaluation.data = {scoring.data!r}: there is nothing at {path}.")
    scenes = read_scenes(path, "test", scoring.layout)
    predictor = load_predictor(
        str(folder / WEIGHTS), device=device, batch_size=scoring.batch_size, score_threshold=_SCORE_FLOOR
    )
    seen = extract(predictor, scenes, batch_size=scoring.batch_size, path=folder / "extraction.npz")
    protocol = named_protocol(scoring.protocol)
    if scoring.det_threshold is not None:
        protocol = varied(protocol, det_threshold=scoring.det_threshold)
    report = evaluate(seen, scenes, protocol, curve=False, num_failures=0, bootstrap_samples=0)
    with (folder / WEIGHTS).open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Scores(
        row=run.row,
        seed=run.seed,
        values=_values(report),
        parameters=sum(value.numel() for value in working_state(predictor.model).values()),
        steps=steps,
        training_seconds=round(training_seconds(folder / "log.jsonl", run), 3),
        extraction_seconds=round(seen.provenance.seconds, 3),
        recipe_sha256=run.digest,
        weights_sha256=digest,
        machine=machine(),
        device=device,
        versions={"python": platform.python_version(), "torch": str(torch.__version__)},
    )


def _values(report: SearchReport) -> dict[str, float]:
    table = report.headline()
    detection = table.pop("detection") or {}
    numbers = {name: value["value"] for name, value in table.items() if isinstance(value, dict)}
    numbers |= {name: detection.get(name) for name in ("AP50", "recall")}
    return {name: float(value) for name, value in numbers.items() if value is not None}


def training_seconds(log: Path, run: Run) -> float:
    """Time of a run's steps as its log tells it: interruptions, evaluations and checkpoints do not count."""
    images, before, seconds = run.recipe.training.batch_size * run.recipe.training.accumulation, 0, 0.0
    for record in read_log(log):
        if record["kind"] == "train":
            seconds += (record["step"] - before) * images / max(record["images_per_second"], 1e-9)
            before = record["step"]
    return seconds
