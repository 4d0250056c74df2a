"""Boxes that mean something else than they should, recognised by all of them together; right ones never are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sceneseek.data.plausibility import UNLIKELY_BOXES, Boxes
from sceneseek.data.problems import Place, ProblemList

PLACE = Place(Path("annotations.json"))
WIDTH, HEIGHT = 1280, 720


def people(count: int, seed: int = 0) -> np.ndarray:
    """``(count, 4)`` ``x, y, w, h``: people all over a picture."""
    random = np.random.default_rng(seed)
    h = random.uniform(60, 400, count)
    w = h * random.uniform(0.3, 0.5, count)
    x, y = random.uniform(0, 1, count) * (WIDTH - w), random.uniform(0, 1, count) * (HEIGHT - h)
    return np.stack([x, y, w, h], axis=1)


def said(rows: np.ndarray, size: tuple[int, int] = (WIDTH, HEIGHT), of_people: bool = True) -> list[tuple[str, str]]:
    boxes, problems = Boxes(), ProblemList()
    for row in rows.tolist():
        boxes.add(row, *size)
    boxes.check(PLACE, problems, of_people=of_people)
    assert all(p.kind == UNLIKELY_BOXES and p.place == PLACE for p in problems.problems)
    return [(p.severity, p.message) for p in problems.problems]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 200])
def test_right_boxes_are_not_remarked_on(count: int, seed: int) -> None:
    assert said(people(count, seed)) == []


def test_what_right_boxes_may_look_like() -> None:
    assert said(np.array([[0, 0, WIDTH, HEIGHT]] * 40), of_people=False) == []  # crops: the whole picture
    wide = people(40) * [1, 1, 3, 0.3]
    assert said(wide, (4000, HEIGHT), of_people=False) == []  # tattoos
    leaving = people(40)
    leaving[::4, 0] = WIDTH - leaving[::4, 2] / 2  # people who leave at the right
    leaving[1::4, 0] = -leaving[1::4, 2] / 2  # and at the left
    assert said(leaving) == []
    close = np.array([[700, 300, 700, 500], [500, 200, 600, 600]])  # two who fill the picture and more
    assert said(close) == []


AS_SOMETHING_ELSE: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str, str]] = {
    "shares": (lambda b: b / [WIDTH, HEIGHT, WIDTH, HEIGHT], "error", "shares of the picture"),
    "shares as corners": (
        lambda b: np.hstack([b[:, :2], b[:, :2] + b[:, 2:]]) / [WIDTH, HEIGHT, WIDTH, HEIGHT],
        "error",
        "shares of the picture",
    ),
    "shares about the centre": (
        lambda b: np.hstack([b[:, :2] + b[:, 2:] / 2, b[:, 2:]]) / [WIDTH, HEIGHT, WIDTH, HEIGHT],
        "error",
        "shares of the picture",
    ),
    "corners": (lambda b: np.hstack([b[:, :2], b[:, :2] + b[:, 2:]]), "error", "look like corners"),
    "centres": (lambda b: np.hstack([b[:, :2] + b[:, 2:] / 2, b[:, 2:]]), "note", "the centre, width and height"),
    "rows first": (lambda b: b[:, [1, 0, 3, 2]], "note", "y, x, height and width|wider than tall"),
    "corners, rows first": (
        lambda b: np.hstack([b[:, :2], b[:, :2] + b[:, 2:]])[:, [1, 0, 3, 2]],
        "note",
        "y1, x1, y2 and x2",
    ),
    "per cent": (lambda b: 100 * b / [WIDTH, HEIGHT, WIDTH, HEIGHT], "note", "per cent"),
    "drawn at a quarter": (lambda b: b / 4, "note", "drawn on smaller pictures"),
    "drawn at double": (lambda b: 2 * b + [WIDTH, HEIGHT, 0, 0], "note", "end outside"),
    "width and height swapped": (lambda b: b[:, [0, 1, 3, 2]] * [0.5, 0.9, 1, 1], "note", "wider than tall|every one"),
}  # fmt: skip


@pytest.mark.parametrize("name", AS_SOMETHING_ELSE)
@pytest.mark.parametrize("seed", range(4))
def test_boxes_of_other_programs_are_recognised(name: str, seed: int) -> None:
    change, severity, words = AS_SOMETHING_ELSE[name]
    ((found, message),) = said(change(people(60, seed)))
    assert found == severity
    assert any(part in message for part in words.split("|")), message


def test_three_boxes_are_enough_for_corners_and_shares() -> None:
    assert said(np.array([[0.1, 0.1, 0.3, 0.6]]), (320, 240))[0][0] == "error"
    assert said(np.array([[200, 100, 300, 230]] * 3), (320, 240))[0][0] == "error"
    # Of two it cannot be known: a person may fill the picture and more.
    assert said(np.array([[200, 100, 300, 230]] * 2), (320, 240))[0][0] == "note"
    assert "centre" in said(np.array([[200, 165, 100, 130]] * 3), (320, 240))[0][1]


def test_a_few_wrong_ones_do_not_condemn_a_file() -> None:
    rows = people(60)
    rows[:3] /= [WIDTH, HEIGHT, WIDTH, HEIGHT]
    rows[3:6, 2:] += rows[3:6, :2] + 900
    assert said(rows) == []


def test_boxes_without_numbers_do_not_disturb() -> None:
    rows = people(20)
    rows[0, 0] = np.nan
    assert said(rows) == []
    assert said(np.full((3, 4), np.nan)) == []


def test_clipped_boxes_are_named_one_by_one_where_the_file_is_right() -> None:
    boxes, problems = Boxes(), ProblemList()
    for row in people(20).tolist():
        boxes.add(row, WIDTH, HEIGHT)
    boxes.clipped(PLACE.at("annotation 4"), [-5, 60, 50, 50], "a.jpg", 100, 80)
    boxes.check(PLACE, problems)
    assert [str(p) for p in problems.notes] == [
        "annotations.json, annotation 4: the box [-5, 60, 50, 50] sticks out of its picture a.jpg of 100x80 pixels; it "
        "is clipped."
    ]
