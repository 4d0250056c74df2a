"""Jobs on galleries in processes of their own that are killed, from one interpreter that has imported everything: PLAN.

Importing takes seconds, forking milliseconds. The parent touches no gallery, so forking it is safe.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Job:
    """One process.

    Attributes:
        do: What, see ``ACTIONS``.
        gallery: Where.
        argument: With what.
        kill_after_s: When SIGKILL is sent, unless it has ended before.
        kill_after_share: The same, as a share of what the first such job of the plan took, which nobody stopped.
    """

    do: str
    gallery: str
    argument: str = ""
    kill_after_s: float | None = None
    kill_after_share: float | None = None

    @property
    def killed(self) -> bool:
        """Whether it was to be killed."""
        return self.kill_after_s is not None or self.kill_after_share is not None


@dataclass(frozen=True)
class Outcome:
    """How one process ended.

    Attributes:
        status: Its exit code, -9 when it was killed.
        answer: What the action returned, or the error it raised.
    """

    status: int
    answer: Any


def run_jobs(jobs: Sequence[Job], folder: Path) -> list[Outcome]:
    """Do the jobs one after the other in a fresh interpreter."""
    plan = folder / "plan.json"
    plan.write_text(json.dumps([asdict(job) for job in jobs]))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])}
    command = [sys.executable, str(Path(__file__)), str(plan)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [Outcome(**outcome) for outcome in json.loads(done.stdout)]


def index(gallery: Path, media: str) -> int:
    """Index slowly; returns the people in the gallery."""
    from indexing_process import SlowPredictor
    from indexing_process import index as index_slowly
    from sceneseek.gallery import Gallery

    index_slowly(gallery, Path(media), SlowPredictor())
    return len(Gallery.open(gallery))


def forget(gallery: Path, key: str) -> str:
    """Forget one file."""
    from sceneseek.gallery import Gallery, plan_forgetting
    from sceneseek.gallery import forget as carry_out

    opened = Gallery.open(gallery)
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


_took_s: dict[str, float] = {}
"""Seconds of the first job of each kind."""


def _patience_s(job: Job) -> float:
    if job.kill_after_share is not None:
        return job.kill_after_share * _took_s[job.do]
    return 100.0 if job.kill_after_s is None else job.kill_after_s


def _do(job: Job) -> Outcome:
    begun = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            answer, status = ACTIONS[job.do](Path(job.gallery), job.argument), 0
        except BaseException as error:
            answer, status = f"{type(error).__name__}: {error}", 1
        os.write(writing, json.dumps(answer).encode())
        os._exit(status)
    os.close(writing)
    until = time.monotonic() + _patience_s(job)
    done, status = 0, 0
    while not done:
        done, status = os.waitpid(child, os.WNOHANG)
        if not done and time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            done, status = os.waitpid(child, 0)
        time.sleep(0.001)
    _took_s.setdefault(job.do, time.monotonic() - begun)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    return Outcome(os.waitstatus_to_exitcode(status), json.loads(said) if said else None)


if __name__ == "__main__":
    for name in ("indexing_process", "populated_gallery", "sceneseek.gallery"):
        importlib.import_module(name)  # once, for all children
    warnings.simplefilter("ignore", RuntimeWarning)  # that forking is experimental with LanceDB
    print(json.dumps([asdict(_do(Job(**job))) for job in json.loads(Path(sys.argv[1]).read_text())]))  # noqa: T201
