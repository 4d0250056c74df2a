"""Where a camera stands and what it projects: a pinhole looking at a flat floor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Viewpoint:
    """A pinhole camera above the floor; world axes are x right, y up, z away from the camera, in metres.

    Attributes:
        elevation: Height of the lens above the floor, metres.
        pitch: Radians by which it looks down.
        focal: Focal length, pixels.
        centre_x: Principal point, pixels.
        centre_y: Principal point, pixels.
        width: Picture width, pixels.
        height: Picture height, pixels.
    """

    elevation: float
    pitch: float
    focal: float
    centre_x: float
    centre_y: float
    width: int
    height: int

    @property
    def horizon(self) -> float:
        """Row of the horizon, pixels (may lie outside the picture)."""
        return self.centre_y - self.focal * math.tan(self.pitch)

    def see(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """Turn one world point into camera axes (x right, y down, z forward)."""
        c, s = self._turn
        y -= self.elevation
        return x, -(y * c + z * s), z * c - y * s

    @cached_property
    def _turn(self) -> tuple[float, float]:
        return math.cos(self.pitch), math.sin(self.pitch)

    @cached_property
    def rotation(self) -> Points:
        """``(3, 3)`` matrix that turns world directions into camera axes."""
        c, s = self._turn
        return np.array([[1.0, 0.0, 0.0], [0.0, -c, -s], [0.0, -s, c]])

    def to_camera(self, points: Points) -> Points:
        """Turn world points ``(..., 3)`` into camera axes (x right, y down, z forward)."""
        c, s = self._turn
        y = points[..., 1] - self.elevation
        z = points[..., 2]
        seen = np.empty(points.shape)
        seen[..., 0] = points[..., 0]
        seen[..., 1] = -(y * c + z * s)
        seen[..., 2] = z * c - y * s
        return seen

    def project(self, points: Points) -> tuple[Points, Points]:
        """Project world points ``(..., 3)``.

        Returns:
            Pixels ``(..., 2)`` and pixels per metre ``(...)`` at each point's depth.
        """
        seen = self.to_camera(points)
        scale = self.focal / np.maximum(seen[..., 2], 0.05)
        pixels = np.empty((*scale.shape, 2))
        pixels[..., 0] = self.centre_x + seen[..., 0] * scale
        pixels[..., 1] = self.centre_y + seen[..., 1] * scale
        return pixels, scale

    def floor_at(self, column: float, row: float) -> tuple[float, float]:
        """Find the floor point ``(x, z)`` seen at a pixel below the horizon, metres."""
        c, s = math.cos(self.pitch), math.sin(self.pitch)
        ray_x, ray_y = (column - self.centre_x) / self.focal, (row - self.centre_y) / self.focal
        down = ray_y * c + s
        reach = self.elevation / max(down, 1e-3)
        return ray_x * reach, (c - ray_y * s) * reach

    def jittered(self, zoom: float, shift_x: float, shift_y: float) -> Viewpoint:
        """Zoom about the picture's origin and shift, as the same crop of the background does."""
        return Viewpoint(
            self.elevation,
            self.pitch,
            self.focal * zoom,
            self.centre_x * zoom + shift_x,
            self.centre_y * zoom + shift_y,
            self.width,
            self.height,
        )
