"""The picture that an annotation names, wherever another system's spelling of the name puts it, and its pixels.

Annotations are made on one machine and used on another. What changes on the way is dealt with here, once for all
layouts: backslashes and drive letters of Windows, absolute paths of a machine that is not this one, names as web
addresses quote them, capital letters that another file system does not tell apart, and accents that are one letter for
one system and two for another (Unicode's composed and decomposed forms). A name that leads to a file as it stands is
always taken as it stands.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote

from sceneseek.data.problems import BadRecord, OnProblem, Place, Problem
from sceneseek.pictures import orientation_of, read_picture
from sceneseek.structures import ImageArray, Sample

SPELT_DIFFERENTLY = "picture under another name"


class PictureFiles:
    """The pictures of a data set, by the names that its annotations use.

    Args:
        folders: Where pictures lie, the likeliest place first.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(dict.fromkeys(folders))

    def find(self, name: str, place: Place, on_problem: OnProblem) -> Path:
        """The file that a name means.

        Args:
            name: As the annotations have it.
            place: Who names it.
            on_problem: Told where the file is spelt differently.

        Returns:
            The path of a file. Where there is none, the path at which it was expected; opening that says so.

        Raises:
            BadRecord: The name cannot be that of a file.
        """
        if not name.strip() or not _can_be_a_name(name):
            raise BadRecord(place, f"the name of the picture is {name!r}; expected the path of a file.", "picture name")
        expected = self.folders[0] / name
        if expected.is_file():
            return expected
        found = next((path for spelling in _spellings(name) if (path := self._at(spelling)) is not None), None)
        if found is None:
            return expected
        if not any(found == folder / name for folder in self.folders):
            message = f"there is no picture {name}; {found} is taken for it."
            on_problem(Problem(SPELT_DIFFERENTLY, place, message, "note"))
        return found

    def _at(self, spelling: str) -> Path | None:
        direct = next((path for folder in self.folders if (path := folder / spelling).is_file()), None)
        if direct is not None:
            return direct
        plain = _plain(spelling)
        return next((names[plain] for names in self._by_plain_name if plain in names), None)

    @cached_property
    def _by_plain_name(self) -> tuple[dict[str, Path], ...]:
        """For each folder its files, by names without capitals and in one Unicode form; only where just one has it."""
        return tuple(_plain_names(folder) for folder in self.folders)


ReadPicture = Callable[[Path], ImageArray]
"""Reads the file of a picture: ``(H, W, 3)`` uint8 RGB, upright."""


def read_scene(sample: Sample, read: ReadPicture = read_picture) -> ImageArray:
    """A scene's pixels, held against its annotation: what training, extraction and ``data check`` all read.

    Args:
        sample: The scene.
        read: Reads the file.

    Returns:
        ``(H, W, 3)`` uint8 RGB, upright.

    Raises:
        PictureError: The picture cannot be read.
        DataError: It has another size than its annotation says.
    """
    image = read(sample.path)
    check_size(sample, (image.shape[1], image.shape[0]))
    return image


def check_size(sample: Sample, size: tuple[int, int]) -> None:
    """Hold the ``(width, height)`` of an upright picture against its annotation.

    Raises:
        DataError: They differ.
    """
    if size == (sample.width, sample.height):
        return
    width, height = size
    message = f"the picture has {width}x{height} pixels; the annotations say {sample.width}x{sample.height}"
    if (height, width) == (sample.width, sample.height) and orientation_of(sample.path) != 1:
        message += (
            ". Its EXIF data turn it by a quarter, and the annotations were made on the picture as it is stored. "
            "Store the picture upright, without the EXIF orientation, or turn its boxes"
        )
    raise BadRecord(Place(sample.path), f"{message}. Correct the annotation: boxes would not fit.",
                    "picture of another size")  # fmt: skip


def _can_be_a_name(name: str) -> bool:
    try:
        return b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:  # half of a letter
        return False


def _spellings(name: str) -> Iterator[str]:
    """A name, and what other systems may have made of it: the likeliest first."""
    plain = name.strip().removeprefix("file://")
    unquoted = (plain, unquote(plain))
    spellings = (*unquoted, *(spelling.replace("\\", "/") for spelling in unquoted))
    yield from dict.fromkeys(tail for spelling in spellings for tail in _tails(spelling))


def _tails(name: str) -> Iterator[str]:
    """A relative path alone; of one that begins at a root or a drive all its ends, the longest first."""
    if not PurePosixPath(name).is_absolute() and not PureWindowsPath(name).drive and not name.startswith("/"):
        yield str(PurePosixPath(name))
        return
    parts = PureWindowsPath(name).parts if PureWindowsPath(name).drive else PurePosixPath(name).parts
    yield from ("/".join(parts[start:]) for start in range(1, len(parts)))


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _plain_names(folder: Path) -> dict[str, Path]:
    found: dict[str, Path | None] = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file():
            plain = _plain(path.relative_to(folder).as_posix())
            found[plain] = None if plain in found else path
    return {plain: path for plain, path in found.items() if path is not None}
