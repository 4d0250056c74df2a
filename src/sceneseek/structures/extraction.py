"""What a model saw in a set of scenes, on disk: the only thing that evaluation reads."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneseek.errors import ExtractionError, ValueRefused
from sceneseek.structures._checks import FloatArray, IntArray, as_boxes, as_unit_rows, as_vector, frozen
from sceneseek.structures.detections import Detections
from sceneseek.structures.sample import SceneSet

FORMAT = 1
_ARRAYS = ("image_ids", "offsets", "boxes", "scores", "embeddings", "query_ids", "query_embeddings")


def data_fingerprint(scenes: SceneSet) -> str:
    """Hash what an extraction depends on: the images, their boxes, and the boxes of the queries.

    Identities and gallery lists are left out: correcting one of them changes the score, not what the model saw, and
    must not cost a new extraction. The folder is left out too, so that a data set can move.

    Args:
        scenes: The annotated scenes.

    Returns:
        64 hexadecimal digits (SHA-256).
    """
    digest = hashlib.sha256()
    for sample in scenes.samples:
        size = f"{sample.width}x{sample.height}"
        digest.update(f"{sample.image_id}\0{sample.path.name}\0{size}\0{len(sample)}\n".encode())
        digest.update(np.ascontiguousarray(sample.boxes, "<f4").tobytes())
        digest.update(np.ascontiguousarray(sample.ignore_mask, "u1").tobytes())
    for query in scenes.queries:
        digest.update(f"{query.query_id}\0{query.image_id}\n".encode())
        digest.update(np.ascontiguousarray(query.box, "<f4").tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Provenance:
    """Where an extraction comes from.

    Attributes:
        model: The model's name.
        fingerprint: The hash of its weights.
        data: The name of the data set.
        data_fingerprint: The hash of its annotations, see ``data_fingerprint``.
        boxes: ``"detector"``: the model's own boxes; ``"truth"``: the annotated ones; ``"image"``: each whole image.
        version: The version of sceneseek that wrote it.
        seconds: How long the extraction took on the clock.
        machine: What it ran on, for people.
    """

    model: str
    fingerprint: str
    data: str
    data_fingerprint: str
    boxes: str
    version: str
    seconds: float = 0.0
    machine: str = ""

    def __post_init__(self) -> None:
        if self.boxes not in ("detector", "truth", "image"):
            raise ValueRefused(f"boxes is {self.boxes!r}; expected 'detector', 'truth' or 'image'.")

    def same_work(self, other: Provenance) -> bool:
        """Whether both describe the same model on the same data, whatever the time, the machine and the version."""
        return self._work == other._work

    @property
    def _work(self) -> tuple[str, str, str]:
        return self.fingerprint, self.data_fingerprint, self.boxes


@dataclass(frozen=True, eq=False)
class Extraction:
    """The detections of every scene and the embedding of every query, in flat arrays.

    Scene ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]`` of ``boxes``, ``scores`` and ``embeddings``.

    Attributes:
        image_ids: ``(I,)`` int64, unique.
        offsets: ``(I + 1,)`` int64, not decreasing, from 0 to ``M``.
        boxes: ``(M, 4)`` float32 ``xyxy``, pixels of the original image.
        scores: ``(M,)`` float32 in [0, 1].
        embeddings: ``(M, D)`` float32 or float16, unit rows.
        query_ids: ``(Q,)`` int64, unique.
        query_embeddings: ``(Q, D)``, the same type, unit rows.
        provenance: Which model, which data.
    """

    image_ids: IntArray
    offsets: IntArray
    boxes: FloatArray
    scores: FloatArray
    embeddings: NDArray[Any]
    query_ids: IntArray
    query_embeddings: NDArray[Any]
    provenance: Provenance

    def __post_init__(self) -> None:
        owner = "Extraction"
        boxes = as_boxes(self.boxes, owner)
        images = len(self.image_ids)
        counts = {"image_ids": images, "offsets": images + 1, "query_ids": len(self.query_ids)}
        for name, length in counts.items():
            object.__setattr__(self, name, as_vector(getattr(self, name), length, np.int64, owner, name))
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "scores", as_vector(self.scores, len(boxes), np.float32, owner, "scores"))
        steps = np.diff(self.offsets)
        if self.offsets[0] != 0 or (steps < 0).any() or self.offsets[-1] != len(boxes):
            raise ValueRefused(f"{owner}: offsets must rise from 0 to the {len(boxes)} boxes, one step per image.")
        for name in ("image_ids", "query_ids"):
            if len(np.unique(getattr(self, name))) != len(getattr(self, name)):
                raise ValueRefused(f"{owner}: {name} must be unique.")
        self._check_embeddings(owner)

    def _check_embeddings(self, owner: str) -> None:
        for name, length in (("embeddings", len(self.boxes)), ("query_embeddings", len(self.query_ids))):
            rows = np.asarray(getattr(self, name))
            checked = as_unit_rows(rows, length, owner, name)
            keep = frozen(np.ascontiguousarray(rows)) if rows.dtype == np.float16 else checked
            object.__setattr__(self, name, keep)
        if self.embeddings.shape[1] != self.query_embeddings.shape[1]:
            raise ValueRefused(
                f"{owner}: embeddings have {self.embeddings.shape[1]} dimensions and those of the queries "
                f"{self.query_embeddings.shape[1]}; one model must have made both."
            )

    @property
    def embedding_dim(self) -> int:
        """``D``."""
        return int(self.embeddings.shape[1])

    @cached_property
    def position_of(self) -> dict[int, int]:
        """Where an image lies in ``image_ids``, by image id."""
        return {int(image_id): i for i, image_id in enumerate(self.image_ids)}

    @cached_property
    def query_position_of(self) -> dict[int, int]:
        """Where a query lies in ``query_ids``, by query id."""
        return {int(query_id): i for i, query_id in enumerate(self.query_ids)}

    @cached_property
    def image_of(self) -> IntArray:
        """For each detection, the position of its image, ``(M,)`` int64."""
        return np.repeat(np.arange(len(self.image_ids)), np.diff(self.offsets))

    @cached_property
    def precedence(self) -> IntArray:
        """For each detection its turn among equally similar ones, ``(M,)`` int64.

        First the image with the lower id, then the detection with the higher score, then the box that comes first by
        its corners: the order of images and detections in the file does not matter.
        """
        order = np.lexsort((*self.boxes.T[::-1], -self.scores, self.image_ids[self.image_of]))
        turns = np.empty(len(order), np.int64)
        turns[order] = np.arange(len(order))
        return turns

    def __len__(self) -> int:
        return len(self.image_ids)

    def detections(self, image_id: int) -> Detections:
        """The people found in one image.

        Raises:
            ExtractionError: The image is not in this extraction.
        """
        if image_id not in self.position_of:
            raise ExtractionError(f"Image {image_id} is not in this extraction of {self.provenance.data}.")
        i = self.position_of[image_id]
        rows = slice(int(self.offsets[i]), int(self.offsets[i + 1]))
        return Detections(self.boxes[rows], self.scores[rows], self.embeddings[rows])

    @classmethod
    def gather(
        cls,
        found: Sequence[tuple[int, Detections]],
        queries: Sequence[tuple[int, NDArray[Any]]],
        provenance: Provenance,
        embedding_dim: int,
        dtype: Any = np.float32,
    ) -> Extraction:
        """Build an extraction from one ``Detections`` per image and one embedding per query.

        Args:
            found: Image id and its detections, with embeddings, in the order to keep.
            queries: Query id and its embedding, ``(D,)``.
            provenance: Which model, which data.
            embedding_dim: ``D``, needed where nothing was found.
            dtype: float32, or float16 for half the disk.

        Returns:
            The extraction.
        """
        people = [d for _, d in found if len(d)]
        if any(d.embeddings is None for d in people):
            raise ValueRefused("Extraction: detections without embeddings cannot be searched; use a model that embeds.")
        no_rows = np.zeros((0, embedding_dim), np.float32)
        rows = [no_rows, *(d.embeddings for d in people if d.embeddings is not None)]
        return cls(
            image_ids=np.array([i for i, _ in found], np.int64),
            offsets=np.cumsum([0, *(len(d) for _, d in found)], dtype=np.int64),
            boxes=np.concatenate([np.zeros((0, 4), np.float32), *(d.boxes for d in people)]),
            scores=np.concatenate([np.zeros(0, np.float32), *(d.scores for d in people)]),
            embeddings=np.concatenate(rows).astype(dtype),
            query_ids=np.array([i for i, _ in queries], np.int64),
            query_embeddings=np.concatenate([no_rows, *(np.reshape(e, (1, -1)) for _, e in queries)]).astype(dtype),
            provenance=provenance,
        )

    @classmethod
    def join(cls, parts: Sequence[Extraction], provenance: Provenance, query_ids: Sequence[int] = ()) -> Extraction:
        """Put extractions of different images together, in the order given.

        Args:
            parts: At least one; same model, same data.
            provenance: Of the whole.
            query_ids: The order the queries shall have; all of them.

        Returns:
            The whole.
        """
        ids = np.concatenate([p.query_ids for p in parts])
        rows = np.concatenate([p.query_embeddings for p in parts])
        position = {int(q): i for i, q in enumerate(ids)}
        order = np.array([position[int(q)] for q in query_ids], np.int64) if len(query_ids) else np.arange(len(ids))
        counts = np.concatenate([np.diff(p.offsets) for p in parts])
        return cls(
            image_ids=np.concatenate([p.image_ids for p in parts]),
            offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)]),
            boxes=np.concatenate([p.boxes for p in parts]),
            scores=np.concatenate([p.scores for p in parts]),
            embeddings=np.concatenate([p.embeddings for p in parts]),
            query_ids=ids[order],
            query_embeddings=rows[order],
            provenance=provenance,
        )

    def require(self, scenes: SceneSet) -> None:
        """Make sure that this is an extraction of ``scenes``.

        Raises:
            ExtractionError: It belongs to other data, or to another state of it.
        """
        found, expected = self.provenance.data_fingerprint, data_fingerprint(scenes)
        missing = [s.image_id for s in scenes.samples if s.image_id not in self.position_of]
        missing_queries = [q.query_id for q in scenes.queries if q.query_id not in self.query_position_of]
        if found != expected or missing or missing_queries:
            raise ExtractionError(
                f"The extraction was made from {self.provenance.data!r} with annotations {found[:12]}, but the data "
                f"given is {scenes.name!r} with annotations {expected[:12]}. Extract again: remove the file, or name "
                "another one."
            )

    def save(self, path: str | Path) -> Path:
        """Write the extraction to ``path`` (``.npz``, no pickle) in one step: the old file, or the whole new one.

        Returns:
            The path written.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        header = json.dumps({"format": FORMAT, **asdict(self.provenance)}, sort_keys=True)
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp", delete=False) as file:
            temporary = Path(file.name)
            try:
                # The stream, not its name: given a name, NumPy would append ".npz".
                np.savez(file, provenance=np.array(header), **arrays)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                with suppress(OSError):
                    temporary.unlink()
                raise
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # A temporary file is private; the extraction is as public as its folder.
        temporary.replace(path)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Extraction:
        """Read an extraction.

        Raises:
            ExtractionError: No such file, damaged, or not an extraction.
        """
        path = Path(path)
        try:
            # Opened here, not by NumPy, which forgets to close what turns out to be no archive.
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                header = json.loads(str(file["provenance"]))
                if header.pop("format", None) != FORMAT:
                    raise ExtractionError(f"{path} was written by another version of sceneseek; extract again.")
                known = {f.name for f in fields(Provenance)}
                provenance = Provenance(**{k: v for k, v in header.items() if k in known})
                return cls(**{name: file[name] for name in _ARRAYS}, provenance=provenance)
        except FileNotFoundError as error:
            raise ExtractionError(f"There is no extraction at {path}.") from error
        except ExtractionError:
            raise
        except Exception as error:  # A damaged archive fails in many ways, deep inside zipfile, NumPy and JSON.
            raise ExtractionError(
                f"{path} is damaged or not an extraction ({type(error).__name__}: {error}). "
                "Remove it and extract again."
            ) from error
