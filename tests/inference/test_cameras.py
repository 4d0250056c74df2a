from __future__ import annotations

import pytest

from sceneseek.errors import ValueRefused
from sceneseek.inference.cameras import CameraPattern

CASES = [
    ("{camera}/*", "/footage/door/a.mp4", "door"),
    ("{camera}/*", "/a.mp4", None),
    ("{camera}/**", "/footage/door/monday/a.mp4", "monday"),  # the deepest that fits
    ("footage/{camera}/**", "/srv/footage/door/monday/a.mp4", "door"),
    ("footage/{camera}/**", "/srv/oldfootage/door/a.mp4", None),
    ("cam-{camera}_*.mp4", "/x/cam-12_20261127.mp4", "12"),
    ("cam-{camera}_*.mp4", "/x/webcam-12_20261127.mp4", None),
    ("{camera}/*/*", "/x/Камера 1/monday/a.jpg", "Камера 1"),
    ("{camera}-??.jpg", "/x/gate-03.jpg", "gate"),
    ("{camera}.zip/**", "/x/door.zip/inner/a.jpg", "door"),
    ("ch{camera}(main).mp4", "/x/ch2(main).mp4", "2"),
]


@pytest.mark.parametrize(("pattern", "path", "camera"), CASES)
def test_cameras_from_paths(pattern: str, path: str, camera: str | None) -> None:
    assert CameraPattern(pattern).camera_of(path) == camera


@pytest.mark.parametrize("pattern", ["", "footage/*", "{camera}/{camera}/*", "{site}/{camera}/*", "{}/x"])
def test_a_pattern_names_the_camera_once(pattern: str) -> None:
    with pytest.raises(ValueRefused, match=r"holds \{camera\} once"):
        CameraPattern(pattern)
