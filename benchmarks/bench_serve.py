"""Searches over HTTP, by one, eight and thirty-two clients on loopback, beside the same search in one process.

The processor time of the server is told as well: it hardly depends on what else the machine does.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.bench_gallery import DIM, PEOPLE_PER_FRAME, filled
from sceneseek.finder import Finder
from sceneseek.gallery import Gallery
from sceneseek.structures import Detections, FloatArray, ImageArray

PEOPLE = 10_000
CLIENTS = (1, 8, 32)
SECONDS = 8.0
TOP = 50


class NoModel:
    """Stands for a network: searches with people of the gallery need none."""

    name = fingerprint = "random"
    embedding_dim = DIM

    def detect(self, images: Sequence[ImageArray]) -> list[Detections]:
        """Never called."""
        raise NotImplementedError

    def embed(self, images: Sequence[ImageArray], boxes: Sequence[FloatArray]) -> list[FloatArray]:
        """Never called."""
        raise NotImplementedError


def serve(folder: str, port: int) -> None:
    """Run a server of the gallery in ``folder``, without limits in the way, until it is killed."""
    from sceneseek.web import Limits, Settings, create_app
    from sceneseek.web.serving import server_of

    limits = Limits(requests_per_second=1e9, burst=1_000_000_000, waiting=256)
    settings = Settings(port=port, limits=limits)
    server_of(create_app(Finder(NoModel(), Gallery.open(folder)), settings=settings), settings).run()


def question(index: int) -> bytes:
    """A search with somebody of the gallery, as JSON."""
    frame, ordinal = divmod(index % PEOPLE, PEOPLE_PER_FRAME)
    return json.dumps({"examples": [{"detection_id": f"random:{frame}:{ordinal}"}], "top": TOP}).encode()


async def client(port: int, indices: Sequence[int], until: float, latencies: list[float]) -> None:
    """Ask one question after the other over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for index in itertools.cycle(indices):
        began = time.perf_counter()
        if began > until:
            break
        body = question(index)
        head = (
            f"POST /api/search HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())
        length = next(line for line in answer.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        latencies.append(time.perf_counter() - began)
    writer.close()


async def ask(port: int, clients: int) -> list[float]:
    """Latencies of all questions that ``clients`` ask in ``SECONDS``."""
    latencies: list[float] = []
    order = np.random.default_rng(1).permutation(PEOPLE).tolist()
    until = time.perf_counter() + SECONDS
    await asyncio.gather(*(client(port, order[i::clients], until, latencies) for i in range(clients)))
    return latencies


def alone(finder: Finder) -> list[float]:
    """Latencies of the same search in this process."""
    latencies = []
    until = time.perf_counter() + SECONDS
    for index in itertools.count(3):
        began = time.perf_counter()
        if began > until:
            return latencies
        name = json.loads(question(7919 * index))["examples"][0]["detection_id"]
        finder.find_people([finder.person(name)], top=TOP)
        latencies.append(time.perf_counter() - began)
    return latencies


def told(name: str, latencies: Sequence[float], seconds: float, processor: float) -> str:
    """One line of the answer; ``processor`` is the time that all of them took of it."""
    p50, p95 = np.quantile(latencies, (0.5, 0.95)) * 1000
    rate, each = len(latencies) / seconds, 1000 * processor / len(latencies)
    return f"{name:>16}: {rate:6.1f} a second, p50 {p50:7.1f} ms, p95 {p95:7.1f} ms, processor {each:5.1f} ms each"


def processor_seconds(pid: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int) -> float:
    """Resident memory of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    status = Path(f"/proc/{pid}/status").read_text()
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1e3
    return own + sum(megabytes(int(child)) for child in children)


def main() -> None:
    """Print searches a second and latencies."""
    with tempfile.TemporaryDirectory() as folder:
        gallery, _ = filled(Path(folder), PEOPLE)
        finder = Finder(NoModel(), gallery)
        finder.find_people([finder.person("random:0:0")], top=TOP)  # calibrates
        used = time.process_time()
        here = alone(finder)
        used = time.process_time() - used
        print(told("in one process", here, SECONDS, used))
        port = 8799
        code = f"from benchmarks.bench_serve import serve; serve({str(gallery.path)!r}, {port})"
        server = subprocess.Popen([sys.executable, "-c", code], env={**os.environ})
        try:
            wait_for(port)
            asyncio.run(ask(port, 1))  # warm
            before = megabytes(server.pid)
            for clients in CLIENTS:
                then = processor_seconds(server.pid)
                latencies = asyncio.run(ask(port, clients))
                taken = processor_seconds(server.pid) - then
                line = told(f"HTTP, {clients} client{'s' if clients > 1 else ''}", latencies, SECONDS, taken)
                print(f"{line}, {taken / len(latencies) * len(here) / used:.2f} times in one process")
            print(f"memory of the server and its decoders: {before:.0f} MB, afterwards {megabytes(server.pid):.0f} MB")
        finally:
            server.terminate()
            server.wait()


def wait_for(port: int) -> None:
    """Wait until the server answers."""
    for _ in range(1200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health").read()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server did not start")
