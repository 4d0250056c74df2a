"""The global random generators of a training process: started from the recipe's seed, saved and restored whole.

torchvision's detectors draw their samples from torch's global generator, so a run must own it. Only the training loop
calls this module; the rest of the library never touches global generators.
"""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor

_MERSENNE_WORDS = 624


def start_generators(seed: int, rank: int = 0) -> None:
    """Seed Python's, NumPy's and torch's global generators.

    Args:
        seed: The recipe's seed.
        rank: Which process this is; each draws its own numbers.
    """
    mixed = int(np.random.SeedSequence([seed, rank]).generate_state(1)[0])
    random.seed(mixed)
    np.random.seed(mixed)  # noqa: NPY002 - third-party code may use the global generator
    torch.manual_seed(mixed)


def capture_generators(device: torch.device | str = "cpu") -> Tensor:
    """The state of all global generators of this process.

    Args:
        device: Where the process computes; a GPU has a generator of its own.

    Returns:
        Bytes, ``(L,)`` uint8, of the same length in every process.
    """
    _, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002
    version, words, python_gauss = random.getstate()
    numbers = np.array([*keys, position, has_gauss, version, *words, python_gauss is not None], np.int64)
    reals = np.array([gauss, 0.0 if python_gauss is None else python_gauss], np.float64)
    parts = [np.frombuffer(numbers.tobytes() + reals.tobytes(), np.uint8), torch.get_rng_state().numpy()]
    if torch.device(device).type == "cuda":
        parts.append(torch.cuda.get_rng_state(device).numpy())
    return torch.from_numpy(np.concatenate(parts))


def restore_generators(state: Tensor, device: torch.device | str = "cpu") -> None:
    """Put all global generators back to what ``capture_generators`` saw.

    Args:
        state: ``(L,)`` uint8.
        device: The same kind of device as when the state was captured.
    """
    data = state.cpu().numpy().tobytes()
    num_numbers = _MERSENNE_WORDS + 3 + (_MERSENNE_WORDS + 1) + 1
    numbers = np.frombuffer(data, np.int64, count=num_numbers)
    reals = np.frombuffer(data, np.float64, count=2, offset=num_numbers * 8)
    rest = np.frombuffer(data, np.uint8, offset=num_numbers * 8 + 16).copy()
    keys, numbers = numbers[:_MERSENNE_WORDS].astype(np.uint32), numbers[_MERSENNE_WORDS:]
    position, has_gauss, version = (int(n) for n in numbers[:3])
    np.random.set_state(("MT19937", keys, position, has_gauss, float(reals[0])))  # noqa: NPY002
    random.setstate((version, tuple(int(n) for n in numbers[3:-1]), float(reals[1]) if numbers[-1] else None))
    length = torch.get_rng_state().numel()
    torch.set_rng_state(torch.from_numpy(rest[:length]))
    if torch.device(device).type == "cuda" and len(rest) > length:
        torch.cuda.set_rng_state(torch.from_numpy(rest[length:]), device)
