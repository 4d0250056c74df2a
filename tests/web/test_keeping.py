"""Reports that leave the house, and people who leave the gallery."""

from __future__ import annotations

import csv
import io
import re
import weakref
from typing import Any

import numpy as np
import pytest

from sceneseek.gallery import AuditLog, Gallery
from web_world import Serve, TestClient, World, ask_with, index_of

pytestmark = pytest.mark.processes


def question(client: TestClient, world: World, **asked: Any) -> dict[str, Any]:
    query = ask_with(client, world.query)
    return {"examples": [{"query_id": query["query_id"], "person": index_of(query, 1)}], "top": 6, **asked}


def written(client: TestClient, **asked: Any) -> Any:
    answer = client.post("/api/reports", json=asked)
    assert answer.status_code == 200, answer.text
    assert re.fullmatch(
        rf'attachment; filename="sceneseek-[\d-]+\.{asked["format"]}"', answer.headers["content-disposition"]
    )
    return answer


def test_a_table_tells_what_the_search_found(client: TestClient, world: World) -> None:
    asked = question(client, world)
    found = client.post("/api/search", json=asked).json()["matches"]
    answer = written(client, search=asked, format="csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["detection_id"] for row in rows] == [match["detection_id"] for match in found]
    assert [row["camera"] for row in rows] == [match["camera_id"] for match in found]


def test_a_page_carries_its_pictures(client: TestClient, world: World) -> None:
    answer = written(client, search=question(client, world), format="html", blur=True)
    assert answer.headers["content-type"].startswith("text/html")
    page = answer.text
    assert page.count("data:image/jpeg;base64,") >= 14  # a person and a scene for the query and each match
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "other people who were found" in page
    assert "query.png" in page
    assert str(world.folder / "people") not in page


def test_a_document_is_one(client: TestClient, world: World) -> None:
    answer = written(client, search=question(client, world), format="pdf", blur=False)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")
    assert answer.content.count(b"/Subtype /Image") >= 7


def test_chosen_matches_alone(client: TestClient, world: World) -> None:
    asked = question(client, world)
    found = client.post("/api/search", json=asked).json()["matches"]
    chosen = [found[3]["detection_id"], found[0]["detection_id"]]
    answer = written(client, search=asked, format="csv", detection_ids=chosen)
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["detection_id"] for row in rows] == [found[0]["detection_id"], found[3]["detection_id"]]
    strange = client.post("/api/reports", json={"search": asked, "format": "csv", "detection_ids": ["nobody:0:0"]})
    assert strange.status_code == 422


def test_examples_of_the_gallery_are_shown_too(client: TestClient, world: World) -> None:
    asked = question(client, world)
    found = client.post("/api/search", json=asked).json()["matches"]
    asked["examples"].append({"detection_id": found[0]["detection_id"]})
    asked["counter_examples"] = [{"detection_id": found[-1]["detection_id"]}]
    alone = written(client, search={**asked, "counter_examples": []}, format="html").text
    both = written(client, search=asked, format="html").text
    assert both.count("<img") > alone.count("<img")


def test_query_pictures_of_a_report_are_decoded_one_at_a_time(
    client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = question(client, world)
    other = ask_with(client, world.query)["query_id"]
    asked["examples"] += [{"query_id": other, "box": [38, 20, 54, 70]} for _ in range(5)]
    asked["counter_examples"] = [{"query_id": other, "box": [98, 20, 114, 70]}]  # a query picture, too
    decoders = client.app.state.service.decoders  # type: ignore[attr-defined]
    decoded, whole, at_a_time = decoders.rgb_here, weakref.WeakSet[Whole](), []

    def watched(data: bytes) -> Any:
        image = decoded(data).view(Whole)
        whole.add(image)
        at_a_time.append(len(whole))
        return image

    monkeypatch.setattr(decoders, "rgb_here", watched)
    for blur in (True, False):
        page = written(client, search=asked, format="html", blur=blur).text
        assert "Not this person" in page
    assert at_a_time == [1] * 14


class Whole(np.ndarray):
    """A decoded picture that can be watched."""

    __hash__ = object.__hash__  # type: ignore[assignment]


def test_a_report_with_too_many_pictures(client: TestClient, world: World) -> None:
    asked = {"search": question(client, world, top=101), "format": "pdf"}
    answer = client.post("/api/reports", json=asked)
    assert answer.status_code == 422
    assert answer.json()["error"]["expected"] == "100 matches at most, or csv"


def test_exports_are_written_into_the_audit_log(own_world: World, serve: Serve) -> None:
    client = serve(own_world)
    written(client, search=question(client, own_world), format="csv")
    assert [entry.action for entry in AuditLog(own_world.folder / "people").entries()][-1] == "export"


def test_a_dry_run_changes_nothing(client: TestClient, world: World) -> None:
    before = client.get("/api/gallery").json()["num_people"]
    media = {m["name"]: m for m in client.get("/api/media").json()["media"]}
    plan = client.post("/api/forget", json={"media_keys": [media["1.png"]["media_key"]]}).json()
    assert (plan["dry_run"], plan["num_people"], plan["num_media"], plan["proven"]) == (True, 2, 1, None)
    assert {example["name"] for example in plan["examples"]} == {"1.png"}
    assert client.get("/api/gallery").json()["num_people"] == before


def test_a_file_is_forgotten_with_proof(own_world: World, serve: Serve) -> None:
    client = serve(own_world)
    media = {m["name"]: m for m in client.get("/api/media").json()["media"]}
    key = media["3.png"]["media_key"]
    yellow = min(Gallery.open(own_world.folder / "people").frame(key).people, key=lambda p: p.box[0])
    vector = yellow.embedding.tobytes()  # nobody else wears yellow
    asked = {"media_keys": [key], "dry_run": False, "reason": "asked by letter"}
    done = client.post("/api/forget", json=asked).json()
    assert (done["num_people"], done["num_media"], done["proven"]) == (3, 1, True)
    assert "0 are found now" in done["proof"]
    assert client.get(f"/api/frames/{key}/0").status_code == 404
    assert "3.png" not in {m["name"] for m in client.get("/api/media").json()["media"]}
    found = client.post("/api/search", json=question(client, own_world, top=500, by="detection")).json()["matches"]
    assert key not in {match["media_key"] for match in found}
    held = b"".join(path.read_bytes() for path in (own_world.folder / "people").rglob("*") if path.is_file())
    assert vector not in held
    entries = list(AuditLog(own_world.folder / "people").entries())
    assert ("forget", "asked by letter") in [(e.action, e.details.get("reason")) for e in entries]


@pytest.mark.parametrize("kind", ["person", "camera", "similar"])
def test_people_and_cameras_are_forgotten(own_world: World, serve: Serve, kind: str) -> None:
    client = serve(own_world)
    first = client.post("/api/search", json=question(client, own_world, by="detection", top=500)).json()["matches"]
    red = [match["detection_id"] for match in first if match["similarity"] > 0.99]
    asked = {
        "person": {"detection_ids": red[:1]},
        "camera": {"cameras": ["yard"]},
        "similar": {"like": {"detection_id": red[0]}, "min_similarity": 0.99},
    }[kind]
    done = client.post("/api/forget", json={**asked, "dry_run": False}).json()
    left = client.post("/api/search", json=question(client, own_world, by="detection", top=500)).json()["matches"]
    assert len(left) == len(first) - done["num_people"]
    assert done["num_people"] == {"person": 1, "camera": 3, "similar": len(red)}[kind]
    if kind == "similar":
        assert all(match["similarity"] < 0.99 for match in left)
    elif kind == "camera":
        assert "yard" not in {match["camera_id"] for match in left}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"media_keys": ["a"], "cameras": ["door"]},
        {"like": {"detection_id": "a:0:0"}},
        {"min_similarity": 0.5, "cameras": ["door"]},
        {"like": {"query_id": "x" * 22, "person": 0}, "min_similarity": 0.5},
        {"media_keys": []},
    ],
)
def test_what_to_forget_is_one_thing(client: TestClient, asked: dict[str, Any]) -> None:
    assert client.post("/api/forget", json=asked).status_code == 422


def test_strangers_cannot_be_forgotten(client: TestClient) -> None:
    for asked in ({"media_keys": ["nothing"]}, {"detection_ids": ["nobody:0:0"]}, {"tracklet_ids": ["nobody:t1"]}):
        assert client.post("/api/forget", json=asked).status_code == 404


def test_nothing_is_forgotten_while_somebody_writes(own_world: World, serve: Serve) -> None:
    client = serve(own_world)
    with Gallery.open(own_world.folder / "people").writer():
        answer = client.post("/api/forget", json={"cameras": ["yard"], "dry_run": False})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_a_camera_is_named_and_files_are_given_to_it(own_world: World, serve: Serve) -> None:
    client = serve(own_world)

    def cameras() -> dict[str, int]:
        return {camera["camera_id"]: camera["num_people"] for camera in client.get("/api/gallery").json()["cameras"]}

    assert client.post("/api/cameras", json={"name": " corridor ", "camera": "hall"}).json() == {
        "num_media": 1,
        "num_people": 8,
    }
    assert cameras() == {"corridor": 8, "door": 4, "yard": 3}
    keys = [m["media_key"] for m in client.get("/api/media", params={"camera": "door"}).json()["media"]]
    assert client.post("/api/cameras", json={"name": "", "media_keys": keys}).json()["num_media"] == 2
    assert cameras() == {"": 4, "corridor": 8, "yard": 3}
    assert client.post("/api/cameras", json={"name": "x", "media_keys": ["nobody"]}).status_code == 404
    for body in (
        {"name": "x"},
        {"name": "x", "camera": "yard", "media_keys": keys},
        {"name": "a\u0007", "camera": "yard"},
    ):
        assert client.post("/api/cameras", json=body).status_code == 422
