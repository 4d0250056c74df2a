"""Addresses of cameras in a gallery's rows: galleries of earlier versions hold parts that open the camera.

What is written today holds none, and what is read is shown without them. What is handed on, or lies in the files still,
is cleaned here.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from sceneseek.gallery.records import MediaRecord
from sceneseek.gallery.schema import MEDIA
from sceneseek.gallery.tables import Tables
from sceneseek.words import is_address, without_password


def cleaned(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of any table whose addresses open nothing."""
    for name in ("source", "aliases"):
        if name in batch.schema.names:
            given = batch[name].to_pylist()
            clean = [_clean(value) for value in given]
            if clean != given:
                at = batch.schema.get_field_index(name)
                batch = batch.set_column(at, batch.schema.field(at), pa.array(clean, batch.schema.field(at).type))
    return batch


def told_too_much(tables: Tables) -> list[str]:
    """Content keys of the media whose rows hold more of an address than may be shown."""
    rows = tables[MEDIA].search().select(["key", "source", "aliases", "camera_id"]).to_arrow()
    return [row["key"] for row in rows.to_pylist() if _tells_too_much(row)]


def clean_camera(record: MediaRecord) -> str | None:
    """The camera's name, which is its address where nobody gave another, as it may be shown."""
    return _clean_camera(record.camera_id, record.source)


def _tells_too_much(row: dict[str, Any]) -> bool:
    sources = [row["source"], *row["aliases"]]
    return bool(_clean(sources) != sources or _clean_camera(row["camera_id"], row["source"]) != row["camera_id"])


def _clean_camera(name: str | None, source: str) -> str | None:
    if name is None or not is_address(source):
        return name
    scheme, _, rest = source.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    if not name.startswith(host):
        return name
    return without_password(f"{scheme}://{name}").partition("://")[2]


def _clean(value: Any) -> Any:
    return without_password(value) if isinstance(value, str) else [without_password(text) for text in value]
