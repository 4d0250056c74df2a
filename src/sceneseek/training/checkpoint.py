"""Checkpoints that are whole or not there at all.

A file is written beside its final place, forced to disk and renamed, so a reader never meets half of one. It holds
tensors and plain values only and is read with ``weights_only=True``: opening a stranger's checkpoint runs no code.
"""

from __future__ import annotations

import os
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import torch

from sceneseek.errors import CheckpointError

FORMAT = "sceneseek checkpoint"
VERSION = 1

State = dict[str, Any]


def write_checkpoint(state: State, path: Path) -> None:
    """Write ``state`` atomically.

    Args:
        state: Tensors and plain values.
        path: Where to; an older file is replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        torch.save({"format": FORMAT, "format_version": VERSION, **state}, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    _sync_folder(path.parent)


def read_checkpoint(path: Path) -> State:
    """Read a checkpoint after checking that every byte of it is as it was written.

    Args:
        path: The file.

    Returns:
        What was written.

    Raises:
        CheckpointError: If the file is missing, damaged, or not a checkpoint of this program.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint at {path}.")
    try:
        # torch.load does not compare checksums; a flipped bit would train on.
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is None:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (zipfile.BadZipFile, RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path} is damaged or is no checkpoint ({reason}). Remove it to start anew, or continue from another one."
        ) from error
    if damaged is not None:
        raise CheckpointError(f"{path} is damaged: the checksum of {damaged} does not hold. Continue from another one.")
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} holds tensors, but it is not a training checkpoint of sceneseek. "
            "Weights to start from belong in the recipe's model.init."
        )
    if state["format_version"] != VERSION:
        raise CheckpointError(f"{path} has format version {state['format_version']}; this program reads {VERSION}.")
    return state


class CheckpointFolder:
    """The checkpoints of one run: the last one, and the best one so far.

    Args:
        folder: Where they lie; made when the first one is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.folder / "last.pt"

    @property
    def best(self) -> Path:
        """The checkpoint with the best evaluation."""
        return self.folder / "best.pt"

    def save(self, state: State, *, best: bool = False) -> None:
        """Replace the last checkpoint, and the best one where ``best``."""
        if best:
            # The best one first: killed in between, the last one still leads to writing the best one again.
            write_checkpoint(state, self.best)
            self._link_best_as_last()
        else:
            write_checkpoint(state, self.last)

    def remove_partial(self) -> None:
        """Remove what a killed writer left behind."""
        if self.folder.is_dir():
            for partial in self.folder.glob("*.partial"):
                partial.unlink()

    def _link_best_as_last(self) -> None:
        partial = self.last.with_name(f"{self.last.name}.partial")
        partial.unlink(missing_ok=True)
        try:
            os.link(self.best, partial)
        except OSError:  # a file system without hard links
            shutil.copyfile(self.best, partial)
        partial.replace(self.last)
        _sync_folder(self.folder)


def differences(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> list[str]:
    """Name the values in which two nested tables differ.

    Args:
        before: One table.
        now: The other.
        prefix: Put before each name.

    Returns:
        One text per difference, in the order of the names.

    Example:
        >>> differences({"a": {"b": 1}}, {"a": {"b": 2}})
        ['a.b: 1 -> 2']
    """
    found = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key, "absent"), now.get(key, "absent")
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key}: {old!r} -> {new!r}")
    return found


def _sync_folder(folder: Path) -> None:
    """Force the renaming itself to disk, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
