"""The answer: how far to trust it, marks, filters, and every way in which there is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import change_answer, judge, search_red
from sceneseek.structures import Standing
from web_world import World

CLAIMS = re.compile(
    r"\b(identified|identification|identity of|is the person|same person found|proven|(confirmed|positive) match)\b",
    re.IGNORECASE,
)


def judged(standings: Sequence[Standing], rates: Sequence[float | None] = ()) -> Any:
    return lambda document: judge(document, standings, rates)


def test_rates_are_words_and_counted_steps(page: Page, world: World) -> None:
    change_answer(page, judged(["likely", *["possible"] * 19], [1e-6, 1 / 2400, 0.2]))
    search_red(page, world)
    expect(page.get_by_role("heading", level=1)).to_have_text("1 likely match")
    cards = page.locator(".match")
    expect(cards.nth(0).locator(".trust .word")).to_have_text("Likely")
    expect(cards.nth(0).locator(".steps i.on")).to_have_count(5)
    expect(cards.nth(1)).to_contain_text("1 in 2,400 strangers")
    expect(cards.nth(1).locator(".steps i.on")).to_have_count(3)
    words = "Possible. 1 in 2,400 strangers scores this high: 3 of 5 steps."
    expect(cards.nth(1).get_by_role("img", name=words)).to_be_visible()
    expect(cards.nth(2).locator(".steps i.on")).to_have_count(1)
    cards.nth(1).locator(".portrait").click()
    scene = page.get_by_role("dialog")
    expect(scene).to_contain_text("0.4 other people expected this high (0.1 to 1).")
    expect(scene).to_contain_text("judged by strangers seen together in this folder; 1 in 7,200 to 1 in 800.")


def test_there_are_three_answers(page: Page, world: World) -> None:
    change_answer(page, judged(["distant"] * 20, [0.4, 0.5, 0.7]))
    search_red(page, world)
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing close")
    expect(page.locator(".results .notice")).to_contain_text("less like your query than 19 of 20 people here")
    expect(page.locator(".match").first).to_contain_text("Not close")
    expect(page.locator("#announcer")).to_have_text("Nothing close")
    page.unroute_all(behavior="ignoreErrors")
    change_answer(page, judged(["possible"] * 20, [0.02, 0.03]))
    search_red(page, world)
    expect(page.get_by_role("heading", level=1)).to_have_text("Possible: look at these")
    expect(page.locator(".results .notice")).to_contain_text("No match is certain")


def test_rates_that_are_not_known_are_said_once(page: Page, world: World) -> None:
    search_red(page, world)
    expect(page.get_by_role("heading", level=1)).to_have_text("Possible: look at these")
    expect(page.locator(".results .notice")).to_contain_text("How often strangers score this high is not known")
    expect(page.locator(".match .trust").first).to_have_text("Possible")
    expect(page.locator(".match .steps")).to_have_count(0)


def test_quality_is_flagged_in_words(page: Page, world: World) -> None:
    def change(document: dict[str, Any]) -> None:
        document["matches"][0]["flags"] = ["small", "cut"]

    change_answer(page, change)
    search_red(page, world)
    expect(page.locator(".match").first.locator(".chip")).to_have_text(["small", "cut"])


def test_names_of_strangers_are_text_and_nothing_else(page: Page, world: World) -> None:
    def change(document: dict[str, Any]) -> None:
        document["matches"][0] |= {"name": "<img src=x onerror=alert(1)>.jpg", "camera_id": "<b>door</b>"}

    change_answer(page, change)
    search_red(page, world)
    expect(page.locator(".match").first).to_contain_text("<b>door</b>")
    expect(page.locator(".match").first).to_contain_text("<img src=x onerror=alert(1)>.jpg")


def test_marks_are_used_when_asked_again(page: Page, world: World) -> None:
    search_red(page, world)
    cards = page.locator(".match")
    right, wrong = (str(cards.nth(i).get_attribute("data-detection")) for i in (0, 2))
    cards.nth(0).get_by_role("button", name="Mark match 1 right").click()
    cards.nth(2).get_by_role("button", name="Mark match 3 wrong").click()
    expect(page.locator(".again-bar")).to_contain_text("Marked: 1 right, 1 wrong")
    expect(cards.nth(0).get_by_role("button", name="Mark match 1 right")).to_have_attribute("aria-pressed", "true")
    with page.expect_request("**/api/search") as search:
        page.get_by_role("button", name="Search again").click()
    body = search.value.post_data_json
    assert body["examples"][1:] == [{"detection_id": right}]
    assert body["counter_examples"] == [{"detection_id": wrong}]
    expect(page.locator(".again-bar")).to_have_count(0)
    expect(page.locator(".example.counter")).to_have_count(1)
    # Neither is an answer to the new question; the right one stands apart.
    expect(page.locator("[data-pinned]")).to_have_attribute("data-pinned", right)
    shown = {card.get_attribute("data-detection") for card in page.locator(".match").all()}
    assert not {right, wrong} & shown
    page.get_by_role("button", name="Remove the example in").click()
    expect(page.locator(".pinned")).to_have_count(0)
    expect(page.locator(f'.match[data-detection="{right}"]')).to_have_count(1)


def test_keys_walk_mark_and_search_again(page: Page, world: World) -> None:
    search_red(page, world)
    page.keyboard.press("j")
    expect(page.locator("#match-0")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("#match-1")).to_be_focused()
    page.keyboard.press("w")
    expect(page.locator("#match-1")).to_have_class(re.compile("wrong"))
    expect(page.locator("#match-1")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("r")
    expect(page.locator("#match-0")).to_have_class(re.compile("right"))
    with page.expect_request("**/api/search"):
        page.keyboard.press("s")
    expect(page.locator(".again-bar")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Help and keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    with page.expect_file_chooser():
        page.keyboard.press("/")


def test_filters_are_asked_for_and_remembered(page: Page, world: World) -> None:
    search_red(page, world)
    with page.expect_request("**/api/search") as search:
        page.get_by_role("checkbox", name="door").check()
    assert search.value.post_data_json["cameras"] == ["door"]
    with page.expect_request("**/api/search") as search:
        page.get_by_role("checkbox", name="Hide low quality").check()
    assert sorted(search.value.post_data_json["exclude_flags"]) == ["blurred", "cut", "small", "unsure"]
    with page.expect_request("**/api/search") as search:
        page.get_by_role("slider", name="Detector score").fill("0.6")
    assert search.value.post_data_json["min_score"] == pytest.approx(0.6)
    assert {"camera=door", "hide=blurred", "score=0.6"} <= set(page.url.partition("?")[2].split("&"))
    page.reload()
    expect(page.get_by_role("checkbox", name="door")).to_be_checked()
    with page.expect_request("**/api/search") as search:
        page.get_by_role("button", name="Clear", exact=True).click()
    assert not {"cameras", "min_score", "exclude_flags"} & set(search.value.post_data_json)


def test_times_are_asked_for_in_the_readers_zone(page: Page, world: World) -> None:
    search_red(page, world)
    field = page.get_by_label("Seen after")
    with page.expect_request("**/api/search") as search:
        field.fill("2026-05-04T12:30:00")
        field.blur()
    assert search.value.post_data_json["after"] == "2026-05-04T10:30:00.000Z"  # the browser is set to Berlin


def test_filters_that_leave_nobody(page: Page, world: World) -> None:
    change_answer(page, lambda document: document.update(matches=[], num_likely=0, standing=None))
    search_red_without_answer(page, world)
    expect(page.locator(".empty")).to_contain_text("The gallery holds nobody to compare with")
    page.get_by_role("checkbox", name="yard").check()
    expect(page.locator(".empty")).to_contain_text("Nobody was seen under these filters")
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.get_by_role("checkbox", name="yard")).not_to_be_checked()


def search_red_without_answer(page: Page, world: World) -> None:
    from browser.conftest import choose_picture

    page.goto("/")
    choose_picture(page, world.query)
    page.locator(".stage button.box").first.click()


def test_a_failed_search_can_be_tried_again(page: Page, world: World) -> None:
    failing = True

    def through(route: Any) -> None:
        if failing:
            error = {"message": "Too many questions wait.", "found": "33", "expected": "at most 32"}
            route.fulfill(status=503, json={"error": error})
        else:
            route.continue_()

    page.route("**/api/search", through)
    search_red_without_answer(page, world)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Too many questions wait. Found: 33. Expected: at most 32.")
    failing = False
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator(".match").first).to_be_visible()


def test_a_server_that_is_gone_is_said(page: Page, world: World) -> None:
    search_red(page, world)
    page.route("**/api/search", lambda route: route.abort())
    page.get_by_role("checkbox", name="door").check()
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")


def test_a_gallery_that_cannot_be_reached_is_said(page: Page) -> None:
    page.route("**/api/gallery", lambda route: route.abort())
    page.goto("/")
    expect(page.get_by_role("alert")).to_contain_text("The gallery cannot be reached")
    page.unroute("**/api/gallery")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Who are you looking for?")


def test_no_word_says_that_a_match_is_an_identification(page: Page, world: World) -> None:
    change_answer(page, judged(["likely", *["possible"] * 19], [1e-7, 1e-3, 0.2]))
    search_red(page, world)
    seen = [page.locator("body").inner_text()]
    page.locator(".match .portrait").first.click()
    seen.append(page.get_by_role("dialog").inner_text())
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    seen.append(page.get_by_role("dialog").inner_text())
    assert not CLAIMS.search("\n".join(seen))
    assert "A match is a resemblance" in seen[0]
    assert CLAIMS.search("This person was identified.")  # the check can fail


def test_a_report_is_saved(page: Page, world: World) -> None:
    search_red(page, world)
    page.locator(".match").first.get_by_role("button", name="Mark match 1 right").click()
    page.get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog", name="Export a report")
    expect(dialog.get_by_role("radio", name="Marked right (1)")).to_be_checked()
    dialog.get_by_role("radio", name="Table (CSV)").check()
    with page.expect_download() as download, page.expect_request("**/api/reports") as request:
        dialog.get_by_role("button", name="Save").click()
    asked = request.value.post_data_json
    assert (asked["format"], asked["blur"], len(asked["detection_ids"])) == ("csv", True, 1)
    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert download.value.suggested_filename.endswith(".csv")
    assert sum(asked["detection_ids"][0] in line for line in lines) == 1
    expect(dialog).to_have_count(0)
