"""Several at once: two writers, a reader while files are rewritten and people forgotten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from faults.forked_jobs import TESTS
from populated_gallery import add_photo, embedding, jpeg, photo, populate
from sceneseek.errors import GalleryBusyError, NotInGalleryError
from sceneseek.gallery import Gallery, forget, plan_forgetting

pytestmark = pytest.mark.processes

HOLD = "import sys; from pathlib import Path; from faults.forked_jobs import hold; hold(Path(sys.argv[1]), '1000')"


def test_the_second_writer_is_told_who_writes_and_gets_the_lock_when_that_one_dies(tmp_path: Path) -> None:
    gallery = populate(tmp_path / "gallery", num_photos=3, num_videos=0)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])}
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(gallery.path)], env=environment)
    try:
        while not (tmp_path / "held").exists():
            assert holder.poll() is None
            time.sleep(0.02)
        with pytest.raises(GalleryBusyError, match=f"process {holder.pid} on"), gallery.writer():
            pass
        assert gallery.search(embedding(1, 1), top=1).matches[0].detection_id == "photo001:0:0", "searching goes on"
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with gallery.writer() as writer:
        add_photo(writer, photo(50), [50])
    assert len(gallery) == 7


def test_a_reader_is_right_while_files_are_merged_purged_and_people_forgotten(tmp_path: Path) -> None:
    gallery = populate(tmp_path / "gallery", num_photos=30, num_videos=0)
    reader = Gallery.open(gallery.path)
    from_disk = Gallery.open(gallery.path)
    from_disk.memory_limit = 0
    done = threading.Event()
    failures: list[BaseException] = []
    answers = 0

    def read() -> None:
        nonlocal answers
        try:
            while not done.is_set():
                for opened in (reader, from_disk):
                    # Persons 20 and above stay: they must be found each time, with their pictures.
                    number = 20 + answers % 9
                    best = opened.search(embedding(number, number), top=1).matches[0]
                    assert best.detection_id == f"photo{number:03d}:0:0"
                    assert opened.thumbnail(best.detection_id) == jpeg(number, number)
                    assert opened.person(best.detection_id).camera_id in ("yard", "door")
                    answers += 1
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for number in range(8):
            with gallery.writer() as writer:
                add_photo(writer, photo(100 + number), [100 + number])
            forget(gallery, plan_forgetting(gallery, media=[f"photo{number:03d}"]), actor="test")
            for opened in (reader, from_disk):
                found = {m.media_key for m in opened.search(embedding(number, number), top=100)}
                assert f"photo{number:03d}" not in found, "never old data"
            gallery.compact(purge=number % 2 == 0)
    finally:
        done.set()
        thread.join()
    assert not failures, failures
    assert answers > 8
    with pytest.raises(NotInGalleryError):
        reader.person("photo000:0:0")
