from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

import tiny_onnx
from sceneseek.errors import ModelError, UnknownModelError, WeightsError
from sceneseek.models.tiling import Tiling
from sceneseek.models.two_step import People, TwoStep, create_two_step
from sceneseek.models.two_step.colour_histogram import ColourHistogram, stripe_histograms
from sceneseek.models.two_step.naming import Half
from sceneseek.models.two_step.onnx_session import OnnxNetwork
from sceneseek.models.two_step.osnet import OSNet, network_input
from sceneseek.models.two_step.parts import person_crop, unit_rows
from sceneseek.models.two_step.pipeline import to_pixels
from sceneseek.models.two_step.tiling import Tiled
from sceneseek.models.two_step.torchvision_parts import TorchvisionDetector, TorchvisionEmbedder
from sceneseek.models.two_step.yolox import STRIDES, YOLOX, decode, letterbox, num_anchors

RNG = np.random.default_rng(0)


def noise(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("height", "width"), [(480, 640), (1080, 1920), (300, 100), (416, 416), (77, 33)])
def test_letterbox_is_the_authors_preprocessing(height: int, width: int) -> None:
    image = noise(height, width)
    # The definition, as the authors' preproc states it.
    padded = np.ones((416, 416, 3), np.uint8) * 114
    r = min(416 / height, 416 / width)
    resized = cv2.resize(image, (int(width * r), int(height * r)), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    padded[: int(height * r), : int(width * r)] = resized
    expected = np.ascontiguousarray(padded.transpose(2, 0, 1), dtype=np.float32)
    blob, ratio = letterbox(image, (416, 416))
    assert np.array_equal(blob, expected)
    assert blob.dtype == np.float32
    assert ratio == r


def test_letterbox_keeps_a_row_of_a_very_wide_picture() -> None:
    blob, _ = letterbox(noise(1, 5000), (416, 416))
    assert (blob[:, 1:] == 114).all()
    assert not (blob[:, 0] == 114).all()


def test_decoding_equals_its_definition_cell_by_cell() -> None:
    size = (64, 96)
    raw = RNG.normal(0, 0.5, (num_anchors(size), 85)).astype(np.float32)
    expected, i = raw.copy(), 0
    for stride in STRIDES:
        for row in range(size[0] // stride):
            for column in range(size[1] // stride):
                dx, dy, log_w, log_h = raw[i, :4]
                expected[i, :4] = (
                    (dx + column) * stride,
                    (dy + row) * stride,
                    np.exp(log_w) * stride,
                    np.exp(log_h) * stride,
                )
                i += 1
    assert i == len(raw)
    np.testing.assert_allclose(decode(raw, size), expected, rtol=1e-5)


def raw_person(
    rows: np.ndarray, cell: int, centre: tuple[float, float], sides: tuple[float, float], score: float
) -> None:
    """Write a person into raw outputs, at a cell of the coarsest stride; the class score is one."""
    offset = num_anchors((416, 416)) - 13 * 13
    column, row = cell % 13, cell // 13
    rows[offset + cell, :6] = (
        centre[0] / 32 - column,
        centre[1] / 32 - row,
        np.log(sides[0] / 32),
        np.log(sides[1] / 32),
        score,
        1.0,
    )


def detector_file(tmp_path: Path) -> Path:
    rows = np.zeros((3549, 85), np.float32)
    raw_person(rows, 30, (100, 80), (40, 90), 0.9)
    raw_person(rows, 31, (102, 82), (40, 90), 0.8)  # the same person again
    raw_person(rows, 90, (300, 200), (30, 60), 0.5)
    raw_person(rows, 91, (310, 100), (30, 60), 0.04)
    rows[3380, 4:8] = (0.9, 0.0, 1.0, 0.0)  # a bicycle
    return tiny_onnx.constant_detector(tmp_path / "detector.onnx", rows)


def test_yolox_finds_people_in_pixels_of_the_picture(tmp_path: Path) -> None:
    found = YOLOX(detector_file(tmp_path), "0").detect(noise(208, 208))  # scaled by two
    np.testing.assert_allclose(found.scores, [0.9, 0.5], rtol=1e-5)
    np.testing.assert_allclose(found.boxes, [[40, 17.5, 60, 62.5], [142.5, 85, 157.5, 115]], rtol=1e-4)
    everything = YOLOX(detector_file(tmp_path), "0", score_threshold=0.01, nms_threshold=1.0)
    assert len(everything.detect(noise(208, 208)).boxes) == 4
    assert len(YOLOX(detector_file(tmp_path), "0", score_threshold=0.95).detect(noise(50, 60)).boxes) == 0


def test_yolox_is_shown_blue_green_red_from_0_to_255(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    detector = YOLOX(detector_file(tmp_path), "0")
    answer = OnnxNetwork.__call__
    monkeypatch.setattr(OnnxNetwork, "__call__", lambda self, batch: (shown.append(batch), answer(self, batch))[1])
    detector.detect(np.full((416, 416, 3), (250, 120, 10), np.uint8))
    (batch,) = shown
    assert batch.shape == (1, 3, 416, 416)
    assert batch[0, :, 7, 7].tolist() == [10.0, 120.0, 250.0]


def test_another_network_is_not_taken_for_a_yolox(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="expected an undecoded YOLOX"):
        YOLOX(tiny_onnx.mean_colour_embedder(tmp_path / "a.onnx"), "0").detect(noise(9, 9))
    with pytest.raises(WeightsError, match="expected a re-identification network"):
        _ = OSNet(detector_file(tmp_path), "0").embedding_dim
    (tmp_path / "text.onnx").write_text("no network", encoding="utf-8")
    with pytest.raises(WeightsError, match="not an ONNX network"):
        YOLOX(tmp_path / "text.onnx", "0").detect(noise(9, 9))


def test_a_pickled_network_opens_its_session_anew(tmp_path: Path) -> None:
    network = OnnxNetwork(tiny_onnx.mean_colour_embedder(tmp_path / "a.onnx"))
    batch = RNG.normal(size=(2, 3, 256, 128)).astype(np.float32)
    answer = network(batch)
    np.testing.assert_allclose(answer, batch.mean((2, 3)), atol=1e-5)
    assert np.array_equal(pickle.loads(pickle.dumps(network))(batch), answer)


@pytest.mark.parametrize(("height", "width"), [(400, 150), (90, 30), (256, 128), (5, 3)])
def test_osnet_preprocessing_is_torchreids(height: int, width: int) -> None:
    crop = noise(height, width)
    torchreid = transforms.Compose(
        [
            transforms.Resize((256, 128)),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    expected = torchreid(Image.fromarray(crop)).numpy()
    assert np.array_equal(network_input(crop), expected)


@pytest.mark.parametrize("batch", ["batch", 4])
def test_osnet_describes_any_number_of_people(tmp_path: Path, batch: int | str) -> None:
    embedder = OSNet(tiny_onnx.mean_colour_embedder(tmp_path / "reid.onnx", batch), "0")
    image = noise(100, 100)
    boxes = np.array([[i, 0, i + 30, 60] for i in range(0, 70, 2)], np.float32)
    rows = embedder.embed(image, boxes)
    assert rows.shape == (35, 3)
    expected = np.stack([network_input(person_crop(image, box)).mean((1, 2)) for box in boxes])
    np.testing.assert_allclose(rows, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-4)
    assert embedder.embed(image, np.zeros((0, 4), np.float32)).shape == (0, 3)


def test_crops_are_inside_and_never_empty() -> None:
    image = noise(20, 30)
    assert np.array_equal(person_crop(image, np.array([-5, -5, 100, 100], np.float32)), image)
    assert person_crop(image, np.array([29.9, 19.9, 30, 20], np.float32)).shape == (1, 1, 3)
    assert person_crop(image, np.array([3.2, 4.2, 3.3, 4.3], np.float32)).shape == (1, 1, 3)


def test_rows_become_unit_rows() -> None:
    rows = unit_rows(np.array([[3, 4], [0, 0]], np.float32))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [1, 0]])


def test_the_histogram_tells_colours_and_where_they_are_worn() -> None:
    def person(top: tuple[int, int, int], bottom: tuple[int, int, int]) -> np.ndarray:
        image = np.zeros((80, 40, 3), np.uint8)
        image[:40], image[40:] = top, bottom
        return image

    red, blue, dark_red = (200, 30, 30), (30, 30, 200), (180, 25, 25)
    box = np.array([[0, 0, 40, 80]], np.float32)
    embed = ColourHistogram().embed
    same = embed(person(red, blue), box) @ embed(person(dark_red, blue), box).T
    turned = embed(person(red, blue), box) @ embed(person(blue, red), box).T
    other = embed(person(red, blue), box) @ embed(person((30, 200, 30), (128, 128, 128)), box).T
    assert same.item() > 0.8 > 0.3 > turned.item() >= other.item()
    assert embed(person(red, blue), np.zeros((0, 4), np.float32)).shape == (0, ColourHistogram.embedding_dim)


def test_hue_is_a_circle() -> None:
    # Reds on either side of 0 degrees.
    a, b = np.full((9, 9, 3), (200, 20, 30), np.uint8), np.full((9, 9, 3), (200, 30, 20), np.uint8)
    overlap = np.sqrt(stripe_histograms(a) * stripe_histograms(b)).sum() / len(stripe_histograms(a))
    assert overlap > 0.95


def test_histograms_hold_every_pixels_weight() -> None:
    for value in (0, 255):
        histograms = stripe_histograms(np.full((50, 20, 3), value, np.uint8))
        np.testing.assert_allclose(histograms.sum((1, 2, 3)), 1.0, rtol=1e-5)
    assert np.isfinite(stripe_histograms(noise(1, 1))).all()


class BrightSpots:
    """Finds white rectangles, but only those that fill a fair share of what it is shown."""

    fingerprint = "bright"

    def detect(self, image: np.ndarray) -> People:
        _, _, stats, _ = cv2.connectedComponentsWithStats((image[..., 0] > 128).astype(np.uint8))
        boxes = [[x, y, x + w, y + h] for x, y, w, h, _ in stats[1:] if 15 * h >= max(image.shape[:2])]
        rows = np.array(boxes, np.float32).reshape(-1, 4)
        return People(rows, np.full(len(rows), 0.9, np.float32))


def test_tiling_finds_each_person_once_and_whole() -> None:
    image = np.zeros((1080, 1920, 3), np.uint8)
    people = np.array([[100, 100, 130, 160], [620, 500, 660, 560], [1880, 1020, 1920, 1080], [630, 900, 650, 950]])
    for x1, y1, x2, y2 in people:
        image[y1:y2, x1:x2] = 255
    found = Tiled(BrightSpots()).detect(image)  # type: ignore[arg-type]
    order = np.lexsort(found.boxes.T[::-1])
    np.testing.assert_array_equal(found.boxes[order], people[np.lexsort(people.T[::-1])])
    small = Tiled(BrightSpots()).detect(image[:200, :200])  # type: ignore[arg-type]
    np.testing.assert_array_equal(small.boxes, people[:1])
    assert Tiled(BrightSpots(), Tiling(tile=300)).fingerprint != Tiled(BrightSpots()).fingerprint  # type: ignore[arg-type]


def pipeline(tmp_path: Path) -> TwoStep:
    return TwoStep(YOLOX(detector_file(tmp_path), "0"), ColourHistogram())


def as_tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255.0


def test_pixels_survive_the_way_through_tensors() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    assert np.array_equal(to_pixels(as_tensor(image)), image)


def test_the_pipeline_keeps_the_model_contract(tmp_path: Path) -> None:
    model = pipeline(tmp_path)
    image = noise(104, 208)  # the second person lies partly below it
    (found,) = model([as_tensor(image)])
    assert found["boxes"].shape == (2, 4)
    assert float(found["boxes"][:, 3].max()) <= 104
    np.testing.assert_allclose(found["embeddings"].norm(dim=1).numpy(), 1.0, rtol=1e-5)
    (again,) = model.embed([as_tensor(image)], [found["boxes"]])
    assert torch.equal(again, found["embeddings"])
    assert model.embedding_dim == found["embeddings"].shape[1] == ColourHistogram.embedding_dim
    pair = model([as_tensor(image), as_tensor(image[:, ::-1])])
    assert torch.equal(pair[0]["embeddings"], found["embeddings"])
    with pytest.raises(ModelError, match="cannot be trained"):
        model.train()([as_tensor(image)])


def test_the_fingerprint_follows_weights_and_options(tmp_path: Path) -> None:
    path = detector_file(tmp_path)
    prints = {
        TwoStep(YOLOX(path, "0"), ColourHistogram()).fingerprint,
        TwoStep(YOLOX(path, "1"), ColourHistogram()).fingerprint,
        TwoStep(YOLOX(path, "0", score_threshold=0.3), ColourHistogram()).fingerprint,
        TwoStep(Tiled(YOLOX(path, "0")), ColourHistogram()).fingerprint,
    }
    assert len(prints) == 4
    assert TwoStep(YOLOX(path, "0"), ColourHistogram()).fingerprint in prints


def test_a_torchvision_classifier_as_an_embedder(tmp_path: Path) -> None:
    from torchvision.models import get_model

    torch.manual_seed(0)
    network = get_model("mobilenet_v2", weights=None)
    path = tmp_path / "mobilenet.pth"
    torch.save({k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}, path)
    embedder = TorchvisionEmbedder("mobilenet_v2", path, "0", mean=(0.5,) * 3, std=(0.5,) * 3, size=(64, 32))  # type: ignore[arg-type]
    rows = embedder.embed(noise(80, 80), np.array([[0, 0, 30, 60], [40, 0, 70, 60]], np.float32))
    assert rows.shape == (2, embedder.embedding_dim) == (2, 1280)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-5)
    with pytest.raises(WeightsError, match="not the weights of torchvision's resnet18"):
        TorchvisionEmbedder("resnet18", path, "0", mean=(0.5,) * 3, std=(0.5,) * 3)  # type: ignore[arg-type]


def test_pickled_objects_are_never_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (marker,))  # type: ignore[return-value]

    path = tmp_path / "hostile.pth"
    torch.save(Hostile(), path)
    with pytest.raises(WeightsError, match="not a file of plain tensors"):
        TorchvisionEmbedder("mobilenet_v2", path, "0", mean=(0.5,) * 3, std=(0.5,) * 3)  # type: ignore[arg-type]
    assert not marker.exists()


def test_torchvisions_faster_rcnn_keeps_people_only(tmp_path: Path) -> None:
    from torchvision.models import get_model

    torch.manual_seed(0)
    name = "fasterrcnn_mobilenet_v3_large_320_fpn"
    network = get_model(name, weights=None, weights_backbone=None)
    path = tmp_path / "detector.pth"
    torch.save(network.state_dict(), path)
    detector = TorchvisionDetector(name, path, "0", score_threshold=0.0)
    image = noise(96, 128)
    found = detector.detect(image)
    with torch.inference_mode():
        (everything,) = detector.network([as_tensor(image)])
    people = everything["labels"] == 1
    np.testing.assert_array_equal(found.boxes, everything["boxes"][people].numpy())
    assert len(found.boxes) < len(everything["boxes"])


def test_a_pipeline_by_name(tmp_path: Path) -> None:
    detector, embedder = detector_file(tmp_path), tiny_onnx.mean_colour_embedder(tmp_path / "a+b.onnx")
    model = create_two_step(f"yolox_nano={detector}+osnet_x0_25={embedder}")
    assert isinstance(model.detector, YOLOX)
    assert isinstance(model.embedder, OSNet)
    assert model.embedding_dim == 3
    tiled = create_two_step(f"yolox_nano-tiled={detector}+colour_histogram", score_threshold=0.3)
    assert isinstance(tiled.detector, Tiled)
    assert "score>=0.3" in tiled.detector.fingerprint
    assert Half.parse(" yolox_s-tiled=~/a=b.onnx ") == Half("yolox_s", Path("~/a=b.onnx").expanduser(), True)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("yolox_nono+colour_histogram", "Did you mean 'yolox_nano'"),
        ("yolox_nano=x.onnx+osnet_x0_52", "No public weights are known by the name 'osnet_x0_52'"),
        ("osnet_x0_25+yolox_nano", "name the detector first"),
        ("yolox_nano={detector}+yolox_nano", "is a detector; name an embedder after the plus"),
        ("yolox_nano={detector}+osnet_x0_25-tiled", "Only a detector can be tiled"),
        ("yolox_nano", "expected DETECTOR.EMBEDDER"),
    ],
)
def test_wrong_names_are_explained(tmp_path: Path, spec: str, message: str) -> None:
    with pytest.raises((UnknownModelError, WeightsError), match=message):
        create_two_step(spec.format(detector=detector_file(tmp_path)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nowhere\.onnx: the weights cannot be read"):
        create_two_step(f"yolox_nano={tmp_path}/nowhere.onnx+colour_histogram")
