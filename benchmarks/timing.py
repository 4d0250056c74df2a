"""How the benchmarks measure: alternating repetitions, medians, ratios."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable

Work = Callable[[], object]


def machine() -> str:
    """Say what this runs on, one line."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"


def seconds(
    works: dict[str, Work], repeats: int = 5, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Time several ways of doing the same, in turn, so that a drifting machine harms all alike.

    Args:
        works: Name to function; each is called once to warm up.
        repeats: Counted calls of each.
        clock: ``time.process_time`` counts this process's own work alone, for a machine that others use too.

    Returns:
        The median seconds of each.
    """
    for work in works.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            start = clock()
            work()
            taken[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in taken.items()}
