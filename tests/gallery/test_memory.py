"""People in memory keep up with a writer, and read again only what they must."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sceneseek.gallery import Gallery, memory, rewrites
from sceneseek.gallery.memory import PeopleInMemory
from sceneseek.gallery.schema import DETECTIONS
from sceneseek.gallery.search import Block
from sceneseek.structures import MediaItem
from small_galleries import DIM, new_gallery, video, write_video


def held(people: PeopleInMemory) -> list[tuple[str, str | None, bytes]]:
    """Who is held, with what, in the gallery's order; each block's tracklet numbers say the same as its names."""
    rows = []
    for block in people.blocks():
        check_numbers(block)
        names, cameras = block.rows["id"].to_pylist(), block.rows["camera_id"].to_pylist()
        rows += [(n, c, v.tobytes()) for n, c, v in zip(names, cameras, block.embeddings, strict=True)]
    return rows


def check_numbers(block: Block) -> None:
    names = block.rows["tracklet_id"].to_pylist()
    numbers = [-1] * len(names) if block.sightings is None else block.sightings.tolist()
    assert [n < 0 for n in numbers] == [name is None for name in names]
    pairs = {(number, name) for number, name in zip(numbers, names, strict=True) if name is not None}
    assert len(pairs) == len({number for number, _ in pairs}) == len({name for _, name in pairs})


def on_disk(gallery: Gallery) -> list[tuple[str, str | None, bytes]]:
    rows = gallery._tables[DETECTIONS].search().to_arrow().to_pylist()
    return [(row["id"], row["camera_id"], np.float32(row["embedding"]).tobytes()) for row in rows]


@settings(max_examples=10, deadline=None)
@given(
    acts=st.lists(st.sampled_from(["add", "add", "name", "compact", "remove", "purge"]), min_size=1, max_size=6),
    block_rows=st.sampled_from([1, 5, 1 << 16]),
)
def test_what_is_held_is_what_is_there_after_anything(
    tmp_path_factory: pytest.TempPathFactory, acts: list[str], block_rows: int
) -> None:
    gallery = new_gallery(tmp_path_factory.mktemp("memory") / "g", (video("first"), [[0, 1], [None]]))
    people = PeopleInMemory(gallery.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "BLOCK_ROWS", block_rows)
        for number, act in enumerate(acts):
            with gallery.writer(commit_frames=2) as writer:
                if act == "add":
                    write_video(writer, video(f"v{number}"), [[0, 1, None], [number], [2, 0]])
                elif act == "name":
                    writer.recognise(MediaItem("/m/first.mp4", "video", "first", f"camera {number}"))
                elif act == "remove":
                    writer.remove_people([gallery.sample_embeddings(1, number).rows["id"][0].as_py()])
                elif act == "compact":
                    for table in (gallery._tables[DETECTIONS],):
                        table.optimize()
                else:
                    writer.purge()
            assert held(people) == on_disk(gallery)
            if not len(gallery):
                break


def test_only_those_who_came_are_read(tmp_path: Path) -> None:
    gallery = new_gallery(tmp_path / "g", (video("a"), [[0, 1], [None]]))
    people = PeopleInMemory(gallery.path)
    read: list[int] = []
    real = people._read_on

    def watched(table: object, blocks: list[Block]) -> list[Block]:
        read.append(sum(block.rows.num_rows for block in blocks))
        return real(table, blocks)

    people._read_on = watched  # type: ignore[method-assign]
    people.blocks()
    people.blocks()
    with gallery.writer() as writer:
        write_video(writer, video("b"), [[5]])
    people.blocks()
    with gallery.writer() as writer:
        writer.remove_people(["a:0:0"])
    people.blocks()
    assert read == [0, 3, 0], "all at first, nothing without a change, the new ones, all after a removal"
    people.clear()
    people.blocks()
    assert read == [0, 3, 0, 0]


def test_nothing_is_kept_while_a_rewriting_is_unfinished(tmp_path: Path) -> None:
    gallery = new_gallery(tmp_path / "g", (video("a"), [[0, 1], [None]]))
    people = PeopleInMemory(gallery.path)
    with rewrites.rewriting(gallery.path):
        held(people)
        gallery._tables[DETECTIONS].update(where="id = 'a:0:0'", values={"camera_id": "door"})
        assert held(people) == on_disk(gallery)
        gallery._tables[DETECTIONS].update(where="id = 'a:1:0'", values={"camera_id": "yard"})
        assert held(people) == on_disk(gallery)
    gallery._tables[DETECTIONS].update(where="id = 'a:0:1'", values={"camera_id": "hall"})
    assert held(people) == on_disk(gallery)
    (gallery.path / "rewrites").write_text("?")
    assert rewrites.rewrites(gallery.path) % 2 == 1, "a count that cannot be read counts as unfinished"


def test_an_empty_gallery_holds_nobody(tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "g", "net", "abc", DIM)
    assert PeopleInMemory(gallery.path).blocks() == []


def test_the_next_writer_ends_a_rewriting_that_was_done_but_not_counted(tmp_path: Path) -> None:
    gallery = new_gallery(tmp_path / "g", (video("a"), [[0, 1], [None]]))
    (gallery.path / "rewrites").write_text("3\n")
    with gallery.writer():
        pass
    assert rewrites.rewrites(gallery.path) % 2 == 0
