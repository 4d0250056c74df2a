"""The files in a gallery's folder, some of which may go while somebody looks: merging and purging remove old ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def files_in(folder: Path) -> Iterator[Path]:
    """All files below a folder, in order; no links. A folder that goes meanwhile has none."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path


def bytes_in(folder: Path) -> int:
    """How many bytes the files below a folder hold; those that go meanwhile hold none."""
    total = 0
    for path in files_in(folder):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
