"""Reports: every number in all three forms, one page that needs nothing and runs nothing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from evaluation.worlds import provenance, random_world
from sceneseek.evaluation import evaluate
from sceneseek.evaluation.report import Run, as_json, as_markdown, write_report
from sceneseek.pictures import write_picture
from sceneseek.structures import Detections, Extraction, Query, Sample, SceneSet

EVIL = "<script>alert('x')</script>&\"{{ 7*7 }}"


def world_with_pictures(folder: Path) -> tuple[Extraction, SceneSet]:
    extraction, scenes = random_world(3, images=15, queries=8)
    rng = np.random.default_rng(0)
    samples = []
    for sample in scenes.samples:
        path = folder / f"{sample.image_id}.jpg"
        write_picture(rng.integers(0, 255, (300, 300, 3), dtype=np.uint8), path)
        samples.append(replace(sample, path=path))
    scenes = SceneSet(EVIL, tuple(samples), scenes.queries)
    return replace(extraction, provenance=replace(provenance(scenes), model=f"a/{EVIL}")), scenes


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], list[Run]]:
    folder = tmp_path_factory.mktemp("report")
    extraction, scenes = world_with_pictures(folder)
    runs = [Run(evaluate(extraction, scenes, bootstrap_samples=50), extraction) for _ in range(2)]
    return write_report(folder / "out", scenes, runs, command=f"sceneseek evaluate {EVIL}"), runs


class Page(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name == "id":
                self.ids.append(str(value))
            if name in ("href", "src", "xlink:href"):
                self.links.append(str(value))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in ("meta", "img", "br", "link"):
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_self_contained_and_runs_nothing(written: tuple[dict[str, Path], list[Run]]) -> None:
    text = written[0]["html"].read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert not {"script", "iframe", "object", "link", "form"} & set(page.tags)
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        assert link.startswith("data:image/jpeg;base64,") or link[1:] in page.ids, link
    assert "49" not in re.findall(r"\{\{.*?\}\}", text)
    assert "&lt;script&gt;" in text
    assert page.tags.count("svg") >= 4
    assert page.tags.count("img") > 15


def test_headline_numbers_agree_in_all_forms(written: tuple[dict[str, Path], list[Run]]) -> None:
    files, runs = written
    report = runs[0].report
    values = json.loads(files["json"].read_text(encoding="utf-8"))
    assert values["models"][0]["scores"]["mAP"]["value"] == report.mean_ap.value
    assert len(values["models"][0]["per_query"]) == len(report.outcomes)
    html, markdown = files["html"].read_text(encoding="utf-8"), files["markdown"].read_text(encoding="utf-8")
    for score in (report.mean_ap, *report.top_k.values()):
        assert str(score) in html
        assert str(score) in markdown
        assert score.interval in html
        assert score.interval in markdown


def test_scenes_that_are_gone_leave_the_numbers(tmp_path: Path) -> None:
    extraction, scenes = random_world(5)
    run = Run(evaluate(extraction, scenes, bootstrap_samples=0), extraction)
    text = write_report(tmp_path, scenes, [run])["html"].read_text(encoding="utf-8")
    assert "no picture" in text
    assert str(run.report.mean_ap) in text


def test_a_report_without_queries_or_without_detection(tmp_path: Path) -> None:
    samples = (Sample(0, "a.jpg", 99, 99, [[0, 0, 10, 20]], [1]),)
    only_detection = SceneSet("no queries", samples)
    found = [(0, Detections([[0, 0, 10, 20]], [0.9], [[1, 0]]))]
    extraction = Extraction.gather(found, [], provenance(only_detection), 2)
    run = Run(evaluate(extraction, only_detection), extraction)
    write_report(tmp_path / "1", only_detection, [run])
    assert as_json([run.report])["models"][0]["scores"]["mAP"]["value"] is None
    incomplete = SceneSet("incomplete", samples, (Query(0, 0, [0, 0, 10, 20], 1, ()),), detection_labels_complete=False)
    extraction = Extraction.gather(found, [(0, np.array([1, 0]))], provenance(incomplete), 2)
    run = Run(evaluate(extraction, incomplete), extraction)
    write_report(tmp_path / "2", incomplete, [run])
    assert "| - |" in as_markdown([run.report])


def test_writing_twice_replaces_and_leaves_no_litter(tmp_path: Path) -> None:
    extraction, scenes = random_world(5)
    run = Run(evaluate(extraction, scenes, bootstrap_samples=0), extraction)
    for _ in range(2):
        write_report(tmp_path, scenes, [run])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "report.json", "report.md"]
    assert (tmp_path / "report.html").stat().st_mode & 0o444
