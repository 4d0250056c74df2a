"""A run killed at any moment and continued ends bit for bit like one that was never killed; two processes like one."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sceneseek.training.checkpoint import read_checkpoint
from training.forked_runs import Job, launch
from training.tiny_search_net import draw_data

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.processes]

KILLED = -9
HERE = Path(__file__).parent


def recipe_text(**changes: str) -> str:
    text = (HERE / "tiny.toml").read_text()
    for key, value in changes.items():
        lines = [f"{key} = {value}" if line.startswith(f"{key} = ") else line for line in text.splitlines()]
        text = "\n".join(lines) + "\n"
    return text


def dcinet_text() -> str:
    """The shipped network, small: its memories, samplers and statistics must survive too."""
    text = recipe_text(steps="3", batch_size="2", log_every="1", checkpoint_every="1", lr="0.002")
    text = text.replace('"tiny_search_net"', '"dcinet_mobilenet_v2"')
    text = text.replace(
        "dim = 8\nnorm = true\ndropout = 0.2", "embedding_dim = 16\nmin_size = 96\nreid_dropout = 0.1\nreid_regions = 4"
    )
    names = ("rpn_cls", "rpn_reg", "det_cls", "det_reg", "olp", "c2hep")
    weights = "\n".join(f"loss_{name} = 1.0" for name in names)
    return text.replace("loss_found = 1.0\nloss_identity = 0.5", weights)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Every run of this module, made by one interpreter."""
    folder = tmp_path_factory.mktemp("runs")
    draw_data(folder / "train")
    exact = folder / "exact.toml"
    exact.write_text(recipe_text())
    # Means over images, no batch statistics, no dropout, no half-batches: what two processes can share exactly.
    shared = {"norm": "false", "dropout": "0.0", "steps": "6"}
    (folder / "two.toml").write_text(recipe_text(**shared, batch_size="4"))
    (folder / "one.toml").write_text(recipe_text(**shared, batch_size="8"))
    (folder / "norm.toml").write_text(recipe_text(steps="6"))
    (folder / "dcinet.toml").write_text(dcinet_text())

    def job(name: str, recipe: str = "exact", **options: object) -> Job:
        return Job(str(folder / name), str(folder / f"{recipe}.toml"), str(folder), **options)

    victim, writing = job("victim", resume=True), job("writing", resume=True)
    jobs = {
        "whole": job("whole"),
        **{f"victim {step}": replace(victim, kill_at_step=step) for step in (4, 16)},
        "victim": victim,
        **{f"writing {n}": replace(writing, die_at_sync=n) for n in (2, 4)},
        "writing": writing,
        "asked": job("asked", stop_at_step=8),
        "asked again": job("asked", resume=True),
        "two": job("two", "two", ranks=2),
        "one": job("one", "one"),
        "two norm": job("two-norm", "norm", ranks=2),
        "two asked": job("two-asked", "norm", ranks=2, stop_at_step=4),
        "two asked again": job("two-asked", "norm", ranks=2, resume=True),
        "dcinet": job("dcinet", "dcinet"),
        "dcinet killed": job("dcinet-killed", "dcinet", kill_at_step=2),
        "dcinet again": job("dcinet-killed", "dcinet", resume=True),
        "dcinet two": job("dcinet-two", "dcinet", ranks=2),
    }
    statuses = dict(zip(jobs, launch(list(jobs.values()), folder), strict=True))
    return {"folder": folder, "statuses": statuses}


def log_of(folder: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "images_per_second"} for line in lines]


def assert_same(a: object, b: object, where: str = "state") -> None:
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}[{i}]")
    else:
        assert a == b, where


def assert_same_run(a: Path, b: Path) -> None:
    assert_same(read_checkpoint(a / "checkpoints" / "last.pt"), read_checkpoint(b / "checkpoints" / "last.pt"))
    assert (a / "model.safetensors").read_bytes() == (b / "model.safetensors").read_bytes()
    assert log_of(a) == log_of(b)
    steps = [line["step"] for line in log_of(b)]
    assert steps == sorted(set(steps))


def test_a_killed_run_ends_like_one_that_was_never_killed(runs):
    statuses = runs["statuses"]
    assert statuses["whole"] == [0]
    assert [statuses[f"victim {step}"] for step in (4, 16)] == [[KILLED]] * 2
    assert statuses["victim"] == [0]
    assert_same_run(runs["folder"] / "whole", runs["folder"] / "victim")


def test_a_run_killed_while_it_writes_ends_likewise(runs):
    statuses = runs["statuses"]
    assert [statuses[f"writing {n}"] for n in (2, 4)] == [[KILLED]] * 2
    assert statuses["writing"] == [0]
    assert_same_run(runs["folder"] / "whole", runs["folder"] / "writing")
    assert not list((runs["folder"] / "writing" / "checkpoints").glob("*.partial"))


def test_a_run_asked_to_stop_saves_its_step_and_goes_on(runs):
    assert runs["statuses"]["asked"] == [0]
    assert runs["statuses"]["asked again"] == [0]
    assert_same_run(runs["folder"] / "whole", runs["folder"] / "asked")


def test_two_processes_equal_one_with_the_same_global_batch(runs):
    folder = runs["folder"]
    assert runs["statuses"]["two"] == [0, 0]
    two = read_checkpoint(folder / "two" / "checkpoints" / "last.pt")
    one = read_checkpoint(folder / "one" / "checkpoints" / "last.pt")
    for name, value in one["model"].items():
        torch.testing.assert_close(two["model"][name], value, rtol=1e-4, atol=1e-5, msg=name)
    assert two["model"]["memory.centres"].abs().sum() > 0
    for a, b in zip(log_of(folder / "two"), log_of(folder / "one"), strict=True):
        assert a.pop("kind") == b.pop("kind")
        assert a == pytest.approx(b, rel=1e-3)


def test_two_processes_with_batch_statistics_and_dropout_stop_and_go_on(runs):
    folder = runs["folder"]
    assert runs["statuses"]["two norm"] == [0, 0]
    assert runs["statuses"]["two asked"] == [0, 0]
    assert runs["statuses"]["two asked again"] == [0, 0]
    assert_same_run(folder / "two-norm", folder / "two-asked")
    state = read_checkpoint(folder / "two-norm" / "checkpoints" / "last.pt")
    assert len(state["random"]) == 2
    assert not torch.equal(state["random"][0], state["random"][1])


def test_dc_i_net_survives_too_and_stays_equal_in_two_processes(runs):
    statuses = runs["statuses"]
    assert statuses["dcinet"] == [0]
    assert statuses["dcinet killed"] == [KILLED]
    assert statuses["dcinet again"] == [0]
    assert_same_run(runs["folder"] / "dcinet", runs["folder"] / "dcinet-killed")
    assert statuses["dcinet two"] == [0, 0]  # a checkpoint is refused where the processes' networks differ


def test_the_comparison_sees_one_flipped_bit(runs, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(runs["folder"] / "whole", copy)
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    with pytest.raises(AssertionError):
        assert_same_run(runs["folder"] / "whole", copy)
