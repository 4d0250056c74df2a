"""The scene of a match: who is outlined, the frames before and after, the clip, and the way back."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from browser.conftest import search_red
from web_world import World


def open_video_match(page: Page, world: World) -> None:
    search_red(page, world)
    page.locator(".match", has_text="in the video").first.locator(".portrait").click()
    page.locator(".scene-stage img").wait_for()


def test_the_match_is_outlined_and_the_rest_dimmed(page: Page, world: World) -> None:
    search_red(page, world)
    page.locator(".match", has_text="2.png").first.locator(".portrait").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".outline.match")).to_have_count(1)
    expect(dialog.locator(".outline.other")).to_have_count(1)
    expect(dialog.locator(".veil")).to_have_count(1)
    assert dialog.locator(".scene-stage img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 160
    box = dialog.locator(".outline.match .line")
    assert (box.get_attribute("x"), box.get_attribute("width")) == ("98", "16")
    dialog.get_by_role("switch", name="Dim others").uncheck()
    expect(dialog.locator(".veil")).to_have_count(0)
    dialog.get_by_role("switch", name="Dim others").check()


def test_arrows_step_through_frames_and_escape_returns_to_the_card(page: Page, world: World) -> None:
    open_video_match(page, world)
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".strip li")).to_have_count(6)  # 12 frames at 2 a second, one looked at each second
    before = dialog.locator(".scene-stage img").get_attribute("src")
    forward = dialog.get_by_role("button", name="Frame after").is_enabled()
    page.keyboard.press("ArrowRight" if forward else "ArrowLeft")
    expect(dialog.locator(".scene-stage img")).not_to_have_attribute("src", str(before))
    expect(dialog.locator(".strip [aria-current]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert "scene=" not in page.url
    assert page.evaluate("document.activeElement.closest('.match') !== null")


def test_the_address_of_a_scene_opens_it(page: Page, world: World) -> None:
    open_video_match(page, world)
    assert "scene=" in page.url
    page.reload()
    expect(page.get_by_role("dialog").locator(".scene-stage img")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_j_and_k_go_from_match_to_match_and_r_marks(page: Page, world: World) -> None:
    search_red(page, world)
    page.locator(".match .portrait").first.click()
    title = page.get_by_role("dialog").get_by_role("heading", level=2)
    expect(title).to_have_text("Match 1")
    page.keyboard.press("j")
    expect(title).to_have_text("Match 2")
    page.keyboard.press("r")
    expect(page.get_by_role("dialog").get_by_role("button", name="Right", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    page.keyboard.press("k")
    expect(title).to_have_text("Match 1")


def test_the_clip_plays(page: Page, world: World) -> None:
    open_video_match(page, world)
    with page.expect_response("**/clip?*") as clip:
        page.keyboard.press("p")
    assert clip.value.status == 206, "browsers ask for a video by its bytes"
    assert clip.value.headers["content-type"] == "video/mp4"
    video = page.locator(".scene-stage video")
    video.evaluate("video => video.readyState >= 2 || new Promise((done) => { video.onloadeddata = done; })")
    assert video.evaluate("video => video.videoWidth") == 160
    page.get_by_role("button", name="Back to the frame").click()
    expect(page.locator(".scene-stage img")).to_be_visible()


def test_a_picture_that_is_gone_is_said_with_the_reason(page: Page, world: World) -> None:
    gone = {"error": {"message": "The file is no longer where it was indexed.", "found": None, "expected": None}}
    page.route("**/picture*", lambda route: route.fulfill(status=410, json=gone))
    search_red(page, world)
    page.locator(".match .portrait").first.click()
    expect(page.get_by_role("dialog").locator(".notice")).to_contain_text("no longer where it was indexed")


def test_somebody_else_in_the_scene_can_be_searched(page: Page, world: World) -> None:
    search_red(page, world)
    page.locator(".match", has_text="1.png").first.locator(".portrait").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("button.box[aria-pressed=false]").first.click()
    with page.expect_request("**/api/search") as search:
        dialog.get_by_role("button", name="Search for this person").click()
    assert set(search.value.post_data_json["examples"][0]) == {"detection_id"}
    expect(dialog).to_have_count(0)
    expect(page.locator(".example")).to_have_count(1)


def test_small_scenes_come_on_demand(page: Page, world: World) -> None:
    search_red(page, world)
    expect(page.locator(".scene-small")).to_have_count(0)
    page.get_by_role("switch", name="Scenes").check()
    small = page.locator(".scene-small").first
    expect(small.locator(".outline")).to_have_count(1)
    assert small.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
