"""The gallery: a folder that remembers people, names the model that saw them, and refuses another's."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import lancedb
import numpy as np
import pyarrow.compute as pc
from numpy.typing import ArrayLike

from sceneseek.errors import (
    EmbeddingSizeError,
    GalleryBusyError,
    GalleryError,
    GalleryMissingError,
    GalleryModelError,
    ValueRefused,
)
from sceneseek.gallery import lookups
from sceneseek.gallery.answers import rankings
from sceneseek.gallery.audit import AUDIT, AUDIT_HEAD
from sceneseek.gallery.files import bytes_in
from sceneseek.gallery.filters import Filters
from sceneseek.gallery.forgetting import FORGETTING
from sceneseek.gallery.index import EXACT_BELOW, Optimised, build, people_index, search_index
from sceneseek.gallery.keep_out import KEEP_OUT
from sceneseek.gallery.lock import WriterLock
from sceneseek.gallery.lookups import EmbeddingSample, SearchedFrames
from sceneseek.gallery.manifest import Manifest
from sceneseek.gallery.memory import PeopleInMemory
from sceneseek.gallery.privacy import make_folder, private_files
from sceneseek.gallery.records import MediaRecord, MediaStatus, StoredFrame, StoredPerson, StoredTracklet
from sceneseek.gallery.retention import RETENTION
from sceneseek.gallery.schema import (
    DETECTIONS,
    INDEX_LOCK,
    JOURNAL,
    LOCK,
    MANIFEST,
    REWRITES,
    TABLES,
    TRACKLETS,
    table_schema,
)
from sceneseek.gallery.search import BLOCK_ROWS, Block, blocks_of, search_blocks
from sceneseek.gallery.tables import T, Tables, patiently
from sceneseek.gallery.writer import GalleryWriter
from sceneseek.similarity import normalise
from sceneseek.structures import Ranking, Sighting

MEMORY_LIMIT = 2 << 30
"""Embeddings are kept in memory up to this many bytes (two million people of 256 numbers); above, blocks are read
from disk for each question."""

By = Literal["sighting", "detection"]

_OWN_NAMES = frozenset({
    *(f"{name}.lance" for name in TABLES), LOCK, INDEX_LOCK, JOURNAL, REWRITES,
    AUDIT, AUDIT_HEAD, KEEP_OUT, FORGETTING, RETENTION,
    *(f".{name}.partial" for name in (MANIFEST, JOURNAL, REWRITES, AUDIT_HEAD, KEEP_OUT, FORGETTING, RETENTION)),
})  # fmt: skip


@dataclass(frozen=True)
class GalleryInfo:
    """What a gallery holds.

    Attributes:
        path: The folder.
        manifest: Which model made it.
        num_people: People, counted once per frame that shows them.
        num_photos: Photographs.
        num_videos: Videos.
        num_frames: Photographs and video frames searched.
        num_unfinished: Files that an interrupted run has not finished.
        num_damaged: Files that could not be read, or not to their end.
        people_per_camera: People by camera name; the empty name stands for no camera.
        bytes_on_disk: Size of the folder.
        num_tracklets: People followed through a video without a break.
        captured_from: The earliest moment by the clock on the wall at which somebody was seen, when any is known.
        captured_until: The latest.
    """

    path: Path
    manifest: Manifest
    num_people: int
    num_photos: int
    num_videos: int
    num_frames: int
    num_unfinished: int
    num_damaged: int
    people_per_camera: dict[str, int]
    bytes_on_disk: int
    num_tracklets: int = 0
    captured_from: datetime | None = None
    captured_until: datetime | None = None


class Gallery:
    """People found in photographs and video, in a folder.

    Make one with ``create``, ``open`` or ``open_or_create``. Any number of processes may search while one writes; each
    search sees the batches that were complete when it began.

    Args:
        path: The folder.
        manifest: What it says about itself.
        memory_limit: Bytes of embeddings to keep in memory; above, they are read in blocks for each search.
        exact_below: Everybody is compared in galleries of up to this many people; larger ones are searched with the
            help of an index as soon as there is one.
    """

    def __init__(
        self, path: Path, manifest: Manifest, memory_limit: int = MEMORY_LIMIT, exact_below: int = EXACT_BELOW
    ) -> None:
        self.path = path
        self.manifest = manifest
        self.memory_limit = memory_limit
        self.exact_below = exact_below
        self._tables = Tables(path)
        self._in_memory = PeopleInMemory(path)
        _ = self._tables[DETECTIONS]  # a damaged gallery is reported now

    @classmethod
    def create(cls, path: str | Path, model: str, fingerprint: str, embedding_dim: int) -> Gallery:
        """Make an empty gallery.

        Args:
            path: A folder that is empty or does not exist yet.
            model: The model's name, with which it can be loaded again.
            fingerprint: A digest of the model's weights and preprocessing.
            embedding_dim: Length of an embedding.

        Raises:
            GalleryError: There is a gallery already, or the folder cannot be made.
            GalleryMissingError: The folder holds something else; nothing is written into it.
        """
        if embedding_dim < 1:
            raise ValueRefused(f"embedding_dim is {embedding_dim}; expected at least 1.")
        folder = Path(path).expanduser().absolute()
        _refuse_odd_path(folder)
        try:
            _refuse_foreign(folder)
            make_folder(folder)
            with private_files(folder), WriterLock(folder):
                if (folder / MANIFEST).exists():
                    raise GalleryError(f"{folder} is a gallery already; open it, or choose another folder.")
                # Tables first, manifest last: whoever is killed in between leaves a folder that was never a gallery.
                database: Any = lancedb.connect(folder)
                for name in TABLES:
                    left_over = (folder / f"{name}.lance").exists()
                    schema = table_schema(name, embedding_dim)
                    database.create_table(name, schema=schema, mode="overwrite" if left_over else "create")
                Manifest.new(model, fingerprint, embedding_dim).write(folder)
        except OSError as error:
            raise GalleryError(f"no gallery can be made in {folder}: {error}. Choose another folder.") from error
        return cls.open(folder)

    @classmethod
    def open(cls, path: str | Path, model: str | None = None, fingerprint: str | None = None) -> Gallery:
        """Open a gallery.

        Args:
            path: Its folder.
            model: The name of the model that is to be used with it, for the message.
            fingerprint: The fingerprint of that model; not checked when ``None``.

        Raises:
            GalleryMissingError: There is no gallery.
            GalleryModelError: Another model made it.
            GalleryError: It is damaged.
        """
        folder = Path(path).expanduser().absolute()
        manifest = Manifest.read(folder)
        if fingerprint is not None and fingerprint != manifest.fingerprint:
            raise GalleryModelError(
                f"{folder} was made by model {manifest.model!r} (fingerprint {manifest.fingerprint[:12]}), but "
                f"{model or 'the given model'!r} (fingerprint {fingerprint[:12]}) is to be used; their embeddings "
                f"cannot be compared. Use --model {manifest.model}, or index into another --gallery folder."
            )
        gallery = cls(folder, manifest)
        if (folder / FORGETTING).exists():
            # Somebody was being forgotten. Either they still are, and its process lives, or it ends now.
            try:
                with suppress(GalleryBusyError), gallery.writer():
                    pass
            except GalleryError:
                raise
            except Exception as error:
                raise GalleryError(
                    f"{folder / FORGETTING} names somebody who was being forgotten, and that cannot be ended "
                    f"({error!r}). Put back a copy of the gallery, or remove this file and {JOURNAL}, then forget "
                    "the whole files they are in."
                ) from error
        return gallery

    @classmethod
    def open_or_create(cls, path: str | Path, model: str, fingerprint: str, embedding_dim: int) -> Gallery:
        """Open the gallery at ``path``, or make one there; see ``open`` and ``create`` for what is refused."""
        folder = Path(path).expanduser().absolute()
        if not (folder / MANIFEST).exists():
            return cls.create(folder, model, fingerprint, embedding_dim)
        return cls.open(folder, model, fingerprint)

    def __len__(self) -> int:
        """People in the gallery, counted once per frame that shows them."""
        return int(self._tables[DETECTIONS].count_rows())

    def writer(self, commit_frames: int = 64, commit_seconds: float = 5.0) -> GalleryWriter:
        """Open the gallery for writing, as a context manager.

        Args:
            commit_frames: Frames in a batch at most. A batch is written whole or not at all.
            commit_seconds: A batch is written when this much time has passed.

        Raises:
            GalleryError: (on entering) somebody else is writing.
        """
        return GalleryWriter(self.path, self.manifest, commit_frames, commit_seconds, self.exact_below)

    def media(self) -> list[MediaRecord]:
        """Every file that was looked at, in no particular order."""
        return self._read(lookups.media_records)

    def places(self, source: str) -> tuple[str, ...]:
        """All paths at which the content of ``source`` was met, ``source`` first; one of them may still be there."""
        return self._read(lookups.places_of, source)

    def cameras(self) -> list[str]:
        """Names of all cameras, sorted."""
        return self._read(lookups.camera_names)

    def person(self, detection_id: str) -> StoredPerson:
        """One person in one frame.

        Raises:
            NotInGalleryError: There is nobody of that name.
        """
        return self.people([detection_id])[0]

    def people(self, detection_ids: Sequence[str]) -> list[StoredPerson]:
        """Several of them, in the order asked for.

        Raises:
            NotInGalleryError: One of them is not there.
        """
        return self._read(lookups.people_by_id, detection_ids)

    def thumbnail(self, detection_id: str) -> bytes | None:
        """The small JPEG of a person, when one was made."""
        return self.thumbnails([detection_id]).get(detection_id)

    def thumbnails(self, detection_ids: Iterable[str]) -> dict[str, bytes]:
        """Small JPEGs of several people by detection id, of those who have one."""
        return self._read(lookups.thumbnails_by_id, list(detection_ids))

    def tracklet(self, tracklet_id: str) -> list[StoredPerson]:
        """All detections of one tracklet, in time order.

        Raises:
            NotInGalleryError: There is no such tracklet.
        """
        return self._read(lookups.people_of_tracklet, tracklet_id)

    def tracklets(self, media_keys: Collection[str] | None = None) -> list[StoredTracklet]:
        """What is known of tracklets as a whole, of some files or of all, by file and beginning."""
        return self._read(lookups.stored_tracklets, media_keys)

    def sightings(self, tracklet_ids: Iterable[str]) -> dict[str, Sighting]:
        """From when to when the people of some tracklets were seen, by tracklet id; unknown ones are left out."""
        return self._read(lookups.sightings_by_id, list(tracklet_ids))

    def searched_frames(self, media_key: str) -> SearchedFrames:
        """All pictures of a file that were searched, in order, without the people in them.

        Raises:
            NotInGalleryError: No picture of such a file was searched.
        """
        return self._read(lookups.searched_frames, media_key)

    def frame(self, media_key: str, frame_index: int = 0) -> StoredFrame:
        """One searched picture with its people.

        Raises:
            NotInGalleryError: That picture was not searched.
        """
        return self._read(lookups.frame_at, media_key, frame_index)

    def frames_around(self, media_key: str, frame_index: int, before: int = 5, after: int = 5) -> list[StoredFrame]:
        """The searched frames of a video next to one of them, which need not have been searched, in order.

        Args:
            media_key: The content key of the video.
            frame_index: The frame in the middle; part of the answer when it was searched.
            before: How many earlier ones at most.
            after: How many later ones at most.
        """
        return self._read(lookups.frames_around, media_key, frame_index, before, after)

    def sample_embeddings(self, count: int, seed: int = 0, run: int = 1) -> EmbeddingSample:
        """Draw people at random, the same ones for the same gallery and seed; see ``lookups.sample``."""
        return self._read(lookups.sample, count, seed, run)

    def search(
        self,
        query: ArrayLike,
        top: int = 20,
        filters: Filters | None = None,
        *,
        by: By = "sighting",
        exact: bool = False,
    ) -> Ranking:
        """Find the people most similar to an embedding.

        Args:
            query: ``(D,)``, made by the gallery's model; only its direction counts.
            top: How many matches at most.
            filters: Whom to compare; everybody when not given.
            by: ``"sighting"``: of each tracklet only the frame that is most similar to the query; a photograph is a
                sighting of its own. ``"detection"``: every frame for itself.
            exact: Compare everybody, however large the gallery is.

        Returns:
            Matches, best first. ``method["index"]`` says ``"exact"``, or ``"approximate (...)"`` and how: similarities
            are exact then, too, but somebody may have been missed.

        Raises:
            EmbeddingSizeError: The query has another length.
            ValueRefused: ``top`` is below 1, or the query is zero or not finite.
        """
        return self.search_many(np.asarray(query, np.float32).reshape(1, -1), top, filters, by=by, exact=exact)[0]

    def search_many(
        self,
        queries: ArrayLike,
        top: int = 20,
        filters: Filters | None = None,
        *,
        by: By = "sighting",
        exact: bool = False,
    ) -> list[Ranking]:
        """Answer several questions at once, which is faster than one after the other; see ``search``.

        Args:
            queries: ``(Q, D)``.
            top: How many matches at most, for each.
            filters: Whom to compare, for all.
            by: See ``search``.
            exact: See ``search``.

        Returns:
            ``Q`` rankings.
        """
        if by not in ("sighting", "detection"):
            raise ValueRefused(f"by is {by!r}; expected 'sighting' or 'detection'.")
        vectors = np.asarray(queries, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != self.manifest.embedding_dim:
            found = f"{vectors.shape[1]} dimensions" if vectors.ndim == 2 else f"shape {vectors.shape}"
            raise EmbeddingSizeError(
                f"the query has {found} and {self.path} holds embeddings of "
                f"{self.manifest.embedding_dim}; query it with model {self.manifest.model!r}."
            )
        if top < 1:
            raise ValueRefused(f"top is {top}; expected at least 1.")
        filters = filters or Filters()
        unit = normalise(vectors)

        def answer(tables: Tables) -> list[Ranking]:
            table = tables[DETECTIONS]
            num_people = int(table.count_rows())
            index = people_index(table) if not exact and num_people > self.exact_below else None
            if index is None:
                answers = search_blocks(self._blocks(table, num_people, filters), unit, top, filters, by == "sighting")
                how = "exact"
            else:
                self._in_memory.clear()
                answers, how = search_index(table, index, unit, top, filters, by == "sighting")
            return rankings(tables, answers, self.manifest.model, filters, by, {"index": how})

        return self._read(answer)

    def optimise(self, force: bool = False) -> Optimised:
        """Build the index of a large gallery where it is time; searches and a writer go on meanwhile.

        A writer does this by itself. People who came after the index was built are compared exactly until a writer's
        next merging of files takes them in.

        Args:
            force: Build a new one even when the present one will do.
        """
        return build(self.path, self.exact_below, force)

    def compact(self, purge: bool = False) -> None:
        """Merge small files and drop versions of the tables that nobody reads any more.

        Args:
            purge: Rewrite every file that holds something of removed rows and drop all former versions now, so that no
                byte of what was removed is left. A search that is under way meanwhile may have to begin again.

        Raises:
            GalleryError: Somebody is writing, or a file cannot be removed.
        """
        with self.writer() as writer:
            if purge:
                writer.purge()
            else:
                writer.compact(all_files=True)
        if purge:
            self.optimise()

    def info(self) -> GalleryInfo:
        """Count what the gallery holds."""
        return self._read(self._info)

    def _info(self, tables: Tables) -> GalleryInfo:
        records = lookups.media_records(tables)
        detections = tables[DETECTIONS]
        columns = [name for name in ("camera_id", "captured_at") if name in detections.schema.names]
        people = detections.search().select(columns).to_arrow()
        span = pc.min_max(people["captured_at"]).as_py() if "captured_at" in columns else {"min": None, "max": None}
        return GalleryInfo(
            path=self.path,
            manifest=self.manifest,
            num_people=people.num_rows,
            num_photos=sum(r.kind == "photo" for r in records),
            num_videos=sum(r.kind != "photo" for r in records),
            num_frames=sum(r.num_frames for r in records),
            num_unfinished=sum(r.status is MediaStatus.INDEXING for r in records),
            num_damaged=sum(r.status is MediaStatus.DAMAGED for r in records),
            people_per_camera={
                c["values"] or "": int(c["counts"]) for c in people["camera_id"].value_counts().to_pylist()
            },
            bytes_on_disk=bytes_in(self.path),
            num_tracklets=int(tables[TRACKLETS].count_rows()) if TRACKLETS in tables else 0,
            captured_from=span["min"],
            captured_until=span["max"],
        )

    def _read(self, look_up: Callable[..., T], *arguments: Any) -> T:
        return patiently(self._tables, lambda: look_up(self._tables, *arguments))

    def _blocks(self, table: Any, num_people: int, filters: Filters) -> Iterable[Block]:
        """The gallery as it is now: from memory while it fits, else from disk with the filters applied there."""
        dim = self.manifest.embedding_dim
        if num_people * dim * 4 <= self.memory_limit:
            return self._in_memory.blocks()
        self._in_memory.clear()
        query = table.search()
        condition = filters.sql()
        # A table of an early format lacks columns that a filter may name; the blocks are filtered in any case.
        if condition is not None and set(table_schema(DETECTIONS, dim).names) <= set(table.schema.names):
            query = query.where(condition)
        return blocks_of(query.to_batches(batch_size=BLOCK_ROWS))


def _refuse_odd_path(folder: Path) -> None:
    """The database takes no control letters in a path; said in plain words before it says so in its own."""
    if any(unicodedata.category(letter) == "Cc" for letter in str(folder)):
        raise GalleryError(
            f"a gallery cannot be kept at {folder}: the path holds control letters. Choose another --gallery folder."
        )


def _refuse_foreign(folder: Path) -> None:
    """Never write among somebody's files."""
    if folder.exists() and not folder.is_dir():
        raise GalleryMissingError(f"{folder} is a file; a gallery is a folder. Choose another --gallery path.")
    if not folder.is_dir() or (folder / MANIFEST).exists():
        return
    foreign = sorted(entry.name for entry in folder.iterdir() if entry.name not in _OWN_NAMES)
    if foreign:
        raise GalleryMissingError(
            f"{folder} is not a gallery and not empty (it holds {foreign[0]!r}); nothing was written. "
            "Choose another --gallery folder."
        )
