"""Look a gallery over: what is damaged, what is left over, what is kept, and what to do about it.

Nothing is changed here; see ``repairing``. Every row of every table is read, so damage shows wherever it lies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sceneseek.errors import GalleryError, GalleryMissingError
from sceneseek.gallery.addresses import told_too_much
from sceneseek.gallery.audit import AuditLog
from sceneseek.gallery.forgetting import FORGETTING
from sceneseek.gallery.journal import Journal
from sceneseek.gallery.keep_out import KeepOut
from sceneseek.gallery.manifest import VERSION, Manifest
from sceneseek.gallery.migrations import tables_of
from sceneseek.gallery.privacy import is_shared, open_to_others
from sceneseek.gallery.purging import leftovers
from sceneseek.gallery.records import MediaRecord, MediaStatus
from sceneseek.gallery.retention import Retention
from sceneseek.gallery.schema import DETECTIONS, FRAMES, JOURNAL, MEDIA, TABLES, THUMBNAILS, TRACKLETS
from sceneseek.gallery.tables import Tables
from sceneseek.structures import IntArray
from sceneseek.words import counted, is_address

_BATCH_ROWS = 8192
_NAMED = 5


class Weight(StrEnum):
    """How bad a finding is."""

    DAMAGE = "damage"
    """Something is lost or contradicts itself."""
    UNFINISHED = "unfinished"
    """Something was interrupted; nothing is wrong with what is there."""
    NOTE = "note"
    """Worth knowing."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        kind: A word for programs, such as ``"table"`` or ``"orphans"``.
        weight: How bad it is.
        found: What was found, one sentence.
        remedy: What to do.
        repairable: Whether ``repair`` does it.
    """

    kind: str
    weight: Weight
    found: str
    remedy: str = ""
    repairable: bool = False


@dataclass(frozen=True)
class CheckReport:
    """What a check found.

    Attributes:
        findings: The worst first.
        kept: Rows that can be read, by table.
    """

    findings: tuple[Finding, ...]
    kept: dict[str, int] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether nothing is damaged."""
        return all(finding.weight is not Weight.DAMAGE for finding in self.findings)


def check(folder: Path, *, look_for_media: bool = True) -> CheckReport:
    """Look a gallery over.

    Args:
        folder: The gallery.
        look_for_media: Whether to see if the files that were indexed are still there.

    Raises:
        GalleryMissingError: There is no gallery.
    """
    folder = folder.expanduser().absolute()
    findings: list[Finding] = []
    names: tuple[str, ...] = TABLES
    try:
        manifest = Manifest.read(folder)
        names = tables_of(manifest.version)
        if manifest.version < VERSION:
            remedy = "It is brought up to date by the next writing, or by: sceneseek gallery compact."
            findings.append(Finding("format", Weight.NOTE, f"The gallery has format {manifest.version}.", remedy, True))
    except GalleryMissingError:
        raise
    except GalleryError as error:
        findings.append(Finding("manifest", Weight.DAMAGE, str(error), "Put back a copy of manifest.json."))
    findings += _small_files(folder)
    rows, of_tables = _tables(folder, names)
    findings += of_tables
    interrupted = any(finding.kind in ("journal", "forgetting") for finding in findings)
    if set(TABLES) <= set(rows) and not interrupted:
        findings += _contradictions(rows)
    if MEDIA in rows:
        findings += _media(rows[MEDIA], look_for_media)
        findings += _addresses(folder)
    findings += _audit(folder)
    findings += _permissions(folder)
    order = list(Weight)
    findings.sort(key=lambda finding: order.index(finding.weight))
    return CheckReport(tuple(findings), {name: table.num_rows for name, table in rows.items()})


def damaged_fragments(table: Any) -> list[int]:
    """Numbers of a table's data files that cannot be read."""
    addresses = table.search().with_row_id(True).select(["_rowid"]).to_arrow()["_rowid"].to_numpy()
    fragments = addresses >> 32
    return [int(f) for f in np.unique(fragments) if not _readable(table, addresses[fragments == f])]


def within_fragment(fragment: int) -> str:
    """The condition that a row lies in one data file of its table."""
    return f"_rowid >= {fragment << 32} AND _rowid < {(fragment + 1) << 32}"


def _readable(table: Any, addresses: IntArray) -> bool:
    """Whether rows can be read. By their addresses: a condition on these would have other files read, too."""
    try:
        for start in range(0, len(addresses), _BATCH_ROWS):
            table.take_row_ids(addresses[start : start + _BATCH_ROWS].tolist()).to_arrow()
    except Exception:
        return False
    return True


def _small_files(folder: Path) -> Iterator[Finding]:
    """The journal, an interrupted forgetting, and the lists."""
    if (folder / FORGETTING).exists():
        remedy = "It is ended by whoever opens the gallery next."
        yield Finding("forgetting", Weight.UNFINISHED, "Somebody was being forgotten and still is.", remedy, True)
    try:
        if Journal.read(folder) is not None:
            remedy = "It is undone or ended by the next writing."
            yield Finding("journal", Weight.UNFINISHED, "A writer was interrupted, or is at work.", remedy, True)
    except GalleryError:
        remedy = "Repairing removes what no file accounts for."
        yield Finding("journal", Weight.DAMAGE, f"{JOURNAL} is damaged.", remedy, True)
    readers: tuple[tuple[str, Callable[[Path], object]], ...] = (
        ("keep-out", KeepOut.read),
        ("retention", Retention.read),
    )
    for kind, read in readers:
        try:
            read(folder)
        except GalleryError as error:
            yield Finding(kind, Weight.DAMAGE, str(error), "See there.")
    left = [f"{name}.lance/{file}" for name in TABLES for file in leftovers(folder / f"{name}.lance")]
    if left:
        remedy = "Reading goes on from the newest; to leave no byte of removed rows: sceneseek gallery compact --purge."
        found = f"{counted(len(left), 'file')} of former versions or indexes left on the disk."
        yield Finding("leftovers", Weight.NOTE, found, remedy)


def _tables(folder: Path, names: tuple[str, ...]) -> tuple[dict[str, pa.Table], list[Finding]]:
    """Read everything; the small columns are kept for comparing, the large ones are looked at and dropped."""
    tables = Tables(folder)
    rows: dict[str, pa.Table] = {}
    findings: list[Finding] = []
    for name in names:
        try:
            rows[name], bad = _read(tables[name], name)
            findings += bad
        except Exception as error:
            findings.append(_damaged_table(tables, name, error))
    return rows, findings


def _read(table: Any, name: str) -> tuple[pa.Table, list[Finding]]:
    small: list[pa.RecordBatch] = []
    odd_vectors = odd_pictures = 0
    heavy = [column for column in ("embedding", "jpeg") if column in table.schema.names]
    for batch in table.search().to_batches(batch_size=_BATCH_ROWS):
        if "embedding" in heavy:
            vectors = np.asarray(batch["embedding"].flatten(), np.float64).reshape(batch.num_rows, -1)
            odd_vectors += int((~(np.abs(np.linalg.norm(vectors, axis=1) - 1) < 1e-3)).sum())
        if "jpeg" in heavy:
            odd_pictures += sum(not _whole_jpeg(data) for data in batch["jpeg"].to_pylist())
        small.append(batch.drop_columns(heavy) if heavy else batch)
    schema = pa.schema([column for column in table.schema if column.name not in heavy])
    findings = []
    if odd_vectors:
        found = f"{counted(odd_vectors, 'embedding')} in {name!r} not of length one: the bytes were changed."
        findings.append(Finding("embeddings", Weight.DAMAGE, found, "Repairing has their files read again.", True))
    if odd_pictures:
        found = f"{counted(odd_pictures, 'thumbnail is not a whole JPEG file', 'thumbnails are not whole JPEG files')}."
        findings.append(Finding("pictures", Weight.DAMAGE, found, "Repairing removes them.", True))
    return pa.Table.from_batches(small, schema), findings


def _whole_jpeg(data: bytes) -> bool:
    return data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9")


def _damaged_table(tables: Tables, name: str, error: Exception) -> Finding:
    text = " ".join(str(error).split(", /")[0].split())[:200]
    try:
        table = tables[name]
        lost = damaged_fragments(table)
        rows = sum(int(table.count_rows(within_fragment(fragment))) for fragment in lost)
        found = f"{rows:,} of {int(table.count_rows()):,} rows of table {name!r} cannot be read ({text})."
    except Exception:
        found = f"Table {name!r} cannot be opened ({text})."
    remedies = {
        MEDIA: "Repairing keeps what can be read; files that are lost are indexed again.",
        FRAMES: "Repairing rebuilds the frames with people.",
        DETECTIONS: "Repairing keeps those who can be read; the others' files are read again by the next indexing.",
        TRACKLETS: "Repairing rebuilds them from the people.",
        THUMBNAILS: "Repairing keeps those that can be read; the others are cut from the original files when shown.",
    }
    return Finding("table", Weight.DAMAGE, found, remedies[name], True)


def _contradictions(rows: dict[str, pa.Table]) -> Iterator[Finding]:
    """Rows of one table that those of another do not know."""
    upto = dict(zip(rows[MEDIA]["key"].to_pylist(), rows[MEDIA]["next_frame"].to_pylist(), strict=True))
    people = rows[DETECTIONS]["id"].to_pylist()
    if len(set(people)) < len(people):
        doubled = len(people) - len(set(people))
        found = f"{counted(doubled, 'person is', 'people are')} there twice."
        yield Finding("doubles", Weight.DAMAGE, found, _AGAIN, True)
    for name in (DETECTIONS, FRAMES, THUMBNAILS):
        keys, indices = rows[name]["media_key"].to_pylist(), rows[name]["frame_index"].to_pylist()
        orphans = sum(index >= upto.get(key, 0) for key, index in zip(keys, indices, strict=True))
        if orphans:
            found = f"{counted(orphans, 'row')} of table {name!r} without an indexed file."
            yield Finding("orphans", Weight.DAMAGE, found, "Repairing removes them.", True)
    dangling = len(set(rows[THUMBNAILS]["id"].to_pylist()) - set(people))
    if dangling:
        found = f"{counted(dangling, 'thumbnail shows', 'thumbnails show')} nobody in the gallery."
        yield Finding("dangling-thumbnails", Weight.DAMAGE, found, "Repairing removes them.", True)
    named = Counter(name for name in rows[DETECTIONS]["tracklet_id"].to_pylist() if name is not None)
    known = dict(zip(rows[TRACKLETS]["id"].to_pylist(), rows[TRACKLETS]["num_detections"].to_pylist(), strict=True))
    wrong = sum(named.get(name) != known.get(name) for name in named.keys() | known.keys())
    if wrong:
        found = f"{counted(wrong, 'tracklet does not agree with its', 'tracklets do not agree with their')} people."
        yield Finding("tracklets", Weight.DAMAGE, found, "Repairing rebuilds them.", True)
    present = Counter(rows[DETECTIONS]["media_key"].to_pylist())
    said = dict(zip(rows[MEDIA]["key"].to_pylist(), rows[MEDIA]["num_people"].to_pylist(), strict=True))
    short = [key for key, count in said.items() if present.get(key, 0) != count]
    if short:
        found = f"{counted(len(short), 'file does', 'files do')} not have the people that were counted."
        yield Finding("counts", Weight.DAMAGE, found, _AGAIN, True)


_AGAIN = "Repairing marks their files to be read again by the next indexing."


def _media(table: pa.Table, look_for_media: bool) -> Iterator[Finding]:
    records = [MediaRecord.from_row(row) for row in table.to_pylist()]
    unfinished = sum(record.status is MediaStatus.INDEXING for record in records)
    if unfinished:
        found = f"{counted(unfinished, 'file is', 'files are')} not finished."
        yield Finding("unfinished-media", Weight.UNFINISHED, found, "Index the same paths again to go on.")
    troubled = sum(record.status is MediaStatus.DAMAGED for record in records)
    if troubled:
        found = f"{counted(troubled, 'file')} could not be read, or not to the end."
        yield Finding("damaged-media", Weight.NOTE, found, "`sceneseek gallery info` names them.")
    if look_for_media:
        gone = [r.source for r in records if not is_address(r.source) and not any(map(_is_there, r.sources))]
        if gone:
            some = ", ".join(gone[:_NAMED]) + (", ..." if len(gone) > _NAMED else "")
            found = f"{len(gone):,} of {len(records):,} indexed files are not where they were: {some}"
            remedy = "They are still found, but their scenes cannot be shown; index them at their new place to note it."
            yield Finding("missing-media", Weight.NOTE, found, remedy)


def _addresses(folder: Path) -> Iterator[Finding]:
    keys = told_too_much(Tables(folder))
    if keys:
        found = f"The addresses of {len(keys):,} live sources hold more than scheme, host and path, such as passwords."
        remedy = "Answers do not show it; repairing removes it from the files."
        yield Finding("addresses", Weight.NOTE, found, remedy, True)


def _is_there(source: str) -> bool:
    """Whether a file, or the archive that it lies in, is there."""
    path = Path(source)
    return path.exists() or any(parent.is_file() for parent in path.parents)


def _audit(folder: Path) -> Iterator[Finding]:
    for problem in AuditLog(folder).verify().problems:
        remedy = "Keep a copy of the log; nothing that was changed can be brought back."
        yield Finding("audit", Weight.DAMAGE, f"The audit log is not what was written: {problem}", remedy)


def _permissions(folder: Path) -> Iterator[Finding]:
    """Rights of others to embeddings and pictures of people."""
    found = open_to_others(folder)
    if found:
        some = ", ".join("the folder itself" if path == folder else path.name for path in found[:_NAMED])
        more = ", ..." if len(found) > _NAMED else ""
        many = counted(len(found), "file or folder", "files and folders")
        told = f"Others on this machine may use {many} of the gallery: {some}{more}."
        remedy = "Repairing closes them. To share a gallery with a group: chgrp GROUP and chmod 2770 its folder first."
        yield Finding("permissions", Weight.NOTE, told, remedy, True)
    if is_shared(folder):
        yield Finding("shared", Weight.NOTE, "The gallery is shared with the group of its folder (mode 2770).")
