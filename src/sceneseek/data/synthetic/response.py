"""How a camera turns light into a file: colour, tone, optics, noise and compression."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sceneseek.data.synthetic.noise import Rng
from sceneseek.data.synthetic.raster import threefold
from sceneseek.data.synthetic.spec import Difficulty
from sceneseek.structures import FloatArray, ImageArray


@dataclass(frozen=True, eq=False)
class Response:
    """One camera's rendering of a scene.

    Attributes:
        matrix: ``(3, 3)`` colour matrix: white balance, cross-talk and saturation.
        gamma: Exponent on top of the scene's values; below 1 lifts the shadows.
        contrast: Strength of the S-shaped tone curve, about -0.4 to 0.8.
        black: Value of black (haze, flare).
        vignette: Loss of light in the corners, 0 to 0.6.
        blur: Defocus, pixels (standard deviation).
        sharpen: Strength of the camera's own sharpening, 0 to 1.5.
        shrink: The sensor's resolution relative to the picture's, at most 1.
        read_noise: Noise of black, part of full scale.
        shot_noise: Noise that grows with the root of the light.
        chroma: Part of the noise that is coloured.
        quality: JPEG quality.
    """

    matrix: NDArray[np.float64]
    gamma: float
    contrast: float
    black: float
    vignette: float
    blur: float
    sharpen: float
    shrink: float
    read_noise: float
    shot_noise: float
    chroma: float
    quality: int


def draw_response(rng: Rng, level: Difficulty) -> Response:
    """Draw a camera's response for a world of the given difficulty."""
    c = level.colour
    warmth, tint = rng.normal(0.0, c), rng.normal(0.0, 0.25 * c)
    gains = np.exp(np.array([warmth + tint, -tint, -warmth + 0.5 * tint]))
    saturation = float(np.clip(0.95 + rng.normal(0.0, 1.8 * c), 0.45, 1.5))
    grey = np.full((3, 3), 1.0 / 3.0)
    talk = np.eye(3) + rng.normal(0.0, 0.12 * c, (3, 3))
    matrix = (saturation * np.eye(3) + (1.0 - saturation) * grey) @ talk @ np.diag(gains)
    poor = float(rng.random() ** 1.5)
    low, high = level.jpeg
    return Response(
        matrix=matrix,
        gamma=float(np.exp(rng.normal(0.0, 1.2 * c))),
        contrast=float(np.clip(rng.normal(0.15, 1.6 * c), -0.35, 0.6)),
        black=float(max(0.0, rng.normal(0.0, 0.35 * c))),
        vignette=float(max(0.0, rng.normal(0.12, 0.12))),
        blur=float(rng.uniform(0.0, 0.5) + poor * level.blur * rng.random()),
        sharpen=float(max(0.0, rng.normal(0.25, 0.4))),
        shrink=float(1.0 - 0.5 * poor * min(1.0, level.blur) * rng.random()),
        read_noise=float(level.noise * poor * rng.random()),
        shot_noise=float(level.noise * (0.2 + 0.8 * poor) * rng.random()),
        chroma=float(rng.uniform(0.2, 1.0)),
        quality=round(high - (high - low) * poor * rng.random()),
    )


def _tone(response: Response, exposure: float) -> ImageArray:
    """The tone curve as a table of 256 bytes."""
    x = np.linspace(0.0, 1.0, 256) * 2.0**exposure
    x = np.where(x > 0.8, 1.0 - 0.2 * np.exp(-(x - 0.8) / 0.2), x)  # highlights roll off
    x = np.clip(x, 0.0, 1.0) ** response.gamma
    curve = x * x * (3.0 - 2.0 * x)
    x = (1.0 - response.contrast) * x + response.contrast * curve
    x = response.black + (1.0 - response.black) * x
    return np.asarray(np.clip(x * 255.0 + 0.5, 0, 255), np.uint8)


@lru_cache(maxsize=8)
def _falloff(height: int, width: int, strength: float) -> FloatArray:
    """What is left of the light towards the corners, ``(height, width, 3)``: the same in all pictures of a camera."""
    y = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    x = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None]
    return threefold(np.asarray(1.0 - np.float32(0.5 * strength) * (x * x + y * y), np.float32))


@lru_cache(maxsize=2)
def _sheets(height: int, width: int) -> tuple[FloatArray, FloatArray]:
    """A sheet of grey and one of coloured noise of unit strength; what is left to chance is where a picture is cut."""
    rng = np.random.default_rng([height, width])
    grey = rng.standard_normal((height, width), dtype=np.float32)
    return threefold(grey), rng.standard_normal((height, width, 3), dtype=np.float32)


def _grainy(image: ImageArray, response: Response, rng: Rng) -> ImageArray:
    """Add the sensor's noise: some everywhere, and some that grows with the root of the light."""
    height, width = image.shape[:2]
    grey, coloured = _sheets(height + 128, width + 128)
    y0, x0, y1, x1 = (int(v) for v in rng.integers(0, 128, 4))
    norm = (-255.0 if rng.random() < 0.5 else 255.0) / math.sqrt(1.0 + response.chroma**2)
    one, two = grey[y0 : y0 + height, x0 : x0 + width], coloured[y1 : y1 + height, x1 : x1 + width]
    noise = np.asarray(cv2.addWeighted(one, norm, two, norm * response.chroma, 0.0), np.float32)
    level = np.linspace(0.0, 1.0, 256, dtype=np.float32)
    strength = response.read_noise + response.shot_noise * np.sqrt(level)
    light = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    noise *= threefold(np.asarray(cv2.LUT(light, strength.astype(np.float32)), np.float32))
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)


def _motion(image: ImageArray, length: float, angle: float) -> ImageArray:
    size = max(3, 2 * round(length / 2) + 1)
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    dx, dy = math.cos(angle) * middle, math.sin(angle) * middle
    cv2.line(kernel, (round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy)), 1.0, 1)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)


def expose(scene: FloatArray, response: Response, exposure: float, rng: Rng, shake: float = 0.0) -> ImageArray:
    """Photograph a scene.

    Args:
        scene: ``(H, W, 3)`` float RGB, 1 is white paper in plain light. Overwritten.
        response: The camera.
        exposure: Brightness relative to normal, stops.
        rng: Randomness of this shot.
        shake: Length of the motion blur, pixels.

    Returns:
        ``(H, W, 3)`` uint8 RGB, before compression.
    """
    height, width = scene.shape[:2]
    picture = np.asarray(cv2.transform(scene, response.matrix.astype(np.float32)), np.float32)
    if response.vignette > 0.02:
        picture *= _falloff(height, width, response.vignette)
    if response.shrink < 0.97:
        small = (max(8, round(width * response.shrink)), max(8, round(height * response.shrink)))
        reduced = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
        picture = np.asarray(cv2.resize(reduced, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    # One pass for scaling, rounding and clipping.
    linear = np.asarray(cv2.addWeighted(picture, 255.0, picture, 0.0, 0.0, dtype=cv2.CV_8U), np.uint8)
    image = np.asarray(cv2.LUT(linear, _tone(response, exposure + _metered(linear, response))), np.uint8)
    if response.read_noise + response.shot_noise > 0.003:
        image = _grainy(image, response, rng)
    return _focus(image, response, shake, float(rng.uniform(0, math.pi)))


def _metered(linear: ImageArray, response: Response) -> float:
    """How the camera's own metering corrects the exposure, stops: half of the way to a middling picture."""
    middle = float(linear[::8, ::8].mean()) / 255.0
    wanted = 0.44 ** (1.0 / response.gamma)
    return float(np.clip(0.5 * math.log2(wanted / max(middle, 0.02)), -0.6, 1.3))


def _focus(image: ImageArray, response: Response, shake: float, angle: float) -> ImageArray:
    """What lens and sharpening make of a picture."""
    if response.blur > 0.25:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), response.blur), np.uint8)
    if shake > 1.5:
        image = _motion(image, shake, angle)
    if response.sharpen > 0.1:
        soft = cv2.GaussianBlur(image, (0, 0), 1.2)
        image = np.asarray(cv2.addWeighted(image, 1.0 + response.sharpen, soft, -response.sharpen, 0.0), np.uint8)
    return image


def compress(image: ImageArray, quality: int) -> bytes:
    """Write a picture as JPEG."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    assert done
    return bytes(data)


def decompress(data: bytes) -> ImageArray:
    """Read a JPEG back, ``(H, W, 3)`` uint8 RGB."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert image is not None
    return np.asarray(image, np.uint8)
