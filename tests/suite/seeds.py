"""Other beginnings for whatever is drawn by torch: ``SCENESEEK_TEST_SEED`` is added to each seed that is set.

A verdict that holds from one beginning alone is an accident; ``make test-portable`` plays through several.
"""

from __future__ import annotations

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    offset = int(os.environ.get("SCENESEEK_TEST_SEED", "0"))
    if offset and (hasattr(config, "workerinput") or not config.getoption("numprocesses", None)):
        shift(offset)


def shift(offset: int) -> None:
    """Let ``torch.manual_seed`` begin elsewhere, for the rest of this process."""
    import torch

    original = torch.manual_seed

    def shifted(seed: int) -> torch.Generator:
        return original(seed + offset)

    torch.manual_seed = shifted
