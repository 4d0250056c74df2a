"""The search through raw files finds every trace that is there, wherever it lies, and none that is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populated_gallery import jpeg
from sceneseek.errors import ValueRefused
from sceneseek.gallery import traces as module
from sceneseek.gallery.traces import Trace, search_files


def traces(count: int, size: int = 64, seed: int = 0) -> list[Trace]:
    random = np.random.default_rng(seed)
    return [Trace(f"t{i}", "vector", random.bytes(size)) for i in range(count)]


def test_what_is_there_is_found_in_its_file_and_nothing_else(tmp_path: Path) -> None:
    wanted = traces(6)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a.bin").write_bytes(b"x" * 13 + wanted[0].content + b"y" * 7 + wanted[1].content)
    (tmp_path / "deep" / "er" / "b.bin").write_bytes(wanted[1].content)
    (tmp_path / "empty").touch()
    (tmp_path / "tiny").write_bytes(b"abc")
    report = search_files(tmp_path, wanted)
    assert report.found == (("a.bin",), ("a.bin", "deep/er/b.bin"), (), (), (), ())
    assert (report.num_found, report.num_files) == (2, 4)
    assert report.num_bytes == 13 + 64 + 7 + 64 + 64 + 3


@settings(max_examples=60, deadline=None)
@given(before=st.integers(0, 300), size=st.integers(16, 200), seed=st.integers(0, 1000))
def test_no_place_hides_it(tmp_path_factory: pytest.TempPathFactory, before: int, size: int, seed: int) -> None:
    folder = tmp_path_factory.mktemp("place")
    (wanted,) = traces(1, size, seed)
    noise = np.random.default_rng(seed + 1).bytes(before)
    (folder / "file").write_bytes(noise + wanted.content + noise)
    assert search_files(folder, [wanted]).num_found == 1
    (folder / "file").write_bytes(noise + bytes([wanted.content[0] ^ 1]) + wanted.content[1:] + noise)
    halved = size >= 2 * 16  # the other half is whole
    assert search_files(folder, [wanted]).num_found == int(halved)


def test_windows_of_a_large_file_do_not_lose_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WINDOW", 64)
    wanted = traces(20, 48)
    for shift in range(0, 64, 3):
        (tmp_path / "file").write_bytes(b"\0" * shift + b"".join(t.content for t in wanted))
        assert search_files(tmp_path, wanted).num_found == 20


def test_half_a_trace_is_a_trace(tmp_path: Path) -> None:
    (wanted,) = traces(1, 1024)
    for half in (wanted.content[:512], wanted.content[512:]):
        (tmp_path / "file").write_bytes(half)
        assert search_files(tmp_path, [wanted]).num_found == 1


def test_zeros_are_nobody(tmp_path: Path) -> None:
    vector = np.zeros(8, np.float32)
    vector[:3] = [0.123, 0.456, 0.789]
    (tmp_path / "file").write_bytes(b"\0" * 4096)
    assert search_files(tmp_path, [Trace("a", "vector", vector.tobytes())]).num_found == 0
    (tmp_path / "file").write_bytes(b"\0" * 5 + vector.tobytes())
    assert search_files(tmp_path, [Trace("a", "vector", vector.tobytes())]).num_found == 1


def test_equal_traces_are_each_found(tmp_path: Path) -> None:
    one = traces(1)[0]
    (tmp_path / "file").write_bytes(one.content)
    assert search_files(tmp_path, [one, Trace("twin", "vector", one.content)]).num_found == 2


def test_links_are_not_followed_and_too_little_is_refused(tmp_path: Path) -> None:
    (wanted,) = traces(1)
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "outside").write_bytes(wanted.content)
    (inside / "link").symlink_to(tmp_path / "outside")
    assert search_files(inside, [wanted]).num_found == 0
    with pytest.raises(ValueRefused, match="15 bytes"):
        search_files(inside, [Trace("a", "vector", b"x" * 15)])


def test_nothing_to_look_for_is_found_nowhere(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc" * 100)
    assert search_files(tmp_path, []).found == ()


def test_the_tables_that_jpeg_files_share_are_nobody(tmp_path: Path) -> None:
    one, other = (Trace(str(i), "thumbnail", jpeg(i)) for i in (1, 2))
    (tmp_path / "file").write_bytes(other.content)
    assert search_files(tmp_path, [one, other]).found == ((), ("file",))
    (tmp_path / "file").write_bytes(one.content[:-100])
    assert search_files(tmp_path, [one, other]).found == (("file",), ()), "half of its own bytes is enough"
