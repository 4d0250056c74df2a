"""A real server on a socket: callers who dawdle, and the shipped network from a query picture to its clip."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from footage import Footage
from gallery_server import generated_gallery, serving
from sceneseek.pictures import read_picture
from sceneseek.web import Limits
from web_world import World, bearer, tokens


def closed_after(connection: socket.socket, seconds: float) -> tuple[bytes, float]:
    """What a server sends until it hangs up, and how long that takes."""
    connection.settimeout(seconds)
    began, received = time.monotonic(), b""
    while block := connection.recv(65536):
        received += block
    return received, time.monotonic() - began


@pytest.fixture(scope="module")
def impatient(world: World) -> Iterator[str]:
    limits = Limits(header_seconds=0.4, body_seconds=0.4, body_rate=1e6)
    with serving(world.finder(), limits=limits, media_roots=(world.media,)) as address:
        yield address


def connected(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)))


@pytest.mark.parametrize("sent", [b"", b"GET /api/health HTTP/1.1\r\nHost: "])
def test_headers_that_never_end(impatient: str, sent: bytes) -> None:
    with connected(impatient) as connection:
        connection.sendall(sent)
        received, seconds = closed_after(connection, 20)
    assert received == b""
    assert 0.3 < seconds < 15


def test_headers_that_drip(impatient: str) -> None:
    """A byte now and then does not start the clock again."""
    with connected(impatient) as connection:
        connection.sendall(b"GET /api/health HTTP/1.1\r\n")
        began = time.monotonic()
        with suppress(OSError):  # reset, or a broken pipe, as the system likes
            while time.monotonic() - began < 20:
                connection.sendall(b"X-A: b\r\n")
                time.sleep(0.1)
    assert time.monotonic() - began < 15


def test_bodies_that_never_end(impatient: str) -> None:
    with connected(impatient) as connection:
        host = impatient.removeprefix("http://").encode()
        connection.sendall(b"POST /api/search HTTP/1.1\r\nHost: " + host + b"\r\nContent-Type: application/json\r\n")
        connection.sendall(b'Content-Length: 1000\r\n\r\n{"exa')
        received, seconds = closed_after(connection, 20)
    assert received.startswith(b"HTTP/1.1 408")
    assert seconds < 10


def test_bodies_that_drip(impatient: str) -> None:
    with connected(impatient) as connection:
        host = impatient.removeprefix("http://").encode()
        connection.sendall(b"POST /api/queries HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 100000\r\n")
        connection.sendall(b"Content-Type: multipart/form-data; boundary=x\r\n\r\n")
        connection.sendall(b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n')
        answer = b""
        connection.settimeout(0.05)
        began = time.monotonic()
        while not answer and time.monotonic() - began < 20:
            connection.sendall(b"x")
            try:
                answer = connection.recv(65536)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408")


def test_more_connections_than_are_served(world: World) -> None:
    with serving(world.finder(), limits=Limits(connections=6, header_seconds=60)) as address:
        idle = [connected(address) for _ in range(6)]
        answer = httpx.get(f"{address}/api/health")
        for connection in idle:
            connection.close()
        assert answer.status_code == 503
        time.sleep(0.2)
        assert httpx.get(f"{address}/api/health").status_code == 200


def test_a_server_with_listeners_stops_at_once(own_world: World) -> None:
    """Somebody who follows a job does not hold it up."""
    footage = Footage()
    with serving(own_world.finder(), open_media=footage.open_media(), media_roots=(own_world.media,)) as address:
        job_id = httpx.post(f"{address}/api/index", json={"paths": ["media"]}).json()["job_id"]
        events: list[str] = []

        def follow() -> None:
            with httpx.stream("GET", f"{address}/api/jobs/{job_id}/events", timeout=30) as stream:
                events.extend(line for line in stream.iter_lines() if line)

        follower = threading.Thread(target=follow)
        follower.start()
        while not events:
            time.sleep(0.01)
        threading.Timer(1.0, footage.pass_frames, [1000]).start()
        began = time.monotonic()
    follower.join(timeout=20)
    assert not follower.is_alive()
    assert time.monotonic() - began < 15


@pytest.mark.slow
def test_from_a_query_picture_to_a_clip_with_the_shipped_network(tmp_path: Path) -> None:
    finder = generated_gallery(tmp_path, num_photographs=5)
    asked = sorted((tmp_path / "queries").iterdir())[0]
    with (
        serving(finder, media_roots=(tmp_path / "media",), tokens=tokens()) as address,
        httpx.Client(base_url=address, headers=bearer("otto"), timeout=60) as client,
    ):
        query = client.post("/api/queries", files={"picture": asked.read_bytes()}).json()
        person = query["people"][0]
        question = {"examples": [{"query_id": query["query_id"], "person": 0}], "top": 10}
        answer = client.post("/api/search", json=question).json()
        located = finder.people(read_picture(asked))[0]
        expected = finder.find_people([located], top=10)
        assert person["box"] == pytest.approx(located.box, abs=1e-3)
        assert [m["detection_id"] for m in answer["matches"]] == [m.detection_id for m in expected]
        assert answer["num_likely"] == expected.num_likely
        seen = next(m for m in answer["matches"] if m["kind"] == "video")
        assert seen["sighting"]["num_detections"] >= 1
        around = client.get(f"/api/frames/{seen['media_key']}/{seen['frame_index']}/around").json()
        assert seen["frame_index"] in [frame["frame_index"] for frame in around["frames"]]
        track = client.get(f"/api/tracklets/{seen['sighting']['tracklet_id']}").json()
        assert seen["detection_id"] in [one["detection_id"] for one in track["people"]]
        clip = client.get(f"/api/media/{seen['media_key']}/clip", params={"start_s": 0, "end_s": 2})
        assert clip.content[4:8] == b"ftyp"
        assert client.get(seen["crop"]).content.startswith(b"\xff\xd8")
        again = {"examples": [{"detection_id": seen["detection_id"]}], "rerank": "k_reciprocal"}
        assert client.post("/api/search", json=again).json()["method"]["re-ranking"].startswith("k")
        pdf = client.post("/api/reports", json={"search": question, "format": "pdf"})
        assert pdf.content.startswith(b"%PDF")
        job = client.post("/api/uploads", files={"files": asked.read_bytes()}).json()["job_id"]
        lines = client.get(f"/api/jobs/{job}/events").text.strip().split("\n")
        last = json.loads(lines[-1].removeprefix("data: "))
        assert (last["state"], last["frames"]) == ("done", 1)
        assert last["people"] == len(query["people"])
        found = client.post("/api/search", json={**question, "own_pictures": True}).json()["matches"][0]
        assert found["similarity"] == pytest.approx(1.0, abs=1e-4)
