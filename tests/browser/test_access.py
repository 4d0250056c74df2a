"""The page for everybody: contrast computed, names on everything, nothing wider than 360 pixels, dark and still."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from browser.conftest import PATIENCE_MS, change_answer, choose_picture, judge, opened, search_red
from sceneseek.web.app import STATIC
from web_world import World

CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")

NAMELESS = (Path(__file__).parent / "nameless.js").read_text(encoding="utf-8")

SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def settled_contrast(page: Page) -> dict[str, Any]:
    """The contrast once the colours have changed over, which takes a frame or, on a busy machine, more."""
    for _ in range(PATIENCE_MS // 100):
        found: dict[str, Any] = page.evaluate(CONTRAST)
        if not found["problems"]:
            break
        page.wait_for_timeout(100)
    return found


def settled_width(page: Page) -> int:
    """Pixels that stick out at the side, once the browser has laid the page out for its new size."""
    for _ in range(20):
        out: int = page.evaluate(SIDEWAYS)
        if out <= 0:
            break
        page.wait_for_timeout(100)
    return out


def results(page: Page, world: World) -> None:
    def change(document: dict[str, Any]) -> None:
        rates = [min(1.0, 10.0 ** (i - 5)) for i in range(len(document["matches"]))]
        judge(document, ["likely", "likely", *["possible"] * 3, *["distant"] * 20], rates)
        for i, match in enumerate(document["matches"]):
            match["flags"] = ["small", "blurred", "cut", "unsure"][: i % 5]

    change_answer(page, change)
    search_red(page, world)
    page.locator(".match").nth(0).get_by_role("button", name="Mark match 1 right").click()
    page.locator(".match").nth(1).get_by_role("button", name="Mark match 2 wrong").click()


def picker(page: Page, world: World) -> None:
    page.goto("/")
    choose_picture(page, world.query)


SCREENS: dict[str, Callable[[Page, World], None]] = {
    ".dropzone": lambda page, _: page.goto("/"),
    ".stage": picker,
    ".medium": lambda page, _: page.goto("/?view=gallery"),
    "#jobs-title": lambda page, _: page.goto("/?view=index"),
    ".page .notice": lambda page, _: page.goto("/?view=audit"),
}
"""What shows that a screen is there, and how to get to it."""

OF_THE_ANSWER: dict[str, Callable[[Page], None]] = {
    ".again-bar": lambda page: None,
    "dialog kbd": lambda page: page.keyboard.press("?"),
    "dialog fieldset": lambda page: page.get_by_role("button", name="Export").click(),
    ".scene-stage": lambda page: page.locator(".match", has_text="mp4").first.locator(".portrait").click(),
    ".timeline .point": lambda page: page.get_by_role("button", name="Timeline").click(),
    ".map .row": lambda page: page.get_by_role("button", name="Cameras", exact=True).click(),
}
"""The same for what is reached from an answer, one after the other."""


def check_screen(page: Page, ready: str) -> None:
    page.locator(ready).first.wait_for()
    assert page.evaluate(NAMELESS) == []
    for theme, width in (("light", 1280), ("dark", 1280), ("dark", 360), ("light", 360)):
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": 740})
        found = settled_contrast(page)
        assert found["count"] > 5
        assert found["problems"] == [], f"{ready}: {theme}, {width} pixels"
        assert settled_width(page) <= 0, f"{ready}: {width} pixels"
    page.set_viewport_size({"width": 1280, "height": 800})


def test_every_screen_is_readable_named_and_fits(browser: Browser, address: str, world: World) -> None:
    with opened(browser, address, reduced_motion="reduce") as page:
        for ready, go in SCREENS.items():
            go(page, world)
            check_screen(page, ready)


def test_the_answer_and_what_opens_from_it_is_readable_named_and_fits(
    browser: Browser, address: str, world: World
) -> None:
    with opened(browser, address, reduced_motion="reduce") as page:
        results(page, world)
        for ready, go in OF_THE_ANSWER.items():
            go(page)
            check_screen(page, ready)
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_contrast_check_can_fail(page: Page) -> None:
    page.goto("/")
    page.locator(".dropzone").wait_for()
    page.evaluate("document.querySelector('h1').style.color = '#c8c8c8'")
    assert "Who are you looking for?" in page.evaluate(CONTRAST)["problems"][0]


def test_the_theme_is_switched_and_remembered(browser: Browser, address: str) -> None:
    with opened(browser, address, color_scheme="light") as page:
        page.goto("/")
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        light = page.evaluate(ground)
        page.get_by_role("button", name="Dark theme").click()
        dark = page.evaluate(ground)
        assert dark != light
        page.reload()
        assert page.evaluate(ground) == dark
        page.get_by_role("button", name="Light theme").click()
        assert page.evaluate(ground) == light


def test_nothing_moves_where_motion_is_not_wanted(browser: Browser, address: str, world: World) -> None:
    with opened(browser, address, reduced_motion="reduce") as page:
        search_red(page, world)
        page.locator(".match .portrait").first.click()
        lengths = page.evaluate(
            "[...document.querySelectorAll('*')].map((e) => getComputedStyle(e)).flatMap((s) =>"
            " [...s.animationDuration.split(','), ...s.transitionDuration.split(',')]).map(parseFloat)"
        )
        assert max(lengths) < 0.001


def test_a_whole_search_by_keys_alone(page: Page, world: World) -> None:
    page.goto("/")
    page.locator(".dropzone").wait_for()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Choose a picture")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(world.query)
    title = page.get_by_role("heading", level=1, name="Who are you looking for?")
    page.locator(".stage button.box").first.wait_for()
    expect(title).to_be_focused()
    for _ in range(4):  # past the buttons of the header
        page.keyboard.press("Tab")
    expect(page.locator(".stage button.box").first).to_be_focused()
    page.keyboard.press("Enter")
    page.locator(".match").first.wait_for()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".scene-stage")).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
    inside = "document.activeElement === document.body || document.activeElement.closest('dialog') !== null"
    assert page.evaluate(inside)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert page.evaluate("document.activeElement.closest('.match')?.id") == "match-0"


def test_every_module_is_loaded_ahead(page: Page) -> None:
    page.goto("/")
    page.locator(".dropzone").wait_for()
    ahead = page.locator("link[rel=modulepreload]").evaluate_all("links => links.map((link) => link.href)")
    modules = {path.name for path in (STATIC / "js").glob("*.js")} - {"main.js", "theme-early.js"}
    assert sorted(address.rpartition("/")[2] for address in ahead) == sorted(modules)


def test_the_policy_forbids_what_is_in_line(page: Page) -> None:
    response = page.goto("/")
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "unsafe" not in policy
    page.locator(".dropzone").wait_for()
    assert page.evaluate("document.querySelectorAll('script:not([src]), style, [style*=expression]').length") == 0
