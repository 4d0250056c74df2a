from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sceneseek.inference.capture_times import (
    exif_moment,
    from_exif,
    from_metadata,
    from_name,
    metadata_moment,
    name_moment,
)
from sceneseek.inference.media import discover
from sceneseek.pictures import GPS_IFD, exif_tags
from sceneseek.structures import MediaItem

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
        "2026_0715_120310_0042.MP4",
        "NVR_20_01_20260715120310123_TIMING.mp4",
        "192.168.1.20_01_2026-07-15_12-03-10.mp4",
    ],
)
def test_names_of_recorders_and_phones(name: str) -> None:
    at = from_name(name, UTC)
    assert at is not None
    assert at.replace(microsecond=0) == NOON


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


NUMBERS_AND_MORE = [
    "IMG_20260715_120310-1024x768.jpg", "20260715_120310-1200x900.jpg", "door_20260715_120310-120410.mp4",
    "20260715_120310-20260715_120410.mp4", "2026-07-15 12-03-10 - 12-04-10.mp4", "2026-07-15_12-03-10-0001.jpg",
    "IMG_20260715_120310-0012.jpg", "frame_2026-07-15_12-03-10-1159.jpg", "20260715-120310-1030.jpg",
    "20260715_120310+1.jpg", "20260715_120310+1024x768.jpg", "20260715_120310+0960.jpg", "20260715_120310_0200.jpg",
    "20260715_120310(2).jpg", "20260715_120310_am_tor.jpg", "20260715_120310_HDR.jpg", "20260715_120310-EFFECTS.jpg",
    "IMG_20260715_120310_1.jpg", "20260715T120310-0001.jpg", "20260715_120310Zebra.jpg", "20260715_120310_GMT7.jpg",
]  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS_AND_MORE)
def test_what_follows_the_time_in_a_name_is_no_zone_unless_it_is_one(name: str) -> None:
    moment = name_moment(name, PARIS)
    assert moment.at is not None
    assert moment.at == NOON - timedelta(hours=2), "by the clock of Paris"
    assert not moment.doubt


@pytest.mark.parametrize(
    ("name", "hour"),
    [("2026-07-15T12:03:10+0200.jpg", 10), ("20260715T120310Z.jpg", 12), ("20260715_120310Z.jpg", 12),
     ("2026-07-15T12:03:10-05:00.jpg", 17), ("2026-07-15T12:03:10-0500.jpg", 17), ("2026-07-15T120310+02.jpg", 10),
     ("20260715_120310_UTC.jpg", 12), ("2026-07-15_12-03-10_UTC_1.jpg", 12), ("2026-07-15 12.03.10 GMT+2.jpg", 10),
     ("20260715_120310+0545.jpg", 6), ("2026-07-15T12.03.10.123456Z.jpg", 12), ("20260715T120310.5+0200.jpg", 10)],
)  # fmt: skip
def test_zones_in_names(name: str, hour: int) -> None:
    moment = name_moment(name, PARIS)
    assert moment.at is not None
    assert (moment.at.day, moment.at.hour) == (15, hour)
    assert not moment.doubt


@pytest.mark.parametrize(
    ("name", "hour"),
    [("Screenshot 2026-07-15 at 3.05.10 PM.png", 15), ("Screenshot 2026-07-15 at 3.05.10\u202fPM.png", 15),
     ("WhatsApp Image 2026-07-15 at 12.05.10 AM.jpeg", 0), ("2026-07-15 12.05.10 PM.jpg", 12),
     ("2026-07-15 11 05 10 pm.jpg", 23), ("20260715_030510PM.jpg", 15), ("2026-07-15 15.05.10 PM.jpg", 15),
     ("2026-07-15 03-05-10 p.m.jpg", 15), ("door 2026-07-15 15h05m10s.mp4", 15), ("15.07.2026 15.05.10.jpg", 15),
     ("15-07-2026_15-05-10.mp4", 15), ("07-15-2026 03.05.10 PM.jpg", 15), ("15072026_150510.mp4", 15)],
)  # fmt: skip
def test_clocks_of_twelve_hours_and_days_before_months(name: str, hour: int) -> None:
    moment = name_moment(name, UTC)
    assert moment.at == datetime(2026, 7, 15, hour, 3 if "03m" in name else 5, 10, tzinfo=UTC)
    assert not moment.doubt


@pytest.mark.parametrize(
    ("name", "why"),
    [("04-07-2026 12-03-10.jpg", "day and month"), ("04072026_120310.mp4", "day and month"),
     ("7-4-2026 12-03-10.jpg", "day and month"), ("2026-02-30_12-03-10.mp4", "no date and time"),
     ("2026-07-15 13.05.10 AM.jpg", "no date and time"), ("31.04.2026 12.03.10.jpg", "no date and time"),
     ("20260715_120310_exported_20260701_101010.mp4", "behind it"), ("20000101_000213.mp4", "never set"),
     ("19700101_000000.mp4", "never set"), ("20100101_000000.mp4", "never set"), ("20360207_062816.mp4", "never set"),
     ("20260715_240310.mp4", "no date and time"), ("12.03.10 2026-07-15.jpg", "not understood"),
     ("20260715_126110.jpg", "not understood"), ("2026-07-15 下午3-05-10.jpg", "not understood"),
     ("2026-7-15_12-3-10.jpg", "not understood")],
)  # fmt: skip
def test_what_a_name_does_not_say_for_certain_is_no_time_and_told(name: str, why: str) -> None:
    moment = name_moment(name, UTC)
    assert moment.at is None
    assert why in moment.doubt
    assert moment.sentence.startswith("The time is not known: ")


@pytest.mark.parametrize(
    ("name", "why"),
    [("20260715T120310-0500.jpg", "a zone or a number"), ("2026-07-15 12.03.10 -0200.jpg", "a zone or a number"),
     ("20260715_120310 CEST.mp4", "not read as a zone"), ("2026-07-15_12-03-10_EST.mp4", "not read as a zone")],
)  # fmt: skip
def test_what_may_be_a_zone_is_told(name: str, why: str) -> None:
    moment = name_moment(name, UTC)
    assert moment.at == NOON
    assert why in moment.doubt
    assert moment.sentence.startswith("The time is doubtful: ")


@pytest.mark.parametrize(
    ("offset", "hour", "told"),
    [("", 12, ""), ("   :  ", 12, ""), ("       ", 12, ""), (":", 12, ""), ("+02:00", 12, ""), ("-05:00", 19, ""),
     ("-5:00", 19, ""), ("+0200", 12, ""), ("+2", 12, ""), ("\u221205:00", 19, ""), ("Z", 14, ""), ("UTC", 14, ""),
     ("GMT+2", 12, ""), ("+02:60", 12, "zone '+02:60'"), ("+02:00\0", 12, ""), ("+02:00:00", 12, ""),
     ("??:??", 12, "zone '??:??'"), ("+25:00", 12, "zone '+25:00'"),
     ("CEST", 12, "zone 'CEST'"), ("1", 12, "zone '1'")],
)  # fmt: skip
def test_a_blank_or_careless_zone_does_not_cost_the_time(offset: str, hour: int, told: str) -> None:
    moment = exif_moment({0x9003: "2026:07:15 14:03:10", 0x9011: offset}, PARIS)
    assert moment.at == datetime(2026, 7, 15, hour, 3, 10, tzinfo=UTC)
    assert told in moment.doubt
    assert bool(told) == bool(moment.doubt)


@pytest.mark.parametrize(
    ("text", "clock"),
    [("2026:07:15 14:03:10+02:00", "12:03:10"), ("2026:07:15 14:03:10Z", "14:03:10"),
     ("2026-07-15T14:03:10", "12:03:10"),
     ("2026:07:15 02:03:10 PM", "12:03:10"), ("2026:07:15 14:03:  ", "12:03:00"), ("2026/07/15 14:03", "12:03:00"),
     ("2026:07:15 下午 2:03:10", "12:03:10"), ("2026:07:15 오후 2:03:10", "12:03:10"),
     ("2026:07:15 02:03:10 下午", "12:03:10"),
     ("2026:07:15 14:03:10.5", "12:03:10"), ("2026:7:15 14:03:10", "12:03:10")],
)  # fmt: skip
def test_zones_and_halves_of_the_day_within_a_value(text: str, clock: str) -> None:
    for written in (text, text.encode(), text.encode().decode("latin-1")):
        moment = exif_moment({0x9003: written}, PARIS)
        assert moment.at is not None
        assert f"{moment.at:%H:%M:%S}" == clock
        assert not moment.doubt


@pytest.mark.parametrize(
    "text", ["04/07/2026 12:03:10", "2026:07:15 24:00:00", "2026:13:15 12:03:10", "2026:07:15 Nachmittag 2:03:10",
             "1970:01:01 00:00:00", "1904:01:01 00:00:00", "2036:02:07 06:28:16", "2000:01:01 00:03:10"],
)  # fmt: skip
def test_a_time_that_is_not_understood_is_none_and_told(text: str) -> None:
    moment = exif_moment({0x9003: text}, UTC)
    assert moment.at is None
    assert moment.doubt


def test_one_bad_value_does_not_cost_a_good_one_beside_it() -> None:
    good = "2026:07:15 12:03:10"
    for tags in (
        {0x9003: "1970:01:01 00:00:00", 0x9004: good},
        {0x9003: "    :  :     :  :  ", 0x0132: good},
        {0x9003: good, 0x9011: "??", 0x9291: "odd"},
        {0x9003: good, GPS_IFD: {0x1D: "tomorrow", 7: (1, 2)}},
        {0x9003: good, GPS_IFD: 7},
    ):
        assert exif_moment(tags, UTC).at == NOON


def test_the_time_of_satellites_tells_the_zone_that_a_camera_does_not_write() -> None:
    def gps(hours: float, minutes: float, seconds: float = 10.0) -> dict[int, object]:
        return {0x1D: "2026:07:15", 7: (hours, minutes, seconds)}

    local = {0x9003: "2026:07:15 14:03:10"}
    assert exif_moment({**local, GPS_IFD: gps(12, 3)}, UTC).at == NOON
    assert exif_moment({**local, GPS_IFD: gps(12, 2)}, UTC).at == NOON, "a receiver's second is not a camera's"
    stale = exif_moment({**local, GPS_IFD: gps(11, 41)}, PARIS)
    assert stale.at == NOON, "a fix of half an hour ago tells no zone"
    assert exif_moment({**local, 0x9011: "+02:00", GPS_IFD: gps(3, 3)}, UTC).at == NOON
    assert exif_moment({GPS_IFD: gps(12, 3)}, PARIS).at == NOON
    assert exif_moment({GPS_IFD: {7: (12.0, 3.0, 10.0)}}, PARIS).at is None


def test_a_zone_that_satellites_contradict_is_doubtful() -> None:
    def gps(hours: float, minutes: float, seconds: float = 10.0) -> dict[int, object]:
        return {
            0x9003: "2026:07:15 14:03:10",
            0x9011: "+02:00",
            GPS_IFD: {0x1D: "2026:07:15", 7: (hours, minutes, seconds)},
        }

    assert not exif_moment(gps(12, 3), UTC).doubt
    assert not exif_moment(gps(11, 41), UTC).doubt, "a fix of half an hour ago contradicts nothing"
    other = exif_moment(gps(19, 3), UTC)
    assert other.at == NOON
    assert "GPS" in other.doubt


@pytest.mark.parametrize("clock", [(25, 3, 9), (12, 61, 9), (12, 3, 99), (-1, 0, 0), (float("nan"), 0, 0)])
def test_no_receiver_shows_such_a_clock(clock: tuple[float, float, float]) -> None:
    assert exif_moment({GPS_IFD: {0x1D: "2026:07:15", 7: clock}}, UTC).at is None


def test_the_next_best_time_is_doubtful_where_the_best_was_not_understood() -> None:
    next_best = exif_moment({0x9003: "1970:01:01 00:00:00", 0x0132: "2026:07:15 12:03:10"}, UTC)
    assert next_best.at == NOON
    assert "1970" in next_best.doubt
    assert "next best" in next_best.doubt
    assert not exif_moment({0x9003: "    :  :     :  :  ", 0x0132: "2026:07:15 12:03:10"}, UTC).doubt


def test_a_time_ahead_of_this_machine_is_kept_and_doubtful() -> None:
    ahead = datetime.now(UTC).replace(microsecond=0) + timedelta(days=40)
    moment = name_moment(f"{ahead:%Y%m%d_%H%M%S}.jpg", UTC)
    assert moment.at == ahead, "this machine's clock may be the wrong one"
    assert "future" in moment.doubt


@pytest.mark.parametrize(
    "name",
    ["Bildschirmfoto 2026-07-15 um 12.03.10.png", "Capture d’écran 2026-07-15 à 12.03.10.png", "2026-7-15 12.03.10.jpg",
     "2026_7_15_12_03_10.jpg", "2026年07月15日12时03分10秒.jpg", "2026년7월15일 12시 03분 10초.jpg",
     "2026y07m15d_12h03m10s.jpg"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_of_other_languages(name: str, form: Literal["NFC", "NFD"]) -> None:
    moment = name_moment(unicodedata.normalize(form, name), UTC)
    assert moment.at == NOON
    assert not moment.doubt


@pytest.mark.parametrize(
    "name", ["IMG-20260715-WA0012.jpg", "20260715.jpg", "2026-07-15_0001.jpg", "1920x1080_0042.jpg"]
)
def test_a_day_alone_needs_no_alarm(name: str) -> None:
    assert name_moment(name, UTC) == name_moment("door.jpg", UTC)


def test_the_hours_in_which_clocks_are_changed_are_doubtful() -> None:
    twice = name_moment("2025-10-26_02-30-00.mp4", PARIS)
    assert twice.at == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    assert "came twice" in twice.doubt
    never = name_moment("2026-03-29_02-30-00.mp4", PARIS)
    assert never.at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert "did not come" in never.doubt
    for zone in (UTC, timezone(timedelta(hours=2))):
        assert not name_moment("2025-10-26_02-30-00.mp4", zone).doubt


def test_the_same_hours_by_this_machines_clock(machine_in_new_york: None) -> None:
    assert "came twice" in name_moment("2025-11-02_01-30-00.mp4").doubt
    assert "did not come" in name_moment("2026-03-08_02-30-00.mp4").doubt
    assert not name_moment("2026-03-08_03-30-00.mp4").doubt


def test_containers_write_their_times_in_several_ways() -> None:
    assert from_metadata({"creation_time": "2026-07-15 14:03:10"}, PARIS) == NOON, "without a zone: the camera's"
    assert from_metadata({"DATE_RECORDED": "2026-07-15 14:03:10"}, PARIS) == NOON
    assert from_metadata({"creation_time": "1904-01-01T00:00:00Z", "date": "2026-07-15T14:03:10+02:00"}) == NOON
    plain = metadata_moment({"creation_time": "2026-07-15T12:03:10Z", "major_brand": "isom"}, PARIS)
    assert plain.at == NOON
    assert "read as UTC" in plain.doubt
    phone = {"com.apple.quicktime.creationdate": "2026-07-15T14:03:10+0200", "major_brand": "qt  "}
    assert metadata_moment({**phone, "creation_time": "2026-07-15T12:03:12Z"}).doubt == ""
    assert "never set" in metadata_moment({"creation_time": "2036-07-15T12:03:10Z"}).doubt


def test_doubts_go_with_the_medium(tmp_path: Path) -> None:
    for name in ("04-07-2026 12-03-10.jpg", "2026-07-15_12-03-10.jpg"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    first, second = discover(tmp_path, zone=UTC)
    assert isinstance(first, MediaItem)
    assert isinstance(second, MediaItem)
    assert first.captured_at is None
    assert first.doubt.startswith("The time is not known: '04-07-2026'")
    assert (second.captured_at, second.doubt) == (NOON, "")
