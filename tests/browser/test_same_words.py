"""One match of a video, told five times: terminal, JSON, HTML, PDF and page say the same words and numbers of it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from reportlab.platypus import Paragraph
from typer.testing import CliRunner

from browser.conftest import opened
from gallery_server import serving, write_video
from sceneseek.cli import app
from sceneseek.finder import Finder
from sceneseek.gallery import Gallery
from sceneseek.inference import load_predictor
from sceneseek.reports import document
from sceneseek.similarity import normalise
from sceneseek.structures import Detections, FloatArray, Frame, ImageArray, MediaItem

SIDE_BY_SIDE = 4
GROUPS = 30
FRAMES = 6
"""A group of people walks through six frames, then two frames show nobody."""
PEOPLE = 24


@dataclass(frozen=True)
class Crowd:
    """Stands for the shipped network while a video is indexed: knows who is where from the number of the frame."""

    name: str
    fingerprint: str
    embedding_dim: int

    def detect(self, images: Sequence[ImageArray]) -> list[Detections]:
        return [self._found(int(image[0, 0, 0]) + 256 * int(image[0, 0, 1])) for image in images]

    def embed(self, images: Sequence[ImageArray], boxes: Sequence[FloatArray]) -> list[FloatArray]:
        raise AssertionError("nobody asks for given boxes here")

    def _found(self, index: int) -> Detections:
        group, step = divmod(index, FRAMES + 2)
        if step >= FRAMES:
            return Detections.empty(self.embedding_dim)
        boxes = [[60 * lane + 2 * step, 5, 60 * lane + 2 * step + 20, 55] for lane in range(SIDE_BY_SIDE)]
        noise = np.random.default_rng(index).normal(size=(SIDE_BY_SIDE, self.embedding_dim)) * 0.02
        looks = normalise(self.looks[self.cast(group)] + noise).astype(np.float32)
        return Detections(np.asarray(boxes, np.float32), np.full(SIDE_BY_SIDE, 0.9, np.float32), looks)

    @property
    def looks(self) -> np.ndarray:
        return normalise(np.random.default_rng(1).normal(size=(PEOPLE, self.embedding_dim)) + 0.5)

    def cast(self, group: int) -> np.ndarray:
        return np.random.default_rng(100 + group).permutation(PEOPLE)[:SIDE_BY_SIDE]


def frames_of(item: MediaItem, *, start_index: int = 0) -> Iterator[Frame]:
    for index in range(start_index, GROUPS * (FRAMES + 2)):
        image = np.zeros((60, 260, 3), np.uint8)
        image[0, 0, :2] = index % 256, index // 256
        yield Frame(image, item.source, index, index / 5)


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Finder:
    folder = tmp_path_factory.mktemp("same-words")
    film = folder / "hall.mp4"
    write_video(film, (np.zeros((60, 260, 3), np.uint8) for _ in range(GROUPS * (FRAMES + 2))), rate=5)
    predictor = load_predictor("dcinet-synthetic")
    gallery = Gallery.create(folder / "g", predictor.name, predictor.fingerprint, predictor.embedding_dim)
    crowd = Crowd(predictor.name, predictor.fingerprint, predictor.embedding_dim)
    Finder(crowd, gallery).index([MediaItem(str(film), "video", "film", "hall")], frames_of, every_s=0.2)
    return Finder(predictor, gallery)


def asked_by(finder: Finder) -> str:
    """Somebody of the video who was seen again later."""
    return str(next(row["id"] for row in finder.gallery.sample_embeddings(10).rows.to_pylist()))


def by_command(finder: Finder, detection_id: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command line says of the first match: JSON, table, HTML and the texts of the PDF."""
    texts: list[str] = []

    def noted(text: str, *args: Any, **options: Any) -> Paragraph:
        texts.append(html.unescape(re.sub(r"<[^>]+>", "", text)))
        return Paragraph(text, *args, **options)

    monkeypatch.setattr(document, "Paragraph", noted)
    question = ["find", "--gallery", str(finder.gallery.path), "--like", detection_id, "--top", "5"]
    written = ["--html", str(folder / "a.html"), "--report", str(folder / "a.pdf"), "--blur", "none"]
    runner = CliRunner(env={"COLUMNS": "200"})
    answer = runner.invoke(app, [*question, *written, "--json"])
    assert answer.exit_code == 0, answer.output
    table = runner.invoke(app, question)
    page = html.unescape((folder / "a.html").read_text(encoding="utf-8"))
    return {"json": json.loads(answer.stdout), "table": table.stdout, "html": page, "pdf": texts}


def by_page(page: Page, detection_id: str) -> tuple[dict[str, Any], str, str]:
    """What the page is sent, and what it shows on the first card and beside the scene."""
    with page.expect_response("**/api/search") as response:
        page.goto(f"/?like=d:{detection_id}&top=5")
    card = page.locator(".match").first
    card.wait_for()
    shown = card.inner_text()
    card.locator(".portrait").click()
    side = page.get_by_role("dialog")
    expect(side).to_contain_text("expected this high")
    document_: dict[str, Any] = response.value.json()
    return document_, shown, side.inner_text()


def test_all_faces_say_the_same(
    browser: Browser, finder: Finder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = asked_by(finder)
    told = by_command(finder, wanted, tmp_path, monkeypatch)
    with serving(finder) as address, opened(browser, address) as page:
        sent, card, side = by_page(page, wanted)
        headline = page.get_by_role("heading", level=1, include_hidden=True).first.inner_text()
    first, again = told["json"]["matches"][0], sent["matches"][0]
    words = first["words"]
    assert first["sighting"] is not None
    assert first["false_match_rate"] is not None
    assert not first["rate_borrowed"]
    same = ("standing", "words", "rate_borrowed", "piece", "detection_id")
    assert {name: first[name] for name in same} == {name: again[name] for name in same}
    for name in ("false_match_rate", "others_expected"):
        assert again[name] == pytest.approx(first[name], rel=1e-9)
    assert told["json"]["words"] == sent["words"]
    assert sent["words"]["headline"] == headline
    assert sent["words"]["headline"] in told["table"]
    assert sent["words"]["headline"] in told["html"]
    assert sent["words"]["headline"] in told["pdf"]
    for text in (words["standing"], words["rate"], words["basis"], words["others"]):
        assert text in told["html"]
        assert any(text in line for line in told["pdf"])
        assert text.lower() in side.lower()
    assert words["standing"] in card
    assert words["short_rate"] in card
    assert words["standing"] in told["table"]
    assert words["short_rate"].removesuffix(" strangers") in told["table"]
