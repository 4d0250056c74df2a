from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sceneseek.errors import BoxError, ModelError, UnknownModelError, ValueRefused, WeightsError
from sceneseek.inference.predictor import MIN_SIDE, Predictor, load_predictor


class Corners(nn.Module):
    """Finds a person at each corner of the diagonal, one sticking out of the picture; keeps the model contract."""

    embedding_dim = 3

    def __init__(self, spoil: str = "") -> None:
        super().__init__()
        self.spoil = spoil
        self.seen: list[int] = []
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        assert not self.training
        assert torch.is_inference_mode_enabled()
        self.seen.append(len(images))
        answers = []
        for image in images:
            assert image.dtype == torch.float32
            assert float(image.max()) <= 1.0
            h, w = image.shape[1:]
            boxes = torch.tensor([[-4.0, -4, 8, 8], [w - 8, h - 8, w + 50, h + 50], [w + 1, h + 1, w + 5, h + 5]])
            answer = {
                "boxes": boxes,
                "scores": torch.tensor([0.3, 0.9, 0.8]),
                "embeddings": nn.functional.normalize(image.mean((1, 2)) + torch.eye(3), dim=1),
            }
            if self.spoil:
                answer[self.spoil][0] = torch.nan
            answers.append(answer)
        return answers

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        assert not torch.is_grad_enabled()
        return [nn.functional.normalize(b[:, :3] + 1, dim=1) for b in boxes]


def predictor(**options: object) -> Predictor:
    return Predictor(Corners(), name="corners", fingerprint="1", **options)  # type: ignore[arg-type]


def picture(height: int = 40, width: int = 60, value: int = 90) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_people_come_sorted_and_inside_the_picture() -> None:
    (found,) = predictor().detect([picture()])
    assert found.scores.tolist() == pytest.approx([0.9, 0.3])
    assert found.boxes.tolist() == [[52, 32, 60, 40], [0, 0, 8, 8]]
    assert found.embeddings is not None
    assert found.embeddings.shape == (2, 3)


def test_batches_change_nothing() -> None:
    pictures = [picture(30 + i, 50 + i, 20 * i) for i in range(7)]
    one = predictor(batch_size=1).detect(pictures)
    model = Corners()
    three = Predictor(model, name="corners", fingerprint="1", batch_size=3).detect(pictures)
    assert model.seen == [3, 3, 1]
    for a, b in zip(one, three, strict=True):
        assert np.array_equal(a.boxes, b.boxes)
        np.testing.assert_allclose(a.embeddings, b.embeddings, atol=1e-6)
    assert predictor().detect([]) == []


def test_tiny_pictures_hold_nobody() -> None:
    model = Corners()
    small, large, flat = Predictor(model, name="c", fingerprint="1").detect(
        [picture(1, 1), picture(), picture(MIN_SIDE - 1, 900)]
    )
    assert (len(small), len(large), len(flat)) == (0, 2, 0)
    assert small.embeddings is not None
    assert small.embeddings.shape == (0, 3)
    assert model.seen == [1]


def test_given_people_are_described_in_order() -> None:
    boxes = [np.array([[1, 2, 30, 30], [5, 5, 99, 99]], np.float32), np.zeros((0, 4), np.float32)]
    first, second = predictor(batch_size=1).embed([picture(), picture()], boxes)
    expected = boxes[0][:, :3] + 1
    expected[1, 2] = 61  # clipped
    np.testing.assert_allclose(first, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    assert second.shape == (0, 3)


def test_boxes_without_a_pixel_are_refused() -> None:
    with pytest.raises(BoxError, match=r"Box 1 .* holds no pixel of the 60 x 40 picture"):
        predictor().embed([picture()], [np.array([[0, 0, 9, 9], [100, 0, 200, 9]], np.float32)])
    with pytest.raises(ValueRefused, match="1 images and 2 lists"):
        predictor().embed([picture()], [np.zeros((0, 4), np.float32)] * 2)


@pytest.mark.parametrize("spoil", ["boxes", "scores", "embeddings"])
def test_what_is_not_a_number_is_refused(spoil: str) -> None:
    with pytest.raises(ModelError, match=f"corners: the network's {spoil} hold values that are not numbers"):
        Predictor(Corners(spoil), name="corners", fingerprint="1").detect([picture()])


@pytest.mark.parametrize(
    "wrong", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32), np.zeros((9, 9, 4), np.uint8)]
)
def test_what_is_not_a_picture_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueRefused, match="Image 1 has shape"):
        predictor().detect([picture(), wrong])
    with pytest.raises(ValueRefused, match="batch_size"):
        predictor(batch_size=0)


def test_a_device_that_is_not_there_is_refused() -> None:
    for device in ("tpu", "cuda:99"):
        with pytest.raises(ModelError, match=rf"Device '{device}' cannot be used .*'cpu' always can"):
            predictor(device=device)
    assert predictor(device="auto").device.type in ("cpu", "cuda")


def test_names_that_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENESEEK_HOME", str(tmp_path))
    monkeypatch.delenv("SCENESEEK_WEIGHTS", raising=False)
    with pytest.raises(UnknownModelError, match="neither a file nor the name"):
        load_predictor("dcinet-nonsense")
    with pytest.raises(WeightsError, match="weights get yolox_nano"):
        load_predictor("yolox_nano+colour_histogram")


def test_a_stored_network_is_loaded(tmp_path: Path) -> None:
    from sceneseek.models import zoo
    from sceneseek.models.weights import save_model

    options = {"embedding_dim": 8}
    path = tmp_path / "a+b.safetensors"  # a plus in a path makes no pipeline of it
    torch.manual_seed(0)
    save_model(zoo.create("dcinet_mobilenet_v2", **options), path, builder="dcinet_mobilenet_v2", options=options)
    loaded = load_predictor(str(path))
    assert (loaded.name, loaded.embedding_dim) == ("a+b", 8)
    strict = load_predictor(str(path), score_threshold=0.9)
    assert strict.fingerprint != loaded.fingerprint
    rows = loaded.embed([picture(100, 80)], [np.array([[5, 5, 40, 90]], np.float32)])
    assert rows[0].shape == (1, 8)
