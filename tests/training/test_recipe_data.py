"""A recipe may name a data set in any layout: training reads its training part, evaluation its test part."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

import layout_cases as cases
from sceneseek.data.converting import convert
from sceneseek.training.recipe.building import read_scenes
from sceneseek.training.recipe.schema import DataTable, EvaluationTable


@pytest.mark.parametrize("layout", ["coco", "prw", "cuhk_sysu", "webtattoo"])
@pytest.mark.parametrize("named", [True, False])
def test_each_part_is_read_in_any_layout(tmp_path: Path, layout: str, named: bool) -> None:
    cases.divided(tmp_path / "first")
    convert(tmp_path / "first", tmp_path / "set", layout)
    name = layout if named else "auto"
    train = read_scenes(DataTable(layout=name, train="set"), tmp_path)
    test = read_scenes(EvaluationTable(layout=name, data="set", every_steps=1, batch_size=1, best="mAP"), tmp_path)
    assert (len(train), len(train.queries)) == (3, 0)
    assert (len(test), len(test.queries)) == (5, 2)


def test_another_layout_is_refused() -> None:
    with pytest.raises(ValidationError, match="'coco', 'cuhk_sysu', 'prw', 'webtattoo'"):
        DataTable(layout="voc", train="set")
