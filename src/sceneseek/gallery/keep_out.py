"""Files that are not to come back: what was forgotten stays forgotten when its folder is indexed again.

The list holds content keys only, hashes from which no picture, name or face can be recovered. A file of which
everything was forgotten is not read again at all. One of which only some people were forgotten stays as it is: it goes
on where it stopped, but is not read from its start, with another sampling or after its record is gone, since that would
find these people again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sceneseek import text_files
from sceneseek.errors import GalleryError
from sceneseek.gallery.manifest import write_whole

KEEP_OUT = "keep_out.json"


class Extent(StrEnum):
    """How much of a file is kept out."""

    WHOLE = "whole"
    """It is not read at all."""
    PEOPLE = "people"
    """Somebody in it was forgotten: what was read is not read again."""


@dataclass(frozen=True)
class KeepOut:
    """The list of one gallery.

    Attributes:
        entries: How much is kept out, by content key.
    """

    entries: Mapping[str, Extent] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> KeepOut:
        """Read a gallery's list; one that has none keeps nothing out.

        Raises:
            GalleryError: The list is damaged: nothing may be indexed until it is known what must not be.
        """
        path = folder / KEEP_OUT
        try:
            content = text_files.read_json(path)
            return cls({str(key): Extent(extent) for key, extent in content.items()})
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, AttributeError) as error:
            raise GalleryError(
                f"{path} is damaged ({error}), so that it is not known what must not be indexed again. Put back a copy "
                "of it, or remove it when nothing needs to be kept out."
            ) from error

    def with_entries(self, whole: Collection[str] = (), people: Collection[str] = ()) -> KeepOut:
        """The list with further files; one that is kept out as a whole stays so."""
        entries = {**dict.fromkeys(people, Extent.PEOPLE), **self.entries, **dict.fromkeys(whole, Extent.WHOLE)}
        return KeepOut(entries)

    def without(self, keys: Collection[str]) -> KeepOut:
        """The list without some files, which may come back."""
        return KeepOut({key: extent for key, extent in self.entries.items() if key not in keys})

    def write(self, folder: Path) -> None:
        """Replace a gallery's list; the writer's lock must be held."""
        write_whole(folder / KEEP_OUT, json.dumps(dict(sorted(self.entries.items())), indent=1) + "\n")

    def reason(self, key: str, *, again: bool) -> str | None:
        """Why a file may not be read, or ``None`` when it may.

        Args:
            key: Its content key.
            again: Whether it would be read from its start.
        """
        extent = self.entries.get(key)
        if extent is Extent.WHOLE:
            return "Left out: it was forgotten and is not to come back; to allow it: sceneseek gallery keep-out --lift."
        if extent is Extent.PEOPLE and again:
            return (
                "Left as it is: people in it were forgotten, and reading it again would find them; to allow it: "
                "sceneseek gallery keep-out --lift."
            )
        return None
