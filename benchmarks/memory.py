"""How much memory a piece of work takes at the most, seen from outside."""

from __future__ import annotations

import os
import resource
import struct
from collections.abc import Callable

_KB_PER_MB = 1024


def peak_mb(work: Callable[[], object]) -> float:
    """Do some work in a forked process and report its peak beyond what was there before, in MB (Linux counts KB).

    The caller computes in one thread: forking a process whose threads are at work may hang.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            before = _resident_kb()
            work()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            os.write(writer, struct.pack("d", (peak - before) / _KB_PER_MB))
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        content = answer.read()
    _, status = os.waitpid(child, 0)
    if status or not content:
        raise RuntimeError(f"the measured process ended with status {status}")
    return float(struct.unpack("d", content)[0])


def _resident_kb() -> int:
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
