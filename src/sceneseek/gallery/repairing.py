"""Repair a gallery as far as it can be done without guessing.

What can be read is kept. What follows from other rows is rebuilt: tracklets from their people, frames from the people
in them. What is lost for good is looked for again: its files are marked so that the next indexing reads them from their
start. Files in which somebody was forgotten are the exception: they are not read again, since that would find them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sceneseek.errors import GalleryError
from sceneseek.gallery.addresses import told_too_much
from sceneseek.gallery.audit import AuditLog
from sceneseek.gallery.checking import CheckReport, check, damaged_fragments, within_fragment
from sceneseek.gallery.journal import Journal
from sceneseek.gallery.keep_out import KeepOut
from sceneseek.gallery.lock import WriterLock
from sceneseek.gallery.manifest import Manifest
from sceneseek.gallery.migrations import tables_of
from sceneseek.gallery.privacy import close_to_others, private_files
from sceneseek.gallery.rewrites import rewriting
from sceneseek.gallery.schema import DETECTIONS, FRAMES, MEDIA, THUMBNAILS, TRACKLETS, sql_text, table_schema
from sceneseek.gallery.tables import Tables, in_parts, one_of
from sceneseek.gallery.tracklets import refresh_tracklets
from sceneseek.gallery.writer import GalleryWriter
from sceneseek.words import counted

_MOST_VERSIONS = 50
_SEEN = ["media_key", "frame_index", "time_s", "captured_at", "camera_id", "width", "height"]


def repair(folder: Path, *, actor: str) -> tuple[list[str], CheckReport]:
    """Repair what ``check`` calls repairable. It may be killed and repeated.

    Args:
        folder: The gallery.
        actor: Who asks for it, for the audit log.

    Returns:
        What was done, one sentence each, and what a check says afterwards.

    Raises:
        GalleryError: Somebody is writing, or the manifest is damaged: without the model nothing can be done.
    """
    folder = folder.expanduser().absolute()
    manifest = Manifest.read(folder)
    done: list[str] = []
    closed = close_to_others(folder)
    if closed:
        done.append(f"Closed to others on this machine: {counted(len(closed), 'file or folder', 'files and folders')}.")
    with private_files(folder), WriterLock(folder), rewriting(folder):
        AuditLog(folder).append(actor, "repair")
        for name in tables_of(manifest.version):
            done += _make_readable(folder, name, manifest.embedding_dim)
        done += _make_journal_readable(folder)
    # The writer ends what was interrupted and brings an old format up to date before anything else.
    with GalleryWriter(folder, manifest) as writer:
        done += _agree(writer)
        done += _clean_addresses(writer)
    return done, check(folder)


def _make_readable(folder: Path, name: str, embedding_dim: int) -> list[str]:
    """Remove from a table what cannot be read; take an earlier version when none of it can."""
    done: list[str] = []
    versions = sorted((folder / f"{name}.lance" / "_versions").glob("*.manifest"))  # the newest first
    for version in [None, *versions[:_MOST_VERSIONS]]:
        if version is not None:
            # Out of the way under another name: its bytes may still help somebody with better tools.
            version.rename(version.with_suffix(".damaged"))
            (version.parent / "latest_version_hint.json").unlink(missing_ok=True)
        try:
            table = Tables(folder)[name]
            lost = damaged_fragments(table)
        except Exception:
            continue
        if version is not None:
            done.append(f"Table {name!r} was set back to an earlier version.")
        for fragment in lost:
            rows = int(table.count_rows(within_fragment(fragment)))
            table.delete(within_fragment(fragment))
            done.append(f"{rows:,} rows of table {name!r} that cannot be read were removed.")
        return done
    database: Any = Tables(folder).database
    database.create_table(name, schema=table_schema(name, embedding_dim), mode="overwrite")
    return [f"Table {name!r} could not be opened and was made anew, without rows."]


def _make_journal_readable(folder: Path) -> list[str]:
    try:
        Journal.read(folder)
    except GalleryError:
        # Nobody knows which files were being written: all of them are looked through.
        keys = Tables(folder)[DETECTIONS].search().select(["media_key"]).to_arrow()["media_key"].unique().to_pylist()
        Journal(adding=tuple(keys)).write(folder)
        return ["The journal was replaced by one that has all files looked through."]
    return []


def _clean_addresses(writer: GalleryWriter) -> list[str]:
    keys = told_too_much(Tables(writer.folder))
    if not keys:
        return []
    writer.clean_addresses(keys)
    writer.purge()
    return [f"The addresses of {len(keys):,} live sources were reduced to scheme, host and path, down to the files."]


def _agree(writer: GalleryWriter) -> list[str]:
    """Bring the tables in line with each other."""
    tables = Tables(writer.folder)
    steps: tuple[tuple[Callable[[Tables], int], str], ...] = (
        (_drop_orphans, "{:,} rows that belong to no indexed file were removed."),
        (_drop_odd_thumbnails, "{:,} thumbnails of nobody, or that are no pictures, were removed."),
        (_rebuild_frames, "{:,} frames were rebuilt from the people in them."),
    )
    with rewriting(writer.folder):
        done = [text.format(count) for step, text in steps if (count := step(tables))]
    again = _to_be_read_again(tables)
    kept_out = KeepOut.read(writer.folder).entries
    writer.recount([key for key in again if key in kept_out])
    writer.start_over([key for key in again if key not in kept_out])
    if again:
        done.append(f"{counted(len(again), 'file is', 'files are')} to be read again by the next indexing.")
    with rewriting(writer.folder):
        rebuilt = _rebuild_tracklets(tables)
    return [*done, f"{rebuilt:,} tracklets were rebuilt."] if rebuilt else done


def _drop_orphans(tables: Tables) -> int:
    media = tables[MEDIA].search().select(["key", "next_frame"]).to_arrow().to_pylist()
    upto = {row["key"]: row["next_frame"] for row in media}
    count = 0
    for name in (DETECTIONS, FRAMES, THUMBNAILS):
        rows = tables[name].search().select(["media_key", "frame_index"]).to_arrow()
        pairs = zip(rows["media_key"].to_pylist(), rows["frame_index"].to_pylist(), strict=True)
        beyond = Counter(key for key, index in pairs if index >= upto.get(key, 0))
        for key, number in beyond.items():
            tables[name].delete(f"media_key = {sql_text(key)} AND frame_index >= {upto.get(key, 0)}")
            count += number
    return count


def _drop_odd_thumbnails(tables: Tables) -> int:
    people = set(tables[DETECTIONS].search().select(["id"]).to_arrow()["id"].to_pylist())
    odd = []
    for batch in tables[THUMBNAILS].search().select(["id", "jpeg"]).to_batches(batch_size=1024):
        for name, data in zip(batch["id"].to_pylist(), batch["jpeg"].to_pylist(), strict=True):
            if name not in people or not (data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9")):
                odd.append(name)
    for part in in_parts(odd):
        tables[THUMBNAILS].delete(one_of("id", part))
    return len(odd)


def _rebuild_frames(tables: Tables) -> int:
    people = tables[DETECTIONS].search().select(_SEEN).to_arrow()
    frames = people.group_by(_SEEN, use_threads=False).aggregate([([], "count_all")]).to_pylist()
    there = tables[FRAMES].search().select(["media_key", "frame_index"]).to_arrow().to_pylist()
    known = {(row["media_key"], row["frame_index"]) for row in there}
    missing = [
        {**row, "num_people": row["count_all"]} for row in frames if (row["media_key"], row["frame_index"]) not in known
    ]
    if missing:
        schema = tables[FRAMES].schema
        rows = [{name: row[name] for name in schema.names} for row in missing]
        tables[FRAMES].add(pa.Table.from_pylist(rows, schema=schema))
    return len(missing)


def _to_be_read_again(tables: Tables) -> list[str]:
    """Files whose people are not those that were found: lost, doubled, or with embeddings that were changed."""
    said = tables[MEDIA].search().select(["key", "num_people"]).to_arrow().to_pylist()
    counts: Counter[str] = Counter()
    names: Counter[str] = Counter()
    odd: set[str] = set()
    for batch in tables[DETECTIONS].search().select(["id", "media_key", "embedding"]).to_batches(batch_size=8192):
        keys = batch["media_key"].to_pylist()
        counts.update(keys)
        names.update(batch["id"].to_pylist())
        vectors = np.asarray(batch["embedding"].flatten(), np.float64).reshape(batch.num_rows, -1)
        unit = np.abs(np.linalg.norm(vectors, axis=1) - 1) < 1e-3
        odd.update(key for key, fine in zip(keys, unit, strict=True) if not fine)
    odd.update(name.rsplit(":", 2)[0] for name, count in names.items() if count > 1)
    return sorted({row["key"] for row in said if counts[row["key"]] != row["num_people"]} | odd)


def _rebuild_tracklets(tables: Tables) -> int:
    people = tables[DETECTIONS].search().where("tracklet_id IS NOT NULL").select(["tracklet_id"]).to_arrow()
    named = Counter(people["tracklet_id"].to_pylist())
    rows = tables[TRACKLETS].search().select(["id", "num_detections"]).to_arrow().to_pylist()
    known = {row["id"]: row["num_detections"] for row in rows}
    wrong = sorted(name for name in named.keys() | known.keys() if named.get(name) != known.get(name))
    refresh_tracklets(tables, wrong)
    return len(wrong)
