from __future__ import annotations

import json

import cv2
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sceneseek.training.curves import draw_curve
from sceneseek.training.logs import TrainingLog, read_log


def record(step: int, kind: str = "train") -> dict:
    if kind == "evaluation":
        return {"kind": kind, "step": step, "mAP": 0.1 * step, "top-1": 0.5, "seconds": 3.0}
    return {"kind": kind, "step": step, "loss": 1.0 / step, "weighted/loss_a": 0.5 / step, "lr": 0.1, "raw/loss_a": 1.0}


def test_a_continued_log_drops_what_came_after_the_checkpoint(tmp_path):
    log = TrainingLog(tmp_path)
    for step in (1, 2, 3, 4):
        log.write(record(step))
    log.close()
    with log.path.open("a") as file:
        file.write('{"kind": "train", "st')  # killed while it wrote
    log = TrainingLog(tmp_path, last_step=2)
    log.write(record(3))
    log.close()
    assert [row["step"] for row in read_log(log.path)] == [1, 2, 3]
    assert all(json.loads(line) for line in log.path.read_text().splitlines())


def test_a_new_log_is_empty(tmp_path):
    log = TrainingLog(tmp_path)
    log.write(record(7))
    log.close()
    TrainingLog(tmp_path).close()
    assert read_log(log.path) == []
    assert read_log(tmp_path / "missing.jsonl") == []


def test_tensorboard_shows_each_step_once(tmp_path):
    log = TrainingLog(tmp_path)
    for step in (1, 2, 3):
        log.write(record(step))
    log.close()
    log = TrainingLog(tmp_path, last_step=2)
    for step in (3, 4):
        log.write(record(step))
    log.write(record(4, "evaluation"))
    log.close()
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert set(board.Tags()["scalars"]) >= {"train/loss", "weighted/loss_a", "raw/loss_a", "train/lr", "evaluation/mAP"}
    assert [event.step for event in board.Scalars("train/loss")] == [1, 2, 3, 4]


def test_the_curve_is_a_picture(tmp_path):
    log = TrainingLog(tmp_path)
    assert not draw_curve(log.path, tmp_path / "curve.png")
    for step in range(1, 6):
        log.write(record(step))
    assert draw_curve(log.path, tmp_path / "curve.png")
    small = cv2.imread(str(tmp_path / "curve.png")).shape
    log.write(record(3, "evaluation"))
    log.write(record(5, "evaluation"))
    log.close()
    assert draw_curve(log.path, tmp_path / "curve.png")
    assert cv2.imread(str(tmp_path / "curve.png")).shape[0] > small[0]
    assert not list(tmp_path.glob("*.partial"))
