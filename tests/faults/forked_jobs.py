"""Jobs on galleries in processes of their own that are killed, from one interpreter that has imported everything.

Importing takes seconds, forking milliseconds. That interpreter touches no gallery, so forking it is safe.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Job:
    """One process.

    Attributes:
        do: What, see ``ACTIONS``.
        gallery: Where.
        argument: With what.
        kill_after_s: How long after it began its work SIGKILL is sent, unless it has ended before.
    """

    do: str
    gallery: str
    argument: str = ""
    kill_after_s: float | None = None


@dataclass(frozen=True)
class Outcome:
    """How one process ended.

    Attributes:
        status: Its exit code, -9 when it was killed.
        answer: What the action returned, or the error it raised.
        seconds: How long its work took.
    """

    status: int
    answer: Any
    seconds: float

    @property
    def killed(self) -> bool:
        """Whether SIGKILL came before its end."""
        return self.status == -signal.SIGKILL


class Forks:
    """The interpreter that forks a process for each job."""

    def __init__(self, orders: IO[str], outcomes: IO[str]) -> None:
        self.orders, self.outcomes = orders, outcomes

    def do(self, action: str, gallery: Path, argument: str | Path = "", kill_after_s: float | None = None) -> Outcome:
        """Do one job and wait for its end."""
        self.orders.write(json.dumps(asdict(Job(action, str(gallery), str(argument), kill_after_s))) + "\n")
        self.orders.flush()
        return Outcome(**json.loads(self.outcomes.readline()))


@contextmanager
def forks() -> Iterator[Forks]:
    """A fresh interpreter, which ends when it is left."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])}
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, __file__], env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Forks(process.stdin, process.stdout)
    assert process.returncode == 0


def index(gallery: Path, media: str) -> int:
    """Index slowly; returns the people in the gallery."""
    from indexing_process import SlowPredictor
    from indexing_process import index as index_slowly
    from sceneseek.gallery import Gallery

    index_slowly(gallery, Path(media), SlowPredictor())
    return len(Gallery.open(gallery))


def forget(gallery: Path, key: str) -> str:
    """Forget one file, unless that is done."""
    from sceneseek.gallery import Gallery, plan_forgetting
    from sceneseek.gallery import forget as carry_out

    opened = Gallery.open(gallery)
    if any(record.key == key for record in opened.media()):
        carry_out(opened, plan_forgetting(opened, media=[key]), actor="test")
    return key


def merge(gallery: Path, source: str) -> int:
    """Merge another gallery in; returns the people in the gallery."""
    from sceneseek.gallery import Gallery, merging

    merging._FILES_AT_A_TIME = 3
    opened = Gallery.open(gallery)
    merging.merge(opened, Gallery.open(source), actor="test")
    return len(opened)


def import_(gallery: Path, archive: str) -> int:
    """Import an archive; returns the people in the gallery."""
    from sceneseek.gallery import Gallery, import_archive

    import_archive(Path(archive), gallery, actor="test")
    return len(Gallery.open(gallery))


def look(gallery: Path, photos: str) -> dict[str, Any]:
    """What lies in the folder, without opening the gallery; ``photos`` names those to search the raw files for."""
    from populated_gallery import embedding, jpeg
    from sceneseek.gallery import check
    from sceneseek.gallery.traces import Trace, search_files

    if not (gallery / "manifest.json").exists():
        return {"exists": gallery.exists(), "kinds": [], "people": 0, "found": 0, "sound": True}
    views = [int(number) for number in photos.split()]
    traces = [Trace(f"{v}", "vector", embedding(v + i, v).tobytes()) for v in views for i in (0, 1)]
    traces += [Trace(f"{v}", "thumbnail", jpeg(v + i, v)) for v in views for i in (0, 1)]
    report = check(gallery, look_for_media=False)
    return {
        "exists": True,
        "kinds": sorted({finding.kind for finding in report.findings}),
        "people": report.kept.get("detections", 0),
        "found": search_files(gallery, traces).num_found,
        "sound": report.sound,
    }


def open_(gallery: Path, _: str) -> int:
    """Open the gallery, which ends a forgetting that was interrupted."""
    from sceneseek.gallery import Gallery

    return len(Gallery.open(gallery))


def hold(gallery: Path, seconds: str) -> None:
    """Be the writer for a while."""
    from sceneseek.gallery import Gallery

    with Gallery.open(gallery).writer():
        (gallery.parent / "held").touch()
        time.sleep(float(seconds))


ACTIONS: dict[str, Callable[[Path, str], Any]] = {
    "index": index,
    "forget": forget,
    "merge": merge,
    "import": import_,
    "look": look,
    "open": open_,
    "hold": hold,
}


def _work(job: Job, writing: int) -> int:
    """In the child: tell that the work begins, do it, tell what came of it; the exit code."""
    os.write(writing, b"\n")
    try:
        answer, status = ACTIONS[job.do](Path(job.gallery), job.argument), 0
    except BaseException as error:
        answer, status = f"{type(error).__name__}: {error}", 1
    os.write(writing, json.dumps(answer).encode())
    return status


def _do(job: Job) -> Outcome:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(_work(job, writing))
    os.close(writing)
    os.read(reading, 1)
    begun = time.monotonic()
    if not select.select([reading], [], [], job.kill_after_s)[0]:
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    seconds = time.monotonic() - begun
    _, status = os.waitpid(child, 0)
    return Outcome(os.waitstatus_to_exitcode(status), json.loads(said) if said else None, seconds)


if __name__ == "__main__":
    for name in ("indexing_process", "populated_gallery", "sceneseek.gallery"):
        importlib.import_module(name)  # once, for all children
    warnings.simplefilter("ignore", RuntimeWarning)  # that forking is experimental with LanceDB
    for order in sys.stdin:
        print(json.dumps(asdict(_do(Job(**json.loads(order))))), flush=True)  # noqa: T201
