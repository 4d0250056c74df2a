"""What a photograph's EXIF data say: how it must be turned, which camera took it, and when."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

from sceneseek.pictures.formats import opened

ExifTags = Mapping[int, Any]
"""EXIF data by tag number, those of the picture and those of the shot together; under ``GPS_IFD``, those of GPS."""

GPS_IFD = 0x8825
"""The tag that leads to the data of a GPS receiver."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes an orientation; those that are missing need nothing."""

SIDEWAYS = frozenset({5, 6, 7, 8})
"""Orientations that swap width and height."""

UPRIGHT = 1

_TURNED_BY_THEIR_DECODER = frozenset({"TIFF", "HEIF"})
_ORIENTATION = 0x0112
_MAKE, _MODEL, _EXIF_IFD, _BODY_SERIAL_NUMBER = 0x010F, 0x0110, 0x8769, 0xA431


def orientation_of(source: str | Path | bytes) -> int:
    """How a picture's EXIF data, or its TIFF tags, say that it is to be turned: 1 to 8; 1 is not at all.

    Raises:
        PictureError: As ``picture_size``.
    """
    with opened(source) as (image, _):
        return _stated_orientation(image)


def orientation_to_undo(image: Image.Image) -> int:
    """How a picture must be turned after it was decoded; 1 where its decoder turns it."""
    return UPRIGHT if image.format in _TURNED_BY_THEIR_DECODER else _stated_orientation(image)


def _stated_orientation(image: Image.Image) -> int:
    if image.format == "HEIF":  # by the standard EXIF's orientation says nothing about it
        return UPRIGHT
    try:
        value = _exif(image).get(_ORIENTATION, UPRIGHT)
    except Exception:  # a damaged EXIF block does not make the picture unreadable
        return UPRIGHT
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, int) and value in TURNS else UPRIGHT


def exif_tags(source: str | Path | bytes) -> ExifTags:
    """What a photograph's EXIF data say of the camera and the moment, by tag number; empty where there are none.

    A file that is no readable picture has none either: a damaged EXIF block is no reason to lose a photograph.
    """
    try:
        with opened(source) as (image, _):
            exif = _exif(image)
            parts = [_readable_tags(part) for part in (exif, exif.get_ifd(_EXIF_IFD), exif.get_ifd(GPS_IFD))]
    except Exception:
        return {}
    return {**parts[0], **parts[1], GPS_IFD: parts[2]}


def camera_of(source: str | Path | bytes | ExifTags) -> str | None:
    """The camera that a photograph's EXIF data name: make, model, and serial number where there is one.

    Args:
        source: The photograph, or its ``exif_tags``.

    Returns:
        ``None`` where nothing is named, or the file is no readable picture.
    """
    tags = source if isinstance(source, Mapping) else exif_tags(source)
    words = (tags.get(_MAKE), tags.get(_MODEL), tags.get(_BODY_SERIAL_NUMBER))
    make, model, serial = (word.strip(" \0") if isinstance(word, str) else "" for word in words)
    if model.lower().startswith(make.lower()):
        make = ""
    return " ".join(word for word in (make, model, serial) if word) or None


def _exif(image: Image.Image) -> Image.Exif:
    # The method of the base class: the one for PNG decodes the whole picture to look for a block behind it.
    return Image.Image.getexif(image)


def _readable_tags(part: MutableMapping[int, Any]) -> dict[int, Any]:
    """The tags of one block, without those that are damaged."""
    tags = {}
    for tag in list(part):
        with suppress(Exception):
            tags[tag] = part[tag]
    return tags
