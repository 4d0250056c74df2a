"""From annotated scenes and a model to an extraction on disk."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sceneseek.ahead import read_ahead
from sceneseek.data.picture_files import read_scene
from sceneseek.errors import DataError, ExtractionError, ModelError, PictureError, ValueRefused
from sceneseek.structures import (
    Detections,
    Extraction,
    FloatArray,
    ImageArray,
    PersonModel,
    Progress,
    Provenance,
    Query,
    Sample,
    SceneSet,
    data_fingerprint,
    silent,
)

IMAGES_PER_PART = 256
"""How many images of work an interruption may cost at most."""


class Embedder(Protocol):
    """Describes given people of one image by vectors."""

    @property
    def fingerprint(self) -> str:
        """Names everything that changes the answer."""

    @property
    def embedding_dim(self) -> int:
        """``D``."""

    def embed(self, image: ImageArray, boxes: FloatArray) -> FloatArray:
        """Describe the people in ``(N, 4)`` boxes by ``(N, D)`` unit rows."""


class Describer:
    """An embedder alone, as an ``PersonModel`` for boxes that another model found.

    Args:
        embedder: Describes the people in given boxes of one image (``models.two_step.Embedder``).
        name: What to call it in reports.
    """

    def __init__(self, embedder: Embedder, name: str) -> None:
        self._embedder = embedder
        self.name = name
        self.fingerprint = hashlib.sha256(embedder.fingerprint.encode()).hexdigest()
        self.embedding_dim = embedder.embedding_dim

    def detect(self, images: Sequence[ImageArray]) -> list[Detections]:
        """Refuse: an embedder finds nobody."""
        raise ModelError(f"{self.name} describes people but does not find them; give it boxes.")

    def embed(self, images: Sequence[ImageArray], boxes: Sequence[FloatArray]) -> list[FloatArray]:
        """Describe the people in given boxes."""
        return [self._embedder.embed(image, rows) for image, rows in zip(images, boxes, strict=True)]


def machine() -> str:
    """Name the machine for a report: processor, cores, system, Python."""
    cores = os.cpu_count() or 1
    return f"{_processor()}, {cores} cores, {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def extract(
    predictor: PersonModel,
    scenes: SceneSet,
    *,
    boxes: Literal["detector", "truth", "image"] | Extraction = "detector",
    batch_size: int = 4,
    path: str | Path | None = None,
    half: bool = False,
    progress: Progress = silent,
) -> Extraction:
    """Detect and embed the people of every scene, and embed every query.

    Pictures are decoded in a second thread while the model works. With ``path``, finished parts are kept beside it
    until the whole is written: an interrupted extraction goes on where it stopped, and one that is already there is
    read.

    Args:
        predictor: The model.
        scenes: Scenes and queries.
        boxes: ``"detector"`` searches for people; ``"truth"`` embeds the annotated boxes (those marked to be ignored
            are left out) with score 1: what search would reach with a perfect detector; ``"image"`` embeds each whole
            image as one box, for retrieval without detection; an ``Extraction`` of the same data describes the people
            in its boxes, to compare two embedders on equal terms.
        batch_size: Images per call of the model.
        path: Where to write the extraction (``.npz``).
        half: Store embeddings in float16.
        progress: Told about images.

    Returns:
        The extraction, in the order of ``scenes.samples`` and ``scenes.queries``.

    Raises:
        ExtractionError: ``path`` holds an extraction of another model or of other data.
        DataError: A picture cannot be read, or its size differs from the annotation.
    """
    if batch_size < 1:
        raise ValueRefused(f"batch_size is {batch_size}; expected at least 1.")
    given = boxes if isinstance(boxes, Extraction) else None
    if given is not None:
        given.require(scenes)
    provenance = Provenance(
        model=predictor.name,
        fingerprint=_fingerprint(predictor, given),
        data=scenes.name,
        data_fingerprint=data_fingerprint(scenes),
        boxes=given.provenance.boxes if given is not None else str(boxes),
        version=_version(),
        machine=machine(),
    )
    done = _already_there(path, provenance)
    if done is not None:
        progress(len(scenes), len(scenes), "read from disk")
        return done
    people_of: _PeopleOf | None = None if given is None else partial(_given, given)
    if isinstance(boxes, str) and boxes != "detector":
        people_of = {"truth": _truth, "image": _whole_image}[boxes]
    work = _Work(predictor, scenes, provenance, batch_size, np.float16 if half else np.float32, people_of)
    parts = _Parts(None if path is None else Path(f"{path}.parts"), provenance)
    pieces: list[Extraction] = []
    finished = 0
    for start in range(0, max(len(scenes.samples), 1), IMAGES_PER_PART):
        samples = scenes.samples[start : start + IMAGES_PER_PART]
        piece = parts.read(start, samples)
        if piece is None:
            piece = work.run(samples, lambda n, done=finished: progress(done + n, len(scenes)))  # type: ignore[misc]
            parts.write(start, piece)
        pieces.append(piece)
        finished += len(samples)
        progress(finished, len(scenes))
    total = replace(provenance, seconds=sum(p.provenance.seconds for p in pieces))
    whole = Extraction.join(pieces, total, [q.query_id for q in scenes.queries])
    if path is not None:
        whole.save(path)
        parts.clear()
    return whole


def _version() -> str:
    try:
        return metadata.version("sceneseek")
    except metadata.PackageNotFoundError:
        return "not installed"


def _fingerprint(predictor: PersonModel, given: Extraction | None) -> str:
    if given is None or given.provenance.boxes != "detector":
        return predictor.fingerprint  # The annotated boxes and the images' sizes are in the data's own fingerprint.
    return hashlib.sha256(f"{predictor.fingerprint}|boxes of {given.provenance.fingerprint}".encode()).hexdigest()


def _already_there(path: str | Path | None, provenance: Provenance) -> Extraction | None:
    if path is None or not Path(path).exists():
        return None
    found = Extraction.load(path)
    if not found.provenance.same_work(provenance):
        p, q = found.provenance, provenance
        raise ExtractionError(
            f"{path} holds {p.boxes} boxes of {p.model} ({p.fingerprint[:12]}) on {p.data} "
            f"({p.data_fingerprint[:12]}); asked for {q.boxes} boxes of {q.model} ({q.fingerprint[:12]}) on {q.data} "
            f"({q.data_fingerprint[:12]}). "
            "Name another file, or remove this one."
        )
    return found


@dataclass(frozen=True)
class _Parts:
    """Finished parts of an extraction on disk; each is an extraction of some of the images."""

    folder: Path | None
    provenance: Provenance

    def _file(self, start: int) -> Path | None:
        return None if self.folder is None else self.folder / f"part-{start:08d}.npz"

    def read(self, start: int, samples: Sequence[Sample]) -> Extraction | None:
        file = self._file(start)
        if file is None or not file.exists():
            return None
        try:
            part = Extraction.load(file)
        except ExtractionError:
            return None  # A damaged part is made again; it was only ever an intermediate result.
        same_images = part.image_ids.tolist() == [s.image_id for s in samples]
        return part if part.provenance.same_work(self.provenance) and same_images else None

    def write(self, start: int, part: Extraction) -> None:
        file = self._file(start)
        if file is not None:
            part.save(file)

    def clear(self) -> None:
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class _Work:
    """One model at work on one set of scenes."""

    predictor: PersonModel
    scenes: SceneSet
    provenance: Provenance
    batch_size: int
    dtype: Any
    people_of: _PeopleOf | None

    def run(self, samples: Sequence[Sample], report: Callable[[int], None]) -> Extraction:
        started = time.perf_counter()
        queries: dict[int, list[Query]] = defaultdict(list)
        for query in self.scenes.queries:
            queries[query.image_id].append(query)
        found: list[tuple[int, Detections]] = []
        asked: list[tuple[int, NDArray[Any]]] = []
        with closing(read_ahead(_decoded(samples, self.batch_size), depth=1)) as batches:
            for batch, images in batches:
                people, embedded = self._batch(batch, images, [queries[s.image_id] for s in batch])
                found.extend(zip((s.image_id for s in batch), people, strict=True))
                asked.extend(embedded)
                report(len(found))
        took = replace(self.provenance, seconds=time.perf_counter() - started)
        return Extraction.gather(found, asked, took, self.predictor.embedding_dim, self.dtype)

    def _batch(
        self, samples: Sequence[Sample], images: list[ImageArray], queries: list[list[Query]]
    ) -> tuple[list[Detections], list[tuple[int, NDArray[Any]]]]:
        """Boxes that the model does not find itself (given people, queries) are embedded in one call per batch."""
        nobody = _Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
        given = [self.people_of(s) if self.people_of else nobody for s in samples]
        boxes = [np.concatenate([g.boxes, *(q.box[None] for q in a)]) for g, a in zip(given, queries, strict=True)]
        wanted = [i for i, b in enumerate(boxes) if len(b)]
        rows = [np.zeros((0, self.predictor.embedding_dim), np.float32)] * len(samples)
        embedded = self.predictor.embed([images[i] for i in wanted], [boxes[i] for i in wanted]) if wanted else []
        for i, row in zip(wanted, embedded, strict=True):
            rows[i] = row
        if self.people_of:
            people = [Detections(g.boxes, g.scores, row[: len(g.boxes)]) for g, row in zip(given, rows, strict=True)]
        else:
            people = self.predictor.detect(images)
        answers = [
            (q.query_id, row[len(g.boxes) + i])
            for g, row, asked in zip(given, rows, queries, strict=True)
            for i, q in enumerate(asked)
        ]
        return people, answers


class _Boxes(NamedTuple):
    """People to describe: ``(N, 4)`` boxes and ``(N,)`` scores."""

    boxes: FloatArray
    scores: FloatArray


_PeopleOf = Callable[[Sample], _Boxes]


def _truth(sample: Sample) -> _Boxes:
    keep: FloatArray = sample.boxes[~np.asarray(sample.ignore_mask)]
    return _Boxes(keep, np.ones(len(keep), np.float32))


def _whole_image(sample: Sample) -> _Boxes:
    return _Boxes(np.array([[0, 0, sample.width, sample.height]], np.float32), np.ones(1, np.float32))


def _given(extraction: Extraction, sample: Sample) -> _Boxes:
    found = extraction.detections(sample.image_id)
    return _Boxes(found.boxes, found.scores)


def _decoded(samples: Sequence[Sample], batch_size: int) -> Iterator[tuple[Sequence[Sample], list[ImageArray]]]:
    """Batches of samples with their pictures."""
    for start in range(0, len(samples), batch_size):
        batch = samples[start : start + batch_size]
        yield batch, _read(batch)


def _read(samples: Sequence[Sample]) -> list[ImageArray]:
    images = []
    for sample in samples:
        try:
            images.append(read_scene(sample))
        except PictureError as error:
            # Skipping it would change the score without a word.
            raise DataError(f"Image {sample.image_id} of the data set cannot be read: {error}") from error
    return images
