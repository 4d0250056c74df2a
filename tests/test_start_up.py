"""`import sceneseek` and `sceneseek --help` are light: no torch, and well under half a second."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sceneseek

pytestmark = pytest.mark.processes

HEAVY = ("torch", "torchvision", "lancedb", "onnxruntime", "matplotlib", "cv2", "av", "pyarrow", "scipy")


def modules_loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split("\n"))


@pytest.mark.parametrize(
    "code",
    [
        "import sceneseek",
        "import sceneseek.cli",
        "from sceneseek import Detections, Ranking, read_picture",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert not modules_loaded_by(code) & set(HEAVY)


def test_help_loads_nothing_heavy() -> None:
    code = "import sys\nfrom sceneseek.cli import app\ntry:\n    app(['--help'])\nexcept SystemExit:\n    pass"
    assert not modules_loaded_by(code) & set(HEAVY)


@pytest.mark.parametrize("room", ["structures", "evaluation", "gallery", "finder", "drawing", "pictures"])
def test_rooms_without_a_network_load_no_torch(room: str) -> None:
    assert not modules_loaded_by(f"import sceneseek.{room}") & {"torch", "torchvision"}


def test_public_names_are_sorted_and_all_there() -> None:
    assert sceneseek.__all__ == sorted(
        sceneseek.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    for name in sceneseek.__all__:
        assert getattr(sceneseek, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sceneseek.nothing
