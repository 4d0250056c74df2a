"""The journal: what a writer is in the middle of, so that the next one can undo or finish it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sceneseek import text_files
from sceneseek.errors import GalleryError
from sceneseek.gallery.manifest import write_whole
from sceneseek.gallery.schema import JOURNAL


@dataclass(frozen=True)
class Journal:
    """Work in progress.

    Attributes:
        adding: Content keys of files to which rows are being added: whatever the media table does not cover is undone.
        removing_media: Content keys of files that are being removed: removed to the end.
        removing_people: Detections that are being removed: removed to the end.
        tracklets: Tracklets that those people belong to.
    """

    adding: tuple[str, ...] = ()
    removing_media: tuple[str, ...] = ()
    removing_people: tuple[str, ...] = ()
    tracklets: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Journal | None:
        """Read ``folder``'s journal; ``None`` when nobody was interrupted.

        Raises:
            GalleryError: It is damaged.
        """
        path = folder / JOURNAL
        try:
            content = text_files.read_json(path)
            # Version 1 wrote a plain list of files that were being added to.
            entries = {"adding": content} if isinstance(content, list) else content
            return cls(**{f.name: tuple(str(entry) for entry in entries.get(f.name, ())) for f in fields(cls)})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise GalleryError(f"{path} is damaged ({error}); index into another --gallery folder.") from error

    def write(self, folder: Path) -> None:
        """Write the journal, whole or not at all."""
        write_whole(folder / JOURNAL, json.dumps(asdict(self)))

    @staticmethod
    def remove(folder: Path) -> None:
        """The work is done."""
        (folder / JOURNAL).unlink(missing_ok=True)
