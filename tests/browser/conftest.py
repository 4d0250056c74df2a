"""A browser on the page of a real server. Without one these tests skip, see ``suite.needs``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from gallery_server import serving
from sceneseek.reports.verdicts import STANDINGS, answer_words, match_words
from sceneseek.structures import Match, Ranking, Standing
from suite.needs import chromium
from web_world import World, make_world

PATIENCE_MS = 60_000
"""The machine may be busy; a check that passes does not wait for it."""

OpenPage = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(),
            timeout=PATIENCE_MS,
            args=["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
        )
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Coloured rectangles instead of people; shared by tests that change nothing."""
    return make_world(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="session")
def address(world: World, browser: Browser) -> Iterator[str]:
    """A server for everybody who changes nothing. It depends on the browser: without one there is nothing to serve."""
    with serving(world.finder(), media_roots=(world.media,)) as address:
        yield address


@contextmanager
def opened(browser: Browser, address: str, **context: Any) -> Iterator[Page]:
    """A page in a context of its own. What the browser complains about fails the test, and so does a call elsewhere."""
    options = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", "timezone_id": "Europe/Berlin", **context}
    with browser.new_context(base_url=address, **options) as window:
        window.set_default_timeout(PATIENCE_MS)
        page = window.new_page()
        page.on("filechooser", lambda _: None)  # from now on no dialog of the system opens
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on(
            "console",
            lambda line: complaints.append(line.text) if line.type == "error" and not refused(line.text) else None,
        )
        page.on(
            "request",
            lambda request: (
                complaints.append(f"a call to {request.url}")
                if not request.url.startswith((address, "blob:"))
                else None
            ),
        )
        yield page
        page.unroute_all(behavior="ignoreErrors")  # an answer may still be on its way through a test's hands
        assert not complaints


def refused(text: str) -> bool:
    """Chromium reports every answer from 400 on as an error; tests of refusals look at what the page says instead."""
    return text.startswith("Failed to load resource")


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page on the shared server, not yet gone anywhere."""
    with opened(browser, address) as page:
        yield page


def choose_picture(page: Page, picture: Path) -> None:
    """Give a query picture through the file dialog and wait until its people are outlined."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files(picture)
    page.locator(".stage button.box").first.wait_for()


def choose_person(page: Page, place: int) -> None:
    """Choose the person at one of the five places of a scene, see ``fake_predictor.person``."""
    left = f"{100 * (8 + 30 * place) / 160:.4g}"
    page.locator(".stage button.box").first.wait_for()
    for box in page.locator(".stage button.box").all():
        if f"{float(box.evaluate('element => parseFloat(element.style.left)')):.4g}" == left:
            box.click()
            page.locator(".match").first.wait_for()
            return
    raise AssertionError(f"nobody is outlined at place {place}")


def search_red(page: Page, world: World) -> None:
    """Search for the red person of the query picture; the answer is shown afterwards."""
    page.goto("/")
    choose_picture(page, world.query)
    choose_person(page, 1)


def judge(document: dict[str, Any], standings: Sequence[Standing], rates: Sequence[float | None] = ()) -> None:
    """Let the first matches of an answer have these standings and rates, in the words that the server has for them."""
    for match, standing, rate in zip(document["matches"], standings, [*rates, *[None] * len(standings)], strict=False):
        facts = {
            "standing": standing,
            "false_match_rate": rate,
            "rate_interval": None if rate is None else (rate / 3, min(1.0, rate * 3)),
            "others_expected": None if rate is None else rate * 1000,
            "others_interval": None if rate is None else (rate * 300, rate * 3000),
        }
        judged = Match(match["rank"], match["similarity"], 1.0, (0, 0, 1, 1), match["source"], **facts)
        match |= facts | {"words": asdict(match_words(judged))}
    kinds = [match["standing"] for match in document["matches"]]
    best: Any = next((word for word in STANDINGS if word in kinds), None)
    known = tuple(
        Match(match["rank"], match["similarity"], 1.0, (0, 0, 1, 1), match["source"], standing=match["standing"])
        for match in document["matches"]
    )
    calibrated = any(rate is not None for rate in rates)
    words = answer_words(Ranking(known, "model", document["searched"], standing=best, calibrated=calibrated))
    document |= {"standing": best, "num_likely": kinds.count("likely"), "words": asdict(words)}


def change_answer(page: Page, change: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    """Let ``change`` edit every answer to a search on its way to the page; returns the questions that were asked.

    For what a small gallery cannot bring about by itself: false-match rates far in the tail, and nobody likely.
    """
    asked: list[dict[str, Any]] = []

    def through(route: Any) -> None:
        asked.append(route.request.post_data_json)
        response = route.fetch()
        document = response.json()
        change(document)
        route.fulfill(response=response, json=document)

    page.route("**/api/search", through)
    return asked
