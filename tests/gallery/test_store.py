"""The gallery's folder: made, opened, refused, shared."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from fake_predictor import scene
from sceneseek.errors import (
    EmbeddingSizeError,
    GalleryError,
    GalleryMissingError,
    GalleryModelError,
    ValueRefused,
)
from sceneseek.gallery import Gallery
from sceneseek.structures import Detections, Frame, MediaItem

BOX = [[1.0, 2.0, 30.0, 40.0]]


def unit(*values: float) -> np.ndarray:
    vector = np.asarray([values], np.float32)
    return vector / np.linalg.norm(vector)


def remember(gallery: Gallery, name: str, *embeddings: np.ndarray, time_s: float | None = None) -> None:
    item = MediaItem(f"/media/{name}", "photo", name)
    n = len(embeddings)
    with gallery.writer() as writer:
        writer.begin(item)
        people = Detections(np.tile(BOX, (n, 1)), np.full(n, 0.9), np.concatenate(embeddings))
        writer.add(item, Frame(scene(), item.source, 0, time_s), people)
        writer.finish(item)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return Gallery.create(tmp_path / "gallery", "net", "abc123", 3)


def test_a_gallery_remembers_its_model_and_its_people(gallery: Gallery) -> None:
    remember(gallery, "a.jpg", unit(1, 0, 0), unit(0, 1, 0))
    again = Gallery.open(gallery.path, "net", "abc123")
    assert (again.manifest.model, again.manifest.fingerprint, again.manifest.embedding_dim) == ("net", "abc123", 3)
    assert len(again) == 2
    (best,) = again.search(unit(1, 0.1, 0)[0], top=1)
    assert best.source == "/media/a.jpg"
    assert best.box == tuple(BOX[0])
    assert (best.width, best.height) == (160, 96)
    assert best.detection_id == "a.jpg:0:0"


def test_another_model_is_refused_with_both_names_and_a_way_out(gallery: Gallery) -> None:
    with pytest.raises(GalleryModelError) as caught:
        Gallery.open_or_create(gallery.path, "other", "zzz", 3)
    message = str(caught.value)
    for word in ("'net'", "'other'", "--model net", "--gallery"):
        assert word in message


def test_the_same_weights_under_another_name_are_accepted(gallery: Gallery) -> None:
    assert Gallery.open_or_create(gallery.path, "renamed.safetensors", "abc123", 3).manifest.model == "net"


def test_no_gallery_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(GalleryMissingError, match="sceneseek index"):
        Gallery.open(tmp_path / "nowhere")


@pytest.mark.parametrize("make", [Gallery.create, Gallery.open_or_create])
def test_a_folder_with_something_else_is_left_alone(tmp_path: Path, make: object) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(GalleryMissingError, match="holiday"):
        make(tmp_path, "net", "abc", 3)  # type: ignore[operator]
    assert [p.name for p in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_foreign_manifest_is_no_gallery(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"format": "web extension", "version": 3}')
    with pytest.raises(GalleryMissingError, match="something else"):
        Gallery.open_or_create(tmp_path, "net", "abc", 3)


def test_a_file_is_no_gallery(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    for folder in (path, path / "below"):
        with pytest.raises(GalleryError):
            Gallery.open_or_create(folder, "net", "abc", 3)


def test_an_empty_folder_and_one_left_by_a_killed_create_are_taken(tmp_path: Path) -> None:
    first = Gallery.create(tmp_path, "net", "abc", 3)
    (tmp_path / "manifest.json").unlink()  # killed before the last step
    second = Gallery.open_or_create(tmp_path, "net", "abc", 5)
    assert first.path == second.path
    assert len(second) == 0
    assert second.manifest.embedding_dim == 5


def test_a_gallery_is_not_made_twice(gallery: Gallery) -> None:
    with pytest.raises(GalleryError, match="already"):
        Gallery.create(gallery.path, "net", "abc123", 3)


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', '{"format": "sceneseek gallery", "version": 1}', "\x00\xff"])
def test_a_damaged_manifest_is_reported(gallery: Gallery, text: str) -> None:
    (gallery.path / "manifest.json").write_text(text, encoding="latin-1")
    with pytest.raises(GalleryError, match=r"damaged|cannot be read"):
        Gallery.open(gallery.path)


def test_a_later_format_asks_for_an_update(gallery: Gallery) -> None:
    path = gallery.path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 99}))
    with pytest.raises(GalleryError, match="format 99"):
        Gallery.open(gallery.path)


def test_missing_tables_are_reported(gallery: Gallery) -> None:
    (gallery.path / "detections.lance").rename(gallery.path / "gone")
    with pytest.raises(GalleryError, match="damaged"):
        Gallery.open(gallery.path)


def test_only_one_writes_and_the_next_may_after_it(gallery: Gallery) -> None:
    with gallery.writer():
        with pytest.raises(GalleryError, match="being written to by process"), gallery.writer():
            pass
        assert len(Gallery.open(gallery.path)) == 0, "readers need no lock"
    with gallery.writer():
        pass


def test_a_query_of_another_size_is_refused(gallery: Gallery) -> None:
    with pytest.raises(EmbeddingSizeError, match="2 dimensions"):
        gallery.search(unit(1, 0)[0])
    with pytest.raises(ValueRefused, match="direction"):
        gallery.search(np.zeros(3, np.float32))
    with pytest.raises(ValueRefused, match="top is 0"):
        gallery.search(unit(1, 0, 0)[0], top=0)


def test_an_empty_gallery_answers_with_nobody(gallery: Gallery) -> None:
    answer = gallery.search(unit(1, 0, 0)[0])
    assert (len(answer), answer.searched, answer.model) == (0, 0, "net")


def test_an_open_gallery_sees_what_is_written_later(gallery: Gallery) -> None:
    query = unit(1, 0, 0)[0]
    for count in range(1, 4):
        remember(gallery, f"{count}.jpg", unit(1, 0, count))
        assert gallery.search(query).searched == count


def test_places_lists_the_aliases(gallery: Gallery) -> None:
    remember(gallery, "it's.jpg", unit(1, 0, 0))
    with gallery.writer() as writer:
        writer.recognise(MediaItem("/copies/b.jpg", "photo", "it's.jpg"))
    assert gallery.places("/media/it's.jpg") == ("/media/it's.jpg", "/copies/b.jpg")
    assert gallery.places("/elsewhere.jpg") == ("/elsewhere.jpg",)


def test_info_counts(gallery: Gallery) -> None:
    remember(gallery, "a.jpg", unit(1, 0, 0), unit(0, 1, 0))
    item = MediaItem("/media/v.mp4", "video", "v", "door")
    with gallery.writer() as writer:
        writer.begin(item, 1.0)
        for index in range(3):
            people = Detections(BOX, [0.5], unit(1, 1, index))
            writer.add(item, Frame(scene(), item.source, index, float(index)), people)
        writer.finish(item, "cut")
    facts = gallery.info()
    assert (facts.num_people, facts.num_photos, facts.num_videos, facts.num_frames) == (5, 1, 1, 4)
    assert (facts.num_damaged, facts.num_unfinished) == (1, 0)
    assert facts.people_per_camera == {"": 2, "door": 3}
    assert facts.bytes_on_disk > 1000


def test_readers_see_whole_batches_while_a_writer_writes(gallery: Gallery) -> None:
    query = unit(1, 0, 0)[0]
    failures: list[BaseException] = []
    done = threading.Event()

    def write() -> None:
        try:
            item = MediaItem("/media/v.mp4", "video", "v")
            with gallery.writer(commit_frames=5, commit_seconds=1e9) as writer:
                writer.begin(item, 1.0)
                for index in range(250):
                    writer.add(item, Frame(scene(), item.source, index), Detections(BOX, [0.5], unit(1, 1, index)))
                writer.finish(item)
        except BaseException as error:
            failures.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=write)
    thread.start()
    reader = Gallery.open(gallery.path)
    counts = []
    while not done.is_set():
        answer = reader.search(query, top=300)
        assert len(answer) == answer.searched
        counts.append(answer.searched)
    thread.join()
    assert not failures
    assert counts == sorted(counts)
    assert all(count % 5 == 0 for count in counts), "a batch is seen whole or not at all"
    assert len(set(counts)) > 3, "the reader did read meanwhile"
    assert reader.search(query).searched == 250
