"""HEAD wherever GET works, OPTIONS, and parts of pictures and clips: RFC 9110 on every kind of address."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import pytest

from footage import Footage
from gallery_server import serving
from loops import finished
from patience import PATIENCE_S
from sceneseek.web.clips import Clips
from sceneseek.web.shares import ASKER
from web_world import Serve, TestClient, World, ask_with, bearer, tokens

pytestmark = pytest.mark.processes

CLIP = "clip?start_s=1&end_s=3"
VARYING = {"date"}


@pytest.fixture(scope="module")
def addresses(client: TestClient, world: World) -> dict[str, str]:
    """One address of each kind."""
    media = client.get("/api/media").json()["media"]
    video = next(medium for medium in media if medium["kind"] == "video")["media_key"]
    photo = next(medium for medium in media if medium["kind"] == "photo")["media_key"]
    query = ask_with(client, world.query)
    asked = {"examples": [{"query_id": query["query_id"], "person": 0}]}
    match = client.post("/api/search", json=asked).json()["matches"][0]
    return {
        "page": "/",
        "script": "/static/js/main.js",
        "image": "/static/mark.svg",
        "health": "/api/health",
        "gallery": "/api/gallery",
        "media": "/api/media",
        "openapi": "/api/openapi.json",
        "person": f"/api/detections/{match['detection_id']}",
        "crop": match["crop"],
        "scene": match["scene"],
        "photograph": f"/api/frames/{photo}/0/picture",
        "query": f"/api/queries/{query['query_id']}/picture",
        "clip": f"/api/media/{video}/{CLIP}",
        "nothing": "/api/media/none/clip?start_s=0&end_s=1",
        "nowhere": "/nowhere",
    }


KINDS = ("page", "script", "image", "health", "gallery", "media", "openapi", "person", "crop", "scene", "photograph",
         "query", "clip", "nothing", "nowhere")  # fmt: skip
BYTES = ("crop", "scene", "photograph", "query", "clip")
FILES = ("page", "script", "image")


def headers_of(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in VARYING}


@pytest.mark.parametrize("kind", KINDS)
def test_head_tells_what_get_would(client: TestClient, addresses: dict[str, str], kind: str) -> None:
    whole, head = client.get(addresses[kind]), client.head(addresses[kind])
    assert head.status_code == whole.status_code
    assert headers_of(head) == headers_of(whole)
    assert head.content == b""
    assert int(head.headers["content-length"]) == len(whole.content)


@pytest.mark.parametrize("kind", ["clip", "image"])
def test_head_knows_no_ranges(client: TestClient, addresses: dict[str, str], kind: str) -> None:
    head = client.head(addresses[kind], headers={"Range": "bytes=0-1"})
    assert head.status_code == 200
    assert int(head.headers["content-length"]) == len(client.get(addresses[kind]).content)


def test_head_needs_a_token_as_get_does(world: World, serve: Serve) -> None:
    client = serve(world, tokens=tokens())
    assert client.head("/api/gallery").status_code == 401
    assert client.head("/api/gallery", headers=bearer("vera")).status_code == 200
    assert client.head("/api/audit", headers=bearer("vera")).status_code == 403


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/static/mark.svg", "GET, HEAD, OPTIONS"),
        ("/api/gallery", "GET, HEAD, OPTIONS"),
        ("/api/search", "POST, OPTIONS"),
        ("/api/queries/abc", "GET, DELETE, HEAD, OPTIONS"),
        ("/api/jobs/abc", "GET, DELETE, HEAD, OPTIONS"),
    ],
)
def test_methods_are_named(client: TestClient, path: str, methods: str) -> None:
    answer = client.options(path)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, methods, b"")
    refused = client.request("PUT", path)
    assert refused.status_code == 405
    assert refused.headers["allow"] == methods


def test_options_of_nothing(client: TestClient) -> None:
    assert client.options("/nowhere").status_code == 404


def test_head_of_what_is_only_sent_to(client: TestClient) -> None:
    assert client.head("/api/search").status_code == 405


@pytest.mark.parametrize("kind", BYTES)
def test_parts_are_parts_of_the_whole(client: TestClient, addresses: dict[str, str], kind: str) -> None:
    address = addresses[kind]
    whole = client.get(address)
    size = len(whole.content)
    assert whole.headers["accept-ranges"] == "bytes"
    for asked, start, stop in (
        ("bytes=0-1", 0, 2),
        ("bytes=100-", 100, size),
        ("bytes=-50", size - 50, size),
        (f"bytes=-{size * 9}", 0, size),
        (f"bytes={size - 1}-", size - 1, size),
        (f"bytes=10-{size * 9}", 10, size),
        ("bytes=0-9999999999999999999999999", 0, size),
        ("BYTES=5-5", 5, 6),
    ):
        part = client.get(address, headers={"Range": asked})
        assert part.status_code == 206, asked
        assert part.content == whole.content[start:stop], asked
        assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert int(part.headers["content-length"]) == stop - start
        assert part.headers["etag"] == whole.headers["etag"]
        assert part.headers["content-type"] == whole.headers["content-type"]


@pytest.mark.parametrize("kind", ["crop", "clip", "image"])
def test_parts_beyond_the_end(client: TestClient, addresses: dict[str, str], kind: str) -> None:
    size = len(client.get(addresses[kind]).content)
    for asked in (f"bytes={size}-", f"bytes={size + 5}-{size + 9}", f"bytes={'9' * 5000}-"):
        answer = client.get(addresses[kind], headers={"Range": asked})
        assert answer.status_code == 416, asked
        assert answer.headers["content-range"] == f"bytes */{size}"


@pytest.mark.parametrize("kind", ["crop", "clip", "image", "page"])
@pytest.mark.parametrize(
    "asked",
    ["bytes=5-2", "bytes=-", "bytes=", "bytes", "lines=0-1", "bytes=a-b", "bytes=0-1,4-5", "bytes=1", "", "ü=0-1"],
)
def test_ranges_that_do_not_count_are_ignored(
    client: TestClient, addresses: dict[str, str], kind: str, asked: str
) -> None:
    answer = client.get(addresses[kind], headers={"Range": asked.encode("latin-1")})
    assert answer.status_code == 200
    assert answer.content == client.get(addresses[kind]).content


@pytest.mark.parametrize("kind", ["crop", "clip", "image", "page"])
def test_two_ranges_in_two_headers_are_as_two_in_one(client: TestClient, addresses: dict[str, str], kind: str) -> None:
    answer = client.get(addresses[kind], headers=[("Range", "bytes=0-1"), ("Range", "bytes=4-5")])
    assert answer.status_code == 200
    assert answer.content == client.get(addresses[kind]).content


@pytest.mark.parametrize("kind", BYTES)
def test_who_has_another_whole_is_told_so(client: TestClient, addresses: dict[str, str], kind: str) -> None:
    whole = client.get(addresses[kind])
    tag = whole.headers["etag"]

    def status(condition: str, **more: str) -> int:
        return client.get(addresses[kind], headers={"If-Match": condition, **more}).status_code

    assert [status(same) for same in (tag, "*", f'"other", {tag}')] == [200] * 3
    assert status(tag, Range="bytes=0-1") == 206
    assert [status(other) for other in ('"other"', f"W/{tag}")] == [412] * 2
    assert status('"other"', Range="bytes=0-1") == 412
    assert status('"other"', **{"If-None-Match": tag}) == 412, "it comes before the other condition"


@pytest.mark.parametrize("kind", ["crop", "clip"])
def test_parts_of_another_whole_are_not_given(client: TestClient, addresses: dict[str, str], kind: str) -> None:
    tag = client.get(addresses[kind]).headers["etag"]

    def status(condition: str) -> int:
        return client.get(addresses[kind], headers={"Range": "bytes=0-1", "If-Range": condition}).status_code

    assert status(tag) == 206
    assert [status(other) for other in ('"other"', f"W/{tag}", "Mon, 02 Mar 2026 08:00:00 GMT")] == [200] * 3


@pytest.mark.parametrize("kind", [*BYTES, *FILES])
def test_what_a_caller_has_is_not_sent_again(client: TestClient, addresses: dict[str, str], kind: str) -> None:
    whole = client.get(addresses[kind])
    tag = whole.headers["etag"]
    for condition in (tag, f"W/{tag}", f'"other", {tag}'):
        for method in ("GET", "HEAD"):
            answer = client.request(method, addresses[kind], headers={"If-None-Match": condition})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag), condition
    part = {"If-None-Match": tag, "Range": "bytes=0-1"}
    assert client.get(addresses[kind], headers=part).status_code == 304, "the condition comes before the range"
    assert client.get(addresses[kind], headers={"If-None-Match": '"other"'}).content == whole.content


def test_a_clip_is_cut_once_for_all_its_parts(world: World, serve: Serve, addresses: dict[str, str]) -> None:
    client = serve(world)
    decoders = client.app.state.service.decoders  # type: ignore[attr-defined]
    cut, real = [], decoders.clip

    async def counted(*arguments: Any) -> bytes:
        cut.append(arguments)
        return await real(*arguments)  # type: ignore[no-any-return]

    decoders.clip = counted
    for asked in ("bytes=0-1", "bytes=2-99", "bytes=100-"):
        assert client.get(addresses["clip"], headers={"Range": asked}).status_code == 206
    assert len(cut) == 1
    client.app.state.service.forget_records()  # type: ignore[attr-defined]
    client.get(addresses["clip"])
    assert len(cut) == 2, "after somebody was forgotten it is cut anew"


class Cutter:
    """Cuts clips when told."""

    def __init__(self, clips: Clips) -> None:
        self.clips = clips
        self.cut: list[str] = []
        self.go = asyncio.Event()

    async def get(self, name: str, size: int = 10, asker: str = "anna") -> bytes:
        ASKER.set(asker)

        async def cut() -> bytes:
            await self.go.wait()
            self.cut.append(name)
            return name.encode() * size

        return await self.clips.get((name, 0.0, 1.0), cut)


def test_two_who_ask_at_once_get_one_cut() -> None:
    async def run() -> None:
        cutter = Cutter(Clips(1000, 60.0, lambda: 0.0))
        asked = [asyncio.create_task(cutter.get("a")) for _ in range(3)]
        await asyncio.sleep(0)
        asked[0].cancel()  # the first one to ask may go
        cutter.go.set()
        assert await asked[1] == await asked[2] == b"a" * 10
        assert cutter.cut == ["a"]

    finished(run())


def test_clips_are_kept_for_a_while_and_in_bounds() -> None:
    async def run() -> None:
        now = [0.0]
        cutter = Cutter(Clips(100, 60.0, lambda: now[0]))
        cutter.go.set()
        await cutter.get("m", 10, "modest")
        for name in "abcdefghijklmnop":
            await cutter.get(name, 30, "greedy")
            assert cutter.clips.size <= 100
        await cutter.get("m", 10, "modest")
        assert cutter.cut.count("m") == 1, "nobody pushed it out"
        await cutter.get("x", 101, "greedy")
        assert cutter.clips.size <= 100, "what is too large is not kept"
        now[0] = 61.0
        cutter.clips.drop_expired()
        assert cutter.clips.size == 0

    finished(run())


def test_a_clip_that_fails_is_tried_again() -> None:
    async def run() -> None:
        clips, tries = Clips(1000, 60.0), []

        async def cut() -> bytes:
            tries.append(1)
            if len(tries) == 1:
                raise OSError("gone")
            return b"x"

        with pytest.raises(OSError, match="gone"):
            await clips.get(("a", 0.0, 1.0), cut)
        assert await clips.get(("a", 0.0, 1.0), cut) == b"x"

    finished(run())


def test_what_was_forgotten_while_it_was_cut_is_not_kept() -> None:
    async def run() -> None:
        cutter = Cutter(Clips(1000, 60.0))
        asked = asyncio.create_task(cutter.get("a"))
        await asyncio.sleep(0)
        cutter.clips.clear()
        cutter.go.set()
        await asked
        assert cutter.clips.size == 0

    finished(run())


def test_head_of_a_stream_ends(own_world: World) -> None:
    """On a socket, and the connection serves the next request: no byte of a body came between."""
    footage = Footage()
    with serving(own_world.finder(), open_media=footage.open_media(), media_roots=(own_world.media,)) as address:
        order = {"paths": ["media"]}
        job_id = httpx.post(f"{address}/api/index", json=order, timeout=PATIENCE_S).json()["job_id"]
        host = address.removeprefix("http://")
        with socket.create_connection(tuple(host.split(":")), timeout=PATIENCE_S) as connection:
            for method, path in (("HEAD", f"/api/jobs/{job_id}/events"), ("GET", "/api/health")):
                end = "Connection: close\r\n" if method == "GET" else ""
                connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{end}\r\n".encode())
            received = b""
            while block := connection.recv(65536):
                received += block
        footage.pass_frames(1000)
    first, second, rest = received.split(b"HTTP/1.1 200 OK")[1:], *(received.split(b"\r\n\r\n")[1:])
    assert len(first) == 2
    assert second.startswith(b"HTTP/1.1 200")
    assert b'"status":"ok"' in rest
