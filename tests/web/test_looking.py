"""Looks and wrong tokens become few lines, and none is lost: exact rules, with a clock that passes when told."""

from __future__ import annotations

from typing import Any

import pytest

from loops import finished
from sceneseek.errors import GalleryError
from sceneseek.web import Limits, Role
from sceneseek.web.door import Caller
from sceneseek.web.looking import Looking
from sceneseek.web.refusals import Refusal

VERA, KIM = Caller("vera", Role.VIEWER, session="a1"), Caller("kim", Role.KEEPER)


class Log:
    """A log, and the time."""

    def __init__(self, **limits: Any) -> None:
        self.now = 0.0
        self.full = False
        self.lines: list[tuple[str, str, dict[str, Any]]] = []
        self.looking = Looking(self.write, Limits(looks_seconds=60.0, **limits), lambda: self.now)

    def write(self, who: str, action: str, /, **facts: Any) -> None:
        if self.full:
            raise GalleryError("the disk is full")
        self.lines.append((who, action, facts))

    def look(self, caller: Caller, name: str, kind: Any = "crops") -> None:
        finished(self.looking.at(caller, kind, name))


def test_the_first_look_is_written_at_once_and_the_rest_together() -> None:
    log = Log()
    for i in range(30):
        log.look(VERA, f"a:{i % 10}:0")
        log.now += 1
    assert log.lines == [("vera", "look", {"session": "a1", "looks": 1, "crops": ["a:0:0"]})]
    log.now = 61
    log.looking.flush()
    assert len(log.lines) == 2
    assert log.lines[1][2]["looks"] == 29
    assert sorted(log.lines[1][2]["crops"]) == [f"a:{i}:0" for i in range(10)]
    log.now = 1000
    log.looking.flush()
    assert len(log.lines) == 2, "where nobody looks, nothing is written"
    log.look(VERA, "b:0:0")
    assert len(log.lines) == 3


def test_many_looks_are_written_before_their_time() -> None:
    log = Log()
    for i in range(351):
        log.look(KIM, f"a:{i}:0")
    assert [facts["looks"] for _, _, facts in log.lines] == [1, 100, 100, 100]
    log.looking.close()
    assert [facts["looks"] for _, _, facts in log.lines] == [1, 100, 100, 100, 50], "the rest at the end"
    assert len({name for _, _, facts in log.lines for name in facts["crops"]}) == 351


def test_each_session_has_lines_of_its_own() -> None:
    log = Log()
    log.look(VERA, "a:0:0")
    log.look(Caller("vera", Role.VIEWER, session="b2"), "a:0:0", "scenes")
    log.look(KIM, "x:0-1", "clips")
    assert log.lines == [
        ("vera", "look", {"session": "a1", "looks": 1, "crops": ["a:0:0"]}),
        ("vera", "look", {"session": "b2", "looks": 1, "scenes": ["a:0:0"]}),
        ("kim", "look", {"looks": 1, "clips": ["x:0-1"]}),
    ]


def test_a_full_disk_lets_nobody_look_and_loses_nothing() -> None:
    log = Log()
    log.look(VERA, "a:0:0")
    log.look(VERA, "a:1:0")
    log.full = True
    log.now = 61
    for _ in range(1000):
        with pytest.raises(GalleryError):
            log.look(VERA, "a:2:0")
        with pytest.raises(GalleryError):
            log.look(KIM, "a:3:0")
    assert sum(looks.count for looks in log.looking._looks.values()) <= 3, "and memory does not grow"
    log.full = False
    log.look(KIM, "a:4:0")
    log.looking.close()
    assert {"a:0:0", "a:1:0", "a:4:0"} <= {name for _, _, facts in log.lines for name in facts["crops"]}


def test_a_timer_writes_what_is_due_and_bears_a_full_disk() -> None:
    log = Log()
    log.look(VERA, "a:0:0")
    log.look(VERA, "a:1:0")
    log.now, log.full = 61, True
    log.looking._flush_if_possible()
    log.full = False
    log.looking._flush_if_possible()
    assert len(log.lines) == 2


def test_a_viewer_takes_so_many() -> None:
    log = Log(looks_per_second=1.0, looks_at_once=2)
    log.look(VERA, "a")
    log.look(VERA, "b")
    with pytest.raises(Refusal) as refused:
        log.look(VERA, "c")
    assert refused.value.status_code == 429
    log.now += 1
    log.look(VERA, "c")


def test_a_flood_of_wrong_tokens_is_a_line_a_minute() -> None:
    log = Log()
    for i in range(5000):
        log.looking.wrong_token(f"10.0.{i // 250}.{i % 250}")
    log.looking.flush()
    assert log.lines == []
    log.now = 60
    log.looking.flush()
    log.looking.flush()
    ((who, action, facts),) = log.lines
    assert (who, action) == ("sceneseek", "wrong-token")
    assert sum(facts["addresses"].values()) == 5000
    assert len(facts["addresses"]) == 101


def test_wrong_tokens_wait_for_the_disk() -> None:
    log = Log()
    log.looking.wrong_token("6.6.6.6")
    log.full = True
    with pytest.raises(GalleryError):
        log.looking.flush(everything=True)
    log.full = False
    log.looking.close()
    assert log.lines[0][2] == {"addresses": {"6.6.6.6": 1}}
