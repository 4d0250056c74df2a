"""Tensors are read, programs are not run, and each refusal says why."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sceneseek.errors import WeightsError
from sceneseek.models.tensor_files import read_tensors

ROWS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2, dtype=torch.float16)}


class Trap:
    """Unpickled, it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return (os.mkdir, (str(self.folder),))


def same(path: Path) -> bool:
    tensors = read_tensors(path).tensors
    return list(tensors) == list(ROWS) and all(torch.equal(tensors[name], ROWS[name]) for name in ROWS)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrapper", [None, "model", "state_dict", "model_state_dict"])
def test_the_network_is_found_in_its_checkpoint(tmp_path: Path, zipped: bool, wrapper: str | None) -> None:
    path = tmp_path / "net.pth"
    more = {"epoch": 20, "optimizer": {"state": {}}, "meta": "a line of text that goes on for longer than a line"}
    held = ROWS if wrapper is None else {wrapper: ROWS, **more}
    torch.save(held, path, _use_new_zipfile_serialization=zipped)
    assert same(path)
    if wrapper:
        beside = read_tensors(path).beside
        assert beside["epoch"] == "20"
        assert beside["optimizer"] == "a dict of 1"
        assert beside["meta"].endswith("...")


def test_the_prefix_of_parallel_training_is_taken_off(tmp_path: Path) -> None:
    torch.save({"module." + name: value for name, value in ROWS.items()}, tmp_path / "net.pth")
    assert same(tmp_path / "net.pth")


def test_safetensors_are_known_by_their_content(tmp_path: Path) -> None:
    for name in ("net.safetensors", "net.bin"):
        save_file(ROWS, tmp_path / name)
        tensors = read_tensors(tmp_path / name).tensors
        assert all(torch.equal(tensors[key], ROWS[key]) for key in ROWS)


@pytest.mark.parametrize("zipped", [True, False])
def test_what_would_run_code_is_named_and_not_run(tmp_path: Path, zipped: bool) -> None:
    path, folder = tmp_path / "trap.pth", tmp_path / "made"
    torch.save({"model": ROWS, "meta": Trap(folder)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"would call (posix|nt)\.mkdir.*not opened further.*torch\.save"):
        read_tensors(path)
    assert not folder.exists()


def test_the_advice_for_such_a_file_works(tmp_path: Path) -> None:
    old, new = tmp_path / "old.pth", tmp_path / "new.pth"
    torch.save({"state_dict": ROWS, "meta": {"best": np.float64(0.94)}, "folder": tmp_path}, old)
    with pytest.raises(WeightsError, match="pathlib") as refusal:
        read_tensors(old)
    command = str(refusal.value).split('python -c "')[1].split('" OLD NEW')[0]
    # The file is this test's own.
    exec(compile(command.replace("sys.argv", "files"), "advice", "exec"), {"files": ["", str(old), str(new)]})
    assert same(new)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_cut_file_is_refused(tmp_path: Path, share: float) -> None:
    for name in ("net.pth", "net.safetensors"):
        path = tmp_path / name
        (save_file if path.suffix == ".safetensors" else torch.save)({"rows": torch.rand(64, 64)}, path)
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(WeightsError, match=r"(cut short|damaged).* again"):
            read_tensors(path)
    torch.save({"rows": torch.rand(64, 64)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    content = (tmp_path / "old.pth").read_bytes()
    (tmp_path / "old.pth").write_bytes(content[: int(share * len(content))])
    with pytest.raises(WeightsError, match="cut short or damaged"):
        read_tensors(tmp_path / "old.pth")


def test_a_web_page_in_place_of_a_download_is_told(tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_text("\n<!DOCTYPE html><html><title>Download anyway?</title></html>")
    with pytest.raises(WeightsError, match="is a web page"):
        read_tensors(tmp_path / "net.pth")


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    with pytest.raises(WeightsError, match="is no file"):
        read_tensors(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(WeightsError, match="no checkpoint that torch can read"):
        read_tensors(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(WeightsError, match="no checkpoint that torch can read"):
        read_tensors(path)
    for held in ({"epoch": 3, "lr": 0.1}, [torch.zeros(2)], {"model": {}}):
        torch.save(held, path)
        with pytest.raises(WeightsError, match="not a state dictionary of tensors by name"):
            read_tensors(path)


def test_sizes_are_limited(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save(ROWS, path)
    with pytest.raises(WeightsError, match="more than the"):
        read_tensors(path, largest=100)
    # A few bytes that pretend to be many: one number, repeated.
    torch.save({"rows": torch.zeros(1).expand(100_000)}, path)
    with pytest.raises(WeightsError, match="more than the"):
        read_tensors(path, largest=50_000)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1_000_000))
    with pytest.raises(WeightsError, match="more than the"):
        read_tensors(path, largest=50_000)
