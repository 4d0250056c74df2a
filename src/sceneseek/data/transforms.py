"""Augmentation of whole scenes: boxes move with the image, and every random choice comes from a given generator.

Transforms work on uint8 RGB with NumPy and OpenCV, because that is the fastest thing a CPU can do to a picture. None of
them keeps state or touches a global random generator: the same scene and the same generator give the same pixels in any
process, in any order, which is what makes a resumed training run equal to one that never stopped.

Ranges are ``(low, high)``, both ends included; factors are drawn log-uniformly, so that halving is as likely as
doubling.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from sceneseek import boxes as box_ops
from sceneseek.structures import UNLABELED, FloatArray, ImageArray, IntArray

Range = tuple[float, float]
Generator = np.random.Generator

MIN_SIDE = 2.0
"""Boxes with a side of at most this many pixels after a crop are dropped: nothing can be learnt from them."""


def scene_generator(seed: int, epoch: int, index: int) -> Generator:
    """The random generator of one scene in one epoch.

    Args:
        seed: The run's seed.
        epoch: Which pass over the data.
        index: Which draw of the epoch.

    Returns:
        A generator that depends on these three numbers and on nothing else.

    Example:
        >>> scene_generator(1, 2, 3).integers(100) == scene_generator(1, 2, 3).integers(100)
        np.True_
    """
    return np.random.default_rng([seed, epoch, index])


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture with its people, on its way through the augmentation.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        boxes: ``(N, 4)`` float32 ``xyxy`` in pixels of ``image``.
        person_ids: ``(N,)`` int64, ``UNLABELED`` where unknown.
        keep_id: The person this scene was drawn for, whom crops keep in the picture; ``UNLABELED`` for nobody.
        annotations: ``(N,)`` int64, which of the scene's boxes each was before any was dropped; 0 to N - 1 at first.
        mirrored: Whether left and right have changed places.
    """

    image: ImageArray
    boxes: FloatArray
    person_ids: IntArray
    keep_id: int = UNLABELED
    annotations: IntArray | None = None
    mirrored: bool = False

    def __post_init__(self) -> None:
        if self.annotations is None:
            object.__setattr__(self, "annotations", np.arange(len(self.boxes)))

    def showing(self, image: Any) -> Scene:
        """The same people in changed pixels, ``(H, W, 3)`` uint8."""
        return replace(self, image=image)


class Transform(Protocol):
    """A change to a scene whose random choices come from ``rng``."""

    def __call__(self, scene: Scene, rng: Generator) -> Scene:
        """Return the changed scene; the given one is left alone."""


@dataclass(frozen=True)
class Augmentation:
    """Several transforms, one after the other.

    Attributes:
        transforms: Applied in this order.

    Example:
        >>> scene = Scene(np.zeros((4, 6, 3), np.uint8), np.array([[0, 0, 2, 4]], np.float32), np.array([7]))
        >>> Augmentation((HorizontalFlip(probability=1.0),))(scene, scene_generator(0, 0, 0)).boxes.tolist()
        [[4.0, 0.0, 6.0, 4.0]]
    """

    transforms: tuple[Transform, ...] = ()

    def __call__(self, scene: Scene, rng: Generator) -> Scene:
        """Apply every transform in turn."""
        for transform in self.transforms:
            scene = transform(scene, rng)
        return scene


def _log_uniform(rng: Generator, bounds: Range) -> float:
    return float(np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]))))


def _log_uniform_array(rng: Generator, bounds: Range, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]), shape)).astype(np.float32)


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirror the picture and its boxes.

    Attributes:
        probability: How often.
    """

    probability: float

    def __call__(self, scene: Scene, rng: Generator) -> Scene:
        """Mirror or not."""
        if rng.random() >= self.probability:
            return scene
        boxes = scene.boxes.copy()
        boxes[:, [0, 2]] = scene.image.shape[1] - scene.boxes[:, [2, 0]]
        return replace(scene, boxes=boxes, mirrored=not scene.mirrored).showing(cv2.flip(scene.image, 1))


@dataclass(frozen=True)
class Zoom:
    """Look at a part of the scene from nearer, or at the whole from further away; the picture keeps its size.

    A zoom above 1 crops a window that holds one person whole (the scene's ``keep_id`` where there is one) and enlarges
    it. A zoom below 1 shrinks the scene and puts it somewhere on a canvas of its mean colour.

    Attributes:
        probability: How often.
        zoom: Range of the enlargement, log-uniform.
        aspect: Range of the change of width against height, log-uniform.
        label_above: A person of whom a smaller share stays visible loses the identity, but stays a person.
        keep_above: A person of whom a smaller share stays visible is dropped.
        tries: Windows tried; the one that cuts the fewest people is taken.
    """

    probability: float
    zoom: Range
    aspect: Range = (1.0, 1.0)
    label_above: float = 0.6
    keep_above: float = 0.2
    tries: int = 6

    def __call__(self, scene: Scene, rng: Generator) -> Scene:
        """Zoom or not."""
        if rng.random() >= self.probability:
            return scene
        height, width = scene.image.shape[:2]
        zoom, aspect = _log_uniform(rng, self.zoom), np.sqrt(_log_uniform(rng, self.aspect))
        anchor = self._anchor(scene, rng)
        window = np.array([width / (zoom * aspect), height * aspect / zoom])
        if anchor is not None:
            # A person larger than the window would be cut on purpose: open the window instead.
            window = np.maximum(window, np.minimum(anchor[2:] - anchor[:2] + 2.0, [width, height]))
        corners = [self._corner(window, anchor, width, height, rng) for _ in range(self.tries)]
        left, top = min(corners, key=lambda corner: self._people_cut(scene, corner, window))
        return self._look_at(scene, (left, top, float(window[0]), float(window[1])))

    @staticmethod
    def _anchor(scene: Scene, rng: Generator) -> FloatArray | None:
        """The box to keep whole: the person the scene was drawn for, else any labelled person, else anyone."""
        for mask in (scene.person_ids == scene.keep_id, scene.person_ids != UNLABELED):
            rows = np.flatnonzero(mask & (scene.person_ids != UNLABELED))
            if rows.size:
                anchor: FloatArray = scene.boxes[rng.choice(rows)]
                return anchor
        return np.array(scene.boxes[rng.integers(len(scene.boxes))]) if len(scene.boxes) else None

    @staticmethod
    def _corner(
        window: NDArray[Any], anchor: FloatArray | None, width: int, height: int, rng: Generator
    ) -> tuple[float, float]:
        corner = []
        for axis, (size, length) in enumerate(zip(window, (width, height), strict=True)):
            # For a window larger than the picture these two change places: the picture lies inside the window.
            low, high = min(0.0, length - size), max(0.0, length - size)
            if anchor is not None and size < length:
                low, high = max(low, anchor[2 + axis] - size), min(high, anchor[axis])
            corner.append(float(rng.uniform(min(low, high), max(low, high))))
        return corner[0], corner[1]

    def _shares(self, scene: Scene, corner: tuple[float, float], window: NDArray[Any]) -> NDArray[Any]:
        left, top = corner
        seen = box_ops.intersection(scene.boxes, [[left, top, left + window[0], top + window[1]]])[:, 0]
        return np.asarray(seen / np.maximum(box_ops.area(scene.boxes), 1e-6))

    def _people_cut(self, scene: Scene, corner: tuple[float, float], window: NDArray[Any]) -> float:
        share = self._shares(scene, corner, window)
        return float(((share > 0.01) & (share < self.label_above)).sum())

    def _look_at(self, scene: Scene, window: tuple[float, float, float, float]) -> Scene:
        height, width = scene.image.shape[:2]
        left, top = round(window[0]), round(window[1])
        image: Any
        part: Any
        columns, rows = max(round(window[2]), 1), max(round(window[3]), 1)
        scale_x, scale_y = width / columns, height / rows
        inside = (max(left, 0), max(top, 0), min(left + columns, width), min(top + rows, height))
        part = scene.image[inside[1] : inside[3], inside[0] : inside[2]]
        size = (max(round(part.shape[1] * scale_x), 1), max(round(part.shape[0] * scale_y), 1))
        shrinks = size[0] < part.shape[1]
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        image = part
        if part.shape[:2] != (height, width):
            image = np.empty_like(scene.image)
            image[:] = np.asarray(cv2.mean(part)[:3]).round().astype(np.uint8)
            at_x = min(round((inside[0] - left) * scale_x), width - 1)
            at_y = min(round((inside[1] - top) * scale_y), height - 1)
            part = part[: height - at_y, : width - at_x]
            image[at_y : at_y + part.shape[0], at_x : at_x + part.shape[1]] = part
        moved = (scene.boxes - np.array([left, top, left, top])) * np.array([scale_x, scale_y, scale_x, scale_y])
        boxes = box_ops.clip(moved, width, height)
        share = box_ops.area(boxes) / np.maximum(box_ops.area(moved), 1e-6)
        keep = (share >= self.keep_above) & box_ops.valid_mask(boxes, MIN_SIDE)
        ids = np.where(share >= self.label_above, scene.person_ids, UNLABELED)
        assert scene.annotations is not None
        kept = scene.annotations[keep]
        return replace(scene, image=image, boxes=boxes[keep].astype(np.float32), person_ids=ids[keep], annotations=kept)


@dataclass(frozen=True)
class Erasing:
    """Hide a part of some people, as a passer-by or a lamp post would.

    After Zhong et al., 2020, *Random Erasing Data Augmentation*.

    Differs from the paper: the patch is a piece of the same scene in half of the cases, noise or one colour in the
    others, and each person has their own chance.

    Attributes:
        probability: How often, for each person.
        area: Share of the box that is hidden.
    """

    probability: float
    area: Range

    def __call__(self, scene: Scene, rng: Generator) -> Scene:
        """Hide parts of people."""
        chosen = np.flatnonzero(rng.random(len(scene.boxes)) < self.probability)
        if not chosen.size:
            return scene
        image = scene.image.copy()
        for row in chosen:
            self._hide(image, scene.boxes[row], rng)
        return scene.showing(image)

    def _hide(self, image: ImageArray, box: FloatArray, rng: Generator) -> None:
        height, width = image.shape[:2]
        left, top, right, bottom = box_ops.clip(box[None], width, height)[0].astype(int)
        share, ratio = rng.uniform(*self.area), _log_uniform(rng, (0.5, 2.0))
        columns = int(min((right - left) * np.sqrt(share * ratio), right - left))
        rows = int(min((bottom - top) * np.sqrt(share / ratio), bottom - top))
        if columns < 1 or rows < 1:
            return
        x = int(rng.integers(left, right - columns + 1))
        y = int(rng.integers(top, bottom - rows + 1))
        kind = rng.random()
        if kind < 0.5:
            from_x, from_y = int(rng.integers(0, width - columns + 1)), int(rng.integers(0, height - rows + 1))
            patch = image[from_y : from_y + rows, from_x : from_x + columns].copy()
        elif kind < 0.75:
            patch = rng.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
        else:
            patch = rng.integers(0, 256, 3, dtype=np.uint8)
        image[y : y + rows, x : x + columns] = patch


@dataclass(frozen=True)
class Light:
    """Uneven light: a smooth field of gains over the picture.

    Attributes:
        probability: How often.
        gain: Range of the gains, log-uniform.
        cells: The field is drawn at ``cells`` x ``cells`` points and interpolated.
    """

    probability: float
    gain: Range
    cells: int = 3

    def __call__(self, scene: Scene, rng: Generator) -> Scene:
        """Change the light or not."""
        if rng.random() >= self.probability:
            return scene
        height, width = scene.image.shape[:2]
        coarse = _log_uniform_array(rng, self.gain, (self.cells, self.cells))
        # In 1/64ths the product of gain and pixel stays in 16 bits, which OpenCV multiplies several times faster.
        gains = cv2.resize(coarse * 64.0, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
        image = cv2.multiply(scene.image, cv2.merge([gains, gains, gains]), scale=1.0 / 64.0)
        return scene.showing(image)


_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)


@dataclass(frozen=True)
class Colour:
    """Another camera: exposure, contrast, white balance, gamma, saturation and hue.

    The first four are one table look-up per channel, the last two one 3x3 matrix.

    Attributes:
        probability: How often.
        brightness: Range of the factor on all channels.
        contrast: Range of the factor on the distance from the mean.
        white_balance: Range of the factor on each channel.
        gamma: Range of the exponent.
        saturation: Range of the factor on chroma.
        hue: Range of the turn of the colour circle, in degrees.
    """

    probability: float
    brightness: Range
    contrast: Range
    white_balance: Range
    gamma: Range
    saturation: Range
    hue: Range

    def __call__(self, scene: Scene, rng: Generator) -> Scene:
        """Change the colours or not."""
        if rng.random() >= self.probability:
            return scene
        image = cv2.LUT(scene.image, self._tables(scene.image, rng))
        turn, chroma = np.deg2rad(rng.uniform(*self.hue)), _log_uniform(rng, self.saturation)
        cos, sin = chroma * np.cos(turn), chroma * np.sin(turn)
        matrix = _FROM_YIQ @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ _TO_YIQ
        return scene.showing(cv2.transform(image, matrix.astype(np.float32)))

    def _tables(self, image: ImageArray, rng: Generator) -> ImageArray:
        gamma, contrast = _log_uniform(rng, self.gamma), _log_uniform(rng, self.contrast)
        gain = _log_uniform(rng, self.brightness) * _log_uniform_array(rng, self.white_balance, (3,))
        mean = (np.asarray(cv2.mean(image)[:3]).mean() / 255.0) ** gamma
        value = (np.arange(256.0) / 255.0)[:, None] ** gamma
        value = ((value - mean) * contrast + mean) * gain[None]
        tables: ImageArray = (value.clip(0.0, 1.0) * 255.0).round().astype(np.uint8)[None]
        return tables


@dataclass(frozen=True)
class Greyscale:
    """No colour, as at night.

    Attributes:
        probability: How often.
    """

    probability: float

    def __call__(self, scene: Scene, rng: Generator) -> Scene:
        """Remove the colour or not."""
        if rng.random() >= self.probability:
            return scene
        grey = cv2.cvtColor(scene.image, cv2.COLOR_RGB2GRAY)
        return scene.showing(cv2.merge([grey, grey, grey]))


@dataclass(frozen=True)
class GaussianBlur:
    """Out of focus.

    Attributes:
        probability: How often.
        sigma: Range of the standard deviation, in pixels.
    """

    probability: float
    sigma: Range

    def __call__(self, scene: Scene, rng: Generator) -> Scene:
        """Blur or not."""
        if rng.random() >= self.probability:
            return scene
        return scene.showing(cv2.GaussianBlur(scene.image, (0, 0), rng.uniform(*self.sigma)))


@dataclass(frozen=True)
class MotionBlur:
    """A camera or a person that moved during the exposure: a line-shaped kernel at any angle.

    Attributes:
        probability: How often.
        length: Range of the line's length, in pixels.
    """

    probability: float
    length: Range

    def __call__(self, scene: Scene, rng: Generator) -> Scene:
        """Blur or not."""
        if rng.random() >= self.probability:
            return scene
        length, angle = rng.uniform(*self.length), rng.uniform(0.0, np.pi)
        half = int(np.ceil(length / 2.0))
        kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
        along = np.linspace(-length / 2.0, length / 2.0, 8 * half + 1)
        x = (half + along * np.cos(angle)).round().astype(int)
        y = (half + along * np.sin(angle)).round().astype(int)
        np.add.at(kernel, (y, x), 1.0)
        return scene.showing(cv2.filter2D(scene.image, -1, kernel / kernel.sum()))


def _normal_quantiles() -> NDArray[np.float32]:
    """The 256 equally likely values of a normal variable: a random byte looks up its noise."""
    from statistics import NormalDist

    return np.array([NormalDist().inv_cdf((i + 0.5) / 256.0) for i in range(256)], np.float32)


@dataclass(frozen=True)
class Noise:
    """Sensor noise, Gaussian, independent in each pixel and channel.

    Attributes:
        probability: How often.
        sigma: Range of the standard deviation, in grey levels of 255.
    """

    probability: float
    sigma: Range
    _quantiles: NDArray[np.float32] = field(default_factory=_normal_quantiles, repr=False, compare=False)

    def __call__(self, scene: Scene, rng: Generator) -> Scene:
        """Add noise or not."""
        if rng.random() >= self.probability:
            return scene
        table = (self._quantiles * rng.uniform(*self.sigma)).round().astype(np.int16)
        draws = np.frombuffer(rng.bytes(scene.image.size), np.uint8).reshape(scene.image.shape)
        noise = table[draws]
        return scene.showing(cv2.add(scene.image, noise, dtype=cv2.CV_8U))


@dataclass(frozen=True)
class Jpeg:
    """Compress and decompress.

    Attributes:
        probability: How often.
        quality: Range of the JPEG quality, 1 to 100.
    """

    probability: float
    quality: Range

    def __call__(self, scene: Scene, rng: Generator) -> Scene:
        """Compress or not."""
        if rng.random() >= self.probability:
            return scene
        quality = int(rng.integers(round(self.quality[0]), round(self.quality[1]) + 1))
        bgr = cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded: Any = cv2.imdecode(data, cv2.IMREAD_COLOR)
        return scene.showing(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))


@dataclass(frozen=True)
class LowResolution:
    """A camera with fewer pixels: shrink, then enlarge to the old size.

    Attributes:
        probability: How often.
        scale: Range of the shrinking factor, at most 1.
    """

    probability: float
    scale: Range

    def __call__(self, scene: Scene, rng: Generator) -> Scene:
        """Lose detail or not."""
        if rng.random() >= self.probability:
            return scene
        height, width = scene.image.shape[:2]
        scale = _log_uniform(rng, self.scale)
        small = cv2.resize(
            scene.image,
            (max(round(width * scale), 1), max(round(height * scale), 1)),
            interpolation=cv2.INTER_AREA if rng.random() < 0.5 else cv2.INTER_LINEAR,
        )
        return scene.showing(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
