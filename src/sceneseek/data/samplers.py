"""Which images share a step.

A sampler is an endless stream of batches that can be entered anywhere: batch ``n`` is a function of the seed and ``n``
alone. Nothing has to be replayed after a crash, and several processes read their own parts of one global batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import NamedTuple

import numpy as np

from sceneseek.errors import CheckpointError, DataError, ValueRefused
from sceneseek.structures import UNLABELED, IntArray, SceneSet

_PERMUTATION = 0
_CHOICE = 1


class Draw(NamedTuple):
    """One image of a batch.

    Attributes:
        epoch: Which pass over the data.
        position: Which draw of the epoch; with ``epoch`` and the seed it decides the augmentation.
        scene_index: Index of the scene in its set.
        person_id: The person for whom the scene was drawn (an id of the data set), or ``UNLABELED``.
    """

    epoch: int
    position: int
    scene_index: int
    person_id: int


class BatchSampler(ABC):
    """Endless, enterable at any batch, aware of processes.

    The images of global batch ``n`` are split into contiguous parts, one per process in rank order, so that
    ``world_size`` processes with ``batch_size`` images each see together exactly what one process with
    ``world_size * batch_size`` sees.

    Args:
        batch_size: Images per process and batch.
        seed: Decides the whole stream.
        rank: Which process this is.
        world_size: How many processes there are.

    Raises:
        ValueRefused: If a number makes no sense.
    """

    name: str

    def __init__(self, *, batch_size: int, seed: int, rank: int = 0, world_size: int = 1) -> None:
        if batch_size < 1:
            raise ValueRefused(f"batch_size is {batch_size}; expected at least 1.")
        if not 0 <= rank < world_size:
            raise ValueRefused(f"rank is {rank} with world_size {world_size}; expected 0 <= rank < world_size.")
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self._permutations: OrderedDict[int, IntArray] = OrderedDict()

    @property
    @abstractmethod
    def draws_per_epoch(self) -> int:
        """How many draws make one pass over the data, all processes together."""

    @abstractmethod
    def draw(self, number: int) -> Draw:
        """The draw with this number in the endless stream."""

    @property
    def global_batch_size(self) -> int:
        """Images per batch, all processes together."""
        return self.batch_size * self.world_size

    def batch(self, number: int) -> list[Draw]:
        """This process's part of global batch ``number`` (0 is the first)."""
        first = number * self.global_batch_size + self.rank * self.batch_size
        return [self.draw(first + i) for i in range(self.batch_size)]

    def batches_for(self, epochs: float) -> int:
        """How many batches it takes to draw everything ``epochs`` times."""
        return int(np.ceil(epochs * self.draws_per_epoch / self.global_batch_size))

    def state_dict(self, batches_done: int) -> dict[str, int | str]:
        """Where the stream stands after ``batches_done`` batches, and what the stream is made of."""
        return {
            "name": self.name,
            "seed": self.seed,
            "world_size": self.world_size,
            "batch_size": self.batch_size,
            "draws_per_epoch": self.draws_per_epoch,
            "batches_done": batches_done,
        }

    def resume(self, state: dict[str, int | str]) -> int:
        """Check that a saved position belongs to this stream.

        Args:
            state: What ``state_dict`` returned.

        Returns:
            The number of the next batch.

        Raises:
            CheckpointError: If the stream was another one (other data, batch size, processes or seed).
        """
        batches_done = int(state["batches_done"])
        mine = self.state_dict(batches_done)
        for key, value in mine.items():
            if state.get(key) != value:
                raise CheckpointError(
                    f"The checkpoint's sampler has {key} = {state.get(key)!r}, this run has {value!r}. A run is "
                    "continued with the same data, batch size, seed and number of processes."
                )
        return batches_done

    def _permutation(self, epoch: int, length: int) -> IntArray:
        found = self._permutations.get(epoch)
        if found is None:
            found = np.random.default_rng([self.seed, _PERMUTATION, epoch]).permutation(length)
            self._permutations[epoch] = found
            while len(self._permutations) > 2:  # a batch may straddle two epochs
                self._permutations.popitem(last=False)
        return found


class ShuffledSampler(BatchSampler):
    """Every image once per epoch, in an order of its own for each epoch.

    Args:
        scenes: The training set.
        batch_size: Images per process and batch.
        seed: Decides the whole stream.
        rank: Which process this is.
        world_size: How many processes there are.

    Raises:
        DataError: If there are no images.

    Example:
        >>> from pathlib import Path
        >>> from sceneseek.structures import Sample
        >>> scenes = SceneSet("four", [Sample(i, Path("a.jpg"), 8, 8, [], []) for i in range(4)])
        >>> sampler = ShuffledSampler(scenes, batch_size=2, seed=0)
        >>> sorted(draw.scene_index for number in range(2) for draw in sampler.batch(number))
        [0, 1, 2, 3]
    """

    name = "shuffled"

    def __init__(self, scenes: SceneSet, *, batch_size: int, seed: int, rank: int = 0, world_size: int = 1) -> None:
        super().__init__(batch_size=batch_size, seed=seed, rank=rank, world_size=world_size)
        if not len(scenes):
            raise DataError(f"{scenes.name}: there are no images to train on.")
        self._num_images = len(scenes)

    @property
    def draws_per_epoch(self) -> int:
        """The number of images."""
        return self._num_images

    def draw(self, number: int) -> Draw:
        """The draw with this number in the endless stream."""
        epoch, position = divmod(number, self._num_images)
        scene_index = int(self._permutation(epoch, self._num_images)[position])
        return Draw(epoch, position, scene_index, UNLABELED)


class IdentityPairSampler(BatchSampler):
    """Pairs of different images that show the same person, as I-Net and DC-I-Net need them.

    An epoch is one pass over the identities that appear in at least two images, in an order of its own; for each, two
    different images are drawn (He et al., 2018, I-Net, section 3: two images that share a person enter the Siamese
    streams). A batch of ``N`` images is ``N / 2`` pairs, the two of a pair next to each other.

    Args:
        scenes: The training set.
        batch_size: Images per process and batch; even.
        seed: Decides the whole stream.
        rank: Which process this is.
        world_size: How many processes there are.
        prefer_other_camera: Draw the second image from another camera than the first where the person was seen by one.

    Raises:
        ValueRefused: If ``batch_size`` is odd.
        DataError: If nobody appears in two images.
    """

    name = "identity_pairs"

    def __init__(
        self,
        scenes: SceneSet,
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        prefer_other_camera: bool = False,
    ) -> None:
        super().__init__(batch_size=batch_size, seed=seed, rank=rank, world_size=world_size)
        if batch_size % 2:
            raise ValueRefused(f"batch_size is {batch_size}; pairs need an even number of images.")
        self.prefer_other_camera = prefer_other_camera
        images_of: dict[int, list[int]] = {}
        for index, sample in enumerate(scenes.samples):
            for person_id in np.unique(sample.person_ids[~np.asarray(sample.ignore_mask, bool)]):
                if person_id != UNLABELED:
                    images_of.setdefault(int(person_id), []).append(index)
        self._images_of = {person: np.array(images) for person, images in images_of.items() if len(images) > 1}
        if not self._images_of:
            raise DataError(
                f"{scenes.name}: no person appears in two images, so there are no pairs to draw for the sampler "
                "'identity_pairs'. Use the sampler 'shuffled', or check the person ids of the annotations."
            )
        self._people = np.array(sorted(self._images_of))
        self._cameras = np.array([sample.camera_id or "" for sample in scenes.samples])

    @property
    def draws_per_epoch(self) -> int:
        """Two images for each identity."""
        return 2 * len(self._people)

    def draw(self, number: int) -> Draw:
        """The draw with this number in the endless stream."""
        epoch, position = divmod(number, self.draws_per_epoch)
        pair, member = divmod(position, 2)
        person_id = int(self._people[self._permutation(epoch, len(self._people))[pair]])
        return Draw(epoch, position, self._pair(epoch, pair, person_id)[member], person_id)

    def _pair(self, epoch: int, pair: int, person_id: int) -> tuple[int, int]:
        rng = np.random.default_rng([self.seed, _CHOICE, epoch, pair])
        images = self._images_of[person_id]
        first = int(rng.choice(images))
        others = images[images != first]
        if self.prefer_other_camera:
            elsewhere = others[self._cameras[others] != self._cameras[first]]
            others = elsewhere if elsewhere.size else others
        return first, int(rng.choice(others))
