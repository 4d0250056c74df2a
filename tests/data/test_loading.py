from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from patience import until
from sceneseek.data import transforms as tf
from sceneseek.data.loading import SceneDataset, SceneLoader, identity_mapping
from sceneseek.data.samplers import Draw, IdentityPairSampler, ShuffledSampler
from sceneseek.errors import DataError, PictureError, ValueRefused
from sceneseek.structures import UNLABELED, Sample, SceneSet

WIDTH, HEIGHT = 60, 40


def make_scenes(count: int = 6) -> SceneSet:
    boxes = np.array([[1, 2, 20, 38], [30, 5, 64, 35], [21, 0, 29, 20]], np.float32)
    return SceneSet(
        "set",
        [
            Sample(
                10 + i,
                Path(f"{i}.png"),
                WIDTH,
                HEIGHT,
                boxes,
                np.array([70 + i % 3, UNLABELED, 5]),
                ignore_mask=np.array([False, False, True]),
            )
            for i in range(count)
        ],
    )


def read(path: Path) -> np.ndarray:
    return np.random.default_rng(int(path.stem)).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def make_loader(workers: int = 1, augmentation: tf.Augmentation | None = None, reader=read) -> SceneLoader:
    scenes = make_scenes()
    dataset = SceneDataset(scenes, identity_mapping(scenes), augmentation=augmentation, seed=3, read=reader)
    return SceneLoader(dataset, IdentityPairSampler(scenes, batch_size=4, seed=3), workers=workers)


def take(loader: SceneLoader, count: int, start: int = 0) -> list:
    stream = loader.batches(start)
    batches = [next(stream) for _ in range(count)]
    stream.close()
    return batches


def assert_equal_batches(a, b) -> None:
    for x, y in zip(a, b, strict=True):
        assert x.image_ids == y.image_ids
        for one, two in zip(x.images, y.images, strict=True):
            assert torch.equal(one, two)
        for one, two in zip(x.targets, y.targets, strict=True):
            assert torch.equal(one["boxes"], two["boxes"])
            assert torch.equal(one["person_ids"], two["person_ids"])


def test_identities_are_numbered_in_order():
    assert identity_mapping(make_scenes()) == {5: 0, 70: 1, 71: 2, 72: 3}


def test_a_batch_follows_the_detection_convention():
    batch = take(make_loader(), 1)[0]
    assert len(batch) == 4
    for image, target in zip(batch.images, batch.targets, strict=True):
        assert image.shape == (3, HEIGHT, WIDTH)
        assert image.dtype == torch.float32
        assert 0.0 <= float(image.min()) < float(image.max()) <= 1.0
        assert target["boxes"].dtype == torch.float32
        assert target["boxes"].tolist() == [[1, 2, 20, 38], [30, 5, 60, 35]]  # clipped, the ignored one left out
        assert target["person_ids"].dtype == torch.int64
        index = int(target["image_id"]) - 10
        assert target["person_ids"].tolist() == [1 + index % 3, UNLABELED]
        expected = torch.from_numpy(read(Path(f"{index}.png"))).permute(2, 0, 1) / 255.0
        torch.testing.assert_close(image, expected)


def test_workers_and_starting_point_do_not_change_the_batches():
    augmentation = tf.Augmentation((tf.HorizontalFlip(0.5), tf.Zoom(0.5, (0.7, 1.5)), tf.Noise(0.5, (1.0, 5.0))))
    plain = take(make_loader(0, augmentation), 8)
    assert_equal_batches(plain, take(make_loader(1, augmentation), 8))
    assert_equal_batches(plain, take(make_loader(3, augmentation), 8))
    assert_equal_batches(plain[5:], take(make_loader(2, augmentation), 3, start=5))


def test_an_image_drawn_twice_is_augmented_twice():
    scenes = make_scenes(2)
    dataset = SceneDataset(scenes, {}, augmentation=tf.Augmentation((tf.Noise(1.0, (5.0, 5.0)),)), read=read)
    first, _ = dataset[Draw(0, 0, 0, UNLABELED)]
    again, _ = dataset[Draw(0, 0, 0, UNLABELED)]
    later, _ = dataset[Draw(0, 1, 0, UNLABELED)]
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_loading_leaves_the_global_generators_alone():
    before = torch.get_rng_state()
    take(make_loader(2), 3)
    assert torch.equal(before, torch.get_rng_state())


def test_batches_are_prepared_while_the_caller_works():
    reads: list[Path] = []

    def counted(path: Path) -> np.ndarray:
        reads.append(path)
        return read(path)

    stream = make_loader(1, reader=counted).batches()
    next(stream)
    until(lambda: len(reads) >= 12)
    time.sleep(0.05)
    assert len(reads) == 12  # the batch in hand and two ahead, no more
    stream.close()


def test_closing_ends_the_threads():
    take(make_loader(3), 2)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sceneseek-loading")]


def test_a_broken_picture_reaches_the_caller():
    def broken(path: Path) -> np.ndarray:
        raise PictureError(f"{path} is truncated")

    stream = make_loader(1, reader=broken).batches()
    with pytest.raises(PictureError, match="truncated"):
        next(stream)


def test_a_picture_of_another_size_is_refused():
    stream = make_loader(0, reader=lambda path: np.zeros((HEIGHT + 1, WIDTH, 3), np.uint8)).batches()
    with pytest.raises(DataError, match="60x41 pixels; the annotations say 60x40"):
        next(stream)


def test_scenes_without_people_have_empty_targets():
    scenes = SceneSet("empty", [Sample(1, Path("0.png"), WIDTH, HEIGHT, [], [])])
    loader = SceneLoader(SceneDataset(scenes, {}, read=read), ShuffledSampler(scenes, batch_size=1, seed=0))
    target = take(loader, 1)[0].targets[0]
    assert target["boxes"].shape == (0, 4)
    assert target["person_ids"].shape == (0,)


def test_impossible_workers_are_refused():
    with pytest.raises(ValueRefused, match="workers is -1"):
        make_loader(-1)
