"""Merge galleries of one model: each file once, with everything that was seen in it.

Files are taken over in parts, each whole or not at all, so a merge that was interrupted is repeated and goes on where
it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from sceneseek.errors import GalleryModelError, ValueRefused
from sceneseek.gallery.audit import AuditLog
from sceneseek.gallery.keep_out import Extent, KeepOut
from sceneseek.gallery.records import MediaRecord, MediaStatus
from sceneseek.gallery.schema import DETECTIONS, FRAMES, THUMBNAILS, TRACKLETS
from sceneseek.gallery.tables import Tables, one_of
from sceneseek.structures import Progress, silent

if TYPE_CHECKING:
    from sceneseek.gallery.store import Gallery
    from sceneseek.gallery.writer import GalleryWriter

_PEOPLE_AT_A_TIME = 20_000
_FILES_AT_A_TIME = 500
_BATCH_ROWS = 8192


@dataclass(frozen=True)
class Merged:
    """What a merge did.

    Attributes:
        files: Files taken over.
        people: People in them.
        known: Files that were there already; new paths of theirs were noted.
        kept_out: Files that were left out because they are on the keep-out list.
    """

    files: int = 0
    people: int = 0
    known: int = 0
    kept_out: int = 0


def merge(target: Gallery, source: Gallery, *, actor: str, progress: Progress = silent) -> Merged:
    """Take over everything that ``target`` does not know from ``source``, which stays as it is.

    Both are locked: nobody writes into either meanwhile. A file that the target has not finished is replaced when the
    source has, unless somebody in it was forgotten: then it stays as it is. What is kept out of either gallery is kept
    out afterwards, but nothing that is there is removed.

    Args:
        target: Where everything will be.
        source: Where it comes from.
        actor: Who asks for it, for the audit logs of both.
        progress: Told after each part: files done, files in all, and the last one's name.

    Raises:
        GalleryModelError: They were made by different models.
        ValueRefused: They are one and the same.
        GalleryBusyError: Somebody is writing into one of them.
    """
    if target.path.resolve() == source.path.resolve():
        raise ValueRefused(f"{target.path} cannot be merged into itself; name two galleries.")
    if target.manifest.fingerprint != source.manifest.fingerprint:
        raise GalleryModelError(
            f"{target.path} was made by {target.manifest.model!r} and {source.path} by {source.manifest.model!r}; "
            "their embeddings cannot be compared. Index the media of one of them again with the other's model."
        )
    with ExitStack() as held:
        # The source's writer mends what a killed one left there and brings an old format up to date.
        held.enter_context(source.writer())
        writer = held.enter_context(target.writer())
        AuditLog(source.path).append(actor, "export", into=str(target.path))
        AuditLog(target.path).append(actor, "merge", source=str(source.path))
        return _merge(writer, target, source, progress)


def _merge(writer: GalleryWriter, target: Gallery, source: Gallery, progress: Progress) -> Merged:
    known = {record.key: record for record in target.media()}
    listed = KeepOut.read(target.path)
    coming: list[MediaRecord] = []
    replaced: list[str] = []
    num_known = kept_out = 0
    for record in sorted(source.media(), key=lambda r: r.key):
        mine = known.get(record.key)
        extent = listed.entries.get(record.key)
        unfinished = mine is not None and mine.status is MediaStatus.INDEXING
        if extent is Extent.WHOLE or (extent is Extent.PEOPLE and mine is None):
            kept_out += 1  # theirs may still hold those who were forgotten here, and so it never replaces what is here
        elif mine is None or (unfinished and record.status is not MediaStatus.INDEXING and extent is None):
            coming.append(record)
            replaced += [record.key] if mine is not None else []
        else:
            num_known += 1
            writer.also_met_at(record.key, record.sources)
    if replaced:
        writer.remove_media(replaced)
    tables = Tables(source.path)
    done = 0
    for part in _parts(coming):
        writer.adopt(part, _rows_of(tables, [record.key for record in part]))
        done += len(part)
        progress(done, len(coming), part[-1].source)
    theirs = KeepOut.read(source.path).entries
    absent = {key: extent for key, extent in theirs.items() if extent is Extent.PEOPLE or key not in known}
    listed.with_entries(
        whole=[key for key, extent in absent.items() if extent is Extent.WHOLE],
        people=[key for key, extent in absent.items() if extent is Extent.PEOPLE],
    ).write(target.path)
    return Merged(len(coming), sum(record.num_people for record in coming), num_known, kept_out)


def _parts(records: Sequence[MediaRecord]) -> Iterator[list[MediaRecord]]:
    """Files in parts of some thousand people: enough for speed, few enough for memory."""
    part: list[MediaRecord] = []
    people = 0
    for record in records:
        part.append(record)
        people += record.num_people
        if people >= _PEOPLE_AT_A_TIME or len(part) >= _FILES_AT_A_TIME:
            yield part
            part, people = [], 0
    if part:
        yield part


def _rows_of(tables: Tables, keys: list[str]) -> dict[str, Iterator[pa.RecordBatch]]:
    return {name: _batches(tables[name], keys) for name in (FRAMES, DETECTIONS, TRACKLETS, THUMBNAILS)}


def _batches(table: Any, keys: list[str]) -> Iterator[pa.RecordBatch]:
    yield from table.search().where(one_of("media_key", keys)).to_batches(batch_size=_BATCH_ROWS)
