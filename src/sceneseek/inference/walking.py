"""Files under the names that a user gives: files, folders with all below them, patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from sceneseek.inference.contents import kind_by_name
from sceneseek.inference.omissions import Tally, is_system_folder
from sceneseek.structures import MediaProblem


def files_under(
    given: Path, recursive: bool, within: Sequence[str] | None = None, tally: Tally | None = None
) -> Iterator[tuple[str | MediaProblem | None, bool]]:
    """Files under one name, in the order of their names, each once.

    Args:
        given: A file, a folder or a pattern.
        recursive: Whether to look into folders within folders.
        within: Real paths of the only folders that may be looked into; links to folders elsewhere are problems.
        tally: Counts hidden files and folders, and folders that systems keep for themselves, which are left out;
            ``None`` to look into them, too.

    Yields:
        A path, what went wrong on the way, or ``None`` for a folder that was entered; and whether it was named itself.
    """
    text = os.path.abspath(given)
    if os.path.isfile(text):
        yield text, True
    elif os.path.isdir(text):
        yield from ((path, False) for path in _walk(text, recursive, within, tally))
    elif glob.has_magic(text) and (matches := sorted(glob.glob(text, recursive=True, include_hidden=tally is None))):
        for match in matches:
            if tally is not None and (left := _system_folder_in(match, text)):
                tally.leave_folder(left)
            elif os.path.isdir(match):
                yield from ((path, False) for path in _walk(match, recursive, within, tally))
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


def _system_folder_in(match: str, pattern: str) -> str | None:
    """The folder in what a pattern has matched that a system keeps for itself, unless the pattern names it."""
    folder = match if os.path.isdir(match) else os.path.dirname(match)
    parts = PurePath(folder).parts
    named = PurePath(pattern).parts
    for place, name in enumerate(parts):
        if is_system_folder(name, parts[place - 1] if place else "") and name not in named:
            return str(PurePath(*parts[: place + 1]))
    return None


def _walk(
    folder: str, recursive: bool, within: Sequence[str] | None, tally: Tally | None
) -> Iterator[str | MediaProblem | None]:
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
        entered = _entered(parent, children, tally) if recursive else []
        out = [name for name in entered if not is_within(os.path.join(parent, name), within)]
        children[:] = [
            name for name in entered if name not in out and os.path.realpath(os.path.join(parent, name)) not in visited
        ]
        yield from problems
        problems.clear()
        yield from (led_out(os.path.join(parent, name)) for name in out)
        yield from (os.path.join(parent, name) for name in sorted(names) if _is_met(parent, name, tally))
    yield from problems


def _entered(parent: str, children: list[str], tally: Tally | None) -> list[str]:
    """The folders in a folder that are looked into; the others are counted."""
    if tally is None:
        return sorted(children)
    left = {name for name in children if is_system_folder(name, os.path.basename(parent))}
    for name in left:
        tally.leave_folder(os.path.join(parent, name))
    return sorted(set(children) - left)


def _is_met(parent: str, name: str, tally: Tally | None) -> bool:
    """Whether a file in a folder is looked at: hidden ones are not, and counted where their names promise media."""
    if tally is None or not name.startswith("."):
        return True
    # What a cloud has not downloaded is hidden under the name of what it will be.
    if kind_by_name(name.removesuffix(".icloud")) is not None:
        tally.leave_file(os.path.join(parent, name), hidden=True)
    return False
