"""Extraction: the model's work on a data set, once, resumable, on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from sceneseek.errors import DataError, ExtractionError, ModelError
from sceneseek.inference import extract as module
from sceneseek.inference.extract import extract
from sceneseek.pictures import write_picture
from sceneseek.structures import Detections, Query, Sample, SceneSet


@dataclass
class MeanColour:
    """Finds the boxes it is told of; embeds a box as the mean colour of its pixels."""

    name: str = "mean colour"
    fingerprint: str = "f" * 64
    embedding_dim: int = 3
    per_call: list[int] = field(default_factory=list)
    fail_after: int | None = None

    def embed(self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> list[np.ndarray]:
        rows = []
        for image, given in zip(images, boxes, strict=True):
            means = [
                image[int(b[1]) : int(b[3]), int(b[0]) : int(b[2])].reshape(-1, 3).astype(np.float64).mean(0) + 1e-6
                for b in given
            ]
            table = np.reshape(means, (-1, 3))
            rows.append((table / np.linalg.norm(table, axis=1, keepdims=True)).astype(np.float32))
        return rows

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections]:
        if self.fail_after is not None and len(self.per_call) >= self.fail_after:
            raise KeyboardInterrupt
        self.per_call.append(len(images))
        found = []
        for image in images:
            if image.mean() < 1:
                found.append(Detections.empty(3))
                continue
            boxes = np.array([[0, 0, 8, 16], [8, 0, 16, 16]], np.float32)
            found.append(Detections(boxes, [0.9, 0.8], self.embed([image], [boxes])[0]))
        return found


@pytest.fixture
def scenes(tmp_path: Path) -> SceneSet:
    rng = np.random.default_rng(5)
    samples = []
    for i in range(7):
        image = rng.integers(40, 255, (16, 20, 3), dtype=np.uint8) if i != 3 else np.zeros((16, 20, 3), np.uint8)
        path = tmp_path / "images" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        write_picture(image, path)
        boxes = np.array([[0, 0, 8, 16], [8, 0, 16, 16], [2, 2, 6, 6]], np.float32)
        samples.append(Sample(10 + i, path, 20, 16, boxes, [i % 2, -1, -1], ignore_mask=[False, False, True]))
    queries = (
        Query(7, 12, np.array([0, 0, 8, 16], np.float32), 0, (10, 11, 14)),
        Query(3, 11, np.array([0, 0, 8, 16], np.float32), 1, (13, 15)),
        Query(4, 12, np.array([8, 0, 16, 16], np.float32), 0, (10,)),
    )
    return SceneSet("seven", tuple(samples), queries)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 50])
def test_order_is_that_of_the_scenes_whatever_the_batch_size(scenes: SceneSet, batch_size: int) -> None:
    result = extract(MeanColour(), scenes, batch_size=batch_size)
    assert result.image_ids.tolist() == [10, 11, 12, 13, 14, 15, 16]
    assert np.diff(result.offsets).tolist() == [2, 2, 2, 0, 2, 2, 2]
    assert result.query_ids.tolist() == [7, 3, 4]
    # The query box of image 12 is its first detection, so the two embeddings agree.
    assert np.array_equal(result.query_embeddings[0], result.detections(12).embeddings[0])
    assert np.array_equal(result.query_embeddings[2], result.detections(12).embeddings[1])
    assert result.provenance.boxes == "detector"
    result.require(scenes)


def test_truth_boxes_are_embedded_with_score_one_and_ignored_ones_left_out(scenes: SceneSet) -> None:
    result = extract(MeanColour(), scenes, boxes="truth", batch_size=3)
    assert np.diff(result.offsets).tolist() == [2] * 7
    assert result.scores.tolist() == [1.0] * 14
    assert np.array_equal(result.query_embeddings[1], result.detections(11).embeddings[0])


def test_interrupted_extraction_goes_on_and_equals_the_uninterrupted_one(
    scenes: SceneSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IMAGES_PER_PART", 2)
    path = tmp_path / "extraction.npz"
    with pytest.raises(KeyboardInterrupt):
        extract(MeanColour(fail_after=2), scenes, batch_size=2, path=path)
    assert not path.exists()
    model = MeanColour()
    resumed = extract(model, scenes, batch_size=2, path=path)
    assert model.per_call == [2, 1]  # Two parts of two were kept.
    whole = extract(MeanColour(), scenes, batch_size=2)
    for name in ("image_ids", "offsets", "boxes", "scores", "embeddings", "query_ids", "query_embeddings"):
        assert np.array_equal(getattr(resumed, name), getattr(whole, name)), name
    assert path.exists()
    assert not Path(f"{path}.parts").exists()


def test_parts_of_another_model_are_not_used(scenes: SceneSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IMAGES_PER_PART", 2)
    path = tmp_path / "extraction.npz"
    with pytest.raises(KeyboardInterrupt):
        extract(MeanColour(fail_after=2), scenes, batch_size=2, path=path)
    other = MeanColour(fingerprint="0" * 64)
    extract(other, scenes, batch_size=2, path=path)
    assert other.per_call == [2, 2, 2, 1]


def test_finished_extraction_is_read_and_another_models_is_refused(scenes: SceneSet, tmp_path: Path) -> None:
    path = tmp_path / "extraction.npz"
    extract(MeanColour(), scenes, path=path)
    again = MeanColour()
    extract(again, scenes, path=path)
    assert again.per_call == []
    with pytest.raises(ExtractionError, match="Name another file"):
        extract(MeanColour(fingerprint="0" * 64), scenes, path=path)
    with pytest.raises(ExtractionError, match="truth boxes"):
        extract(MeanColour(), scenes, boxes="truth", path=path)


def test_another_model_can_describe_the_same_boxes(scenes: SceneSet, tmp_path: Path) -> None:
    found = extract(MeanColour(), scenes)

    class Constant:
        fingerprint = "constant"
        embedding_dim = 2

        def embed(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
            return np.tile(np.array([0.6, 0.8], np.float32), (len(boxes), 1))

    model = module.Describer(Constant(), "constant")
    described = extract(model, scenes, boxes=found)
    assert np.array_equal(described.boxes, found.boxes)
    assert np.array_equal(described.scores, found.scores)
    assert described.embeddings.shape == (len(found.boxes), 2)
    assert described.query_embeddings.shape == (3, 2)
    assert described.provenance.fingerprint != model.fingerprint  # It depends on the boxes too.
    with pytest.raises(ModelError, match="give it boxes"):
        extract(model, scenes)


def test_progress_ends_at_the_total(scenes: SceneSet) -> None:
    calls: list[tuple[int, int | None]] = []
    extract(MeanColour(), scenes, batch_size=3, progress=lambda done, total, note="": calls.append((done, total)))
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert calls[-1] == (7, 7)


def test_missing_or_resized_picture_is_an_error_that_names_it(scenes: SceneSet) -> None:
    write_picture(np.full((16, 30, 3), 99, np.uint8), scenes.samples[4].path)
    with pytest.raises(DataError, match="30x16 pixels; the annotations say 20x16"):
        extract(MeanColour(), scenes)
    scenes.samples[4].path.write_bytes(b"nothing like a picture")
    with pytest.raises(DataError, match="Image 14 of the data set"):
        extract(MeanColour(), scenes)


def test_no_scenes_give_an_empty_extraction() -> None:
    result = extract(MeanColour(), SceneSet("none", ()))
    assert len(result) == 0
    assert result.embeddings.shape == (0, 3)


def test_half_precision_is_stored_as_such(scenes: SceneSet, tmp_path: Path) -> None:
    path = tmp_path / "half.npz"
    extract(MeanColour(), scenes, half=True, path=path)
    assert module.Extraction.load(path).embeddings.dtype == np.float16
