"""Which model made a gallery, and in which format it is kept."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from sceneseek import text_files
from sceneseek.errors import GalleryError, GalleryMissingError, TextFileError
from sceneseek.gallery.privacy import private_opener
from sceneseek.gallery.schema import MANIFEST, now

FORMAT = "sceneseek gallery"
VERSION = 2


@dataclass(frozen=True)
class Manifest:
    """Which model made a gallery.

    Attributes:
        model: The model's name, with which it can be loaded again.
        fingerprint: A digest of its weights and preprocessing; only equal fingerprints can be compared.
        embedding_dim: Length of an embedding.
        created: ISO 8601 in UTC.
        version: The format of the folder. Earlier ones are read as they are and brought up to date by the next writer.
    """

    model: str
    fingerprint: str
    embedding_dim: int
    created: str
    version: int = VERSION

    @classmethod
    def new(cls, model: str, fingerprint: str, embedding_dim: int) -> Manifest:
        """A manifest made now."""
        return cls(model, fingerprint, embedding_dim, now())

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read ``folder``'s manifest.

        Raises:
            GalleryMissingError: There is none.
            GalleryError: It is damaged or of a later version.
        """
        path = folder / MANIFEST
        try:
            text = text_files.read_text(path)
        except (FileNotFoundError, NotADirectoryError):
            raise GalleryMissingError(
                f"{folder} is not a gallery (it has no {MANIFEST}). Make one with: "
                "sceneseek index PATHS --gallery FOLDER"
            ) from None
        except (OSError, TextFileError) as error:
            raise GalleryError(f"{path} cannot be read: {error}.") from error
        try:
            fields = text_files.parse_json(text)
            if fields.pop("format") != FORMAT:
                raise GalleryMissingError(f"{folder} is not a gallery: its {MANIFEST} belongs to something else.")
            version = int(fields.pop("version"))
            if version > VERSION:
                raise GalleryError(
                    f"{folder} has gallery format {version}; this sceneseek reads up to {VERSION}. Update sceneseek."
                )
            return cls(
                str(fields["model"]),
                str(fields["fingerprint"]),
                int(fields["embedding_dim"]),
                str(fields["created"]),
                version,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise GalleryError(
                f"{path} is damaged ({error!r}). Index the media again into another --gallery folder."
            ) from error

    def write(self, folder: Path) -> None:
        """Write the manifest, whole or not at all."""
        write_whole(folder / MANIFEST, json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step: a reader, or a run after a crash, sees the old text or the new, never a part."""
    partial = path.with_name(f".{path.name}.partial")
    with open(partial, "w", encoding="utf-8", opener=private_opener(path.parent)) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
