"""A server that asks why somebody searches."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from browser.conftest import choose_picture, opened
from gallery_server import serving
from sceneseek.gallery import AuditLog
from web_world import World


def test_the_page_asks_why_and_sends_it(browser: Browser, world: World) -> None:
    finder = world.finder()
    with serving(finder, reasons=True) as address, opened(browser, address) as page:
        page.goto("/")
        choose_picture(page, world.query)
        page.locator(".stage button.box").first.click()
        expect(page.get_by_text("a search says why it is made").first).to_be_visible()
        field = page.get_by_label("Reason for the search")
        field.fill("the missing bicycle")
        field.press("Enter")
        page.locator(".match").first.wait_for()
        page.reload()
        page.locator(".match").first.wait_for()
        expect(page.get_by_label("Reason for the search")).to_have_value("the missing bicycle")
    searches = [entry for entry in AuditLog(finder.gallery.path).entries() if entry.action == "search"]
    assert searches[-1].details["reason"] == "the missing bicycle"
