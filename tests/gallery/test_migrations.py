"""A gallery of format 1 is read as it is and brought up to date by the next writer, however often that one dies."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
import pytest

from sceneseek.errors import GalleryError, NotInGalleryError
from sceneseek.gallery import (
    Filters,
    Gallery,
    MediaStatus,
    Retention,
    forget,
    migrations,
    plan_forgetting,
    plan_retention,
)
from sceneseek.gallery.checking import Weight, check
from sceneseek.gallery.manifest import Manifest
from sceneseek.gallery.privacy import close_to_others
from sceneseek.gallery.repairing import repair
from sceneseek.gallery.schema import DETECTIONS, FRAMES, MEDIA, NEW_IN_VERSION_2, TABLES, table_schema
from small_galleries import BEGIN, DIM, FLAGS, new_gallery, video, write_video

SHOWN = [[None, None], [], [None], [None, None, None]]


@pytest.fixture
def old(tmp_path: Path) -> Gallery:
    """A gallery as version 1 wrote it: the same two tables without the newer columns, and no others."""
    newer = new_gallery(tmp_path / "newer", (video("a", "door", None), SHOWN), (video("b", None, None), SHOWN[:1]))
    folder = tmp_path / "old"
    database: Any = lancedb.connect(folder)
    for name in (MEDIA, DETECTIONS):
        added = {column.name for column in NEW_IN_VERSION_2[name]}
        schema = pa.schema([f for f in table_schema(name, DIM) if f.name not in added])
        rows = newer._tables[name].to_arrow().select(schema.names).cast(schema)
        database.create_table(name, rows, schema=schema)
    manifest = json.loads((newer.path / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "version": 1}))
    return Gallery.open(folder)


def read(gallery: Gallery) -> None:
    """All that a reader can ask of it, before and after."""
    query = np.float32([1, 0, 0, 0])
    answers = []
    for limit in (1 << 30, 0):
        gallery.memory_limit = limit
        answers += [gallery.search(query, 9), gallery.search(query, 9, Filters(exclude_flags=FLAGS[1]))]
        assert gallery.search(query, 9, Filters(after=BEGIN)).searched == 0, "nobody knows when they were seen"
        assert gallery.search(query, 9, Filters(cameras=("door",))).searched == 6
    for answer in answers:
        assert answer.searched == 8
        assert [m.detection_id for m in answer] == [m.detection_id for m in answers[0]]
        assert {(m.captured_at, m.flags, m.sighting) for m in answer} == {(None, (), None)}
    assert gallery.cameras() == ["door"]
    assert gallery.person("a:3:1").tracklet_id is None
    assert gallery.thumbnail("a:3:1") is None
    assert gallery.tracklets() == []
    with pytest.raises(NotInGalleryError):
        gallery.tracklet("a:t0")
    assert [len(f.people) for f in gallery.frames_around("a", 2)] == [2, 1, 3], "empty frames were not remembered"
    assert gallery.frame("a", 3).people[2].detection_id == "a:3:2"
    assert gallery.sample_embeddings(5).rows["captured_at"].null_count == 5
    facts = gallery.info()
    assert (facts.num_people, facts.num_frames, facts.num_tracklets, facts.captured_from) == (8, 5, 0, None)
    assert {record.status for record in gallery.media()} == {MediaStatus.COMPLETE}


def test_format_1_is_read_as_it_is_and_stays(old: Gallery) -> None:
    before = sorted(str(p) for p in old.path.rglob("*"))
    assert old.manifest.version == 1
    read(old)
    assert sorted(str(p) for p in old.path.rglob("*")) == before


def test_the_next_writer_migrates_and_readers_go_on(old: Gallery) -> None:
    reader = Gallery.open(old.path)
    read(reader)
    with old.writer():
        pass
    assert Manifest.read(old.path).version == 2
    read(reader)
    read(Gallery.open(old.path))
    for name in TABLES:
        assert set(old._tables[name].schema.names) == set(table_schema(name, DIM).names)
    assert old._tables[FRAMES].count_rows() == 4
    with reader.writer() as writer:
        write_video(writer, video("c"), [[1], [1, 2]])
    assert len(reader) == 11
    assert reader.tracklets()[0].num_detections == 2
    assert reader.search(np.float32([1, 0, 0, 0]), 9, Filters(after=BEGIN)).searched == 3


@pytest.mark.parametrize("at", range(1, 8))
def test_a_migration_killed_at_any_step_is_repeated(old: Gallery, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    steps = 0

    class Killed(BaseException):
        pass

    def watched(real: Any) -> Any:
        def step(*args: Any, **options: Any) -> Any:
            nonlocal steps
            steps += 1
            result = real(*args, **options)
            if steps == at:
                raise Killed
            return result

        return step

    with monkeypatch.context() as patch:
        patch.setattr(lancedb.table.LanceTable, "add_columns", watched(lancedb.table.LanceTable.add_columns))
        patch.setattr(lancedb.db.LanceDBConnection, "create_table", watched(lancedb.db.LanceDBConnection.create_table))
        patch.setattr(migrations.Manifest, "write", watched(migrations.Manifest.write))
        try:
            with old.writer():
                pass
        except Killed:
            read(Gallery.open(old.path))
    assert steps <= 6
    with old.writer():
        pass
    read(Gallery.open(old.path))
    assert Manifest.read(old.path).version == 2


def test_format_1_is_sound_and_repaired_without_a_loss(old: Gallery) -> None:
    report = check(old.path, look_for_media=False)
    assert report.sound, report.findings
    close_to_others(old.path)  # earlier versions left it open
    assert [finding.kind for finding in check(old.path, look_for_media=False).findings] == ["format"]
    done, after = repair(old.path, actor="anna@desk")
    assert done == []
    assert after.sound
    assert {finding.weight for finding in after.findings} <= {Weight.NOTE}, after.findings
    read(old)


def test_somebody_can_be_forgotten_from_format_1(old: Gallery) -> None:
    forget(old, plan_forgetting(old, media=["b"], detections=["a:3:1"]), actor="anna@desk")
    assert {record.key for record in old.media()} == {"a"}
    assert [person.detection_id for person in old.frame("a", 3).people] == ["a:3:0", "a:3:2"]


def test_format_1_has_a_retention_time(old: Gallery) -> None:
    later = datetime.now(UTC) + timedelta(days=31)
    assert plan_retention(old, Retention(30)).nothing
    assert {record.key for record in plan_retention(old, Retention(30), later).media} == {"a", "b"}


def test_a_killed_writer_of_format_1_is_cleaned_up_after(old: Gallery) -> None:
    (old.path / "journal.json").write_text('["b"]')
    table = old._tables[DETECTIONS]
    stray = table.search().where("media_key = 'b'").limit(1).to_arrow().to_pylist()
    table.add([{**row, "frame_index": 7, "id": "b:7:0"} for row in stray])
    with old.writer():
        pass
    read(old)


def test_a_broken_table_is_reported_before_anything_is_changed(old: Gallery) -> None:
    for file in (old.path / "media.lance" / "_versions").iterdir():
        file.write_bytes(b"nothing")
    with pytest.raises(GalleryError, match="damaged"), Gallery(old.path, old.manifest).writer():
        pass
    assert Manifest.read(old.path).version == 1
