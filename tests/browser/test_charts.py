"""Timeline and camera map: the right places, walked through with keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import change_answer, judge, search_red
from web_world import World

NOON = datetime.fromisoformat("2026-05-04T10:00:00+00:00")  # in Berlin


def seen_at(minutes: list[int]) -> Any:
    """Give the first matches times on the wall; the others lose theirs."""

    def change(document: dict[str, Any]) -> None:
        judge(document, ["likely", "likely", *["possible"] * 18])
        for match, minute in zip(document["matches"], [*minutes, *[None] * 50], strict=False):
            match["captured_at"] = None if minute is None else (NOON + timedelta(minutes=minute)).isoformat()
            match["time_s"] = match["sighting"] = None
        document["matches"][0] |= {
            "time_s": 30.0,
            "camera_id": "2",
            "sighting": {"tracklet_id": "7", "start_s": 20.0, "end_s": 52.0, "num_detections": 33},
        }

    return change


def test_a_sighting_is_told_from_when_to_when_and_where(page: Page, world: World) -> None:
    change_answer(page, seen_at([0, 10]))
    search_red(page, world)
    first = page.locator(".match").first
    expect(first).to_contain_text("11:59:50 to 12:00:22")
    expect(first).to_contain_text("camera 2 · 4 May 2026")


def test_the_timeline_places_sightings_in_time(page: Page, world: World) -> None:
    change_answer(page, seen_at([0, 60, 30]))
    search_red(page, world)
    page.get_by_role("button", name="Timeline").click()
    points = page.locator(".chart .point")
    expect(points).to_have_count(3)
    x = [box["x"] + box["width"] / 2 for box in (dot.bounding_box() for dot in points.locator(".dot").all()) if box]
    assert x == sorted(x)  # drawn in time order
    assert (x[1] - x[0]) / (x[2] - x[0]) == pytest.approx(0.5, abs=0.02)
    expect(page.locator(".timeline h2")).to_contain_text("4 May 2026")
    expect(page.locator(".timeline")).to_contain_text("have no time on the clock")
    expect(page.locator(".story-row")).to_have_count(3)
    expect(page.locator(".legend")).to_contain_text("Possible")
    assert "show=timeline" in page.url


def test_a_drag_restricts_the_time(page: Page, world: World) -> None:
    change_answer(page, seen_at([0, 60, 30]))
    search_red(page, world)
    page.get_by_role("button", name="Timeline").click()
    first, middle = (page.locator(".chart .dot").nth(i).bounding_box() for i in (0, 1))
    assert first is not None
    assert middle is not None
    page.mouse.move(first["x"] - 10, first["y"] + 60)
    page.mouse.down()
    with page.expect_request("**/api/search") as search:
        page.mouse.move(middle["x"], first["y"] + 60, steps=4)
        page.mouse.up()
    asked = search.value.post_data_json
    assert asked["after"] < "2026-05-04T10:00" < asked["before"] < "2026-05-04T10:30:00"
    expect(page.get_by_label("Seen after")).not_to_have_value("")


def test_keys_walk_through_the_map_and_open_a_scene(page: Page, world: World) -> None:
    change_answer(page, seen_at([0, 60, 30]))
    search_red(page, world)
    page.get_by_role("button", name="Cameras", exact=True).click()
    points = page.locator(".chart .point")
    expect(points).to_have_count(3)
    assert page.locator(".chart .row").count() >= 1
    points.nth(0).focus()
    page.keyboard.press("ArrowRight")
    expect(points.nth(1)).to_be_focused()
    expect(page.locator(".pointed")).to_contain_text("12:30:00")
    page.keyboard.press("End")
    expect(points.nth(2)).to_be_focused()
    assert [point.get_attribute("tabindex") for point in points.all()] == ["-1", "-1", "0"]
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").locator(".scene-stage")).to_be_visible()


def test_without_times_there_is_nothing_to_draw_and_it_is_said(page: Page, world: World) -> None:
    def change(document: dict[str, Any]) -> None:
        for match in document["matches"]:
            match["captured_at"] = match["time_s"] = match["sighting"] = None

    change_answer(page, change)
    search_red(page, world)
    page.get_by_role("button", name="Timeline").click()
    expect(page.locator(".empty")).to_contain_text("No match carries a time")
