"""A gallery in one file: a ZIP of Parquet files, one per table, and a page that says what they are.

::

    gallery.zip
      media.parquet  frames.parquet  detections.parquet  tracklets.parquet  thumbnails.parquet
      archive.json        the model, and rows and SHA-256 of each file; written last

Any Parquet reader opens the tables. The audit log stays at home: it tells of people who searched, not of the gallery.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from sceneseek.errors import GalleryError
from sceneseek.gallery.addresses import cleaned
from sceneseek.gallery.audit import AuditLog
from sceneseek.gallery.privacy import private_replacement
from sceneseek.gallery.schema import TABLES, now, table_schema
from sceneseek.gallery.tables import Tables

if TYPE_CHECKING:
    from sceneseek.gallery.store import Gallery

FORMAT = "sceneseek gallery archive"
VERSION = 1
CONTENTS = "archive.json"
_BATCH_ROWS = 8192


@dataclass(frozen=True)
class Member:
    """One table in an archive.

    Attributes:
        rows: How many.
        bytes: Size of its Parquet file.
        sha256: Of that file, hexadecimal.
    """

    rows: int
    bytes: int
    sha256: str


def member_name(table: str) -> str:
    """The file that holds a table."""
    return f"{table}.parquet"


def export_archive(gallery: Gallery, path: Path, *, actor: str, overwrite: bool = False) -> dict[str, Member]:
    """Write a gallery into one file, whole or not at all. Nobody can write into the gallery meanwhile.

    Args:
        gallery: What to export.
        path: The file to write.
        actor: Who asks for it, for the audit log.
        overwrite: Whether an existing file may be replaced.

    Returns:
        What was written, by table.

    Raises:
        GalleryError: The file exists or cannot be written.
    """
    refuse_existing(path, overwrite)
    try:
        with gallery.writer(), private_replacement(path) as partial:
            AuditLog(gallery.path).append(actor, "export", into=str(path))
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
                members = {name: _write_table(archive, gallery, name) for name in TABLES}
                manifest = asdict(gallery.manifest)
                contents = {
                    "format": FORMAT,
                    "version": VERSION,
                    "exported": now(),
                    "gallery": {key: manifest[key] for key in ("model", "fingerprint", "embedding_dim", "created")},
                    "tables": {name: asdict(member) for name, member in members.items()},
                }
                archive.writestr(CONTENTS, json.dumps(contents, indent=2) + "\n")
    except OSError as error:
        raise GalleryError(f"{path} cannot be written: {error.strerror or error}.") from error
    return members


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Never replace somebody's file unasked.

    Raises:
        GalleryError: It exists.
    """
    if path.exists() and not overwrite:
        raise GalleryError(f"{path} exists already; choose another name, or pass --overwrite.")


def _write_table(archive: zipfile.ZipFile, gallery: Gallery, name: str) -> Member:
    schema = table_schema(name, gallery.manifest.embedding_dim)
    rows = 0
    with archive.open(member_name(name), "w", force_zip64=True) as file:
        sink = _Hashing(file)
        with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
            table: Any = Tables(gallery.path)[name]
            for batch in table.search().select(schema.names).to_batches(batch_size=_BATCH_ROWS):
                writer.write_batch(cleaned(batch).cast(schema))
                rows += batch.num_rows
    return Member(rows, sink.size, sink.digest.hexdigest())


class _Hashing:
    """A file that counts and hashes what is written; Parquet asks where it is, which a ZIP member cannot say."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0
        self.digest = hashlib.sha256()
        self.closed = False

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self.digest.update(data)
        self.size += len(data)
        return len(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False
