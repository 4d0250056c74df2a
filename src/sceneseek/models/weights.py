"""Weights of our own networks on disk: safetensors with the facts needed to build the network again.

A file holds what a network at work needs, usually in half precision, and one JSON note: builder, options, and where the
weights come from. Memories of training are left out; checkpoints hold those. One may be kept: the identity table, by
which a teacher says how near a person is to each of its training set.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from sceneseek.errors import UnknownModelError, WeightsError, suggest
from sceneseek.losses import IdentityTable, TrainingOnly
from sceneseek.models import zoo

_NOTE = "sceneseek"
# One metadata key alone: the format keeps several in no fixed order, and the same weights shall give the same bytes.
_FORMAT = 1
_NAMED = 3
"""How many offending tensors a message names."""


@dataclass(frozen=True)
class ModelInfo:
    """Facts about stored weights.

    Attributes:
        name: Of the file, without its ending.
        builder: In the zoo.
        options: Given to the builder.
        info: Free text by key: recipe, data, scores, licence.
        sha256: Of the file.
    """

    name: str
    builder: str
    options: dict[str, Any]
    info: dict[str, str]
    sha256: str


def save_model(
    model: nn.Module,
    path: str | Path,
    *,
    builder: str,
    options: dict[str, Any],
    info: dict[str, str] | None = None,
    dtype: torch.dtype = torch.float16,
    keep_identity_table: bool = False,
) -> ModelInfo:
    """Store a network's weights without its memories; the file appears complete or not at all.

    Args:
        model: Made by ``builder`` with ``options``.
        path: Ends in ``.safetensors``; folders are made.
        builder: Its name in the zoo.
        options: Plain values, as a recipe holds them. A source of backbone weights is left out: the file replaces it.
        info: Free text by key.
        dtype: Of the floating-point tensors in the file.
        keep_identity_table: Store the rows of ``IdentityTable`` too.

    Returns:
        What was stored.

    Raises:
        WeightsError: A weight is not finite, or too large for ``dtype``.
    """
    path = Path(path)
    options = {key: (None if key == "weights" else value) for key, value in options.items()}
    state = {**working_state(model), **(identity_tables(model) if keep_identity_table else {})}
    tensors = {key: _stored(key, value, dtype) for key, value in state.items()}
    note = {"format": _FORMAT, "builder": builder, "options": options, "info": info or {}}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_file(tensors, part, metadata={_NOTE: json.dumps(note, sort_keys=True)})
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return _read_info(path)


def load_model(path: str | Path, **overrides: Any) -> tuple[nn.Module, ModelInfo]:
    """Build a stored network again, in single precision and ready to search.

    Args:
        path: A file of ``save_model``, or the name of shipped weights.
        **overrides: Builder options that replace the stored ones, such as ``score_threshold`` or ``min_size``.

    Returns:
        The network in evaluation mode, and the facts about it.

    Raises:
        UnknownModelError: No such file, shipped name or builder.
        WeightsError: The file is damaged, is no safetensors file, was made by something else, or does not fit.

    Example:
        >>> import tempfile
        >>> options = {"embedding_dim": 8}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net = zoo.create("dcinet_mobilenet_v2", **options)
        ...     _ = save_model(net, f"{folder}/tiny.safetensors", builder="dcinet_mobilenet_v2", options=options)
        ...     again, facts = load_model(f"{folder}/tiny.safetensors")
        >>> facts.name, again.embedding_dim, again.training
        ('tiny', 8, False)
    """
    path = resolve(path)
    info = _read_info(path)
    model = zoo.create(info.builder, **{**info.options, **overrides})
    _load_state(model, path, info, tables=True)
    return model.eval(), info


def load_into(model: nn.Module, path: str | Path, *, builder: str) -> ModelInfo:
    """Start a network from stored weights, for training on; its memories stay as they are.

    Args:
        model: Made by ``builder``.
        path: A file of ``save_model``, or the name of shipped weights.
        builder: Its name in the zoo.

    Raises:
        UnknownModelError: No such file or shipped name.
        WeightsError: As for ``load_model``, or the weights belong to another builder.
    """
    path = resolve(path)
    info = _read_info(path)
    if info.builder != builder:
        raise WeightsError(
            f"{path} holds a {info.builder}, the network to load them into is a {builder}. Build {info.builder!r}, or "
            f"choose weights of {builder!r}."
        )
    _load_state(model, path, info, tables=False)
    return info


def shipped_names() -> list[str]:
    """Names of the weights that come with the package."""
    return sorted(Path(entry.name).stem for entry in _shipped().iterdir() if entry.name.endswith(".safetensors"))


def resolve(name_or_path: str | Path) -> Path:
    """The file behind the name of shipped weights or a path.

    Raises:
        UnknownModelError: It is neither.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    known = shipped_names()
    if str(name_or_path) in known:
        return _shipped() / f"{name_or_path}.safetensors"
    raise UnknownModelError(
        f"{str(name_or_path)!r} is neither a file nor the name of weights that come with sceneseek."
        f"{suggest(str(name_or_path), known)}"
    )


def _shipped() -> Path:
    return Path(str(files("sceneseek.models"))) / "shipped"


def working_state(model: nn.Module) -> dict[str, Tensor]:
    """A network's state without its memories and what else only training needs."""
    left_out = tuple(f"{name}." for name, module in model.named_modules() if isinstance(module, TrainingOnly))
    return {key: value for key, value in model.state_dict().items() if not key.startswith(left_out)}


def identity_tables(model: nn.Module) -> dict[str, Tensor]:
    """The state of a network's identity tables: one row per labelled person of its training set."""
    begins = tuple(f"{name}." for name, module in model.named_modules() if isinstance(module, IdentityTable))
    return {key: value for key, value in model.state_dict().items() if begins and key.startswith(begins)}


def _stored(name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    plain = value.detach().cpu().contiguous()
    if not plain.is_floating_point():
        return plain
    converted = plain.to(dtype)
    if not bool(torch.isfinite(converted).all()):
        raise WeightsError(
            f"{name} holds values that {str(dtype).removeprefix('torch.')} cannot, the largest is "
            f"{float(plain.abs().max()):.4g}. Store the network in float32, or look for a training that diverged."
        )
    return converted


def _read_info(path: Path) -> ModelInfo:
    _refuse_other_formats(path)
    try:
        with safe_open(path, framework="pt") as stored:
            metadata = stored.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is a damaged safetensors file ({error}). Copy or download it again.") from error
    try:
        note = json.loads(metadata[_NOTE])
        version, builder, options, info = (note[key] for key in ("format", "builder", "options", "info"))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path} holds tensors but not the note of a sceneseek network (found {sorted(metadata) or 'none'}). "
            "Weights of other programs are converted first."
        ) from error
    if version != _FORMAT:
        raise WeightsError(f"{path} has format {version!r}, this sceneseek reads {_FORMAT}. Update sceneseek.")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return ModelInfo(path.stem, builder, options, info, digest)


def _refuse_other_formats(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(9)
    # A safetensors file begins with the length of its header in eight bytes, any of which may look like a pickle's
    # first; the header itself is JSON.
    if head[8:] != b"{" and (head[:2] == b"PK" or head[:1] == b"\x80"):
        raise WeightsError(
            f"{path} is a pickle (a file of torch.save). Opening one can run code hidden in it, so sceneseek reads "
            "networks from safetensors only. A published person search network is made into one by 'sceneseek weights "
            "import'; one of your own is stored with sceneseek.models.weights.save_model."
        )


def _load_state(model: nn.Module, path: Path, info: ModelInfo, *, tables: bool) -> None:
    """Put a file's tensors into a network; kept identity tables too, or not at all: they belong to other people."""
    expected, kept = working_state(model), identity_tables(model)
    try:
        with safe_open(path, framework="pt") as stored:
            state = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is a damaged safetensors file ({error}). Copy or download it again.") from error
    if tables:
        expected |= {key: value for key, value in kept.items() if key in state}
    else:
        state = {key: value for key, value in state.items() if key not in kept}
    problems = [
        *_list_names("it lacks", [key for key in expected if key not in state]),
        *_list_names("the network has no", [key for key in state if key not in expected]),
        *_list_names(
            "shapes differ:",
            [
                f"{key} is {tuple(state[key].shape)}, the network's {tuple(value.shape)}"
                for key, value in expected.items()
                if key in state and state[key].shape != value.shape
            ],
        ),
    ]
    if problems:
        raise WeightsError(
            f"{path} does not fit a {info.builder} with the options in use: {'; '.join(problems)}. Build the network "
            "with the options that the weights were made with."
        )
    model.load_state_dict(
        {key: value.float() if value.is_floating_point() else value for key, value in state.items()}, strict=False
    )


def _list_names(what: str, named: list[str]) -> list[str]:
    if not named:
        return []
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return [f"{what} {', '.join(named[:_NAMED])}{more}"]
