"""Import an archive that may come from anywhere: nothing in it is believed, and none of its names becomes a path.

Only the files of ``archiving`` are taken, by their fixed names; an archive with anything else in it is refused, and so
are links, encrypted files, files that would grow beyond bounds, and tables whose rows contradict each other. A new
gallery is made beside its final place and moved there when it is complete, so an import that was killed leaves nothing
half.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sceneseek.errors import GalleryArchiveError, GalleryBusyError, GalleryError
from sceneseek.gallery.archiving import CONTENTS, FORMAT, VERSION, Member, member_name
from sceneseek.gallery.audit import AuditLog
from sceneseek.gallery.checking import check
from sceneseek.gallery.lock import Lock
from sceneseek.gallery.merging import Merged, merge
from sceneseek.gallery.privacy import private_files
from sceneseek.gallery.records import MediaRecord
from sceneseek.gallery.schema import DETECTIONS, FRAMES, MEDIA, TABLES, THUMBNAILS, TRACKLETS, table_schema
from sceneseek.gallery.store import Gallery
from sceneseek.gallery.tables import Tables

MOST_BYTES = 1 << 38
"""Bytes of an archive's tables at most, 256 GiB: hundred million people."""

_MOST_GROWTH = 100
"""Times a compressed file may grow. Embeddings and JPEG files hardly shrink, texts by ten."""

_MOST_PARQUET_GROWTH = 2000
"""Times a table may be larger than its Parquet file, which is compressed inside: a camera that stands still, each of
whose embeddings is the same, reaches hundreds."""

_MOST_CONTENTS = 1 << 20
_MOST_THUMBNAIL = 1 << 18
_MOST_TEXT = 4096
_MOST_DIM = 1 << 16
_BATCH_ROWS = 2048
_BATCH_THUMBNAILS = 64
_BLOCK = 1 << 20
_FINGERPRINT = re.compile(r"[\w.+:-]{1,200}")
_ORDINAL = re.compile(r"[0-9]{1,18}")
_TRACKLET = re.compile(r"t[0-9]{1,18}")
_BEST = "a tracklet whose best people are not its file's"
_KINDS = ("photo", "video", "stream")
_DAY_US = 86_400_000_000
_INSTANTS = (-719_161 * _DAY_US, 2_932_895 * _DAY_US)
"""Microseconds from 1970 to the second day of the year 1, and to the last but one of 9999: moments between have a date
in any zone."""


def import_archive(archive: Path, target: Path, *, actor: str, most_bytes: int = MOST_BYTES) -> Merged:
    """Make a gallery from an archive, or add the archive to a gallery of the same model.

    Args:
        archive: The file.
        target: The gallery's folder: a new one is made, an existing one grows as by ``merge``.
        actor: Who asks for it, for the audit log.
        most_bytes: How large the unpacked tables may be together.

    Raises:
        GalleryArchiveError: The archive is damaged, foreign or hostile.
        GalleryError: The gallery cannot be made, or was made by another model.
    """
    target = target.expanduser().absolute()
    digest = _digest_of(archive)
    with ExitStack() as held:
        packed = held.enter_context(_open(archive))
        contents = _contents_of(packed, archive, most_bytes)
        unfinished = target.with_name(f".{target.name}.importing")
        held.enter_context(private_files())
        held.enter_context(_alone(unfinished))
        if unfinished.exists():
            shutil.rmtree(unfinished)  # a killed import left it
        try:
            fresh = _build(packed, contents, unfinished, archive, most_bytes)
            AuditLog(fresh.path).append(actor, "import", archive=str(archive), sha256=digest)
            if not target.exists() or (target.is_dir() and not any(target.iterdir())):
                people = len(fresh)
                files = len(fresh.media())
                if target.exists():
                    target.rmdir()
                os.replace(unfinished, target)
                return Merged(files, people)
            gallery = Gallery.open(target)
            AuditLog(gallery.path).append(actor, "import", archive=str(archive), sha256=digest)
            return merge(gallery, fresh, actor=actor)
        except OSError as error:
            raise GalleryError(f"{target} cannot be made from {archive}: {error.strerror or error}.") from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


@dataclass(frozen=True)
class _Contents:
    """What an archive says about itself, checked."""

    model: str
    fingerprint: str
    embedding_dim: int
    members: dict[str, Member]


def _open(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise GalleryArchiveError(
            f"{archive} is no gallery archive ({error}); expected one made by: sceneseek gallery export."
        ) from error


def _contents_of(packed: zipfile.ZipFile, archive: Path, most_bytes: int) -> _Contents:
    """Check the list of files, before anything is unpacked, and read what the archive says about itself."""
    expected = {CONTENTS, *(member_name(name) for name in TABLES)}
    entries = packed.infolist()
    names = [entry.filename for entry in entries]
    foreign = sorted(set(names) - expected)
    if foreign:
        raise GalleryArchiveError(
            f"{archive} holds {foreign[0][:200]!r}, which is no part of a gallery archive; nothing was unpacked."
        )
    if len(names) != len(expected):
        what = "holds a file twice" if len(set(names)) < len(names) else f"lacks {min(expected - set(names))}"
        raise GalleryArchiveError(f"{archive} {what}; nothing was unpacked.")
    for entry in entries:
        _check_entry(entry, archive)
    total = sum(entry.file_size for entry in entries)
    if total > most_bytes:
        raise GalleryArchiveError(f"{archive} would unpack to {total:,} bytes; at most {most_bytes:,} are allowed.")
    try:
        fields = json.loads(_read(packed, CONTENTS, _MOST_CONTENTS))
        if (fields["format"], fields["version"]) != (FORMAT, VERSION):
            found = f"{fields['format']!r} {fields['version']!r}"
            raise GalleryArchiveError(f"{archive} has format {found}; expected {FORMAT!r} {VERSION}.")
        gallery, tables = fields["gallery"], fields["tables"]
        members = {
            name: Member(int(tables[name]["rows"]), int(tables[name]["bytes"]), str(tables[name]["sha256"]))
            for name in TABLES
        }
        contents = _Contents(str(gallery["model"]), str(gallery["fingerprint"]), int(gallery["embedding_dim"]), members)
    except (ValueError, KeyError, TypeError, RecursionError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise GalleryArchiveError(f"{archive}: its {CONTENTS} is damaged ({error!r}).") from error
    if not (1 <= contents.embedding_dim <= _MOST_DIM and _FINGERPRINT.fullmatch(contents.fingerprint)):
        raise GalleryArchiveError(f"{archive} names an impossible model ({contents.embedding_dim} numbers a person).")
    if not 0 < len(contents.model) <= _MOST_TEXT or not contents.model.isprintable():
        raise GalleryArchiveError(f"{archive} names a model that is no name.")
    return contents


def _check_entry(entry: zipfile.ZipInfo, archive: Path) -> None:
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise GalleryArchiveError(f"{archive}: {entry.filename} is no plain file; nothing was unpacked.")
    if entry.flag_bits & 1:
        raise GalleryArchiveError(f"{archive}: {entry.filename} is encrypted; nothing was unpacked.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise GalleryArchiveError(f"{archive}: {entry.filename} is packed in an unusual way; nothing was unpacked.")
    if entry.file_size > _MOST_GROWTH * entry.compress_size + _BLOCK:
        raise GalleryArchiveError(
            f"{archive}: {entry.filename} would grow from {entry.compress_size:,} to {entry.file_size:,} bytes; "
            "nothing was unpacked."
        )


def _read(packed: zipfile.ZipFile, name: str, most: int) -> bytes:
    with packed.open(name) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise GalleryArchiveError(f"{name} is larger than {most:,} bytes.")
    return data


def _build(packed: zipfile.ZipFile, contents: _Contents, folder: Path, archive: Path, most_bytes: int) -> Gallery:
    """A gallery of the archive's tables."""
    gallery = Gallery.create(folder, contents.model, contents.fingerprint, contents.embedding_dim)
    tables = Tables(folder)
    checks = _Checks(archive)
    with TemporaryDirectory(prefix="unpacking-", dir=folder) as place:
        for name in (MEDIA, FRAMES, DETECTIONS, TRACKLETS, THUMBNAILS):
            path = Path(place) / "table"
            _unpack(packed, name, contents.members[name], path, archive)
            schema = table_schema(name, contents.embedding_dim)
            batches = _batches_of(path, schema, contents.members[name], archive, name, most_bytes)
            for batch in batches:
                checks.see(name, batch)
                tables[name].add(pa.Table.from_batches([batch]))
            path.unlink()
    report = check(folder, look_for_media=False)
    if not report.sound:
        # The worst come first.
        raise GalleryArchiveError(f"{archive} contradicts itself: {report.findings[0].found} Nothing was imported.")
    return gallery


def _unpack(packed: zipfile.ZipFile, name: str, member: Member, path: Path, archive: Path) -> None:
    digest, size = hashlib.sha256(), 0
    try:
        with packed.open(member_name(name)) as source, path.open("wb") as file:
            while block := source.read(_BLOCK):
                size += len(block)
                if size > member.bytes:
                    break
                digest.update(block)
                file.write(block)
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise GalleryArchiveError(f"{archive}: {member_name(name)} is damaged ({error}).") from error
    if size != member.bytes or digest.hexdigest() != member.sha256:
        raise GalleryArchiveError(f"{archive}: {member_name(name)} is not what {CONTENTS} says; it was changed or cut.")


def _batches_of(
    path: Path, schema: pa.Schema, member: Member, archive: Path, name: str, most_bytes: int
) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file, with the columns that the table must have."""
    rows, seen, size = member.rows, 0, 0
    most = min(_MOST_PARQUET_GROWTH * member.bytes + _BLOCK, most_bytes)
    try:
        with pq.ParquetFile(path) as file:
            found = file.schema_arrow
            if found.names != schema.names or [f.type for f in found] != [f.type for f in schema]:
                raise GalleryArchiveError(f"{archive}: {member_name(name)} has other columns than a gallery's table.")
            if file.metadata.num_rows != rows:
                raise GalleryArchiveError(
                    f"{archive}: {member_name(name)} has {file.metadata.num_rows} rows, not {rows}."
                )
            # What the file says of itself is looked at before anything is read, what it gives while it is read.
            _refuse_growth(_promised_bytes(file.metadata), most, archive, name)
            for batch in file.iter_batches(_BATCH_THUMBNAILS if name == THUMBNAILS else _BATCH_ROWS):
                seen += batch.num_rows
                size += batch.nbytes
                _refuse_growth(size, most, archive, name)
                if seen > rows:
                    break
                yield batch.cast(schema)
    except GalleryArchiveError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise GalleryArchiveError(f"{archive}: {member_name(name)} is damaged ({error}).") from error
    if seen != rows:
        raise GalleryArchiveError(f"{archive}: {member_name(name)} does not have the {rows} rows that it promises.")


def _promised_bytes(metadata: pq.FileMetaData) -> int:
    """How large a Parquet file's columns are at least, by its own account."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    columns = [group.column(i) for group in groups for i in range(group.num_columns)]
    return sum(max(column.total_uncompressed_size, column.num_values) for column in columns)


def _refuse_growth(size: int, most: int, archive: Path, name: str) -> None:
    if size > most:
        raise GalleryArchiveError(
            f"{archive}: {member_name(name)} would grow to {size:,} bytes or more; at most {most:,} are allowed. "
            "Nothing was imported."
        )


class _Checks:
    """What rows must be, for themselves and for each other."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._keys: set[str] = set()
        self._people: set[str] = set()
        self._others: dict[str, set[Any]] = {FRAMES: set(), TRACKLETS: set(), THUMBNAILS: set()}

    def see(self, name: str, batch: pa.RecordBatch) -> None:
        """Check some rows; media come first, then frames, people, tracklets and thumbnails.

        Raises:
            GalleryArchiveError: Something is impossible.
        """
        for field in batch.schema:
            self._see_column(name, field, batch[field.name])
        if name == MEDIA:
            self._see_media(batch)
            return
        keys = batch["media_key"].to_pylist()
        self._demand(self._keys.issuperset(keys), name, "a row of a file that the media table does not know")
        if "embedding" in batch.schema.names:
            vectors = np.asarray(batch["embedding"].flatten(), np.float64).reshape(batch.num_rows, -1)
            lengths = np.linalg.norm(vectors, axis=1)
            self._demand(bool((np.abs(lengths - 1) < 1e-3).all()), name, "an embedding that is not of length one")
        if name == DETECTIONS:
            self._see_people(batch, keys)
        elif name == FRAMES:
            self._see_new(name, list(zip(keys, batch["frame_index"].to_pylist(), strict=True)), self._others[name])
        elif name == TRACKLETS:
            names = batch["id"].to_pylist()
            self._see_new(name, names, self._others[name])
            self._demand(_all_begin(names, keys, _TRACKLET), name, "a tracklet of another file's name")
            best = batch["best_ids"].to_pylist()
            self._demand(all(best) and self._people.issuperset(i for ids in best for i in ids), name, _BEST)
            files = [{best_id.rsplit(":", 2)[0] for best_id in ids} for ids in best]
            self._demand(files == [{key} for key in keys], name, _BEST)
        elif name == THUMBNAILS:
            names = batch["id"].to_pylist()
            self._see_new(name, names, self._others[name])
            self._demand(self._people.issuperset(names), name, "a thumbnail of nobody")
            jpegs = batch["jpeg"].to_pylist()
            plausible = all(data.startswith(b"\xff\xd8\xff") and len(data) <= _MOST_THUMBNAIL for data in jpegs)
            self._demand(plausible, name, "a thumbnail that is no small JPEG file")

    def _see_column(self, name: str, field: pa.Field, column: pa.Array) -> None:
        """What holds for any text, list, number or moment, whatever it is about."""
        if not field.nullable:
            self._demand(column.null_count == 0, name, f"a row without {field.name}")
        if pa.types.is_list(field.type):
            column = column.flatten()
            self._demand(column.null_count == 0, name, f"{field.name} with a gap")
        if pa.types.is_string(column.type):
            longest = pc.max(pc.binary_length(column)).as_py() or 0
            self._demand(longest <= _MOST_TEXT, name, f"a {field.name} of {longest:,} bytes")
        elif pa.types.is_timestamp(column.type):
            span = pc.min_max(column.cast(pa.int64())).as_py()
            possible = span["min"] is None or _INSTANTS[0] <= span["min"] <= span["max"] < _INSTANTS[1]
            self._demand(possible, name, f"an impossible {field.name}")
        elif pa.types.is_float64(column.type):
            finite = pc.all(pc.is_finite(column)).as_py() is not False
            self._demand(finite, name, f"an impossible {field.name}")
        elif pa.types.is_integer(column.type):
            self._demand((pc.min(column).as_py() or 0) >= 0, name, f"a {field.name} below zero")

    def _see_media(self, batch: pa.RecordBatch) -> None:
        self._see_new(MEDIA, batch["key"].to_pylist(), self._keys)
        for row in batch.to_pylist():
            try:
                record = MediaRecord.from_row(row)
                zoned = not record.indexed_at or datetime.fromisoformat(record.indexed_at).tzinfo is not None
            except ValueError as error:
                raise GalleryArchiveError(
                    f"{self._archive}: {member_name(MEDIA)} holds an impossible row ({error}); nothing was imported."
                ) from error
            self._demand(zoned, MEDIA, f"a time without zone, {record.indexed_at[:200]!r}")
            self._demand(record.kind in _KINDS, MEDIA, f"a file of kind {record.kind[:200]!r}")

    def _see_people(self, batch: pa.RecordBatch, keys: Sequence[str]) -> None:
        names = batch["id"].to_pylist()
        self._see_new(DETECTIONS, names, self._people)
        frames = batch["frame_index"].to_pylist()
        heads = [f"{key}:{frame}" for key, frame in zip(keys, frames, strict=True)]
        self._demand(_all_begin(names, heads, _ORDINAL), DETECTIONS, "a person of another frame's name")
        followed = [pair for pair in zip(batch["tracklet_id"].to_pylist(), keys, strict=True) if pair[0] is not None]
        own = _all_begin([name for name, _ in followed], [key for _, key in followed], _TRACKLET)
        self._demand(own, DETECTIONS, "a person of another file's tracklet")
        corners = np.stack([batch[side].to_numpy() for side in ("x1", "y1", "x2", "y2", "score")])
        x1, y1, x2, y2, score = corners
        possible = np.isfinite(corners).all() and (x1 < x2).all() and (y1 < y2).all() and (score >= 0).all()
        self._demand(bool(possible and (score <= 1).all()), DETECTIONS, "an impossible box or score")

    def _see_new(self, name: str, names: Sequence[Any], seen: set[Any]) -> None:
        before = len(seen)
        seen.update(names)
        self._demand(len(seen) == before + len(names), name, "something twice")

    def _demand(self, holds: bool, name: str, what: str) -> None:
        if not holds:
            raise GalleryArchiveError(f"{self._archive}: {member_name(name)} holds {what}; nothing was imported.")


def _all_begin(names: Sequence[str], heads: Sequence[str], tail: re.Pattern[str]) -> bool:
    """Whether each name is its head, a colon, and a tail of that form."""
    parts = [name.rpartition(":") for name in names]
    return all(begin == head and tail.fullmatch(end) for (begin, _, end), head in zip(parts, heads, strict=True))


@contextmanager
def _alone(unfinished: Path) -> Iterator[None]:
    """Keep other imports into the same gallery away, by a lock beside it that goes when this one is done."""
    try:
        unfinished.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GalleryError(f"{unfinished.parent} cannot be made: {error.strerror or error}.") from error
    lock = Lock(unfinished.with_name(f"{unfinished.name}.lock"))
    holder = lock.take()
    if holder is not None:
        raise GalleryBusyError(f"another import is working in {unfinished} ({holder}); wait until it has finished.")
    try:
        yield
    finally:
        lock.release(remove=True)


def _digest_of(archive: Path) -> str:
    try:
        with archive.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise GalleryArchiveError(f"{archive} cannot be read: {error.strerror or error}.") from error
