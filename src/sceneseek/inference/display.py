"""Decoded frames as they are to be seen: upright, with square pixels, in the colours of ordinary screens.

What a stream says of its pictures is heeded: the shape of its pixels, its display matrix, its matrix, range, transfer
and primaries, and whether a frame was recorded as two half pictures.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from sceneseek.errors import VideoError
from sceneseek.inference.containers import check_size
from sceneseek.pictures.tone_mapping import HLG, PQ, WIDE_PRIMARIES, as_bt709
from sceneseek.structures import BoolArray, ImageArray

_SHAPES = (Fraction(1, 5), Fraction(5))
"""Pixels of recorders are up to four times as wide as high; what lies beyond this is a mistake."""
_NEARLY_SQUARE = Fraction(1, 200)

_BT709, _BT601, _BT2020 = 1, 5, 9
_MATRICES = {1: _BT709, 4: 4, 5: _BT601, 6: _BT601, 7: 7, 9: _BT2020, 10: _BT2020}
"""Matrices by their numbers in ITU-T H.273, and libswscale's number for what they are read as."""
_NO_MATRIX = frozenset({0, 2, 3})
"""RGB, and those that do not say."""
_NOT_SAID = {"color_trc": (0, 2), "color_primaries": (0, 2), "colorspace": (2,), "color_range": (0,)}
"""Values by which a frame does not say something of its colours."""
_LIMITED = 1
_HIGH_DEFINITION = (1280, 577)
"""From this width or height on, a video that does not say it has the matrix of BT.709; smaller ones, that of BT.601."""

_DOLBY_VISION = frozenset({"dvh1", "dvhe", "dva1", "dvav", "dav1"})

_APART = 10
"""How far a line stands out from its neighbours that belongs to another half picture, in grey levels."""


class Display:
    """Makes pictures of the frames of one video.

    Args:
        stream: The video, as PyAV opens it.
    """

    def __init__(self, stream: Any) -> None:
        self._context = stream.codec_context
        stated, coded = stream.sample_aspect_ratio, self._context.sample_aspect_ratio
        # What the container says counts before what the pictures say, which may change on the way.
        self._stated: Fraction | None = stated if stated and stated != coded else None
        self._shape: Fraction | None = None
        # Some codecs have no room for it, and some encoders do not use the room: then the container says it.
        self._stated_colours = {name: getattr(self._context, name) for name in _NOT_SAID}
        self._codec_tag = str(stream.codec_tag).lower()
        self._remarks: dict[str, None] = {}

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is doubtful about the pictures so far, in sentences."""
        return tuple(self._remarks)

    def forget(self) -> None:
        """The next frame does not follow upon the last one."""
        self._shape = None

    def size(self, frame: Any) -> tuple[int, int]:
        """Width and height of a frame's picture."""
        width, height = self._size_as_stored(frame)
        matrix = _matrix_of(frame)
        return (height, width) if matrix is not None and _lies_on_its_side(matrix) else (width, height)

    def picture(self, frame: Any) -> ImageArray:
        """The pixels of a frame, ``(H, W, 3)`` uint8 RGB.

        Raises:
            VideoError: It is too large.
        """
        width, height = self._size_as_stored(frame)
        check_size(width, height)
        self._complete(frame)
        self._look_for_doubts(frame)
        if _is_ordinary(frame):
            pixels = _pixels(frame, "rgb24", width, height)
        else:
            pixels = _resized(_in_ordinary_colours(frame), width, height)
        matrix = _matrix_of(frame)
        return np.ascontiguousarray(pixels if matrix is None else _turned(pixels, matrix))

    def film(self, frame: Any, width: int, height: int) -> Any:
        """A frame's picture in the form that encoders take: of a size, YUV by BT.709 in limited range."""
        self._complete(frame)
        form: dict[str, Any] = {"format": "yuv420p", "dst_colorspace": _BT709, "dst_color_range": _LIMITED}
        if _is_ordinary(frame) and _matrix_of(frame) is None:
            check_size(frame.width, frame.height)
            return frame.reformat(width, height, src_colorspace=_source_matrix(frame), **form)
        picture = av.VideoFrame.from_ndarray(self.picture(frame), format="rgb24")
        return picture.reformat(width, height, **form)

    def _complete(self, frame: Any) -> None:
        """Let a frame say of its colours what only the container says."""
        for name, unsaid in _NOT_SAID.items():
            if getattr(frame, name) in unsaid:
                setattr(frame, name, self._stated_colours[name])

    def _size_as_stored(self, frame: Any) -> tuple[int, int]:
        """Width and height with square pixels, before anything is turned: the shorter side grows."""
        shape = self._pixel_shape(frame)
        if shape > 1:
            return round(frame.width * shape), int(frame.height)
        return int(frame.width), round(frame.height / shape)

    def _pixel_shape(self, frame: Any) -> Fraction:
        if self._shape is None or frame.key_frame:
            # It changes with a key frame; the decoder is ahead of the frames that it hands out.
            self._shape = self._stated or self._context.sample_aspect_ratio or Fraction(1)
        shape = self._shape
        if not _SHAPES[0] <= shape <= _SHAPES[1]:
            self._note(
                f"The file says that its pixels are {float(shape):.4g} times as wide as high, which no camera records: "
                "pictures are shown as they are stored."
            )
            return Fraction(1)
        return Fraction(1) if abs(shape - 1) < _NEARLY_SQUARE else shape

    def _look_for_doubts(self, frame: Any) -> None:
        if frame.colorspace not in _MATRICES and frame.colorspace not in _NO_MATRIX:
            self._note(
                f"Its colours are coded in a way that is not read here (matrix {frame.colorspace} of H.273): they may "
                "be off. Convert it to BT.709."
            )
        elif self._codec_tag in _DOLBY_VISION and frame.color_trc in _NOT_SAID["color_trc"]:
            self._note("It is Dolby Vision without ordinary colours beside it: colours are off. Convert it to BT.709.")
        matrix = _matrix_of(frame)
        if matrix is not None and sorted(map(abs, matrix.tolist()))[1] * 8 > max(map(abs, matrix.tolist())):
            self._note("It is to be shown at an angle: pictures are turned by the nearest quarter.")

    def _note(self, sentence: str) -> None:
        self._remarks[sentence] = None


def _is_ordinary(frame: Any) -> bool:
    """Whether a frame needs no more than its format changed."""
    if frame.color_trc in (PQ, HLG) or frame.color_primaries in WIDE_PRIMARIES:
        return False
    return not frame.interlaced_frame and not _has_alpha(frame)


def _has_alpha(frame: Any) -> bool:
    return any(component.is_alpha for component in frame.format.components) or frame.format.name == "pal8"


def _in_ordinary_colours(frame: Any) -> ImageArray:
    """A frame's pixels as they are stored, in 8 bits by BT.709, on white paper, of one moment."""
    check_size(frame.width, frame.height)
    if _has_alpha(frame):
        pixels = _on_paper(_pixels(frame, "rgba"))
    elif frame.color_trc in (PQ, HLG) or frame.color_primaries in WIDE_PRIMARIES:
        pixels = as_bt709(_pixels(frame, "rgb48le"), frame.color_trc, frame.color_primaries)
    else:
        pixels = _pixels(frame, "rgb24")
    return _without_combs(pixels) if frame.interlaced_frame else pixels


def _pixels(frame: Any, form: str, width: int | None = None, height: int | None = None) -> Any:
    grows = (width, height) not in ((None, None), (frame.width, frame.height))
    try:
        converted = frame.reformat(
            width,
            height,
            form,
            src_colorspace=_source_matrix(frame),
            interpolation="BICUBIC" if grows else None,
        )
    except OSError as error:
        raise VideoError(
            f"Pixels of the format {frame.format.name} are not read; convert the video, for example to H.264."
        ) from error
    return converted.to_ndarray()


def _source_matrix(frame: Any) -> int | None:
    """The matrix by which a frame is coded; one that is not said follows from its size, as players have it."""
    if frame.format.is_rgb:
        return None
    large = frame.width >= _HIGH_DEFINITION[0] or frame.height >= _HIGH_DEFINITION[1]
    return _MATRICES.get(frame.colorspace, _BT709 if large else _BT601)


def _resized(pixels: ImageArray, width: int, height: int) -> ImageArray:
    if pixels.shape[:2] == (height, width):
        return pixels
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    return np.asarray(frame.reformat(width, height, interpolation="BICUBIC").to_ndarray(), np.uint8)


def _on_paper(layer: NDArray[np.uint8]) -> ImageArray:
    alpha = layer[..., 3:].astype(np.uint16)
    return ((layer[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _without_combs(pixels: ImageArray) -> ImageArray:
    """Two half pictures of two moments, woven into each other, as one of the first moment.

    Where the lines of the second stand out from their neighbours like the teeth of a comb, they are computed from
    these; elsewhere nothing moved, and all lines stay.
    """
    if len(pixels) < 5:
        return pixels
    combed: BoolArray = np.zeros(pixels.shape[:2], bool)
    for channel in range(3):
        grey = pixels[..., channel].astype(np.int16)
        above, below = grey[2:-2] - grey[1:-3], grey[2:-2] - grey[3:-1]
        # To one side of both neighbours, by enough, and not as the edge of something that goes on below.
        stands_out = ((above > _APART) & (below > _APART)) | ((above < -_APART) & (below < -_APART))
        alternates = np.abs(grey[:-4] + 4 * grey[2:-2] + grey[4:] - 3 * (grey[1:-3] + grey[3:-1])) > 6 * _APART
        combed[2:-2] |= stands_out & alternates
    combed = _grown(combed)
    woven = pixels.copy()
    between = ((pixels[:-2:2].astype(np.uint16) + pixels[2::2] + 1) // 2).astype(np.uint8)
    second = woven[1:-1:2]
    second[combed[1:-1:2]] = between[: len(second)][combed[1:-1:2]]
    return woven


def _grown(mask: BoolArray) -> BoolArray:
    """A mask with the neighbours of what it holds."""
    wide = mask.copy()
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    tall = wide.copy()
    tall[1:] |= wide[:-1]
    tall[:-1] |= wide[1:]
    return tall


def _matrix_of(frame: Any) -> NDArray[np.int32] | None:
    """How a frame is turned and mirrored: to the right and down of it, in what is shown; ``None`` for not at all."""
    for part in frame.side_data:
        if part.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(bytes(part), np.int32)[:5]
            straight = a > 0 and d > 0 and b == 0 and c == 0
            return None if straight or not (a or b) else np.array([a, b, c, d])
    return None


def _lies_on_its_side(matrix: NDArray[np.int32]) -> bool:
    return bool(abs(int(matrix[1])) > abs(int(matrix[0])))


def _turned(pixels: ImageArray, matrix: NDArray[np.int32]) -> ImageArray:
    """Pixels turned by quarters and mirrored, as a display matrix says."""
    a, b, c, d = matrix.tolist()
    across, down = a, d
    if _lies_on_its_side(matrix):
        pixels, across, down = pixels.transpose(1, 0, 2), c, b
    if across < 0:
        pixels = pixels[:, ::-1]
    return pixels[::-1] if down < 0 else pixels
