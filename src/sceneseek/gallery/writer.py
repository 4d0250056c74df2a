"""Writing into a gallery, batch by batch, so that a writer killed at any moment loses at most the batch in its hands.

There are five tables and no transaction over all, so the media table is the truth: a frame is indexed when its file's
``next_frame`` lies beyond it. Each batch is written in four steps:

1. the journal names the files whose rows may be half there;
2. frames, thumbnails and tracklets are written, and last the people: a search sees all people of a batch or none;
3. the media table says how far each file has come;
4. the journal is removed.

The next writer that finds a journal removes what the media table does not cover, or ends a removal that was begun. Then
it continues.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import pyarrow as pa

from sceneseek.errors import EmbeddingSizeError, GalleryError
from sceneseek.gallery.addresses import clean_camera, cleaned
from sceneseek.gallery.compaction import compact, purge_all
from sceneseek.gallery.failures import is_of_storage, write_failure
from sceneseek.gallery.forgetting import end_interrupted
from sceneseek.gallery.index import EXACT_BELOW, BackgroundBuild
from sceneseek.gallery.journal import Journal
from sceneseek.gallery.keep_out import KeepOut
from sceneseek.gallery.lock import WriterLock
from sceneseek.gallery.manifest import Manifest
from sceneseek.gallery.migrations import migrate
from sceneseek.gallery.privacy import close_where_open, private_files
from sceneseek.gallery.records import (
    MediaRecord,
    MediaStatus,
    Seen,
    detection_columns,
    detection_rows,
    frame_row,
    media_rows,
    thumbnail_rows,
)
from sceneseek.gallery.removing import remove_media, remove_people, remove_uncovered, tracklets_of
from sceneseek.gallery.rewrites import rewrites, rewriting
from sceneseek.gallery.schema import DETECTIONS, FRAMES, MEDIA, THUMBNAILS, TRACKLETS, now, sql_text
from sceneseek.gallery.tables import Tables
from sceneseek.gallery.tracklets import TrackletBook
from sceneseek.structures import Detections, FloatArray, Frame, MediaItem
from sceneseek.words import plain, without_password

_COMPACT_EVERY = 200
"""Batches between compactions: each batch adds a small file, and thousands of them slow everybody down."""

_METADATA_BYTES = 16 << 20
"""Each batch is a version of four tables, and the database would remember all that each of them consists of. Between
two mergings of files this grows with the square of the batches, and nobody asks for it again."""


class Plan(NamedTuple):
    """What is to be done with a file.

    Attributes:
        start_frame: The first frame index to look at, or ``None`` when the file is known already or kept out.
        problem: What was wrong with a known file, or why it is kept out; empty when all is well.
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
        exact_below: Galleries up to this many people need no index.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        commit_frames: int = 64,
        commit_seconds: float = 5.0,
        exact_below: int = EXACT_BELOW,
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self._commit_frames = commit_frames
        self._commit_seconds = commit_seconds
        self._open = ExitStack()
        self._tables = Tables(folder, _METADATA_BYTES)
        self._tracklets = TrackletBook(self._tables)
        self._index = BackgroundBuild(folder, exact_below)
        self._records: dict[str, MediaRecord] = {}
        self._keys_at: defaultdict[str, set[str]] = defaultdict(set)
        self._batch = _Batch()
        self._changed: set[str] = set()
        self._superseded: set[tuple[str, str]] = set()
        self._keep_out = KeepOut()
        self._kept_out: dict[str, str] = {}
        self._last_commit = 0.0
        self._num_commits = 0

    def __enter__(self) -> GalleryWriter:
        """Take the lock, bring an earlier format up to date, and mend what a killed writer left.

        Raises:
            GalleryError: Somebody else is writing, or the gallery is damaged.
        """
        with ExitStack() as stack:
            stack.enter_context(private_files(self._folder))
            stack.enter_context(WriterLock(self._folder))
            close_where_open(self._folder)
            try:
                self._manifest = migrate(self._folder, self._manifest.read(self._folder))
                rows = self._tables[MEDIA].to_arrow().to_pylist()
                for name in (FRAMES, DETECTIONS, TRACKLETS, THUMBNAILS):
                    _ = self._tables[name]
            except GalleryError:
                raise
            except Exception as error:
                raise GalleryError(f"{self._folder} is damaged and cannot be written to: {error}.") from error
            self._records = {row["key"]: MediaRecord.from_row(row) for row in rows}
            for record in self._records.values():
                for source in record.sources:
                    self._keys_at[source].add(record.key)
            try:
                self._recover()
                end_interrupted(self)
            except Exception as error:
                if not is_of_storage(error):
                    raise
                raise write_failure(self._folder, error) from error
            self._keep_out = KeepOut.read(self._folder)
            self._last_commit = time.monotonic()
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is in hand, drop what was replaced, tidy up, build an index where it is time, release the lock.

        After an error nothing more is written; whole frames in hand are kept when the user stopped the work.
        """
        with self._open:
            if is_of_storage(error):
                assert error is not None
                raise write_failure(self._folder, error) from error
            try:
                self._close(error)
            except Exception as failure:
                if not is_of_storage(failure):
                    raise
                raise write_failure(self._folder, failure) from failure

    def _close(self, error: BaseException | None) -> None:
        if error is None or isinstance(error, KeyboardInterrupt):
            self.commit()
        if error is None:
            self._drop_superseded()
            if self._num_commits:
                self.compact()
                self._index.wait()

    @property
    def folder(self) -> Path:
        """The gallery's."""
        return self._folder

    def plan(self, item: MediaItem, every_s: float | None = None) -> Plan:
        """Say what is to be done with a file.

        Args:
            item: The file.
            every_s: Seconds between frames of a video. A video that was sampled otherwise is done again.
        """
        record = self._records.get(item.content_key)
        start = _start_frame(record, item, every_s)
        # From its start also when it was read before under another record: a renamed file, or one whose rest is gone.
        kept_out = self._keep_out.reason(item.content_key, again=start == 0)
        if kept_out is not None:
            self._kept_out[item.content_key] = kept_out
            return Plan(None, kept_out)
        return Plan(start, record.problem if record is not None and start is None else "")

    def recognise(self, item: MediaItem) -> str:
        """Note that a known file was met again: another path becomes an alias, another camera name is taken over.

        Returns:
            What was wrong with it when it was read, or why it is kept out; empty when all is well.
        """
        if item.content_key in self._kept_out:
            return self._kept_out[item.content_key]
        item = _shareable(item)
        record = self._records[item.content_key]
        self._claim(item)
        if item.source not in record.sources:
            self._set(replace(record, aliases=(*record.aliases, item.source)))
        elif item.source == record.source and item.camera_id not in (None, record.camera_id):
            self.commit()
            self._set(replace(record, camera_id=item.camera_id))
            self._relabel(record.key, (DETECTIONS, FRAMES, TRACKLETS), camera_id=item.camera_id)
        return record.problem

    def name_camera(self, keys: Iterable[str], camera_id: str | None) -> None:
        """Say which camera took some files, whatever was known of it before.

        Args:
            keys: Content keys; unknown ones do nothing.
            camera_id: The camera's name; ``None`` for no camera.
        """
        self.commit()
        for key in keys:
            record = self._records.get(key)
            if record is not None and record.camera_id != camera_id:
                self._set(replace(record, camera_id=camera_id))
                self._relabel(key, (DETECTIONS, FRAMES, TRACKLETS), camera_id=camera_id)
        self._write_media()

    def begin(self, item: MediaItem, every_s: float | None = None) -> None:
        """Start a file, resume it, or give a damaged one another chance."""
        item = _shareable(item)
        every_s = every_s if item.kind != "photo" else None
        record = self._records.get(item.content_key)
        self._claim(item)
        if record is None:
            self._set(
                MediaRecord(
                    item.content_key,
                    item.source,
                    item.kind,
                    camera_id=item.camera_id,
                    every_s=every_s,
                    indexed_at=now(),
                    captured_at=item.captured_at,
                )
            )
            return
        if record.num_frames and _resampled(record, item, every_s):
            self._start_over(record)
            record = self._records[record.key]
        if record.num_frames and item.camera_id not in (None, record.camera_id):
            self._relabel(record.key, (DETECTIONS, FRAMES, TRACKLETS), camera_id=item.camera_id)
        # People in the table carry the path at which they were found; before there are any, the newest path is best.
        first = record.source if record.num_frames else item.source
        others = tuple(s for s in dict.fromkeys((*record.sources, item.source)) if s != first)
        fresh = replace(record, source=first, aliases=others, status=MediaStatus.INDEXING, problem="")
        camera_id, captured_at = item.camera_id or record.camera_id, item.captured_at or record.captured_at
        self._set(replace(fresh, every_s=every_s, camera_id=camera_id, captured_at=captured_at))

    def add(
        self,
        item: MediaItem,
        frame: Frame,
        people: Detections,
        *,
        tracklet_ids: Sequence[int | None] | None = None,
        flags: Sequence[Sequence[str]] | None = None,
        thumbnails: Sequence[bytes | None] | None = None,
        sharpness: Sequence[float] | FloatArray | None = None,
    ) -> None:
        """Remember the people of one frame.

        Args:
            item: The file, begun before.
            frame: The frame; indices must grow.
            people: Who was found in it, with embeddings; ``N`` of them.
            tracklet_ids: For each person the number of their tracklet within this file, ``None`` for none. The
                gallery's name for it is ``schema.tracklet_id(item.content_key, number)``; the tracklets table follows.
            flags: For each person what speaks against trusting them; ``None`` says that nobody looked.
            thumbnails: For each person a small JPEG file, or ``None``.
            sharpness: For each person a measure of focus.

        Raises:
            EmbeddingSizeError: There are no embeddings, or they have another length than the gallery's.
            ValueRefused: Something does not have one entry per person, or has tracklets but no time.
        """
        dim = self._manifest.embedding_dim
        if people.embeddings is None or people.embeddings.shape[1] != dim:
            found = "no embeddings" if people.embeddings is None else f"embeddings of size {people.embeddings.shape[1]}"
            raise EmbeddingSizeError(f"detections have {found}; the gallery holds embeddings of size {dim}.")
        seen = Seen(frame, people, tracklet_ids, flags, thumbnails, sharpness)
        record = self._records[item.content_key]
        grown = replace(
            record,
            num_frames=record.num_frames + 1,
            num_people=record.num_people + len(people),
            next_frame=frame.frame_index + 1,
            indexed_at=now(),
        )
        self._set(grown)
        # Rows, not the frame: sixty-four photographs would hold gigabytes of pixels.
        self._batch.add(grown, seen)
        self._tracklets.see(grown, seen)
        self._commit_when_due()

    def finish(self, item: MediaItem, problem: str = "") -> None:
        """Mark a file as read as far as it goes."""
        status = MediaStatus.DAMAGED if problem else MediaStatus.COMPLETE
        self._set(replace(self._records[item.content_key], status=status, problem=problem, indexed_at=now()))
        self._commit_when_due()

    def remove_media(self, keys: Collection[str]) -> None:
        """Remove files with everything that was seen in them, from all tables.

        Old versions of the tables still hold the bytes until ``Gallery.compact(purge=True)``. A removal that is
        interrupted is ended by the next writer.

        Args:
            keys: Content keys; unknown ones do nothing.
        """
        self.commit()
        with rewriting(self._folder):
            self._remove(Journal(removing_media=tuple(keys)))

    def remove_people(self, detection_ids: Collection[str]) -> None:
        """Remove people with their thumbnails, from all tables; tracklets, frames and files go on without them.

        The file counts as searched still, so indexing it again does not bring them back. See ``remove_media``.

        Args:
            detection_ids: The gallery's names of the people; unknown ones do nothing.
        """
        self.commit()
        tracklets = tracklets_of(self._tables, detection_ids)
        with rewriting(self._folder):
            self._remove(Journal(removing_people=tuple(detection_ids), tracklets=tuple(tracklets)))

    def _drop_record(self, key: str) -> None:
        record = self._records.pop(key, None)
        for source in record.sources if record is not None else ():
            self._keys_at[source].discard(key)
            self._superseded.discard((source, key))
        self._changed.discard(key)
        self._tracklets.forget(key)

    def compact(self, all_files: bool = False) -> None:
        """Merge the small files that batches leave, where there are many, and begin to build an index where it is time.

        Args:
            all_files: Merge even where there are few.
        """
        compact(self._folder, self._tables, all_files)
        self._index.begin_if_due(self._tables[DETECTIONS])

    def purge(self) -> bool:
        """Leave no byte of what was removed in the gallery's files.

        Returns:
            Whether an index was dropped that is to be built again.
        """
        self.commit()
        self._index.wait()
        return purge_all(self._folder, self._tables)

    def start_over(self, keys: Iterable[str]) -> None:
        """Remove what was seen in files, so that they are read again from their start."""
        for key in keys:
            self._start_over(self._records[key])

    def recount(self, keys: Iterable[str]) -> None:
        """Let files say how many people are there, whatever they said before."""
        for key in keys:
            num_people = int(self._tables[DETECTIONS].count_rows(f"media_key = {sql_text(key)}"))
            self._set(replace(self._records[key], num_people=num_people))
        self._write_media()

    def adopt(self, records: Sequence[MediaRecord], rows: Mapping[str, Iterable[pa.RecordBatch]]) -> None:
        """Take over files with all that was seen in them from elsewhere, all or nothing.

        Args:
            records: Files that this gallery does not know.
            rows: By table, what was seen in them; same model, same columns.
        """
        self.commit()
        self._journal(Journal(adding=tuple(record.key for record in records)))
        for name in (FRAMES, THUMBNAILS, TRACKLETS, DETECTIONS):
            for batch in rows[name]:
                if batch.num_rows:
                    self._tables[name].add(pa.Table.from_batches([cleaned(batch)]))
        for record in records:
            self._set(record)
        self._write_media()
        self._forget_journal()
        self._num_commits += 1

    def clean_addresses(self, keys: Collection[str]) -> None:
        """Leave nothing of cameras' addresses in rows but what may be shown; ``purge`` removes the bytes.

        Args:
            keys: Content keys of the media concerned.
        """
        for key in keys:
            record = self._records[key]
            camera = clean_camera(record)
            self._relabel(key, (DETECTIONS,), source=record.source)
            if camera != record.camera_id:
                self._relabel(key, (DETECTIONS, FRAMES, TRACKLETS), camera_id=camera)
            self._set(replace(record, camera_id=camera))
        self._write_media()

    def also_met_at(self, key: str, sources: Iterable[str]) -> None:
        """Note that a known file's content is to be found at further paths."""
        record = self._records[key]
        further = tuple(source for source in dict.fromkeys(sources) if source not in record.sources)
        if further:
            self._set(replace(record, aliases=(*record.aliases, *further)))

    def commit(self) -> None:
        """Write the batch in hand."""
        self._last_commit = time.monotonic()
        if not self._changed:
            return
        self._journal(Journal(adding=self._batch.keys))
        self._batch.write(self._tables, self._tracklets)
        self._batch = _Batch()
        self._write_media()
        self._forget_journal()
        self._num_commits += 1
        if self._num_commits % _COMPACT_EVERY == 0:
            self.compact()

    def _commit_when_due(self) -> None:
        # Files without any frame count too: a folder of a million unreadable ones must not pile up in memory.
        size = max(self._batch.num_frames, len(self._changed))
        if size >= self._commit_frames or time.monotonic() - self._last_commit >= self._commit_seconds:
            self.commit()

    def _set(self, record: MediaRecord) -> None:
        self._records[record.key] = record
        self._changed.add(record.key)
        for source in record.sources:
            self._keys_at[source].add(record.key)

    def _claim(self, item: MediaItem) -> None:
        """Note that other content found at this path before was replaced.

        It is dropped on closing and not now, because the old content may still turn up at another path. A live source
        replaces nothing: each time it was watched is a medium of its own.
        """
        if item.kind == "stream":
            return
        for key in self._keys_at[item.source]:
            if key != item.content_key:
                self._superseded.add((item.source, key))
        self._superseded.discard((item.source, item.content_key))

    def _start_over(self, record: MediaRecord) -> None:
        """Forget the people of a file that is to be read again from its start."""
        self.commit()
        with rewriting(self._folder):
            self._journal(Journal(adding=(record.key,)))
            self._set(replace(record, num_frames=0, num_people=0, next_frame=0, status=MediaStatus.INDEXING))
            self._write_media()
            self._remove_uncovered([record.key])
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
                self._relabel(key, (DETECTIONS,), source=places[0])
        self._superseded.clear()
        self._write_media()
        if gone:
            self.remove_media(gone)

    def _write_media(self) -> None:
        if self._changed:
            rows = media_rows(self._records[key] for key in sorted(self._changed))
            self._tables[MEDIA].merge_insert("key").when_matched_update_all().when_not_matched_insert_all().execute(
                rows
            )
            self._changed = set()

    def _relabel(self, key: str, tables: Sequence[str], **columns: Any) -> None:
        with rewriting(self._folder):
            for name in tables:
                self._tables[name].update(where=f"media_key = {sql_text(key)}", values=columns)
        self._tracklets.forget(key)
        self._num_commits += 1

    def _journal(self, journal: Journal) -> None:
        journal.write(self._folder)

    def _forget_journal(self) -> None:
        Journal.remove(self._folder)

    def _recover(self) -> None:
        journal = Journal.read(self._folder)
        if journal is None and rewrites(self._folder) % 2 == 0:
            return
        # Somebody died within a batch, or after a rewriting was done and before its count said so.
        journal = journal or Journal()
        with rewriting(self._folder):
            self._remove_uncovered(journal.adding)
            self._finish_removal(journal)
            self._forget_journal()

    def _remove_uncovered(self, keys: Collection[str]) -> None:
        """Remove people whom the media table does not cover."""
        covered = {key: self._records[key].next_frame if key in self._records else 0 for key in keys}
        remove_uncovered(self._tables, covered)
        for key in keys:
            self._tracklets.forget(key)

    def _remove(self, journal: Journal) -> None:
        self._journal(journal)
        self._finish_removal(journal)
        self._forget_journal()
        self._num_commits += 1

    def _finish_removal(self, journal: Journal) -> None:
        if journal.removing_media:
            remove_media(self._tables, journal.removing_media)
        for key in journal.removing_media:
            self._drop_record(key)
        if journal.removing_people:
            left = remove_people(self._tables, journal.removing_people, journal.tracklets)
            for key, num_people in left.items():
                self._tracklets.forget(key)
                if key in self._records:
                    self._set(replace(self._records[key], num_people=num_people))
            self._write_media()


class _Batch:
    """Rows that are written together."""

    def __init__(self) -> None:
        self.num_frames = 0
        self._keys: set[str] = set()
        self._people: list[dict[str, Any]] = []
        self._frames: list[dict[str, Any]] = []
        self._thumbnails: list[dict[str, Any]] = []

    @property
    def keys(self) -> tuple[str, ...]:
        """Content keys of the files concerned."""
        return tuple(sorted(self._keys))

    def add(self, record: MediaRecord, seen: Seen) -> None:
        """Take one frame in."""
        self.num_frames += 1
        self._keys.add(record.key)
        self._frames.append(frame_row(record, seen))
        self._thumbnails.extend(thumbnail_rows(record, seen))
        if len(seen.people):
            self._people.append(detection_columns(record, seen))

    def write(self, tables: Tables, tracklets: TrackletBook) -> None:
        """Write all rows; people last, because searches look for them."""
        for name, rows in ((FRAMES, self._frames), (THUMBNAILS, self._thumbnails)):
            if rows:
                table = tables[name]
                table.add(pa.Table.from_pylist(rows, schema=table.schema))
        tracklets.write()
        if self._people:
            table = tables[DETECTIONS]
            table.add(detection_rows(self._people, table.schema))


def _shareable(item: MediaItem) -> MediaItem:
    """A medium as it may be remembered: galleries are copied and handed on, passwords of cameras are not."""
    source, camera = without_password(item.source), item.camera_id
    camera = None if camera is None else plain(camera)
    return item if (source, camera) == (item.source, item.camera_id) else replace(item, source=source, camera_id=camera)


def _start_frame(record: MediaRecord | None, item: MediaItem, every_s: float | None) -> int | None:
    """The first frame index of a file to look at, ``None`` when all of it is known."""
    if record is None or _resampled(record, item, every_s):
        return 0
    if record.status is MediaStatus.INDEXING or item.kind == "stream":
        return record.next_frame  # a live stream has no end: each run goes on where the last one stopped
    if record.status is MediaStatus.DAMAGED and record.num_frames == 0:
        return 0
    return None


def _resampled(record: MediaRecord, item: MediaItem, every_s: float | None) -> bool:
    return item.kind == "video" and every_s is not None and record.every_s is not None and record.every_s != every_s
