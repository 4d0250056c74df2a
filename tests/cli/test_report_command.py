"""``sceneseek report`` from the outside: saved runs, without models and annotations."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from evaluation.worlds import provenance, random_world, unit
from sceneseek.cli import app
from sceneseek.errors import DataError, ExtractionError, ValueRefused
from sceneseek.evaluation import evaluate
from sceneseek.evaluation.report import Run, write_report
from sceneseek.pictures import write_picture
from sceneseek.structures import SceneSet


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``good`` and ``noisy`` over the same scenes, ``other`` over others."""
    root = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    extraction, scenes = random_world(3, images=14, queries=10)
    samples = []
    for sample in scenes.samples:
        path = root / "pictures" / f"{sample.image_id}.jpg"
        path.parent.mkdir(exist_ok=True)
        write_picture(rng.integers(0, 255, (300, 300, 3), dtype=np.uint8), path)
        samples.append(replace(sample, path=path))
    scenes = SceneSet("a world", tuple(samples), scenes.queries)
    noise = unit(extraction.embeddings + rng.normal(scale=0.6, size=extraction.embeddings.shape))
    for name, embeddings, threshold in (("good", extraction.embeddings, 0.5), ("noisy", noise, 0.5)):
        seen = replace(extraction, embeddings=embeddings, provenance=replace(provenance(scenes), model=name))
        report = evaluate(seen, scenes, det_threshold=threshold, bootstrap_samples=20, curve=False)
        write_report(root / name, scenes, [Run(report, seen)])
    elsewhere, others = random_world(4)
    write_report(root / "other", others, [Run(evaluate(elsewhere, others, bootstrap_samples=20), elsewhere)])
    return root


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["report", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_one_run_is_shown_again(runs: Path, tmp_path: Path) -> None:
    text = run(runs / "good", "--out", tmp_path / "again")
    assert "good" in text
    assert sorted(p.name for p in (tmp_path / "again").iterdir()) == ["report.html", "report.json", "report.md"]
    saved = json.loads((runs / "good" / "report.json").read_text())
    again = json.loads((tmp_path / "again" / "report.json").read_text())
    assert again["models"] == saved["models"]


def test_two_runs_are_compared(runs: Path, tmp_path: Path) -> None:
    text = run(runs / "good", runs / "noisy" / "report.json", "--out", tmp_path)
    assert "noisy against good, in points" in text
    assert "queries are better" in text
    html = (tmp_path / "report.html").read_text()
    for part in ("Differences", "Most lost", "What became of the queries", "data:image/jpeg"):
        assert part in html
    differences = json.loads((tmp_path / "report.json").read_text())["comparisons"][0]["differences"]
    assert differences[0]["name"] == "mAP"
    assert differences[0]["low"] <= differences[0]["difference"] <= differences[0]["high"]
    assert "## noisy against good" in (tmp_path / "report.md").read_text()


def test_json_is_one_document_that_holds_the_comparison(runs: Path) -> None:
    values = json.loads(run(runs / "good", runs / "noisy", "--json"))
    assert [m["model"] for m in values["models"]] == ["good", "noisy"]
    assert values["comparisons"][0]["second"] == "noisy"


def test_a_combined_report_is_a_run_again_and_models_are_chosen_from_it(runs: Path, tmp_path: Path) -> None:
    run(runs / "good", runs / "noisy", "--out", tmp_path)
    values = json.loads(run(tmp_path, "-m", "noisy", "-m", "good", "--json"))
    assert [m["model"] for m in values["models"]] == ["noisy", "good"]
    with pytest.raises(ValueRefused, match="no run holds a model 'best'; they hold good, noisy"):
        run(tmp_path, "-m", "best")


def test_the_same_model_twice_is_told_apart_by_its_run(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "good", tmp_path / "second")
    names = [m["model"] for m in json.loads(run(runs / "good", tmp_path / "second", "--json"))["models"]]
    assert names == [f"good · {runs / 'good'}", f"good · {tmp_path / 'second'}"]


def test_pictures_that_have_moved_are_found_where_one_says(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "good", tmp_path / "run")
    shutil.copytree(runs / "pictures", tmp_path / "moved")
    text = (tmp_path / "run" / "report.json").read_text()
    (tmp_path / "run" / "report.json").write_text(text.replace(str(runs / "pictures"), "/nowhere/pictures"))
    result = CliRunner().invoke(
        app, ["report", str(tmp_path / "run"), "-o", str(tmp_path / "a")], catch_exceptions=False
    )
    assert "pictures are gone" in " ".join(result.stderr.split())
    assert "data:image/jpeg" not in (tmp_path / "a" / "report.html").read_text()
    run(tmp_path / "run", "-o", tmp_path / "b", "--images", tmp_path / "moved")
    html = (tmp_path / "b" / "report.html").read_text()
    assert "data:image/jpeg" in html
    assert "gone" not in html


def test_what_cannot_be_compared_or_read_is_refused(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(ExtractionError, match="different data"):
        run(runs / "good", runs / "other")
    with pytest.raises(DataError, match="no saved report"):
        run(tmp_path)
    with pytest.raises(DataError, match="not a folder"):
        run(runs / "good", "--images", tmp_path / "nowhere")
