"""Who of a sample is taken for one person."""

from __future__ import annotations

import numpy as np

from sceneseek.gallery.trust.alike import likeness, one_person
from sceneseek.similarity import normalise


def test_pictures_of_one_person_are_one_person_within_a_group() -> None:
    rng = np.random.default_rng(0)
    people = normalise(rng.normal(size=(20, 64)))
    pictures = normalise(np.repeat(people, 5, axis=0) + rng.normal(size=(100, 64)) * 0.02).astype(np.float32)
    who = np.repeat(np.arange(20), 5)
    found = one_person(pictures, np.zeros(100, np.int64), 0.9)
    assert len(np.unique(found)) == 20
    assert all(len(set(found[who == person])) == 1 for person in range(20))
    apart = one_person(pictures, np.arange(100) % 5, 0.9)
    assert len(np.unique(apart)) == 100, "members of different groups are never one person"


def test_larger_samples_ask_for_more_likeness_so_that_strangers_are_not_chained() -> None:
    similarities = np.random.default_rng(0).normal(0, 0.2, 100_000)
    assert likeness(similarities, 10_000) > likeness(similarities, 100)
    assert likeness(np.zeros(0), 5) == 1.0
