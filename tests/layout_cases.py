"""A small data set with pictures, for the tests of the on-disk layouts."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from sceneseek.pictures import write_picture
from sceneseek.structures import UNLABELED, Query, Sample, SceneSet

WIDTH, HEIGHT = 320, 280


def picture(folder: Path, name: str, shade: int) -> Path:
    path = folder / name
    write_picture(np.full((HEIGHT, WIDTH, 3), shade % 256, np.uint8), path)
    return path


def scene(
    folder: Path,
    image_id: int,
    people: dict[tuple[float, float, float, float], int],
    camera: str = "c1",
    name: str = "",
) -> Sample:
    return Sample(
        image_id=image_id,
        path=picture(folder, name or f"{folder.name}_{image_id}.jpg", 10 * image_id),
        width=WIDTH,
        height=HEIGHT,
        boxes=np.array(list(people), np.float32).reshape(-1, 4),
        person_ids=np.array(list(people.values()), np.int64),
        camera_id=camera,
    )


def train_set(folder: Path, first_id: int = 0) -> SceneSet:
    scenes = (
        scene(folder / "a", 0, {(10, 20, 60, 140): first_id + 1, (70, 20, 110, 150): UNLABELED}),
        scene(folder / "a", 1, {(12, 22, 62, 142): first_id + 0, (200, 10, 300, 250): first_id + 1}, "c2"),
        scene(folder / "a", 2, {(0, 0, 50, 100): first_id + 2}, "c3"),
    )
    return SceneSet("train", scenes)


def query_set(folder: Path, first_id: int = 0) -> SceneSet:
    """Five images, two people with one query each; boxes beyond 255 pixels, where 8 and 16 bits would overflow."""
    one, two = first_id, first_id + 1
    scenes = (
        scene(folder / "b", 0, {(250, 30, 310, 270): one, (5, 5, 40, 90): UNLABELED}),
        scene(folder / "b", 1, {(20, 30, 90, 200): two}, "c2"),
        scene(folder / "b", 2, {(30, 40, 100, 220): one, (120, 40, 200, 220): two}, "c3"),
        scene(folder / "b", 3, {(5, 5, 60, 160): UNLABELED}, "c4"),
        scene(folder / "b", 4, {(60, 30, 130, 190): one}, "c5"),
    )
    queries = (
        Query(0, 0, np.array([250, 30, 310, 270], np.float32), one, (2, 4, 1, 3)),
        Query(1, 1, np.array([20, 30, 90, 200], np.float32), two, (2, 0, 3, 4)),
    )
    return SceneSet("test", scenes, queries)


def same_people(found: Sample, expected: Sample, *, atol: float = 0.0) -> None:
    """Boxes and identities agree, in order."""
    assert (found.width, found.height) == (expected.width, expected.height)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=atol)
    np.testing.assert_array_equal(found.person_ids, expected.person_ids)


def same_queries(found: SceneSet, expected: SceneSet, *, atol: float = 0.0) -> None:
    """Queries agree, images named by their place in the set."""
    here = {s.image_id: i for i, s in enumerate(found.samples)}
    there = {s.image_id: i for i, s in enumerate(expected.samples)}
    assert len(found.queries) == len(expected.queries)
    for a, b in zip(found.queries, expected.queries, strict=True):
        assert a.person_id == b.person_id
        assert here[a.image_id] == there[b.image_id]
        assert [here[i] for i in a.gallery] == [there[i] for i in b.gallery]
        np.testing.assert_allclose(a.box, b.box, atol=atol)


def divided(folder: Path) -> tuple[SceneSet, SceneSet]:
    """The two sets as a COCO-style folder with ``train`` and ``test``."""
    from sceneseek.data.coco_writing import write_coco

    train, test = train_set(folder.parent / "pictures"), query_set(folder.parent / "pictures")
    for split, scenes in (("train", train), ("test", test)):
        (folder / split / "images").mkdir(parents=True)
        samples = tuple(
            replace(s, path=Path(shutil.copy(s.path, folder / split / "images" / s.path.name))) for s in scenes.samples
        )
        write_coco(replace(scenes, samples=samples), folder / split)
    return train, test
