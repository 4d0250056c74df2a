"""Indexing through the server: orders, uploads, live progress, stopping, and what a stopped server leaves."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

import own_loop
from fake_predictor import ORANGE, RED, frames_of, person, save_scene, scene
from films import film, joined, numbered
from footage import Footage, served
from gallery_server import serving
from large_bodies import Sender
from patience import PATIENCE_S, until
from sceneseek.errors import GalleryError
from sceneseek.gallery import AuditLog, Gallery
from sceneseek.structures import Frame, MediaItem, MediaNote, PassedOver
from sceneseek.web import Limits, Settings, create_app
from sceneseek.web.jobs import Job, JobBoard, Order
from sceneseek.web.media import FarMedia, OpenMedia
from sceneseek.web.refusals import Refusal
from sceneseek.web.shares import ASKER
from web_world import ADDRESS, Serve, TestClient, World, ask_with, index_of

pytestmark = pytest.mark.processes

ENDED = ("done", "stopped", "failed")


def order_of(asker: str) -> Order:
    return Order(asker, asker, lambda: (), frames_of, 1.0, asker)


def test_those_who_order_take_turns_and_leave_each_other_room() -> None:
    """Eight may wait: of these the greedy one gets six, and the others' orders are not the last."""
    done: list[str] = []
    begin = threading.Event()

    def indexer(job: Job) -> Any:
        begin.wait()
        done.append(job.order.owner)
        raise GalleryError("enough")

    board = JobBoard(indexer, 8, 8)
    try:
        ASKER.set("greedy")
        with board.place() as take:
            first = take(order_of("greedy"))
        until(lambda: first.state == "running")
        for _ in range(6):
            with board.place() as take:
                take(order_of("greedy"))
        with pytest.raises(Refusal):
            board.check_place()
        ASKER.set("modest")
        with board.place() as take:
            take(order_of("modest"))
        begin.set()
        until(lambda: len(done) == 8)
    finally:
        ASKER.set("")
        begin.set()
        board.close()
    assert done.index("modest") == 1


def ended(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """Wait for a job; its last state."""

    def last() -> dict[str, Any] | None:
        job: dict[str, Any] = client.get(f"/api/jobs/{job_id}").json()
        return job if job["state"] in ENDED else None

    return until(last)  # type: ignore[return-value]


def wait_for_frames(client: TestClient, job_id: str, count: int) -> None:
    """Wait until a job has searched so many pictures."""

    def enough() -> bool:
        job = client.get(f"/api/jobs/{job_id}").json()
        assert job["state"] in ("waiting", "running"), job
        return bool(job["frames"] >= count)

    until(enough)


def wait_for_follower(client: TestClient) -> None:
    """Wait until somebody follows a job."""
    jobs = client.app.state.service.jobs  # type: ignore[attr-defined]
    until(lambda: jobs._listeners)


def events_of(client: httpx.Client, job_id: str) -> list[dict[str, Any]]:
    """Everything that the stream of events says."""
    answer = client.get(f"/api/jobs/{job_id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    blocks = [block.split("\n") for block in answer.text.split("\n\n") if block.startswith("event:")]
    assert all(block[0] == "event: progress" for block in blocks)
    return [json.loads(block[1].removeprefix("data: ")) for block in blocks]


@pytest.fixture
def footage() -> Iterator[Footage]:
    footage = Footage()
    yield footage
    footage.pass_frames(100_000)


def test_new_photographs_are_found_after_indexing(own_world: World, serve: Serve, tmp_path: Path) -> None:
    client = serve(own_world)
    save_scene(own_world.media / "gate" / "new.png", person(ORANGE, 2))
    (own_world.media / "gate" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    job_id = client.post("/api/index", json={"paths": ["media/gate"], "camera": "gate"}).json()["job_id"]
    job = ended(client, job_id)
    assert (job["state"], job["frames"], job["people"]) == ("done", 1, 1)
    assert [p["source"] for p in job["problems"]] == [str(own_world.media / "gate" / "broken.jpg")]
    assert job["what"] == "media/gate"
    asked = tmp_path / "orange.png"
    Image.fromarray(scene(person(ORANGE, 4))).save(asked)
    query = ask_with(client, asked)
    found = client.post("/api/search", json={"examples": [{"query_id": query["query_id"], "person": 0}]}).json()
    assert found["matches"][0]["name"] == "new.png"
    assert found["matches"][0]["camera_id"] == "gate"
    again = ended(client, client.post("/api/index", json={"paths": ["media"]}).json()["job_id"])
    assert (again["frames"], again["already"]) == (0, 5)


def test_an_uploaded_picture_becomes_part_of_the_gallery(own_world: World, serve: Serve) -> None:
    client = serve(own_world)
    before = client.get("/api/gallery").json()["num_people"]
    picture = io.BytesIO()
    Image.fromarray(scene(person(ORANGE, 1), person(RED, 3))).save(picture, "PNG")
    files = [("files", ("holiday.png", picture.getvalue())), ("files", ("notes.txt", b"hello"))]
    answer = client.post("/api/uploads", files=files)
    assert answer.status_code == 202
    told = answer.json()
    assert [f["name"] for f in told["files"]] == ["holiday.png", "notes.txt"]
    assert told["files"][1]["problem"]
    job = ended(client, told["job_id"])
    assert (job["state"], job["people"]) == ("done", 2)
    assert client.get("/api/gallery").json()["num_people"] == before + 2
    (found,) = client.get("/api/media", params={"text": "holiday"}).json()["media"]
    assert found["name"] == "holiday.png"
    assert found["source"].endswith(told["files"][0]["stored_as"])


def taken_in(client: TestClient, *files: tuple[str, bytes], **fields: str) -> dict[str, Any]:
    """Upload files with fields beside them, and wait for their job."""
    answer = client.post("/api/uploads", files=[("files", file) for file in files], data=fields)
    assert answer.status_code == 202, answer.text
    return ended(client, answer.json()["job_id"])


def picture_of(*people: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(scene(*people)).save(stream, "PNG")
    return stream.getvalue()


def test_an_upload_says_camera_and_date_where_the_files_do_not(own_world: World, serve: Serve) -> None:
    client = serve(own_world)
    files = [
        ("Aunt Mary 1.png", picture_of(person(ORANGE, 0))),
        ("IMG_20261127_120310.png", picture_of(person(RED, 4))),
    ]
    job = taken_in(client, *files, camera="attic", taken_at="2026-05-04T10:00:00Z")
    assert (job["state"], job["people"]) == ("done", 2)
    mary, known = sorted(client.get("/api/media", params={"camera": "attic"}).json()["media"], key=lambda m: m["name"])
    assert (mary["name"], mary["captured_at"]) == ("Aunt Mary 1.png", "2026-05-04T10:00:00Z")
    assert known["captured_at"].startswith("2026-11-27")  # its own name knows better


def test_an_upload_says_how_often_a_video_is_looked_at(own_world: World, serve: Serve) -> None:
    client = serve(own_world)
    film = (own_world.media / "hall" / "walk.mp4").read_bytes() + b"\0"  # not the one that is known
    assert taken_in(client, ("My walk.mov", film), every_s="3")["frames"] == 2
    assert client.get("/api/media", params={"text": "My walk.mov"}).json()["total"] == 1
    refused = client.post("/api/uploads", files={"files": ("x.mp4", film)}, data={"every_s": "often"})
    assert refused.status_code == 422


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_archives_and_folders_are_uploaded_like_on_the_command_line(
    own_world: World, serve: Serve, suffix: str
) -> None:
    client = serve(own_world)
    pictures = {"gate/a.png": picture_of(person(ORANGE, 0)), "yard/b.png": picture_of(person(ORANGE, 1))}
    job = taken_in(client, (f"monday{suffix}", packed(pictures, suffix)), camera_from="{camera}/*")
    assert (job["frames"], job["problems"]) == (2, [])
    job = taken_in(client, ("trip/day 1/c.png", picture_of(person(ORANGE, 2))), camera_from="trip/{camera}/*")
    assert job["frames"] == 1
    media = client.get("/api/media", params={"text": "uploads"}).json()["media"]
    assert {(m["name"], m["camera_id"]) for m in media} == {("a.png", "gate"), ("b.png", "yard"), ("c.png", "day 1")}
    shown = client.get(f"/api/frames/{media[0]['media_key']}/0/picture")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")


def packed(files: dict[str, bytes], suffix: str) -> bytes:
    stream = io.BytesIO()
    if suffix == ".zip":
        with zipfile.ZipFile(stream, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return stream.getvalue()
    with tarfile.open(fileobj=stream, mode="w:gz" if suffix.endswith("gz") else "w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def test_what_is_called_an_archive_and_is_none_is_refused(own_world: World, serve: Serve) -> None:
    client = serve(own_world)
    files = [("files", (f"x{suffix}", b"no archive" * 100)) for suffix in (".zip", ".tar", ".tgz")]
    answer = client.post("/api/uploads", files=files).json()
    assert answer["job_id"] is None
    assert all("not an archive" in file["problem"] for file in answer["files"])


def test_a_pattern_without_a_camera_is_refused_before_anything_is_stored(own_world: World, serve: Serve) -> None:
    client = serve(own_world)
    data = {"camera_from": "*/*"}
    answer = client.post("/api/uploads", files={"files": ("x.png", picture_of(person(RED, 0)))}, data=data)
    assert answer.status_code == 422
    assert "{camera}" in answer.json()["error"]["message"]
    assert not list((own_world.media / "uploads").glob("*"))
    assert client.post("/api/index", json={"paths": ["media"], **data}).status_code == 422


def test_progress_moves_before_the_first_group_is_through(own_world: World) -> None:
    footage = Footage(40)
    footage.pass_frames(8)
    finder, seen = own_world.finder(), threading.Semaphore(0)
    looked_at: list[tuple[int, int | None]] = []
    detect = finder.model.detect

    def slowly(images: Sequence[Any]) -> Any:
        job = app.state.service.jobs.all()[0]
        looked_at.append((job.done_now, job.total))
        seen.release()
        return detect(images)

    finder.model.detect = slowly  # type: ignore[method-assign]
    app = create_app(finder, settings=Settings(media_roots=(own_world.media,)), open_media=footage.open_media())
    with TestClient(app, base_url=ADDRESS) as client:
        client.post("/api/index", json={"paths": ["media/hall"]})
        assert all(seen.acquire(timeout=PATIENCE_S) for _ in range(4))
        footage.pass_frames(1000)
    assert [total for _, total in looked_at[:4]] == [1] * 4  # a video that does not say how long it is: one file
    assert app.state.service.jobs.all()[0].frames >= 8


def test_an_uploaded_film_of_pictures_is_no_photograph(own_world: World, serve: Serve) -> None:
    client = serve(own_world)
    pictures = [scene(person(RED, place)) for place in (0, 2, 4)]
    path = film(own_world.folder / "x.mjpg", pictures, "mjpeg", form="mjpeg", pix_fmt="yuvj420p")
    told = client.post("/api/uploads", files={"files": ("cam", path.read_bytes())}).json()
    assert told["files"][0]["stored_as"].endswith(".mjpg")
    ended(client, told["job_id"])
    (medium,) = client.get("/api/media", params={"text": told["files"][0]["stored_as"]}).json()["media"]
    assert medium["kind"] == "video"


def test_progress_is_told_live_and_survives_a_reload(own_world: World, footage: Footage) -> None:
    with (
        serving(
            own_world.finder(), open_media=footage.open_media(), media_roots=(own_world.media,), every_s=0.5
        ) as address,
        httpx.Client(base_url=address, timeout=PATIENCE_S) as client,
    ):
        job_id = client.post("/api/index", json={"paths": ["media/hall"]}).json()["job_id"]
        told: list[dict[str, Any]] = []
        with client.stream("GET", f"/api/jobs/{job_id}/events") as stream:
            news = (
                json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line.startswith("data: ")
            )
            for frames in (8, 16, 24):  # no more come before these are told
                footage.pass_frames(8)
                told.append(next(one for one in news if one["frames"] >= frames))
                if frames == 8:
                    (running,) = client.get("/api/jobs").json()["jobs"]
                    assert (running["job_id"], running["state"]) == (job_id, "running")
                    assert running["started_at"]
            assert [(one["state"], one["frames"]) for one in told] == [("running", 8), ("running", 16), ("running", 24)]
            footage.pass_frames(16)
            told += news
        last = ended(client, job_id)
        assert told[-1] == last
        assert (last["frames"], last["state"]) == (40, "done")
        assert [t["frames"] for t in told] == sorted(t["frames"] for t in told)
        assert events_of(client, job_id) == [last]  # somebody who comes late


def test_a_stopped_job_goes_on_where_it_stopped(own_world: World, footage: Footage) -> None:
    with served(own_world, footage) as client:
        job_id = client.post("/api/index", json={"paths": ["media/hall"]}).json()["job_id"]
        footage.pass_frames(16)
        wait_for_frames(client, job_id, 8)
        assert client.delete(f"/api/jobs/{job_id}").json()["state"] in ("stopping", "stopped")
        footage.pass_frames(4)
        assert ended(client, job_id)["state"] == "stopped"
        opened = footage.opened
        assert opened < 40
        footage.pass_frames(1000)
        again = ended(client, client.post("/api/index", json={"paths": ["media/hall"]}).json()["job_id"])
        assert again["state"] == "done"
        record = next(r for r in Gallery.open(own_world.folder / "people").media() if r.source.startswith("/videos"))
        assert (record.num_frames, str(record.status)) == (40, "complete")
        assert footage.opened < opened + 40


def test_a_job_stops_while_files_are_still_looked_for(own_world: World) -> None:
    gate, looked, left = threading.Semaphore(0), [], threading.Event()

    def papers(paths: Sequence[str], camera: str | None, camera_from: str | None = None) -> Iterator[None]:
        """A folder of a million files that are no media."""
        try:
            for i in range(1_000_000):
                gate.acquire()
                looked.append(i)
                yield None
        finally:
            left.set()

    settings = Settings(media_roots=(own_world.media,))
    app = create_app(own_world.finder(), settings=settings, open_media=OpenMedia(papers, frames_of))
    with TestClient(app, base_url=ADDRESS) as client:
        job_id = client.post("/api/index", json={"paths": ["media"]}).json()["job_id"]
        gate.release(10)
        until(lambda: len(looked) >= 10)
        assert client.delete(f"/api/jobs/{job_id}").json()["state"] == "stopping"
        gate.release(1)  # the one that it waits for; then no other
        assert ended(client, job_id)["state"] == "stopped"
        assert len(looked) == 11
        assert left.is_set()


def test_looking_for_files_at_arms_length_can_be_left(tmp_path: Path) -> None:
    for i in range(200):
        (tmp_path / f"{i}.txt").write_text("no picture", encoding="utf-8")
    far = FarMedia(3 << 30)
    try:
        looking = iter(far.discover([str(tmp_path)], None))
        assert [next(looking) for _ in range(3)] == [None] * 3
        looking.close()  # type: ignore[attr-defined]
        assert far._processes.pids() == []  # its process was ended in the middle
        *steps, left = far.discover([str(tmp_path)], None)
        assert steps == [None] * 201
        assert isinstance(left, PassedOver)
        assert left.files == {".txt": 200}
    finally:
        far.close()


def test_jobs_run_one_at_a_time_and_no_more_wait_than_may(own_world: World, footage: Footage) -> None:
    with served(own_world, footage, jobs=2) as client:
        order = {"paths": ["media/hall"]}
        first = client.post("/api/index", json=order).json()["job_id"]
        until(lambda: client.get(f"/api/jobs/{first}").json()["state"] != "waiting")
        waiting = [client.post("/api/index", json=order).json()["job_id"] for _ in range(2)]
        refused = client.post("/api/index", json=order)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        states = {job["job_id"]: job["state"] for job in client.get("/api/jobs").json()["jobs"]}
        assert states == {first: "running", waiting[0]: "waiting", waiting[1]: "waiting"}
        assert client.delete(f"/api/jobs/{waiting[0]}").json()["state"] == "stopped"
        footage.pass_frames(1000)
        assert [ended(client, name)["state"] for name in (first, *waiting)] == ["done", "stopped", "done"]


def test_an_upload_without_a_place_is_refused_before_it_is_read(own_world: World, footage: Footage) -> None:
    with served(own_world, footage, jobs=1) as client:
        first = client.post("/api/index", json={"paths": ["media/hall"]}).json()["job_id"]
        until(lambda: client.get(f"/api/jobs/{first}").json()["state"] != "waiting")
        assert client.post("/api/index", json={"paths": ["media/hall"]}).status_code == 202
        sender = Sender("/api/uploads", 100, {})
        own_loop.run(client.app(sender.scope, sender.receive, sender.send))  # type: ignore[arg-type]
        assert (sender.status, sender.taken) == (503, 0)
        assert sender.headers["connection"] == "close"
        assert sender.headers["retry-after"]
        log = AuditLog(own_world.folder / "people")
        assert [entry.action for entry in log.entries()] == ["index", "index"]
        footage.pass_frames(1000)


def test_an_upload_is_logged_before_it_is_stored(
    own_world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(own_world)
    picture = {"files": ("x.png", own_world.query.read_bytes())}
    job = client.post("/api/uploads", files=picture).json()["job_id"]
    ended(client, job)
    entries = list(AuditLog(own_world.folder / "people").entries())
    assert [(e.action, e.details.get("num_files")) for e in entries] == [("upload", 1), ("index", None)]
    service = client.app.state.service  # type: ignore[attr-defined]
    kept = list((own_world.media / "uploads").iterdir())

    def broken(*_: object, **__: object) -> None:
        assert list((own_world.media / "uploads").iterdir()) == kept
        raise GalleryError("the log cannot be written")

    monkeypatch.setattr(service.audit_log, "append", broken)
    picture["files"] = ("y.png", (own_world.media / "yard" / "3.png").read_bytes())
    assert client.post("/api/uploads", files=picture).status_code == 503
    assert list((own_world.media / "uploads").iterdir()) == kept
    service.jobs.check_place()


def test_a_place_that_is_kept_is_nobody_elses(own_world: World, serve: Serve) -> None:
    jobs = serve(own_world, limits=Limits(jobs=1)).app.state.service.jobs  # type: ignore[attr-defined]
    with jobs.place(), pytest.raises(Refusal), jobs.place():
        pass
    with jobs.place() as take:
        nothing = Order("nothing", "local", list, frames_of, 1.0)
        assert take(nothing) in jobs.all()
        with pytest.raises(KeyError):
            take(nothing)  # a place is for one


def test_no_more_may_follow_than_are_served(own_world: World, footage: Footage) -> None:
    with served(own_world, footage, listeners=1) as client:
        job_id = client.post("/api/index", json={"paths": ["media/hall"]}).json()["job_id"]
        follower = threading.Thread(target=lambda: events_of(client, job_id))
        follower.start()
        wait_for_follower(client)
        refused = client.get(f"/api/jobs/{job_id}/events")
        footage.pass_frames(1000)
        follower.join(timeout=PATIENCE_S)
        assert refused.status_code == 503


def test_searching_goes_on_while_a_job_runs(own_world: World, footage: Footage) -> None:
    with served(own_world, footage) as client:
        client.post("/api/index", json={"paths": ["media/hall"]})
        footage.pass_frames(10)
        query = ask_with(client, own_world.query)
        example = {"query_id": query["query_id"], "person": index_of(query, 1)}
        assert client.post("/api/search", json={"examples": [example]}).json()["matches"]
        assert client.get("/api/jobs").json()["jobs"][0]["state"] == "running"
        footage.pass_frames(1000)


def test_a_server_that_stops_leaves_a_sound_gallery(own_world: World) -> None:
    footage = Footage(1_000_000)  # more than can come before it stops
    over = threading.Event()

    def flow() -> None:
        while not over.wait(0.005):
            footage.pass_frames(1)

    flowing = threading.Thread(target=flow)
    flowing.start()
    with served(own_world, footage) as client:
        job_id = client.post("/api/index", json={"paths": ["media/hall"]}).json()["job_id"]
        wait_for_frames(client, job_id, 8)
    over.set()
    flowing.join()
    gallery = Gallery.open(own_world.folder / "people")
    record = next(r for r in gallery.media() if r.source.startswith("/videos"))
    assert 8 <= record.num_frames < 1_000_000
    assert record.next_frame == record.num_frames
    seen = sum(gallery.frame(record.key, i).people != () for i in range(record.num_frames))
    assert seen == record.num_frames
    with gallery.writer():  # nobody holds the lock
        pass


def test_indexing_into_a_gallery_that_somebody_writes_fails_with_a_reason(own_world: World, serve: Serve) -> None:
    client = serve(own_world)
    with Gallery.open(own_world.folder / "people").writer():
        job = ended(client, client.post("/api/index", json={"paths": ["media"]}).json()["job_id"])
    assert job["state"] == "failed"
    assert "being written to" in job["error"]
    assert str(own_world.folder) not in job["error"]


def test_far_media_are_near_media(own_world: World) -> None:
    """What another process decodes is what this one would have decoded."""
    from sceneseek.inference.media import discover
    from sceneseek.inference.media import frames_of as near

    far = FarMedia(3 << 30)
    try:
        items = [item for item in far.discover([str(own_world.media)], "door") if item is not None]
        assert items == list(discover([str(own_world.media)], camera="door"))
        for item in items:
            assert isinstance(item, MediaItem)
            theirs, ours = list(far.frames_of(item, every_s=1.0)), list(near(item, every_s=1.0))
            assert len(theirs) == len(ours) > 0
            for a, b in zip(theirs, ours, strict=True):
                assert isinstance(a, Frame)
                assert isinstance(b, Frame)
                assert (a.image == b.image).all()
                facts = ("source", "frame_index", "time_s", "camera_id", "captured_at")
                assert [getattr(a, name) for name in facts] == [getattr(b, name) for name in facts]
        video = next(item for item in items if isinstance(item, MediaItem) and item.kind == "video")
        later = [f.frame_index for f in far.frames_of(video, every_s=1.0, start_index=6) if isinstance(f, Frame)]
        assert later == [6, 8, 10]
    finally:
        far.close()


def test_doubts_come_from_afar_as_well(own_world: World) -> None:
    joined(own_world.media / "two.ts", *[film(own_world.folder / "x.ts", numbered(10))] * 2)
    (own_world.media / "notes.txt").write_text("no picture", encoding="utf-8")
    far = FarMedia(3 << 30)
    try:
        *found, left = (item for item in far.discover([str(own_world.media)], None) if item is not None)
        assert isinstance(left, PassedOver)
        assert left.files == {".txt": 1}
        two = next(item for item in found if item.source.endswith("two.ts"))
        assert isinstance(two, MediaItem)
        *frames, note = far.frames_of(two, every_s=1.0)
        assert len(frames) == 2
        assert isinstance(note, MediaNote)
        assert "starts again" in note.reason
    finally:
        far.close()


def test_a_job_tells_what_is_doubtful_and_what_was_left_alone(own_world: World, serve: Serve) -> None:
    joined(own_world.media / "new" / "two.ts", *[film(own_world.folder / "x.ts", numbered(10))] * 2)
    (own_world.media / "new" / "week.rar").write_bytes(b"Rar!\x1a\x07\x01\0" + bytes(64))
    (own_world.media / "new" / "notes.txt").write_text("no picture", encoding="utf-8")
    client = serve(own_world)
    job = ended(client, client.post("/api/index", json={"paths": ["media/new"]}).json()["job_id"])
    assert (job["state"], job["num_problems"], job["num_notes"]) == ("done", 1, 2)
    notes = [note["reason"] for note in job["notes"]]
    assert "starts again" in notes[0]
    assert notes[1] == "1 file of a kind that is not read: .txt 1."
    (medium,) = (m for m in client.get("/api/media").json()["media"] if m["name"] == "two.ts")
    assert medium["status"] == "complete"
    assert "starts again" in medium["problem"]


def test_a_medium_that_kills_its_decoder_is_a_problem(own_world: World) -> None:
    import os
    import signal

    far = FarMedia(3 << 30)
    try:
        items = [i for i in far.discover([str(own_world.media / "hall")], None) if isinstance(i, MediaItem)]
        (pid,) = far._processes.pids()
        frames = far.frames_of(items[0], every_s=0.0)
        first = next(frames)
        assert isinstance(first, Frame)
        os.kill(pid, signal.SIGKILL)
        *_, last = frames
        assert "give up" in last.reason  # type: ignore[union-attr]
        assert len(list(far.frames_of(items[0], every_s=1.0))) == 6
    finally:
        far.close()


def test_links_below_a_folder_do_not_lead_out_of_the_media_roots(
    own_world: World, serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Naming the link is refused; naming the folder above it must not walk through it either."""
    private = tmp_path_factory.mktemp("private")
    save_scene(private / "secret.png", person(ORANGE, 2))
    gate = own_world.media / "gate"
    save_scene(gate / "open.png", person(RED, 4))
    (gate / "folder").symlink_to(private)
    (gate / "file.png").symlink_to(private / "secret.png")
    (gate / "door").symlink_to(own_world.media / "door")  # another place below the root is fine
    client = serve(own_world)
    job = ended(client, client.post("/api/index", json={"paths": ["media/gate"]}).json()["job_id"])
    assert job["state"] == "done"
    media = {m["name"] for m in client.get("/api/media").json()["media"]}
    assert "open.png" in media
    assert not media & {"secret.png", "file.png"}
    problems = {Path(p["source"]).name: p["reason"] for p in job["problems"]}
    assert sorted(problems) == ["file.png", "folder"]
    assert all("leads out" in reason for reason in problems.values())
