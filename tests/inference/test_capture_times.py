from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sceneseek.inference.capture_times import from_exif, from_metadata, from_name
from sceneseek.pictures import exif_tags

NOON = datetime(2026, 7, 15, 12, 3, 10, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def machine_in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "name",
    [
        "door_2026-07-15_12-03-10.mp4",
        "20260715_120310.jpg",
        "IMG_20260715_120310.jpg",
        "VID_20260715_120310_2.mp4",
        "2026-07-15T12:03:10.mkv",
        "2026-07-15 12.03.10.png",
        "Screenshot 2026-07-15 at 12.03.10.png",
        "NVR_ch4_main_20260715120310_20260715130310.mp4",
        "/somewhere/2019-01-01_00-00-00/20260715T120310Z.mp4",
        "20260715T140310+0200.mp4",
        "PXL_20260715_120310000.jpg",
    ],
)
def test_names_of_recorders_and_phones(name: str) -> None:
    assert from_name(name, UTC) == NOON


@pytest.mark.parametrize(
    "name",
    ["a.mp4", "20260715.mp4", "VID-20260715-WA0001.mp4", "20261315_120310.mp4", "20260231_120310.mp4",
     "20260715_250310.mp4", "1234567890123456789012.mp4", "19800101_000000.mp4", "20991231_235959.mp4"],
)  # fmt: skip
def test_names_that_say_no_moment(name: str) -> None:
    assert from_name(name, UTC) is None


def test_a_phone_that_names_files_in_utc_is_not_moved() -> None:
    assert from_name("PXL_20260715_120310123.jpg", PARIS) == NOON + timedelta(milliseconds=123)


def test_the_zone_of_a_clock_without_one_is_the_callers_or_the_machines(machine_in_new_york: None) -> None:
    assert from_name("20260715_140310.mp4", PARIS) == NOON
    assert from_name("20260715_080310.mp4") == NOON, "four hours behind in summer"
    assert from_name("20260115_070310.mp4") == datetime(2026, 1, 15, 12, 3, 10, tzinfo=UTC), "and five in winter"


def photograph(path: str, tags: dict[int, str]) -> str:
    exif = Image.Exif()
    for tag, value in tags.items():
        (exif if tag == 0x0132 else exif.get_ifd(0x8769))[tag] = value
    Image.new("RGB", (8, 8)).save(path, exif=exif)
    return path


def test_exif_of_a_real_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("exif")
    shot = {0x9003: "2026:07:15 14:03:10", 0x9011: "+02:00", 0x9291: "25", 0x0132: "2026:07:20 09:00:00"}
    tags = exif_tags(photograph(str(folder / "a.jpg"), shot))
    assert from_exif(tags, UTC) == NOON + timedelta(milliseconds=250), "the shot's own zone wins"
    without = exif_tags(photograph(str(folder / "b.jpg"), {0x0132: "2026:07:15 14:03:10"}))
    assert from_exif(without, PARIS) == NOON


@pytest.mark.parametrize("text", ["0000:00:00 00:00:00", "    :  :     :  :  ", "1970:01:01 00:00:00", "tomorrow", 7])
def test_a_clock_that_was_never_set_says_nothing(text: object) -> None:
    assert from_exif({0x9003: text}, UTC) is None


def test_what_a_video_says() -> None:
    assert from_metadata({"creation_time": "2026-07-15T12:03:10.000000Z"}) == NOON
    phone = {"creation_time": "2026-07-15T12:59:59Z", "com.apple.quicktime.creationdate": "2026-07-15T14:03:10+0200"}
    assert from_metadata(phone) == NOON, "the beginning, not the moment of writing"
    assert from_metadata({"creation_time": "1904-01-01T00:00:00Z"}) is None
    assert from_metadata({"date": "2026"}) is None
    assert from_metadata({}) is None


@given(st.text(max_size=60))
def test_no_name_and_no_tag_stops_the_work(text: str) -> None:
    for answer in (from_name(text, UTC), from_exif({0x9003: text, 0x9011: text}, UTC), from_metadata({"date": text})):
        assert answer is None or answer.tzinfo == UTC
