"""The extraction file: whole or refused, and tied to its data."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sceneseek.errors import ExtractionError, ValueRefused
from sceneseek.structures import Detections, Extraction, Provenance, Query, Sample, SceneSet, data_fingerprint

ARRAYS = ("image_ids", "offsets", "boxes", "scores", "embeddings", "query_ids", "query_embeddings")


@pytest.fixture
def scenes() -> SceneSet:
    samples = (
        Sample(4, "a/4.jpg", 100, 80, [[0, 0, 10, 20], [20, 0, 30, 20]], [1, 2]),
        Sample(2, "a/2.jpg", 100, 80, [], []),
        Sample(9, "a/9.jpg", 100, 80, [[5, 5, 15, 25]], [1]),
    )
    return SceneSet("three", samples, (Query(7, 4, [0, 0, 10, 20], 1, (2, 9)),))


@pytest.fixture
def extraction(scenes: SceneSet) -> Extraction:
    provenance = Provenance("m", "f" * 64, scenes.name, data_fingerprint(scenes), "detector", "0.1", 1.5, "a machine")
    rows = np.array([[1, 0, 0], [0, 1, 0], [0.6, 0, 0.8]], np.float32)
    found = [
        (4, Detections([[0, 0, 10, 20], [20, 0, 30, 20]], [0.9, 0.8], rows[:2])),
        (2, Detections.empty(3)),
        (9, Detections([[5, 5, 15, 25]], [0.7], rows[2:])),
    ]
    return Extraction.gather(found, [(7, rows[0])], provenance, 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_round_trip(extraction: Extraction, tmp_path: Path, dtype: type) -> None:
    extraction = replace(
        extraction,
        embeddings=extraction.embeddings.astype(dtype),
        query_embeddings=extraction.query_embeddings.astype(dtype),
    )
    path = extraction.save(tmp_path / "new folder" / "extraction.npz")
    again = Extraction.load(path)
    for name in ARRAYS:
        assert np.array_equal(getattr(again, name), getattr(extraction, name)), name
        assert getattr(again, name).dtype == getattr(extraction, name).dtype
    assert again.provenance == extraction.provenance
    assert [p.name for p in path.parent.iterdir()] == ["extraction.npz"]


def test_detections_of_an_image(extraction: Extraction) -> None:
    assert extraction.detections(9).boxes.tolist() == [[5, 5, 15, 25]]
    assert len(extraction.detections(2)) == 0
    assert extraction.image_of.tolist() == [0, 0, 2]
    with pytest.raises(ExtractionError, match="Image 5"):
        extraction.detections(5)


def test_join_restores_the_order_of_the_queries(extraction: Extraction) -> None:
    other = Extraction.gather(
        [(1, Detections([[0, 0, 5, 5]], [0.5], [[0, 0, 1]]))], [(3, np.array([0, 0, 1]))], extraction.provenance, 3
    )
    whole = Extraction.join([extraction, other], extraction.provenance, [3, 7])
    assert whole.image_ids.tolist() == [4, 2, 9, 1]
    assert whole.offsets.tolist() == [0, 2, 2, 3, 4]
    assert whole.query_ids.tolist() == [3, 7]
    assert whole.query_embeddings.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_arrays_are_read_only(extraction: Extraction) -> None:
    for name in ARRAYS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(extraction, name)[...] = 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("offsets", [0, 2, 1, 3], "offsets must rise"),
        ("offsets", [0, 2, 2, 2], "offsets must rise"),
        ("offsets", [0, 2, 3], "shape"),
        ("image_ids", [4, 4, 9], "unique"),
        ("scores", [0.5, 0.5], "scores"),
        ("embeddings", [[1, 0, 0], [0, 1, 0], [1, 1, 0]], "norm"),
        ("query_embeddings", [[1.0, 0.0]], "one model"),
    ],
)
def test_contradictions_are_refused(extraction: Extraction, field: str, value: list[object], message: str) -> None:
    with pytest.raises(ValueRefused, match=message):
        replace(extraction, **{field: np.array(value)})


def test_a_damaged_file_is_refused_whatever_byte_is_hurt(extraction: Extraction, tmp_path: Path) -> None:
    path = extraction.save(tmp_path / "e.npz")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for at in rng.choice(len(whole), 150, replace=False):
        hurt = bytearray(whole)
        hurt[at] ^= 0xFF
        path.write_bytes(hurt)
        try:
            again = Extraction.load(path)
        except ExtractionError:
            refused += 1
        else:  # Bytes of the archive's directory that nothing depends on, such as dates.
            assert all(np.array_equal(getattr(again, n), getattr(extraction, n)) for n in ARRAYS)
            assert again.provenance == extraction.provenance
    assert refused > 75


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut"])
def test_what_is_no_extraction_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "e.npz"
    path.write_bytes(content)
    with pytest.raises(ExtractionError, match="Remove it and extract again"):
        Extraction.load(path)


def test_cut_and_missing_files_are_refused(extraction: Extraction, tmp_path: Path) -> None:
    path = extraction.save(tmp_path / "e.npz")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ExtractionError, match="damaged"):
        Extraction.load(path)
    with pytest.raises(ExtractionError, match="no extraction at"):
        Extraction.load(tmp_path / "nothing.npz")


def test_pickles_are_never_opened(extraction: Extraction, tmp_path: Path) -> None:
    path = extraction.save(tmp_path / "e.npz")
    evil = tmp_path / "evil.npy"
    np.save(evil, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path) as source:
        content = {name: source.read(name) for name in source.namelist()}
    content["boxes.npy"] = evil.read_bytes()
    with zipfile.ZipFile(path, "w") as target:
        for name, data in content.items():
            target.writestr(name, data)
    with pytest.raises(ExtractionError, match="allow_pickle"):
        Extraction.load(path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    extraction: Extraction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = extraction.save(tmp_path / "e.npz")
    before = path.read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        extraction.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_other_data_is_refused_and_moved_data_is_not(extraction: Extraction, scenes: SceneSet) -> None:
    extraction.require(scenes)
    moved = tuple(replace(s, path=Path("elsewhere") / s.path.name) for s in scenes.samples)
    extraction.require(SceneSet("three", moved, scenes.queries))
    renamed = (replace(scenes.samples[0], path=Path("other.jpg")), *scenes.samples[1:])
    boxed = (replace(scenes.samples[0], boxes=[[0, 0, 11, 20], [20, 0, 30, 20]]), *scenes.samples[1:])
    ignored = (replace(scenes.samples[0], ignore_mask=[True, False]), *scenes.samples[1:])
    for samples in (renamed, boxed, ignored, scenes.samples[:1] + scenes.samples[2:]):
        with pytest.raises(ExtractionError):
            extraction.require(SceneSet("three", samples, ()))
    with pytest.raises(ExtractionError):
        extraction.require(SceneSet("three", scenes.samples, (Query(7, 4, [0, 0, 10, 21], 1, (2, 9)),)))


def test_corrected_identities_and_galleries_need_no_new_extraction(extraction: Extraction, scenes: SceneSet) -> None:
    relabelled = (replace(scenes.samples[0], person_ids=[3, 2]), *scenes.samples[1:])
    extraction.require(SceneSet("three", relabelled, (Query(7, 4, [0, 0, 10, 20], 3, (9,)),)))


def test_precedence_goes_by_image_id_then_score_then_corners() -> None:
    boxes = [[[5, 0, 9, 9], [1, 0, 9, 9], [1, 0, 8, 9]], [[0, 0, 9, 9]]]
    looks = np.eye(2, dtype=np.float32)[[0, 0, 0]]
    found = [(9, Detections(boxes[0], [0.9, 0.5, 0.5], looks)), (2, Detections(boxes[1], [0.1], looks[:1]))]
    data = Provenance("m", "f" * 64, "d", "0" * 64, "detector", "0")
    assert Extraction.gather(found, [], data, 2).precedence.tolist() == [1, 3, 2, 0]
