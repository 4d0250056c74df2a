"""Run every benchmark of this folder, or those named: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks
from benchmarks.timing import machine

names = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name.startswith("bench_")]
wanted = [f"bench_{n.removeprefix('bench_')}" for n in sys.argv[1:]] or names
unknown = set(wanted) - set(names)
if unknown:
    sys.exit(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
print(machine())
for name in wanted:
    module = importlib.import_module(f"benchmarks.{name}")
    print(f"\n== {name.removeprefix('bench_')}: {(module.__doc__ or '').splitlines()[0]}")
    module.main()
