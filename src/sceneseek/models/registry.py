"""Public weights: what is known about them, where they lie, and whether a file is what it claims to be.

A network's weights are found by name in this order:

1. the folder named by the environment variable ``SCENESEEK_WEIGHTS``, for weights that are kept in one place by hand;
2. the store, ``$SCENESEEK_HOME/weights`` or the platform's cache folder, which ``fetch`` fills.

Wherever it lies, a file is read only if its sha256 is the pinned one. Where none is pinned, the hash seen when the file
was put into the store is remembered and checked from then on (trust on first use).
"""

from __future__ import annotations

import hashlib
import os
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field

from sceneseek import text_files
from sceneseek.errors import TextFileError, UnknownModelError, WeightsError, suggest
from sceneseek.structures import Progress, silent

_BLOCK = 1 << 20
_TIMEOUT_S = 30.0


class KnownFile(BaseModel):
    """One file that holds a network.

    Attributes:
        file: Its name in a weights folder.
        sha256: Of its contents; ``None`` where no trustworthy value is known.
        sha256_prefix: The first digits, where only these are published (torchvision puts them into the file name).
        bytes: Its size, when known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    sha256_prefix: str | None = Field(default=None, pattern=r"^[0-9a-f]{8,63}$")
    bytes: int | None = None

    @property
    def pinned(self) -> str | None:
        """The sha256, or what is known of its beginning."""
        return self.sha256 or self.sha256_prefix


class WeightEntry(KnownFile):
    """One network of the registry.

    Attributes:
        name: What the command line calls it.
        kind: ``"detector"`` or ``"embedder"``.
        builder: The code that runs it: ``"yolox"``, ``"osnet"``, ``"torchvision"`` or ``"fasterrcnn"``.
        architecture: torchvision's name of the network, for the builders that need one.
        url: Where it is published, ``None`` where no file with a pinned hash is.
        licence: Of the weights, in a few words.
        source: Who made it, trained on what.
        mean: Subtracted per RGB channel after scaling pixels to 0..1.
        std: Divided by after that.
        also: Other files that hold the same network.
    """

    name: str
    kind: str = Field(pattern="^(detector|embedder)$")
    builder: str
    architecture: str = ""
    url: str | None = Field(default=None, pattern="^https://")
    licence: str
    source: str
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    also: tuple[KnownFile, ...] = ()

    @property
    def known_files(self) -> tuple[KnownFile, ...]:
        """Every file that may stand for this network, the preferred one first."""
        return (self, *self.also)


@cache
def entries() -> dict[str, WeightEntry]:
    """Every network listed in ``weight_registry.toml``, by name.

    Example:
        >>> entries()["yolox_nano"].licence
        'Apache-2.0'
    """
    text = files("sceneseek.models").joinpath("weight_registry.toml").read_text(encoding="utf-8")
    return {name: WeightEntry(name=name, **facts) for name, facts in tomllib.loads(text).items()}


def entry(name: str) -> WeightEntry:
    """Facts about one network: the registry's, or torchvision's own for a network it publishes weights of.

    Raises:
        UnknownModelError: Neither knows the name.
    """
    known = entries()
    if name in known:
        return known[name]
    found = _torchvision_entry(name)
    if found is None:
        raise UnknownModelError(f"No public weights are known by the name {name!r}.{suggest(name, list(known))}")
    return found


def weights_folder() -> Path:
    """The store: ``$SCENESEEK_HOME/weights``, or ``sceneseek/weights`` in the platform's cache folder."""
    home = os.environ.get("SCENESEEK_HOME")
    if home:
        return Path(home).expanduser() / "weights"
    if sys.platform == "darwin":
        cache_folder = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        cache_folder = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        cache_folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache_folder / "sceneseek" / "weights"


def candidates(name: str) -> Iterator[tuple[Path, KnownFile]]:
    """Where the weights of ``name`` may lie, in order of preference, with what is known of each file."""
    found = entry(name)
    override = os.environ.get("SCENESEEK_WEIGHTS")
    for folder in ([Path(override).expanduser()] if override else []) + [weights_folder()]:
        for known in found.known_files:
            yield folder / known.file, known


def is_here(name: str) -> bool:
    """Whether a file of the right name is on this machine (its hash is checked when it is used)."""
    return any(path.is_file() for path, _ in candidates(name))


def locate(name: str) -> Path:
    """The verified weights file of a network.

    Raises:
        UnknownModelError: Nothing is known by that name.
        WeightsError: The file is not on this machine, or is not what it should be.
    """
    for path, known in candidates(name):
        if path.is_file():
            verify(path, known)
            return path
    raise WeightsError(f"The weights of {name!r} are not on this machine. {how_to_get(entry(name))}")


def how_to_get(found: WeightEntry) -> str:
    """One sentence that tells a user how to obtain these weights."""
    if found.url is None:
        return (
            f"No file with a pinned hash is published; get one you trust and run "
            f"'sceneseek weights get {found.name} --from PATH', or put it as {found.file!r} into the folder named by "
            f"SCENESEEK_WEIGHTS."
        )
    size = f"{found.bytes / 1e6:.1f} MB, " if found.bytes else ""
    return (
        f"Run 'sceneseek weights get {found.name}' ({size}{found.licence}), or put {found.file!r} into the folder "
        "named by SCENESEEK_WEIGHTS."
    )


def fetch(name: str, source: Path | None = None, progress: Progress = silent) -> Path:
    """Put the weights of a network into the store: from a local file, or from where its authors publish it.

    The file appears in the store whole and verified, or not at all.

    Args:
        name: A name of the registry, or of a torchvision network.
        source: A local file to copy instead of downloading.
        progress: Told the bytes so far.

    Returns:
        The file in the store.

    Raises:
        UnknownModelError: Nothing is known by that name.
        WeightsError: The download failed, or the hash is not the pinned one (both are shown).
    """
    found = entry(name)
    if source is None and found.url is None:
        raise WeightsError(f"{name}: {how_to_get(found)}")
    folder = weights_folder()
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{found.file}.{os.getpid()}.part"
    try:
        with _reading(found, source) as (stream, size), partial.open("wb") as file:
            done = 0
            while block := stream.read(_BLOCK):
                file.write(block)
                done += len(block)
                progress(done, size)
        digest = sha256_of(partial)
        known = _matching(found, digest, str(source or found.url))
        target = folder / known.file
        if known.sha256 is None:
            _remembered(target).write_text(digest + "\n", encoding="ascii")
        os.replace(partial, target)
        return target
    except OSError as error:
        raise WeightsError(
            f"{name}: {source or found.url} could not be copied into {folder} ({error}). Where there is no network, "
            f"fetch the file elsewhere and run 'sceneseek weights get {name} --from PATH'."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def verify(path: Path, known: KnownFile) -> str:
    """Check a file against its pinned or remembered hash and return its sha256.

    Raises:
        WeightsError: They differ; both hashes are shown.
    """
    digest = sha256_of(path)
    expected = known.sha256
    if expected is None and _remembered(path).is_file():
        expected = _remembered_hash(_remembered(path))
    expected = expected or known.sha256_prefix
    if expected is not None and not digest.startswith(expected):
        raise WeightsError(
            f"{path}: its sha256 is {digest}, expected {expected}. The file is damaged or another one; delete it and "
            "get it again with 'sceneseek weights get'."
        )
    return digest


def sha256_of(path: Path) -> str:
    """The sha256 of a file's contents, in hexadecimal.

    Raises:
        WeightsError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path}: the weights cannot be read ({error.strerror or error}).") from error


def _matching(found: WeightEntry, digest: str, origin: str) -> KnownFile:
    """Which of a network's known files has this hash."""
    for known in found.known_files:
        if known.pinned is not None and digest.startswith(known.pinned):
            return known
    if all(known.pinned is None for known in found.known_files):
        return found
    expected = " or ".join(known.pinned for known in found.known_files if known.pinned)
    raise WeightsError(
        f"{found.name}: {origin} has sha256 {digest}, expected {expected}. Nothing was stored. To run a file of your "
        f"own, name it in the model: '{found.name}=PATH'."
    )


def _remembered(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _remembered_hash(file: Path) -> str:
    try:
        return text_files.read_text(file).strip()
    except TextFileError as error:
        raise WeightsError(f"{file} cannot be read: {error}, or remove it to remember the hash again.") from error


@contextmanager
def _reading(found: WeightEntry, source: Path | None) -> Iterator[tuple[BinaryIO, int | None]]:
    if source is not None:
        with source.open("rb") as file:
            yield file, source.stat().st_size
        return
    assert found.url is not None
    request = urllib.request.Request(found.url, headers={"User-Agent": "sceneseek"})
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        length = answer.headers.get("Content-Length")
        yield answer, int(length) if length else found.bytes


def _torchvision_entry(name: str) -> WeightEntry | None:
    """What torchvision publishes under ``name``; its file names end in the first digits of their sha256."""
    from torchvision.models import get_model_weights, list_models

    if name not in list_models():
        return None
    url: str = get_model_weights(name).DEFAULT.url
    file = url.rsplit("/", 1)[-1]
    detector = name.startswith("fasterrcnn_")
    facts: dict[str, Any] = {
        "kind": "detector" if detector else "embedder",
        "builder": "fasterrcnn" if detector else "torchvision",
        "source": f"torchvision, trained on {'COCO' if detector else 'ImageNet'}",
    }
    return WeightEntry(
        name=name,
        architecture=name,
        file=file,
        url=url,
        sha256_prefix=file.rsplit(".", 1)[0].rsplit("-", 1)[-1],
        licence="BSD-3-Clause (code); see torchvision's notes on its weights",
        **facts,
    )
