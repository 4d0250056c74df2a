"""From annotated files to batches in torchvision's detection convention. Tensors begin here.

Pictures are decoded and augmented by threads while the network computes: OpenCV, Pillow and torch release Python's
lock, nothing is copied between processes, and no shared memory is needed (containers often have 64 MB of it). Pixels
stay uint8 until they reach the device of the network.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sceneseek.data.picture_files import ReadPicture, read_scene
from sceneseek.data.samplers import BatchSampler, Draw
from sceneseek.data.targets import people_to_train_on
from sceneseek.data.transforms import Augmentation, Scene, scene_generator
from sceneseek.errors import ValueRefused
from sceneseek.pictures import read_picture
from sceneseek.structures import UNLABELED, IntArray, SceneSet

_AUGMENTATION = 2  # keeps this stream of random numbers apart from the samplers'


def identity_mapping(scenes: SceneSet) -> dict[int, int]:
    """Number the labelled people of a set ``0 .. P-1``, in the order of their ids.

    Args:
        scenes: The training set.

    Returns:
        Person id of the data set -> row in an identity table.

    Example:
        >>> from pathlib import Path
        >>> from sceneseek.structures import Sample
        >>> boxes = [[0, 0, 2, 2], [3, 3, 5, 5], [1, 1, 4, 4]]
        >>> identity_mapping(SceneSet("one", [Sample(1, Path("a.jpg"), 8, 8, boxes, [40, -1, 7])]))
        {7: 0, 40: 1}
    """
    return {int(person): row for row, person in enumerate(scenes.person_ids)}


@dataclass(frozen=True, eq=False)
class Batch:
    """What a network trains on.

    Attributes:
        images: ``(3, H, W)`` float32 RGB in [0, 1] each, at the size of the (augmented) picture.
        targets: For each image ``boxes`` ``(N, 4)`` float32, ``person_ids`` ``(N,)`` int64 (``UNLABELED`` where
            unknown), ``image_id``, a scalar int64, ``annotations`` ``(N,)`` int64, the place of each box in its scene's
            annotation, and ``mirrored``, a scalar bool.
    """

    images: list[Tensor]
    targets: list[dict[str, Tensor]]

    @property
    def image_ids(self) -> list[int]:
        """The images' ids in their data set."""
        return [int(target["image_id"]) for target in self.targets]

    def __len__(self) -> int:
        return len(self.images)


class SceneDataset:
    """Reads, augments and relabels single scenes.

    Args:
        scenes: The training set.
        identities: Person id -> training label; people who are not in it become ``UNLABELED``.
        augmentation: Applied to every picture.
        seed: With a draw's epoch and position it decides the augmentation.
        read: How pictures are read, ``(H, W, 3)`` uint8 RGB.
    """

    def __init__(
        self,
        scenes: SceneSet,
        identities: dict[int, int],
        *,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        read: ReadPicture = read_picture,
    ) -> None:
        self.scenes = scenes
        self.identities = identities
        self.augmentation = Augmentation() if augmentation is None else augmentation
        self.seed = seed
        self._read = read

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, dict[str, Tensor]]:
        """Read and augment one drawn scene.

        Args:
            draw: Which scene, and which random numbers.

        Returns:
            ``(3, H, W)`` uint8 pixels and the target.

        Raises:
            PictureError: If the picture cannot be read.
            DataError: If the picture has another size than its annotation says.
        """
        sample = self.scenes.samples[draw.scene_index]
        image = read_scene(sample, self._read)
        people = people_to_train_on(sample)
        scene = Scene(image, people.boxes, people.person_ids, draw.person_id, people.annotations)
        scene = self.augmentation(scene, scene_generator(self._stream_seed, draw.epoch, draw.position))
        pixels = torch.from_numpy(np.ascontiguousarray(scene.image.transpose(2, 0, 1)))
        return pixels, {
            "boxes": torch.from_numpy(np.array(scene.boxes, np.float32).reshape(-1, 4)),
            "person_ids": torch.from_numpy(self._labels(scene.person_ids)),
            "image_id": torch.tensor(sample.image_id),
            "annotations": torch.from_numpy(np.array(scene.annotations, np.int64)),
            "mirrored": torch.tensor(scene.mirrored),
        }

    @property
    def _stream_seed(self) -> int:
        return self.seed * 4 + _AUGMENTATION

    def _labels(self, person_ids: IntArray) -> IntArray:
        return np.array([self.identities.get(int(person), UNLABELED) for person in person_ids], np.int64)


class SceneLoader:
    """Batches in the sampler's order, prepared ahead by threads.

    Args:
        dataset: Where scenes come from.
        sampler: Which scenes make a batch.
        workers: Threads that decode and augment; 0 does it in the caller's thread.
        prefetch: Batches prepared ahead.
        device: Where images and targets go.

    Raises:
        ValueRefused: If ``workers`` is negative or ``prefetch`` is below 1.
    """

    def __init__(
        self,
        dataset: SceneDataset,
        sampler: BatchSampler,
        *,
        workers: int = 1,
        prefetch: int = 2,
        device: torch.device | str = "cpu",
    ) -> None:
        if workers < 0 or prefetch < 1:
            raise ValueRefused(f"workers is {workers} and prefetch {prefetch}; expected at least 0 and 1.")
        self.dataset = dataset
        self.sampler = sampler
        self.workers = workers
        self.prefetch = prefetch
        self.device = torch.device(device)

    def batches(self, start: int = 0) -> Generator[Batch, None, None]:
        """Batches from number ``start`` on, endlessly. Close the iterator to stop the threads."""
        if self.workers == 0:
            number = start
            while True:
                yield self._collate([self.dataset[draw] for draw in self.sampler.batch(number)])
                number += 1
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="sceneseek-loading")
        ahead: deque[list[Future[tuple[Tensor, dict[str, Tensor]]]]] = deque()
        number = start
        try:
            while True:
                while len(ahead) <= self.prefetch:
                    ahead.append([pool.submit(self.dataset.__getitem__, draw) for draw in self.sampler.batch(number)])
                    number += 1
                yield self._collate([future.result() for future in ahead.popleft()])
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _collate(self, items: list[tuple[Tensor, dict[str, Tensor]]]) -> Batch:
        return Batch(
            [self._to_device(pixels).float().div_(255.0) for pixels, _ in items],
            [{name: self._to_device(value) for name, value in target.items()} for _, target in items],
        )

    def _to_device(self, value: Tensor) -> Tensor:
        if self.device.type == "cuda":
            return value.pin_memory().to(self.device, non_blocking=True)
        return value.to(self.device)
