"""Tiles: where they lie, what of them is kept, and a network that looks at them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sceneseek.errors import ModelError, UnknownModelError, ValueRefused
from sceneseek.inference.predictor import Predictor, load_predictor
from sceneseek.models import zoo
from sceneseek.models.names import lasting_name
from sceneseek.models.tiled import TiledSearch, best_views
from sceneseek.models.tiling import Tiling, View, cut_mask, tile_starts
from sceneseek.models.weights import save_model

WHOLE = View(0, 0, 500, 500)


@pytest.mark.parametrize(("length", "tile", "overlap"), [(1920, 640, 0.25), (641, 640, 0.25), (5000, 416, 0.5)])
def test_tiles_cover_everything_and_overlap(length: int, tile: int, overlap: float) -> None:
    starts = tile_starts(length, tile, overlap)
    assert starts[0] == 0
    assert starts[-1] == length - tile
    assert all(b - a <= tile * (1 - overlap) + 1 for a, b in pairwise(starts))


def test_boxes_cut_by_inner_edges_are_told() -> None:
    boxes = torch.tensor([[0.0, 10, 20, 40], [10, 0, 20, 40], [10, 10, 100, 40], [10, 10, 20, 100], [10, 10, 20, 40]])
    assert cut_mask(boxes, View(50, 50, 150, 150), WHOLE, 2.0).tolist() == [True, True, True, True, False]
    assert cut_mask(boxes, View(0, 0, 100, 100), WHOLE, 2.0).tolist() == [False, False, True, True, False]
    assert cut_mask(boxes, View(400, 400, 500, 500), WHOLE, 2.0).tolist() == [True, True, False, False, False]


def test_a_picture_that_tiles_show_hardly_any_larger_is_seen_whole() -> None:
    tiling = Tiling(tile=480)
    assert len(tiling.views(1920, 1080)) == 1 + 5 * 3
    assert tiling.views(590, 400) == [View(0, 0, 590, 400)]

    def into_640x384(height: int, width: int) -> float:
        return min(384 / min(height, width), 640 / max(height, width))

    assert len(tiling.views(768, 432, into_640x384)) == 1  # 0.83 of its size, and 0.89 in a tile
    assert len(tiling.views(1280, 720, into_640x384)) > 1
    assert len(tiling.views(4000, 480, into_640x384)) > 1  # a panorama is as high as a tile, but very small


@pytest.mark.parametrize("numbers", [{"tile": 0}, {"overlap": 1.0}, {"overlap": -0.1}])
def test_tiles_that_cover_nothing_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(ValueRefused, match="tile"):
        Tiling(**numbers)  # type: ignore[arg-type]


def test_of_what_several_views_show_the_best_is_kept() -> None:
    views = [View(0, 0, 300, 100), View(0, 0, 150, 100), View(150, 0, 300, 100)]
    boxes = [
        torch.tensor([[200.0, 10, 220, 50], [140, 10, 160, 60]]),
        torch.tensor([[140.0, 10, 150, 60], [5, 5, 25, 45]]),
        torch.tensor([[51.0, 10, 71, 51]]),
    ]
    scores = [torch.tensor([0.5, 0.6]), torch.tensor([0.9, 0.3]), torch.tensor([0.8])]
    merged = Tiling().merge(views, boxes, scores)
    assert merged.boxes.tolist() == [[201, 10, 221, 51], [140, 10, 160, 60], [5, 5, 25, 45]]
    assert merged.scores.tolist() == pytest.approx([0.8, 0.6, 0.3])
    assert merged.rows.tolist() == [4, 1, 3]


class Spots(nn.Module):
    """Finds white rectangles no smaller than a fifteenth of the view, and describes them by the view's height."""

    embedding_dim = 2

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[tuple[int, ...]]] = []

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        self.batches.append([tuple(image.shape[1:]) for image in images])
        return [self._one(image) for image in images]

    def _one(self, image: Tensor) -> dict[str, Tensor]:
        rows = [row for row in PEOPLE if self._shows(image, row)]
        found = torch.tensor([self._where(image, row) for row in rows], dtype=torch.float32).reshape(-1, 4)
        return {"boxes": found, "scores": torch.full((len(found),), 0.9), "embeddings": self._described(image, found)}

    def _shows(self, image: Tensor, shade: float) -> bool:
        seen = (image[0] - shade).abs() < 1e-3
        return bool(seen.any()) and 15 * int(seen.any(dim=1).sum()) >= max(image.shape[1:])

    def _where(self, image: Tensor, shade: float) -> list[int]:
        ys, xs = ((image[0] - shade).abs() < 1e-3).nonzero().T
        return [int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1]

    def _described(self, image: Tensor, boxes: Tensor) -> Tensor:
        centre = [image[0, int(b[1] + b[3]) // 2, int(b[0] + b[2]) // 2].item() for b in boxes]
        rows = torch.tensor([[v, image.shape[1] / 1000] for v in centre]).reshape(-1, 2)
        return nn.functional.normalize(rows, dim=1)

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        return [self._described(image, rows) for image, rows in zip(images, boxes, strict=True)]


PEOPLE = {
    0.2: (100, 100, 130, 160),
    0.4: (470, 700, 490, 750),
    0.6: (1880, 1020, 1920, 1080),
    0.8: (1000, 150, 1300, 950),
}


def scene() -> Tensor:
    image = torch.zeros(3, 1080, 1920)
    for shade, (x1, y1, x2, y2) in PEOPLE.items():
        image[:, y1:y2, x1:x2] = shade
    return image


def test_a_tiled_network_finds_each_person_once_and_whole() -> None:
    network = Spots()
    (found,) = TiledSearch(network, Tiling(tile=480), batch_size=4)([scene()])
    assert sorted(found["boxes"].int().tolist()) == sorted(list(box) for box in PEOPLE.values())
    assert network.batches[0] == [(1080, 1920)], "the whole picture is not padded together with tiles"
    assert [len(batch) for batch in network.batches[1:]] == [4, 4, 4, 3]
    by_box = dict(zip([tuple(b) for b in found["boxes"].int().tolist()], found["embeddings"], strict=True))
    for shade, box in PEOPLE.items():
        height = 1.08 if shade == 0.8 else 0.48  # the tall one fits into no tile
        wanted = nn.functional.normalize(torch.tensor([shade, height]), dim=0)
        torch.testing.assert_close(by_box[box], wanted, atol=1e-3, rtol=0)


def test_given_people_are_described_where_they_are_whole_and_largest() -> None:
    boxes = torch.tensor([list(box) for box in PEOPLE.values()], dtype=torch.float32)
    rows = TiledSearch(Spots(), Tiling(tile=480), tall=400 / 1920).embed([scene(), scene()], [boxes, boxes[:0]])
    wanted = [[shade, 1.08 if shade == 0.8 else 0.48] for shade in PEOPLE]
    torch.testing.assert_close(rows[0], nn.functional.normalize(torch.tensor(wanted), dim=1), atol=1e-3, rtol=0)
    assert rows[1].shape == (0, 2)


def test_the_tile_with_most_room_is_best_and_the_whole_is_left_for_others() -> None:
    views = Tiling(tile=100).views(250, 100)
    assert [(view.left, view.right) for view in views] == [(0, 250), (0, 100), (75, 175), (150, 250)]
    boxes = torch.tensor([[80.0, 10, 88, 30], [2, 10, 20, 30], [0, 0, 249, 90], [160, 5, 170, 95], [99, 9, 103, 29]])
    # room of 12 and 5 pixels; at the border of the picture; across all tiles; tall; 4 pixels behind one's end
    assert best_views(boxes, views, tall=85).tolist() == [1, 1, 0, 0, 2]


def test_a_tiled_network_is_not_trained() -> None:
    with pytest.raises(ModelError, match="train the network itself"):
        TiledSearch(Spots()).train()([scene()])


def stored(folder: Path) -> Path:
    torch.manual_seed(0)
    options = {"embedding_dim": 8, "score_threshold": 0.0, "min_size": 64, "max_size": 96, "max_detections": 5}
    path = folder / "tiny.safetensors"
    save_model(zoo.create("dcinet_mobilenet_v2", **options), path, builder="dcinet_mobilenet_v2", options=options)
    return path


def test_a_network_is_tiled_by_name_and_told_from_itself(tmp_path: Path) -> None:
    path = stored(tmp_path)
    plain, tiled = load_predictor(str(path)), load_predictor(f"{path}-tiled")
    sure = load_predictor(f"{path}-tiled", score_threshold=0.3)
    assert (plain.name, tiled.name) == ("tiny", "tiny-tiled")
    assert len({plain.fingerprint, tiled.fingerprint, sure.fingerprint}) == 3
    assert isinstance(tiled.model, TiledSearch)
    assert tiled.model.tiling.tile == 80  # which the network sees at 64 pixels
    assert lasting_name(f"{path}-tiled", tiled.name) == f"{path}-tiled"
    assert lasting_name(str(path), plain.name) == str(path)
    assert lasting_name("dcinet-synthetic-tiled", "dcinet-synthetic-tiled") == "dcinet-synthetic-tiled"
    image = np.random.default_rng(0).integers(0, 255, (200, 320, 3), np.uint8)
    (found,) = tiled.detect([image])
    assert len(found) > 5, "more than one view was looked at"
    np.testing.assert_allclose(np.linalg.norm(found.embeddings, axis=1), 1.0, atol=1e-5)  # type: ignore[arg-type]
    (rows,) = tiled.embed([image], [found.boxes[:3]])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    small = image[:60, :90]
    (a,), (b,) = plain.detect([small]), tiled.detect([small])
    assert len(b) <= len(a)
    with pytest.raises(UnknownModelError, match="Did you mean 'dcinet-synthetic'"):
        load_predictor("dcinet-sinthetic-tiled")
    assert isinstance(tiled, Predictor)
