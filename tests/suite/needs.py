"""What some tests need and a machine may lack: how it is found here, and what it would take.

A test says ``@pytest.mark.needs("browser")``. Where that is not to be had the test is skipped, and the last line of the
run says so. Where ``SCENESEEK_REQUIRE`` names the need (several with commas between them), its absence is a failure
instead, and so is a run in which none of its tests passed: what CI requires cannot be switched off by a missing tool.
A skip for any other reason fails everywhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared"
"""Pictures and weights that do not travel with the project may lie in a folder beside it."""
REAL = Path(os.environ.get("SCENESEEK_REAL", SHARED / "real")).resolve()
WEIGHTS = Path(os.environ.get("SCENESEEK_WEIGHTS", SHARED / "weights")).resolve()
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome", "google-chrome-stable")
"""The first draws no windows, which takes a quarter less time.

Ubuntu's chromium-browser is not among them: without snap it is a script that starts nothing."""
KERNEL_HEADERS = (
    Path("/usr/include/asm-generic/unistd.h"),
    Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
)
COMPLETE = "INSTALLATION_COMPLETE"
"""Playwright leaves a file of this name in the folder of each browser that it has downloaded whole."""


@dataclass(frozen=True)
class Need:
    """Something that a machine has or lacks.

    Attributes:
        name: In plain words, as in "95 that need a browser".
        is_here: Whether this machine has it.
        remedy: What it would take.
    """

    name: str
    is_here: Callable[[], bool]
    remedy: str

    @property
    def reason(self) -> str:
        """Why a test was skipped."""
        return f"{self.name} missing: {self.remedy}"


@cache
def chromium() -> str | None:
    """The program to start, None to let Playwright start its own."""
    chosen = os.environ.get("SCENESEEK_CHROMIUM")
    if chosen:
        return shutil.which(chosen) or chosen
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def playwrights_folder() -> Path:
    """Where Playwright keeps the browsers that it downloads."""
    chosen = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    if chosen:
        return Path(chosen)
    homes = {"darwin": "Library/Caches", "win32": "AppData/Local"}
    return Path.home() / homes.get(sys.platform, ".cache") / "ms-playwright"


@cache
def has_browser() -> bool:
    """A browser of the system, or one that Playwright has downloaded. One that was chosen must exist."""
    program = chromium()
    if program is not None:
        if not os.access(program, os.X_OK):
            raise FileNotFoundError(f"SCENESEEK_CHROMIUM={program} cannot be run; name a Chromium, or unset it")
        return True
    return any(playwrights_folder().glob(f"chromium*/{COMPLETE}"))


@cache
def has_small_disk() -> bool:
    """Only root may mount a file system, and not in every container."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    with tempfile.TemporaryDirectory() as place:
        command = ["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", place]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            return False
        subprocess.run(["umount", place], check=True)
    return True


@cache
def has_gloo() -> bool:
    """Whether processes can talk to each other by this torch."""
    from torch import distributed

    return distributed.is_gloo_available()


@cache
def rounds_like_the_reference() -> bool:
    """Whether digests of drawn scenes can be compared here."""
    from suite.reference_rounding import PROBE, probe

    return probe() == PROBE


def _confines(what: str) -> bool:
    from sceneseek.web.confinement import means

    return bool(getattr(means(), what))


def _all_of(folder: Path, *names: str) -> Callable[[], bool]:
    return lambda: all((folder / name).exists() for name in names)


NEEDS = {
    "browser": Need(
        "a browser",
        has_browser,
        "apt install chromium, or .venv/bin/playwright install chromium, or set SCENESEEK_CHROMIUM",
    ),
    "pictures": Need(
        "real pictures",
        _all_of(REAL, "walkin6", "campus4", "mot17mini"),
        "set SCENESEEK_REAL to the folder with walkin6, campus4 and mot17mini",
    ),
    "weights": Need(
        "public weights",
        _all_of(WEIGHTS, "yolox_nano_coco.onnx", "osnet_x0_25_msmt17.onnx"),
        "set SCENESEEK_WEIGHTS to the folder with yolox_nano_coco.onnx and osnet_x0_25_msmt17.onnx",
    ),
    "annotations": Need(
        "genuine annotation files",
        _all_of(REAL, "formats"),
        "set SCENESEEK_REAL to a folder with formats/ in it",
    ),
    "disk": Need("a disk that can be filled", has_small_disk, "run as root where a file system may be mounted"),
    "gloo": Need("torch with gloo", has_gloo, "install a torch that was built with gloo"),
    "reference rounding": Need(
        "the reference's rounding",
        rounds_like_the_reference,
        "run on an AVX-512 processor with the locked requirements; a coarse comparison beside it runs everywhere",
    ),
    "file modes": Need("POSIX file modes", lambda: os.name == "posix", "run on a POSIX system"),
    "landlock": Need("Landlock", lambda: _confines("files"), "run on Linux 5.13 or newer with Landlock switched on"),
    "seccomp": Need("seccomp", lambda: _confines("calls"), "run on Linux with seccomp, on x86-64 or arm64"),
    "kernel headers": Need(
        "the kernel's headers for x86-64",
        lambda: all(path.exists() for path in KERNEL_HEADERS),
        "apt install linux-libc-dev on an x86-64 machine",
    ),
    "proc": Need("/proc", Path("/proc/self/environ").exists, "run on Linux"),
}


def required() -> list[str]:
    """The needs that this run may not go without, from ``SCENESEEK_REQUIRE``."""
    names = [name.strip() for name in os.environ.get("SCENESEEK_REQUIRE", "").split(",")]
    return [name for name in names if name]
