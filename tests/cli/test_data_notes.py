"""What is odd about data is said where they are used, not only where they are checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.coco_tables import Table, written
from sceneseek.cli.data_options import read_set
from sceneseek.errors import DataError


def test_a_note_on_the_file_is_said_in_full_and_the_others_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(table: Table) -> None:
        table["categories"].append({"id": 3, "name": "car"})
        table["annotations"][0]["category_id"] = 3
        table["annotations"][2]["bbox"] = [-5, 6, 14, 32]
        table["annotations"][3]["bbox"] = [-5, 6, 14, 32]

    read_set(written(tmp_path, change))
    told = capsys.readouterr().err
    assert "note" in told
    assert "annotations.json: 1 box of other categories than people is left out: car 1. Read as people: person." in told
    assert "notes on the data: box clipped to its picture 2; 'sceneseek data check' names each" in told


def test_sound_data_say_nothing_and_bad_data_end_the_reading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read_set(written(tmp_path / "good"))
    assert "note" not in capsys.readouterr().err
    with pytest.raises(DataError, match="annotation 1: 'person_id' is 'x'"):
        read_set(written(tmp_path / "bad", lambda table: table["annotations"][0].update(person_id="x")))
