"""Writing into a gallery, batch by batch, so that a writer killed at any moment loses at most the batch in its hands.

There are two tables and no transaction over both, so the media table is the truth: a frame is indexed when its file's
``next_frame`` lies beyond it. Each batch is written in four steps:

1. the journal names the files whose rows may be half there;
2. people are appended to the detections table;
3. the media table says how far each file has come;
4. the journal is removed.

The next writer that finds a journal removes the people whom the media table does not cover. Then it continues.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import lancedb
import pyarrow as pa

from sceneseek.errors import EmbeddingSizeError, GalleryError
from sceneseek.gallery.lock import WriterLock
from sceneseek.gallery.schema import (
    DETECTIONS,
    JOURNAL,
    MEDIA,
    Manifest,
    MediaRecord,
    MediaStatus,
    detection_rows,
    media_rows,
    now,
    sql_text,
    write_whole,
)
from sceneseek.structures import Detections, Frame, MediaItem

_COMPACT_EVERY = 200
"""Batches between compactions: each batch adds a small file, and thousands of them slow everybody down."""

_KEEP_VERSIONS = timedelta(hours=1)
"""How long files of former versions stay, for the searches that still read them."""


class Plan(NamedTuple):
    """What is to be done with a file.

    Attributes:
        start_frame: The first frame index to look at, or ``None`` when the file is known already.
        problem: What was wrong with a known file, empty when nothing was.
    """

    start_frame: int | None
    problem: str = ""


class GalleryWriter:
    """The one who writes. Use it as a context manager; made by ``Gallery.writer``.

    For each file: ask ``plan``; when it is known ``recognise`` it, else ``begin``, ``add`` each frame, ``finish``.
    The same content at another path adds no people; the path is remembered as an alias. A file whose content has
    changed replaces what was found in it before, once the writer closes.

    Args:
        folder: The gallery.
        manifest: Its manifest.
        commit_frames: Frames in a batch at most.
        commit_seconds: Age of a batch at most.
    """

    def __init__(self, folder: Path, manifest: Manifest, commit_frames: int = 64, commit_seconds: float = 5.0) -> None:
        self._folder = folder
        self._manifest = manifest
        self._commit_frames = commit_frames
        self._commit_seconds = commit_seconds
        self._open = ExitStack()
        self._records: dict[str, MediaRecord] = {}
        self._keys_at: defaultdict[str, set[str]] = defaultdict(set)
        self._batch: list[tuple[str, pa.Table]] = []
        self._changed: set[str] = set()
        self._superseded: set[tuple[str, str]] = set()
        self._last_commit = 0.0
        self._num_commits = 0

    def __enter__(self) -> GalleryWriter:
        """Take the lock and mend what a killed writer left.

        Raises:
            GalleryError: Somebody else is writing, or the gallery is damaged.
        """
        with ExitStack() as stack:
            stack.enter_context(WriterLock(self._folder))
            try:
                database: Any = lancedb.connect(self._folder)
                self._media: Any = database.open_table(MEDIA)
                self._detections: Any = database.open_table(DETECTIONS)
                rows = self._media.to_arrow().to_pylist()
            except Exception as error:
                raise GalleryError(f"{self._folder} is damaged and cannot be written to: {error}.") from error
            self._records = {row["key"]: MediaRecord.from_row(row) for row in rows}
            for record in self._records.values():
                for source in record.sources:
                    self._keys_at[source].add(record.key)
            self._recover()
            self._last_commit = time.monotonic()
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is in hand, drop what was replaced, tidy up, release the lock.

        After an error nothing more is written; whole frames in hand are kept when the user stopped the work.
        """
        with self._open:
            if error is None or isinstance(error, KeyboardInterrupt):
                self.commit()
            if error is None:
                self._drop_superseded()
                if self._num_commits:
                    self._compact()

    def plan(self, item: MediaItem, every_s: float | None = None) -> Plan:
        """Say what is to be done with a file.

        Args:
            item: The file.
            every_s: Seconds between frames of a video. A video that was sampled otherwise is done again.
        """
        record = self._records.get(item.content_key)
        if record is None or _resampled(record, item, every_s):
            return Plan(0)
        if record.status is MediaStatus.INDEXING:
            return Plan(record.next_frame)
        if record.status is MediaStatus.DAMAGED and record.num_frames == 0:
            return Plan(0)
        return Plan(None, record.problem)

    def recognise(self, item: MediaItem) -> str:
        """Note that a known file was met again: another path becomes an alias, another camera name is taken over.

        Returns:
            What was wrong with it when it was read, empty when nothing was.
        """
        record = self._records[item.content_key]
        self._claim(item)
        if item.source not in record.sources:
            self._set(replace(record, aliases=(*record.aliases, item.source)))
        elif item.source == record.source and item.camera_id not in (None, record.camera_id):
            self.commit()
            self._set(replace(record, camera_id=item.camera_id))
            self._relabel(record.key, camera_id=item.camera_id)
        return record.problem

    def begin(self, item: MediaItem, every_s: float | None = None) -> None:
        """Start a file, resume it, or give a damaged one another chance."""
        every_s = every_s if item.kind == "video" else None
        record = self._records.get(item.content_key)
        self._claim(item)
        if record is None:
            self._set(MediaRecord(item.content_key, item.source, item.kind, (), item.camera_id, every_s))
            return
        if record.num_frames and _resampled(record, item, every_s):
            self._start_over(record)
            record = self._records[record.key]
        if record.num_frames and item.camera_id not in (None, record.camera_id):
            self._relabel(record.key, camera_id=item.camera_id)
        # People in the table carry the path at which they were found; before there are any, the newest path is best.
        first = record.source if record.num_frames else item.source
        others = tuple(s for s in dict.fromkeys((*record.sources, item.source)) if s != first)
        fresh = replace(record, source=first, aliases=others, status=MediaStatus.INDEXING, problem="")
        self._set(replace(fresh, every_s=every_s, camera_id=item.camera_id or record.camera_id))

    def add(self, item: MediaItem, frame: Frame, people: Detections) -> None:
        """Remember the people of one frame.

        Args:
            item: The file, begun before.
            frame: The frame; indices must grow.
            people: Who was found in it, with embeddings.

        Raises:
            EmbeddingSizeError: There are no embeddings, or they have another length than the gallery's.
        """
        dim = self._manifest.embedding_dim
        if people.embeddings is None or people.embeddings.shape[1] != dim:
            found = "no embeddings" if people.embeddings is None else f"embeddings of size {people.embeddings.shape[1]}"
            raise EmbeddingSizeError(f"detections have {found}; the gallery holds embeddings of size {dim}.")
        record = self._records[item.content_key]
        grown = replace(
            record,
            num_frames=record.num_frames + 1,
            num_people=record.num_people + len(people),
            next_frame=frame.frame_index + 1,
        )
        self._set(grown)
        # Rows, not the frame: sixty-four photographs would hold gigabytes of pixels.
        self._batch.append((grown.key, detection_rows(grown, frame, people, people.embeddings)))
        self._commit_when_due()

    def finish(self, item: MediaItem, problem: str = "") -> None:
        """Mark a file as read as far as it goes."""
        status = MediaStatus.DAMAGED if problem else MediaStatus.COMPLETE
        self._set(replace(self._records[item.content_key], status=status, problem=problem, indexed_at=now()))
        self._commit_when_due()

    def commit(self) -> None:
        """Write the batch in hand."""
        self._last_commit = time.monotonic()
        if not self._changed:
            return
        self._journal(sorted({key for key, _ in self._batch}))
        tables = [rows for _, rows in self._batch if rows.num_rows]
        if tables:
            self._detections.add(pa.concat_tables(tables).combine_chunks())
        self._batch = []
        self._write_media()
        self._forget_journal()
        self._num_commits += 1
        if self._num_commits % _COMPACT_EVERY == 0:
            self._compact()

    def _commit_when_due(self) -> None:
        # Files without any frame count too: a folder of a million unreadable ones must not pile up in memory.
        size = max(len(self._batch), len(self._changed))
        if size >= self._commit_frames or time.monotonic() - self._last_commit >= self._commit_seconds:
            self.commit()

    def _set(self, record: MediaRecord) -> None:
        self._records[record.key] = record
        self._changed.add(record.key)
        for source in record.sources:
            self._keys_at[source].add(record.key)

    def _claim(self, item: MediaItem) -> None:
        """Note that other content found at this path before was replaced.

        It is dropped on closing and not now, because the old content may still turn up at another path.
        """
        for key in self._keys_at[item.source]:
            if key != item.content_key:
                self._superseded.add((item.source, key))
        self._superseded.discard((item.source, item.content_key))

    def _start_over(self, record: MediaRecord) -> None:
        """Forget the people of a file that is to be read again from its start."""
        self.commit()
        self._journal([record.key])
        self._set(replace(record, num_frames=0, num_people=0, next_frame=0, status=MediaStatus.INDEXING))
        self._write_media()
        self._delete_uncovered([record.key])
        self._forget_journal()

    def _drop_superseded(self) -> None:
        gone = []
        for source, key in sorted(self._superseded):
            record = self._records[key]
            places = tuple(s for s in record.sources if s != source)
            if not places:
                gone.append(key)
                continue
            self._set(replace(record, source=places[0], aliases=places[1:]))
            if places[0] != record.source:
                self._relabel(key, source=places[0])
        self._superseded.clear()
        self._write_media()
        if gone:
            self._journal(gone)
            self._media.delete(f"key IN ({', '.join(map(sql_text, gone))})")
            for key in gone:
                del self._records[key]
            self._delete_uncovered(gone)
            self._forget_journal()
            self._num_commits += 1

    def _write_media(self) -> None:
        if self._changed:
            rows = media_rows(self._records[key] for key in sorted(self._changed))
            self._media.merge_insert("key").when_matched_update_all().when_not_matched_insert_all().execute(rows)
            self._changed = set()

    def _relabel(self, key: str, **columns: Any) -> None:
        self._detections.update(where=f"media_key = {sql_text(key)}", values=columns)
        self._num_commits += 1

    def _journal(self, keys: Collection[str]) -> None:
        write_whole(self._folder / JOURNAL, json.dumps(list(keys)))

    def _forget_journal(self) -> None:
        (self._folder / JOURNAL).unlink(missing_ok=True)

    def _recover(self) -> None:
        path = self._folder / JOURNAL
        try:
            keys = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise GalleryError(f"{path} is damaged ({error}); index into another --gallery folder.") from error
        self._delete_uncovered([str(key) for key in keys])
        self._forget_journal()

    def _delete_uncovered(self, keys: Collection[str]) -> None:
        """Remove people whom the media table does not cover."""
        if not keys:
            return
        covered = {key: self._records[key].next_frame if key in self._records else 0 for key in keys}
        conditions = [f"(media_key = {sql_text(k)} AND frame_index >= {first})" for k, first in covered.items()]
        self._detections.delete(" OR ".join(conditions))

    def _compact(self) -> None:
        for table in (self._detections, self._media):
            table.optimize(cleanup_older_than=_KEEP_VERSIONS)


def _resampled(record: MediaRecord, item: MediaItem, every_s: float | None) -> bool:
    return item.kind == "video" and every_s is not None and record.every_s is not None and record.every_s != every_s
