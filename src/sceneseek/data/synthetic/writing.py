"""Writes the pictures of a synthetic world to disk, in one process or in several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import cv2

from sceneseek.data.coco import IMAGES
from sceneseek.data.coco_writing import write_coco
from sceneseek.errors import ValueRefused
from sceneseek.structures import Progress, Sample, SceneSet

SPLITS = ("train", "test")

_CHUNK = 8


def write_pictures(
    draw: Callable[[int], Sample], count: int, folder: Path, *, workers: int, progress: Progress
) -> list[Sample]:
    """Draw all pictures of a world into ``folder/train/images`` and ``folder/test/images``.

    Args:
        draw: Draws and saves the picture of an index; with several workers it is sent to them.
        count: Of pictures.
        folder: Where to; made if it does not exist.
        workers: Processes to draw with.
        progress: Told how many pictures are written.

    Returns:
        What is in them, in order.

    Raises:
        ValueRefused: ``workers`` is below 1.
    """
    if workers < 1:
        raise ValueRefused(f"workers is {workers}; expected at least 1.")
    for split in SPLITS:
        (folder / split / IMAGES).mkdir(parents=True, exist_ok=True)
    samples: list[Sample] = []
    progress(0, count)
    with _drawn(draw, count, workers) as drawn:
        for sample in drawn:
            samples.append(sample)
            progress(len(samples), count)
    return samples


def write_sets(sets: Mapping[str, SceneSet], folder: Path) -> None:
    """Write the annotations of each split beside its pictures."""
    for split, scenes in sets.items():
        write_coco(scenes, folder / split)


@contextmanager
def _drawn(draw: Callable[[int], Sample], count: int, workers: int) -> Iterator[Iterator[Sample]]:
    if workers == 1:
        yield map(draw, range(count))
        return
    # A fresh interpreter for each worker: forking one that holds threads is not safe.
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        yield pool.map(draw, range(count), chunksize=_CHUNK)
