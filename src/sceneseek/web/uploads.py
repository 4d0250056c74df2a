"""Uploaded media: checked by a decoder, and stored under names that the server makes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO

from fastapi import UploadFile

from sceneseek.errors import MediaError
from sceneseek.web.decoding import Decoders
from sceneseek.web.documents import UploadedFile
from sceneseek.web.refusals import Refusal

UPLOADS = "uploads"
"""The folder below the first media root."""

_COPY_BYTES = 1 << 20
_SPARE_BYTES = 512 << 20
"""What an upload leaves free on the disk."""
_NAME_LETTERS = 120


async def take_in(upload: UploadFile, folder: Path, decoders: Decoders, made: list[Path]) -> UploadedFile:
    """Store one uploaded file under the digest of its content, if it is a photograph or a video.

    The name that the sender gave is repeated in the answer and used for nothing else; the suffix follows from what a
    decoder says the content is. The same content uploaded twice is one file.

    Args:
        upload: The file as it came.
        folder: Where uploads are kept; made when missing.
        decoders: Says what a file is.
        made: Gets the file when there was none of that content.

    Raises:
        Refusal: (507) The disk is nearly full.
    """
    name = shown_name(upload)
    # Hidden, so that nobody who walks the folder takes it for a photograph before it is one.
    partial = folder / f".{secrets.token_hex(16)}.partial"
    try:
        digest = await asyncio.to_thread(_copy, upload.file, partial)
        _, suffix = await decoders.media_kind(str(partial))
        stored = f"{digest}{suffix}"
        if not (folder / stored).exists():
            made.append(folder / stored)
        await asyncio.to_thread(os.replace, partial, folder / stored)
    except MediaError as error:
        return UploadedFile(name=name, stored_as=None, problem=str(error))
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return UploadedFile(name=name, stored_as=stored, problem=None)


def clear_partials(folder: Path) -> None:
    """Remove what a server that was ended in the middle of an upload left behind."""
    for partial in folder.glob(".*.partial"):
        with suppress(OSError):
            partial.unlink()


def shown_name(upload: UploadFile) -> str:
    """What a sender calls a file, short and without folders, for display alone."""
    given = PurePosixPath((upload.filename or "").replace("\\", "/")).name
    return "".join(letter for letter in given if letter.isprintable())[:_NAME_LETTERS] or "unnamed"


def _copy(source: IO[bytes], target: Path) -> str:
    """Copy a file, readable by us alone; returns the digest of its content."""
    target.parent.mkdir(parents=True, exist_ok=True)
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
