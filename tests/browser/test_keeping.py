"""What keeps a gallery: overview, adding media with live progress, forgetting, the audit log, tokens."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import choose_person, choose_picture, opened, search_red
from fake_predictor import BLUE, ORANGE, person, save_scene
from gallery_server import serving
from web_world import World, make_world, tokens


@pytest.fixture(scope="module")
def own_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """For tests that add and take away."""
    return make_world(tmp_path_factory.mktemp("keeping"))


@pytest.fixture(scope="module")
def own_address(own_world: World, browser: Browser) -> Iterator[str]:
    (own_world.media / "broken.jpg").write_bytes(b"\xff\xd8 cut short")
    with serving(own_world.finder(), media_roots=(own_world.media,)) as address:
        yield address


def test_the_overview_counts_and_lists(page: Page) -> None:
    page.goto("/?view=gallery")
    expect(page.locator(".figure", has_text="files")).to_contain_text("4")
    expect(page.locator(".medium")).to_have_count(4)
    expect(page.locator(".bars li")).to_have_count(3)
    expect(page.locator("dt", has_text="Model").locator("xpath=following-sibling::dd[1]")).to_have_text("colour")
    page.get_by_role("searchbox", name="Search files by name").fill("walk")
    expect(page.locator(".medium")).to_have_count(1)
    page.get_by_role("combobox", name="Status").select_option("damaged")
    expect(page.locator(".panel .empty")).to_contain_text("None matches")


def test_one_camera_is_one(page: Page) -> None:
    def one(route: Any) -> None:
        response = route.fetch()
        gallery = response.json()
        gallery["cameras"] = gallery["cameras"][:1]
        route.fulfill(response=response, json=gallery)

    page.route("**/api/gallery", one)
    page.goto("/?view=gallery")
    expect(page.locator(".figure dt", has_text="camera")).to_have_text("camera")


def test_nothing_of_a_file_is_hidden_on_a_narrow_screen(browser: Browser, address: str) -> None:
    def large(route: Any) -> None:
        response = route.fetch()
        listed = response.json()
        for medium in listed["media"]:
            medium |= {"num_people": 1060, "num_frames": 1394}
        route.fulfill(response=response, json=listed)

    with opened(browser, address, viewport={"width": 390, "height": 844}) as page:
        page.route("**/api/media?*", large)
        page.goto("/?view=gallery")
        page.locator(".medium").first.wait_for()
        for row in page.locator(".medium").all():
            parts = [row.locator(part).bounding_box() for part in (".medium-count span", ".chip")]
            count, chip = (part for part in parts if part is not None)
            beside = count["x"] + count["width"] <= chip["x"]
            assert beside or count["y"] + count["height"] <= chip["y"] or chip["y"] + chip["height"] <= count["y"]


def test_a_file_of_the_list_restricts_the_search(page: Page) -> None:
    page.goto("/?view=gallery")
    page.get_by_role("button", name="Search only in walk.mp4").click()
    assert "file=" in page.url
    expect(page.get_by_role("heading", level=1)).to_have_text("Who are you looking for?")
    expect(page.locator(".notice")).to_contain_text("Only walk.mp4 will be searched.")
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.locator(".notice")).to_have_count(0)
    assert "file=" not in page.url


def test_the_list_is_ordered_narrowed_and_pressed_anywhere(page: Page) -> None:
    page.goto("/?view=gallery")
    names = page.locator(".medium .name")
    page.get_by_role("combobox", name="Order").select_option("By name")
    expect(names).to_have_text(["1.png", "2.png", "3.png", "walk.mp4"])
    page.get_by_role("combobox", name="Order").select_option("Most people first")
    expect(names.first).to_have_text("walk.mp4")
    page.get_by_role("button", name="camera yard", exact=True).click()
    expect(names).to_have_text(["3.png"])
    page.get_by_role("combobox", name="Camera").select_option("Any camera")
    expect(names).to_have_count(4)
    page.locator(".medium", has_text="2.png").locator(".medium-count").click()  # no button there
    expect(page.get_by_role("dialog")).to_contain_text("2.png")


def test_cameras_are_named_after_indexing(browser: Browser, tmp_path: Path) -> None:
    world = make_world(tmp_path)
    with serving(world.finder(), media_roots=(world.media,)) as address, opened(browser, address) as page:
        page.goto("/?view=gallery")
        page.get_by_role("button", name="Rename camera hall").click()
        dialog = page.get_by_role("dialog", name="Rename the camera")
        dialog.get_by_role("combobox", name="Camera").fill("corridor")
        dialog.get_by_role("button", name="Save").click()
        expect(page.locator(".bars")).to_contain_text("camera corridor")
        expect(page.locator(".toast")).to_contain_text("The camera of 1 file was changed.")
        page.get_by_role("checkbox", name="Choose 1.png").check()
        page.get_by_role("button", name="Choose all 4").click()
        expect(page.locator(".bulk")).to_contain_text("4 files chosen")
        page.get_by_role("button", name="Choose none").click()
        page.get_by_role("checkbox", name="Choose 3.png").check()
        page.get_by_role("button", name="Name the camera…").click()
        page.get_by_role("dialog").get_by_role("combobox", name="Camera").fill("door")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".bars li")).to_have_count(2)
        search_red(page, world)
        expect(page.get_by_role("checkbox", name="door")).to_be_visible()
        expect(page.get_by_role("checkbox", name="yard")).to_have_count(0)
        expect(page.locator(".match", has_text="walk.mp4").first).to_contain_text("camera corridor")


def test_a_folder_is_indexed_with_live_progress(browser: Browser, own_address: str, own_world: World) -> None:
    save_scene(own_world.media / "new" / "4.png", person(ORANGE, 2))
    with opened(browser, own_address) as page:
        page.goto("/?view=index")
        page.get_by_label("Files and folders").fill("media/new\nmedia/broken.jpg")
        folder = page.get_by_role("region", name="From the server's disk")
        folder.get_by_text("Camera, date and sampling").click()
        folder.get_by_label("Camera", exact=True).fill("garden")
        page.get_by_role("button", name="Start").click()
        job = page.locator(".job").first
        expect(job.locator(".chip")).to_have_text("Done")
        expect(job).to_contain_text("1 detection")
        expect(job).to_contain_text("1 file could not be used")
        expect(page.locator("#announcer")).to_contain_text("Indexing done")
        page.get_by_role("button", name="Gallery").click()
        expect(page.locator(".medium", has_text="broken.jpg").locator(".problem")).not_to_be_empty()
        expect(page.locator(".medium", has_text="4.png")).to_contain_text("camera garden")


def add_media(page: Page, *files: Path, folder: Path | None = None) -> None:
    """Choose files, or a folder, under "From this computer"."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder" if folder else "Choose files").click()
    chooser.value.set_files(folder or [*files])


def test_uploads_keep_their_names_and_refusals_are_named(browser: Browser, own_address: str, tmp_path: Path) -> None:
    good = save_scene(tmp_path / "Aunt Mary birthday 1.png", person(ORANGE, 0))
    (tmp_path / "notes.txt").write_text("no picture")
    with opened(browser, own_address) as page:
        page.goto("/?view=index")
        region = page.get_by_role("region", name="From this computer")
        region.get_by_text("Camera, date and sampling").click()
        region.get_by_label("Camera", exact=True).fill("attic")
        region.get_by_label("Taken at, where not known").fill("04/05/2026")
        add_media(page, good)
        expect(region.get_by_label("Taken at, where not known")).to_be_focused()  # it could be April or May
        expect(region.get_by_role("progressbar")).to_have_count(0)
        region.get_by_label("Taken at, where not known").fill("4 May 2026 12:00")
        add_media(page, good, tmp_path / "notes.txt")
        expect(page.locator(".notice", has_text="1 file was refused")).to_contain_text("notes.txt")
        expect(region).to_contain_text("1 file was taken in")
        expect(page.locator(".job .chip").first).to_have_text("Done")
        page.get_by_role("button", name="Gallery").click()
        page.get_by_role("searchbox", name="Search files by name").fill("mary")
        expect(page.locator(".medium")).to_have_count(1)
        expect(page.locator(".medium .name")).to_have_text("Aunt Mary birthday 1.png")
        expect(page.locator(".medium")).to_contain_text("camera attic · 4 May 2026, 12:00:00")
        page.locator(".medium .name").click()
        page.get_by_role("dialog").locator("button.box").click()
        page.get_by_role("button", name="Search for this person").click()
        page.locator(".match").first.wait_for()
        page.get_by_role("button", name="Export").click()
        page.get_by_role("radio", name="Web page").check()
        with page.expect_download() as download:
            page.get_by_role("button", name="Save").click()
        assert "Aunt Mary birthday 1.png" in download.value.path().read_text(encoding="utf-8")


def test_folders_and_archives_are_added_like_on_the_command_line(
    browser: Browser, own_address: str, tmp_path: Path
) -> None:
    trip = tmp_path / "trip"
    for day, place in (("day 1", 1), ("day 2", 2)):
        save_scene(trip / day / "same name.png", person(BLUE, place))
    (trip / "Thumbs.db").write_bytes(b"the folder's own")
    gate = save_scene(tmp_path / "z" / "gate" / "a.png", person(ORANGE, 3)).parent
    packed = shutil.make_archive(str(tmp_path / "monday"), "zip", gate.parent)
    with opened(browser, own_address) as page:
        page.goto("/?view=index")
        region = page.get_by_role("region", name="From this computer")
        region.get_by_text("Camera, date and sampling").click()
        region.get_by_label("Where the paths name the camera").fill("{camera}/*")
        add_media(page, folder=trip)
        expect(region).to_contain_text("2 files were taken in")
        expect(region).to_contain_text("1 file that folders keep for themselves was left out")
        expect(page.locator(".job .chip")).to_have_text(["Done"] * page.locator(".job").count())
        add_media(page, Path(packed))
        expect(region).to_contain_text("1 file was taken in")
        expect(page.locator(".job").first).to_contain_text("1 picture")
        expect(page.locator(".job .chip")).to_have_text(["Done"] * page.locator(".job").count())
        page.get_by_role("button", name="Gallery").click()
        for name in ("day 1", "day 2", "gate"):
            expect(page.locator(".bars")).to_contain_text(f"camera {name}")


def test_the_way_of_an_upload_is_seen(page: Page, world: World) -> None:
    """From its first byte on; here the bytes have gone, and the server takes its time to answer."""
    waiting: list[Any] = []

    def hold(route: Any) -> None:
        waiting.append(route)

    page.route("**/api/uploads", hold)
    page.goto("/?view=index")
    add_media(page, world.query)
    bar = page.get_by_role("progressbar", name="Bytes sent")
    size = world.query.stat().st_size
    expect(bar).to_have_attribute("max", str(size))
    expect(page.get_by_role("region", name="From this computer")).to_contain_text(re.compile("Sen(ding|t)"))
    expect(page.get_by_role("button", name="Choose files")).to_be_disabled()
    waiting[0].fulfill(
        status=507, json={"error": {"message": "The server's disk is nearly full; nothing more is taken."}}
    )
    expect(page.get_by_role("alert")).to_contain_text("nearly full")
    expect(page.get_by_role("button", name="Choose files")).to_be_enabled()


def test_progress_arrives_while_it_runs_and_the_job_can_be_stopped(page: Page) -> None:
    job = {
        "job_id": "A" * 22, "state": "running", "what": "media/long", "owner": "local",
        "created_at": "2026-05-04T10:00:00Z", "started_at": "2026-05-04T10:00:00Z", "ended_at": None,
        "done": 300, "total": 1200, "unit": "pictures", "frames": 300, "people": 0, "already": 0,
        "frames_per_second": 8.25, "seconds_left": 200.0, "note": "long.mp4, 5:00",
        "error": "", "problems": [], "num_problems": 0,
    }  # fmt: skip
    events = "".join(f"event: progress\ndata: {json.dumps(told)}\n\n" for told in (job, job | {"done": 308}))
    page.route("**/api/jobs", lambda route: route.fulfill(json={"jobs": [job]}))
    page.route("**/api/jobs/*/events", lambda route: route.fulfill(content_type="text/event-stream", body=events))
    page.route("**/api/jobs/*", lambda route: route.fulfill(json=job))
    page.goto("/?view=index")
    place = page.locator(".job")
    expect(place.get_by_role("progressbar")).to_have_attribute("max", "1200")
    expect(place).to_contain_text("308 of 1,200 pictures · 8.3 a second · about 3 min left")
    expect(place.get_by_role("progressbar")).to_have_js_property("value", 308)
    with page.expect_request(lambda request: request.method == "DELETE"):
        place.get_by_role("button", name="Stop").click()


def test_forgetting_shows_first_asks_and_proves(browser: Browser, own_address: str) -> None:
    with opened(browser, own_address) as page:
        page.goto("/?view=gallery")
        page.get_by_role("button", name="Forget 3.png").click()
        dialog = page.get_by_role("dialog", name="Forget")
        dialog.get_by_role("textbox", name="Why").fill("asked for by the person")
        dialog.get_by_role("button", name="See what this would remove").click()
        expect(dialog).to_contain_text("This would remove 3 detections")
        expect(dialog.locator(".crops img")).to_have_count(3)
        go = dialog.get_by_role("button", name="Forget 3 detections")
        expect(go).to_be_disabled()
        expect(page.locator(".medium", has_text="3.png")).to_have_count(1)  # nothing has happened yet
        dialog.get_by_role("checkbox", name="I understand that this cannot be undone").check()
        with page.expect_request("**/api/forget") as request:
            go.click()
        assert request.value.post_data_json["reason"] == "asked for by the person"
        assert request.value.post_data_json["dry_run"] is False
        expect(dialog.locator(".notice strong")).to_contain_text("Forgot 3 detections")
        expect(dialog.locator(".notice p")).not_to_be_empty()
        dialog.get_by_role("button", name="Close").last.click()
        expect(page.locator(".medium", has_text="2.png")).to_have_count(1)
        expect(page.locator(".medium", has_text="3.png")).to_have_count(0)


def test_a_forgetting_without_proof_is_an_alarm(page: Page) -> None:
    def through(route: Any) -> None:
        dry = route.request.post_data_json["dry_run"]
        counts = {"num_people": 2, "num_media": 0, "num_sightings": 1, "examples": []}
        route.fulfill(json={"dry_run": dry, "proven": None if dry else False, "proof": "1 copy was found.", **counts})

    page.route("**/api/forget", through)
    page.goto("/?view=gallery")
    page.get_by_role("button", name="Forget 3.png").click()
    page.get_by_role("button", name="See what this would remove").click()
    page.get_by_role("checkbox", name="I understand that this cannot be undone").check()
    page.get_by_role("button", name="Forget 2 detections").click()
    expect(page.get_by_role("alert")).to_contain_text("copies may remain")


def test_the_audit_log_is_shown_with_its_chain(browser: Browser, own_address: str, own_world: World) -> None:
    with opened(browser, own_address) as page:
        page.goto("/")
        choose_picture(page, own_world.query)
        choose_person(page, 1)
        page.get_by_role("button", name="Audit").click()
        expect(page.locator(".notice")).to_contain_text("The chain is intact")
        searched = page.locator(".audit tbody tr").filter(has_text="picture sha256")
        expect(searched).to_contain_text("search")
        expect(searched).to_contain_text("local")
        looked = page.locator(".audit tbody tr").filter(has_text="looks")
        expect(looked.first).to_contain_text("crops")


def test_long_lists_of_the_audit_log_are_told_by_number_and_beginning(page: Page) -> None:
    scenes = [f"{number:040x}:{number}" for number in range(52)]
    look = {"at": "2026-03-02T08:00:00+00:00", "who": "ben", "action": "look", "details": {"scenes": scenes}}
    log = {"total": 1, "page": 1, "per_page": 50, "intact": True, "problem": "", "entries": [look]}
    page.route("**/api/audit?*", lambda route: route.fulfill(json=log))
    page.goto("/?view=audit")
    told = "scenes: 52 (000000000000…:0, 000000000000…:1, 000000000000…:2, …)"
    expect(page.locator(".audit tbody td").last).to_have_text(told)


def test_a_log_that_was_changed_is_an_alarm(page: Page) -> None:
    broken = {"total": 0, "page": 1, "per_page": 50, "intact": False, "problem": "Entry 7 is missing.", "entries": []}
    page.route("**/api/audit?*", lambda route: route.fulfill(json=broken))
    page.goto("/?view=audit")
    expect(page.get_by_role("alert")).to_contain_text("Entry 7 is missing.")


def test_tokens_open_the_door_as_far_as_they_may(browser: Browser, world: World, tmp_path: Path) -> None:
    copy = World(tmp_path / "world")
    shutil.copytree(world.folder, copy.folder)
    with serving(copy.finder(), tokens=tokens(), media_roots=(copy.media,)) as address:
        with opened(browser, address) as page:
            page.goto("/")
            dialog = page.get_by_role("dialog", name="This gallery asks for a token")
            dialog.get_by_role("textbox", name="Token").fill("nobody-secret")
            dialog.get_by_role("button", name="Log in").click()
            expect(dialog.get_by_role("alert")).to_contain_text("This token is not known")
            dialog.get_by_role("textbox", name="Token").fill("vera-secret")
            dialog.get_by_role("button", name="Log in").click()
            expect(dialog).to_have_count(0)
            places = page.get_by_role("navigation", name="Main").get_by_role("button")
            expect(places).to_have_text(["Search", "Gallery"])
            choose_picture(page, copy.query)  # a changing request: the session's CSRF token goes with it
            choose_person(page, 1)
            page.reload()
            expect(page.locator(".match").first).to_be_visible()  # the session lasts
            page.get_by_role("button", name="Log out").click()
            expect(dialog).to_be_visible()
        with opened(browser, address) as page:
            page.goto("/")
            page.get_by_role("textbox", name="Token").fill("kim-secret")
            page.get_by_role("button", name="Log in").click()
            places = page.get_by_role("navigation", name="Main").get_by_role("button")
            expect(places).to_have_text(["Search", "Gallery", "Add media", "Audit"])
