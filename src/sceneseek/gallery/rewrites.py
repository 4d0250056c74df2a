"""A count of rewritings, so that readers know whether what they hold in memory has only been added to since.

Most batches only add people. Sometimes rows are changed or removed: a camera is renamed, somebody is forgotten. The
count is raised before and after, so it is odd meanwhile. A reader whose count is even and has not moved between two
looks at the table may keep the people it holds and read only those that came after them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sceneseek import text_files
from sceneseek.gallery.manifest import write_whole
from sceneseek.gallery.schema import REWRITES


def rewrites(folder: Path) -> int:
    """The count; a gallery in which nothing was ever rewritten has none, which counts as 0."""
    try:
        return int(text_files.read_text(folder / REWRITES))
    except FileNotFoundError:
        return 0
    except ValueError:
        return 1


@contextmanager
def rewriting(folder: Path) -> Iterator[None]:
    """Around whatever changes or removes rows; the writer's lock must be held.

    A writer that dies inside leaves an odd count: readers keep nothing in memory until its successor is through.
    """
    before = rewrites(folder)
    write_whole(folder / REWRITES, f"{before + 1 + before % 2}\n")
    yield
    write_whole(folder / REWRITES, f"{before + 2 + before % 2}\n")
