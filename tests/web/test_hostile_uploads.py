"""Files made to harm: refused with a sentence, at the cost of a decoder at most; the server goes on."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import signal
import struct
import threading
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import own_loop
from patience import PATIENCE_S, until
from sceneseek.errors import GalleryError, MediaError, PictureError
from sceneseek.web import Limits
from sceneseek.web.decoding import Decoders
from sceneseek.web.refusals import Refusal
from web_world import Serve, TestClient, World, ask_with

pytestmark = pytest.mark.processes


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG whose header says this size, whatever its data holds."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg(width: int = 64, height: int = 64) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG")
    return buffer.getvalue()


def flat(side: int) -> bytes:
    """A picture of one colour: small as a file, large in memory, and long to decode."""
    row = b"\x00" * (1 + 3 * side)
    packer = zlib.compressobj(1)
    return png(side, side, b"".join(packer.compress(row) for _ in range(side)) + packer.flush())


def text_bomb() -> bytes:
    """A PNG with a text that unpacks to a gigabyte."""
    packed = zlib.compress(b"a" * 50_000_000, 9) * 4
    body = b"Comment\x00\x00" + packed
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    whole = png(8, 8, zlib.compress(b"\x00" + b"\x00" * 24))
    return whole[:33] + chunk + whole[33:]


HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "text": b"hello, this is no picture" * 10,
    "huge": png(100_000, 100_000, zlib.compress(b"\x00" * 1000)),
    "beyond any": png(2**31 - 1, 2**31 - 1),
    "no data": png(4000, 4000),
    "zeros for pixels": png(6000, 6000, zlib.compress(b"\x00" * 100_000)),
    "truncated": jpeg(640, 480)[:5000],
    "header alone": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "svg with entities": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><svg>&b;</svg>',
    "html": b"<html><script>alert(1)</script></html>",
    "pdf": b"%PDF-1.7\n1 0 obj<<>>endobj",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run",
    "zip": b"PK\x03\x04" + b"\x00" * 100,
    "playlist": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    "executable": b"\x7fELF\x02\x01\x01" + b"\x00" * 100,
    "gif of a giant": b"GIF89a\xff\xff\xff\xff\x80\x00\x00" + b"\x00" * 6 + b",\x00\x00\x00\x00\xff\xff\xff\xff\x00",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_is_refused(client: TestClient, name: str) -> None:
    answer = client.post("/api/queries", files={"picture": (f"{name}.jpg", HOSTILE[name], "image/jpeg")})
    assert answer.status_code == 415, answer.text
    assert answer.json()["error"]["message"]
    assert "root:" not in answer.text


def test_hidden_texts_are_not_unpacked(client: TestClient) -> None:
    """A bomb beside the pixels may be refused or passed over; it may not cost memory."""
    answer = client.post("/api/queries", files={"picture": ("x.png", text_bomb())})
    assert answer.status_code in (201, 415)
    assert client.get("/api/health").status_code == 200


@pytest.mark.parametrize("tail", [b"<script>alert(1)</script>", b"PK\x03\x04" + b"\x00" * 50, b"<?php system(1) ?>"])
def test_polyglots_lose_their_other_half(client: TestClient, tail: bytes) -> None:
    """A picture that is something else, too, is served as pixels encoded anew."""
    answer = client.post("/api/queries", files={"picture": ("x.php", jpeg() + tail, "text/html")})
    assert answer.status_code == 201
    shown = client.get(f"/api/queries/{answer.json()['query_id']}/picture")
    assert shown.headers["content-type"] == "image/jpeg"
    assert tail not in shown.content


def test_what_cameras_write_beside_the_pixels_is_not_served(client: TestClient) -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "secret camera"
    Image.new("RGB", (64, 64)).save(buffer, "JPEG", exif=exif)
    query = client.post("/api/queries", files={"picture": ("x.jpg", buffer.getvalue())}).json()
    assert b"secret" not in client.get(f"/api/queries/{query['query_id']}/picture").content


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nno name\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"\x00\x01\x02"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="picture"\r\n\r\ntext\r\n--x--',
        ),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("multipart/form-data; boundary=" + "y" * 5000, b"--x--"),
        ("application/x-www-form-urlencoded", b"picture=x"),
        ("application/json", b"{}"),
        ("text/plain", b"x"),
    ],
)
def test_forms_that_are_none(client: TestClient, content_type: str, body: bytes) -> None:
    answer = client.post("/api/queries", content=body, headers={"content-type": content_type})
    assert answer.status_code in (400, 415, 422), answer.text
    assert set(answer.json()) == {"error"}


def test_forms_with_thousands_of_parts(client: TestClient) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
    answer = client.post(
        "/api/queries", content=part * 1500 + b"--x--", headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 400


HOSTILE_NAMES = {
    "../../evil.jpg": "evil.jpg",
    "/etc/cron.d/evil": "etc/cron.d/evil.jpg",
    "..\\..\\up.jpg": "up.jpg",
    "a\x7fb\u009b[2J.jpg": "ab[2J.jpg",
    "evil.php": "evil.php.jpg",
    "another format.png": "another format.png.jpg",
    "the same format.JPEG": "the same format.JPEG",
    ".htaccess": "htaccess.jpg",
    "~root/.ssh/id.jpg": "root/ssh/id.jpg",
    "fpj.\u202egpj.jpg": "fpj.gpj.jpg",
    "line\u2028break.jpg": "linebreak.jpg",
    "...": "unnamed.jpg",
    "x" * 500 + ".jpg": "x" * 116 + ".jpg",
    "\u00e4" * 300 + ".jpeg": "\u00e4" * 97 + ".jpeg",
    "a.zip/inside.jpg": "a.zip/inside.jpg",
}
"""Names that lead elsewhere, hide, lie or harm, and what is left of them."""


def test_file_names_from_outside_lead_nowhere(own_world: World, serve: Serve) -> None:
    client = serve(own_world)
    before = {path for path in own_world.folder.rglob("*") if "people" not in path.parts}
    picture, uploads = jpeg(), own_world.media / "uploads"
    answer = client.post("/api/uploads", files=[("files", (name, picture)) for name in HOSTILE_NAMES])
    assert answer.status_code == 202, answer.text
    stored = [file["stored_as"] for file in answer.json()["files"]]
    (digest,) = {name.partition("/")[0] for name in stored}  # all are the same content
    assert len(digest) == 40
    assert [name.partition("/")[2] for name in stored] == list(HOSTILE_NAMES.values())
    new = {path for path in own_world.folder.rglob("*") if "people" not in path.parts and path.is_file()} - before
    assert new == {uploads / name for name in stored}
    assert len({path.stat().st_ino for path in new}) == 1  # and are on the disk once
    for path in new:
        assert path.read_bytes() == picture
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_others_on_the_machine_see_nothing_of_what_was_uploaded(own_world: World, serve: Serve) -> None:
    client, uploads = serve(own_world), own_world.media / "uploads"
    uploads.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        files = [("files", (name, jpeg())) for name in ("Aunt Mary.jpg", "trip/day 1/Aunt Mary.jpg")]
        assert client.post("/api/uploads", files=files).status_code == 202
    finally:
        os.umask(before)
    modes = {str(path.relative_to(uploads)): path.stat().st_mode & 0o077 for path in (uploads, *uploads.rglob("*"))}
    assert len(modes) == 6
    assert not any(modes.values()), modes


def test_uploads_that_are_no_media_are_named_and_not_kept(own_world: World, serve: Serve) -> None:
    client = serve(own_world)
    files = [("files", (f"{name}.mp4", data)) for name, data in HOSTILE.items()]
    answer = client.post("/api/uploads", files=[*files, ("files", ("good.bin", jpeg()))]).json()
    problems = [file["problem"] for file in answer["files"]]
    assert all(problems[:-1])
    assert problems[-1] is None
    assert len(list((own_world.media / "uploads").iterdir())) == 1
    assert answer["job_id"]
    assert client.post("/api/uploads", files=files[:2]).json()["job_id"] is None


Checked = Callable[[Decoders], object]


@asynccontextmanager
async def decoders(**limits: float) -> AsyncIterator[Decoders]:
    pool = Decoders(Limits(**{"decoders": 1, **limits}))  # type: ignore[arg-type]
    try:
        yield pool
    finally:
        await asyncio.to_thread(pool.close)


def test_a_killed_decoder_costs_one_picture(world: World, serve: Serve) -> None:
    """The kernel, or a hostile picture, may end it at any moment: here while it works, and takes its time."""
    client = serve(world, limits=Limits(decoders=1, decoder_seconds=PATIENCE_S))
    ask_with(client, world.query)
    (pid,) = client.app.state.service.decoders.pids()  # type: ignore[attr-defined]
    os.kill(pid, signal.SIGSTOP)
    statuses: list[int] = []
    asking = threading.Thread(
        target=lambda: statuses.append(client.post("/api/queries", files={"picture": ("x.png", flat(60))}).status_code)
    )
    service = client.app.state.service  # type: ignore[attr-defined]
    asking.start()
    until(lambda: pid not in service.decoders.pids())  # it was taken for the picture
    assert asking.is_alive()
    os.kill(pid, signal.SIGKILL)
    asking.join()
    assert statuses == [415]
    assert ask_with(client, world.query)["people"]
    assert service.decoders.pids() != [pid]


def test_a_decoder_that_died_unseen_is_replaced(world: World, serve: Serve) -> None:
    client = serve(world, limits=Limits(decoders=1))
    ask_with(client, world.query)
    (pid,) = client.app.state.service.decoders.pids()  # type: ignore[attr-defined]
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # dead, and its parent has not looked
    assert ask_with(client, world.query)["people"]


def test_a_picture_that_takes_too_much_memory() -> None:
    async def check() -> None:
        async with decoders(decoder_bytes=400 << 20, picture_pixels=200_000_000) as pool:
            with pytest.raises(MediaError, match="memory"):
                await pool.rgb(flat(12_000))
            assert (await pool.rgb(jpeg())).shape == (64, 64, 3)

    own_loop.run(check())


def test_a_picture_that_takes_too_much_time(tmp_path: Path) -> None:
    """The kernel counts whole seconds of a process. One worker reads a file again and again, and crosses the next."""

    async def check() -> None:
        picture = tmp_path / "picture.png"
        picture.write_bytes(flat(3000))
        async with decoders(decoder_seconds=0.001) as pool:

            async def pictures() -> None:
                while True:
                    await pool.media_kind(str(picture))

            with pytest.raises(MediaError, match=r"too long|give up"):
                await pictures()
            assert pool.pids() == []

    own_loop.run(check())


def test_a_picture_of_very_many_pixels_reaches_the_server_with_fewer() -> None:
    async def check() -> None:
        async with decoders(query_pixels=1_000_000) as pool:
            taken = await pool.query(flat(3000), 400)
            assert (taken.width, taken.height) == (3000, 3000)
            assert 900_000 < taken.image.shape[0] * taken.image.shape[1] <= 1_000_000
            assert Image.open(io.BytesIO(taken.preview)).size == (400, 400)
            assert (await pool.rgb(taken.file)).shape == taken.image.shape, "a box drawn later costs no more"
            small = await pool.query(jpeg(), 400)
            assert (small.file, small.image.shape) == (jpeg(), (64, 64, 3)), "others are kept as they came"

    own_loop.run(check())


@pytest.mark.parametrize("tail", [b"\x00" * 5_000_000, b"PK\x03\x04" + bytes(range(256)) * 20_000])
def test_bytes_behind_a_pictures_end_are_not_kept(client: TestClient, tail: bytes) -> None:
    answer = client.post("/api/queries", files={"picture": ("a.jpg", jpeg() + tail)})
    assert answer.status_code == 201
    kept = client.app.state.service.shelf.get(answer.json()["query_id"], "local")  # type: ignore[attr-defined]
    assert kept.size < 100_000
    assert kept.sha256 == hashlib.sha256(jpeg() + tail).hexdigest(), "the log tells of what was sent"


def test_boxes_are_of_the_picture_as_it_was_sent(world: World, serve: Serve) -> None:
    """Whatever became of its pixels: those of people found, and one that is drawn."""
    whole, fewer = (serve(world, limits=Limits(query_pixels=pixels)) for pixels in (12_000_000, 6000))
    asked = {name: ask_with(client, world.query) for name, client in (("whole", whole), ("fewer", fewer))}
    sizes = {(query["width"], query["height"]) for query in asked.values()}
    assert len(sizes) == 1
    boxes = [np.array(sorted(person["box"] for person in query["people"])) for query in asked.values()]
    assert boxes[0].shape == boxes[1].shape
    assert np.abs(boxes[0] - boxes[1]).max() < 4
    drawn = boxes[0][0].tolist()
    for client, query in ((whole, asked["whole"]), (fewer, asked["fewer"])):
        example = {"query_id": query["query_id"], "box": drawn}
        report = client.post("/api/reports", json={"search": {"examples": [example]}, "format": "html"})
        assert report.status_code == 200
        found = client.post("/api/search", json={"examples": [example], "top": 1}).json()
        assert found["matches"][0]["similarity"] > 0.9


def test_more_pictures_than_may_wait() -> None:
    async def check() -> None:
        async with decoders(waiting=3) as pool:
            results = await asyncio.gather(*(pool.rgb(jpeg()) for _ in range(6)), return_exceptions=True)
            refused = [r for r in results if isinstance(r, Refusal)]
            assert [r.status_code for r in refused] == [503] * 3
            assert sum(isinstance(r, np.ndarray) for r in results) == 3

    own_loop.run(check())


def test_decoders_open_no_other_address(tmp_path: Path) -> None:
    """A playlist that calls itself a video is no video."""
    playlist = tmp_path / "x.mp4"
    playlist.write_bytes(HOSTILE["playlist"])

    async def check() -> None:
        async with decoders() as pool:
            with pytest.raises(MediaError):
                await pool.media_kind(str(playlist))
            with pytest.raises(PictureError):
                await pool.rgb(HOSTILE["postscript"])

    own_loop.run(check())


@pytest.mark.needs("proc")
def test_decoders_know_nothing_of_the_servers_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "x")

    async def check() -> None:
        async with decoders() as pool:
            await pool.rgb(jpeg())
            (pid,) = pool.pids()
            assert b"SECRET" not in Path(f"/proc/{pid}/environ").read_bytes()
            open_files = {os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{pid}/fd")}
            assert "socket" not in open_files

    own_loop.run(check())


def test_an_upload_that_fails_leaves_nothing_behind(
    own_world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = own_world.media / "uploads"
    folder.mkdir()
    (folder / ".cut-off.partial").write_bytes(b"x")
    client = serve(own_world)
    assert not list(folder.iterdir())
    assert client.post("/api/uploads", files={"files": ("old.jpg", jpeg())}).status_code == 202
    kept = list(folder.iterdir())
    log = client.app.state.service.audit_log  # type: ignore[attr-defined]
    append = log.append

    def full(who: str, action: str, **details: object) -> None:
        if action == "index":  # the files are there by then
            assert len(list(folder.iterdir())) > len(kept)
            raise GalleryError("the log cannot be written")
        append(who, action, **details)

    monkeypatch.setattr(log, "append", full)
    files = [("files", (f"{side}.jpg", jpeg(side, side))) for side in (64, 80, 96)]
    assert client.post("/api/uploads", files=files).status_code == 503
    assert list(folder.iterdir()) == kept
