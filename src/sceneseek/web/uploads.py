"""Uploaded media: checked by a decoder, and stored in folders that the server names, as what their sender calls them.

``uploads/DIGEST/Aunt Mary.jpg``: the folder is the digest of the content, so two senders never meet in one, and the
same content is on the disk once. The name inside is the sender's, made harmless: it is what the gallery, its answers
and its reports show.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO

from fastapi import UploadFile

from sceneseek.errors import MediaError
from sceneseek.gallery.privacy import make_folder, private_files
from sceneseek.inference.archives import TAR_SUFFIXES, ZIP_SUFFIXES
from sceneseek.inference.contents import VIDEO_SUFFIXES
from sceneseek.web.decoding import Decoders
from sceneseek.web.documents import UploadedFile
from sceneseek.web.refusals import Refusal

UPLOADS = "uploads"
"""The folder below the first media root."""

_COPY_BYTES = 1 << 20
_SPARE_BYTES = 512 << 20
"""What an upload leaves free on the disk."""
_NAME_LETTERS = 120
_NAME_BYTES = 200
_SUFFIX_LETTERS = 12
_FOLDERS = 8
"""Folders above a file that are kept of a folder that was sent, the nearest ones."""


async def take_in(upload: UploadFile, folder: Path, decoders: Decoders, made: list[Path]) -> UploadedFile:
    """Store one uploaded file, if it is a photograph, a video or an archive.

    It keeps the name that its sender gave it, as far as that is harmless; a suffix that does not belong to what a
    decoder says the content is gets the right one behind it. The same content uploaded twice is stored once, and known
    by both names.

    Args:
        upload: The file as it came.
        folder: Where uploads are kept; made when missing.
        decoders: Says what a file is.
        made: Gets the file when there was none of that content and name.

    Raises:
        Refusal: (507) The disk is nearly full.
    """
    name = sent_as(upload)
    # Hidden, so that nobody who walks the folder takes it for a photograph before it is one.
    partial = folder / f".{secrets.token_hex(16)}.partial{_archive_suffix(name)}"
    try:
        digest = await asyncio.to_thread(_copy, upload.file, partial)
        kind, suffix = await decoders.media_kind(str(partial))
        stored = f"{digest}/{_with_suffix(name, kind, suffix)}"
        if not (folder / stored).exists():
            made.append(folder / stored)
            await asyncio.to_thread(_move_in, partial, folder / digest, folder / stored)
    except MediaError as error:
        return UploadedFile(name=name, stored_as=None, problem=str(error))
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return UploadedFile(name=name, stored_as=stored, problem=None)


def clear_partials(folder: Path) -> None:
    """Remove what a server that was ended in the middle of an upload left behind."""
    for partial in folder.glob(".*.partial*"):
        with suppress(OSError):
            partial.unlink()


def take_back(made: Iterable[Path], folder: Path) -> None:
    """Remove files that were taken in, and the folders that were made for them."""
    for path in made:
        path.unlink(missing_ok=True)
        for parent in path.relative_to(folder).parents:
            if parent.name:
                with suppress(OSError):  # something else lies in it
                    (folder / parent).rmdir()


def shown_name(upload: UploadFile) -> str:
    """What a sender calls a file, short, harmless and without folders."""
    return PurePosixPath(sent_as(upload)).name


def sent_as(upload: UploadFile) -> str:
    """What a sender calls a file, with the folders that were sent with it: parts of a path that are safe to use.

    No part leads anywhere else, is hidden, or holds letters that cannot be seen (control letters, those that turn the
    direction of writing).
    """
    given = PurePosixPath((upload.filename or "").replace("\\", "/")).parts
    parts = [part for part in map(_harmless, given) if part]
    return "/".join(parts[-1 - _FOLDERS :]) or "unnamed"


def _harmless(part: str) -> str:
    letters = "".join(letter for letter in unicodedata.normalize("NFC", part) if letter.isprintable() and letter != "/")
    stem, dot, suffix = letters.strip(" ").lstrip(".~ ").rpartition(".")
    stem, suffix = (stem, f"{dot}{suffix}") if stem and len(suffix) <= _SUFFIX_LETTERS else (f"{stem}{dot}{suffix}", "")
    stem = stem[: _NAME_LETTERS - len(suffix)]
    while len(f"{stem}{suffix}".encode()) > _NAME_BYTES:
        stem = stem[:-1]
    return f"{stem}{suffix}".rstrip(". ")


def _archive_suffix(name: str) -> str:
    """The end of a name that promises an archive: what reads archives goes by it."""
    return next((end for end in (*TAR_SUFFIXES, *ZIP_SUFFIXES) if name.lower().endswith(end)), "")


def _with_suffix(name: str, kind: str, suffix: str) -> str:
    """A name whose end says what the content is; one that says something else gets the right end behind it."""
    end = PurePosixPath(name).suffix.lower()
    if kind == "photo":
        says = _SAME_FORMAT.get(end, end) == _SAME_FORMAT.get(suffix, suffix)
    else:  # what reads videos goes by their content; an archive was opened by its name
        says = kind == "archive" or end in VIDEO_SUFFIXES
    return name if says else f"{name}{suffix}"


_SAME_FORMAT = {
    ".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".mpo": ".jpg", ".tiff": ".tif", ".heif": ".heic",
    ".hif": ".heic", ".dib": ".bmp", ".pgm": ".ppm", ".pbm": ".ppm", ".pnm": ".ppm",
}  # fmt: skip
"""Ends of names that mean the format of another one."""


def _move_in(partial: Path, content: Path, target: Path) -> None:
    """Put a file where it belongs; what the folder of its content holds already is not stored again."""
    kept = next((path for path in content.rglob("*") if path.is_file()), None)
    with private_files():
        target.parent.mkdir(parents=True, exist_ok=True)
    if kept is None:
        os.replace(partial, target)
        return
    try:
        os.link(kept, target)
    except OSError:  # a disk without links holds it twice
        os.replace(partial, target)


def _copy(source: IO[bytes], target: Path) -> str:
    """Copy a file, readable by us alone, in a folder where nobody else sees its name; returns the content's digest."""
    make_folder(target.parent)
    digest = hashlib.blake2b(digest_size=20)
    source.seek(0)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(handle, "wb") as file:
            while block := source.read(_COPY_BYTES):
                if shutil.disk_usage(target.parent).free < _SPARE_BYTES + len(block):
                    raise Refusal(507, "The server's disk is nearly full; nothing more is taken.")
                digest.update(block)
                file.write(block)
    except OSError as error:
        raise Refusal(507, f"The upload cannot be stored ({error.strerror or 'the disk failed'}).") from error
    return digest.hexdigest()
