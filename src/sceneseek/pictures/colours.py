"""Colours as a file stores them to sRGB: profiles, inks, Lab, grey, palettes, transparency.

Networks are trained on pictures whose numbers mean sRGB, so that the same jacket has the same numbers from every
camera. Phones write Display P3, cameras Adobe RGB, print shops inks; each with the profile that says so. A profile that
is damaged, or belongs to other colours than those of the picture, is not applied, and that is said.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from sceneseek.pictures import gamuts, tone_mapping
from sceneseek.pictures.formats import reason

Remark = Callable[[str], None]
"""Told in words what had to be guessed or was left out while a picture was read."""


class Described(NamedTuple):
    """Colours as HEIC and AVIF describe them, by the numbers of ITU-T H.273."""

    primaries: int
    transfer: int


_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}
"""What ICC calls the colours of Pillow's modes."""
_WITH_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_HIGH_RANGE = {tone_mapping.PQ: "PQ", tone_mapping.HLG: "HLG"}
_NCLX = b"colrnclx"
_NCLX_WITHIN = 1 << 16
"""Where HEIC and AVIF files have their description: before the pixels."""


def as_srgb(image: Image.Image, remark: Remark, described: Described | None = None) -> Image.Image:
    """A decoded picture of 8 bits a colour as RGB whose numbers mean sRGB.

    Args:
        image: In any of Pillow's modes of 8 bits or fewer.
        remark: Told what was left out.
        described: What numbers say of its colours, where no profile does.
    """
    if described is not None and described.transfer in _HIGH_RANGE:
        return _brought_into_range(image, described, remark)
    profile = gamuts.profile_of(*described) if described is not None else image.info.get("icc_profile")
    flat = _flattened(image)
    if isinstance(profile, bytes) and profile:
        return _by_profile(flat, profile, remark)
    if flat.mode == "LAB":
        return _lab_to_rgb(flat)
    return _as_rgb(flat)


def may_be_described(image: Image.Image) -> bool:
    """Whether a picture's colours may be described by numbers in place of a profile."""
    return image.format in ("HEIF", "AVIF") and not image.info.get("icc_profile")


def described_in(head: bytes) -> Described | None:
    """What a HEIC or AVIF picture says of its colours by numbers.

    Args:
        head: The file's first bytes.
    """
    at = head.find(_NCLX, 0, _NCLX_WITHIN)
    if at < 0:
        return None
    numbers = head[at + len(_NCLX) : at + len(_NCLX) + 4]
    return Described(int.from_bytes(numbers[:2], "big"), int.from_bytes(numbers[2:], "big"))


def on_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Composite ``(H, W, 3)`` uint8 colours on white by ``(H, W)`` uint8 opacity."""
    share = alpha[..., None].astype(np.float32) / 255
    return np.rint(colours * share + 255 * (1 - share)).astype(np.uint8)


def _brought_into_range(image: Image.Image, described: Described, remark: Remark) -> Image.Image:
    name = _HIGH_RANGE[described.transfer]
    remark(f"its colours are of high dynamic range ({name}) and were brought into that of a screen")
    codes = np.asarray(_as_rgb(_flattened(image)))
    return Image.fromarray(tone_mapping.as_bt709(codes, described.transfer, described.primaries, "sRGB"))


def _as_rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")  # which would copy every pixel


def _flattened(image: Image.Image) -> Image.Image:
    """The picture without transparency and palette, in a mode that a profile may belong to."""
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        # Through RGBA, which also understands a palette's or a single colour's transparency.
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        paper.alpha_composite(layer)
        return paper.convert("RGB")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in _SPACES else image.convert("RGB")


def _by_profile(image: Image.Image, profile: bytes, remark: Remark) -> Image.Image:
    try:
        transform = _transform(profile, image.mode)
        if transform is None:
            return _as_rgb(image)
        converted = ImageCms.applyTransform(image, transform)
        assert converted is not None
        return converted
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        remark(f"its colour profile was not applied ({reason(error) if str(error) else 'it is damaged'})")
        return _lab_to_rgb(image) if image.mode == "LAB" else _as_rgb(image)


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """What converts colours of a profile to sRGB; ``None`` where they are sRGB.

    Raises:
        PyCMSError: The profile is damaged, or cannot be converted.
        ValueError: It belongs to other colours.
    """
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = source.profile.xcolor_space.strip()
    if space != _SPACES[mode]:
        known = space if space.isalnum() else "no known colours"
        raise ValueError(f"it is for {known} and the picture has {_SPACES[mode]}")
    if mode == "RGB" and "srgb" in ImageCms.getProfileDescription(source).casefold():
        return None
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    transform = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None
    return converted
