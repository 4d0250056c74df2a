"""Published rows stand beside a report only on the same test set and protocol."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation.worlds import random_world
from sceneseek.evaluation import evaluate
from sceneseek.evaluation.comparability import comparable
from sceneseek.evaluation.protocols import PROTOCOLS
from sceneseek.evaluation.report import as_markdown
from sceneseek.structures import SearchReport

BASE = evaluate(*random_world(1), bootstrap_samples=0, curve=False)


def report(data: str, queries: int, images: int, gallery: float = 0.0, boxes: str = "detector",
           protocol: str = "modern", **switches: object) -> SearchReport:  # fmt: skip
    return replace(
        BASE,
        provenance=replace(BASE.provenance, data=data, boxes=boxes),
        num_queries=queries, num_unanswerable=0, num_images=images, gallery_size=gallery,
        protocol={**PROTOCOLS[protocol].switches(), **switches},
    )  # fmt: skip


CUHK = ("cuhk-sysu-test-g100", 2900, 6978, 100.0)
PRW = ("prw-test", 2057, 6112, 6111.0)


def methods(found: SearchReport) -> set[str]:
    return {row.method for row in comparable(found).rows}


def test_the_field_s_test_sets_get_their_rows_the_best_first() -> None:
    beside = comparable(report(*CUHK))
    assert {"DC-I-Net", "SeqNet + CBGM", "LOMO + XQDA", "CGPS", "AlignPS + GDPS"} <= {r.method for r in beside.rows}
    scores = [row.metrics["mAP"] for row in beside.rows]
    assert scores == sorted(scores, reverse=True)
    assert {r.gallery_size for r in beside.rows} == {100}
    assert "ablation" not in {r.kind for r in beside.rows}
    assert "detector" in {r.boxes for r in beside.rows} != {"truth"}
    assert "CUHK-SYSU, gallery of 100 images" in beside.reason


def test_another_gallery_size_gets_the_rows_of_that_size() -> None:
    rows = comparable(report("cuhk-sysu-test-g4000", 2900, 6978, 4000.0)).rows
    assert len(rows) == 12
    assert {r.gallery_size for r in rows} == {4000}
    assert comparable(report("cuhk-sysu-test-g4000", 2900, 6978, 321.0)).rows == ()


def test_annotated_boxes_stand_beside_annotated_boxes() -> None:
    assert {r.boxes for r in comparable(report(*CUHK, boxes="truth")).rows} == {"truth"}


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [("prw", "SeqNet"), ("prw_original", "IDE_det + CWS")],
)
def test_prw_has_the_rows_of_the_protocol_used(protocol: str, expected: str) -> None:
    got = methods(report(*PRW, protocol=protocol))
    assert expected in got
    assert ({"SeqNet", "IDE_det + CWS"} - {expected}).isdisjoint(got)
    assert "NPSM" not in got, "its protocol is not stated"


def test_prw_across_cameras_has_no_published_row() -> None:
    beside = comparable(report(*PRW, protocol="prw_cross_camera"))
    assert beside.rows == ()
    assert "cameras cross" in beside.reason


def test_prw_mini_is_known_by_its_thirty_queries() -> None:
    assert methods(report("prw-test", 30, 6112, protocol="prw_mini")) == {"QEEPS"}


def test_webtattoo_with_and_without_detection() -> None:
    with_boxes = comparable(report("webtattoo-test", 200, 355)).rows
    without = comparable(report("webtattoo-test", 200, 355, boxes="truth", protocol="webtattoo_no_detection")).rows
    assert [r.metrics["mAP"] for r in with_boxes] == [48.5, 41.7, 38.2]
    assert [r.metrics["mAP"] for r in without] == [30.4, 23.5, 21.5]


@pytest.mark.parametrize("data", ["a world", "synthetic-people-test", "cuhk", "my-prw-test", "prwlike"])
def test_other_data_has_none_and_says_so(data: str) -> None:
    beside = comparable(report(data, 2900, 6978, 100.0))
    assert beside.rows == ()
    assert beside.reason == f"{data} is not a published benchmark: no published number can be compared with these."


@pytest.mark.parametrize(("queries", "images"), [(2899, 6978), (2900, 6977), (12, 40)])
def test_own_scenes_in_a_published_layout_are_told_by_their_counts(queries: int, images: int) -> None:
    beside = comparable(report("cuhk-sysu-test-g100", queries, images, 100.0))
    assert beside.rows == ()
    assert f"{queries:,} queries and {images:,} scenes" in beside.reason
    assert "CUHK-SYSU has 2,900 and 6,978" in beside.reason


@pytest.mark.parametrize("switches", [{"ap": "trapezoid"}, {"gallery_size": "full"}, {"match": "image"}])
def test_departures_from_the_protocol_have_none(switches: dict[str, object]) -> None:
    assert comparable(report(*CUHK, **switches)).rows == ()


def test_what_belongs_to_the_system_does_not_matter() -> None:
    assert comparable(report(*CUHK, det_threshold=0.2, confidence_weighted=True)).rows


def test_rows_are_written_with_their_sources_and_marks() -> None:
    text = as_markdown([report(*CUHK)])
    assert "| NAE * | ResNet-50 | 91.5 | 92.4 |" in text
    assert "* NAE: Chen, Zhang, Yang and Schiele" in text
    assert text.index("this report") > text.index("SeqNeXt + GFN")
