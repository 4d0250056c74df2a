"""``sceneseek evaluate`` from the outside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sceneseek.cli import app
from sceneseek.data.coco_writing import write_coco
from sceneseek.errors import DataError, ExtractionError, ValueRefused
from sceneseek.inference import predictor as predictors
from sceneseek.pictures import write_picture
from sceneseek.structures import Detections, Query, Sample, SceneSet

LEFT, RIGHT = [4, 4, 44, 84], [60, 4, 100, 84]


@dataclass
class ColourModel:
    """Sees everyone, and knows them by their mean colour."""

    name: str
    fingerprint: str
    embedding_dim: int = 3

    def embed(self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> list[np.ndarray]:
        found = []
        for image, rows in zip(images, boxes, strict=True):
            means = [image[int(b[1]) : int(b[3]), int(b[0]) : int(b[2])].mean((0, 1)) + 1e-3 for b in rows]
            table = np.reshape(means, (-1, 3))
            found.append((table / np.linalg.norm(table, axis=1, keepdims=True)).astype(np.float32))
        return found

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections]:
        boxes = np.array([LEFT, RIGHT], np.float32)
        rows = self.embed(images, [boxes] * len(images))
        return [Detections(boxes, [0.9, 0.8], row) for row in rows]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    colours = np.array([[220, 30, 30], [30, 220, 30], [30, 30, 220], [200, 200, 30]])
    samples = []
    for i in range(12):
        people = rng.permutation(4)[:2]
        image = np.full((96, 112, 3), 120, np.uint8)
        for (x1, y1, x2, y2), person in zip((LEFT, RIGHT), people, strict=True):
            image[y1:y2, x1:x2] = colours[person]
        path = tmp_path / "people" / "images" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_picture(image, path)
        samples.append(Sample(i, path, 112, 96, [LEFT, RIGHT], people))
    queries = tuple(
        Query(i, i, LEFT, int(samples[i].person_ids[0]), tuple(j for j in range(12) if j != i)) for i in range(6)
    )
    write_coco(SceneSet("people", tuple(samples), queries), tmp_path / "people")
    return tmp_path / "people"


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    loaded: list[str] = []

    def load(spec: str, **_: object) -> ColourModel:
        loaded.append(spec)
        return ColourModel(spec, spec.encode().hex().ljust(64, "0"))

    monkeypatch.setattr(predictors, "load_predictor", load)
    return loaded


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_json_is_one_document_with_the_scores(data: Path) -> None:
    answer = json.loads(run(data, "--json", "--baseline"))
    first, second = answer["models"]
    assert first["scores"]["mAP"]["value"] == 1.0
    assert first["scores"]["detection"]["AP50"] == 1.0
    assert second["model"] == "colour_histogram"


def test_several_models_stand_in_one_table_and_one_report(data: Path, tmp_path: Path, models: list[str]) -> None:
    text = run(data, "-m", "first", "-m", "second", "--baseline", "--out", tmp_path / "out")
    for name in ("first", "second", "colour_histogram"):
        assert name in text
    files = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert files == ["extractions", "report.html", "report.json", "report.md"]
    assert len(list((tmp_path / "out" / "extractions").iterdir())) == 3


def test_truth_boxes_score_no_detection(data: Path) -> None:
    answer = json.loads(run(data, "--boxes", "truth", "--json"))
    assert answer["models"][0]["scores"]["detection"] is None
    assert answer["models"][0]["provenance"]["boxes"] == "truth"


def test_an_extraction_is_scored_without_a_model(data: Path, tmp_path: Path, models: list[str]) -> None:
    file = tmp_path / "seen.npz"
    first = json.loads(run(data, "--extraction", file, "--json"))
    assert models == ["dcinet-synthetic"]
    models.clear()
    second = json.loads(run(data, "--extraction", file, "--gallery-size", 4, "--ap", "trapezoid", "--json"))
    assert models == []
    assert second["models"][0]["gallery_size"] == 4
    assert second["models"][0]["provenance"] == first["models"][0]["provenance"]


def test_protocol_and_switches_are_kept_in_the_report(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "seen.npz"

    def protocol(*arguments: object) -> dict[str, object]:
        return json.loads(run(data, "--extraction", file, "--json", *arguments))["models"][0]["protocol"]

    plain = protocol()
    assert (plain["name"], plain["duplicates"], plain["det_threshold"]) == ("open", "dedup", 0.5)
    given = protocol("--protocol", "prw", "--query-feature", "matched_detection", "--confidence-weighted")
    assert given["name"] == "prw, query_feature=matched_detection, confidence_weighted=True"
    assert (given["duplicates"], given["query_feature"], given["confidence_weighted"]) == (
        "seqnet",
        "matched_detection",
        True,
    )
    switched = protocol("--duplicates", "double", "--det-threshold", 0.2, "--gallery-size", "full", "--ap", "trapezoid")
    assert [switched[k] for k in ("duplicates", "det_threshold", "gallery_size", "ap")] == [
        "double",
        0.2,
        "full",
        "trapezoid",
    ]
    assert "protocol webtattoo" in run(data, "--extraction", file, "--protocol", "webtattoo")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--protocol", "pwr"], "Did you mean 'prw'"),
        (["--gallery-size", "none"], "expected a number of images from 1 on, or full"),
        (["--gallery-size", "0"], "expected a number of images from 1 on, or full"),
        (["--protocol", "prw_original", "--duplicates", "double"], "cannot be 'double'"),
    ],
)
def test_impossible_protocols_are_refused_before_anything_is_read(
    data: Path, models: list[str], arguments: list[str], says: str
) -> None:
    with pytest.raises(ValueRefused, match=says):
        run(data, *arguments)
    assert models == []


def test_cameras_must_be_known(data: Path) -> None:
    with pytest.raises(DataError, match="scenes have none"):
        run(data, "--cameras", "cross")


def test_whole_images_as_boxes(data: Path) -> None:
    answer = json.loads(run(data, "--boxes", "image", "--protocol", "webtattoo_no_detection", "--json"))["models"][0]
    assert answer["provenance"]["boxes"] == "image"
    assert answer["scores"]["detection"] is None
    assert answer["scores"]["positives_found"] == 1.0


def test_what_cannot_be_done_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueRefused, match="several models"):
        run(data, "-m", "a", "-m", "b", "--extraction", tmp_path / "x.npz")
    with pytest.raises(DataError, match="does not exist"):
        run(tmp_path / "nowhere")
    run(data, "--extraction", tmp_path / "x.npz")
    with pytest.raises(ExtractionError, match="Name another file"):
        run(data, "-m", "another", "--extraction", tmp_path / "x.npz")


def test_re_ranking_is_named_on_the_screen_and_in_every_report(data: Path, tmp_path: Path) -> None:
    printed = run(data, "-m", "m", "--rerank", "k_reciprocal:k1=5,k2=2", "--out", tmp_path)
    assert "m, k_reciprocal" in printed
    table = json.loads((tmp_path / "report.json").read_text())
    assert table["models"][0]["protocol"]["rerank"] == "k_reciprocal (k1 5, k2 2, lambda 0.3)"
    for name in ("report.md", "report.html"):
        assert "k_reciprocal (k1 5, k2 2, lambda 0.3)" in (tmp_path / name).read_text()


def test_shots_of_a_group_are_one_query(data: Path, tmp_path: Path) -> None:
    file = data / "annotations.json"
    table = json.loads(file.read_text())
    person = table["queries"][0]["person_id"]
    shots = [q for q in table["queries"] if q["person_id"] == person]
    assert len(shots) > 1
    for query in shots:
        query["shot_group"] = 5
    file.write_text(json.dumps(table))
    run(data, "-m", "m", "--shots", "mean", "--out", tmp_path)
    assert "shots joined by mean" in (tmp_path / "report.html").read_text()
    for shots_by, rerank in (("mean", None), ("max", "max_of_shots")):
        printed = json.loads(run(data, "-m", "m", "--shots", shots_by, "--json"))
        model = printed["models"][0]
        assert model["queries"] == len(table["queries"]) - len(shots) + 1
        assert model["protocol"].get("rerank") == rerank
        assert model["provenance"]["data"] == f"people, shots joined by {shots_by}"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--rerank", "cbgn"), ValueRefused, "Did you mean 'cbgm'"),
        (("--shots", "max", "--rerank", "cbgm"), ValueRefused, "--shots mean goes with all"),
        (("--shots", "max", "--baseline"), ValueRefused, "--shots mean goes with all"),
        (("--shots", "mean"), DataError, "shot_group"),
    ],
)
def test_re_ranking_that_cannot_be_is_refused(
    data: Path, arguments: tuple[str, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(data, "-m", "m", *arguments)
