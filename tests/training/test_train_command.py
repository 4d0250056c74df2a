from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from sceneseek.cli import main
from sceneseek.training.interruption import StopRequest, stop_on_signals
from training.tiny_search_net import draw_data

pytestmark = pytest.mark.trains

TEXT = (Path(__file__).parent / "tiny.toml").read_text().replace("steps = 30", "steps = 4")


@pytest.fixture
def recipe(tmp_path) -> Path:
    draw_data(tmp_path / "train")
    path = tmp_path / "tiny.toml"
    path.write_text(TEXT)
    return path


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["sceneseek", "train", *arguments])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_command_trains_and_reports(recipe, monkeypatch, capsys):
    arguments = [str(recipe), "--data", str(recipe.parent), "--out", str(recipe.parent / "run"), "--device", "cpu"]
    assert call(monkeypatch, *arguments, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["finished"]
    assert report["steps"] == 4
    assert Path(report["weights"]).is_file()
    assert call(monkeypatch, *arguments) == 2
    assert "--resume" in capsys.readouterr().err
    assert call(monkeypatch, *arguments, "--resume") == 0
    assert "trained 4 steps" in capsys.readouterr().out


def test_a_misspelt_key_ends_with_code_2_and_the_nearest_key(recipe, monkeypatch, capsys):
    recipe.write_text(TEXT.replace("momentum", "momentun"))
    assert call(monkeypatch, str(recipe), "--out", str(recipe.parent / "run")) == 2
    assert "Did you mean 'momentum'?" in capsys.readouterr().err
    assert not (recipe.parent / "run").exists()


def test_a_stopped_run_says_how_to_go_on_and_ends_like_its_signal(recipe, monkeypatch, capsys):
    monkeypatch.setattr(StopRequest, "__bool__", lambda self: True)
    monkeypatch.setattr(StopRequest, "__init__", lambda self: setattr(self, "signal_number", signal.SIGTERM))
    arguments = [str(recipe), "--data", str(recipe.parent), "--out", str(recipe.parent / "run"), "--device", "cpu"]
    assert call(monkeypatch, *arguments) == 128 + signal.SIGTERM
    assert "stopped after step 1 of 4; the same command with --resume goes on" in capsys.readouterr().err


@pytest.fixture
def interruptible():
    """Ctrl-C as in a terminal: what a shell starts in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_second_signal_acts_as_if_nobody_listened():
    with stop_on_signals() as request:
        assert not request
        signal.raise_signal(signal.SIGINT)
        assert request
        assert request.signal_number == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
