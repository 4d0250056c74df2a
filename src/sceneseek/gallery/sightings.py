"""Who was seen when and where, as a table for other programs: Parquet or CSV, without embeddings and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from sceneseek.errors import GalleryError, ValueRefused
from sceneseek.gallery.archiving import refuse_existing
from sceneseek.gallery.audit import AuditLog
from sceneseek.gallery.privacy import private_replacement
from sceneseek.gallery.records import StoredPerson
from sceneseek.gallery.schema import DETECTIONS, INSTANT, TRACKLETS
from sceneseek.gallery.tables import Tables, one_of
from sceneseek.words import printable

if TYPE_CHECKING:
    from sceneseek.gallery.store import Gallery

SIGHTINGS = pa.schema([
    pa.field("sighting", pa.string()),
    pa.field("media_key", pa.string()),
    pa.field("source", pa.string()),
    pa.field("camera_id", pa.string()),
    pa.field("captured_at", INSTANT),
    pa.field("start_s", pa.float64()),
    pa.field("end_s", pa.float64()),
    pa.field("num_detections", pa.int64()),
    pa.field("detection_id", pa.string()),
    pa.field("frame_index", pa.int64()),
    pa.field("x1", pa.float32()),
    pa.field("y1", pa.float32()),
    pa.field("x2", pa.float32()),
    pa.field("y2", pa.float32()),
    pa.field("score", pa.float32()),
    pa.field("width", pa.int32()),
    pa.field("height", pa.int32()),
    pa.field("flags", pa.string()),
])  # fmt: skip
"""Columns. A tracklet is one row, its box that of its best frame; a person outside of any tracklet is one row too."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_OF_TRACKLETS = ("id", "captured_at", "start_s", "end_s", "num_detections", "best_ids")
_PART = 1000
"""Rows that are made at a time."""
_PEOPLE, _FILES = 100_000, 500
"""Names that are looked up at a time: those of so many people, or of so many files."""


def export_sightings(gallery: Gallery, path: Path, *, actor: str, overwrite: bool = False) -> int:
    """Write all sightings into one file, whole or not at all.

    In CSV, a text that a spreadsheet would take for a formula gets an apostrophe before it.

    Args:
        gallery: What to export.
        path: The file, ``.parquet`` or ``.csv``.
        actor: Who asks for it, for the audit log.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The number of rows.

    Raises:
        ValueRefused: The name has another ending.
        GalleryError: The file exists or cannot be written.
    """
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise ValueRefused(f"{path.name} ends in {path.suffix or 'nothing'}; expected .parquet or .csv.")
    refuse_existing(path, overwrite)
    AuditLog(gallery.path).append(actor, "export", into=str(path))
    try:
        with private_replacement(path) as partial, partial.open("wb") as file:
            rows = _write(file, path.suffix.lower() == ".csv", gallery)
    except OSError as error:
        raise GalleryError(f"{path} cannot be written: {error.strerror or error}.") from error
    return rows


def sightings(gallery: Gallery) -> Iterator[pa.Table]:
    """All sightings in parts: first the tracklets, then those who belong to none."""
    tables = Tables(gallery.path)
    files = list(_few_at_a_time(gallery))
    for keys in files if TRACKLETS in tables else ():
        for tracklets in _in_batches(tables[TRACKLETS], one_of("media_key", keys), _OF_TRACKLETS, "start_s"):
            best = {p.detection_id: p for p in gallery.people([row["best_ids"][0] for row in tracklets])}
            yield _table([_of_tracklet(row, best[row["best_ids"][0]]) for row in tracklets])
    detections: Any = tables[DETECTIONS]
    alone = " AND tracklet_id IS NULL" if "tracklet_id" in detections.schema.names else ""
    for keys in files:
        for people in _in_batches(detections, one_of("media_key", keys) + alone, ("id",), "frame_index"):
            yield _table([_alone(person) for person in gallery.people([row["id"] for row in people])])


def _few_at_a_time(gallery: Gallery) -> Iterator[list[str]]:
    """Content keys of all files in lists of few files with few people, unless one file alone has many."""
    keys: list[str] = []
    people = 0
    for record in sorted(gallery.media(), key=lambda record: record.key):
        if keys and people + record.num_people > _PEOPLE:
            yield keys
            keys, people = [], 0
        keys.append(record.key)
        people += record.num_people
        if len(keys) == _FILES:
            yield keys
            keys, people = [], 0
    if keys:
        yield keys


def _in_batches(table: Any, condition: str, columns: Sequence[str], order: str) -> Iterator[list[dict[str, Any]]]:
    """Rows that fulfil a condition, in order of file, ``order`` and name; never their embeddings."""
    rows: pa.Table = table.search().where(condition).select([*{"media_key", order, "id", *columns}]).to_arrow()
    rows = rows.sort_by([("media_key", "ascending"), (order, "ascending"), ("id", "ascending")])
    for start in range(0, rows.num_rows, _PART):
        yield rows.slice(start, _PART).to_pylist()


def _write(file: IO[bytes], as_csv: bool, gallery: Gallery) -> int:
    rows = 0
    writer = pa.csv.CSVWriter(file, SIGHTINGS) if as_csv else pq.ParquetWriter(file, SIGHTINGS, compression="zstd")
    with writer:
        for part in sightings(gallery):
            writer.write_table(_for_spreadsheets(part) if as_csv else part)
            rows += part.num_rows
    return rows


def _of_tracklet(tracklet: dict[str, Any], best: StoredPerson) -> dict[str, Any]:
    return {
        **_alone(best),
        "sighting": tracklet["id"],
        **{name: tracklet[name] for name in ("captured_at", "start_s", "end_s", "num_detections")},
    }


def _alone(person: StoredPerson) -> dict[str, Any]:
    x1, y1, x2, y2 = person.box
    return {
        "sighting": person.detection_id,
        "media_key": person.media_key,
        "source": person.source,
        "camera_id": person.camera_id,
        "captured_at": person.captured_at,
        "start_s": person.time_s,
        "end_s": person.time_s,
        "num_detections": 1,
        "detection_id": person.detection_id,
        "frame_index": person.frame_index,
        "x1": x1,
        "y1": y1,
        "x2": x2,
        "y2": y2,
        "score": person.score,
        "width": person.width,
        "height": person.height,
        "flags": " ".join(person.flags),
    }


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SIGHTINGS)


def _for_spreadsheets(table: pa.Table) -> pa.Table:
    for i, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            texts = [None if text is None else _harmless(text) for text in table[field.name].to_pylist()]
            table = table.set_column(i, field, pa.array(texts, pa.string()))
    return table


def _harmless(text: str) -> str:
    return f"'{printable(text)}" if text.startswith(_FORMULA) else printable(text)
