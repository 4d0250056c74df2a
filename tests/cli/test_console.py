"""The progress bar and the table: rates that can be believed, words for every number, names that stay whole."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
from rich.console import Console

from sceneseek.cli import console, ranking_table
from sceneseek.cli.console import Pace, progress_bar
from sceneseek.structures import Match, Ranking

NAME = "one-by-one-person-detection-of-the-long-corridor.mp4"


class Clock:
    """Goes as far as it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_no_rate_is_told_before_there_is_one(clock: Clock) -> None:
    pace = Pace(clock)
    for done in range(1, 9):  # the first group, all at once
        pace.note(done)
    assert (pace.rate, pace.left(100)) == (None, None)
    clock.now = 4.0
    pace.note(16)
    assert pace.rate == pytest.approx(15 / 4)
    assert pace.left(76) == pytest.approx(60 / (15 / 4))


def test_what_an_earlier_run_did_is_no_speed(clock: Clock) -> None:
    pace = Pace(clock)
    clock.now = 0.01
    pace.note(90_000)  # a video that is resumed near its end
    clock.now = 10.01
    pace.note(90_020)
    assert pace.rate == pytest.approx(2)


def test_the_rate_is_that_of_the_last_while(clock: Clock) -> None:
    pace = Pace(clock)
    for second in range(60):
        clock.now = float(second)
        pace.note(100 * min(second, 20) + max(0, second - 20))
    assert pace.rate == pytest.approx(1)
    assert pace.elapsed == 59


def printed(monkeypatch: pytest.MonkeyPatch, work: Any, width: int = 100, where: str = "err") -> str:
    stream = io.StringIO()
    target = Console(file=stream, width=width, force_terminal=where == "err", color_system=None)
    monkeypatch.setattr(console, where, target)
    monkeypatch.setattr(ranking_table, "out", target)
    work()
    return stream.getvalue()


def test_a_bar_says_what_its_numbers_are_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        with progress_bar("looking for files", ended="files found") as progress:
            progress(0, None, "3 so far")
        with progress_bar("indexing", "pictures") as progress:
            progress(2, 4)
            progress(4, 4)

    text = printed(monkeypatch, work)
    first, second = (line for line in text.splitlines() if "0:00:0" in line and ("found" in line or "4 of 4" in line))
    assert "files found" in first
    assert "0/?" not in text
    assert "4 of 4 pictures, 0:00:0" in second
    assert "gone" in second
    assert "a second" not in text  # it was over before there was a rate


def answer() -> Ranking:
    match = Match(1, 0.9, 0.9, (1, 2, 30, 40), f"/media/a/{NAME}", time_s=3.0, camera_id="door", flags=("small",))
    return Ranking((match, Match(2, 0.8, 0.9, (1, 2, 30, 40), "/media/b/photograph.jpg")), "model", 20)


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_names_are_not_broken_in_the_table(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    text = printed(monkeypatch, lambda: ranking_table.show(answer(), [], 0.04, 3.7), width, "out")
    assert f"a/{NAME}" in text
    assert "time not known" in text  # of the photograph
    assert "doubts" in text
    assert ("1,2,30,40" in text) == (width >= 200)
    assert all(len(line.rstrip()) <= width for line in text.splitlines() if NAME in line)
    assert "20 people compared in 40 ms (and 3.7 s to estimate how high strangers score here)" in text


def test_what_strangers_can_have_logged_again_and_again_is_said_once_a_minute(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    told = console.Told(logging.WARNING, clock)

    def log(name: str, message: str) -> None:
        told.handle(logging.LogRecord(name, logging.WARNING, "", 0, message, (), None))

    for _ in range(1000):
        log("uvicorn.error", "Invalid HTTP request received.")
        log("uvicorn.error", "Exceeded concurrency limit.")
    assert capsys.readouterr().err.count("\n") == 2
    clock.now = 61.0
    log("uvicorn.error", "Invalid HTTP request received.")
    assert "Invalid HTTP request received. (999 more since it was last said)" in capsys.readouterr().err
    for number in range(300):
        log("uvicorn.error", f"message {number}")
        log("sceneseek.gallery", "always said")
    assert capsys.readouterr().err.count("always said") == 300
