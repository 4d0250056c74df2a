"""Taking rows out of all tables at once, in an order that a killed writer's successor can repeat to its end."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pyarrow as pa

from sceneseek.gallery.schema import DETECTIONS, FRAMES, MEDIA, THUMBNAILS, TRACKLETS, sql_text
from sceneseek.gallery.tables import Tables, in_parts, one_of
from sceneseek.gallery.tracklets import refresh_tracklets

_KEYS_AT_A_TIME = 500


def remove_uncovered(tables: Tables, covered: Mapping[str, int]) -> None:
    """Remove what was seen in frames that the media table does not cover.

    Args:
        tables: The gallery's.
        covered: By content key, the first frame index that is not covered.
    """
    for keys in in_parts(covered, _KEYS_AT_A_TIME):
        beyond = " OR ".join(f"(media_key = {sql_text(k)} AND frame_index >= {covered[k]})" for k in keys)
        for name in (DETECTIONS, FRAMES, THUMBNAILS):
            tables[name].delete(beyond)
        longer = beyond.replace("frame_index >=", "last_frame >=")
        cut = tables[TRACKLETS].search().where(longer).select(["id"]).to_arrow()["id"].to_pylist()
        refresh_tracklets(tables, cut)


def remove_media(tables: Tables, keys: Collection[str]) -> None:
    """Remove files with everything that was seen in them."""
    for part in in_parts(keys):
        for name in (DETECTIONS, FRAMES, THUMBNAILS, TRACKLETS):
            tables[name].delete(one_of("media_key", part))
        tables[MEDIA].delete(one_of("key", part))


def tracklets_of(tables: Tables, detection_ids: Collection[str]) -> list[str]:
    """The tracklets that some people belong to."""
    names: set[str] = set()
    for part in in_parts(detection_ids):
        condition = f"tracklet_id IS NOT NULL AND {one_of('id', part)}"
        names.update(tables[DETECTIONS].search().where(condition).select(["tracklet_id"]).to_arrow()[0].to_pylist())
    return sorted(names)


def remove_people(tables: Tables, detection_ids: Collection[str], tracklets: Collection[str]) -> dict[str, int]:
    """Remove people with their small pictures; their tracklets, frames and files go on without them.

    Args:
        tables: The gallery's.
        detection_ids: Who.
        tracklets: What ``tracklets_of`` said before anybody was removed.

    Returns:
        How many people are left in each file concerned, by content key.
    """
    for part in in_parts(detection_ids):
        for name in (DETECTIONS, THUMBNAILS):
            tables[name].delete(one_of("id", part))
    refresh_tracklets(tables, tracklets)
    frames: dict[str, set[int]] = {}
    for name in detection_ids:
        key, index, _ = name.rsplit(":", 2)
        frames.setdefault(key, set()).add(int(index))
    for key, indices in frames.items():
        _count_again(tables, key, indices)
    return {key: int(tables[DETECTIONS].count_rows(f"media_key = {sql_text(key)}")) for key in frames}


def _count_again(tables: Tables, key: str, indices: set[int]) -> None:
    """Bring ``num_people`` of frames in line with the detections that are left."""
    condition = f"media_key = {sql_text(key)} AND frame_index IN ({', '.join(map(str, sorted(indices)))})"
    left = tables[DETECTIONS].search().where(condition).select(["frame_index"]).to_arrow()["frame_index"]
    counts = {entry["values"]: entry["counts"] for entry in left.value_counts().to_pylist()}
    table = tables[FRAMES]
    rows = table.search().where(condition).to_arrow().to_pylist()
    if rows:
        recounted = [{**row, "num_people": counts.get(row["frame_index"], 0)} for row in rows]
        update = table.merge_insert(["media_key", "frame_index"]).when_matched_update_all()
        update.execute(pa.Table.from_pylist(recounted, schema=table.schema))
