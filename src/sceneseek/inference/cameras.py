"""Which camera took a file, from where the file lies: ``{camera}/*``, ``site/{camera}/**``, ``*_{camera}_*.mp4``."""

from __future__ import annotations

import re
from pathlib import PurePath

from sceneseek.errors import ValueRefused

_PIECES = re.compile(r"\{(\w*)\}|(\*\*)|(\*)|(\?)|(.)", re.DOTALL)


class CameraPattern:
    """Reads the camera's name out of a path.

    ``{camera}`` stands for the name, ``*`` for anything within one part of the path, ``?`` for one letter, ``**`` for
    any number of parts. The pattern describes the end of the path, from the beginning of one of its parts; where
    several fit, the deepest counts.

    Args:
        pattern: Such as ``{camera}/*``: the folder that a file lies in.

    Raises:
        ValueRefused: The pattern does not name the camera once.

    Example:
        >>> CameraPattern("{camera}/*").camera_of("/footage/door/a.mp4")
        'door'
        >>> CameraPattern("footage/{camera}/**").camera_of("/footage/door/monday/a.mp4")
        'door'
        >>> CameraPattern("{camera}_*.jpg").camera_of("/photos/gate_0012.jpg")
        'gate'
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        names = re.findall(r"\{(\w*)\}", pattern)
        if names != ["camera"]:
            found = ", ".join("{" + name + "}" for name in names) or "nothing"
            raise ValueRefused(
                f"{pattern!r} names {found}; expected a pattern of a path that holds {{camera}} once, such as "
                "'{camera}/*' for the folder that a file lies in."
            )
        self._expression = re.compile("(?:^|.*/)" + "".join(_translated(pattern.strip("/"))) + "$", re.DOTALL)

    def camera_of(self, source: str) -> str | None:
        """The camera's name, or ``None`` where the path does not fit the pattern."""
        match = self._expression.match(PurePath(source).as_posix())
        return (match["camera"].strip() or None) if match else None


def _translated(pattern: str) -> list[str]:
    pieces = []
    for match in _PIECES.finditer(pattern):
        name, deep, star, one, letter = match.groups()
        if name:
            pieces.append(r"(?P<camera>[^/]+?)")
        elif deep:
            pieces.append(r".*")
        elif star:
            pieces.append(r"[^/]*")
        elif one:
            pieces.append(r"[^/]")
        else:
            pieces.append(re.escape(letter))
    return pieces
