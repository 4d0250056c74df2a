"""The audit log: chained, private, safe between processes, and free of pictures."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from sceneseek.errors import GalleryError, ValueRefused
from sceneseek.gallery import AuditLog, local_user
from sceneseek.gallery.audit import AUDIT, AUDIT_HEAD, BEGINNING

PROGRAM = Path(__file__).with_name("audit_process.py")


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    log = AuditLog(tmp_path)
    for number in range(5):
        log.append("anna@desk", "search", top=20, picture=f"sha256 {number}")
    return log


def edit(log: AuditLog, change: object) -> None:
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(change(lines)))  # type: ignore[operator]


def test_events_are_chained_and_numbered(log: AuditLog) -> None:
    entries = list(log.entries())
    assert [e.number for e in entries] == [1, 2, 3, 4, 5]
    assert entries[0].previous == BEGINNING
    assert [e.previous for e in entries[1:]] == [e.digest for e in entries[:-1]]
    assert (entries[2].actor, entries[2].action, entries[2].details["picture"]) == ("anna@desk", "search", "sha256 2")
    assert datetime.fromisoformat(entries[0].at).tzinfo == UTC
    verdict = log.verify()
    assert verdict.whole
    assert (verdict.num_entries, verdict.head) == (5, entries[-1].digest)


def test_only_its_owner_may_read_it(log: AuditLog) -> None:
    for name in (AUDIT, AUDIT_HEAD):
        assert stat.S_IMODE(os.stat(log.path.with_name(name)).st_mode) == 0o600


def test_no_log_is_an_empty_log(tmp_path: Path) -> None:
    assert list(AuditLog(tmp_path).entries()) == []
    assert AuditLog(tmp_path).verify().whole


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda lines: [line.replace(b"sha256 2", b"sha256 9") for line in lines],
            "line 4 does not follow from line 3",
        ),
        (lambda lines: lines[:1] + lines[2:], "lines are missing"),
        (lambda lines: lines[1:], "line 1 does not follow"),
        (lambda lines: lines[:4], "cut off at its end"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "line 4"),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], "line 3"),
        (lambda lines: [*lines[:4], lines[4][:-9]], "line 5 is cut off"),
        (lambda lines: [*lines[:2], b"no json\n", *lines[3:]], "line 3 is no event"),
        (lambda _: [], "cut off at its end"),
    ],
    ids=["edited", "removed", "first gone", "last gone", "doubled", "swapped", "torn", "overwritten", "emptied"],
)
def test_each_kind_of_tampering_shows(log: AuditLog, change: object, words: str) -> None:
    edit(log, change)
    verdict = log.verify()
    assert not verdict.whole
    assert words in " ".join(verdict.problems)


@pytest.mark.parametrize(
    "change",
    [lambda lines: lines[:3], lambda lines: [*lines[:3], lines[3][:40]], lambda _: []],
    ids=["to a line", "within a line", "to nothing"],
)
def test_a_log_cut_off_at_its_end_shows_also_after_logging_goes_on(log: AuditLog, change: object) -> None:
    head = log.verify().head
    edit(log, change)
    for _ in range(3):
        log.append("mallory@desk", "search")
    cuts = [e for e in log.entries() if e.action == "log-cut"]
    assert [e.details["missing"] for e in cuts] == [head], "it is told once"
    (problem,) = log.verify().problems
    assert f"cut off at its end: event {head[:16]}" in problem


def test_a_cut_log_without_its_head_shows_after_logging_goes_on(log: AuditLog) -> None:
    edit(log, lambda lines: lines[:3])
    log.path.with_name(AUDIT_HEAD).unlink()
    log.append("mallory@desk", "search")
    assert "line 4 the log was cut off" in " ".join(log.verify().problems)


def test_a_writer_killed_before_it_wrote_the_head_has_cut_nothing(log: AuditLog) -> None:
    head = log.path.with_name(AUDIT_HEAD)
    behind = head.read_bytes()
    log.append("anna@desk", "search")
    head.write_bytes(behind)
    log.append("anna@desk", "search")
    assert log.verify().whole


def test_a_first_writer_killed_before_it_wrote_the_head_has_cut_nothing(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.append("anna@desk", "search")
    log.path.with_name(AUDIT_HEAD).unlink()
    assert log.verify().whole
    log.append("anna@desk", "search")
    assert log.verify().whole


def test_a_digest_kept_elsewhere_shows_a_log_replaced_as_a_whole(log: AuditLog) -> None:
    head = log.verify().head
    log.append("anna@desk", "search")
    assert log.verify(expected=head).whole, "the log has grown since, and still holds what was noted"
    log.path.unlink()
    log.path.with_name(AUDIT_HEAD).unlink()
    log.append("mallory@desk", "search")
    assert log.verify().whole
    assert not log.verify(expected=head).whole


def test_a_missing_head_is_said(log: AuditLog) -> None:
    log.path.with_name(AUDIT_HEAD).unlink()
    assert "missing" in log.verify().problems[0]


def test_a_line_cut_by_a_dying_writer_is_dropped_and_that_is_logged(log: AuditLog) -> None:
    with log.path.open("ab") as file:
        file.write(b'{"number":6,"at":"20')
    log.append("anna@desk", "search")
    assert [e.action for e in log.entries()][-2:] == ["drop-cut-line", "search"]
    assert log.verify().whole


def test_logging_goes_on_after_a_damaged_line_which_stays_visible(log: AuditLog) -> None:
    edit(log, lambda lines: [*lines[:4], b"garbage\n"])
    log.append("anna@desk", "search")
    told, last = map(json.loads, log.path.read_bytes().splitlines()[-2:])
    assert (told["action"], told["number"]) == ("log-cut", 6), "the event that stood there is missing"
    assert last["number"] == 7
    assert "line 5 is no event." in log.verify().problems
    with pytest.raises(GalleryError, match="line 5"):
        list(log.entries())


@pytest.mark.processes
def test_processes_and_threads_share_the_log(log: AuditLog) -> None:
    program = subprocess.Popen([sys.executable, str(PROGRAM), str(log.path.parent), "program", "40"], env=os.environ)
    counts = {"one": 0, "two": 0}

    def append_meanwhile(name: str) -> None:
        while program.poll() is None and b"program" not in log.path.read_bytes():
            time.sleep(0.01)  # until it has begun
        while program.poll() is None:
            log.append(name, "login", number=counts[name])
            counts[name] += 1
            assert log.verify().whole, "a reader never sees half an event"

    threads = [threading.Thread(target=append_meanwhile, args=(name,)) for name in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert program.wait() == 0
    assert log.verify().whole
    numbers = {name: [e.details["number"] for e in log.entries() if e.actor == name] for name in (*counts, "program")}
    assert numbers == {**{name: list(range(count)) for name, count in counts.items()}, "program": list(range(40))}


@pytest.mark.parametrize(
    "value",
    [
        b"\xff\xd8\xff",
        np.zeros(3, np.float32),
        [0.1] * 256,
        {"inner": [[0.5] * 64]},
        "data:image/jpeg;base64,/9j/4AAQ",
        object(),
    ],
    ids=["bytes", "array", "embedding", "nested embedding", "picture", "object"],
)
def test_pictures_and_embeddings_are_refused(log: AuditLog, value: object) -> None:
    with pytest.raises(ValueRefused):
        log.append("anna@desk", "search", value=value)
    assert log.verify().num_entries == 5


def test_what_belongs_into_a_log_is_taken(log: AuditLog) -> None:
    entry = log.append(
        "anna@desk",
        "search",
        box=(1.5, 2.0, 3.0, 4.0),
        cameras={"door", "yard"},
        after=datetime(2026, 3, 1, tzinfo=UTC),
        source=Path("/m/\udcff.jpg"),
        note="x" * 9000,
        ids=[f"v:{i}:0" for i in range(500)],
        rate=float("nan"),
    )
    assert entry.details["box"] == [1.5, 2.0, 3.0, 4.0]
    assert entry.details["cameras"] == ["door", "yard"]
    assert len(entry.details["note"]) < 600
    assert entry.details["ids"][-1] == "… and 300 more"
    assert [dict(e.details) for e in log.entries()][-1] == entry.details


def test_actions_are_words(log: AuditLog) -> None:
    with pytest.raises(ValueRefused, match="lower-case"):
        log.append("anna@desk", "Search the web\n")


def test_a_log_that_cannot_be_written_stops_the_work(tmp_path: Path) -> None:
    (tmp_path / AUDIT).mkdir()
    with pytest.raises(GalleryError, match="cannot be written"):
        AuditLog(tmp_path).append("anna@desk", "search")
    with pytest.raises(GalleryError, match="cannot be written"):
        AuditLog(tmp_path / "nowhere").append("anna@desk", "search")


def test_the_user_of_this_machine_has_a_name() -> None:
    name, _, machine = local_user().partition("@")
    assert name
    assert machine
