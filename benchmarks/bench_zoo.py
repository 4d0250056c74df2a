"""Parameters, multiplications and search time of every network, on one scene of the size it is built for.

The networks are untrained and keep every candidate (score threshold 0), so that each region that may be looked at is:
an upper bound for scenes with few people. GFLOPs are torch's count, two per multiplication with addition.
"""

from __future__ import annotations

import gc
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.stored import FOLDER, store
from sceneseek.models import zoo
from sceneseek.models.weights import working_state


def scene_size(name: str) -> tuple[int, int]:
    """Width and height that a network resizes a wide scene to."""
    options = zoo.default_options(name)
    short, long = options.min_size, options.max_size  # type: ignore[attr-defined]
    return long, short if isinstance(short, int) else short[-1]


def measure(name: str) -> dict[str, float | int | str]:
    """One network, searched once."""
    torch.manual_seed(0)
    width, height = scene_size(name)
    net = zoo.create(name, score_threshold=0.0).eval()
    scene = torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        started = time.process_time()
        (found,) = net([scene])
        taken = time.process_time() - started
    return {
        "width": width,
        "height": height,
        "parameters": sum(value.numel() for value in working_state(net).values()),
        "gflops": round(counter.get_total_flops() / 1e9, 1),
        "seconds": round(taken, 3),
        "detections": len(found["boxes"]),
    }


def main() -> None:
    """Print a line for each network, and store them."""
    torch.set_num_threads(1)
    path, rows = FOLDER / "zoo.json", {}
    for name in sorted(zoo.names(), key=lambda name: ("mobilenet" not in name, name)):
        rows[name] = measure(name)
        gc.collect()
        row = rows[name]
        print(
            f"{name:26s} {row['width']}x{row['height']} {int(row['parameters']) / 1e6:7.2f} M "
            f"{row['gflops']:8.1f} GFLOPs {row['seconds']:7.2f} s CPU, {row['detections']} detections",
            flush=True,
        )
        # Each at once: the large ones take long, and what is there is worth something.
        path = store("zoo", rows, clock="CPU seconds, one thread")
    print(f"wrote {path}")
