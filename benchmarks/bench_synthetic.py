"""Drawing synthetic scenes of 640x384 in one process, beside the cost of only compressing them as JPEG."""

from __future__ import annotations

import cv2

from benchmarks.timing import seconds
from sceneseek.data.synthetic import PeopleWorld, WorldSpec

COUNT = 24


def main() -> None:
    """Print scenes a second by difficulty."""
    cv2.setNumThreads(1)
    for difficulty in ("easy", "medium", "hard"):
        world = PeopleWorld(WorldSpec(seed=1, num_scenes=200, difficulty=difficulty))
        images = [world.render(i)[0] for i in range(COUNT)]
        taken = seconds(
            {
                "draw": lambda world=world: [world.picture(i) for i in range(COUNT)],
                "jpeg": lambda images=images: [cv2.imencode(".jpg", image) for image in images],
            },
            repeats=3,
        )
        rate, floor = COUNT / taken["draw"], taken["draw"] / taken["jpeg"]
        print(f"{difficulty:8s} {rate:6.1f} scenes/s, {floor:5.1f} times the cost of compressing them")
