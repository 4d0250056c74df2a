"""Real pictures, measured: the pipelines must reach what an independent script reached on the same data.

Not part of the repository: the pictures and weights are looked for beside it (or where ``SCENESEEK_REAL`` and
``SCENESEEK_WEIGHTS`` say), and the tests skip where they are absent.
"""

from __future__ import annotations

import pytest

from sceneseek.data.coco import read_coco
from sceneseek.evaluation import evaluate
from sceneseek.inference.extract import extract
from sceneseek.inference.media import discover, frames_of
from sceneseek.inference.predictor import load_predictor
from sceneseek.structures import Frame, MediaItem, SearchReport
from suite.needs import REAL, WEIGHTS

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.needs("pictures", "weights")]


@pytest.fixture(autouse=True)
def weights_beside_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENESEEK_WEIGHTS", str(WEIGHTS))


def score(name: str, spec: str, boxes: str = "detector", score_threshold: float = 0.3) -> SearchReport:
    scenes = read_coco(REAL / name)
    predictor = load_predictor(spec, score_threshold=score_threshold)
    extraction = extract(predictor, scenes, boxes=boxes)  # type: ignore[arg-type]
    return evaluate(extraction, scenes, det_threshold=0.3, curve=False, num_failures=0, bootstrap_samples=0)


def percent(report: SearchReport) -> tuple[float, float]:
    return 100 * report.mean_ap.value, 100 * report.top_k[1].value


def test_yolox_and_osnet_on_walkin6() -> None:
    report = score("walkin6", "yolox_nano+osnet_x0_25")
    assert report.detection is not None
    assert 100 * report.detection.ap50 >= 99.9  # reference 100.0
    assert 100 * report.detection.recall >= 99.9  # reference 100.0
    mean_ap, top_1 = percent(report)
    assert mean_ap >= 70.5  # reference 71.1, with OpenCV's resizing instead of the authors'
    assert top_1 >= 75.3  # reference 75.4


def test_osnet_on_true_boxes_of_walkin6() -> None:
    mean_ap, top_1 = percent(score("walkin6", "yolox_nano+osnet_x0_25", "truth"))
    assert mean_ap >= 71.2  # reference 71.6, with OpenCV's resizing instead of the authors'
    assert top_1 >= 76.8  # reference 76.9


def test_the_colour_histogram_on_true_boxes_of_walkin6() -> None:
    mean_ap, top_1 = percent(score("walkin6", "yolox_nano+colour_histogram", "truth"))
    assert mean_ap >= 56.0  # reference 52.0
    assert top_1 >= 60.0  # reference 55.4


def test_crowds() -> None:
    # Average precision looks at unsure detections too; a histogram describes the many of them faster than a network.
    everybody = score("mot17mini", "yolox_nano+colour_histogram", score_threshold=0.01).detection
    assert everybody is not None
    assert 100 * everybody.ap50 >= 46.5  # reference 46.9
    mean_ap, top_1 = percent(score("mot17mini", "yolox_nano+osnet_x0_25"))
    assert mean_ap >= 42.8  # reference 42.9
    assert top_1 >= 42.2  # reference 42.3


def test_four_cameras() -> None:
    assert percent(score("campus4", "yolox_nano+osnet_x0_25", "truth")) == pytest.approx((83.3, 66.7), abs=0.1)
    assert percent(score("campus4", "yolox_nano+osnet_x0_25")) >= (63.8, 49.9)  # reference 63.9 / 50.0
    tiled = score("campus4", "yolox_nano-tiled+osnet_x0_25")
    assert tiled.num_detections > 0


def test_the_video_holds_the_labelled_frames() -> None:
    (item,) = discover(REAL / "one-by-one-person-detection.mp4")
    assert isinstance(item, MediaItem)
    frames = [frame for frame in frames_of(item, every_s=10) if isinstance(frame, Frame)]
    assert [frame.frame_index for frame in frames] == list(range(0, 1394, 100))
    assert frames[0].image.shape == (432, 768, 3)
