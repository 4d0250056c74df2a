"""``report.json``: what is written is read back, without the model and without the annotations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.test_report import world_with_pictures
from evaluation.worlds import random_world
from sceneseek.errors import DataError
from sceneseek.evaluation import evaluate
from sceneseek.evaluation.album import Album
from sceneseek.evaluation.report import Run, write_records, write_report
from sceneseek.evaluation.saved import RunRecord, as_json, read_report, text_of, told_apart
from sceneseek.structures import CocoScores, Detections, Extraction, Query, Sample, Score, SearchReport, ThresholdPoint


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunRecord]:
    folder = tmp_path_factory.mktemp("saved")
    extraction, scenes = world_with_pictures(folder)
    report = evaluate(extraction, scenes, bootstrap_samples=20, num_failures=3)
    point = ThresholdPoint(0.3, 2.5, Score(0.5, 0.4, 0.6), Score(0.5), Score(0.9))
    assert report.detection is not None
    coco = replace(report.detection, coco=CocoScores(0.4, 0.6, 0.5, 0.7))
    report = replace(report, threshold_sweep=(point,), detection=coco)
    write_report(folder / "out", scenes, [Run(report, extraction)], "made by hand")
    return folder / "out", RunRecord(report, Album.of(report, extraction, scenes))


def assert_same_report(got: SearchReport, expected: SearchReport) -> None:
    for name in ("provenance", "num_images", "num_detections", "num_queries", "num_unanswerable", "gallery_size",
                 "mean_ap", "positives_found", "failures", "gallery_curve", "threshold_sweep", "seconds"):  # fmt: skip
        assert getattr(got, name) == getattr(expected, name), name
    assert dict(got.top_k) == dict(expected.top_k)
    assert dict(got.protocol) == dict(expected.protocol)
    for name in ("query_ids", "average_precision", "recall", "first_hit_rank", "num_positives", "num_found",
                 "num_ranked", "num_images"):  # fmt: skip
        np.testing.assert_array_equal(getattr(got.outcomes, name), getattr(expected.outcomes, name), err_msg=name)
    top = got.outcomes.top_detections.shape[1]
    there = expected.outcomes.top_detections >= 0
    np.testing.assert_array_equal(got.outcomes.top_detections >= 0, there[:, :top])
    assert not there[:, top:].any()
    np.testing.assert_array_equal(got.outcomes.top_hits, expected.outcomes.top_hits[:, :top])
    np.testing.assert_allclose(got.outcomes.top_similarities, expected.outcomes.top_similarities[:, :top], atol=1e-6)
    np.testing.assert_array_equal(got.cmc, expected.cmc)
    np.testing.assert_array_equal(got.histogram.matches, expected.histogram.matches)
    assert (got.detection is None) == (expected.detection is None)
    if got.detection is not None and expected.detection is not None:
        for name in ("recall", "ap", "ap50", "score_threshold", "num_people", "num_detections", "recall_interval",
                     "ap50_interval", "coco"):  # fmt: skip
            assert getattr(got.detection, name) == getattr(expected.detection, name), name
        np.testing.assert_allclose(got.detection.curve_recall, expected.detection.curve_recall, atol=1e-6)


def test_a_report_survives_the_file(saved: tuple[Path, RunRecord]) -> None:
    folder, record = saved
    (got,) = read_report(folder)
    assert_same_report(got.report, record.report)
    np.testing.assert_array_equal(got.album.query_people, record.album.query_people)
    top = got.album.ranked_images.shape[1]
    np.testing.assert_array_equal(got.album.ranked_images, record.album.ranked_images[:, :top])
    np.testing.assert_allclose(got.album.ranked_boxes, record.album.ranked_boxes[:, :top], atol=0.01)
    assert {got.album.path(i) for i in got.album.names} == {record.album.path(i) for i in record.album.names}
    assert all(got.album.path(i).is_file() for i in got.album.names)


def test_the_page_of_a_saved_report_is_the_page_of_the_evaluation(
    saved: tuple[Path, RunRecord], tmp_path: Path
) -> None:
    files = write_records(tmp_path, read_report(saved[0]), "made by hand")
    for name in ("report.json", "report.md"):
        drop = lambda text: [line for line in text.splitlines() if "UTC" not in line]  # noqa: E731
        assert drop((tmp_path / name).read_text()) == drop((saved[0] / name).read_text())
    again, first = files["html"].read_text(), (saved[0] / "report.html").read_text()
    assert again.count("data:image/jpeg") == first.count("data:image/jpeg") > 15
    assert "gone" not in again


def test_pictures_that_are_gone_are_said_to_be(saved: tuple[Path, RunRecord], tmp_path: Path) -> None:
    records = [replace(r, album=r.album.moved(tmp_path / "nowhere")) for r in read_report(saved[0])]
    text = write_records(tmp_path, records)["html"].read_text()
    assert "are gone" in text
    assert "--images" in text
    assert "data:image/jpeg" not in text
    assert str(records[0].report.mean_ap) in text


def test_one_line_per_query_keeps_the_file_readable(saved: tuple[Path, RunRecord]) -> None:
    text = (saved[0] / "report.json").read_text()
    values = json.loads(text)
    assert text_of(values) == text
    assert text.count('{"image": ') == sum(len(q["top"]) for q in values["models"][0]["per_query"])
    assert max(len(line) for line in text.splitlines()) < 6000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "report.json cannot be read \\(it is not JSON"),
        ('{"format": 1, "models": []}', "format 2 .found 1."),
        ("[]", "found None"),
        ('{"format": 2, "models": [{"scores": {}}]}', "KeyError"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        read_report(tmp_path)
    assert "sceneseek evaluate --out" in str(caught.value)


def test_no_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no saved report"):
        read_report(tmp_path)


def test_numbers_alone_cannot_be_shown_again(tmp_path: Path) -> None:
    """``--json`` prints reports without an album."""
    extraction, scenes = random_world(2)
    values = as_json([evaluate(extraction, scenes, bootstrap_samples=0)])
    (tmp_path / "report.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match="pictures"):
        read_report(tmp_path)


def test_runs_of_one_name_say_where_they_come_from(saved: tuple[Path, RunRecord]) -> None:
    record = saved[1]
    other = replace(record, report=replace(record.report, provenance=replace(record.report.provenance, model="b+c")))
    told = told_apart([record, other, record, record], ["runs/1", "runs/1", "runs/2", "runs/2"])
    names = [r.report.provenance.model for r in told]
    assert names[1] == "b+c"
    assert [n.rsplit(" · ", 1)[-1] for n in (names[0], *names[2:])] == ["runs/1", "runs/2", "runs/2 (2)"]


def test_a_report_without_a_single_ranked_detection(tmp_path: Path) -> None:
    from evaluation.worlds import provenance
    from sceneseek.structures import SceneSet

    samples = (Sample(0, "a.jpg", 99, 99, [[0, 0, 10, 20]], [1]), Sample(1, "b.jpg", 99, 99, [[0, 0, 10, 20]], [1]))
    scenes = SceneSet("nothing seen", samples, (Query(0, 0, [0, 0, 10, 20], 1, (1,)),))
    found = [(0, Detections.empty(2)), (1, Detections.empty(2))]
    extraction = Extraction.gather(found, [(0, np.array([1.0, 0.0]))], provenance(scenes), 2)
    report = evaluate(extraction, scenes, bootstrap_samples=20)
    write_report(tmp_path, scenes, [Run(report, extraction)])
    (got,) = read_report(tmp_path)
    assert_same_report(got.report, report)
    assert "nothing was ranked" in write_records(tmp_path / "again", [got])["html"].read_text()
