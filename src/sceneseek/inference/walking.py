"""Files under the names that a user gives: files, folders with all below them, patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from sceneseek.structures import MediaProblem


def files_under(given: Path, recursive: bool) -> Iterator[tuple[str | MediaProblem, bool]]:
    """Files under one name, in the order of their names, each once.

    Args:
        given: A file, a folder or a pattern.
        recursive: Whether to look into folders within folders.

    Yields:
        A path, or what went wrong on the way; and whether it was named itself.
    """
    text = os.path.abspath(given)
    if os.path.isfile(text):
        yield text, True
    elif os.path.isdir(text):
        yield from ((path, False) for path in _walk(text, recursive))
    elif glob.has_magic(text) and (matches := sorted(glob.glob(text, recursive=True))):
        for match in matches:
            if os.path.isdir(match):
                yield from ((path, False) for path in _walk(match, recursive))
            else:
                yield match, False
    elif os.path.lexists(text):
        kind = "a link to nothing" if os.path.islink(text) else "neither a file nor a folder"
        yield MediaProblem(text, f"This is {kind}; expected a photograph, a video or a folder."), True
    else:
        what = "Nothing matches this pattern" if glob.has_magic(text) else "There is no such file or folder"
        yield MediaProblem(text, f"{what}; check the spelling."), True


def _walk(folder: str, recursive: bool) -> Iterator[str | MediaProblem]:
    problems: list[MediaProblem] = []
    visited: set[str] = set()

    def refused(error: OSError) -> None:
        problems.append(MediaProblem(str(error.filename), f"The folder cannot be read ({error.strerror})."))

    for parent, children, names in os.walk(folder, onerror=refused, followlinks=True):
        # Links may lead back up: a folder is entered once, whatever it is called.
        visited.add(os.path.realpath(parent))
        children[:] = sorted(
            name
            for name in children
            if recursive and not name.startswith(".") and os.path.realpath(os.path.join(parent, name)) not in visited
        )
        yield from problems
        problems.clear()
        yield from (os.path.join(parent, name) for name in sorted(names) if not name.startswith("."))
    yield from problems
