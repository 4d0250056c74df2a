"""Back, forward, reload, undo, and the questions of this session: no answer is lost by asking on."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from browser.conftest import choose_person, choose_picture, search_red
from web_world import World


def shown(page: Page) -> list[str]:
    """The matches, once the answer to the question in the address is there."""
    expect(page.locator("section.results")).to_have_attribute("aria-busy", "false")
    return [str(card.get_attribute("data-detection")) for card in page.locator(".match").all()]


def searched(page: Page, press: str) -> None:
    """Do what asks a new question, and wait for its answer."""
    with page.expect_response("**/api/search"):
        page.get_by_role("button", name=press, exact=True).click()


def test_back_after_search_again_returns_to_the_ranking_and_its_marks(page: Page, world: World) -> None:
    search_red(page, world)
    first = shown(page)
    page.get_by_role("button", name="Mark match 1 right").click()
    page.get_by_role("button", name="Mark match 3 wrong").click()
    assert {"right=", "wrong="} <= {part[: part.index("=") + 1] for part in page.url.partition("?")[2].split("&")}
    searched(page, "Search again")
    expect(page.locator(".example")).to_have_count(3)
    second = shown(page)
    assert second != first
    for step in ("back", "forward", "reload", "back", "reload"):
        with page.expect_response("**/api/search"):
            {"back": page.go_back, "forward": page.go_forward, "reload": page.reload}[step]()
        expect(page.locator(".example")).to_have_count(1 if marked(page) else 3)
        assert shown(page) == (first if marked(page) else second)
        if marked(page):
            expect(page.locator(".again-bar")).to_contain_text("Marked: 1 right, 1 wrong")
            expect(page.locator(".match.right")).to_have_attribute("data-detection", first[0])
            expect(page.locator(".match.wrong")).to_have_attribute("data-detection", first[2])


def marked(page: Page) -> bool:
    """Whether the address holds marks that were not searched with yet."""
    return "right=" in page.url


def test_back_returns_to_the_answer_before_a_filter_an_order_and_a_removal(page: Page, world: World) -> None:
    search_red(page, world)
    answers = [shown(page)]
    with page.expect_response("**/api/search"):
        page.get_by_role("checkbox", name="door").check()
    answers.append(shown(page))
    page.get_by_text("Ranking", exact=True).click()
    with page.expect_response("**/api/search"):
        page.get_by_role("combobox", name="One match for each").select_option("detection")
    answers.append(shown(page))
    for before in reversed(answers[:-1]):
        with page.expect_response("**/api/search"):
            page.go_back()
        assert shown(page) == before


def test_marks_are_undone_one_by_one(page: Page, world: World) -> None:
    search_red(page, world)
    page.get_by_role("button", name="Mark match 1 right").click()
    page.get_by_role("button", name="Mark match 1 wrong").click()
    page.get_by_role("button", name="Mark match 2 right").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#match-1")).not_to_have_class(re.compile("right"))
    page.keyboard.press("Control+z")
    expect(page.locator("#match-0")).to_have_class(re.compile("right"))
    expect(page.locator("#announcer")).to_have_text("Match 1 is marked right again.")
    page.keyboard.press("u")
    expect(page.locator(".again-bar")).to_have_count(0)
    page.locator(".match .portrait").first.click()
    page.locator(".scene-stage img").wait_for()
    page.keyboard.press("w")
    wrong = page.get_by_role("dialog").get_by_role("button", name="Wrong", exact=True)
    expect(wrong).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Control+z")
    expect(wrong).to_have_attribute("aria-pressed", "false")


def test_earlier_questions_are_a_click_away(page: Page, world: World) -> None:
    search_red(page, world)
    first = shown(page)
    panel = page.locator("details", has_text="Earlier questions")
    expect(panel).to_be_hidden()
    page.get_by_role("button", name="Mark match 2 right").click()
    searched(page, "Search again")
    page.get_by_text("Earlier questions").click()
    expect(panel.get_by_role("listitem")).to_have_count(1)
    page.reload()
    page.locator(".match").first.wait_for()
    page.get_by_text("Earlier questions").click()
    entry = panel.get_by_role("button", name="1 example")
    expect(entry).to_contain_text(f"{len(first)} matches")
    with page.expect_response("**/api/search"):
        entry.click()
    assert shown(page) == first
    expect(panel.get_by_role("button", name="2 examples")).to_be_visible()
    panel.get_by_role("button", name="Clear the list").click()
    expect(panel).to_be_hidden()


def test_the_own_picture_is_never_a_match(page: Page, world: World) -> None:
    """The query picture lies in the gallery, and a match of the video is marked right."""
    page.goto("/")
    choose_picture(page, world.media / "door" / "1.png")
    choose_person(page, 0)
    own = page.locator(".match", has_text="1.png")
    expect(own).to_have_count(0)
    film = page.locator(".match", has_text="in the video")
    number = film.count()
    film.first.get_by_role("button", name=re.compile("right$")).click()
    searched(page, "Search again")
    page.locator(".pinned").wait_for()
    expect(own).to_have_count(0)
    expect(film).to_have_count(number - 1)  # its whole sighting stands apart
    page.get_by_role("button", name="Open the scene of the example in walk.mp4").click()
    expect(page.get_by_role("dialog").locator(".scene-stage img")).to_be_visible()


def test_an_earlier_question_brings_its_picture_back_after_a_reload(page: Page, world: World) -> None:
    search_red(page, world)
    first = shown(page)
    page.locator(".match .portrait").first.click()
    page.get_by_role("dialog").locator("button.box[aria-pressed=false]").first.click()
    page.get_by_role("button", name="Search for this person").click()
    expect(page.locator(".pinned")).to_be_visible()
    page.reload()  # the query picture of the question before is not known to the page any more
    page.locator(".match").first.wait_for()
    page.get_by_text("Earlier questions").click()
    with page.expect_response("**/api/search"):
        page.locator(".earlier-open").click()
    expect(page.locator(".example svg image")).to_have_count(1)
    assert shown(page) == first
