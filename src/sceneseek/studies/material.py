"""What a study trains on: its synthetic worlds, drawn once, and the public weights it starts from."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sceneseek import text_files
from sceneseek.data.synthetic import WorldSpec, generate
from sceneseek.data.synthetic.tattoos import generate_tattoos
from sceneseek.errors import DataError, WeightsError
from sceneseek.models import registry
from sceneseek.structures import Progress, silent
from sceneseek.studies.definition import WeightsTable, WorldTable

NOTE = "world.json"
"""Lies beside a drawn world: its spec and the hash of its files."""


def ensure_world(table: WorldTable, folder: Path, *, workers: int = 1, progress: Progress = silent) -> str:
    """Draw a world, or check that the one that is there is this one.

    A world appears whole or not at all: one that was being drawn when the program was killed is drawn again.

    Args:
        table: The world.
        folder: Where ``train`` and ``test`` shall lie.
        workers: Processes to draw with.
        progress: Told about scenes.

    Returns:
        The hash of all its files (SHA-256).

    Raises:
        DataError: There is another world, or its files are not those that were written.
    """
    wanted = json.loads(json.dumps({"world": table.world, "spec": repr(table.full_spec())}))
    if folder.exists():
        return _checked(folder, wanted)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    spec = table.full_spec()
    if isinstance(spec, WorldSpec):
        generate(spec, partial, workers=workers, progress=progress)
    else:
        generate_tattoos(spec, partial, workers=workers, progress=progress)
    digest = folder_hash(partial)
    (partial / NOTE).write_text(json.dumps({**wanted, "sha256": digest}, indent=1), encoding="utf-8")
    partial.replace(folder)
    return digest


def folder_hash(folder: Path) -> str:
    """Hash the names and contents of all files below a folder, without the note about them."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NOTE):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _checked(folder: Path, wanted: dict[str, Any]) -> str:
    try:
        note = text_files.read_json(folder / NOTE)
        found, digest = {key: note[key] for key in wanted}, str(note["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder} is not a world that a study has drawn (its {NOTE} is missing or damaged). Move it away, or name "
            "another folder with --data."
        ) from error
    if found != wanted:
        raise DataError(
            f"{folder} holds the world {found['spec']}; the study wants {wanted['spec']}. Name another folder with "
            "--data or --out."
        )
    now = folder_hash(folder)
    if now != digest:
        raise DataError(
            f"The files in {folder} are not those that were drawn (their hash is {now[:12]}, expected {digest[:12]}). "
            "Remove the folder: it will be drawn again."
        )
    return digest


def ensure_weights(table: WeightsTable, folder: Path, given: Path | None = None) -> registry.WeightEntry:
    """Put a public weights file where recipes look for it, and say which one it is.

    Args:
        table: Which file, and what it may be.
        folder: The data folder.
        given: A file or a folder to look at first.

    Returns:
        What the registry knows about the file that is there now.

    Raises:
        WeightsError: No such file is on this machine, or the one that is there is another.
    """
    target = folder / table.file
    entries = [registry.entry(name) for name in table.names]
    if target.is_file():
        return _recognised(target, entries)
    source = _source(table, entries, given)
    found = _recognised(source, entries)
    folder.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    shutil.copyfile(source, partial)
    partial.replace(target)
    return found


def _source(table: WeightsTable, entries: Sequence[registry.WeightEntry], given: Path | None) -> Path:
    if given is not None and given.is_file():
        return given
    if given is not None:
        files = [given / known.file for entry in entries for known in entry.known_files]
        there = next((file for file in (given / table.file, *files) if file.is_file()), None)
        if there is not None:
            return there
    here = next((entry.name for entry in entries if registry.is_here(entry.name)), None)
    if here is not None:
        return registry.locate(here)
    ways = " Or: ".join(f"{entry.name} ({entry.source}): {registry.how_to_get(entry)}" for entry in entries)
    raise WeightsError(
        f"The study starts from {' or '.join(table.names)}, and none is on this machine"
        f"{f' or at {given}' if given is not None else ''}. {ways} --weights names a file or folder to take it from."
    )


def _recognised(path: Path, entries: Sequence[registry.WeightEntry]) -> registry.WeightEntry:
    digest = registry.sha256_of(path)
    for entry in entries:
        if any(known.pinned is not None and digest.startswith(known.pinned) for known in entry.known_files):
            return entry
    expected = ", ".join(f"{known.pinned} ({e.name})" for e in entries for known in e.known_files if known.pinned)
    raise WeightsError(f"{path} has sha256 {digest}; expected {expected}. The study would not be the one that is told.")
