"""A program that indexes a made-up video and photographs slowly and never ends, so that a test can kill it.

Arguments: GALLERY MEDIA PICTURES, the last of which says after how many pictures it waits to be killed.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fake_predictor import ColourPredictor, frames_of, media_item, video_item
from sceneseek.finder import Finder, IndexSummary
from sceneseek.gallery import Gallery
from sceneseek.structures import Detections, ImageArray

NUM_VIDEO_FRAMES = 90


class SlowPredictor(ColourPredictor):
    """Takes its time, as a network does; after so many pictures, for ever."""

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self.most = most

    def detect(self, images: Sequence[ImageArray]) -> list[Detections]:
        time.sleep(0.01 * len(images))
        if self.most is not None and sum(self.batches) >= self.most:
            threading.Event().wait()
        return super().detect(images)


def index(gallery_path: Path, media: Path, predictor: ColourPredictor) -> IndexSummary:
    """Index everything: three photographs, the video, the other photographs."""
    photos = [media_item(path) for path in sorted(media.iterdir())]
    gallery = Gallery.open_or_create(gallery_path, predictor.name, predictor.fingerprint, predictor.embedding_dim)
    finder = Finder(predictor, gallery, group_frames=3, commit_frames=5)
    items = [*photos[:3], video_item("hall", NUM_VIDEO_FRAMES, "hall"), *photos[3:]]
    return finder.index(items, partial(frames_of, every_s=0.5), every_s=0.5)


if __name__ == "__main__":
    index(Path(sys.argv[1]), Path(sys.argv[2]), SlowPredictor(int(sys.argv[3])))
