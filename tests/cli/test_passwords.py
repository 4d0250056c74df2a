"""Passwords of cameras: they open the camera, and stand in no answer, no gallery and no log."""

from __future__ import annotations

import json
import shutil
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lancedb
import pytest
from pyarrow import parquet

from fake_predictor import RED, YELLOW, ColourPredictor, person, save_scene
from live_server import served
from sceneseek.cli import main
from sceneseek.finder import Finder
from sceneseek.gallery import Gallery
from sceneseek.pictures import read_picture
from sceneseek.structures import Frame, MediaItem

Run = Callable[..., str]

ADDRESS = "rtsp://ada:geheim@camera.example/door?pwd=geheim"
SHOWN = "rtsp://camera.example/door"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command; returns all that it said."""
    module = types.ModuleType("sceneseek.inference.predictor")
    module.load_predictor = lambda spec, *, device="cpu": ColourPredictor()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sceneseek.inference.predictor", module)

    def call(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["sceneseek", *map(str, words)])
        with pytest.raises(SystemExit):
            main()
        printed = capsys.readouterr()
        assert "geheim" not in printed.out + printed.err
        return printed.out

    return call


@pytest.fixture
def query(tmp_path: Path) -> Path:
    return save_scene(tmp_path / "query.png", person(RED))


def gallery_of(folder: Path, query: Path) -> Gallery:
    """Somebody seen by a camera whose address holds a password, and a camera that never answered."""
    model = ColourPredictor()
    gallery = Gallery.open_or_create(folder, model.name, model.fingerprint, model.embedding_dim)
    image = read_picture(query)
    items = [MediaItem(ADDRESS, "stream", name, "door") for name in ("seen", "silent")]

    def frames(item: MediaItem) -> Any:
        if item.content_key == "silent":
            raise OSError("it does not answer")
        yield Frame(image, item.source, 0, 0.0, "door")

    Finder(model, gallery).index(items, frames)
    return gallery


def held(folder: Path) -> bytes:
    """All bytes of all files of a gallery."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_camera_with_a_password_is_indexed_without_it(run: Run, tmp_path: Path) -> None:
    with served("mjpeg") as camera:
        camera.asks_for_password = True
        address = f"http://ada:geheim@127.0.0.1:{camera.port}/door"
        words = ("-g", tmp_path / "g", "--every", "0.2", "--duration", "1", "--json")
        summary = json.loads(run("index", address, *words))
        assert (summary["streams"], camera.credentials[-1] is not None) == (1, True)
    silent = json.loads(run("index", address, *words[:-1], "--give-up", "0.2", "--json"))
    assert silent["problems"][0]["source"] == f"http://127.0.0.1:{camera.port}/door"
    found = json.loads(run("find", save_scene(tmp_path / "q.png", person(YELLOW)), "-g", tmp_path / "g", "--json"))
    assert found["matches"][0]["source"] == f"http://127.0.0.1:{camera.port}/door"
    assert b"geheim" not in held(tmp_path / "g")


def test_an_address_that_cannot_be_read_is_said_without_its_password(run: Run, tmp_path: Path) -> None:
    (problem,) = json.loads(run("index", "rtmp://ada:geheim@door/x", "-g", tmp_path / "g", "--json"))["problems"]
    assert problem["source"] == "rtmp://door/x"
    assert "expected rtsp://" in problem["reason"]


def test_no_answer_shows_a_password(run: Run, query: Path, tmp_path: Path) -> None:
    gallery = gallery_of(tmp_path / "g", query)
    assert b"geheim" not in held(gallery.path)
    check(run, query, gallery)


def test_no_answer_shows_a_password_that_a_foreign_gallery_holds(run: Run, query: Path, tmp_path: Path) -> None:
    gallery = gallery_of(tmp_path / "g", query)
    tables = lancedb.connect(gallery.path)
    for name in ("media", "detections"):
        tables.open_table(name).update(values={"source": ADDRESS})
    assert b"geheim" in held(gallery.path)
    check(run, query, Gallery.open(gallery.path))


def test_old_addresses_are_found_and_removed_down_to_the_bytes(run: Run, query: Path, tmp_path: Path) -> None:
    gallery = gallery_of(tmp_path / "g", query)
    tables = lancedb.connect(gallery.path)
    for name in ("media", "detections"):
        tables.open_table(name).update(values={"source": ADDRESS})
    tables.open_table("media").update(values={"aliases": [ADDRESS]})
    for name in ("media", "detections", "frames"):
        tables.open_table(name).update(values={"camera_id": "camera.example/door?pwd=geheim"})
    found = json.loads(run("gallery", "check", gallery.path, "--json"))["findings"]
    assert [(f["kind"], f["repairable"]) for f in found if f["kind"] == "addresses"] == [("addresses", True)]
    repaired = json.loads(run("gallery", "check", gallery.path, "--repair", "--json"))
    assert "addresses" not in {finding["kind"] for finding in repaired["findings"]}
    assert b"geheim" not in held(gallery.path)
    for record in Gallery.open(gallery.path).media():
        assert (set(record.sources), record.camera_id) == ({SHOWN}, "camera.example/door")
    check(run, query, Gallery.open(gallery.path))


@pytest.mark.parametrize("way", ["archive", "merge"])
def test_what_is_handed_on_holds_no_old_address(run: Run, query: Path, tmp_path: Path, way: str) -> None:
    gallery = gallery_of(tmp_path / "g", query)
    tables = lancedb.connect(gallery.path)
    for name in ("media", "detections"):
        tables.open_table(name).update(values={"source": ADDRESS})
    tables.open_table("media").update(values={"aliases": [ADDRESS]})
    if way == "archive":
        run("gallery", "export", gallery.path, tmp_path / "g.zip")
        shutil.unpack_archive(tmp_path / "g.zip", tmp_path / "unpacked")
        for path in (tmp_path / "unpacked").glob("*.parquet"):
            assert "geheim" not in str(parquet.read_table(path).to_pydict()), path
        run("gallery", "import", tmp_path / "g.zip", tmp_path / "h")
    else:
        run("gallery", "merge", tmp_path / "h", gallery.path)
    assert len(Gallery.open(tmp_path / "h").media()) == 2
    assert b"geheim" not in held(tmp_path / "h")


def test_what_a_decoder_says_of_an_address_shows_no_password(run: Run, tmp_path: Path) -> None:
    """Libraries repeat the address in their own words."""
    for address in (
        "http://ada:geheim@127.0.0.1:1/x?pw=geheim",
        "rtsp://ada:geheim@127.0.0.1:1/user=a_password=geheim",
    ):
        said = json.loads(run("index", address, "-g", tmp_path / "g", "--duration", "0.2", "--json"))
        assert said["problems"]
    assert b"geheim" not in held(tmp_path / "g")


def check(run: Run, query: Path, gallery: Gallery) -> None:
    """Ask for everything that may show a source."""
    place = gallery.path
    found = json.loads(run("find", query, "-g", place, "--json"))
    assert [match["source"] for match in found["matches"]] == [SHOWN]
    run("find", query, "-g", place, "--source", ADDRESS, "--json")
    run("find", query, "-g", place)
    run("find", query, "-g", place, "--report", place.with_suffix(".csv"), "--html", place.with_suffix(".html"))
    assert SHOWN in place.with_suffix(".csv").read_text(encoding="utf-8-sig")
    assert "geheim" not in place.with_suffix(".html").read_text(encoding="utf-8")
    (problem,) = json.loads(run("gallery", "info", place, "--json"))["problems"]
    assert problem["source"] == SHOWN
    run("gallery", "info", place)
    run("gallery", "check", place, "--json")
    run("gallery", "export", place, place.with_suffix(".sightings.csv"))
    assert SHOWN in place.with_suffix(".sightings.csv").read_text(encoding="utf-8")
    plan = json.loads(run("gallery", "forget", place, "--media", ADDRESS, "--dry-run", "--json"))
    assert {medium["source"] for medium in plan["media"]} == {SHOWN}
    run("gallery", "forget", place, "--media", ADDRESS.replace("door", "gate"), "--dry-run")
    assert "geheim" not in run("gallery", "audit", place, "--json")
    shutil.rmtree(place)
