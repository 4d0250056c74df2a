"""A phone's photographs through the server: asked with, uploaded, shown, and decoded in other processes alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fake_predictor import BLUE, GREEN, RED, person, scene
from heic_files import heic
from sceneseek.structures import MediaNote
from sceneseek.web.decoder import as_fields, from_fields
from web.test_jobs import ended
from web_world import Serve, TestClient, World, index_of

pytestmark = pytest.mark.processes

PEOPLE = scene(person(RED, 1), person(BLUE, 3))


def test_a_heic_picture_is_asked_with_and_shown_as_jpeg(client: TestClient) -> None:
    answer = client.post("/api/queries", files={"picture": ("IMG_0001.HEIC", heic(PEOPLE, chroma=444))})
    assert answer.status_code == 201, answer.text
    query = answer.json()
    assert len(query["people"]) == 2
    shown = client.get(f"/api/queries/{query['query_id']}/picture")
    assert shown.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(shown.content)).size == (160, 96)
    examples = [{"query_id": query["query_id"], "person": index_of(query, 1)}]
    found = client.post("/api/search", json={"examples": examples}).json()
    assert found["matches"][0]["name"] in ("1.png", "2.png", "walk.mp4")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (heic(PEOPLE)[:200], "HEIC picture"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp41\0\0\0\x08free", "this is an MP4 video, not a picture"),
        (b"\0\x01\x02\x03" * 8, "an unknown kind of file (it begins with 00 01 02 03 00 01 02 03)"),
    ],
)
def test_what_cannot_be_asked_with_is_named_in_words(client: TestClient, data: bytes, words: str) -> None:
    answer = client.post("/api/queries", files={"picture": ("IMG_0001.HEIC", data)})
    assert answer.status_code in (400, 415, 422)
    assert words in answer.text
    assert "\\x" not in answer.text
    assert "b'" not in answer.text


def test_an_upload_is_stored_by_what_it_is_and_its_notes_are_told(own_world: World, serve: Serve) -> None:
    client = serve(own_world)
    dark = (scene(person(GREEN, 2))[..., 1].astype(np.uint16) << 2) + 3
    grey = io.BytesIO()
    Image.fromarray(dark).save(grey, "PNG")
    files = [("files", ("holiday.jpg", heic(PEOPLE, chroma=444))), ("files", ("thermal.png", grey.getvalue()))]
    told = client.post("/api/uploads", files=files).json()
    assert [f["stored_as"].rpartition(".")[2] for f in told["files"]] == ["heic", "png"]
    job = ended(client, told["job_id"])
    assert (job["state"], job["frames"], job["num_problems"], job["num_notes"]) == ("done", 2, 0, 1)
    assert "white was taken to be 1,023 (10 bits)" in job["notes"][0]["reason"]


def test_notes_cross_between_processes() -> None:
    note = MediaNote("a.png", "The picture was read, but.")
    assert from_fields(as_fields(note)) == note
    assert type(from_fields(as_fields(note))) is MediaNote
