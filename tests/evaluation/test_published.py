"""The published rows: their shape, their ranges, and that each says where it comes from."""

from __future__ import annotations

import re
from collections import Counter
from typing import get_args

import pytest

from sceneseek.errors import ValueRefused
from sceneseek.evaluation.published import METRICS, PROTOCOLS, Evidence, Kind, PublishedRow, published

ROWS = published()


def test_every_table_is_there_with_all_its_rows() -> None:
    assert Counter(row.table for row in ROWS) == {
        "cuhk-two-step": 20, "cuhk-end-to-end": 10, "cuhk-oim-versions": 5, "cuhk-context-graph": 2, "cuhk-later": 19,
        "cuhk-weak": 2, "cuhk-losses": 9, "cuhk-pool": 4, "cuhk-dictionary": 6, "cuhk-inputs": 6,
        "cuhk-gallery-size": 72, "cuhk-ddps": 7, "cuhk-munjal-kd": 6, "cuhk-other-kd": 4,
        "prw-two-step": 14, "prw-end-to-end": 6, "prw-later": 22, "prw-mini": 1, "prw-weak": 1, "prw-distillation": 8,
        "webtattoo-with-detection": 3, "webtattoo-without-detection": 3,
    }  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.table}-{row.method}-{row.settings}-{row.gallery_size}")
def test_each_row_is_whole(row: PublishedRow) -> None:
    assert row.protocol in PROTOCOLS[row.dataset]
    assert (row.gallery_size is not None) == (row.dataset == "CUHK-SYSU")
    assert row.kind in get_args(Kind)
    assert row.evidence in get_args(Evidence)
    assert row.boxes in ("detector", "truth")
    assert row.method.strip() == row.method != ""
    assert set(row.metrics) <= set(METRICS)
    assert "mAP" in row.metrics
    assert all(1.0 < value <= 100.0 for value in row.metrics.values())
    ranks = [row.metrics[k] for k in ("top-1", "top-5", "top-10") if k in row.metrics]
    assert ranks == sorted(ranks)
    assert re.search(r"arXiv|CVPR|ECCV|AAAI|TPAMI|BMVC|TMM|WACV|Journal|github\.com", row.source)
    assert all(caveat.strip() for caveat in row.caveats)


def test_no_row_is_there_twice() -> None:
    keys = [(row.table, row.method, row.settings, row.gallery_size) for row in ROWS]
    assert len(keys) == len(set(keys))


def test_the_same_system_under_the_same_protocol_has_the_same_numbers_in_every_table() -> None:
    known: dict[tuple[object, ...], float] = {}
    for row in ROWS:
        key = (row.method, row.settings, row.dataset, row.protocol, row.gallery_size, row.source)
        assert abs(known.setdefault(key, row.metrics["mAP"]) - row.metrics["mAP"]) < 0.06, row


def test_what_was_not_read_in_the_source_says_so() -> None:
    unread = {row.method for row in ROWS if row.evidence == "memory"}
    assert {"NAE", "NAE+", "COAT + CBGM", "OIMNet+++"} <= unread
    assert {row.evidence for row in ROWS if "slides" in row.source} == {"quoted"}
    assert all(row.uncertain == (row.evidence != "read") for row in ROWS)
    without = published("WebTattoo", "without detection")
    assert all(any("inferred" in c for c in row.caveats) and any("choice" in c for c in row.caveats) for row in without)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"dataset": "CUHK-SYSU", "method": "DC-I-Net", "kind": "system"}, [83.7, 86.2]),
        ({"dataset": "PRW", "protocol": "mini"}, [39.1]),
        ({"dataset": "CUHK-SYSU", "gallery_size": 4000, "method": "oim"}, [51.27]),
        ({"method": "I-Net", "dataset": "PRW"}, [25.6]),
    ],
)
def test_rows_are_found_by_what_they_are(query: dict[str, object], expected: list[float]) -> None:
    assert [row.metrics["mAP"] for row in published(**query)] == expected  # type: ignore[arg-type]


def test_a_gallery_grows_and_scores_fall() -> None:
    curves: dict[tuple[str, str], list[float]] = {}
    for row in published("CUHK-SYSU", kind="gallery size"):
        curves.setdefault((row.method, row.settings), []).append(row.metrics["mAP"])
    assert len(curves) == 12
    assert all(curve == sorted(curve, reverse=True) and len(curve) == 6 for curve in curves.values())


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueRefused, match="CUHK-SYSU"):
        published("CUHK")
    with pytest.raises(ValueRefused, match="all cameras"):
        published("PRW", "gallery")
