from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sceneseek.cli import app
from sceneseek.errors import WeightsError
from sceneseek.models import registry
from sceneseek.models.registry import WeightEntry


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCENESEEK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SCENESEEK_WEIGHTS", raising=False)
    return tmp_path / "home" / "weights"


def test_the_list_shows_licences_and_what_is_here(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["weights", "list"])
    assert answer.exit_code == 0
    assert "yolox_nano" in answer.output
    assert "Apache-2.0" in answer.output
    listed = {
        entry["name"]: entry for entry in json.loads(CliRunner().invoke(app, ["weights", "list", "--json"]).output)
    }
    assert not listed["yolox_nano"]["here"]
    assert len(listed["yolox_nano"]["sha256"]) == 64


def test_getting_from_a_file_prints_the_licence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    entry = WeightEntry(
        name="net", kind="embedder", builder="osnet", file="net.onnx", licence="MIT, for research", source="somebody"
    )
    monkeypatch.setattr(registry, "entries", lambda: {"net": entry})
    (tmp_path / "mine [1].onnx").write_bytes(b"weights")
    answer = CliRunner().invoke(app, ["weights", "get", "net", "--from", str(tmp_path / "mine [1].onnx")])
    assert answer.exit_code == 0, answer.output
    assert "MIT, for research" in answer.output
    assert "remembered from now on" in answer.output
    assert CliRunner().invoke(app, ["weights", "path", "net"]).output.strip() == str(store / "net.onnx")


def test_missing_weights_are_an_error_with_advice() -> None:
    answer = CliRunner().invoke(app, ["weights", "path", "yolox_nano"])
    assert isinstance(answer.exception, WeightsError)
    assert "sceneseek weights get yolox_nano" in str(answer.exception)
