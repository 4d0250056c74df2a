"""Coroutines in tests: each in a thread of its own, since a driven browser leaves its loop running in the main one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """The coroutine's result, or what it raised."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
