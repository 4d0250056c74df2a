"""``sceneseek gallery``: the verbs as a user types them, on a gallery of made-up people."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from populated_gallery import photo, populate
from sceneseek.cli import console, main
from sceneseek.gallery import AuditLog, Gallery
from sceneseek.inference import discover
from sceneseek.pictures import write_picture
from sceneseek.structures import MediaItem

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command; returns exit code, standard output, standard error."""
    monkeypatch.setattr(console.out, "width", 200)

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sceneseek", "gallery", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return int(caught.value.code or 0), printed.out, printed.err

    return call


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return populate(tmp_path / "gallery", num_photos=12)


def test_info_tells_of_tracklets_and_times(run: Run, gallery: Gallery) -> None:
    code, out, _ = run("info", gallery.path)
    assert code == 0
    assert "3 tracklets" in out
    assert "2026-03-02" in out
    facts = json.loads(run("info", gallery.path, "--json")[1])
    assert (facts["tracklets"], facts["captured_from"][:10]) == (3, "2026-03-02")


def test_forget_shows_first_and_proves_after(run: Run, gallery: Gallery) -> None:
    code, out, _ = run("forget", gallery.path, "--media", "/media/7.jpg", "--dry-run")
    assert code == 0
    assert "To be forgotten: 2 people" in out
    assert "/media/7.jpg" in out
    assert len(gallery.media()) == 13
    code, _, err = run("forget", gallery.path, "--media", "/media/7.jpg")
    assert code == 2
    assert "--yes" in err
    code, out, _ = run("forget", gallery.path, "--media", "/media/7.jpg", "--yes", "--prove", "--reason", "a letter")
    assert code == 0
    assert "Forgotten: 2 people" in out
    assert "of 4 vectors and thumbnails, 4 were found in the raw files before" in out
    assert "0 are found now" in out
    code, out, _ = run("audit", gallery.path)
    assert code == 0
    assert "reason: a letter" in out
    assert "2 events, whole" in out


def test_forget_as_json_with_everybody_similar(run: Run, gallery: Gallery) -> None:
    words = ("forget", gallery.path, "--like", "photo007:0:0", "--at-least", 0.8)
    _, out, _ = run(*words, "--dry-run")
    assert "similar people" in out
    assert "photo006:0:1" in out
    dry = json.loads(run(*words, "--dry-run", "--json")[1])
    assert (dry["done"], dry["people"]) == (False, 2)
    done = json.loads(run(*words, "--yes", "--prove", "--json")[1])
    assert done["people_in_other_media"] == ["photo006:0:1", "photo007:0:0"]
    assert (done["done"], done["proof"]["proven"], done["proof"]["seen_before"]) == (True, True, 4)
    assert done["proof"]["bytes_searched_after"] > 10_000
    nothing = run("forget", gallery.path, "--camera", "nobody's", "--yes")
    assert (nothing[0], nothing[1].strip()) == (0, "There is nothing to forget.")


def test_a_proof_that_fails_is_an_exit_code(run: Run, gallery: Gallery) -> None:
    thumbnail = gallery.thumbnail("photo007:0:0")
    assert thumbnail is not None
    (gallery.path / "note.txt").write_bytes(thumbnail)
    code, _, err = run("forget", gallery.path, "--media", "photo007", "--yes", "--prove")
    assert code == 1
    assert "photo007:0:0 is still in note.txt" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing is named"),
        (["--like", "photo007:0:0"], "belong together"),
        (["--media", "/nowhere.jpg"], "knows no file"),
        (["--person", "photo099:0:0"], "no detection"),
        (["--person", "video000:t9"], "no tracklet"),
        (["--after", "yesterday"], "is no moment"),
        (["--like", "photo007:0:0", "--at-least", "2"], "cosine"),
    ],
)
def test_what_cannot_be_forgotten_is_said(run: Run, gallery: Gallery, words: list[str], message: str) -> None:
    code, _, err = run("forget", gallery.path, *words, "--yes")
    assert code == 2
    assert message in err
    assert len(gallery.media()) == 13


def test_a_person_by_tracklet_and_a_day_by_date(run: Run, gallery: Gallery) -> None:
    done = json.loads(run("forget", gallery.path, "--person", "video000:t1", "--yes", "--json")[1])
    assert (done["people"], done["media"]) == (6, [])
    day = ("--after", "2026-03-04T00:00+00:00", "--before", "2026-03-04T23:59+00:00")
    done = json.loads(run("forget", gallery.path, *day, "--yes", "--json")[1])
    assert [m["key"] for m in done["media"]] == ["photo002"]


def test_keep_out_lists_lifts_and_adds(run: Run, gallery: Gallery, tmp_path: Path) -> None:
    run("forget", gallery.path, "--media", "photo007", "--yes")
    assert json.loads(run("keep-out", gallery.path, "--json")[1])["entries"] == {"photo007": "whole"}
    file = tmp_path / "never.jpg"
    file.write_bytes(b"a picture")
    code, out, _ = run("keep-out", gallery.path, "--lift", "photo007", "--add", file)
    assert code == 0
    assert "not read at all" in out
    assert "photo007" not in out
    code, _, err = run("keep-out", gallery.path, "--lift", "photo007")
    assert (code, "not on the list" in err) == (2, True)
    assert run("keep-out", gallery.path, "--lift", "all")[1].strip() == "Nothing is kept out."
    with gallery.writer() as writer:
        assert writer.plan(photo(7)).start_frame == 0


def test_keep_out_takes_all_that_a_file_holds(run: Run, gallery: Gallery, tmp_path: Path) -> None:
    """Members of an archive, videos of a file, files of a folder; and lets them all come back."""
    folder = tmp_path / "media"
    for i in range(3):
        write_picture(np.full((8, 8, 3), 10 * i, np.uint8), folder / f"{i}.png")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.write(folder / "0.png", "inner/0.png")
        archive.write(folder / "1.png", "1.png")
        archive.writestr("empty.png", b"")
    write_videos(tmp_path / "two.mkv", 2)

    def listed(*words: object) -> set[str]:
        code, out, _ = run("keep-out", gallery.path, *words, "--json")
        assert code == 0
        return set(json.loads(out)["entries"])

    def keys(*paths: Path) -> set[str]:
        return {item.content_key for item in discover(paths) if isinstance(item, MediaItem)}

    assert listed("--add", tmp_path / "two.zip") == keys(folder / "0.png", folder / "1.png")
    assert "empty.png" in run("keep-out", gallery.path, "--add", tmp_path / "two.zip")[2]
    assert len(listed("--add", tmp_path / "two.mkv")) == 4
    assert listed("--lift", tmp_path / "two.zip") == keys(tmp_path / "two.mkv")
    assert listed("--add", folder, "--lift", tmp_path / "two.mkv") == keys(folder)
    assert listed("--lift", folder / "1.png") == keys(folder / "0.png", folder / "2.png")
    assert listed("--lift", folder) == set()
    (tmp_path / "nothing").mkdir()
    (tmp_path / "notes.zip").write_bytes(b"no archive")
    for name in ("nothing", "notes.zip", "not there.jpg"):
        code, _, err = run("keep-out", gallery.path, "--add", tmp_path / name)
        assert (code, name in err) == (2, True)
    assert listed() == set()


def write_videos(path: Path, count: int) -> None:
    """A file with several videos in it."""
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("mpeg4", rate=5) for _ in range(count)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for i, stream in enumerate(streams):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 60 * i, np.uint8), format="rgb24")
            container.mux([*stream.encode(frame), *stream.encode(None)])


def test_retain_shows_sets_and_applies(run: Run, gallery: Gallery) -> None:
    assert "no rule" in run("retain", gallery.path)[1]
    code, out, _ = run("retain", gallery.path, "--days", 1)
    assert code == 0
    assert "kept for 1 days" in out
    assert len(gallery.media()) == 13
    done = json.loads(run("retain", gallery.path, "--apply", "--prove", "--json")[1])
    kept = {r.key for r in gallery.media()}
    assert (done["done"], done["proven"]) == (True, True)
    assert len(done["media"]) + len(kept) == 13
    assert "video000" not in kept
    assert run("retain", gallery.path, "--days", 1, "--forever")[0] == 2
    assert "everything is kept" in run("retain", gallery.path, "--forever")[1]
    assert [e.action for e in AuditLog(gallery.path).entries()] == ["retain", "forget", "forgotten", "retain"]


def test_audit_filters_and_fails_on_a_changed_log(run: Run, gallery: Gallery) -> None:
    log = AuditLog(gallery.path)
    for number in range(3):
        log.append("anna@desk", "search", picture=f"sha256 {number}")
    head = log.append("token bert", "login").digest
    shown = json.loads(run("audit", gallery.path, "--actor", "token bert", "--expect", head, "--json")[1])
    assert (shown["whole"], shown["events"], len(shown["entries"])) == (True, 4, 1)
    assert len(json.loads(run("audit", gallery.path, "--action", "search", "--last", 2, "--json")[1])["entries"]) == 2
    log.path.write_bytes(log.path.read_bytes().replace(b"sha256 1", b"sha256 7"))
    code, out, err = run("audit", gallery.path)
    assert code == 1
    assert "not what was written" in out
    assert "line 3 does not follow from line 2" in err


def test_compact_and_purge(run: Run, gallery: Gallery) -> None:
    assert run("compact", gallery.path)[0] == 0
    facts = json.loads(run("compact", gallery.path, "--purge", "--json")[1])
    assert facts["purged"]
    assert facts["bytes_after"] <= facts["bytes_before"]
    assert len(gallery) == 12 * 2 + 22


def test_index_has_nothing_to_do_in_a_small_gallery(run: Run, gallery: Gallery) -> None:
    assert "Nothing to do: 46 people" in run("index", gallery.path)[1]
    assert json.loads(run("index", gallery.path, "--json")[1])["action"] == "none"


def test_check_names_damage_and_repairs(run: Run, gallery: Gallery) -> None:
    code, out, _ = run("check", gallery.path)
    assert code == 0
    assert "13 of 13 indexed files are not where they were" in out
    assert "Sound. Kept: 13 media" in out
    (gallery.path / "journal.json").write_text("{")
    report = json.loads(run("check", gallery.path, "--no-media", "--json")[1])
    assert (report["sound"], report["findings"][0]["kind"]) == (False, "journal")
    assert run("check", gallery.path)[0] == 1
    code, out, _ = run("check", gallery.path, "--repair")
    assert code == 0
    assert "The journal was replaced" in out


def test_export_import_and_merge(run: Run, gallery: Gallery, tmp_path: Path) -> None:
    archive, table = tmp_path / "all.zip", tmp_path / "sightings.csv"
    written = json.loads(run("export", gallery.path, archive, "--json")[1])
    assert (written["rows"]["detections"], written["bytes"]) == (46, archive.stat().st_size)
    assert "27 sightings" in run("export", gallery.path, table)[1]
    assert run("export", gallery.path, table)[0] == 2
    assert run("export", gallery.path, table, "--overwrite")[0] == 0
    assert "expected .zip, .parquet or .csv" in run("export", gallery.path, tmp_path / "x.xml")[2]
    code, out, _ = run("import", archive, tmp_path / "copy")
    assert code == 0
    assert "13 files with 46 people taken over" in out
    other = populate(tmp_path / "other", num_photos=20, num_videos=0)
    (done,) = json.loads(run("merge", tmp_path / "copy", other.path, "--json")[1])
    assert (done["files"], done["known"]) == (8, 12)
    assert "0 files" in run("merge", tmp_path / "copy", gallery.path)[1]
    assert [e.action for e in AuditLog(gallery.path).entries()].count("export") == 4


def test_a_camera_is_named_and_renamed(run: Run, gallery: Gallery) -> None:
    def cameras() -> dict[str, int]:
        told: dict[str, int] = json.loads(run("info", gallery.path, "--json")[1])["people_per_camera"]
        return told

    before = cameras()
    name = next(iter(before))
    code, out, _ = run("camera", gallery.path, "--was", name, "--name", "front door")
    assert code == 0
    assert "The camera of" in out
    assert cameras()["front door"] == before[name]
    answer = json.loads(run("camera", gallery.path, "--media", "/media/7.jpg", "--name", "attic", "--json")[1])
    assert (answer["camera"], len(answer["media"])) == ("attic", 1)
    assert "attic" in cameras()
    for words in (("--name", "x"), ("--name", "x", "--was", "attic", "--media", "/media/7.jpg")):
        code, _, err = run("camera", gallery.path, *words)
        assert code != 0
        assert "either a camera with --was or files with --media" in " ".join(err.split())
    assert run("camera", gallery.path, "--media", "/nowhere.jpg", "--name", "x")[0] != 0
