"""Files under the names that a user gives: files, folders with all below them, patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from sceneseek.structures import MediaProblem


def files_under(
    given: Path, recursive: bool, within: Sequence[str] | None = None
) -> Iterator[tuple[str | MediaProblem | None, bool]]:
    """Files under one name, in the order of their names, each once.

    Args:
        given: A file, a folder or a pattern.
        recursive: Whether to look into folders within folders.
        within: Real paths of the only folders that may be looked into; links to folders elsewhere are problems.

    Yields:
        A path, what went wrong on the way, or ``None`` for a folder that was entered; and whether it was named itself.
    """
    text = os.path.abspath(given)
    if os.path.isfile(text):
        yield text, True
    elif os.path.isdir(text):
        yield from ((path, False) for path in _walk(text, recursive, within))
    elif glob.has_magic(text) and (matches := sorted(glob.glob(text, recursive=True))):
        for match in matches:
            if os.path.isdir(match):
                yield from ((path, False) for path in _walk(match, recursive, within))
            else:
                yield match, False
    elif os.path.lexists(text):
        kind = "a link to nothing" if os.path.islink(text) else "neither a file nor a folder"
        yield MediaProblem(text, f"This is {kind}; expected a photograph, a video or a folder."), True
    else:
        what = "Nothing matches this pattern" if glob.has_magic(text) else "There is no such file or folder"
        yield MediaProblem(text, f"{what}; check the spelling."), True


def is_within(path: str, folders: Sequence[str] | None) -> bool:
    """Whether a path, links followed, lies below one of some real folders; ``None`` is everywhere."""
    return folders is None or any(PurePath(os.path.realpath(path)).is_relative_to(folder) for folder in folders)


def led_out(path: str) -> MediaProblem:
    """What is said of a link that leaves the folders that may be looked into."""
    return MediaProblem(path, "This link leads out of the folders that may be indexed; it is not followed.")


def _walk(folder: str, recursive: bool, within: Sequence[str] | None) -> Iterator[str | MediaProblem | None]:
    if not is_within(folder, within):
        yield led_out(folder)
        return
    problems: list[MediaProblem] = []
    visited: set[str] = set()

    def refused(error: OSError) -> None:
        problems.append(MediaProblem(str(error.filename), f"The folder cannot be read ({error.strerror})."))

    for parent, children, names in os.walk(folder, onerror=refused, followlinks=True):
        # Links may lead back up: a folder is entered once, whatever it is called.
        visited.add(os.path.realpath(parent))
        yield None
        children[:] = sorted(
            name
            for name in children
            if recursive and not name.startswith(".") and os.path.realpath(os.path.join(parent, name)) not in visited
        )
        out = [name for name in children if not is_within(os.path.join(parent, name), within)]
        children[:] = [name for name in children if name not in out]
        yield from problems
        problems.clear()
        yield from (led_out(os.path.join(parent, name)) for name in out)
        yield from (os.path.join(parent, name) for name in sorted(names) if not name.startswith("."))
    yield from problems
