"""Names that strangers gave, on every surface: nothing in them acts on a terminal, hides, or is taken for markup."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import shutil
import sys
import types
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from fake_predictor import BLUE, RED, ColourPredictor, person, save_scene
from sceneseek.cli import main
from sceneseek.cli.console import show_crash
from sceneseek.gallery import AuditLog, Gallery
from sceneseek.words import printable

Run = Callable[..., "Said"]

HOSTILE = "a\x1b[2Jb\x1b]0;pwn\x07\x9b31m\u202egpj\u2066\u200b\u2028[red]x:skull:\\.png"
"""Without a line break, so that pages may be searched for letters that act."""
FORGED = "error: pay here"
NEWLINE = f"a\n{FORGED}.png"
BYTES = os.fsdecode(b"\xff\xfe.png")
NAMES = (HOSTILE, NEWLINE, BYTES)
ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class Said(str):
    """What a command printed, on both streams."""

    code: int
    out: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command; nothing that it says acts."""
    module = types.ModuleType("sceneseek.inference.predictor")
    module.load_predictor = lambda spec, *, device="cpu": ColourPredictor()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sceneseek.inference.predictor", module)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["sceneseek", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        said = Said(printed.out + printed.err)
        said.code, said.out = int(ended.value.code or 0), printed.out
        assert not acting(said), (words, acting(said))
        assert not any(line.startswith(FORGED) for line in said.split("\n")), (words, "a name ends a line of ours")
        return said

    return call


def acting(text: str) -> set[str]:
    return {letter for letter in text if unicodedata.category(letter) in ACTING and letter != "\n"}


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    for i, name in enumerate(NAMES):
        save_scene(folder / "plain.png", person(RED, i), person(BLUE, 4 - i))
        (folder / "plain.png").rename(folder / name)
    save_scene(folder / "d[red]x[" / "]e.png", person(RED, 3))  # between them stands what ends a style
    (folder / f"broken{HOSTILE}").write_bytes(b"\x89PNG no picture")
    (folder / "broken\x1b[2J.mp4").write_bytes(b"nothing")
    (folder / f"broken\n{FORGED}.png").write_bytes(b"\x89PNG no picture")
    with zipfile.ZipFile(folder / "in\x1b[2J.zip", "w") as archive:
        archive.writestr(f"m{HOSTILE}", save_scene(tmp_path / "member.png", person(RED, 2)).read_bytes())
        archive.writestr(f"broken{HOSTILE}", b"nothing")
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Can\x1b[2Jon\u202e", "EOS\x07\x9b 1"
    Image.open(save_scene(tmp_path / "camera.png", person(RED, 1))).save(folder / "camera.png", exif=exif)
    return folder


def test_no_command_lets_a_name_act(run: Run, media: Path, tmp_path: Path) -> None:
    gallery, query = tmp_path / "g\u202e[red]", media / HOSTILE
    said = run("index", media, "-g", gallery)
    assert "\\x1b[2J" in said, "it is shown by number"
    assert "[red]x:skull:" in said, "it is neither markup nor a picture"
    for words in (
        ("find", query, "-g", gallery, "--own-picture"),
        ("find", query, "-g", gallery, "--own-picture", "--rerank", "k_reciprocal", "--source", media),
        ("gallery", "info", gallery),
        ("gallery", "check", gallery),
        ("gallery", "check", gallery, "--repair"),
        ("gallery", "forget", gallery, "--media", query, "--dry-run"),
        ("gallery", "keep-out", gallery, "--add", media / NEWLINE),
        ("gallery", "keep-out", gallery),
        ("gallery", "retain", gallery, "--days", "1000"),
        ("gallery", "index", gallery),
        ("gallery", "compact", gallery),
        ("gallery", "export", gallery, tmp_path / "out\x1b[2J.zip"),
        ("gallery", "import", tmp_path / "out\x1b[2J.zip", tmp_path / "h\u202e"),
        ("gallery", "merge", tmp_path / "i\u202e", gallery),
        ("gallery", "camera", gallery, "--name", "d\x1b[2Joor[red]", "--media", query),
        ("gallery", "audit", gallery),
    ):
        assert run(*words).code == 0, words
    assert "\\x1b[2J" in run("find", query, "-g", gallery, "--own-picture")
    for record in Gallery.open(gallery).media():
        assert record.camera_id in (None, "d[2Joor[red]", "Can[2Jon? EOS? 1 (EXIF)")
    shutil.rmtree(media)
    assert run("gallery", "check", gallery).code == 0
    assert run("gallery", "forget", gallery, "--media", query, "--yes").code == 0


def test_json_tells_names_as_they_are(run: Run, media: Path, tmp_path: Path) -> None:
    gallery = tmp_path / "g"
    problems = json.loads(run("index", media, "-g", gallery, "--json").out)["problems"]
    assert str(media / f"broken{HOSTILE}") in {problem["source"] for problem in problems}
    found = json.loads(run("find", media / HOSTILE, "-g", gallery, "--own-picture", "--json").out)
    assert {str(media / HOSTILE), str(media / NEWLINE)} <= {match["source"] for match in found["matches"]}
    for words in (("info", gallery), ("check", gallery), ("audit", gallery), ("forget", gallery, "--media", media)):
        json.loads(run("gallery", *words, "--json", *(["--dry-run"] if words[0] == "forget" else [])).out)


@pytest.mark.processes
@pytest.mark.parametrize(
    "words",
    [
        ("find", f"/none/{HOSTILE}", "-g", "g"),
        ("find", f"/none/{NEWLINE}", "-g", "g"),
        ("gallery", "info", NEWLINE),
        ("data", "check", NEWLINE),
        ("evaluate", NEWLINE, "--model", NEWLINE),
        ("serve", "-g", "g", "--media-root", NEWLINE),
        ("find", "-g", HOSTILE, "--like", "x"),
        ("gallery", "info", HOSTILE),
        ("index", ".", "-g", HOSTILE),
        ("gallery", "nothing\x1b[2J"),
        ("index", f"--{HOSTILE}"),
        ("find", "--top", "\x1b[2J"),
        ("data", "check", HOSTILE),
        ("evaluate", HOSTILE, "--model", HOSTILE),
        ("train", HOSTILE, "--data", HOSTILE, "--out", HOSTILE),
        ("weights", "import", HOSTILE, "--as", "seqnet", "--out", HOSTILE),
        ("report", HOSTILE),
        ("reproduce", HOSTILE),
        ("serve", "-g", "g", "--media-root", HOSTILE),
    ],
)
def test_no_complaint_lets_a_name_act(
    run: Run, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*words).code != 0


def test_reports_show_names_by_number(run: Run, media: Path, tmp_path: Path) -> None:
    gallery = tmp_path / "g"
    run("index", media, "-g", gallery)
    written = [tmp_path / name for name in ("answer.html", "answer.csv", "answer.pdf")]
    words = [word for path in written for word in ("--report", path)]
    run("find", media / HOSTILE, "-g", gallery, "--own-picture", *words, "--sheet", tmp_path / "sheet.png")
    run("gallery", "export", gallery, tmp_path / "sightings.csv")
    for path in (written[0], written[1], tmp_path / "sightings.csv"):
        text = path.read_text(encoding="utf-8").removeprefix("\ufeff").replace("\r", "")
        assert not acting(text), path
    rows = list(csv.reader(io.StringIO(written[1].read_text(encoding="utf-8"))))
    assert printable(str(media / HOSTILE)) in {cell for row in rows for cell in row}
    assert HOSTILE.encode() not in written[2].read_bytes()
    if os.name == "posix":
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (*written, tmp_path / "sheet.png")}
        assert set(modes.values()) == {"0o600"}, "they show people"


def test_data_check_and_its_page_show_names_by_number(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    save_scene(folder / "plain.png", person(RED, 0))
    (folder / "plain.png").rename(folder / HOSTILE)
    boxes = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, -4, 9], "person_id": 3}]
    images = [{"id": 1, "file_name": HOSTILE, "width": 160, "height": 96}, {"id": 2, "file_name": f"none{HOSTILE}"}]
    document = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": HOSTILE}]}
    (folder / "annotations.json").write_text(json.dumps(document))
    said = run("data", "check", folder, "--html", tmp_path / "page.html")
    assert "\\x1b[2J" in said
    if (tmp_path / "page.html").exists():
        assert not acting((tmp_path / "page.html").read_text(encoding="utf-8"))


def test_what_is_logged_does_not_act(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("gallery", "info", tmp_path)
    logging.getLogger("sceneseek.web").error("a request failed: %s", f"{HOSTILE} rtsp://anna:secret@door/x?pw=y")
    logging.getLogger("sceneseek.web").warning("%s could be read by others", NEWLINE)
    said = capsys.readouterr().err
    assert "error: a request failed" in said
    assert not acting(said)
    assert f"\n{FORGED}" not in said
    assert "secret" not in said


def test_a_crash_does_not_act(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise RuntimeError(HOSTILE)
    except RuntimeError as error:
        show_crash(type(error), error, error.__traceback__)
    said = capsys.readouterr().err
    assert "RuntimeError: a\\x1b[2J" in said
    assert not acting(said)


def test_a_log_that_somebody_else_wrote_does_not_act(run: Run, media: Path, tmp_path: Path) -> None:
    gallery = tmp_path / "g"
    run("index", media, "-g", gallery)
    AuditLog(gallery).append("eve\x1b[2J[red]", "search", what=HOSTILE, more={"deep": [HOSTILE, "rtsp://a:b@c/?pw=d"]})
    run("gallery", "audit", gallery)
    newest = json.loads(run("gallery", "audit", gallery, "--json").out)["entries"][-1]
    assert newest["actor"] == "eve\x1b[2J[red]"
    assert newest["details"]["more"]["deep"][1] == "rtsp://c/"
    path = gallery / "audit.jsonl"
    path.write_text(path.read_text().replace('"action":"search"', '"action":"se\\u001b[2J[red]rch"'))
    assert run("gallery", "audit", gallery).code == 1
