"""The page for everybody: contrast computed, names on everything, no sideways scrolling at 360 pixels, dark and still."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import change_answer, opened, search_red
from sceneseek.web.app import STATIC
from web_world import World

CONTRAST = """() => {
    const parse = (text) => {
        const numbers = text.match(/-?[\\d.]+(e-?\\d+)?/g).map(Number);
        const [r, g, b] = text.startsWith("color(") ? numbers.map((v) => v * 255) : numbers;
        return [r, g, b, numbers[3] ?? 1];
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((v, i) => v * a + below[i] * (1 - a));
    const light = (rgb) => rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
    /* What lies behind: all layers down to an opaque one. Over a picture the worst of black and white counts. */
    const behind = (element) => {
        const layers = [];
        for (let at = element; at; at = at.parentElement) {
            const style = getComputedStyle(at);
            const layer = parse(style.backgroundColor);
            if (layer[3] > 0) layers.push(layer);
            if (layer[3] === 1) return [layers.reduceRight((below, one) => over(one, below), [0, 0, 0])];
            if (style.backgroundImage !== "none") return [];
            if (style.position === "absolute" && at.parentElement.querySelector(":scope > img")) break;
        }
        return [[0, 0, 0], [255, 255, 255]].map((ground) => layers.reduceRight((below, one) => over(one, below), ground));
    };
    const shown = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && !element.closest(".unseen, :disabled, .skip");
    const scope = [...document.querySelectorAll("dialog[open]")].pop() ?? document.body;
    const problems = [];
    let count = 0;
    const judge = (element, colour, words) => {
        const style = getComputedStyle(element);
        const size = parseFloat(style.fontSize);
        const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
        for (const ground of behind(element)) {
            const found = ratio(over(parse(colour), ground), ground);
            count += 1;
            if (found < least) problems.push(`${found.toFixed(2)} < ${least}: "${words.trim().slice(0, 40)}" in ${element.tagName}.${element.className}`);
        }
    };
    const walker = document.createTreeWalker(scope, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !shown(element) || ["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(element.tagName)) continue;
        const inDrawing = element instanceof SVGElement;
        judge(inDrawing ? element.closest("svg").parentElement : element, getComputedStyle(element)[inDrawing ? "fill" : "color"], walker.currentNode.data);
    }
    for (const field of scope.querySelectorAll("[placeholder]")) if (shown(field)) judge(field, getComputedStyle(field, "::placeholder").color, field.placeholder);
    return { count, problems };
}"""

NAMELESS = """() => [...document.querySelectorAll("button, a[href], input, select, textarea, [role=button], dialog, img, summary")]
    .filter((element) => element.checkVisibility() && !element.closest("[aria-hidden=true]"))
    .filter((element) => {
        if (element.tagName === "IMG") return !element.hasAttribute("alt");
        const labelled = (element.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join("");
        const labels = [...(element.labels ?? [])].map((label) => label.textContent).join("");
        return !(element.getAttribute("aria-label") || labelled || labels || element.textContent).trim();
    })
    .map((element) => element.outerHTML.slice(0, 120))"""

SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def settled_contrast(page: Page) -> dict[str, Any]:
    """The contrast once the colours have changed over, which takes a frame or, on a busy machine, more."""
    for _ in range(20):
        found: dict[str, Any] = page.evaluate(CONTRAST)
        if not found["problems"]:
            break
        page.wait_for_timeout(100)
    return found


def results(page: Page, world: World) -> None:
    def change(document: dict[str, Any]) -> None:
        document["num_likely"] = 2
        for i, match in enumerate(document["matches"]):
            match["false_match_rate"] = min(1.0, 10.0 ** (i - 5))
            match["flags"] = ["small", "blurred", "cut", "unsure"][: i % 5]

    change_answer(page, change)
    search_red(page, world)
    page.locator(".match").nth(0).get_by_role("button", name="Mark match 1 right").click()
    page.locator(".match").nth(1).get_by_role("button", name="Mark match 2 wrong").click()


def of_results(act: Callable[[Page], None]) -> Callable[[Page, World], None]:
    def screen(page: Page, world: World) -> None:
        results(page, world)
        act(page)

    return screen


def picker(page: Page, world: World) -> None:
    from browser.conftest import choose_picture

    page.goto("/")
    choose_picture(page, world.query)


SCREENS: dict[str, Callable[[Page, World], None]] = {
    "start": lambda page, _: page.goto("/"),
    "picker": picker,
    "results": results,
    "timeline": of_results(lambda page: page.get_by_role("button", name="Timeline").click()),
    "cameras": of_results(lambda page: page.get_by_role("button", name="Cameras", exact=True).click()),
    "scene": of_results(lambda page: page.locator(".match", has_text="mp4").first.locator(".portrait").click()),
    "export": of_results(lambda page: page.get_by_role("button", name="Export").click()),
    "help": of_results(lambda page: page.keyboard.press("?")),
    "gallery": lambda page, _: page.goto("/?view=gallery"),
    "adding": lambda page, _: page.goto("/?view=index"),
    "audit": lambda page, _: page.goto("/?view=audit"),
}
READY = {
    "start": ".dropzone", "picker": ".stage", "results": ".again-bar", "timeline": ".chart .point",
    "cameras": ".chart .row", "scene": ".scene-stage", "export": "dialog fieldset", "help": "dialog kbd",
    "gallery": ".medium", "adding": "#jobs-title", "audit": ".page .notice",
}  # fmt: skip


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_is_readable_named_and_fits(browser: Browser, address: str, world: World, screen: str) -> None:
    with opened(browser, address, reduced_motion="reduce") as page:
        SCREENS[screen](page, world)
        page.locator(READY[screen]).first.wait_for()
        assert page.evaluate(NAMELESS) == []
        for theme, width in (("light", 1280), ("dark", 1280), ("dark", 360), ("light", 360)):
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": 740})
            found = settled_contrast(page)
            assert found["count"] > 5
            assert found["problems"] == [], f"{theme}, {width} pixels"
            assert page.evaluate(SIDEWAYS) <= 0, f"{width} pixels"


def test_the_contrast_check_can_fail(page: Page) -> None:
    page.goto("/")
    page.locator(".dropzone").wait_for()
    page.evaluate("document.querySelector('h1').style.color = '#c8c8c8'")
    assert "Whom do you look for?" in page.evaluate(CONTRAST)["problems"][0]


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
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Choose a picture")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(world.query)
    title = page.get_by_role("heading", level=1, name="Whom do you look for?")
    page.locator(".stage button.box").first.wait_for()
    expect(title).to_be_focused()
    for _ in range(3):  # past the two buttons of the header
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
    assert page.evaluate("document.activeElement === document.body || document.activeElement.closest('dialog') !== null")
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
