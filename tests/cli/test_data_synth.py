"""``sceneseek data synth``: both worlds, the layouts, and what it says when asked for the impossible."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from sceneseek.cli import app
from sceneseek.data.coco import read_coco
from sceneseek.errors import SceneseekError

SIZE = ["--scenes", "12", "--identities", "5", "--difficulty", "easy", "--seed", "1"]


def run(*arguments):
    result = CliRunner().invoke(app, ["data", "synth", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_people_are_written_and_counted(tmp_path):
    said = json.loads(run(tmp_path, *SIZE, "--json").stdout)
    assert said["world"] == "people"
    assert said["sets"]["train"]["scenes"] + said["sets"]["test"]["scenes"] == 12
    for split in ("train", "test"):
        read = read_coco(tmp_path / split)
        assert len(read) == said["sets"][split]["scenes"]
        assert sum(len(s) for s in read.samples) == said["sets"][split]["boxes"]


def test_the_summary_reads_well(tmp_path):
    text = run(tmp_path, *SIZE).stdout
    assert "train: 7 scenes" in text
    assert "scenes/s" in text


def test_an_unknown_difficulty_is_a_usage_error(tmp_path):
    result = CliRunner().invoke(app, ["data", "synth", str(tmp_path), "--difficulty", "brutal"])
    assert result.exit_code == 2


def test_an_impossible_size_is_ours_to_explain(tmp_path):
    with pytest.raises(SceneseekError, match="num_identities is 1"):
        run(tmp_path, "--identities", "1")


@pytest.mark.slow
def test_layouts_of_public_data_sets(tmp_path):
    from sceneseek.data.cuhk_sysu import read_cuhk_sysu
    from sceneseek.data.prw import read_prw

    size = ["--scenes", "22", "--identities", "5", "--difficulty", "easy"]
    for layout in ("cuhk_sysu", "prw"):
        run(tmp_path / layout, *size, "--layout", layout)
    ours = read_coco(tmp_path / "prw" / "test")
    longest = min(len(query.gallery) for query in ours.queries)
    theirs = read_cuhk_sysu(tmp_path / "cuhk_sysu" / "cuhk_sysu", "test", gallery_size=longest)
    assert len(theirs) == len(ours)
    assert len(theirs.queries) == len(ours.queries) > 0
    assert len(read_prw(tmp_path / "prw" / "prw", "test")) == len(ours)
