"""Whatever a COCO-style file holds: what is read can be used, and everything else is refused in words of ours."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.coco_tables import table, written
from data.test_good_means_usable import use
from sceneseek.data.coco import read_coco
from sceneseek.data.problems import ProblemList
from sceneseek.errors import SceneseekError

FIELDS = {
    "images": ("id", "file_name", "width", "height", "camera", "time_s"),
    "annotations": ("id", "image_id", "category_id", "bbox", "person_id", "ignore", "iscrowd", "visibility"),
    "queries": ("id", "image_id", "bbox", "person_id", "gallery", "shot_group"),
    "categories": ("id", "name", "supercategory"),
}
NUMBERS = st.one_of(
    st.integers(-3, 70),
    st.integers(),
    st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64 - 5, 10**30, 10**400]),
    st.floats(),
    st.sampled_from([0.5, 1e-9, 1e39, 1e300, -0.0]),
)
JUNK = st.one_of(
    NUMBERS,
    st.none(),
    st.booleans(),
    st.text(max_size=6),
    st.sampled_from(["1.png", "..", "/", "images", "\ud800", "person", "a\0b"]),
    st.lists(NUMBERS, max_size=5),
    st.lists(NUMBERS, min_size=4, max_size=4),
    st.dictionaries(st.text(max_size=3), NUMBERS, max_size=2),
)
CHANGES = st.lists(
    st.sampled_from([(kind, field) for kind, fields in FIELDS.items() for field in fields]).flatmap(
        lambda where: st.tuples(st.just(where[0]), st.just(where[1]), st.integers(0, 7), JUNK)
    ),
    min_size=1,
    max_size=3,
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("junk"))


def changed(changes: list[tuple[str, str, int, Any]]) -> dict[str, Any]:
    found = copy.deepcopy(table())
    for kind, field, place, junk in changes:
        rows = found[kind]
        rows[place % len(rows)][field] = junk
    return found


def refusal(call: Callable[[], object]) -> str | None:
    """What a call is refused with in words of ours; anything else that goes wrong fails the test."""
    try:
        call()
    except SceneseekError as error:
        return str(error)
    return None


@settings(max_examples=60)
@given(changes=CHANGES)
def test_junk_in_single_fields(pictures: Path, changes: list[tuple[str, str, int, Any]]) -> None:
    (pictures / "annotations.json").write_text(json.dumps(changed(changes)), encoding="utf-8")
    problems = ProblemList()
    leniently = refusal(lambda: read_coco(pictures, on_problem=problems))
    assert leniently is None or "annotations.json" in leniently
    assert all(p.message.strip() and p.place.file.name for p in problems.problems)
    strictly = refusal(lambda: read_coco(pictures))
    assert (strictly is None) == (leniently is None and not problems.errors)
    assert strictly is None or len(strictly) < 1_000
    if strictly is None:
        # A picture may be missing or of another size: that alone is found when it is read.
        used = refusal(lambda: use(pictures))
        assert used is None or "the picture has" in used or "no such file" in used or "folder" in used


@settings(max_examples=30)
@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda text: text.encode("utf-8", "ignore")),
                      JUNK.map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_junk_in_place_of_the_file(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("file")
    (folder / "annotations.json").write_bytes(data)
    with pytest.raises(SceneseekError, match=r"annotations\.json"):
        read_coco(folder)
    shutil.rmtree(folder)
