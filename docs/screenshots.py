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
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from gallery_server import panned, serving, write_video  # noqa: E402 - it lies with the tests
from sceneseek.data.synthetic import PeopleWorld, WorldSpec  # noqa: E402
from sceneseek.finder import Finder  # noqa: E402
from sceneseek.gallery import Gallery  # noqa: E402
from sceneseek.inference import discover, frames_of, load_predictor  # noqa: E402
from sceneseek.pictures import write_picture  # noqa: E402
from sceneseek.structures import UNLABELED  # noqa: E402

IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 150_000
QUALITY = 84
COME = """() => Promise.all([...document.images].filter((image) => image.getBoundingClientRect().top < innerHeight)
    .map((image) => image.decode().catch(() => null)))"""
"""Wait for the pictures in view; a policy without eval leaves no shorter way."""
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 400, "height": 800}

CAMERAS = ("entrance", "hall", "platform 1", "platform 2")
NUM_PHOTOGRAPHS = 110
NUM_ASKED = 8
WORLD = WorldSpec(
    seed=2027, num_scenes=NUM_PHOTOGRAPHS + NUM_ASKED, num_identities=18, difficulty="easy", lookalike_share=0.0
)
BEGAN = datetime(2026, 5, 4, 6, 30, tzinfo=UTC)


def made_gallery(folder: Path) -> Finder:
    """A morning at a station that does not exist: photographs of four cameras, and a video of the hall."""
    world, media = PeopleWorld(WORLD), folder / "media"
    if not media.is_dir():
        for i in range(NUM_PHOTOGRAPHS):
            write_picture(world.render(i)[0], media / CAMERAS[i % len(CAMERAS)] / f"{i:03d}.jpg")
        write_video(media / "hall" / "crossing.mp4", panned(world.render(9)[0], 60))
        write_picture(world.render(wanted()[0])[0], folder / "who.jpg")
    predictor = load_predictor("dcinet-synthetic")
    gallery = Gallery.open_or_create(folder / "station", predictor.name, predictor.fingerprint, predictor.embedding_dim)
    finder = Finder(predictor, gallery)
    if not len(gallery):
        found = [item for camera in CAMERAS for item in discover([str(media / camera)], camera=camera)]
        found.sort(key=lambda item: Path(item.source).name)
        items = [replace(item, captured_at=BEGAN + timedelta(seconds=97 * i)) for i, item in enumerate(found)]
        finder.index(items, partial(frames_of, every_s=1.0), every_s=1.0)
    return finder


@cache
def wanted() -> tuple[int, float, float]:
    """The largest known person of the scenes to ask with: the scene, and where they stand, in shares of its sides."""
    world = PeopleWorld(WORLD)
    best = (0.0, 0, 0.0, 0.0)
    for i in range(NUM_PHOTOGRAPHS, NUM_PHOTOGRAPHS + NUM_ASKED):
        image, sample = world.render(i)
        height, width = image.shape[:2]
        for (x1, y1, x2, y2), person in zip(sample.boxes.tolist(), sample.person_ids, strict=True):
            inside = x1 > 1 and y1 > 1 and x2 < width - 1 and y2 < height - 1
            if person != UNLABELED and inside:
                best = max(best, ((x2 - x1) * (y2 - y1), i, (x1 + x2) / 2 / width, (y1 + y2) / 2 / height))
    return best[1:]


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
    """Choose the person and wait for the answer."""
    stage = page.locator(".stage").bounding_box()
    assert stage is not None
    _, across, down = wanted()
    page.mouse.click(stage["x"] + across * stage["width"], stage["y"] + down * stage["height"])
    page.locator(".match img").first.wait_for()
    page.mouse.move(0, 0)


def walk_through(page: Page, picture: Path) -> None:
    """What the tutorial shows, in its order."""
    choose(page, picture)
    take(page, "picker")
    answer(page)
    page.locator(".match").nth(0).get_by_role("button", name="Mark match 1 right").click()
    page.locator(".match").nth(2).get_by_role("button", name="Mark match 3 right").click()
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
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
    finder = made_gallery(folder)
    picture = folder / "who.jpg"
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
