"""What the page does: ask with a picture, search, look at people, scenes, neighbours and clips."""

from __future__ import annotations

import asyncio
import io
import json
import os
import zipfile
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from fake_predictor import ORANGE, RED, person, save_scene
from films import film, joined, numbered, watched
from gallery_server import write_video
from patience import until
from sceneseek.errors import MediaError
from sceneseek.gallery import Filters
from sceneseek.inference.media import content_key, discover, frames_of
from sceneseek.pictures import read_picture
from sceneseek.structures import Frame, MediaItem
from sceneseek.web import Role
from sceneseek.web.decoder import clip, known, pixels
from sceneseek.web.places import Places
from sceneseek.web.views import kind_of
from sceneseek.words import printable
from web_world import Serve, TestClient, World, ask_with, bearer, index_of, tokens

pytestmark = pytest.mark.processes


def search(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.post("/api/search", json=asked)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def picture_of(client: TestClient, address: str) -> np.ndarray:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))


def red(client: TestClient, world: World) -> dict[str, Any]:
    query = ask_with(client, world.query)
    return {"query_id": query["query_id"], "person": index_of(query, 1)}


def test_gallery_says_what_it_holds(client: TestClient) -> None:
    facts = client.get("/api/gallery").json()
    assert facts["num_photos"] == 3
    assert facts["num_videos"] == 1
    assert [c["camera_id"] for c in facts["cameras"]] == ["door", "hall", "yard"]
    assert sum(c["num_people"] for c in facts["cameras"]) == facts["num_people"]
    assert facts["media_roots"] == ["media"]
    assert facts["caller"] == {"name": "local", "role": "keeper", "csrf": None}


def test_media_are_listed_page_by_page(client: TestClient) -> None:
    first = client.get("/api/media", params={"per_page": 3}).json()
    second = client.get("/api/media", params={"per_page": 3, "page": 2}).json()
    names = [m["name"] for m in first["media"] + second["media"]]
    assert (first["total"], names) == (4, ["1.png", "2.png", "walk.mp4", "3.png"])
    assert [m["name"] for m in client.get("/api/media", params={"text": "WALK"}).json()["media"]] == ["walk.mp4"]
    assert client.get("/api/media", params={"status": "damaged"}).json()["total"] == 0


def test_query_picture_shows_its_people(client: TestClient, world: World) -> None:
    query = ask_with(client, world.query)
    assert (query["width"], query["height"]) == (160, 96)
    assert len(query["people"]) == 2
    assert picture_of(client, f"/api/queries/{query['query_id']}/picture").shape == (96, 160, 3)
    assert client.get(f"/api/queries/{query['query_id']}").json() == query
    assert client.delete(f"/api/queries/{query['query_id']}").status_code == 204
    assert client.get(f"/api/queries/{query['query_id']}").status_code == 404


@pytest.mark.parametrize("by", ["sighting", "detection"])
def test_same_ranking_as_the_finder(client: TestClient, world: World, by: str) -> None:
    answer = search(client, examples=[red(client, world)], top=10, by=by)
    finder = world.finder()
    query = finder.locate(read_picture(world.query), (38, 20, 54, 70))
    expected = finder.find_people([query], top=10, by=by)
    assert [m["detection_id"] for m in answer["matches"]] == [m.detection_id for m in expected]
    assert [m["similarity"] for m in answer["matches"]] == pytest.approx([m.similarity for m in expected], abs=1e-6)
    assert answer["searched"] == expected.searched == len(finder.gallery)


def test_a_drawn_box_asks_like_the_person_in_it(client: TestClient, world: World) -> None:
    query = ask_with(client, world.query)
    drawn = {"query_id": query["query_id"], "box": [38, 20, 54, 70]}
    assert search(client, examples=[drawn])["matches"] == search(client, examples=[red(client, world)])["matches"]


def test_filters_restrict(client: TestClient, world: World) -> None:
    example = red(client, world)

    def sources(**asked: Any) -> set[str]:
        return {m["name"] for m in search(client, examples=[example], by="detection", **asked)["matches"]}

    assert sources(cameras=["door"]) == {"1.png", "2.png"}
    assert sources(sources=["media/hall"]) == {"walk.mp4"}
    assert sources(since_s=0, until_s=2) == {"walk.mp4"}
    assert sources(sources=[str(world.media / "yard")]) == {"3.png"}
    assert sources(after="2001-01-01T00:00:00Z") == set()
    everyone = search(client, examples=[example], by="detection", top=500)
    assert len(everyone["matches"]) == everyone["searched"] == len(world.finder().gallery)
    told = search(client, examples=[example], sources=["media/hall"])["filters"]
    assert told["source"] == "media/hall"


def test_viewers_filter_by_the_names_they_see_and_cannot_probe_the_disk(
    own_world: World, serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("private")
    save_scene(elsewhere / "secret" / "4.png", person(RED, 2))
    finder = own_world.finder()
    finder.index(list(discover([str(elsewhere)])), frames_of)
    camera = MediaItem("rtsp://user:secret@camera.example/door", "stream", "live-1", "door")
    image = read_picture(own_world.query)
    finder.index([camera], lambda item: iter([Frame(image, item.source, 0, 0.0, "door")]))
    client = serve(own_world, tokens=tokens())
    query = ask_with(client, own_world.query, headers=bearer("vera"))
    examples = [{"query_id": query["query_id"], "person": index_of(query, 1)}]

    def answer(*sources: str) -> Any:
        asked = {"examples": examples, "by": "detection", "top": 100, "sources": sources}
        return client.post("/api/search", json=asked, headers=bearer("vera"))

    def names(*sources: str) -> set[str]:
        return {match["name"] for match in answer(*sources).json()["matches"]}

    shown = {match["source"] for match in answer().json()["matches"]}
    assert shown == {
        "media/door/1.png", "media/door/2.png", "media/yard/3.png", "media/hall/walk.mp4", "4.png",
        "rtsp://camera.example/door",
    }  # fmt: skip
    copy = own_world.media / "copies" / "also 4.png"
    copy.parent.mkdir()
    copy.write_bytes((elsewhere / "secret" / "4.png").read_bytes())
    finder.index(list(discover([str(copy)])), frames_of)
    client.app.state.service.forget_records()  # type: ignore[attr-defined]
    assert names("media/copies") == {"4.png"}
    for source in shown:  # each as it is shown, wherever it lies
        assert {match["source"] for match in answer(source).json()["matches"]} == {source}
    assert names("media/door", "4.png") == {"1.png", "2.png", "4.png"}
    refused = [answer(str(path)) for path in (elsewhere, elsewhere / "nothing", own_world.media / "door", "/", "//")]
    assert {(one.status_code, one.json()["error"]["message"]) for one in refused} == {
        (422, "Files are named here as answers show them.")
    }
    for probe in ("secret", "media/../media/door", f"media/../..{elsewhere}", "door", "private"):
        assert names(probe) == set()


def test_what_is_absolute_is_a_path_whatever_it_holds() -> None:
    """A name in an archive must not pass for an address, which is shown whole."""
    places = Places((), Path("/people"))
    assert places.shown("/srv/private/a.zip/door://x.jpg", Role.VIEWER) == "x.jpg"
    assert kind_of("/srv/private/a.zip/door://x.jpg", None) == "photo"


def test_a_person_of_the_gallery_as_example(client: TestClient, world: World) -> None:
    best = search(client, examples=[red(client, world)])["matches"][0]
    again = search(client, examples=[{"detection_id": best["detection_id"]}])
    assert best["detection_id"] not in [m["detection_id"] for m in again["matches"]]
    assert again["matches"][0]["similarity"] > 0.99
    own = search(client, examples=[{"detection_id": best["detection_id"]}], own_pictures=True, by="detection")
    assert own["matches"][0]["similarity"] == pytest.approx(1.0, abs=1e-5)


def test_no_picture_of_an_example_is_a_match_however_many_there_are(client: TestClient, world: World) -> None:
    """As on the page after "Search again": the query picture lies in the gallery, and a match was marked right."""
    query = ask_with(client, world.media / "door" / "1.png")
    asked = {"query_id": query["query_id"], "person": index_of(query, 0)}
    first = search(client, examples=[asked])["matches"]
    marked = next(m for m in first if m["kind"] == "video")
    again = search(client, examples=[asked, {"detection_id": marked["detection_id"]}])
    assert not {"1.png"} & {m["name"] for m in again["matches"]}
    sightings = [m["sighting"]["tracklet_id"] for m in again["matches"] if m["sighting"]]
    assert marked["sighting"]["tracklet_id"] not in sightings
    (pinned,) = again["pinned"]
    assert pinned["detection_id"] == marked["detection_id"]
    assert pinned["false_match_rate"] is None
    assert pinned["sighting"] == marked["sighting"]
    assert 0.99 < pinned["similarity"] <= 1


def test_somebody_whom_the_detector_missed_is_asked_for_in_a_scene(client: TestClient, world: World) -> None:
    media = {m["name"]: m for m in client.get("/api/media").json()["media"]}
    key = media["2.png"]["media_key"]
    red_box = [98, 20, 114, 70]
    example = {"media_key": key, "frame_index": 0, "box": red_box}
    found = search(client, examples=[example], by="detection")
    assert "2.png" not in {m["name"] for m in found["matches"]}
    assert found["matches"][0]["similarity"] > 0.99
    of_video = {"media_key": media["walk.mp4"]["media_key"], "frame_index": 10, "box": [128, 20, 144, 70]}
    blue = search(client, examples=[of_video], by="detection")["matches"]
    assert {"1.png", "walk.mp4"} == {m["name"] for m in blue[:2]}
    assert (media["walk.mp4"]["media_key"], 10) not in {(m["media_key"], m["frame_index"]) for m in blue}
    assert client.post("/api/search", json={"examples": [{**example, "frame_index": 3}]}).status_code == 404
    outside = client.post("/api/search", json={"examples": [{**example, "box": [500, 500, 600, 600]}]})
    assert outside.status_code == 422
    report = {"search": {"examples": [example], "top": 2}, "format": "html"}
    assert "2.png" in client.post("/api/reports", json=report).text


def test_a_whole_video_is_stepped_through_in_parts(client: TestClient) -> None:
    key = next(m for m in client.get("/api/media").json()["media"] if m["kind"] == "video")["media_key"]
    page = client.get(f"/api/media/{key}/frames", params={"first": 2, "most": 3}).json()
    assert (page["total"], page["first"], page["place"]) == (6, 2, 2)
    assert [(f["frame_index"], f["time_s"], f["num_people"]) for f in page["frames"]] == [
        (4, 2.0, 1), (6, 3.0, 1), (8, 4.0, 2),
    ]  # fmt: skip
    around = client.get(f"/api/media/{key}/frames", params={"frame_index": 9, "most": 2}).json()
    assert (around["first"], around["place"], len(around["frames"])) == (3, 4, 2)
    beyond = client.get(f"/api/media/{key}/frames", params={"first": 99}).json()
    assert (beyond["frames"], beyond["total"]) == ([], 6)
    outline = client.get(f"/api/media/{key}/outline", params={"parts": 3}).json()
    assert (outline["total"], outline["start_s"], outline["end_s"]) == (6, 0.0, 5.0)
    assert [(s["first"], s["time_s"], s["num_people"]) for s in outline["stretches"]] == [
        (0, 0, 1),
        (2, 2, 1),
        (4, 4, 2),
    ]
    photo = next(m for m in client.get("/api/media").json()["media"] if m["kind"] == "photo")["media_key"]
    whole = client.get(f"/api/media/{photo}/outline").json()
    assert (whole["total"], whole["start_s"], len(whole["stretches"])) == (1, None, 1)
    assert client.get("/api/media/nothing/frames").status_code == 404


def test_files_are_ordered_as_asked(client: TestClient) -> None:
    def names(**asked: Any) -> list[str]:
        return [m["name"] for m in client.get("/api/media", params=asked).json()["media"]]

    assert names() == ["1.png", "2.png", "walk.mp4", "3.png"]
    assert names(order="name") == ["1.png", "2.png", "3.png", "walk.mp4"]
    assert names(order="name", descending=True) == ["walk.mp4", "3.png", "2.png", "1.png"]
    assert names(order="people", descending=True)[:2] == ["walk.mp4", "3.png"]
    assert names(order="camera") == ["1.png", "2.png", "walk.mp4", "3.png"]
    assert names(camera="yard") == ["3.png"]
    assert names(camera="") == []
    assert client.get("/api/media", params={"order": "luck"}).status_code == 422


def test_counter_examples_are_left_out(client: TestClient, world: World) -> None:
    example = red(client, world)
    first = search(client, examples=[example], by="detection")["matches"]
    wrong = first[0]["detection_id"]
    again = search(client, examples=[example], counter_examples=[{"detection_id": wrong}], by="detection")
    assert wrong not in [m["detection_id"] for m in again["matches"]]


def test_the_own_picture_is_left_out(client: TestClient, world: World) -> None:
    query = ask_with(client, world.media / "door" / "1.png")
    example = {"query_id": query["query_id"], "person": index_of(query, 0)}
    assert "1.png" not in {m["name"] for m in search(client, examples=[example])["matches"]}
    with_own = search(client, examples=[example], own_pictures=True)
    assert with_own["matches"][0]["name"] == "1.png"


def test_person_crop_and_scene(client: TestClient, world: World) -> None:
    match = search(client, examples=[red(client, world)], cameras=["door"])["matches"][0]
    stored = client.get(f"/api/detections/{match['detection_id']}").json()
    assert {k: stored[k] for k in ("box", "source", "camera_id", "media_key")} == {
        k: match[k] for k in ("box", "source", "camera_id", "media_key")
    }
    crop = picture_of(client, match["crop"])
    middle = crop[crop.shape[0] // 2, crop.shape[1] // 2]
    assert np.abs(middle.astype(int) - RED).max() < 30
    assert picture_of(client, match["scene"]).shape == (96, 160, 3)
    plain = picture_of(client, match["scene"] + "?boxes=false")
    original = read_picture(world.media / match["source"].rpartition("/media/")[2])
    assert np.abs(plain.astype(int) - original).mean() < 3
    assert picture_of(client, match["scene"] + "?max_side=80").shape == (48, 80, 3)


def test_frames_of_a_video_and_their_neighbours(client: TestClient) -> None:
    video = next(m for m in client.get("/api/media").json()["media"] if m["kind"] == "video")
    key = video["media_key"]
    around = client.get(f"/api/frames/{key}/6/around", params={"before": 2, "after": 1}).json()
    assert [f["frame_index"] for f in around["frames"]] == [2, 4, 6, 8]
    assert [f["time_s"] for f in around["frames"]] == [1.0, 2.0, 3.0, 4.0]
    frame = client.get(f"/api/frames/{key}/8").json()
    assert frame == around["frames"][-1]
    assert len(frame["people"]) == 2
    drawn = picture_of(client, f"{frame['picture']}?boxes=true")
    plain = picture_of(client, frame["picture"])
    assert plain.shape == (96, 160, 3)
    assert (drawn != plain).any()


def test_a_clip_shows_what_was_asked_for(client: TestClient) -> None:
    video = next(m for m in client.get("/api/media").json()["media"] if m["kind"] == "video")
    answer = client.get(f"/api/media/{video['media_key']}/clip", params={"start_s": 1, "end_s": 4})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(answer.content)) as clip:
        stream = clip.streams.video[0]
        frames = list(clip.decode(stream))
        assert stream.codec_context.name == "h264"
    assert [float(f.pts * f.time_base) for f in frames] == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5, 3], abs=0.01)
    # At three seconds the person stands at the third place.
    reds = frames[4].to_ndarray(format="rgb24")[:, :, 0].max(axis=0)
    assert 8 + 60 - 3 < np.flatnonzero(reds > 150).min() < 8 + 60 + 3


def clip_of(path: Path, start_s: float = 0, end_s: float = 9) -> tuple[list[np.ndarray], list[float]]:
    """The pictures of a clip, as a browser shows them, and their times."""
    ((_, data),) = (
        (fields, data) for fields, data in clip(b"", [str(path)], content_key(path), start_s, end_s) if data
    )
    with av.open(io.BytesIO(bytes(data))) as container:
        frames = list(container.decode(video=0))
    assert all((frame.colorspace, frame.color_range) == (1, 1) for frame in frames), "browsers must not guess"
    pictures = [frame.to_ndarray(format="rgb24", src_colorspace=1, src_color_range=1) for frame in frames]
    return pictures, [round(float(frame.pts * frame.time_base), 2) for frame in frames]


CLIPPED: dict[str, dict[str, Any]] = {
    "as they are": {},
    "wide": {"sample_aspect_ratio": Fraction(2)},
    "tall": {"sample_aspect_ratio": Fraction(1, 2)},
    "full range": {"color_range": 2},
}


@pytest.mark.parametrize("name", CLIPPED)
@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_clips_have_the_shape_and_the_colours_of_scenes(tmp_path: Path, name: str, suffix: str) -> None:
    path = film(tmp_path / f"a{suffix}", numbered(20), options={"crf": "8"}, b_frames=2, **CLIPPED[name])
    frames, _, _ = watched(path, every_s=0)
    pictures, times = clip_of(path, 0.5, 1.2)
    assert times == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    for picture, frame in zip(pictures, frames[5:13], strict=True):
        assert picture.shape == frame.image.shape
        assert np.abs(picture.astype(int) - frame.image).mean() < 6


def test_a_clip_of_a_turned_video_is_upright(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", numbered(5))
    contents = bytearray(path.read_bytes())
    at = contents.index(b"tkhd") + 4 + 40
    contents[at : at + 36] = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(bytes(contents))
    pictures, _ = clip_of(path)
    assert pictures[0].shape == (96, 64, 3)


def test_a_clip_of_joined_recordings_shows_both(tmp_path: Path) -> None:
    grey, blue = film(tmp_path / "1.ts", numbered(10)), film(tmp_path / "2.ts", numbered(10, (20, 20, 220)))
    pictures, times = clip_of(joined(tmp_path / "a.ts", grey, blue), 0.8, 1.1)
    assert times == [0, 0.1, 0.2, 0.3]
    assert [int(picture[40, 2, 2]) - int(picture[40, 2, 0]) > 80 for picture in pictures] == [False, False, True, True]


def test_a_clip_keeps_the_shape_of_pictures_that_change_theirs(tmp_path: Path) -> None:
    small = film(tmp_path / "1.ts", [np.full((64, 96, 3), 200, np.uint8)] * 5)
    large = film(tmp_path / "2.ts", [np.full((128, 128, 3), 200, np.uint8)] * 5)
    pictures, _ = clip_of(joined(tmp_path / "a.ts", small, large))
    assert {picture.shape for picture in pictures} == {(64, 96, 3)}
    assert int(pictures[0][32, 4, 0]) > 180
    assert int(pictures[9][32, 4, 0]) < 40, "a square has bars beside it"
    assert int(pictures[9][32, 48, 0]) > 180


def test_a_scene_that_an_earlier_version_read_narrower_still_fits_its_boxes(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", numbered(3), sample_aspect_ratio=Fraction(2))
    answers = [fields for fields, _ in pixels(b"", [str(path)], content_key(path), "video", 0, (96, 64)) if fields]
    assert answers == [{"height": 64, "width": 96}]


@pytest.mark.parametrize(
    ("start", "end", "status"), [(3, 3, 422), (4, 2, 422), (0, 31, 422), (100, 105, 415), (0, 1e9, 422)]
)
def test_clips_that_cannot_be_made(client: TestClient, start: float, end: float, status: int) -> None:
    video = next(m for m in client.get("/api/media").json()["media"] if m["kind"] == "video")
    answer = client.get(f"/api/media/{video['media_key']}/clip", params={"start_s": start, "end_s": end})
    assert answer.status_code == status, answer.text


def test_a_photograph_has_no_clip(client: TestClient) -> None:
    photo = next(m for m in client.get("/api/media").json()["media"] if m["kind"] == "photo")
    answer = client.get(f"/api/media/{photo['media_key']}/clip", params={"start_s": 0, "end_s": 1})
    assert answer.status_code == 415
    assert answer.json()["error"]["expected"] == "video"


def test_gone_and_changed_files_are_told_apart(own_world: World, serve: Serve) -> None:
    client = serve(own_world)
    keys = {m["name"]: m["media_key"] for m in client.get("/api/media").json()["media"]}
    (own_world.media / "door" / "1.png").unlink()
    gone = client.get(f"/api/frames/{keys['1.png']}/0/picture")
    assert gone.status_code == 410
    assert "no longer" in gone.json()["error"]["message"]
    Image.new("RGB", (64, 48)).save(own_world.media / "door" / "2.png")
    changed = client.get(f"/api/frames/{keys['2.png']}/0/picture")
    assert changed.status_code == 415
    assert "has changed" in changed.json()["error"]["message"]
    (own_world.media / "hall" / "walk.mp4").write_bytes(b"not a video")
    assert client.get(f"/api/frames/{keys['walk.mp4']}/2/picture").status_code == 415
    assert client.get(f"/api/media/{keys['walk.mp4']}/clip", params={"start_s": 0, "end_s": 1}).status_code == 415


def test_another_file_in_its_place_is_not_shown(own_world: World, serve: Serve) -> None:
    """Paths in a gallery may be anybody's, since archives are imported: only the file that was indexed is shown."""
    client = serve(own_world)
    keys = {m["name"]: m["media_key"] for m in client.get("/api/media").json()["media"]}
    photo, video = own_world.media / "door" / "1.png", own_world.media / "hall" / "walk.mp4"
    addresses = [f"/api/frames/{keys['1.png']}/0/picture", f"/api/media/{keys['walk.mp4']}/clip?start_s=0&end_s=1"]
    addresses.append(f"/api/frames/{keys['walk.mp4']}/2/picture")
    assert [client.get(address).status_code for address in addresses] == [200] * 3
    (own_world.media / "door" / "2.png").replace(photo)  # of the same size in pixels
    write_video(video, (np.full((96, 160, 3), 9 * i, np.uint8) for i in range(12)), rate=2)
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 415, answer.headers
        assert "has changed since it was indexed" in answer.json()["error"]["message"]


def test_errors_of_files_do_not_tell_where_they_lie(own_world: World, serve: Serve) -> None:
    """A gallery may hold files from outside the media roots, whose folders are nobody's business."""
    footage = own_world.folder / "elsewhere" / "monday.zip"
    footage.parent.mkdir()
    with zipfile.ZipFile(footage, "w") as archive:
        save_scene(own_world.folder / "new.png", person(RED, 4))
        archive.write(own_world.folder / "new.png", "deep/new.png")
    finder = own_world.finder()
    finder.index([item for item in discover(footage) if isinstance(item, MediaItem)], frames_of)
    data = footage.read_bytes()
    at = data.index(b"IDAT") + 20
    footage.write_bytes(data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :])
    client = serve(own_world)
    keys = {m["name"]: m["media_key"] for m in client.get("/api/media").json()["media"]}
    answer = client.get(f"/api/frames/{keys['new.png']}/0/picture")
    assert answer.status_code == 415
    message = answer.json()["error"]["message"]
    assert message.startswith("new.png: ")
    assert "damaged" in message
    assert "elsewhere" not in answer.text


def test_the_very_file_is_known_in_archives_and_among_several_videos(tmp_path: Path) -> None:
    """The decoder hashes what a source names as the index did, whatever it is."""
    picture = tmp_path / "a.png"
    save_scene(picture, person(RED, 1))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.write(picture, "deep/a.png")
    (tmp_path / "c.mkv").write_bytes(b"no video, but that is not asked here")
    found = [item for item in discover([tmp_path / "b.zip", picture]) if isinstance(item, MediaItem)]
    keys = {item.source: item.content_key for item in found}
    keys[f"{tmp_path / 'c.mkv'}#video-2"] = content_key(tmp_path / "c.mkv") + "-2"
    assert len(keys) == 3
    for source, key in keys.items():
        assert all(answer == ({}, b"") for answer in known(source, key))
        with pytest.raises(MediaError, match="has changed"):
            list(known(source, key[:-1] + "z"))


@pytest.mark.parametrize(
    "example",
    [
        {},
        {"query_id": "x" * 22},
        {"query_id": "x" * 22, "person": 0, "box": [0, 0, 9, 9]},
        {"query_id": "x" * 22, "person": 0, "detection_id": "a:0:0"},
        {"detection_id": "a:0:0", "person": 1},
        {"detection_id": "../../etc/passwd"},
        {"query_id": "x" * 22, "box": [0, 0, 1e999, 9]},
        {"media_key": "a", "box": [0, 0, 9, 9]},
        {"media_key": "a", "frame_index": 0},
        {"frame_index": 0, "box": [0, 0, 9, 9]},
        {"media_key": "a", "frame_index": 0, "person": 1},
        {"media_key": "a", "frame_index": 0, "box": [0, 0, 9, 9], "detection_id": "a:0:0"},
    ],
)
def test_an_example_is_one_thing(client: TestClient, example: dict[str, Any]) -> None:
    answer = client.post(
        "/api/search", content=json.dumps({"examples": [example]}), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]


def test_what_is_not_there_is_not_found(client: TestClient, world: World) -> None:
    query = ask_with(client, world.query)
    assert client.post("/api/search", json={"examples": [{"detection_id": "nobody:0:0"}]}).status_code == 404
    assert client.post("/api/search", json={"examples": [{"query_id": "x" * 22, "person": 0}]}).status_code == 404
    beyond = {"query_id": query["query_id"], "person": 7}
    answer = client.post("/api/search", json={"examples": [beyond]})
    assert answer.status_code == 422
    assert answer.json()["error"]["expected"] == "a number from 0 to 1"
    outside = {"query_id": query["query_id"], "box": [500, 500, 600, 600]}
    assert client.post("/api/search", json={"examples": [outside]}).status_code == 422
    for address in (
        "detections/nobody:0:0",
        "frames/nothing/0",
        "media/nothing/clip?start_s=0&end_s=1",
        "jobs/" + 22 * "x",
    ):
        answer = client.get(f"/api/{address}")
        assert answer.status_code == 404, address
        assert answer.json()["error"]["message"]


def test_an_empty_time_range_says_so(client: TestClient, world: World) -> None:
    asked = {"examples": [red(client, world)], "since_s": 5, "until_s": 1}
    answer = client.post("/api/search", json=asked)
    assert answer.status_code == 422
    assert "swap" in answer.json()["error"]["message"]
    with pytest.raises(ValueError, match="swap"):
        Filters(since_s=5, until_s=1)


def test_an_empty_gallery_answers(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "media").mkdir()
    world = World(tmp_path)
    save_scene(world.query, person(RED, 1))
    client = serve(world)
    facts = client.get("/api/gallery").json()
    assert (facts["num_people"], facts["cameras"], facts["first"]) == (0, [], None)
    assert facts["calibration"]["available"] is False
    assert client.get("/api/media").json()["media"] == []
    query = ask_with(client, world.query)
    answer = search(client, examples=[{"query_id": query["query_id"], "person": 0}])
    assert (answer["matches"], answer["searched"]) == ([], 0)


@pytest.mark.parametrize("rerank", ["cbgm", "k_reciprocal"])
def test_reranked_matches_say_so(client: TestClient, world: World, rerank: str) -> None:
    answer = search(client, examples=[red(client, world)], rerank=rerank)
    assert answer["method"]["re-ranking"].startswith(rerank)
    revised = [match["revised"] for match in answer["matches"]]
    assert revised == sorted(revised, reverse=True)


def test_a_sighting_is_one_match_and_its_frames_can_be_asked_for(client: TestClient, world: World) -> None:
    asked = {"examples": [red(client, world)], "cameras": ["hall"]}
    sightings = search(client, **asked)["matches"]
    frames = search(client, **asked, by="detection", top=100)["matches"]
    assert len(sightings) < len(frames)
    best = sightings[0]["sighting"]
    track = client.get(f"/api/tracklets/{best['tracklet_id']}").json()["people"]
    assert len(track) == best["num_detections"] > 1
    assert (track[0]["time_s"], track[-1]["time_s"]) == (best["start_s"], best["end_s"])
    assert sightings[0]["detection_id"] in [one["detection_id"] for one in track]


def test_what_was_seen_live_has_crops_but_no_scenes(own_world: World, serve: Serve) -> None:
    finder = own_world.finder()
    live = MediaItem("rtsp://user:secret@camera.example/door", "stream", "live-1", "door")
    image = read_picture(own_world.query)
    finder.index([live], lambda item: iter([Frame(image, item.source, 0, 0.0, "door")]))
    client = serve(own_world)
    seen = search(client, examples=[red(client, own_world)], media_keys=["live-1"])["matches"][0]
    assert (seen["kind"], seen["source"]) == ("stream", "rtsp://camera.example/door")
    assert picture_of(client, seen["crop"]).size
    for address in (seen["scene"], "/api/frames/live-1/0/picture", "/api/media/live-1/clip?start_s=0&end_s=1"):
        answer = client.get(address)
        assert answer.status_code == 410
        assert "seen live" in answer.json()["error"]["message"]


def test_the_list_of_files_is_made_beside_the_event_loop(
    own_world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(own_world)
    places = client.app.state.service.places  # type: ignore[attr-defined]
    shown, in_loop = places.shown, []

    def watched(source: str, role: Role) -> str:
        try:
            asyncio.get_running_loop()
            in_loop.append(True)
        except RuntimeError:
            in_loop.append(False)
        return str(shown(source, role))

    monkeypatch.setattr(places, "shown", watched)
    assert client.get("/api/media", params={"per_page": 1}).json()["total"] == 4
    assert in_loop == [True]  # the one on the page
    in_loop.clear()
    assert client.get("/api/media", params={"text": "walk"}).json()["total"] == 1
    assert in_loop == [False] * 4 + [True]


def test_long_sightings_come_in_parts(client: TestClient, world: World) -> None:
    query = ask_with(client, world.query)
    asked = {"examples": [{"query_id": query["query_id"], "person": 0}], "cameras": ["hall"]}
    sighting = client.post("/api/search", json=asked).json()["matches"][0]["sighting"]["tracklet_id"]
    address = f"/api/tracklets/{sighting}"
    whole = client.get(address).json()
    assert whole["total"] == len(whole["people"]) > 2
    part = client.get(address, params={"first": 1, "most": 1}).json()
    assert part["people"] == whole["people"][1:2]
    assert part["total"] == whole["total"]
    assert client.get(address, params={"most": 5000}).status_code == 422


def test_names_of_strangers_are_shown_by_number_and_can_be_asked_for(own_world: World, serve: Serve) -> None:
    names = ["a\x1b[2J\u202e\n\u2028.png", "\u200b[red].png"]
    for i, name in enumerate(names):
        save_scene(own_world.media / "odd.png", person(ORANGE, i)).rename(own_world.media / name)
    finder = own_world.finder()
    finder.index(list(discover([str(own_world.media)])), partial(frames_of, every_s=1.0), every_s=1.0)
    client = serve(own_world, tokens=tokens())
    for who in ("vera", "otto"):
        media = client.get("/api/media?per_page=100", headers=bearer(who)).json()["media"]
        shown = {medium["name"]: medium["source"] for medium in media}
        assert {"a\\x1b[2J\\u202e\\x0a\\u2028.png", "\\u200b[red].png"} <= set(shown)
        query = ask_with(client, own_world.query, headers=bearer(who))
        for name in map(printable, names):
            asked = {"examples": [{"query_id": query["query_id"], "person": 0}], "sources": [shown[name]]}
            answer = client.post("/api/search", json=asked, headers=bearer(who))
            assert answer.status_code == 200, answer.text
            assert [match["name"] for match in answer.json()["matches"]] == [name]
    report = {"search": asked, "format": "html"}
    assert "\u200b" not in client.post("/api/reports", json=report, headers=bearer("otto")).text


def test_names_that_are_no_letters_can_be_told(own_world: World, serve: Serve) -> None:
    """No JSON document can hold them as they are."""
    name = os.fsdecode(b"\xff\xfe.png")
    save_scene(own_world.media / "odd.png", person(ORANGE, 1)).rename(own_world.media / name)
    client = serve(own_world)
    job_id = client.post("/api/index", json={"paths": ["media"]}).json()["job_id"]

    def problems() -> list[dict[str, str]]:
        answer = client.get(f"/api/jobs/{job_id}")
        assert answer.status_code == 200
        return answer.json()["problems"]  # type: ignore[no-any-return]

    assert [problem["source"] for problem in until(problems)] == [str(own_world.media / "\\udcff\\udcfe.png")]
