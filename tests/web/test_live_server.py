"""A real server on a socket: callers who dawdle, and the shipped network from a query picture to its clip."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from footage import Footage
from gallery_server import generated_gallery, serving
from patience import PATIENCE_S, until
from sceneseek.errors import GalleryError
from sceneseek.gallery import Gallery
from sceneseek.pictures import read_picture
from sceneseek.web import Limits
from sceneseek.web import serving as web_serving
from web_world import World, bearer, tokens

pytestmark = pytest.mark.processes

HEADER_S = BODY_S = 0.4


def sent_until_closed(connection: socket.socket) -> bytes:
    """What a server sends until it hangs up."""
    received = b""
    while block := connection.recv(65536):
        received += block
    return received


@pytest.fixture(scope="module")
def impatient(world: World) -> Iterator[str]:
    limits = Limits(header_seconds=HEADER_S, body_seconds=BODY_S, body_rate=1e6)
    with serving(world.finder(), limits=limits, media_roots=(world.media,)) as address:
        yield address


def connected(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


# That these servers hang up at all is their limit at work: without it they would wait for ever, or for 60 seconds.


@pytest.mark.parametrize("sent", [b"", b"GET /api/health HTTP/1.1\r\nHost: "])
def test_headers_that_never_end(impatient: str, sent: bytes) -> None:
    began = time.monotonic()
    with connected(impatient) as connection:
        connection.sendall(sent)
        assert sent_until_closed(connection) == b""
    assert time.monotonic() - began > 0.9 * HEADER_S, "not at once"


def test_headers_that_drip(impatient: str) -> None:
    """A byte now and then does not start the clock again."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"GET /api/health HTTP/1.1\r\n")
        for _ in range(1000):
            connection.sendall(b"X-A: b\r\n")
            time.sleep(HEADER_S / 4)

    with connected(impatient) as connection, pytest.raises(OSError, match=r"reset|pipe"):  # as the system likes
        drip(connection)


def test_bodies_that_never_end(impatient: str) -> None:
    with connected(impatient) as connection:
        host = impatient.removeprefix("http://").encode()
        connection.sendall(b"POST /api/search HTTP/1.1\r\nHost: " + host + b"\r\nContent-Type: application/json\r\n")
        connection.sendall(b'Content-Length: 1000\r\n\r\n{"exa')
        assert sent_until_closed(connection).startswith(b"HTTP/1.1 408")


def test_bodies_that_drip(impatient: str) -> None:
    with connected(impatient) as connection:
        host = impatient.removeprefix("http://").encode()
        connection.sendall(b"POST /api/queries HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 100000\r\n")
        connection.sendall(b"Content-Type: multipart/form-data; boundary=x\r\n\r\n")
        connection.sendall(b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n')

        def answer() -> bytes:
            with suppress(OSError):  # it may have hung up; what it has said before can still be read
                connection.sendall(b"x")
            return connection.recv(65536) if select.select([connection], [], [], 0.05)[0] else b""

        assert until(answer).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("sent", [b"", b"GET /api/health HTTP/1.1\r\nHost: ", b"GET /static/mark.svg HTTP/1.1\r\n"])
def test_idle_connections_keep_nobody_out(world: World, sent: bytes) -> None:
    """However many there are, from any address, and though they are served for ever."""
    limits = Limits(connections=6, connections_per_address=6, header_seconds=PATIENCE_S)
    with serving(world.finder(), limits=limits, tokens=tokens()) as address, ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(connected(address))
            with suppress(OSError):
                connection.sendall(sent)
        assert httpx.get(f"{address}/api/health", timeout=PATIENCE_S).status_code == 200
        assert httpx.get(f"{address}/api/jobs", headers=bearer("vera"), timeout=PATIENCE_S).status_code == 200


def test_bodies_that_never_end_keep_nobody_out(world: World) -> None:
    limits = Limits(connections=4, connections_per_address=4, body_seconds=PATIENCE_S)
    with serving(world.finder(), limits=limits, tokens=tokens()) as address, ExitStack() as stack:
        host = address.removeprefix("http://").encode()
        for _ in range(8):
            connection = stack.enter_context(connected(address))
            connection.sendall(b"POST /api/login HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 100\r\n\r\n{")
        assert httpx.get(f"{address}/api/health", timeout=PATIENCE_S).status_code == 200


def test_a_known_callers_connection_stays(world: World) -> None:
    limits = Limits(connections=4, connections_per_address=4, header_seconds=PATIENCE_S)
    with (
        serving(world.finder(), limits=limits, tokens=tokens()) as address,
        ExitStack() as stack,
        httpx.Client(base_url=address, headers=bearer("vera"), timeout=PATIENCE_S) as vera,
    ):
        assert vera.get("/api/jobs").status_code == 200
        mine = vera._transport._pool.connections  # type: ignore[attr-defined]
        first = mine[0]
        for _ in range(12):
            stack.enter_context(connected(address))
        assert vera.get("/api/jobs").status_code == 200
        assert mine[0] is first


def test_a_server_at_work_for_all_says_so(world: World) -> None:
    limits = Limits(connections=1)
    with serving(world.finder(), limits=limits) as address:
        work = threading.Event()
        app_is_at = threading.Event()

        def slow() -> object:
            app_is_at.set()
            work.wait()
            raise GalleryError("enough")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Gallery, "info", lambda self: slow())
            asked = threading.Thread(target=lambda: httpx.get(f"{address}/api/gallery", timeout=PATIENCE_S))
            asked.start()
            app_is_at.wait()
            assert httpx.get(f"{address}/api/health", timeout=PATIENCE_S).status_code == 503
            work.set()
            asked.join()
        until(lambda: httpx.get(f"{address}/api/health", timeout=PATIENCE_S).status_code == 200)


def test_a_server_with_listeners_stops_at_once(own_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who follows a job does not hold it up: the job gets its pictures only after they were let go."""
    monkeypatch.setattr(web_serving, "_GRACE_S", PATIENCE_S)  # so that they are let go, and not cut off
    footage = Footage()
    with serving(own_world.finder(), open_media=footage.open_media(), media_roots=(own_world.media,)) as address:
        order = {"paths": ["media"]}
        job_id = httpx.post(f"{address}/api/index", json=order, timeout=PATIENCE_S).json()["job_id"]
        events: list[str] = []

        def follow() -> None:
            with httpx.stream("GET", f"{address}/api/jobs/{job_id}/events", timeout=PATIENCE_S) as stream:
                events.extend(line for line in stream.iter_lines() if line)
            footage.pass_frames(1000)

        follower = threading.Thread(target=follow)
        follower.start()
        until(lambda: events)
    follower.join(timeout=PATIENCE_S)
    assert not follower.is_alive()


@pytest.mark.slow
def test_from_a_query_picture_to_a_clip_with_the_shipped_network(tmp_path: Path) -> None:
    finder = generated_gallery(tmp_path, num_photographs=5)
    asked = sorted((tmp_path / "queries").iterdir())[0]
    with (
        serving(finder, media_roots=(tmp_path / "media",), tokens=tokens()) as address,
        httpx.Client(base_url=address, headers=bearer("otto"), timeout=PATIENCE_S) as client,
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
