"""The numeric part of the suite under other rounding paths than this processor's own, and from other seeds.

``make test-portable`` plays through how other processors would round: each path sets what its libraries read, proves in
a process of its own that they heed it (another instruction set named, or other bits from the same product), and runs
the tests. A path that cannot take effect on this machine is said so and does not count as passed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CLOSING = re.compile(r" in \d+\.\d+s")
ROOT = Path(__file__).resolve().parents[2]
NUMERIC = (
    "contracts", "data/synthetic", "distillation", "evaluation", "gallery/test_search.py",
    "gallery/trust", "inference/test_predictor.py",
    "losses", "models", "reranking", "studies", "test_boxes.py", "test_similarity.py", "tracklets", "training",
)  # fmt: skip
"""Folders and files of ``tests`` that compute in floating point."""
QUICK = ("contracts/test_overfitting.py", "contracts/test_recipes_train.py", "data/synthetic", "losses", "models")


@dataclass(frozen=True)
class RoundingPath:
    """A way of rounding.

    Attributes:
        name: In the table.
        environment: What the libraries read when they are loaded.
        touches: Whose bits, of the probe's, show that it took effect.
    """

    name: str
    environment: dict[str, str]
    touches: str


PATHS = (
    RoundingPath("torch without vectors", {"ATEN_CPU_CAPABILITY": "default"}, "capability"),
    RoundingPath("torch avx2", {"ATEN_CPU_CAPABILITY": "avx2"}, "capability"),
    RoundingPath("oneDNN sse4.1", {"ONEDNN_MAX_CPU_ISA": "SSE41"}, "convolution"),
    RoundingPath("oneDNN avx2", {"ONEDNN_MAX_CPU_ISA": "AVX2"}, "convolution"),
    RoundingPath("OpenBLAS Haswell", {"OPENBLAS_CORETYPE": "Haswell"}, "numpy product"),
    RoundingPath("OpenBLAS Prescott", {"OPENBLAS_CORETYPE": "Prescott"}, "numpy product"),
    RoundingPath("MKL for any processor", {"MKL_CBWR": "COMPATIBLE"}, "torch product"),
    RoundingPath("NumPy without vectors", {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4"}, "numpy sine"),
    RoundingPath("OpenCV without vectors", {"OPENCV_CPU_DISABLE": "AVX2,FMA3,AVX512_SKX"}, "opencv blur"),
    RoundingPath("two threads", {"OMP_NUM_THREADS": "2"}, "threads"),
    RoundingPath(
        "an old processor",
        {
            "ATEN_CPU_CAPABILITY": "default",
            "ONEDNN_MAX_CPU_ISA": "SSE41",
            "OPENBLAS_CORETYPE": "Prescott",
            "MKL_CBWR": "COMPATIBLE",
        },
        "convolution",
    ),
)
QUICK_PATHS = ("torch avx2", "an old processor")


def probe() -> dict[str, str]:
    """What the libraries of this process say of themselves, and digests of what they compute."""
    import hashlib

    import cv2
    import numpy as np
    import torch

    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((97, 113), (113, 61)))
    maps, kernels = (
        torch.from_numpy(rng.standard_normal(s).astype(np.float32)) for s in ((2, 16, 41, 53), (24, 16, 3, 3))
    )
    results = {
        "numpy product": a @ b,
        "numpy sine": np.sin(a),
        "torch product": (torch.from_numpy(a) @ torch.from_numpy(b)).numpy(),
        "convolution": torch.conv2d(maps, kernels).numpy(),
        "opencv blur": cv2.GaussianBlur(a, (0, 0), 1.3),
    }
    said = {"capability": torch.backends.cpu.get_cpu_capability(), "threads": str(torch.get_num_threads())}
    return said | {name: hashlib.sha256(array.tobytes()).hexdigest()[:12] for name, array in results.items()}


def probed(environment: dict[str, str]) -> dict[str, str]:
    """The probe in a process of its own."""
    command = [sys.executable, "-c", "import json; from suite.portable import probe; print(json.dumps(probe()))"]
    search = {"PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(command, env=environment | search, check=True, capture_output=True, text=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def surroundings(path: RoundingPath | None, seed: int) -> dict[str, str]:
    """This process's environment without any path's variables, with those of one."""
    others = {name for other in PATHS for name in other.environment}
    kept = {name: value for name, value in os.environ.items() if name not in others}
    chosen = {} if path is None else path.environment
    return kept | {"OMP_NUM_THREADS": "1", "SCENESEEK_TEST_SEED": str(seed)} | chosen


def run(environment: dict[str, str], tests: tuple[str, ...], jobs: int) -> tuple[bool, str]:
    """Whether the tests pass, and pytest's own closing line."""
    places = [str(ROOT / "tests" / place) for place in tests]
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(jobs), "--dist", "worksteal", *places]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    sys.stdout.write("".join(f"  {line}\n" for line in lines if line.startswith(("FAILED", "ERROR"))))
    return done.returncode == 0, next(filter(CLOSING.search, reversed(lines)), "no closing line")


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the numeric tests under other rounding paths and seeds.")
    parser.add_argument("--quick", action="store_true", help="Two paths, one seed, the tests that tell most.")
    parser.add_argument("--seeds", default="0", help="Offsets of the seeds of trainings, with commas between them.")
    parser.add_argument("--paths", default="", help="Names of paths, with commas between them; all when left out.")
    parser.add_argument("--jobs", type=int, default=2, help="Processes.")
    chosen = parser.parse_args()
    wanted = [name.strip() for name in chosen.paths.split(",") if name.strip()]
    wanted = wanted or (list(QUICK_PATHS) if chosen.quick else [path.name for path in PATHS])
    unknown = set(wanted) - {path.name for path in PATHS}
    if unknown:
        parser.error(f"no path is called {sorted(unknown)}; there are {[path.name for path in PATHS]}")
    missing = [place for place in NUMERIC + QUICK if not (ROOT / "tests" / place).exists()]
    if missing:
        parser.error(f"tests/suite/portable.py names {missing}, which are not in tests; name where they are now")
    own, failed = probed(surroundings(None, 0)), False
    for path in PATHS:
        if path.name not in wanted:
            continue
        here = probed(surroundings(path, 0))
        if here[path.touches] == own[path.touches]:
            sys.stdout.write(f"{path.name}: takes no effect on this machine, not run\n")
            continue
        for seed in map(int, chosen.seeds.split(",")):
            passed, line = run(surroundings(path, seed), QUICK if chosen.quick else NUMERIC, chosen.jobs)
            failed |= not passed
            said = f"{path.touches} {own[path.touches]} -> {here[path.touches]}"
            sys.stdout.write(f"{path.name} ({said}), seed {seed}: {'passed' if passed else 'FAILED'}, {line}\n")
            sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
