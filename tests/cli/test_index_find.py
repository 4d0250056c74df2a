"""``sceneseek index``, ``find`` and ``gallery info`` as a user types them: real files, a model without weights."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
import types
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from fake_predictor import BLUE, GREEN, RED, YELLOW, ColourPredictor, person, save_scene, scene
from films import film
from heic_files import heic
from live_server import served
from patience import until
from sceneseek.cli import console, main
from sceneseek.errors import GalleryError, UnknownModelError
from sceneseek.gallery import AuditEntry, AuditLog, Gallery

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command; returns exit code, standard output, standard error."""

    def load_predictor(spec: str, *, device: str = "cpu") -> ColourPredictor:
        if spec == "other":
            return ColourPredictor("other", "other-1")
        if spec not in ("colour", "dcinet-synthetic"):
            raise UnknownModelError(f"no model {spec!r}")
        return ColourPredictor()

    # In place of the module that loads networks: these tests are about everything around one.
    module = types.ModuleType("sceneseek.inference.predictor")
    module.load_predictor = load_predictor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sceneseek.inference.predictor", module)
    monkeypatch.setattr(console.out, "width", 200)

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sceneseek", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return int(caught.value.code or 0), printed.out, printed.err

    return call


def write_video(path: Path, num_frames: int = 30, fps: int = 10) -> Path:
    """A video of one person who walks from left to right, 3 seconds long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 160, 96, "yuv420p", 2_000_000
        for i in range(num_frames):
            image = scene((YELLOW, (4 + 4 * i, 20, 24 + 4 * i, 80)))
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    save_scene(folder / "red.png", person(RED), person(GREEN, 2))
    save_scene(folder / "blue.png", person(BLUE, 1))
    save_scene(folder / "more" / "red again.png", person((210, 40, 40), 3))
    write_video(folder / "walk.mp4")
    return folder


def png_bomb(path: Path) -> None:
    """A PNG whose header promises 20000 x 20000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def test_index_then_find(run: Run, media: Path, tmp_path: Path) -> None:
    code, out, _ = run("index", media, "--gallery", tmp_path / "g")
    assert code == 0
    assert re.search(r"7 people found in 3 photographs and 1 video \(6 frames\)", out)
    code, out, _ = run("find", media / "red.png", "--gallery", tmp_path / "g", "--top", 3)
    assert code == 0
    assert re.search(r"1\s+[01]\.\d{3}\s+Possible\s+time not known", out)
    assert "more/red again.png" in out
    assert "most confident person" in out
    assert "5 people compared" in out, "the query's own picture is left out"


def test_index_says_as_json_what_it_did_and_again_adds_nothing(run: Run, media: Path, tmp_path: Path) -> None:
    words = ("index", media, "--gallery", tmp_path / "g", "--every", 0.5, "--camera", "door", "--json")
    code, out, _ = run(*words)
    first = json.loads(out)
    assert code == 0
    assert (first["photos"], first["videos"], first["frames"], first["people"]) == (3, 1, 9, 10)
    again = json.loads(run(*words)[1])
    assert (again["already"], again["people"], again["people_in_gallery"]) == (4, 0, 10)
    save_scene(media / "new.png", person(BLUE, 3))
    assert json.loads(run(*words)[1])["people"] == 1
    denser = json.loads(run("index", media, "--gallery", tmp_path / "g", "--every", 0, "--json")[1])
    assert (denser["videos"], denser["frames"], denser["people_in_gallery"]) == (1, 30, 5 + 30)


def test_find_as_json_with_filters_and_boxes(run: Run, media: Path, tmp_path: Path) -> None:
    gallery = tmp_path / "g"
    run("index", media / "walk.mp4", "--gallery", gallery, "--camera", "yard", "--every", 0.5)
    run("index", media, "--gallery", gallery, "--every", 0.5)
    query = save_scene(tmp_path / "query.png", person(YELLOW, 1), person(RED, 3))
    find = ("find", query, "--gallery", gallery, "--json", "--by", "detection")
    answer = json.loads(run(*find, "--box", "38,20,54,70", "--top", 4)[1])
    assert {Path(m["source"]).name for m in answer["matches"]} == {"walk.mp4"}
    assert answer["queries"][0]["box"] == [38, 20, 54, 70]
    assert {m["camera"] for m in answer["matches"]} == {"yard"}
    assert [m["rank"] for m in answer["matches"]] == [1, 2, 3, 4]
    timed = json.loads(run(*find, "--since", "0:01", "--until", "2", "--camera", "yard")[1])
    assert sorted(m["time_s"] for m in timed["matches"]) == [1.0, 1.5, 2.0]
    assert timed["searched"] == 3
    red = json.loads(run(*find, "--box", "98,20,114,70", "--top", 2)[1])
    assert {Path(m["source"]).name for m in red["matches"]} == {"red.png", "red again.png"}
    folder = json.loads(run(*find, "--source", media / "more")[1])
    assert {Path(m["source"]).name for m in folder["matches"]} == {"red again.png"}
    both = json.loads(
        run("find", query, media / "red.png", "-b", "auto", "-b", "8,20,24,70", "-g", gallery, "--json")[1]
    )
    assert len(both["queries"]) == 2


def test_sources_are_named_as_files_are_forgotten(
    run: Run, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By path however it is written, by the path of a copy, by a folder with copies, by content key."""
    gallery, copies = tmp_path / "g", tmp_path / "copies"
    copies.mkdir()
    run("index", media, "--gallery", gallery)
    (copies / "copy.png").write_bytes((media / "blue.png").read_bytes())
    save_scene(copies / "own.png", person(BLUE, 4))
    run("index", copies, "--gallery", gallery)
    query = save_scene(tmp_path / "query.png", person(BLUE))
    key = next(r.key for r in Gallery.open(gallery).media() if Path(r.source).name == "blue.png")
    monkeypatch.chdir(media)

    def found(*words: object) -> tuple[set[str], str]:
        answer = json.loads(run("find", query, "-g", gallery, "--json", "--by", "detection", "--source", *words)[1])
        return {Path(match["source"]).name for match in answer["matches"]}, answer["filters"]["source"]

    assert found("more/../blue.png") == ({"blue.png"}, str(media / "blue.png"))
    assert found(copies / "copy.png") == ({"blue.png"}, str(copies / "copy.png"))
    assert found(f"../copies/../{copies.name}/")[0] == {"blue.png", "own.png"}
    assert found(key) == ({"blue.png"}, key)
    assert found("./more") == ({"red again.png"}, str(media / "more"))
    assert found("./more", "--source", copies)[0] == {"blue.png", "own.png", "red again.png"}
    code, _, err = run("find", query, "-g", gallery, "--source", "nowhere/at/all.png")
    assert code == 2
    assert "knows no file" in err


def test_the_own_picture_is_left_out_by_content_and_shown_on_request(run: Run, media: Path, tmp_path: Path) -> None:
    run("index", media, "--gallery", tmp_path / "g")
    copy = tmp_path / "a copy.png"
    copy.write_bytes((media / "blue.png").read_bytes())
    hidden = json.loads(run("find", copy, "--gallery", tmp_path / "g", "--json")[1])
    shown = json.loads(run("find", copy, "--gallery", tmp_path / "g", "--json", "--own-picture")[1])
    assert "blue.png" not in {Path(m["source"]).name for m in hidden["matches"]}
    assert Path(shown["matches"][0]["source"]).name == "blue.png"


def test_bad_files_are_reported_and_the_rest_is_indexed(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "Überwachung и 監視 [1]"
    good = save_scene(folder / "Jürgen und Łucja.png", person(RED))
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("not a picture")
    whole = np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8)
    Image.fromarray(whole).save(folder / "truncated.jpg")
    (folder / "truncated.jpg").write_bytes((folder / "truncated.jpg").read_bytes()[:4000])
    Image.fromarray(whole[:1, :1]).save(folder / "one pixel.png")
    png_bomb(folder / "bomb.png")
    Image.fromarray(scene(person(BLUE))).convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    write_video(folder / "whole.mkv")
    whole_video = (folder / "whole.mkv").read_bytes()
    (folder / "cut.mkv").write_bytes(whole_video[: len(whole_video) // 2])
    code, out, _ = run("index", folder, "--gallery", tmp_path / "g", "--json", "--every", 0.5)
    assert code == 0
    summary = json.loads(out)
    problems = {Path(p["source"]).name: p["reason"] for p in summary["problems"]}
    assert problems.keys() == {"empty.jpg", "text.jpg", "truncated.jpg", "bomb.png", "cut.mkv"}
    assert all(len(reason) > 15 for reason in problems.values())
    assert summary["photos"] == 3, "the good one, the single pixel, the CMYK"
    assert summary["videos"] == 2, "the whole one, and the cut one as far as it goes"
    code, out, err = run("index", folder, "--gallery", tmp_path / "g", "--every", 0.5)
    assert code == 0
    assert "5 problems" in err
    for name in problems:
        assert name in err.replace("\n", "")
    answer = json.loads(run("find", good, "--own-picture", "--gallery", tmp_path / "g", "--json")[1])
    assert answer["matches"][0]["source"] == str(good)
    assert "cmyk.jpg" in {Path(m["source"]).name for m in answer["matches"]}
    code, out, err = run("gallery", "info", tmp_path / "g")
    assert code == 0
    assert "truncated.jpg" in err


def test_phones_and_thermal_cameras(run: Run, tmp_path: Path) -> None:
    """HEIC is indexed and asked with; a guessed white is said, and is no problem."""
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "IMG_0001.HEIC").write_bytes(heic(scene(person(RED), person(GREEN, 2)), chroma=444))
    (folder / "cut.heic").write_bytes(heic(scene(person(RED)))[:300])
    Image.fromarray(scene(person(BLUE, 1))[..., 2].astype(np.uint16) * 4 + 3).save(folder / "thermal.tif")
    words = ("index", folder, "--gallery", tmp_path / "g")
    code, out, err = run(*words)
    assert code == 0
    assert "3 people found in 2 photographs" in out
    said = err.replace("\n", "")
    assert "1 problem; the rest was indexed" in said
    assert "1 note; nothing is lost" in said
    assert "thermal.tif: The picture was read, but white was taken to be 1,023 (10 bits)" in said
    (tmp_path / "who.heif").write_bytes(heic(scene(person(RED, 3)), chroma=444))
    answer = json.loads(run("find", tmp_path / "who.heif", "--gallery", tmp_path / "g", "--json")[1])
    assert Path(answer["matches"][0]["source"]).name == "IMG_0001.HEIC"
    code, _, err = run("find", folder / "cut.heic", "--gallery", tmp_path / "g")
    assert code == 2
    assert "HEIC" in err


def test_what_is_left_alone_and_what_is_doubtful_is_told(run: Run, tmp_path: Path) -> None:
    media = tmp_path / "media"
    save_scene(media / "04-07-2026 12-03-10.png", person(RED))
    save_scene(media / "05-07-2026 12-03-10.png", person(GREEN))
    save_scene(media / "@eaDir" / "thumbnail.png", person(BLUE))
    (media / "week.rar").write_bytes(b"Rar!\x1a\x07\x01\0" + bytes(64))
    (media / "notes.txt").write_text("not media", encoding="utf-8")
    film(media / "cam.mjpg", [scene(person(YELLOW))] * 4, "mjpeg", form="mjpeg", pix_fmt="yuvj420p")
    code, out, err = run("index", media, "-g", tmp_path / "g")
    told = " ".join(err.split())
    assert code == 0
    assert "2 photographs and 1 video" in out
    assert "week.rar: .rar archives are not read" in told
    assert "04-07-2026 12-03-10.png: The time is not known" in told
    assert "cam.mjpg: The file holds no clock and does not say its rate" in told
    assert "1 file of a kind that is not read: .txt 1. Left out: 1 folder" in told
    assert "--system-folders" in told
    summary = json.loads(run("index", media, "-g", tmp_path / "g", "--json")[1])
    assert summary["passed_over"] == {"files": {".txt": 1}, "folders": {"@eaDir": 1}}
    assert len(summary["problems"]) == 1
    assert {Path(note["source"]).name for note in summary["notes"]} == {
        "04-07-2026 12-03-10.png", "05-07-2026 12-03-10.png", "cam.mjpg", "media",
    }  # fmt: skip
    facts = json.loads(run("gallery", "info", tmp_path / "g", "--json")[1])
    assert facts["problems"] == []
    assert len(facts["notes"]) == 3
    assert "cam.mjpg: The file holds no clock" in " ".join(run("gallery", "info", tmp_path / "g")[2].split())
    more = json.loads(run("index", media, "-g", tmp_path / "g", "--system-folders", "--json")[1])
    assert (more["photos"], more["passed_over"]["folders"]) == (1, {})


def test_a_doubt_that_many_files_share_is_told_once(run: Run, tmp_path: Path) -> None:
    for number in range(4):
        path = tmp_path / "media" / f"GX0{number}.mp4"
        write_video(path, 3 + number)
        stamp_creation(path, 3_866_443_390)
    _, _, err = run("index", tmp_path / "media", "-g", tmp_path / "g")
    told = " ".join(err.split())
    assert told.count("read as UTC") == 1
    assert "4 files, such as" in told


def stamp_creation(path: Path, seconds: int) -> None:
    """Write when a film was made, in seconds from 1904, into its header."""
    contents = bytearray(path.read_bytes())
    at = contents.index(b"mvhd") + 8
    contents[at : at + 4] = struct.pack(">I", seconds)
    path.write_bytes(bytes(contents))


@pytest.mark.parametrize("verb", ["index", "find"])
def test_a_gallery_of_another_model_ends_with_code_2_and_says_what_to_do(
    run: Run, media: Path, tmp_path: Path, verb: str
) -> None:
    run("index", media, "--gallery", tmp_path / "g")
    code, _, err = run(verb, media / "red.png", "--gallery", tmp_path / "g", "--model", "other")
    assert code == 2
    for word in ("'colour'", "'other'", "--model colour", "--gallery"):
        assert word in err


def test_mistakes_end_with_code_2_and_a_sentence(run: Run, media: Path, tmp_path: Path) -> None:
    gallery = tmp_path / "g"
    run("index", media, "--gallery", gallery)
    red = media / "red.png"
    for words, message in [
        (("find", red, "-g", tmp_path / "none"), "is not a gallery"),
        (("index", media, "-g", media), "not empty"),
        (("index", media, "-g", tmp_path / "new", "--model", "no such"), "no such"),
        (("index", media, "-g", tmp_path / "new", "--every", "-1"), "--every"),
        (("find", red, "-g", gallery, "--box", "1,2,3"), "x1,y1,x2,y2"),
        (("find", red, "-g", gallery, "--box", "9,9,2,2"), "x1 < x2"),
        (("find", red, red, "-g", gallery, "--box", "1,2,30,40"), "one --box per picture"),
        (("find", red, "-g", gallery, "--since", "soon"), "not a time"),
        (("find", red, "-g", gallery, "--since", "9", "--until", "3"), "swap"),
        (("find", tmp_path / "gone.png", "-g", gallery), "gone.png"),
        (("find", "-g", gallery), "nobody to look for"),
        (("find", red, "-g", gallery, "--by", "person"), "sighting or detection"),
        (("find", red, "-g", gallery, "--rerank", "magic"), "no re-ranking 'magic'"),
        (("find", red, "-g", gallery, "--without", "unsur"), "Did you mean 'unsure'"),
        (("find", red, "-g", gallery, "--report", "answer.doc"), ".pdf, .csv"),
        (("find", red, "-g", gallery, "--blur", "others"), "add --report"),
        (("find", red, "-g", gallery, "--after", "soon"), "no moment"),
        (("find", red, "-g", gallery, "--like", "nobody:0:0"), "no detection 'nobody:0:0'"),
        (("find", save_scene(tmp_path / "empty.png"), "-g", gallery), "nobody was found"),
        (("gallery", "info", tmp_path), "is not a gallery"),
    ]:
        code, _, err = run(*words)
        assert (code, message in err.replace("\n", " ")) == (2, True), (words, err)
    assert not (tmp_path / "new").exists()


class Page(HTMLParser):
    """Collects what a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href"):
                self.addresses.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_carries_everything_and_escapes_hostile_names(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    evil = "<img src=x onerror=alert(1)>&\"'.png"
    save_scene(folder / evil, person(RED), person(GREEN, 2))
    write_video(folder / "walk.mp4")
    run("index", folder, "--gallery", tmp_path / "g", "--camera", "<script>alert(2)</script>")
    query = save_scene(tmp_path / "<b>query.png", person((215, 35, 35), 4))
    page_path = tmp_path / "reports" / "page.html"
    code, _, err = run("find", query, "--gallery", tmp_path / "g", "--html", page_path)
    assert code == 0
    assert "wrote" in err
    text = page_path.read_text(encoding="utf-8")
    page = Page(text)
    assert "script" not in page.tags
    assert "b" not in page.tags[: page.tags.index("main")], "the query's name made no tag"
    assert not page.handlers
    assert evil in page.words
    assert "<script>alert(2)</script>" in page.words
    assert all(a.startswith(("data:image/jpeg;base64,", "#")) for a in page.addresses), "nothing outside the page"
    assert page.tags.count("article") == 3, "two people in the photograph, one sighting in the video"
    assert page.tags.count("image") == 4, "each match and the query in its scene"
    assert "{{" not in text


def test_the_sheet_is_a_picture(run: Run, media: Path, tmp_path: Path) -> None:
    run("index", media, "--gallery", tmp_path / "g")
    code, _, _ = run("find", media / "red.png", "-g", tmp_path / "g", "--sheet", tmp_path / "out" / "sheet.png")
    assert code == 0
    with Image.open(tmp_path / "out" / "sheet.png") as sheet:
        assert sheet.width > 1500
        assert sheet.height > 400
        colours = sheet.convert("RGB").getcolors(1 << 24)
    assert colours is not None
    assert len(colours) > 200


def test_pictures_that_are_gone_or_changed_are_remarks_not_ends(run: Run, media: Path, tmp_path: Path) -> None:
    run("index", media, "--gallery", tmp_path / "g")
    query = save_scene(tmp_path / "query.png", person(RED))
    (media / "red.png").unlink()
    Image.fromarray(scene(person(BLUE), size=(200, 90))).save(media / "blue.png")
    (media / "walk.mp4").write_bytes(b"overwritten")
    page, sheet = tmp_path / "page.html", tmp_path / "sheet.png"
    code, out, err = run("find", query, "-g", tmp_path / "g", "--html", page, "--sheet", sheet)
    assert code == 0
    assert "red again.png" in out
    for reason in ("is no longer there", "200x90", "walk.mp4"):
        assert reason in err.replace("\n", " ")
    assert "is no longer there" in page.read_text()
    assert sheet.stat().st_size > 10_000


def test_a_moved_picture_is_read_from_its_copy(run: Run, media: Path, tmp_path: Path) -> None:
    run("index", media, "--gallery", tmp_path / "g")
    (tmp_path / "copy.png").write_bytes((media / "red.png").read_bytes())
    run("index", tmp_path / "copy.png", "--gallery", tmp_path / "g")
    (media / "red.png").unlink()
    query = save_scene(tmp_path / "query.png", person(RED))
    _, _, err = run("find", query, "-g", tmp_path / "g", "--html", tmp_path / "page.html")
    assert "no longer there" not in err


def test_gallery_info(run: Run, media: Path, tmp_path: Path) -> None:
    run("index", media, "--gallery", tmp_path / "g", "--camera", "door")
    facts: dict[str, Any] = json.loads(run("gallery", "info", tmp_path / "g", "--json")[1])
    assert (facts["model"], facts["people"], facts["photos"], facts["videos"]) == ("colour", 7, 3, 1)
    assert facts["people_per_camera"] == {"door": 7}
    out = run("gallery", "info", tmp_path / "g")[1]
    assert "3 photographs, 1 video" in out


def test_a_scene_of_a_video_is_the_frame_that_was_searched(media: Path) -> None:
    from sceneseek.cli.scenes import read_from
    from sceneseek.inference.media import discover, frames_of
    from sceneseek.structures import Frame, Match, MediaItem

    (item,) = (i for i in discover([media / "walk.mp4"]) if isinstance(i, MediaItem))
    frames = [f for f in frames_of(item, every_s=1.0) if isinstance(f, Frame)]
    read = read_from(lambda source: (source,))
    for frame in frames:
        match = Match(1, 0.5, 0.5, (0, 0, 1, 1), item.source, frame.frame_index, frame.time_s)
        assert np.array_equal(read(match), frame.image)


def test_a_scene_that_an_earlier_version_read_narrower_still_fits_its_boxes(tmp_path: Path) -> None:
    from sceneseek.cli.scenes import read_from
    from sceneseek.inference.media import content_key
    from sceneseek.structures import Match

    path = film(tmp_path / "a.mp4", [scene(person(RED))] * 3, sample_aspect_ratio=Fraction(2))
    read = read_from(lambda source: (source,))
    as_indexed = Match(1, 0.5, 0.5, (0, 0, 1, 1), str(path), 0, 0.0, width=160, height=96, media_key=content_key(path))
    assert read(as_indexed).shape == (96, 160, 3)
    assert read(replace(as_indexed, width=320)).shape == (96, 320, 3)
    assert read(replace(as_indexed, media_key="another file")).shape == (96, 320, 3), "the report says what is wrong"


def test_matches_marked_right_and_wrong_make_the_next_question(run: Run, media: Path, tmp_path: Path) -> None:
    run("index", media, "--gallery", tmp_path / "g")
    query = save_scene(tmp_path / "query.png", person((215, 60, 40)))
    first: dict[str, Any] = json.loads(run("find", query, "-g", tmp_path / "g", "--json")[1])
    assert (first["standing"], first["num_likely"]) == ("possible", 0)
    assert first["words"]["headline"] == "Possible: look at these"
    assert first["matches"][0]["words"]["rate"] == "How often a stranger scores this high is not known"
    assert first["method"]["false-match rates"].startswith("not known: 1 pair of strangers")
    wrong, right = first["matches"][0], first["matches"][1]
    code, out, _ = run(
        "find", "-g", tmp_path / "g", "--like", right["detection_id"], "--not-like", wrong["detection_id"], "--json"
    )
    assert code == 0
    again = json.loads(out)
    assert right["detection_id"] not in {m["detection_id"] for m in again["matches"]}
    own = run("find", "-g", tmp_path / "g", "--like", right["detection_id"], "--own-picture", "--json")[1]
    (best, *_) = json.loads(own)["matches"]
    assert (best["detection_id"], best["false_match_rate"]) == (right["detection_id"], None)
    assert wrong["detection_id"] not in {m["detection_id"] for m in again["matches"]}
    assert again["counter_examples"][0]["detection_id"] == wrong["detection_id"]
    assert again["queries"][0]["picture"] is None


def test_a_video_is_seen_from_to_and_frame_by_frame_on_request(run: Run, media: Path, tmp_path: Path) -> None:
    run("index", media, "--gallery", tmp_path / "g", "--every", 0.5)
    query = save_scene(tmp_path / "query.png", person(YELLOW))
    best = json.loads(run("find", query, "-g", tmp_path / "g", "--json")[1])["matches"][0]
    sighting = best["sighting"]
    assert (sighting["start_s"], sighting["end_s"], sighting["num_detections"]) == (0.0, 2.5, 6)
    assert "0:00.0 to 0:02.5" in run("find", query, "-g", tmp_path / "g")[1]
    each = json.loads(run("find", query, "-g", tmp_path / "g", "--by", "detection", "--top", 6, "--json")[1])
    assert {Path(m["source"]).name for m in each["matches"]} == {"walk.mp4"}
    again = json.loads(run("find", query, "-g", tmp_path / "g", "--rerank", "k_reciprocal:k1=3,k2=2", "--json")[1])
    assert again["matches"][0]["revised"] is not None
    assert again["method"]["re-ranking"].startswith("k_reciprocal (k1 3")


def test_reports_are_written_and_others_hidden(run: Run, tmp_path: Path) -> None:
    folder, query = tmp_path / "media", save_scene(tmp_path / "query.png", person(RED), person(BLUE, 3))
    save_scene(folder / "two.png", person(RED), person(GREEN, 2))
    run("index", folder, "--gallery", tmp_path / "g")
    paths = [tmp_path / "out" / f"answer.{kind}" for kind in ("pdf", "html", "csv")]
    reports = [word for path in paths for word in ("--report", path)]
    sheet = tmp_path / "out" / "sheet.png"
    box = ("--box", "8,20,24,70")
    code, _, err = run("find", query, *box, "-g", tmp_path / "g", *reports, "--sheet", sheet, "--blur", "others")
    assert (code, err.count("wrote")) == (0, 4)
    assert paths[0].read_bytes().startswith(b"%PDF-")
    assert "other people who were found" in paths[1].read_text()
    assert paths[2].read_text("utf-8-sig").count("\n") == 3
    with Image.open(sheet) as picture:
        shown = np.asarray(picture.convert("RGB")).astype(int)

    def pixels_like(colour: tuple[int, int, int]) -> int:
        return int((np.abs(shown - colour).max(axis=2) < 12).sum())

    assert pixels_like(RED) > 1000, "the person asked for, and found"
    log = (tmp_path / "g" / "audit.jsonl").read_text()
    assert log.count('"search"') == 1
    assert log.count('"export"') == 4
    assert str(query) not in log, "a search is told by the digest of its picture"


def test_a_report_that_cannot_be_written_is_refused_in_words_and_one_that_cannot_be_logged_is_not_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = save_scene(tmp_path / "media" / "one.png", person(RED))
    gallery = tmp_path / "g"
    run("index", tmp_path / "media", "--gallery", gallery)
    find = ("find", picture, "--own-picture", "-g", gallery)
    (tmp_path / "file").write_bytes(b"")
    for option, name in (("--report", "answer.html"), ("--sheet", "sheet.png")):
        code, _, err = run(*find, option, tmp_path / "file" / name)
        assert code == 2
        assert f"{name} cannot be written" in err

    append = AuditLog.append

    def full(log: AuditLog, actor: str, action: str, /, **details: object) -> AuditEntry:
        if action == "export":
            raise GalleryError("the log cannot be written")
        return append(log, actor, action, **details)

    monkeypatch.setattr(AuditLog, "append", full)
    assert run(*find, "--report", tmp_path / "answer.html")[0] == 2
    assert not (tmp_path / "answer.html").exists()


@pytest.mark.processes
def test_help_loads_no_torch() -> None:
    import subprocess

    code = "import sys, sceneseek.cli.find, sceneseek.cli.index, sceneseek.cli.gallery\n"
    code += "assert not {'torch', 'lancedb', 'pyarrow', 'av'} & set(sys.modules), sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(p for p in sys.path if p)})


def test_index_options_reach_the_media(run: Run, tmp_path: Path) -> None:
    save_scene(tmp_path / "door" / "IMG_20260715_140310.png", person(RED))
    write_video(tmp_path / "gate" / "walk.mp4", num_frames=60)
    with zipfile.ZipFile(tmp_path / "monday.zip", "w") as archive:
        archive.write(save_scene(tmp_path / "x.png", person(BLUE)), "yard/x.png")
    (tmp_path / "x.png").unlink()
    words = (
        "index",
        tmp_path,
        "-g",
        tmp_path / "g",
        "--camera-from",
        "{camera}/*",
        "--timezone",
        "Europe/Paris",
        "--json",
    )
    first = json.loads(run(*words, "--every", "scene")[1])
    assert (first["photos"], first["videos"], first["stopped"]) == (2, 1, False)
    assert 4 < first["frames"] < 60
    assert first["frames_per_second"] > 0
    gallery = Gallery.open(tmp_path / "g")
    assert gallery.cameras() == ["door", "gate", "yard"]
    times = {Path(r.source).name: r.captured_at for r in gallery.media()}
    taken = times["IMG_20260715_140310.png"]
    assert taken is not None
    assert taken.isoformat() == "2026-07-15T12:03:10+00:00"
    assert json.loads(run(*words, "--every", "scene")[1])["already"] == 3
    assert json.loads(run(*words, "--every", "2")[1])["videos"] == 1, "another sampling starts over"
    assert json.loads(run(*words, "--every", "2", "--no-archives")[1])["already"] == 2
    query = save_scene(tmp_path / "query.png", person(BLUE))
    page = tmp_path / "page.html"
    _, _, err = run("find", query, "-g", tmp_path / "g", "--top", 1, "--html", page)
    assert "no longer there" not in err, "a scene in an archive is read where it lies"


def test_a_live_source_is_indexed_for_a_while(run: Run, tmp_path: Path) -> None:
    with served("mjpeg") as camera:
        address = f"http://127.0.0.1:{camera.port}/door"
        words = ("index", address, "-g", tmp_path / "g", "--every", "0.2", "--duration", "1.5s", "--camera", "door")
        code, out, _ = run(*words)
    assert code == 0
    assert re.search(r"found in 1 live source \(\d+ frames\)", out)
    code, out, _ = run(*words[:-4], "--give-up", "1")
    assert code == 0
    _, out, _ = run("find", save_scene(tmp_path / "q.png", person(YELLOW)), "-g", tmp_path / "g", "--json")
    assert json.loads(out)["matches"][0]["camera"] == "door"


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--every", "often", "the word scene"),
        ("--every", "-1", "seconds"),
        ("--camera-from", "footage/*", "{camera} once"),
        ("--timezone", "Mars/Olympus", "Europe/Paris"),
        ("--duration", "long", "15m"),
        ("--give-up", "0", "15m"),
    ],
)
def test_index_options_are_checked(
    run: Run, media: Path, tmp_path: Path, option: str, value: str, expected: str
) -> None:
    code, _, err = run("index", media, "-g", tmp_path / "g", option, value)
    assert code == 2
    assert expected in err.replace("\n", " ")


@pytest.mark.processes
def test_ctrl_c_stops_politely_and_the_same_command_goes_on(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    for i in range(160):
        save_scene(folder / f"{i:03d}.png", person((60 + i % 190, 200 - i % 100, 90), i % 5))
    places = [Path(__file__).parents[1], Path(__file__).parents[2] / "src"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places)), "GO_ON": str(tmp_path / "asked")}
    words = [sys.executable, "-m", "indexing_command", str(folder), "-g", str(tmp_path / "g"), "--json"]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: (tmp_path / "g" / "manifest.json").exists() and Gallery.open(tmp_path / "g").media(), nap_s=0.05)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert any("stopping after the pictures in hand" in line for line in process.stderr)
        (tmp_path / "asked").touch()
        out, err = process.communicate()
    assert process.returncode == 0, err
    first = json.loads(out)
    assert first["stopped"]
    assert first["photos"] < 160
    second = json.loads(run("index", folder, "-g", tmp_path / "g", "--json")[1])
    assert (second["already"], second["photos"]) == (first["photos"], 160 - first["photos"])


def test_what_is_written_hides_bystanders_unless_told_otherwise(run: Run, media: Path, tmp_path: Path) -> None:
    run("index", media, "--gallery", tmp_path / "people.gallery")
    query = save_scene(tmp_path / "query.png", person(RED), person(GREEN, 3))
    pages = {}
    for name, more in (("usual", ()), ("none", ("--blur", "none")), ("all", ("--blur", "all"))):
        page = tmp_path / f"{name}.html"
        code, _, err = run("find", query, "-g", tmp_path / "people.gallery", "--html", page, *more)
        assert code == 0, err
        pages[name] = page.read_text(encoding="utf-8")
    assert "other people who were found" in pages["usual"]
    assert "Made unrecognisable" not in pages["none"]
    assert "everything around each person" in pages["all"]
    assert all("people.gallery" in page and f"{tmp_path}/people.gallery" not in page for page in pages.values())
