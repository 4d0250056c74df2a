"""Who is asked for: everybody in a picture, views combined, counter-examples turned away from."""

from __future__ import annotations

import numpy as np
import pytest

from fake_predictor import BLUE, GREEN, RED, ColourPredictor, person, scene
from sceneseek.errors import ValueRefused
from sceneseek.finder.asking import COUNTER_WEIGHT, QueryPerson, combined, locate_person, people_in

MODEL = ColourPredictor()
NOBODY = scene()


def example(*values: float) -> QueryPerson:
    vector = np.asarray(values, np.float32)
    return QueryPerson((0, 0, 1, 1), vector / np.linalg.norm(vector))


def test_everybody_in_a_picture_the_surest_first() -> None:
    picture = scene((RED, (2, 2, 12, 12)), (GREEN, (40, 10, 80, 80)), (BLUE, (100, 10, 120, 80)))
    people = people_in(MODEL, picture)
    assert [p.box for p in people] == [(40, 10, 80, 80), (100, 10, 120, 80), (2, 2, 12, 12)]
    scores = [p.score or 0 for p in people]
    assert scores == sorted(scores, reverse=True)
    assert people_in(MODEL, NOBODY) == []


def test_company_is_everybody_else_the_surest_first() -> None:
    picture = scene((RED, (2, 2, 12, 12)), (GREEN, (40, 10, 80, 80)), (BLUE, (100, 10, 120, 80)))
    green, blue, red = people_in(MODEL, picture)
    assert green.company is not None
    np.testing.assert_array_equal(green.company, [blue.embedding, red.embedding])
    drawn = locate_person(MODEL, picture, (38, 9, 81, 82))
    assert drawn.company is not None
    np.testing.assert_array_equal(drawn.company, green.company)
    assert drawn.score is None
    assert "unsure" not in drawn.flags


def test_the_surest_person_is_the_first_of_all() -> None:
    picture = scene(person(RED), (GREEN, (60, 10, 120, 80)))
    assert locate_person(MODEL, picture).box == people_in(MODEL, picture)[0].box


def test_views_are_averaged_and_counter_examples_subtracted() -> None:
    a, b, wrong = example(1, 0, 0), example(0, 1, 0), example(0, 0, 1)
    expected = np.array([0.5, 0.5, -COUNTER_WEIGHT])
    np.testing.assert_allclose(combined([a, b], [wrong, wrong]), expected / np.linalg.norm(expected), atol=1e-6)
    np.testing.assert_allclose(combined([a]), [1, 0, 0])


def test_a_counter_example_falls_behind_somebody_who_was_as_near() -> None:
    sought, wrong, right = example(1, 0, 0), example(1, 0.5, 0), example(1, -0.5, 0)
    before, after = combined([sought]), combined([sought], [wrong])
    assert before @ wrong.embedding == pytest.approx(before @ right.embedding)
    assert after @ right.embedding > after @ wrong.embedding


def test_nobody_to_ask_for_is_refused() -> None:
    with pytest.raises(ValueRefused, match="no query picture"):
        combined([], [example(1, 0, 0)])
    with pytest.raises(ValueRefused, match="zero"):
        combined([example(1, 0, 0), example(-1, 0, 0)])
