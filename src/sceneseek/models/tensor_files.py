"""Tensors out of files that other programs wrote, and nothing but tensors: no file gets to run code.

A file of ``torch.save`` is a pickle, a small program that may call anything. torch's ``weights_only`` reader follows
only the instructions that make tensors and plain values; whatever else a file asks for is named in the refusal.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sceneseek.errors import WeightsError

LARGEST = 4 << 30
"""Bytes; checkpoints of person search, with optimiser, hold half a gigabyte."""
_WRAPPERS = ("model", "state_dict", "model_state_dict", "net", "network", "weights")
"""Under which names training programs keep the network in their checkpoints."""
_PARALLEL = "module."
_NAMED = 3
_SHORT = 40


@dataclass(frozen=True)
class TensorFile:
    """What a file holds.

    Attributes:
        tensors: The network's, by name.
        beside: What else lies in the file, by name, in a few words each.
    """

    tensors: dict[str, Tensor]
    beside: dict[str, str] = field(default_factory=dict)


def read_tensors(path: Path, *, largest: int = LARGEST) -> TensorFile:
    """Read a file of ``torch.save`` or a safetensors file, without running anything in it.

    A network inside a larger checkpoint is found by the usual names (``model``, ``state_dict``); the prefix that
    parallel training puts before every name is taken off.

    Args:
        path: The file.
        largest: Bytes that file and tensors may have.

    Raises:
        WeightsError: There is no such file; it is too large, cut short, or damaged; it would run code; or it holds no
            tensors by name.
    """
    if not path.is_file():
        raise WeightsError(f"{path} is no file. Give the checkpoint's own path, with its ending.")
    _refuse_large(path, path.stat().st_size, largest)
    with path.open("rb") as stream:
        head = stream.read(512)
    if path.suffix == ".safetensors" or (head[8:9] == b"{" and int.from_bytes(head[:8], "little") < LARGEST):
        held: Any = _read_safetensors(path)
    else:
        _refuse_no_checkpoint(path, head, largest)
        held = _read_pickle(path)
    found = _network_in(path, held)
    _refuse_large(path, sum(t.numel() * t.element_size() for t in found.tensors.values()), largest)
    return found


def _refuse_large(path: Path, size: int, largest: int) -> None:
    if size > largest:
        raise WeightsError(
            f"{path} holds {size / 1e9:.1f} GB, more than the {largest / 1e9:.1f} GB that are read. Take the network "
            "alone out of it and save that."
        )


def _refuse_no_checkpoint(path: Path, head: bytes, largest: int) -> None:
    """Refuse what is no file of torch.save, before torch looks at it."""
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise WeightsError(
            f"{path} is a web page, not a checkpoint: a download that asked for confirmation first. Open its address "
            "in a browser and save the file itself."
        )
    if not head.startswith(b"PK"):
        return
    if not zipfile.is_zipfile(path):
        raise WeightsError(f"{path} is cut short: it begins as a checkpoint but has no end. Copy or download it again.")
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_large(path, sum(entry.file_size for entry in archive.infolist()), largest)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise WeightsError(f"{path} is damaged ({error}). Copy or download it again.") from error


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path} is a damaged safetensors file ({error}). Copy or download it again.") from error


def _read_pickle(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile pickle fails in any way it likes; none of them ran code
        asked = _asked_for(path, str(error))
        if asked:
            raise WeightsError(
                f"{path} holds more than plain tensors: to open it would call {', '.join(asked[:_NAMED])}"
                f"{' and others' if len(asked) > _NAMED else ''}. It was not opened further, for such a call can run "
                "any code. Where you trust its maker, save its tensors alone, on a machine you can afford to lose: "
                "python -c \"import torch, sys; d = torch.load(sys.argv[1], 'cpu', weights_only=False); "
                "d = d.get('model', d.get('state_dict', d)); "
                'torch.save({k: v for k, v in d.items() if torch.is_tensor(v)}, sys.argv[2])" OLD NEW'
            ) from error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path} is no checkpoint that torch can read, or is cut short or damaged ({reason}). Copy or download it "
            "again; a pickle that torch did not write cannot be used."
        ) from error


def _asked_for(path: Path, message: str) -> list[str]:
    """Names of the functions and classes that a refused pickle wants, as far as they can be told without running it."""
    if not re.search(r"(?i)unsupported (global|class)|weights.only|weightsunpickler", message):
        return []
    try:
        asked = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # not the zip layout of torch.save; the message names the first one
        asked = []
    return sorted(asked) or re.findall(r"GLOBAL ([\w.]+)", message)[:1]


def _network_in(path: Path, held: Any) -> TensorFile:
    beside: dict[str, str] = {}
    if isinstance(held, dict) and not any(isinstance(value, Tensor) for value in held.values()):
        for name in _WRAPPERS:
            inside = held.get(name)
            if isinstance(inside, dict) and any(isinstance(value, Tensor) for value in inside.values()):
                beside = {str(key): _described(value) for key, value in held.items() if key != name}
                held = inside
                break
    if not isinstance(held, dict) or not held or not all(isinstance(key, str) for key in held):
        raise WeightsError(f"{path} is not a state dictionary of tensors by name; save `net.state_dict()` instead.")
    tensors = {key: value for key, value in held.items() if isinstance(value, Tensor)}
    beside |= {key: _described(value) for key, value in held.items() if not isinstance(value, Tensor)}
    if not tensors:
        names = ", ".join(list(held)[:_NAMED])
        raise WeightsError(
            f"{path} is not a state dictionary of tensors by name: it holds {names} and no tensor. A checkpoint keeps "
            f"its network under {', '.join(_WRAPPERS)}."
        )
    if all(key.startswith(_PARALLEL) for key in tensors):
        tensors = {key.removeprefix(_PARALLEL): value for key, value in tensors.items()}
    return TensorFile(tensors, beside)


def _described(value: Any) -> str:
    if isinstance(value, (int, float, str, bool)) or value is None:
        text = repr(value)
        return text if len(text) <= _SHORT else f"{text[:_SHORT]}..."
    kind = f"{type(value).__name__} of {len(value)}" if isinstance(value, (dict, list, tuple)) else type(value).__name__
    return f"a {kind}"
