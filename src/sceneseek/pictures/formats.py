"""Which decoder opens a file: by its content, never by its name."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import Image, ImageFile

from sceneseek.errors import PictureError
from sceneseek.file_kinds import HEAD_BYTES, in_hexadecimal, is_heif, is_picture, kind_in_words
from sceneseek.pictures.tiff import TiffFile

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "AVIF", "HEIF")
"""What is opened. The list is short on purpose: each decoder is code that strangers' files reach."""

SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".dib",
    ".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heics", ".heif", ".heifs", ".hif",
})  # fmt: skip
"""File names that promise one of ``FORMATS``, in lower case."""

_SUFFIX_OF = {
    "JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "GIF": ".gif", "BMP": ".bmp",
    "DIB": ".bmp", "PPM": ".ppm", "AVIF": ".avif", "HEIF": ".heic",
}  # fmt: skip

_BYTES_IN_WORDS = re.compile(r"b'((?:[^'\\]|\\.)*)'|b\"((?:[^\"\\]|\\.)*)\"")
_OBJECTS = re.compile(r"<[\w.]+ [^<>]*(?:at 0x[0-9a-f]+|name=[^<>]*)>")


def has_picture_suffix(path: str | Path) -> bool:
    """Whether a file's name promises a picture.

    Example:
        >>> has_picture_suffix("IMG_0001.HEIC"), has_picture_suffix("notes.txt")
        (True, False)
    """
    return Path(path).suffix.lower() in SUFFIXES


def suffix_of(source: str | Path | bytes) -> str:
    """The suffix that belongs to a picture's content, whatever it is called.

    Raises:
        PictureError: As ``picture_size``.
    """
    with opened(source) as (image, _):
        return _SUFFIX_OF[str(image.format)]


def begins_as_picture(path: str | Path) -> bool:
    """Whether a file is a picture by its first bytes, be it damaged or of a kind that is not read."""
    try:
        with open(path, "rb") as file:
            return is_picture(file.read(HEAD_BYTES))
    except OSError:
        return False


@contextmanager
def opened(source: str | Path | bytes) -> Iterator[tuple[ImageFile.ImageFile, str]]:
    """Yield the picture with its header read, and the name to use in messages.

    Raises:
        PictureError: The file is missing, empty, or not a picture in a known format.
    """
    if isinstance(source, bytes):
        with io.BytesIO(source) as stream:
            yield _identified(stream, "picture"), "picture"
        return
    name = str(source)
    if Path(source).is_dir():
        raise PictureError(f"{name}: this is a folder; expected a picture file.")
    with _open_file(source, name) as file:
        yield _identified(file, name), name


def reason(error: Exception) -> str:
    """What a decoder says, in one line of words: no bytes and no objects as Python writes them."""
    text = str(error).strip().split("\n")[0]
    text = _OBJECTS.sub("the file", _BYTES_IN_WORDS.sub(lambda found: _in_words(found[1] or found[2] or ""), text))
    return text or type(error).__name__


def _in_words(literal: str) -> str:
    return literal if literal.isalnum() else in_hexadecimal(literal.encode().decode("unicode_escape").encode("latin-1"))


def _open_file(source: str | Path, name: str) -> IO[bytes]:
    try:
        return open(source, "rb")
    except FileNotFoundError as error:
        raise PictureError(f"{name}: there is no such file.") from error
    except (OSError, ValueError) as error:
        raise PictureError(f"{name}: the file cannot be opened ({reason(error)}).") from error


def _identified(stream: IO[bytes], name: str) -> ImageFile.ImageFile:
    """Find the decoder that accepts the first bytes, and let it read the header.

    ``Image.open`` would do the same but compares the size with a limit kept in process-wide state, and warns below it;
    here the limit is the caller's.
    """
    try:
        head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise PictureError(f"{name}: the file cannot be read ({reason(error)}).") from error
    if not head:
        raise PictureError(f"{name}: the file is empty (0 bytes).")
    failure: Exception | None = None
    for factory in _factories(head):
        stream.seek(0)
        try:
            return factory(stream, name)
        except Image.DecompressionBombError as error:  # WebP's decoder checks for itself, earlier than we can
            raise PictureError(f"{name}: the picture is too large to decode ({reason(error)}).") from error
        except Exception as error:  # damaged headers raise SyntaxError, struct.error, IndexError and more
            failure = error
    kind = kind_in_words(head)
    if failure is None:
        raise PictureError(
            f"{name}: this is {kind}, not a picture in a known format; expected one of {', '.join(FORMATS)}."
        )
    if "cannot handle" in str(failure) or "unknown pixel mode" in str(failure):
        raise PictureError(
            f"{name}: this is {kind} of a kind that is not read ({reason(failure)}); save it with 8 bits a colour."
        ) from failure
    raise PictureError(
        f"{name}: the picture's header is truncated or damaged ({reason(failure)}); it begins as {kind}."
    ) from failure


_Factory = Callable[[IO[bytes], str], ImageFile.ImageFile]


def _factories(head: bytes) -> Iterator[_Factory]:
    """The decoders that accept the first bytes."""
    if is_heif(head):
        yield _heif
        return
    Image.preinit()
    Image.init()
    for file_format in FORMATS:
        if file_format not in Image.OPEN:
            continue
        factory, accepts = Image.OPEN[file_format]
        verdict = accepts(head) if accepts else True
        if verdict and not isinstance(verdict, str):  # a string is a decoder's excuse: support was not compiled in
            yield TiffFile if file_format == "TIFF" else factory


def _heif(stream: IO[bytes], name: str) -> ImageFile.ImageFile:
    # Loaded for the first HEIC picture: most collections have none. Not registered with Pillow, whose table of formats
    # is shared with everything else in the process.
    from pillow_heif import HeifImageFile

    image: ImageFile.ImageFile = HeifImageFile(stream, name)  # type: ignore[no-untyped-call]
    return image
