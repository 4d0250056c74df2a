"""What the tables and the disk say when something goes wrong, in words that say what is kept and what to do."""

from __future__ import annotations

import errno
from pathlib import Path

from sceneseek.errors import GalleryError, SceneseekError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_WORDS = ("no space left", "storage full", "quota exceeded", "file too large", "os error 28", "os error 27")


def is_of_storage(error: BaseException | None) -> bool:
    """Whether an error comes from the tables or the disk, and not from a mistake of ours."""
    if isinstance(error, SceneseekError):
        return False
    if isinstance(error, OSError):
        return error.errno in (*_FULL, errno.EROFS, errno.EIO)
    return isinstance(error, RuntimeError | ValueError) and "lance" in str(error).lower()


def read_failure(folder: Path, error: BaseException) -> GalleryError:
    """What to tell somebody whose reading failed."""
    return GalleryError(f"{folder} cannot be read ({_brief(error)}). Look it over with: sceneseek gallery check")


def write_failure(folder: Path, error: BaseException) -> GalleryError:
    """What to tell somebody whose writing failed."""
    full = isinstance(error, OSError) and error.errno in _FULL
    if full or any(words in str(error).lower() for words in _FULL_WORDS):
        return GalleryError(
            f"{folder} cannot be written to: the disk is full. What was written before is kept; make room and repeat "
            "the command, it goes on from there."
        )
    return GalleryError(
        f"{folder} could not be written to ({_brief(error)}). What was written before is kept; look it over with: "
        "sceneseek gallery check"
    )


def _brief(error: BaseException) -> str:
    """The first sentence; the tables add where in their own program it happened."""
    return " ".join(str(error).split(", /")[0].split())[:300]
