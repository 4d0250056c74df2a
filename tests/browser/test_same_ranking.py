"""One question, three ways to ask it: the command line, Python and the page give the same ranking."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from typer.testing import CliRunner

from browser.conftest import choose_picture, opened
from gallery_server import serving
from sceneseek.cli import app
from sceneseek.data.synthetic import PeopleWorld, WorldSpec
from sceneseek.finder import Finder
from sceneseek.gallery import Filters, FrameKey, Gallery
from sceneseek.inference import discover, frames_of, load_predictor
from sceneseek.inference.media import content_key
from sceneseek.pictures import read_picture, write_picture
from suite.needs import REAL, WEIGHTS

TOP = 10


def by_command(gallery: Path, picture: Path) -> list[tuple[str, float]]:
    question = ["find", str(picture), "--gallery", str(gallery), "--top", str(TOP), "--json"]
    answer = CliRunner().invoke(app, question)
    assert answer.exit_code == 0, answer.output
    return [(match["detection_id"], match["similarity"]) for match in json.loads(answer.stdout)["matches"]]


def by_python(finder: Finder, picture: Path) -> list[tuple[str, float]]:
    surest = finder.people(read_picture(picture))[0]
    own = Filters(exclude=(FrameKey(content_key(picture)),))  # as the other two: never the query's own picture
    ranking = finder.find_people([surest], top=TOP, filters=own)
    return [(match.detection_id, match.similarity) for match in ranking]


def by_page(page: Page, picture: Path) -> list[tuple[str, float]]:
    page.goto("/?top=10")
    choose_picture(page, picture)
    page.locator(".stage button.box").first.click(force=True)  # the surest comes first
    page.locator(".match").first.wait_for()
    return [
        (str(card.get_attribute("data-detection")), float(card.locator(".similarity b").inner_text()))
        for card in page.locator(".match").all()
    ]


def check(browser: Browser, finder: Finder, pictures: list[Path]) -> None:
    with serving(finder) as address, opened(browser, address) as page:
        for picture in pictures:
            command, python, shown = (
                by_command(finder.gallery.path, picture),
                by_python(finder, picture),
                by_page(page, picture),
            )
            assert len(python) == TOP
            assert [name for name, _ in command] == [name for name, _ in python] == [name for name, _ in shown]
            assert [value for _, value in shown] == pytest.approx([value for _, value in python], abs=6e-4)
            assert [value for _, value in command] == pytest.approx([value for _, value in python], abs=6e-4)


@pytest.mark.slow
def test_generated_scenes(browser: Browser, tmp_path: Path) -> None:
    world = PeopleWorld(WorldSpec(seed=4, num_scenes=40, num_identities=8, difficulty="easy"))
    for i in range(6):
        write_picture(world.render(i)[0], tmp_path / ("media" if i < 5 else "queries") / f"{i}.jpg")
    predictor = load_predictor("dcinet-synthetic")
    gallery = Gallery.open_or_create(
        tmp_path / "gallery", predictor.name, predictor.fingerprint, predictor.embedding_dim
    )
    finder = Finder(predictor, gallery)
    finder.index(list(discover([str(tmp_path / "media")])), partial(frames_of, every_s=1.0), every_s=1.0)
    check(browser, finder, [tmp_path / "queries" / "5.jpg"])


@pytest.fixture
def real_finder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finder:
    monkeypatch.setenv("SCENESEEK_WEIGHTS", str(WEIGHTS))
    predictor = load_predictor("yolox_nano+osnet_x0_25")
    gallery = Gallery.open_or_create(tmp_path / "real", predictor.name, predictor.fingerprint, predictor.embedding_dim)
    finder = Finder(predictor, gallery)
    for path, camera in (
        (REAL / "one-by-one-person-detection.mp4", "door"),
        (REAL / "walkin6" / "images", "hall"),
        (REAL / "campus4" / "images", "campus"),
    ):
        finder.index(list(discover([str(path)], camera=camera)), partial(frames_of, every_s=5.0), every_s=5.0)
    return finder


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.needs("pictures", "weights")
def test_real_pictures_and_video(browser: Browser, real_finder: Finder) -> None:
    images = sorted((REAL / "walkin6" / "images").iterdir())
    check(browser, real_finder, [images[4], images[40], REAL / "mot17mini" / "images" / "04_000001.jpg"])
