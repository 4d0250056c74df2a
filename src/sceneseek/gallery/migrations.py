"""Bringing a gallery of an earlier format up to date.

The next writer does it, under its lock, one version at a time. Each step can be repeated after it was interrupted, and
the manifest tells of the new version last. Until then readers go on: whatever columns a table lacks they take as null.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from sceneseek.gallery.manifest import VERSION, Manifest
from sceneseek.gallery.schema import (
    DETECTIONS,
    FRAMES,
    MEDIA,
    NEW_IN_VERSION_2,
    TABLES,
    THUMBNAILS,
    TRACKLETS,
    table_schema,
)
from sceneseek.gallery.tables import Tables

if TYPE_CHECKING:
    from sceneseek.gallery.store import Gallery


def tables_of(version: int) -> tuple[str, ...]:
    """Names of the tables that a gallery of some format has."""
    return (MEDIA, DETECTIONS) if version == 1 else TABLES


def bring_up_to_date(gallery: Gallery) -> None:
    """Give a gallery of an earlier format its present one; one that has it is not touched.

    Raises:
        GalleryError: It is of an earlier format and somebody is writing, or it is damaged.
    """
    if Manifest.read(gallery.path).version < VERSION:
        with gallery.writer():
            pass


def migrate(folder: Path, manifest: Manifest) -> Manifest:
    """Bring the gallery in ``folder`` to the present format; the writer's lock must be held.

    Returns:
        The manifest, which has been written when there was something to do.
    """
    steps = {1: _from_version_1}
    while manifest.version < VERSION:
        steps[manifest.version](Tables(folder), manifest.embedding_dim)
        manifest = replace(manifest, version=manifest.version + 1)
        manifest.write(folder)
    return manifest


def _from_version_1(tables: Tables, embedding_dim: int) -> None:
    """Times on the wall, tracklets, flags and thumbnails come in; frames without people were not remembered before."""
    for name, columns in NEW_IN_VERSION_2.items():
        table = tables[name]
        missing = [column for column in columns if column.name not in table.schema.names]
        if missing:
            table.add_columns(pa.schema(missing))
    for name in (TRACKLETS, THUMBNAILS):
        tables.database.create_table(name, schema=table_schema(name, embedding_dim), mode="overwrite")
    seen = ["media_key", "frame_index", "time_s", "captured_at", "camera_id", "width", "height"]
    people = tables[DETECTIONS].search().select(seen).to_arrow()
    frames = people.group_by(seen, use_threads=False).aggregate([([], "count_all")])
    schema = table_schema(FRAMES, embedding_dim)
    rows = frames.rename_columns([*seen, "num_people"]).select(schema.names).cast(schema)
    tables.database.create_table(FRAMES, rows, schema=schema, mode="overwrite")
