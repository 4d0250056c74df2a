"""Long struct arrays read record by record: the same as scipy reads, and anything else refused, not misread."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io

import layout_cases as cases
from sceneseek.data import cuhk_sysu, matlab
from sceneseek.data.cuhk_sysu_writing import write_cuhk_sysu
from sceneseek.data.matlab_stream import NotThisFormat, records
from sceneseek.data.problems import refuse
from suite.needs import REAL

FIELDS = ("Query", "Gallery")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_cuhk_sysu(cases.train_set(tmp_path), cases.query_set(tmp_path), tmp_path / "set", (4,))
    return tmp_path / "set/annotation/test/train_test/TestG4.mat"


def both_ways(file: Path) -> tuple[list[object], list[object]]:
    streamed = list(cuhk_sysu._streamed_tasks(file, file.stem))
    return streamed, list(cuhk_sysu._tasks_by_scipy(file, file.stem, refuse))


@pytest.mark.parametrize("compressed", [True, False])
def test_the_same_as_scipy_reads(file: Path, compressed: bool) -> None:
    table = scipy.io.loadmat(file)["TestG4"]
    table[0, 1]["Gallery"][0, 0]["ishard"] = np.array([[1]], np.uint8)
    table[0, 1]["Gallery"][0, 0]["idlocate"] = np.array([[1, 2, 3, 4]], np.uint8)
    table[0, 1]["Gallery"][0, 1]["idlocate"] = np.array([[1.0, 2.0, 300.0, 4.0]])
    table[0, 1]["Gallery"][0, 2]["idlocate"] = np.array([[1, 2, 70000, 4]], np.int32)
    scipy.io.savemat(file, {"TestG4": table}, do_compression=compressed)
    streamed, by_scipy = both_ways(file)
    assert streamed == by_scipy
    assert [e.xywh for e in streamed[1][1].gallery[:3]] == [(1, 2, 3, 4), (1, 2, 300, 4), (1, 2, 70000, 4)]
    assert streamed[1][1].gallery[0].is_hard


def test_galleries_longer_than_a_piece_of_the_file(tmp_path: Path) -> None:
    """Records of more than a megabyte, in which names of several lengths take turns."""
    entries = [
        {"imname": f"s{i}.jpg", "idlocate": np.array([[i, 2, 3, 4]], np.uint16) if i % 7 == 0 else np.zeros((1, 0)),
         "ishard": np.array([[i % 2]], np.uint8)}
        for i in range(12000)
    ]  # fmt: skip
    fields = ("imname", "idlocate", "ishard")
    query = matlab.struct_array([{**entries[0], "idname": "p1"}], (*fields, "idname"))
    rows = [{"Query": query, "Gallery": matlab.struct_array(entries, fields)}] * 2
    matlab.save_variables(tmp_path / "TestG12000.mat", TestG12000=matlab.struct_array(rows, FIELDS))
    streamed, by_scipy = both_ways(tmp_path / "TestG12000.mat")
    assert streamed == by_scipy
    assert len(streamed[1][1].gallery) == 12000


def test_what_is_not_known_is_refused_and_left_to_scipy(file: Path) -> None:
    whole = file.read_bytes()
    damaged = {
        "header": b"x" * 200,
        "cut": whole[: len(whole) // 2],
        "bits": whole[:200] + bytes(255 - b for b in whole[200:260]) + whole[260:],
        "short": whole[:100],
    }
    for name, content in damaged.items():
        file.write_bytes(content)
        with pytest.raises(NotThisFormat):
            list(records(file, "TestG4", FIELDS))
        assert name
    file.write_bytes(whole)
    with pytest.raises(NotThisFormat, match="variable 'TestG4'"):
        list(records(file, "TestG5", FIELDS))
    table = scipy.io.loadmat(file)["TestG4"]
    table[0, 0]["Gallery"][0, 0]["imname"] = np.array(["é.jpg"])
    scipy.io.savemat(file, {"TestG4": table})
    with pytest.raises(NotThisFormat):
        list(cuhk_sysu._streamed_tasks(file, "TestG4"))
    assert cuhk_sysu.read_protocol(file)[0].gallery[0].image_name == "é.jpg"


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.needs("annotations")
def test_the_genuine_file_as_scipy_reads_it() -> None:
    streamed, by_scipy = both_ways(REAL / "formats" / "TestG100.mat")
    assert streamed == by_scipy
