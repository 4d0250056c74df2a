"""From a picture to an answer: choosing, drawing, pasting, dropping, and the address that remembers it."""

from __future__ import annotations

import base64
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from browser.conftest import choose_person, choose_picture, opened, search_red
from web_world import World


def crops(page: Page) -> list[str]:
    return [str(card.get_attribute("data-detection")) for card in page.locator(".match").all()]


def test_a_picture_a_person_an_answer(page: Page, world: World) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Who are you looking for?")
    choose_picture(page, world.query)
    expect(page.locator(".stage button.box")).to_have_count(2)
    expect(page.locator(".stage .outline")).to_have_count(2)
    choose_person(page, 1)
    first = page.locator(".match").first
    expect(first).to_contain_text("Similarity 1.000")
    expect(first.locator("img")).to_have_js_property("complete", True)
    assert first.locator("img").evaluate("image => image.naturalWidth") > 0
    expect(page.locator("#announcer")).not_to_be_empty()


def test_the_address_brings_the_same_answer_back(page: Page, world: World) -> None:
    search_red(page, world)
    before = crops(page)
    assert "like=p" in page.url
    page.reload()
    page.locator(".match").first.wait_for()
    assert crops(page) == before
    expect(page.locator(".example svg image")).to_have_count(1)


def test_back_returns_to_the_start_and_forward_to_the_answer(page: Page, world: World) -> None:
    search_red(page, world)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Who are you looking for?")
    page.go_forward()
    expect(page.locator(".match").first).to_be_visible()


def test_a_query_picture_that_expired_is_said(page: Page) -> None:
    page.goto("/?like=p%3AAAAAAAAAAAAAAAAAAAAAAA%3A0")
    expect(page.get_by_role("heading", level=1)).to_have_text("Who are you looking for?")
    expect(page.locator("#toasts")).to_contain_text("no longer kept")
    assert "like" not in page.url


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one point of the picture to another, in its pixels."""
    stage = page.locator(".stage").bounding_box()
    assert stage is not None
    scale = stage["width"] / 160
    page.mouse.move(stage["x"] + start[0] * scale, stage["y"] + start[1] * scale)
    page.mouse.down()
    middle = [(a + b) / 2 for a, b in zip(start, end, strict=True)]
    for x, y in (middle, end):
        page.mouse.move(stage["x"] + x * scale, stage["y"] + y * scale, steps=3)
    page.mouse.up()


def asked_box(page: Page) -> list[int]:
    """Search for the box, and say which one was asked for."""
    with page.expect_request("**/api/search") as search:
        page.get_by_role("button", name="Search for this box").click()
    (example,) = search.value.post_data_json["examples"]
    return [round(value) for value in example["box"]]


def test_a_box_is_drawn_moved_and_resized_and_searched_for_by_a_button(page: Page, world: World) -> None:
    asked: list[object] = []
    page.on("request", lambda request: asked.append(request) if request.url.endswith("/api/search") else None)
    page.goto("/")
    choose_picture(page, world.query)
    before = page.locator(".stage").bounding_box()
    drag(page, (40, 20), (52, 60))
    expect(page.locator(".rubber")).to_be_visible()
    assert page.locator(".stage").bounding_box() == before  # nothing has moved under the hand
    drag(page, (46, 40), (48, 41))  # the whole box
    drag(page, (54, 61), (58, 71))  # its lower right corner
    drag(page, (42, 46), (36, 46))  # its left side
    assert not asked  # letting go asks for nothing
    assert asked_box(page) == [36, 21, 58, 71]
    expect(page.locator(".match").first).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Draw a box").wait_for()
    drag(page, (5, 5), (20, 10))
    expect(page.locator("#announcer")).to_contain_text("too small")
    expect(page.get_by_role("button", name="Search for this box")).to_have_count(0)


def test_a_box_is_drawn_with_keys(page: Page, world: World) -> None:
    page.goto("/")
    choose_picture(page, world.query)
    page.get_by_role("button", name="Draw a box").press("Enter")
    frame = page.locator(".rubber")
    expect(frame).to_be_focused()
    before = frame.bounding_box()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    after = frame.bounding_box()
    assert before is not None
    assert after is not None
    assert after["x"] < before["x"]
    assert after["height"] > before["height"]
    page.keyboard.press("Control+ArrowLeft")
    finer = frame.bounding_box()
    assert finer is not None
    assert 0 < after["x"] - finer["x"] < before["x"] - after["x"]
    page.keyboard.press("Escape")
    expect(frame).to_be_hidden()
    page.get_by_role("button", name="Draw a box").press("Enter")
    with page.expect_request("**/api/search") as search:
        page.keyboard.press("Enter")
    assert search.value.post_data_json["examples"][0]["box"]


def test_a_crowd_is_zoomed_and_moved(page: Page, world: World) -> None:
    page.goto("/")
    choose_picture(page, world.query)
    look, stage = page.locator(".look"), page.locator(".stage")
    width = stage.evaluate("stage => stage.clientWidth")
    expect(page.get_by_role("button", name="Zoom out")).to_be_disabled()
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    assert abs(stage.evaluate("stage => stage.clientWidth") - 3 * width) <= 3
    left = look.evaluate("look => look.scrollLeft")
    assert left > 0  # the middle stays in the middle
    area = look.bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + 60, area["y"] + 60)
    page.mouse.down()
    page.mouse.move(area["x"] + 160, area["y"] + 60, steps=4)
    page.mouse.up()
    assert abs(look.evaluate("look => look.scrollLeft") - (left - 100)) <= 1
    expect(page.locator(".rubber")).to_be_hidden()  # a drag moves the picture here
    page.keyboard.press("b")
    box = page.locator(".rubber").bounding_box()
    assert box is not None
    assert area["x"] < box["x"] < box["x"] + box["width"] < area["x"] + area["width"]  # where one looks
    page.keyboard.press("0")
    assert stage.evaluate("stage => stage.clientWidth") == width


def test_the_picker_has_an_address(page: Page, world: World) -> None:
    page.goto("/?view=gallery")
    page.locator(".medium").first.wait_for()
    page.goto("/")
    choose_picture(page, world.query)
    page.reload()
    expect(page.locator(".stage button.box")).to_have_count(2)
    page.go_back()
    expect(page.locator(".dropzone")).to_be_visible()
    page.go_forward()
    expect(page.locator(".stage button.box")).to_have_count(2)
    choose_person(page, 1)
    page.get_by_role("button", name="Choose another person in this picture").click()
    with page.expect_request("**/api/search") as search:
        choose_person(page, 3)
    assert len(search.value.post_data_json["examples"]) == 1  # another one, not one more


def test_a_problem_is_not_told_any_longer_than_it_lasts(page: Page, world: World, tmp_path: Path) -> None:
    (tmp_path / "who.png").write_text("not a picture")
    page.clock.install()  # no message goes by itself
    page.goto("/")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files(tmp_path / "who.png")
    expect(page.locator("#toasts .toast")).to_have_count(1)
    choose_picture(page, world.query)
    expect(page.locator("#toasts .toast")).to_have_count(0)


def test_a_finger_chooses_a_person(browser: Browser, address: str, world: World) -> None:
    with opened(browser, address, has_touch=True, viewport={"width": 400, "height": 800}) as page:
        page.goto("/")
        choose_picture(page, world.query)
        page.locator(".stage button.box").first.tap()
        expect(page.locator(".match").first).to_be_visible()


def give(page: Page, picture: Path, how: str) -> None:
    """Drop or paste a file, as the browser would tell the page of it."""
    page.evaluate(
        """([encoded, how]) => {
            const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "who.png", { type: "image/png" }));
            const event = how === "drop"
                ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
                : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
            document.getElementById("main").dispatchEvent(event);
        }""",
        [base64.b64encode(picture.read_bytes()).decode(), how],
    )


def test_pictures_are_dropped_and_pasted(page: Page, world: World) -> None:
    for how in ("drop", "paste"):
        page.goto("/")
        page.get_by_role("heading", level=1).wait_for()
        give(page, world.query, how)
        expect(page.locator(".stage button.box")).to_have_count(2)


def test_what_is_no_picture_is_refused_in_words(page: Page, tmp_path: Path) -> None:
    (tmp_path / "who.png").write_text("not a picture")
    page.goto("/")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files(tmp_path / "who.png")
    expect(page.locator("#toasts .toast")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Who are you looking for?")


def test_nobody_found_asks_for_a_box(page: Page, tmp_path: Path) -> None:
    from fake_predictor import save_scene

    page.goto("/")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files(save_scene(tmp_path / "empty.png"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Nobody was found in this picture")
    expect(page.locator(".picker")).to_contain_text("Draw a box around the person")


def test_a_second_picture_is_one_more_view(page: Page, world: World) -> None:
    search_red(page, world)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add a picture").click()
    chooser.value.set_files(world.media / "door" / "2.png")
    with page.expect_request("**/api/search") as search:
        choose_person(page, 3)
    assert len(search.value.post_data_json["examples"]) == 2
    expect(page.locator(".example")).to_have_count(2)
    with page.expect_request("**/api/search") as search:
        page.get_by_role("button", name="Remove this example").first.click()
    assert len(search.value.post_data_json["examples"]) == 1
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Who are you looking for?")


def test_somebody_of_the_gallery_is_picked(page: Page) -> None:
    page.goto("/?view=gallery")
    page.get_by_role("button", name="Look through 1.png and pick a person").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("button.box").first.click()
    with page.expect_request("**/api/search") as search:
        dialog.get_by_role("button", name="Search for this person").click()
    assert set(search.value.post_data_json["examples"][0]) == {"detection_id"}
    expect(page.locator(".match").first).to_be_visible()
    expect(dialog).to_be_hidden()


def test_of_several_dropped_pictures_the_others_are_named(page: Page) -> None:
    page.goto("/")
    given = page.evaluate_handle(
        """() => {
            const data = new DataTransfer();
            for (const name of ["a.png", "b.png", "c.png"]) data.items.add(new File(["x"], name, {type: "image/png"}));
            return data;
        }"""
    )
    page.dispatch_event("main", "drop", {"dataTransfer": given})
    expect(page.locator(".toast", has_text="One picture at a time")).to_contain_text("a.png was taken, the other 2 not")
