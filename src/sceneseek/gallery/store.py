"""The gallery: a folder that remembers people, names the model that saw them, and refuses another's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lancedb
import numpy as np

from sceneseek.errors import EmbeddingSizeError, GalleryError, GalleryMissingError, GalleryModelError, ValueRefused
from sceneseek.gallery.audit import AUDIT, AUDIT_HEAD
from sceneseek.gallery.lock import WriterLock
from sceneseek.gallery.schema import (
    DETECTIONS,
    JOURNAL,
    LOCK,
    MANIFEST,
    MEDIA,
    MEDIA_SCHEMA,
    Manifest,
    MediaRecord,
    MediaStatus,
    detection_schema,
    sql_text,
)
from sceneseek.gallery.search import BLOCK_ROWS, Block, Filters, blocks_of, search_blocks
from sceneseek.gallery.writer import GalleryWriter
from sceneseek.similarity import normalise
from sceneseek.structures import FloatArray, Ranking

MEMORY_LIMIT = 2 << 30
"""Embeddings are kept in memory up to this many bytes (two million people of 256 numbers); above, blocks are read
from disk for each question. An approximate index belongs here when galleries grow beyond it."""

_OWN_NAMES = frozenset({
    f"{MEDIA}.lance", f"{DETECTIONS}.lance", LOCK, JOURNAL, f".{MANIFEST}.partial", AUDIT, AUDIT_HEAD,
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


class Gallery:
    """People found in photographs and video, in a folder.

    Make one with ``create``, ``open`` or ``open_or_create``. Any number of processes may search while one writes; each
    search sees the batches that were complete when it began.

    Args:
        path: The folder.
        manifest: What it says about itself.
        memory_limit: Bytes of embeddings to keep in memory; above, they are read in blocks for each search.
    """

    def __init__(self, path: Path, manifest: Manifest, memory_limit: int = MEMORY_LIMIT) -> None:
        self.path = path
        self.manifest = manifest
        self.memory_limit = memory_limit
        self._database: Any = lancedb.connect(path)
        self._detections: Any = self._open_table(DETECTIONS)
        self._cached: tuple[int, list[Block]] | None = None

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
        try:
            _refuse_foreign(folder)
            folder.mkdir(parents=True, exist_ok=True)
            with WriterLock(folder):
                if (folder / MANIFEST).exists():
                    raise GalleryError(f"{folder} is a gallery already; open it, or choose another folder.")
                # Tables first, manifest last: whoever is killed in between leaves a folder that was never a gallery.
                database: Any = lancedb.connect(folder)
                for name, schema in ((MEDIA, MEDIA_SCHEMA), (DETECTIONS, detection_schema(embedding_dim))):
                    left_over = (folder / f"{name}.lance").exists()
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
        return cls(folder, manifest)

    @classmethod
    def open_or_create(cls, path: str | Path, model: str, fingerprint: str, embedding_dim: int) -> Gallery:
        """Open the gallery at ``path``, or make one there; see ``open`` and ``create`` for what is refused."""
        folder = Path(path).expanduser().absolute()
        if not (folder / MANIFEST).exists():
            return cls.create(folder, model, fingerprint, embedding_dim)
        return cls.open(folder, model, fingerprint)

    def __len__(self) -> int:
        """People in the gallery, counted once per frame that shows them."""
        self._detections.checkout_latest()
        return int(self._detections.count_rows())

    def writer(self, commit_frames: int = 64, commit_seconds: float = 5.0) -> GalleryWriter:
        """Open the gallery for writing, as a context manager.

        Args:
            commit_frames: Frames in a batch at most. A batch is written whole or not at all.
            commit_seconds: A batch is written when this much time has passed.

        Raises:
            GalleryError: (on entering) somebody else is writing.
        """
        return GalleryWriter(self.path, self.manifest, commit_frames, commit_seconds)

    def media(self) -> list[MediaRecord]:
        """Every file that was looked at, in no particular order."""
        return [MediaRecord.from_row(row) for row in self._open_table(MEDIA).to_arrow().to_pylist()]

    def places(self, source: str) -> tuple[str, ...]:
        """All paths at which the content of ``source`` was met, ``source`` first; one of them may still be there."""
        table = self._open_table(MEDIA)
        rows = table.search().where(f"source = {sql_text(source)}").select(["aliases"]).limit(1).to_list()
        return (source, *(alias for row in rows for alias in row["aliases"]))

    def search(self, query: FloatArray, top: int = 20, filters: Filters | None = None) -> Ranking:
        """Find the people most similar to an embedding.

        Args:
            query: ``(D,)``, made by the gallery's model; only its direction counts.
            top: How many matches at most.
            filters: Whom to compare; everybody when not given.

        Returns:
            Matches, best first.

        Raises:
            EmbeddingSizeError: The query has another length.
            ValueRefused: ``top`` is below 1, or the query is zero or not finite.
        """
        vector = np.asarray(query, np.float32).reshape(-1)
        if len(vector) != self.manifest.embedding_dim:
            raise EmbeddingSizeError(
                f"the query has {len(vector)} dimensions and {self.path} holds embeddings of "
                f"{self.manifest.embedding_dim}; query it with model {self.manifest.model!r}."
            )
        vector = normalise(vector[None, :])[0]
        filters = filters or Filters()
        found = search_blocks(self._blocks(filters), vector, top, filters)
        return Ranking(found.matches, self.manifest.model, found.searched, filters.described())

    def info(self) -> GalleryInfo:
        """Count what the gallery holds."""
        records = self.media()
        self._detections.checkout_latest()
        cameras = self._detections.search().select(["camera_id"]).to_arrow()["camera_id"].value_counts().to_pylist()
        return GalleryInfo(
            path=self.path,
            manifest=self.manifest,
            num_people=int(self._detections.count_rows()),
            num_photos=sum(r.kind == "photo" for r in records),
            num_videos=sum(r.kind == "video" for r in records),
            num_frames=sum(r.num_frames for r in records),
            num_unfinished=sum(r.status is MediaStatus.INDEXING for r in records),
            num_damaged=sum(r.status is MediaStatus.DAMAGED for r in records),
            people_per_camera={c["values"] or "": int(c["counts"]) for c in cameras},
            bytes_on_disk=sum(f.stat().st_size for f in self.path.rglob("*") if f.is_file()),
        )

    def _open_table(self, name: str) -> Any:
        try:
            return self._database.open_table(name)
        except Exception as error:
            raise GalleryError(
                f"{self.path} is damaged: its table {name!r} cannot be opened ({error}). "
                "Index the media again into another --gallery folder."
            ) from error

    def _blocks(self, filters: Filters) -> Iterable[Block]:
        """The gallery as it is now: from memory while it fits, else from disk with the filters applied there."""
        self._detections.checkout_latest()
        version = int(self._detections.version)
        dim = self.manifest.embedding_dim
        if int(self._detections.count_rows()) * dim * 4 > self.memory_limit:
            self._cached = None
            query = self._detections.search()
            condition = filters.sql()
            query = query.where(condition) if condition is not None else query
            return blocks_of(query.to_batches(batch_size=BLOCK_ROWS), dim)
        if self._cached is not None and self._cached[0] == version:
            return self._cached[1]
        blocks = list(blocks_of(self._detections.search().to_batches(batch_size=BLOCK_ROWS), dim))
        self._cached = (version, blocks)
        return blocks


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
