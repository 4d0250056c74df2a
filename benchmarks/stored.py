"""Results that the documentation shows: one JSON file per benchmark, with the machine and the versions behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import torchvision

from benchmarks.timing import machine

FOLDER = Path(__file__).parent / "results"


def store(name: str, rows: dict[str, dict[str, Any]], **facts: Any) -> Path:
    """Write ``results/NAME.json``.

    Args:
        name: The benchmark's.
        rows: Numbers by what was measured.
        facts: What they hold for.
    """
    path = FOLDER / f"{name}.json"
    versions = {"torch": str(torch.__version__), "torchvision": str(torchvision.__version__)}
    content = {"command": f"python -m benchmarks {name}", "machine": machine(), **versions, **facts, "rows": rows}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def stored(name: str) -> dict[str, Any]:
    """Read it again."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return content
