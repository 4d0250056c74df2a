"""A decoder that was taken over: it reads its own file, and does nothing else, as far as the kernel has the means."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gallery_server import write_video
from patience import until
from sceneseek.web.confinement import Means, seccomp
from sceneseek.web.decoder import read_message, write_message
from sceneseek.web.processes import Process
from suite.needs import KERNEL_HEADERS

pytestmark = pytest.mark.processes

EVIL = textwrap.dedent(
    """
    import ctypes, fcntl, os, signal, socket, subprocess, sys, threading
    import sceneseek.web.decoder as decoder

    def evil(data, does, path="", other=""):
        acts = {
            "reads": lambda: open(other).read(),
            "lists": lambda: os.listdir(os.path.dirname(other)),
            "follows a link": lambda: (os.symlink(other, os.environ["TMPDIR"] + "/link"), open(other).read()),
            "writes": lambda: open(other, "w").write("x"),
            "writes its own file": lambda: open(path, "w").write("x"),
            "truncates its own file": lambda: os.truncate(path, 0),
            "removes": lambda: os.unlink(other),
            "renames": lambda: os.rename(other, other + "2"),
            "makes": lambda: open(os.path.dirname(other) + "/new", "w"),
            "gives rights": lambda: os.chmod(path, 0o777),
            "connects": lambda: socket.create_connection(("127.0.0.1", 1), timeout=1),
            "connects locally": lambda: socket.socket(socket.AF_UNIX),
            "sends datagrams": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
            "runs": lambda: subprocess.run(["/bin/true"]),
            "becomes": lambda: os.execv("/bin/true", ["true"]),
            "forks": os.fork,
            "signals its parent": lambda: os.kill(os.getppid(), signal.SIGCONT),
            "signals everybody": lambda: os.kill(-1, 0),
            "has the kernel signal its parent": lambda: owns(os.getppid()),
            "chooses the signal that the kernel sends": lambda: fcntl.fcntl(os.pipe()[0], fcntl.F_SETSIG, 9),
            "slows its parent": lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19),
            "pins its parent": lambda: os.sched_setaffinity(os.getppid(), os.sched_getaffinity(0)),
            "schedules its parent": lambda: os.sched_setparam(os.getppid(), os.sched_param(0)),
            "looks into its parent": lambda: open(f"/proc/{os.getppid()}/environ").read(),
            "traces its parent": lambda: fails(ctypes.CDLL(None, use_errno=True).ptrace(16, os.getppid(), 0, 0)),
            "types": lambda: fcntl.ioctl(0, 0x5412, b"x"),
            "reads its file": lambda: open(path).read(),
            "writes scratch": lambda: open(os.environ["TMPDIR"] + "/x", "w").write("x"),
            "signals itself": lambda: os.kill(os.getpid(), 0),
            "threads": lambda: threads(),
            "imports": lambda: __import__("colorsys"),
        }
        try:
            acts[does]()
        except OSError as error:
            return {"refused": error.errno}, b""
        return {"refused": None}, b""

    def fails(result):
        if result < 0:
            raise OSError(ctypes.get_errno(), "refused")

    def owns(pid):
        fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, pid)

    def threads():
        done = []
        thread = threading.Thread(target=lambda: done.append(1))
        thread.start()
        thread.join()
        assert done

    decoder._TASKS["evil"] = evil
    sys.argv[1:] = [str(4 << 30), str(1 << 30)]
    decoder.main()
    """
)

FILES = ("reads", "lists", "follows a link", "writes", "writes its own file", "truncates its own file", "removes",
         "renames", "makes", "looks into its parent")  # fmt: skip
CALLS = ("gives rights", "connects", "connects locally", "sends datagrams", "runs", "becomes", "forks",
         "signals its parent", "signals everybody", "has the kernel signal its parent",
         "chooses the signal that the kernel sends", "slows its parent", "pins its parent", "schedules its parent",
         "traces its parent", "types")  # fmt: skip
ALLOWED = ("reads its file", "writes scratch", "signals itself", "threads", "imports")


class Taken:
    """A decoder with a task that a stranger wrote."""

    def __init__(self, folder: Path) -> None:
        self.own, self.other = folder / "own" / "a", folder / "other" / "b"
        for path in (self.own, self.other):
            path.parent.mkdir()
            path.write_text("whole")
        scratch = folder / "scratch"
        scratch.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", EVIL],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(scratch), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            cwd=scratch,
        )
        assert self.process.stdout is not None
        read_message(self.process.stdout)

    def does(self, act: str) -> int | None:
        """The error that an act ends with; ``None`` when it succeeds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        task = {"task": "evil", "seconds": 30, "does": act, "path": str(self.own), "other": str(self.other)}
        write_message(self.process.stdin, task)
        answer = read_message(self.process.stdout)
        assert answer is not None, f"{act} ended the decoder"
        assert "refused" in answer[0], answer
        return answer[0]["refused"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    taken = Taken(tmp_path_factory.mktemp("taken"))
    with taken.process:
        yield taken
        taken.process.kill()


@pytest.mark.needs("landlock")
@pytest.mark.parametrize("act", FILES)
def test_no_file_but_its_own_is_open_to_it(taken: Taken, act: str) -> None:
    assert taken.does(act) is not None
    assert taken.own.read_text() == taken.other.read_text() == "whole"


@pytest.mark.needs("seccomp")
@pytest.mark.parametrize("act", CALLS)
def test_it_reaches_nobody_and_starts_nothing(taken: Taken, act: str) -> None:
    assert taken.does(act) == 1, "not permitted"


@pytest.mark.parametrize("act", ALLOWED)
def test_what_decoding_needs_is_open(taken: Taken, act: str) -> None:
    assert taken.does(act) is None


@contextmanager
def decoding() -> Iterator[Process]:
    process = Process(2 << 30)
    try:
        yield process
    finally:
        process.end()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.needs("proc")
def test_each_file_has_a_worker_of_its_own(tmp_path: Path) -> None:
    """Which stays for more tasks for the same file, and goes before the next file, and with its decoder."""
    paths = [tmp_path / f"{name}.mp4" for name in "ab"]
    for path in paths:
        write_video(path, iter(np.random.default_rng(0).integers(0, 255, (4, 96, 160, 3), np.uint8)), rate=2)
    with decoding() as process:
        workers = []
        for path in (paths[0], paths[0], paths[1]):
            fields, _ = process.ask({"task": "media_kind", "path": str(path), "max_pixels": 1000_000}, b"", 10)
            assert fields == {"kind": "video", "suffix": ".mp4"}
            workers.append(children(process.pid))
        assert workers[0] == workers[1] != workers[2]
        picture = {"task": "as_jpeg", "max_pixels": 1000, "max_side": 10}
        assert "error" in process.ask(picture, b"nothing", 10)[0]
        until(lambda: children(process.pid) == [])
        process.ask({"task": "media_kind", "path": str(paths[0]), "max_pixels": 1000_000}, b"", 10)
        (last,) = children(process.pid)
        scratch = Path(process._scratch)
        assert scratch.stat().st_mode & 0o077 == 0
    until(lambda: not Path(f"/proc/{last}").exists())
    assert not scratch.exists()


def test_means_are_said_in_words() -> None:
    assert "confined:" in Means(files=True, calls=True).words
    for some in (Means(files=True, calls=False), Means(files=False, calls=True)):
        assert "in part" in some.words
    assert Means(files=False, calls=False).words.startswith("not confined")


class Kernel:
    """Runs a filter as the kernel does, one instruction after the other."""

    def __init__(self, machine: str, pid: int = 4711) -> None:
        code = seccomp.filter_for(machine, pid)
        self.steps = [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
        self.audit, self.column = seccomp._MACHINES[machine]

    def decides(self, number: int, *arguments: int, audit: int | None = None) -> int:
        data = struct.pack("=iIQ6Q", number, audit or self.audit, 0, *arguments, *[0] * (6 - len(arguments)))
        loaded, at = 0, 0
        for _ in range(len(self.steps)):
            code, if_true, if_false, value = self.steps[at]
            at += 1
            if code == 0x06:
                return value
            if code == 0x20:
                (loaded,) = struct.unpack_from("=I", data, value)
                continue
            tests = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}
            at += if_true if tests[code] else if_false
        raise AssertionError("a filter ends with a decision")


ALLOW, NOT_PERMITTED, NOT_THERE, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_decides_as_it_should(machine: str) -> None:
    """Also for the processor on which this does not run."""
    kernel = Kernel(machine)
    column = kernel.column
    for name, numbers in seccomp.FORBIDDEN.items():
        number = numbers[column]
        if number is not None:
            assert kernel.decides(number) == NOT_PERMITTED, name
    assert kernel.decides((0, 63)[column]) == ALLOW  # read
    assert kernel.decides((257, 56)[column]) == ALLOW  # openat
    assert kernel.decides((435, 435)[column]) == NOT_THERE
    clone, ioctl = (56, 220)[column], (16, 29)[column]
    assert kernel.decides(clone, 0x00010F00) == ALLOW, "a thread"
    assert kernel.decides(clone, 0x11) == NOT_PERMITTED, "a process"
    assert kernel.decides(ioctl, 0, 0x5401) == ALLOW
    assert kernel.decides(ioctl, 0, 0x5412) == kernel.decides(ioctl, 0, 0x541C) == NOT_PERMITTED
    fcntl = (72, 25)[column]
    assert [kernel.decides(fcntl, 0, command) for command in (1, 2, 3, 4, 1030)] == [ALLOW] * 5
    assert [kernel.decides(fcntl, 0, command) for command in (8, 10, 15)] == [NOT_PERMITTED] * 3
    for name, numbers in seccomp._OF_ITSELF.items():
        assert kernel.decides(numbers[column], 4711) == ALLOW, name
        assert kernel.decides(numbers[column], 1) == NOT_PERMITTED, name
        assert kernel.decides(numbers[column], 0) == (ALLOW if name == "prlimit64" else NOT_PERMITTED), name
    assert kernel.decides(0, audit=0x40000003) == KILL, "another processor's calls"
    assert kernel.decides(0x40000000 | 41) == KILL, "the same calls by other numbers"


@pytest.mark.needs("kernel headers")
def test_numbers_of_calls_are_those_of_the_headers() -> None:
    for column, path in enumerate(reversed(KERNEL_HEADERS)):
        words = [line.split() for line in path.read_text().splitlines() if line.startswith("#define __NR")]
        known = {w[1].removeprefix("__NR3264_").removeprefix("__NR_"): w[2] for w in words if len(w) == 3}
        calls: dict[str, Any] = {**seccomp.FORBIDDEN, **seccomp._OF_ITSELF}
        calls |= {"clone": seccomp._CLONE, "clone3": seccomp._CLONE3, "ioctl": seccomp._IOCTL, "fcntl": seccomp._FCNTL}
        wrong = {
            name: (numbers[column], known[name])
            for name, numbers in calls.items()
            if name in known and known[name].isdigit() and str(numbers[column]) != known[name]
        }
        assert wrong == {}, json.dumps(wrong)
