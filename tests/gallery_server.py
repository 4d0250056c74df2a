"""Real servers for tests: a gallery of generated scenes seen by the shipped network, served on a free loopback port.

    with generated_gallery(folder) as finder, serving(finder, media_roots=(folder / "media",)) as address: ...

``python tests/gallery_server.py FOLDER [PORT]`` does the same for people, until it is interrupted.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from patience import PATIENCE_S
from sceneseek.data.synthetic import PeopleWorld, WorldSpec
from sceneseek.finder import Finder
from sceneseek.gallery import Gallery
from sceneseek.inference import discover, frames_of
from sceneseek.pictures import write_picture
from sceneseek.structures import ImageArray
from sceneseek.web import Settings, create_app
from sceneseek.web.media import OpenMedia
from sceneseek.web.serving import server_of

NUM_PHOTOGRAPHS = 16
NUM_QUERIES = 4
_FRAMES_PER_SECOND = 5


def generated_media(folder: Path, seed: int = 4, num_photographs: int = NUM_PHOTOGRAPHS) -> tuple[Path, Path]:
    """Photographs of three cameras and a video in one folder, pictures to ask with in another.

    Returns:
        The two folders.
    """
    world = PeopleWorld(WorldSpec(seed=seed, num_scenes=60, num_identities=10, difficulty="easy"))
    media, queries = folder / "media", folder / "queries"
    for i in range(num_photographs):
        write_picture(world.render(i)[0], media / f"camera-{i % 3 + 1}" / f"{i:02d}.jpg")
    for i in range(NUM_PHOTOGRAPHS, NUM_PHOTOGRAPHS + NUM_QUERIES):
        write_picture(world.render(i)[0], queries / f"{i:02d}.jpg")
    write_video(media / "camera-4" / "hall.mp4", panned(world.render(2)[0], 8 * _FRAMES_PER_SECOND))
    return media, queries


def panned(scene: ImageArray, count: int) -> Iterator[ImageArray]:
    """A camera that moves slowly over a scene, ``count`` frames."""
    height, width = scene.shape[:2]
    view_w = width * 4 // 5 // 2 * 2
    for i in range(count):
        left = round((width - view_w) * i / max(1, count - 1))
        yield np.ascontiguousarray(scene[: height // 2 * 2, left : left + view_w])


def write_video(path: Path, frames: Iterator[ImageArray], rate: int = _FRAMES_PER_SECOND) -> Path:
    """Write frames as H.264 in MP4."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream: Any = None
        for i, image in enumerate(frames):
            if stream is None:
                stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "g": "10"})
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def generated_gallery(folder: Path, seed: int = 4, num_photographs: int = NUM_PHOTOGRAPHS) -> Finder:
    """The shipped network, and a gallery of what it saw in ``generated_media``; made once per folder."""
    media = folder / "media"
    if not media.is_dir():
        generated_media(folder, seed, num_photographs)
    from sceneseek.inference import load_predictor  # and torch with it, which other tests do without

    predictor = load_predictor("dcinet-synthetic")
    gallery = Gallery.open_or_create(folder / "gallery", predictor.name, predictor.fingerprint, predictor.embedding_dim)
    finder = Finder(predictor, gallery)
    if not len(gallery):
        began = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
        items = []
        for camera in sorted(media.iterdir()):
            for item in discover([str(camera)], camera=camera.name):
                items.append(replace(item, captured_at=began + timedelta(minutes=7 * len(items))))
        finder.index(items, partial(frames_of, every_s=1.0), every_s=1.0)
    return finder


@contextmanager
def serving(
    finder: Finder, port: int | None = None, open_media: OpenMedia | None = None, **settings: Any
) -> Iterator[str]:
    """Serve a gallery on loopback; yields the address, without a slash at its end.

    Args:
        finder: A model and a gallery.
        port: The port; a free one when not given.
        open_media: Finds and opens what jobs index; the server's own way when not given.
        settings: More of ``sceneseek.web.Settings``.
    """
    chosen = port or _free_port()
    setup = Settings(port=chosen, **settings)
    server = server_of(create_app(finder, settings=setup, open_media=open_media), setup)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the server did not start")
            time.sleep(0.02)
        yield f"http://127.0.0.1:{chosen}"
    finally:
        server.should_exit = True
        thread.join(timeout=PATIENCE_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    where = Path(sys.argv[1])
    with serving(
        generated_gallery(where), int(sys.argv[2]) if len(sys.argv) > 2 else None, media_roots=(where / "media",)
    ) as address:
        print(address, flush=True)  # noqa: T201 - for the person who started it
        threading.Event().wait()
