"""How long the sweeps are: short in ``make test``, in full in ``make test-all`` and in CI.

A sweep tries the same thing at many moments or with many drawn examples, so that a short one asserts all that a full
one does, of fewer.
"""

from __future__ import annotations

import os


def thorough() -> bool:
    """Whether ``SCENESEEK_THOROUGH`` asks for sweeps in full."""
    return os.environ.get("SCENESEEK_THOROUGH", "") not in ("", "0")


def so_often(full: int, *, short: int) -> int:
    """How often a sweep of this run tries."""
    return full if thorough() else short
