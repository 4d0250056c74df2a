"""Renew the pictures of ``docs/tutorials/the-page.md``: generated scenes, the real server, headless Chromium.

    python docs/screenshots.py [--keep FOLDER]

Everybody in these pictures is made up. Each picture is WebP and stays below 150 kB.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from live_server import generated_gallery, serving  # noqa: E402 - it lies with the tests

IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 150_000
QUALITY = 84
COME = """() => Promise.all([...document.images].filter((image) => image.getBoundingClientRect().top < innerHeight)
    .map((image) => image.decode().catch(() => null)))"""
"""Wait for the pictures in view; a policy without eval leaves no shorter way."""
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 400, "height": 800}


def take(page: Page, name: str) -> None:
    """Write what the page shows as ``docs/images/page-NAME.webp``."""
    page.evaluate(COME)
    page.wait_for_timeout(400)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = IMAGES / f"page-{name}.webp"
    picture.save(path, "WEBP", quality=QUALITY, method=6)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{path.name} has {size:,} bytes; expected at most {MOST_BYTES:,}. Lower QUALITY.")
    print(f"{path.relative_to(ROOT)}  {size / 1000:.0f} kB")


def choose(page: Page, picture: Path) -> None:
    """Go from the start to a picture whose people are outlined."""
    page.goto("/")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files(picture)
    page.locator(".stage button.box").first.wait_for()


def answer(page: Page) -> None:
    """Choose the surest person and wait for the answer."""
    page.locator(".stage button.box").first.click(force=True)
    page.locator(".match img").first.wait_for()
    page.mouse.move(0, 0)


def walk_through(page: Page, picture: Path) -> None:
    """What the tutorial shows, in its order."""
    choose(page, picture)
    take(page, "picker")
    answer(page)
    page.locator(".match").nth(0).get_by_role("button", name="Mark match 1 right").click()
    page.locator(".match").nth(3).get_by_role("button", name="Mark match 4 wrong").click()
    page.mouse.move(0, 0)
    take(page, "matches")
    page.get_by_role("button", name="Cameras", exact=True).click()
    page.locator(".chart .point").first.focus()
    take(page, "cameras")
    page.get_by_role("button", name="Matches").click()
    page.locator(".match .portrait").first.click()
    page.locator(".scene-stage img").wait_for()
    take(page, "scene")
    page.keyboard.press("Escape")
    page.goto("/?view=gallery")
    page.locator(".medium img").first.wait_for()
    take(page, "gallery")


def narrow(page: Page, picture: Path) -> None:
    """The same on a telephone, in the dark."""
    choose(page, picture)
    answer(page)
    take(page, "narrow")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--keep", type=Path, help="Keep the generated gallery here, for the next time.")
    folder = options.parse_args().keep or Path(tempfile.mkdtemp(prefix="sceneseek-pictures-"))
    finder = generated_gallery(folder)
    picture = sorted((folder / "queries").iterdir())[0]
    walks: list[tuple[Callable[[Page, Path], None], dict[str, int], str]] = [
        (walk_through, WIDE, "light"),
        (narrow, NARROW, "dark"),
    ]
    with serving(finder, media_roots=(folder / "media",)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=["--no-sandbox"]
        )
        for walk, viewport, theme in walks:
            page = browser.new_page(
                base_url=address, viewport=viewport, color_scheme=theme, locale="en-GB", timezone_id="Europe/London"
            )
            walk(page, picture)
        browser.close()


if __name__ == "__main__":
    main()
