"""Answers to make reports of, without a model."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from sceneseek.reports import Answer, Asked, View, view_of
from sceneseek.structures import Match, Ranking, Sighting, Standing

NOON = datetime(2026, 3, 2, 12, 3, 22, tzinfo=UTC)
BOX = (20.0, 10.0, 60.0, 90.0)


def answer(standing: Standing | None = "likely", name: str = "/media/hall.mp4", calibrated: bool = True) -> Answer:
    """A match seen for half a minute, a doubtful one, and one whose picture is gone."""
    picture = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    view = view_of(picture, BOX)
    sighting = Sighting("k:t1", 0.2, 32.0, 31)
    facts = {"score": 0.99, "box": BOX, "width": 160, "height": 120}
    matches = (
        Match(1, 0.97, source=name, frame_index=120, time_s=12.0, camera_id="=cmd()", detection_id="k:120:0",
              media_key="k", captured_at=NOON, sighting=sighting, false_match_rate=2e-6, rate_interval=(1e-6, 5e-6),
              others_expected=0.002, others_interval=(0.0, 0.01), standing=standing, piece=1, **facts),  # type: ignore[arg-type]
        Match(2, 0.80, source="/media/b.jpg", flags=("small", "cut"), false_match_rate=0.004,
              rate_interval=(0.001, 0.02), rate_borrowed=True, others_expected=3.6, others_interval=(1.0, 9.0),
              standing="possible", piece=1, **facts),  # type: ignore[arg-type]
        Match(3, 0.70, source="/media/gone.jpg", standing="possible", **facts),  # type: ignore[arg-type]
    )  # fmt: skip
    gone = View(None, None, BOX, "/media/gone.jpg is no longer there.")
    ranking = Ranking(matches, "crowd", 900, {"camera": "hall"}, {"index": "exact"}, standing, calibrated)
    asked = (Asked("/q/query.jpg", view, 0.9, ("blurred",)), Asked("/m/wrong.jpg", view, None, (), against=True))
    return Answer(asked, ranking, (view, view, gone), "/g", "ab" * 32, "cd" * 32, NOON, 0.12, "other people")
