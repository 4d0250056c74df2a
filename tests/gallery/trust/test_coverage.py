"""A small part of ``python -m benchmarks calibration``: claims come true on every kind of camera, even one left out.

People are directions without a network. The cameras differ in what they do to everybody, and half of the people wear a
uniform: what makes them alike lies in directions that they share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pytest

from sceneseek.gallery.lookups import EmbeddingSample
from sceneseek.gallery.trust.calibration import Calibration, calibrate
from sceneseek.gallery.trust.cohorts import Cohorts, group_names
from sceneseek.similarity import normalise

DIM = 64
CAMERAS = 6
PICTURES = 60
TOGETHER = 5
PEOPLE = 150


@dataclass(frozen=True)
class Footage:
    """Photographs of five people each by six cameras, and who is in them."""

    uniforms: bool
    seed: int

    @cached_property
    def who(self) -> np.ndarray:
        rng = np.random.default_rng([self.seed, 1])
        return np.array([rng.choice(PEOPLE, TOGETHER, replace=False) for _ in range(CAMERAS * PICTURES)]).reshape(-1)

    @cached_property
    def cameras(self) -> np.ndarray:
        return np.repeat(np.arange(CAMERAS), PICTURES * TOGETHER)

    @cached_property
    def people(self) -> EmbeddingSample:
        rng = np.random.default_rng([self.seed, 2])
        looks = rng.normal(size=(PEOPLE, DIM))
        if self.uniforms:
            looks[::2] += 8 * normalise(rng.normal(size=(1, DIM)))
        tints = rng.normal(size=(CAMERAS, DIM)) * rng.uniform(0.2, 0.8, (CAMERAS, 1))
        lights = np.repeat(rng.normal(size=(CAMERAS * PICTURES, DIM)) * 0.3, TOGETHER, axis=0)
        noise = rng.normal(size=(len(self.who), DIM)) * 0.5
        embeddings = normalise(looks[self.who] + tints[self.cameras] + lights + noise).astype(np.float32)
        count = len(embeddings)
        rows = pa.table({
            "id": pa.array([f"d{i}" for i in range(count)]),
            "media_key": pa.array([str(i // TOGETHER) for i in range(count)]),
            "source": pa.array([f"/{i // TOGETHER}.jpg" for i in range(count)]),
            "frame_index": pa.array(np.zeros(count, np.int64)),
            "camera_id": pa.array([f"c{camera}" for camera in self.cameras]),
            "tracklet_id": pa.nulls(count, pa.string()),
            "time_s": pa.nulls(count, pa.float64()),
            **{n: pa.array((20.0 * (np.arange(count) % TOGETHER) + d).astype(np.float32)) for n, d in _CORNERS},
        })  # fmt: skip
        return EmbeddingSample(embeddings, rows)

    def calibration(self, left_out: int | None = None) -> Calibration:
        some = np.flatnonzero(self.cameras != left_out)
        part = EmbeddingSample(self.people.embeddings[some], self.people.rows.take(some))
        return calibrate(part, Cohorts.of(self.people), "detection")

    def claimed(self, calibration: Calibration, on: np.ndarray) -> np.ndarray:
        """Rates of strangers in other pictures, for some queries among some of the people."""
        assert calibration.strangers is not None
        quick = replace(calibration.strangers, resampled=calibration.strangers.resampled[:1])  # intervals are not asked
        calibration = replace(calibration, strangers=quick)
        names, people, rates = group_names(self.people.rows), self.people.embeddings, []
        for row in np.random.default_rng(0).permutation(np.flatnonzero(on))[:40]:
            others = np.flatnonzero(on & (self.who != self.who[row]) & (np.arange(len(on)) // 5 != row // 5))
            found = calibration.rates(people[row], people[others] @ people[row], [names[i] for i in others])
            assert found is not None
            rates.append(found.rate)
        return np.concatenate(rates)


_CORNERS = (("x1", 0.0), ("y1", 0.0), ("x2", 10.0), ("y2", 10.0))


@pytest.mark.parametrize("uniforms", [False, True])
def test_claims_come_true_on_every_kind_of_camera(uniforms: bool) -> None:
    footage = Footage(uniforms, seed=3)
    rates = footage.claimed(footage.calibration(), np.ones(len(footage.who), bool))
    for claim in (0.1, 0.01):
        assert 0.4 < (rates <= claim).mean() / claim < 2, claim


@pytest.mark.parametrize("uniforms", [False, True])
def test_borrowed_claims_come_true_on_cameras_that_were_left_out(uniforms: bool) -> None:
    footage = Footage(uniforms, seed=4)
    rates = np.concatenate([
        footage.claimed(footage.calibration(left_out=camera), footage.cameras == camera) for camera in range(CAMERAS)
    ])  # fmt: skip
    for claim in (0.1, 0.01):
        assert 0.3 < (rates <= claim).mean() / claim < 2.5, claim
