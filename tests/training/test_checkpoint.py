from __future__ import annotations

import os
import pickle

import pytest
import torch

from sceneseek.errors import CheckpointError
from sceneseek.training import checkpoint as cp


def state_of(step: int) -> dict:
    return {"step": step, "model": {"w": torch.full((1000,), float(step))}, "names": {7: 0}, "none": None}


def test_what_is_written_is_read(tmp_path):
    cp.write_checkpoint(state_of(3), tmp_path / "a" / "last.pt")
    state = cp.read_checkpoint(tmp_path / "a" / "last.pt")
    assert state["step"] == 3
    assert state["names"] == {7: 0}
    assert state["none"] is None
    assert torch.equal(state["model"]["w"], torch.full((1000,), 3.0))


@pytest.mark.parametrize("place", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_flipped_byte_is_noticed(tmp_path, place):
    path = tmp_path / "last.pt"
    cp.write_checkpoint(state_of(3), path)
    data = bytearray(path.read_bytes())
    start = data.index(torch.full((1000,), 3.0).numpy().tobytes())
    data[start + int(4000 * place)] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        cp.read_checkpoint(path)


@pytest.mark.parametrize("keep", [0, 1, 100, 2000, -1])
def test_a_cut_file_is_refused(tmp_path, keep):
    path = tmp_path / "last.pt"
    cp.write_checkpoint(state_of(3), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="damaged or is no checkpoint"):
        cp.read_checkpoint(path)


class Malice:
    def __reduce__(self):
        return os.system, ("touch hacked",)


def test_a_pickle_runs_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Malice()))
    torch.save({"format": cp.FORMAT, "format_version": 1, "model": Malice()}, tmp_path / "torch.pt")
    for name in ("plain.pt", "torch.pt"):
        with pytest.raises(CheckpointError, match="no checkpoint"):
            cp.read_checkpoint(tmp_path / name)
    assert not (tmp_path / "hacked").exists()


def test_other_tensors_and_other_versions_are_refused(tmp_path):
    torch.save({"w": torch.zeros(2)}, tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match=r"not a training checkpoint.*model\.init"):
        cp.read_checkpoint(tmp_path / "weights.pt")
    torch.save({"format": cp.FORMAT, "format_version": 99}, tmp_path / "future.pt")
    with pytest.raises(CheckpointError, match="version 99; this program reads 1"):
        cp.read_checkpoint(tmp_path / "future.pt")
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        cp.read_checkpoint(tmp_path / "missing.pt")


def test_last_and_best_are_kept(tmp_path):
    folder = cp.CheckpointFolder(tmp_path / "checkpoints")
    folder.save(state_of(1))
    assert not folder.best.exists()
    folder.save(state_of(2), best=True)
    folder.save(state_of(3))
    assert cp.read_checkpoint(folder.best)["step"] == 2
    assert cp.read_checkpoint(folder.last)["step"] == 3


def test_best_is_copied_where_links_are_impossible(tmp_path, monkeypatch):
    def no_links(*_args: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", no_links)
    folder = cp.CheckpointFolder(tmp_path)
    folder.save(state_of(2), best=True)
    assert cp.read_checkpoint(folder.last)["step"] == 2


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    folder = cp.CheckpointFolder(tmp_path)
    folder.save(state_of(1))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        folder.save(state_of(2))
    assert cp.read_checkpoint(folder.last)["step"] == 1
    folder.remove_partial()
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_differences_are_named():
    before = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert cp.differences(before, before) == []
    assert cp.differences(before, {"a": {"b": 2, "c": [1, 2]}, "e": 1}) == [
        "a.b: 1 -> 2",
        "d: 1 -> 'absent'",
        "e: 'absent' -> 1",
    ]
