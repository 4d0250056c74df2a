"""``sceneseek demo``: whole, and safe to run again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sceneseek.cli import app
from sceneseek.cli.demo_page import who
from sceneseek.inference import predictor as predictors
from sceneseek.structures import Detections, Match, Sample

BOXES = np.array([[i * 80 + 5, 100, i * 80 + 75, 340] for i in range(8)], np.float32)


class Stripes:
    """Calls every eighth of a picture a person, and describes it by its colours."""

    name = "stripes"
    fingerprint = "5" * 64
    embedding_dim = 3
    looked = 0

    def embed(self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> list[np.ndarray]:
        found = []
        for image, rows in zip(images, boxes, strict=True):
            means = [image[int(b[1]) : int(b[3]) + 1, int(b[0]) : int(b[2]) + 1].mean((0, 1)) + 1e-3 for b in rows]
            table = np.reshape(means, (-1, 3))
            found.append((table / np.linalg.norm(table, axis=1, keepdims=True)).astype(np.float32))
        return found

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections]:
        Stripes.looked += len(images)
        rows = self.embed(images, [BOXES] * len(images))
        return [Detections(BOXES, np.full(8, 0.9), row) for row in rows]


@pytest.mark.slow
def test_the_demo_runs_twice_and_works_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictors, "load_predictor", lambda spec, **_: Stripes())
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    folder = tmp_path / "a demo"
    pages = []
    for _ in range(2):
        result = CliRunner().invoke(app, ["demo", "--out", str(folder), "--scenes", "20"], catch_exceptions=False)
        assert result.exit_code == 0
        assert (folder / "report.html").resolve().as_uri() in result.stdout
        assert "Try next" in result.stdout
        pages.append((folder / "report.html").read_text(encoding="utf-8"))
        assert Stripes.looked == 40  # Once to index, once to score; not again.
    for page in pages:
        assert "people, sought in 20 scenes" in page
        assert page.count('class="answer panel"') == 3
        assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_who_is_told_by_the_annotations() -> None:
    sample = Sample(0, "s.jpg", 400, 300, [[0, 0, 40, 80], [100, 0, 140, 80], [200, 0, 240, 80]], [1, 2, -1])

    def at(x: float) -> str:
        return who(Match(1, 0.5, 0.9, (x, 0, x + 40, 80), "s.jpg"), sample, 1, {1: {2}})

    assert [at(x) for x in (0, 100, 200, 300)] == ["right", "look-alike", "other", "no person"]
    assert [at(x) for x in (18, 30)] == ["box off", "no person"]
