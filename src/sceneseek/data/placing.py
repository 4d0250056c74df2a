"""Pictures on their way from one data set into another: copied or linked, whole or not at all."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path
from typing import Literal

from sceneseek.data.problems import BadRecord, Place
from sceneseek.pictures import read_picture, write_picture

Placement = Literal["copy", "link"]
"""``"copy"``: files of their own. ``"link"``: a hard link, which takes no room but is the same file under two names;
where the file system has none, a copy."""

_JPEG = (".jpg", ".jpeg")
_JPEG_QUALITY = 95


def place_picture(source: Path, target: Path, how: Placement = "copy") -> None:
    """Put a picture where a data set wants it; one that lies there already is left as it is.

    The time of the last change travels with the file, and by it and the size an earlier run's copy is known: a
    conversion that was interrupted does not copy a picture twice. A picture that is not JPEG and is wanted under a
    JPEG name is encoded anew, at quality 95.

    Args:
        source: The picture.
        target: Where; its folder must exist.
        how: Copy or hard link.

    Raises:
        DataError: There is no such picture.
        PictureError: It cannot be read, where it must be encoded anew.
    """
    if not source.is_file():
        raise BadRecord(Place(source), "the picture does not exist; pictures are copied into the layout.",
                        "missing picture")  # fmt: skip
    recode = is_encoded_anew(source, target.suffix)
    if _is_there(source, target, same_size=not recode):
        return
    partial = target.with_name(f".{target.stem[:40]}.{os.getpid()}-{threading.get_ident()}{target.suffix}")
    try:
        if recode:
            write_picture(read_picture(source), partial, quality=_JPEG_QUALITY)
            shutil.copystat(source, partial)
        else:
            _duplicate(source, partial, how)
        partial.replace(target)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def is_encoded_anew(source: Path, suffix: str) -> bool:
    """Whether a picture must be encoded anew to carry ``suffix``."""
    return suffix.lower() in _JPEG and source.suffix.lower() not in _JPEG


def _is_there(source: Path, target: Path, *, same_size: bool) -> bool:
    try:
        there, here = target.stat(), source.stat()
    except OSError:
        return False
    same_time = there.st_mtime_ns // 1000 == here.st_mtime_ns // 1000
    return same_time and (there.st_size == here.st_size or not same_size)


def _duplicate(source: Path, target: Path, how: Placement) -> None:
    if how == "link":
        with suppress(OSError):  # another file system, or one without hard links
            os.link(source.resolve(), target)
            return
    shutil.copy2(source, target)
