"""A camera on the local network, for tests: HTTP on loopback, MPEG-TS or MJPEG, with a cable that can be pulled."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np
from PIL import Image

from fake_predictor import YELLOW, scene

RATE = 25
BOUNDARY = "frame"


def picture(index: int) -> np.ndarray:
    """Somebody in yellow who walks back and forth."""
    x = 4 + abs(index % 120 - 60) * 2
    return scene((YELLOW, (x, 20, x + 20, 80)))


def transport_stream(num_frames: int = 100) -> list[bytes]:
    """One MPEG-TS chunk per frame."""
    chunks, buffer = [], io.BytesIO()
    with av.open(buffer, "w", format="mpegts", options={"flush_packets": "1"}) as container:
        video = container.add_stream("mpeg2video", rate=RATE)
        video.width, video.height, video.pix_fmt, video.gop_size, video.bit_rate = 160, 96, "yuv420p", 5, 2_000_000
        video.max_b_frames = 0
        for i in range(num_frames):
            frame = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(video.encode(frame))
            chunks.append(buffer.getvalue())
            buffer.seek(0)
            buffer.truncate()
    return [chunk for chunk in chunks if chunk]


def motion_jpeg(num_frames: int = 100) -> list[bytes]:
    """One part of a multipart answer per frame."""
    chunks = []
    for i in range(num_frames):
        jpeg = io.BytesIO()
        Image.fromarray(picture(i)).save(jpeg, "JPEG")
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg.getvalue())}\r\n\r\n"
        chunks.append(head.encode() + jpeg.getvalue() + b"\r\n")
    return chunks


class Camera:
    """What the server sends, and whether its cable is plugged in."""

    def __init__(self, kind: str) -> None:
        self.chunks = transport_stream() if kind == "ts" else motion_jpeg()
        self.content_type = "video/mp2t" if kind == "ts" else f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        self.unplugged_for = 0
        self.mute = threading.Event()
        self.over = threading.Event()
        self.connections = 0
        self.asks_for_password = False
        self.credentials: list[str | None] = []
        self.port = 0

    def unplug(self, for_attempts: int) -> None:
        """Pull the cable: viewers are dropped, and so many who try again are refused before it is plugged in again."""
        self.unplugged_for = for_attempts


@contextmanager
def served(kind: str = "ts", rate: float = RATE) -> Iterator[Camera]:
    """A camera at ``http://127.0.0.1:PORT/door`` that sends ``rate`` pictures a second, or as many as are taken."""
    camera = Camera(kind)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            camera.credentials.append(self.headers.get("Authorization"))
            if camera.asks_for_password and camera.credentials[-1] is None:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="door"')
                self.end_headers()
                return
            if camera.unplugged_for:
                camera.unplugged_for -= 1
                self.send_error(503)
                return
            camera.connections += 1
            self.send_response(200)
            self.send_header("Content-Type", camera.content_type)
            self.end_headers()
            started = time.monotonic()
            for i in range(1 << 30):
                while camera.mute.is_set() and not camera.over.is_set():
                    time.sleep(0.01)
                if camera.unplugged_for or camera.over.is_set():
                    return
                try:
                    self.wfile.write(camera.chunks[i % len(camera.chunks)])
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(max(0.0, started + i / rate - time.monotonic()))

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    camera.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield camera
    finally:
        camera.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
