"""A greedy and a modest caller on one server: how long the modest one waits, and what memory the server takes.

Each scene has the modest one alone first, and then beside the greedy one. With ``SCENESEEK_BASELINE=FOLDER`` (another
checkout) the same callers ask that one's server: this is how "before" is measured.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

PORT = 8798
SECONDS = 30.0
PATIENCE = 60.0
GREEDY, MODEST = "greedy-secret", "modest-secret"
MEGAPIXELS = 39.7


def serve(folder: str) -> None:
    """Run a server of an empty gallery with the shipped network and two tokens, until it is killed."""
    from sceneseek.finder import Finder
    from sceneseek.gallery import Gallery
    from sceneseek.inference.predictor import load_predictor
    from sceneseek.web import Role, Settings, Token, create_app
    from sceneseek.web.serving import server_of
    from sceneseek.web.tokens import digest_of

    model = load_predictor("dcinet-synthetic")
    gallery = Gallery.open_or_create(Path(folder, "people"), model.name, model.fingerprint, model.embedding_dim)
    tokens = (
        Token("greedy", Role.OPERATOR, digest_of(GREEDY)),
        Token("modest", Role.KEEPER, digest_of(MODEST)),
    )
    settings = Settings(port=PORT, tokens=tokens, media_roots=(Path(folder, "media"),))
    server_of(create_app(Finder(model, gallery), settings=settings), settings).run()


class Refused(Exception):
    """The server did not do what was asked."""


def asked(method: str, path: str, token: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    """Ask once, over a connection of its own."""
    line = http.client.HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE)
    try:
        line.request(method, path, body, {"Authorization": f"Bearer {token}", "Content-Type": kind})
        answer = line.getresponse()
        content = answer.read()
    except OSError as error:
        raise Refused(str(error)) from error
    finally:
        line.close()
    if answer.status >= 400:
        raise Refused(str(answer.status))
    return content


def upload(picture: bytes, token: str) -> str:
    """Send a query picture; returns its name."""
    edge = uuid.uuid4().hex
    head = f'--{edge}\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'.encode()
    body = head + picture + f"\r\n--{edge}--\r\n".encode()
    said = json.loads(asked("POST", "/api/queries", token, body, f"multipart/form-data; boundary={edge}"))
    return str(said["query_id"])


def latencies(work: Callable[[], object], seconds: float, pause: float = 0.2) -> tuple[list[float], int]:
    """How long something takes, again and again, and how often it is refused."""
    times, refused = [], 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        try:
            work()
            times.append(time.perf_counter() - began)
        except Refused:
            refused += 1
        time.sleep(pause)
    return times, refused


@contextlib.contextmanager
def again_and_again(work: Callable[[], object], workers: int) -> Iterator[None]:
    """Do something in so many threads, without a pause."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.is_set():
            with contextlib.suppress(Refused):
                work()

    threads = [threading.Thread(target=repeat, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=2 * PATIENCE)


def small_picture() -> bytes:
    """A picture as a viewer sends it."""
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((640, 480)).save(buffer, "JPEG")
    return buffer.getvalue()


def large_picture() -> bytes:
    """A small file of very many pixels."""
    side = round((MEGAPIXELS * 1e6) ** 0.5)
    row = b"\x00" * (1 + 3 * side)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def told(name: str, times: Sequence[float], refused: int) -> None:
    """One line of the answer."""
    if not times:
        print(f"{name:>40}: refused {refused} times of {refused}")
        return
    p50, p95 = np.quantile(times, (0.5, 0.95))
    print(f"{name:>40}: p50 {p50:7.3f} s, p95 {p95:7.3f} s, {len(times)} answers, refused {refused} times")


def connections() -> None:
    """200 idle sockets, opened again as they are closed."""
    stop = threading.Event()
    held: list[socket.socket] = []

    def hold() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError):
                held.append(socket.create_connection(("127.0.0.1", PORT), timeout=1))
            if len(held) > 200:
                held.pop(0).close()
                time.sleep(0.05)

    ask = lambda: asked("GET", "/api/jobs", MODEST)  # noqa: E731
    told("connections, modest alone", *latencies(ask, 5))
    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    time.sleep(2)
    told("beside 200 idle sockets", *latencies(ask, SECONDS))
    stop.set()
    thread.join()
    for one in held:
        one.close()


def pictures() -> None:
    """Six at a time of 40 megapixels and little more than 100 kB."""
    mine, theirs = small_picture(), large_picture()
    told("pictures, modest alone", *latencies(lambda: upload(mine, MODEST), 5))
    with again_and_again(lambda: upload(theirs, GREEDY), 6):
        time.sleep(3)
        told(f"beside 6 of {MEGAPIXELS:g} megapixels", *latencies(lambda: upload(mine, MODEST), SECONDS))


def shelf() -> None:
    """12 pictures of 24 MB, most of it behind the picture's end."""
    mine = upload(small_picture(), MODEST)
    padded = small_picture() + b"\x00" * (24 << 20)
    refused = 0
    for _ in range(12):
        try:
            upload(padded, GREEDY)
        except Refused:
            refused += 1
    try:
        asked("GET", f"/api/queries/{mine}", MODEST)
        kept = "is kept"
    except Refused as error:
        kept = f"is gone ({error})"
    print(f"{'shelf, after 12 padded pictures':>40}: the modest one's picture {kept}; {refused} of 12 refused")


def streams() -> None:
    """32 event streams of one viewer."""
    order = json.dumps({"paths": ["media"]}).encode()
    job = json.loads(asked("POST", "/api/index", GREEDY, order))["job_id"]
    request = f"GET /api/jobs/{job}/events HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nAuthorization: Bearer "
    held = []
    for token in [GREEDY] * 32 + [MODEST]:
        line = socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE)
        line.sendall(f"{request}{token}\r\n\r\n".encode())
        status = line.recv(4096).split(b" ")[1].decode()
        held.append(line)
    print(f"{'streams, beside 32 of one viewer':>40}: the modest one is answered {status}")
    for line in held:
        line.close()
    asked("DELETE", f"/api/jobs/{job}", GREEDY)


class Memory:
    """Watches what a process and its children hold."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.all = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def server(self) -> float:
        """The most that the server held by itself, in MB."""
        return _status(self.pid, "VmHWM")

    def _watch(self) -> None:
        while Path(f"/proc/{self.pid}").exists():
            with contextlib.suppress(OSError, StopIteration, ValueError):
                self.all = max(self.all, _proportional(self.pid))
            time.sleep(0.2)


def _status(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1e3


def _proportional(pid: int) -> float:
    """MB of a process and its children; what several share is counted once."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(_proportional(int(child)) for child in children)


def main() -> None:
    """Print the waits of the modest caller in each scene, and the server's memory."""
    baseline = os.environ.get("SCENESEEK_BASELINE")
    source = str(Path(baseline).resolve() / "src") if baseline else None
    with tempfile.TemporaryDirectory() as folder:
        for i in range(300):
            picture = np.random.default_rng(i).integers(0, 255, (48, 64, 3), np.uint8)
            place = Path(folder, "media", f"{i}.jpg")
            place.parent.mkdir(exist_ok=True)
            Image.fromarray(picture).resize((1280, 960)).save(place)
        code = f"from benchmarks.bench_fairness import serve; serve({folder!r})"
        path = os.pathsep.join(filter(None, (source, str(Path(__file__).parent.parent))))
        server = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path})
        try:
            wait_for()
            print(f"server of {baseline or 'this checkout'}")
            memory = Memory(server.pid)
            upload(small_picture(), MODEST)
            before = memory.server()
            for scene in (connections, pictures, shelf, streams):
                scene()
            print(f"memory: the server {before:.0f} MB at first, {memory.server():.0f} MB at most; with its decoders "
                  f"{memory.all:.0f} MB at most")  # fmt: skip
        finally:
            server.terminate()
            server.wait()


def wait_for() -> None:
    """Wait until the server answers."""
    for _ in range(1200):
        try:
            asked("GET", "/api/jobs", MODEST)
            return
        except Refused:
            time.sleep(0.1)
    raise RuntimeError("the server did not start")
