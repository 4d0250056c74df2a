"""A whole video: stepped through from any entry, with a line over all of it, and anybody in any frame to search for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from browser.conftest import opened
from fake_predictor import BLUE, GREEN, RED, person, save_scene, scene
from gallery_server import serving, write_video
from sceneseek.inference import discover, frames_of
from web_world import World

LAST = 59
"""The place of the last searched frame; two strips before it and more lie between it and the first one."""


def moment_of(index: int) -> Any:
    """Red in the beginning, nobody in the middle, blue at the end."""
    return scene(*([person(RED, 0)] if index < 20 else [person(BLUE, 4)] if index > 100 else []))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("whole-video"))
    write_video(world.media / "long.mp4", map(moment_of, range(2 * (LAST + 1))), rate=2)
    save_scene(world.media / "nobody.png")
    save_scene(world.media / "red.png", person(RED, 2))
    save_scene(world.query, person(GREEN, 1))
    world.finder().index(list(discover([str(world.media)])), partial(frames_of, every_s=1.0), every_s=1.0)
    return world


@pytest.fixture(scope="module")
def address(world: World, browser: Browser) -> Iterator[str]:
    with serving(world.finder(), media_roots=(world.media,)) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with opened(browser, address) as page:
        yield page


def from_the_gallery(page: Page, name: str) -> Locator:
    page.goto("/?view=gallery")
    page.get_by_role("button", name=name, exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.locator(".scene-stage img").wait_for()
    return dialog


def at(dialog: Locator, place: int) -> None:
    """The frame of a place is the one shown."""
    expect(dialog.locator(".scrubber-words")).to_contain_text(f"frame {place + 1} of {LAST + 1}")
    expect(dialog.locator(".scene-stage img")).to_have_attribute("src", re.compile(rf"/{2 * place}/picture"))
    expect(dialog.locator(".scene-picture")).not_to_have_class(re.compile("coming"))


def test_a_video_is_stepped_through_from_its_first_frame_to_its_last(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/frames/" in request.url else None)
    dialog = from_the_gallery(page, "long.mp4")
    at(dialog, 0)
    expect(dialog.get_by_role("button", name="Frame before")).to_be_disabled()
    for _ in range(14):  # beyond what was ever shown around a frame
        page.keyboard.press("ArrowRight")
    at(dialog, 14)
    page.keyboard.press("PageDown")
    at(dialog, 24)
    page.keyboard.press("End")
    at(dialog, LAST)
    expect(dialog.get_by_role("button", name="Frame after")).to_be_disabled()
    page.keyboard.press("PageUp")
    at(dialog, LAST - 10)
    page.keyboard.press("Home")
    at(dialog, 0)
    line = dialog.get_by_role("slider", name="Place in the video")
    line.fill("30")
    at(dialog, 30)
    expect(line).to_have_attribute("aria-valuetext", "0:30 of 0:59, 0 people")
    assert dialog.locator(".scrubber-marks rect").count() == 10 + 9  # where people are
    assert dialog.locator(".strip li").count() < 14  # as many as there is room for
    dialog.locator(".strip").get_by_role("button", name="Frame at 0:31, 0 people").click()
    at(dialog, 31)
    page.keyboard.press("n")
    at(dialog, 51)
    page.keyboard.press("N")
    at(dialog, 9)
    page.reload()
    at(page.get_by_role("dialog"), 9)
    assert len(asked) < 160  # frames that are looked at, not all that there are


def test_anybody_in_any_frame_is_searched_for(page: Page) -> None:
    dialog = from_the_gallery(page, "long.mp4")
    page.keyboard.press("End")
    at(dialog, LAST)
    dialog.locator("button.box").click()
    with page.expect_request("**/api/search") as search:
        dialog.get_by_role("button", name="Search for this person").click()
    (example,) = search.value.post_data_json["examples"]
    assert example["detection_id"].endswith(f":{2 * LAST}:0")


def test_a_match_leads_to_the_rest_of_its_video(page: Page) -> None:
    page.goto("/?view=gallery")
    page.get_by_role("button", name="red.png", exact=True).click()
    page.get_by_role("dialog").locator("button.box").click()
    page.get_by_role("button", name="Search for this person").click()
    page.locator(".match", has_text="in the video").first.locator(".portrait").click()
    dialog = page.get_by_role("dialog")
    dialog.locator(".scene-stage img").wait_for()
    expect(dialog.locator(".outline.match")).to_have_count(1)
    for key, place in (("End", LAST), ("Home", 0)):
        page.keyboard.press(key)
        at(dialog, place)
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.closest('.match') !== null")


def test_somebody_whom_the_detector_missed_is_searched_for_in_any_scene(page: Page) -> None:
    dialog = from_the_gallery(page, "nobody.png")
    expect(dialog).to_contain_text("Nobody was found here")
    stage = dialog.locator(".stage").bounding_box()
    assert stage is not None
    scale = stage["width"] / 160
    page.mouse.move(stage["x"] + 60 * scale, stage["y"] + 20 * scale)
    page.mouse.down()
    page.mouse.move(stage["x"] + 80 * scale, stage["y"] + 70 * scale, steps=5)
    page.mouse.up()
    expect(dialog.get_by_role("heading", name="The box you drew")).to_be_visible()
    expect(dialog.locator(".handle")).to_have_count(8)
    with page.expect_response("**/api/search") as search:
        dialog.get_by_role("button", name="Search for this person").click()
    (example,) = search.value.request.post_data_json["examples"]
    assert (example["frame_index"], [round(v) for v in example["box"]]) == (0, [60, 20, 80, 70])
    assert search.value.status == 200
    page.locator(".match").first.wait_for()
    assert "nobody.png" not in page.locator(".matches").inner_text()
    expect(page.locator(".example image")).to_have_count(1)
    page.reload()  # the address holds it
    page.locator(".match").first.wait_for()
    dialog = from_the_gallery(page, "long.mp4")
    page.keyboard.press("PageDown")
    at(dialog, 10)
    page.keyboard.press("b")
    with page.expect_request("**/api/search") as search:
        page.keyboard.press("Enter")
    assert search.value.post_data_json["examples"][0]["frame_index"] == 20


def test_pictures_that_are_gone_have_words(page: Page) -> None:
    gone = {"error": {"message": "The file is no longer where it was indexed.", "found": None, "expected": None}}
    page.route("**/picture*", lambda route: route.fulfill(status=410, json=gone))
    page.goto("/?view=gallery")
    expect(page.locator(".medium .preview-small").first).to_have_text("picture gone")
    page.get_by_role("button", name="long.mp4", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".notice")).to_contain_text("no longer where it was indexed")
    expect(dialog.locator(".strip button").first).to_contain_text("picture gone")
