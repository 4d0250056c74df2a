"""Videos for tests that exist as numbers alone, and come as fast as a test lets them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from fake_predictor import frames_of, video_item
from sceneseek.structures import Frame, MediaItem
from sceneseek.web import Limits, Settings, create_app
from sceneseek.web.media import OpenMedia
from web_world import ADDRESS, TestClient, World


class Footage:
    """Videos that exist as numbers, and a gate before each frame."""

    def __init__(self, num_frames: int = 40) -> None:
        self.num_frames = num_frames
        self.gate = threading.Semaphore(0)
        self.opened = 0

    def open_media(self) -> OpenMedia:
        return OpenMedia(
            lambda paths, camera, camera_from=None: [video_item("long", self.num_frames, camera)], self.frames_of
        )

    def frames_of(self, item: MediaItem, *, every_s: float, start_index: int = 0) -> Iterator[Frame]:
        for frame in frames_of(item, every_s=every_s, start_index=start_index):
            self.gate.acquire()
            self.opened += 1
            yield frame  # type: ignore[misc]

    def pass_frames(self, count: int) -> None:
        self.gate.release(count)


def served(world: World, footage: Footage, **limits: Any) -> TestClient:
    settings = Settings(media_roots=(world.media,), every_s=0.5, limits=Limits(**limits))
    app = create_app(world.finder(), settings=settings, open_media=footage.open_media())
    return TestClient(app, base_url=ADDRESS, raise_server_exceptions=False)
