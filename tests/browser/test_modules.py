"""The page's pure modules, called as the page calls them: words, addresses, axes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from browser.conftest import opened


@pytest.fixture(scope="module")
def call(browser: Browser, address: str) -> Iterator[Any]:
    """Call a function of a module: ``call("words", "clock", 75)``."""

    def call(module: str, function: str, *given: Any) -> Any:
        return page.evaluate(
            "([module, name, given]) => import(`/static/js/${module}.js`).then((m) => m[name](...given))",
            [module, function, list(given)],
        )

    with opened(browser, address) as page:
        page.goto("/")
        yield call


@pytest.mark.parametrize(
    ("function", "given", "words"),
    [
        ("counted", [1, "match", "matches"], "1 match"),
        ("counted", [12_480, "match", "matches"], "12,480 matches"),
        ("clock", [75.4], "1:15"),
        ("clock", [3_600], "1:00:00"),
        ("bytes", [999], "999 B"),
        ("bytes", [6_088_715], "6.1 MB"),
        ("remaining", [5], "a few seconds"),
        ("remaining", [200], "about 3 min"),
        ("cameraWords", ["2"], "camera 2"),
        ("cameraWords", ["Camera 2"], "Camera 2"),
        ("cameraWords", ["campus"], "camera campus"),
        ("cameraWords", ["Canon EOS 1 (EXIF)"], "Canon EOS 1 (EXIF)"),
        ("sourceWords", ["media/uploads/" + "0c7e0cae38" * 4 + "/a.jpg"], "media/uploads/0c7e0c…/a.jpg"),
        ("sourceWords", ["media/" + "a" * 60 + ".jpg"], "media/" + "a" * 60 + ".jpg"),
        ("sourceWords", ["media/" + "0c7e0cae38" * 4 + ".jpg"], "media/" + "0c7e0cae38" * 4 + ".jpg"),
        ("fileName", ["/a/b/door.mp4"], "door.mp4"),
        ("fileName", ["C:\\pictures\\who.jpg"], "who.jpg"),
    ],
)  # fmt: skip
def test_words(call: Any, function: str, given: list[Any], words: Any) -> None:
    assert call("words", function, *given) == words


def test_a_sighting_in_words(call: Any) -> None:
    match = {
        "captured_at": "2026-05-04T10:03:20Z", "time_s": 30, "camera_id": "2",
        "sighting": {"start_s": 20, "end_s": 52, "num_detections": 5},
    }  # fmt: skip
    assert call("words", "seen", match) == "seen 12:03:10 to 12:03:42 on camera 2"
    assert call("words", "seen", match | {"captured_at": None}) == "seen 0:20 to 0:52 in the video on camera 2"
    assert call("words", "seen", match | {"sighting": None}) == "seen 12:03:20 on camera 2"
    nothing = {"captured_at": None, "time_s": None, "camera_id": None, "sighting": None}
    assert call("words", "seen", nothing) == "seen at an unknown time"


def test_an_address_brings_the_state_back(call: Any) -> None:
    state = call("address", "nothingAsked")
    assert call("address", "toAddress", state) == ""
    state |= {
        "view": "search",
        "show": "map",
        "examples": [
            {"query_id": "AbC-12_xyzAbC-12_xyz99", "person": 3},
            {"query_id": "AbC-12_xyzAbC-12_xyz99", "box": [1, 2, 30, 40]},
            {"detection_id": "5ce1a:12:0"},
            {"media_key": "5ce1a", "frame_index": 70, "box": [1.5, 2, 30.1, 40]},
        ],
        "counterExamples": [{"detection_id": "5ce1a:13:1"}],
        "marks": {"right": ["5ce1a:14:0"], "wrong": ["5ce1a:14:1", "5ce1a:15:0"]},
        "pick": "AbC-12_xyzAbC-12_xyz99",
        "scene": "5ce1a:13:1",
        "filters": {
            "cameras": ["2", "a&b=c"], "sources": ["/media/ä ö.mp4"], "after": "2026-05-04T12:00", "before": "",
            "since_s": 0, "until_s": 90.5, "min_score": 0.5, "exclude_flags": ["small"],
        },
        "ranking": {"top": 100, "by": "detection", "rerank": "cbgm"},
    }  # fmt: skip
    assert call("address", "fromAddress", call("address", "toAddress", state)) == state
    bare = state | {"show": "matches", "marks": {"right": [], "wrong": []}, "pick": None, "scene": None}
    assert call("address", "fromAddress", call("address", "questionAddress", state)) == bare


@pytest.mark.parametrize(
    "hostile",
    [
        "view=nowhere&top=1e9&score=NaN&like=x",
        "like=d:../../etc&scene=<script>",
        "like=b:abc:5,5,1,1&after=yesterday&by=all",
        "like=f:../x:0:1,2,3,4&like=f:abc:1&right=../..&wrong=a:b:c&pick=../etc",
    ],
)
def test_an_address_that_means_nothing_asks_for_nothing(call: Any, hostile: str) -> None:
    assert call("address", "fromAddress", hostile) == call("address", "nothingAsked")


def test_a_search_leaves_out_what_does_not_restrict(call: Any) -> None:
    state = call("address", "nothingAsked") | {"examples": [{"detection_id": "a:0:0"}]}
    body = call("address", "searchBody", state)
    assert body == {"examples": [{"detection_id": "a:0:0"}], "top": 40, "by": "sighting"}


def test_ticks_are_round_and_few(call: Any) -> None:
    found = call("scales", "ticks", 0, 3600, 6)
    assert found == {"step": 600, "at": [0, 600, 1200, 1800, 2400, 3000, 3600]}
    assert len(call("scales", "ticks", 0, 10**9, 5)["at"]) <= 40
    noon_and_midnight = [122_400, 165_600]  # two hours east of Greenwich
    assert call("scales", "ticks", 90_000, 180_000, 3, 7200)["at"] == noon_and_midnight


def test_what_overlaps_is_stacked(call: Any) -> None:
    rows = call("scales", "stacked", [[0, 10], [5, 15], [11, 20]], 0)
    assert rows == [0, 1, 0]


def test_wall_clock_and_video_seconds_never_share_an_axis(call: Any) -> None:
    wall = {"captured_at": "2026-05-04T10:00:00Z", "time_s": None, "sighting": None}
    video = {"captured_at": None, "time_s": 5, "sighting": None}
    nothing = {"captured_at": None, "time_s": None, "sighting": None}
    both = call("moments", "onOneAxis", [video, wall, nothing])
    assert (both["wall"], len(both["entries"]), both["without"]) == (True, 1, 2)
    seconds = call("moments", "onOneAxis", [video, nothing])
    assert (seconds["wall"], [entry["start"] for entry in seconds["entries"]], seconds["without"]) == (False, [5], 1)


def test_boxes_are_moved_and_resized_within_the_picture(call: Any) -> None:
    box, size = [10, 20, 50, 80], (100, 90)
    assert call("geometry", "between", [50, 20], [10, 80]) == box
    assert call("geometry", "moved", box, 5, -30, *size) == [15, 0, 55, 60]
    assert call("geometry", "moved", box, 500, 500, *size) == [60, 30, 100, 90]
    assert call("geometry", "resized", box, "se", 10, 100, *size) == [10, 20, 60, 90]
    assert call("geometry", "resized", box, "nw", -100, 5, *size) == [0, 25, 50, 80]
    assert call("geometry", "resized", box, "e", -100, 40, *size) == [10, 20, 18, 80]  # no side passes the other
    assert call("geometry", "resized", box, "n", 0, 100, *size) == [10, 72, 50, 80]
    assert call("geometry", "showsSomebody", [0, 0, 8, 8])
    assert not call("geometry", "showsSomebody", [0, 0, 7, 80])
    assert call("geometry", "firstBox", [100, 0, 200, 100]) == [142, 25, 158, 75]


@pytest.mark.parametrize(
    ("written", "end", "read"),
    [
        ("", False, ""),
        ("2026-05-04", False, "2026-05-04T00:00:00"),
        ("2026-05-04", True, "2026-05-04T23:59:59"),
        (" 2026-5-4 8:05 ", False, "2026-05-04T08:05:00"),
        ("2026-05-04T12:30:10", True, "2026-05-04T12:30:10"),
        ("4 May 2026, 12:30", False, "2026-05-04T12:30:00"),
        ("4. september 2026", False, "2026-09-04T00:00:00"),
        ("04/05/2026", False, None),  # the fourth of May, or the fifth of April
        ("2026-02-30", False, None),
        ("2026-13-01", False, None),
        ("2026-05-04 24:10", False, None),
        ("2026-05-04 12:61", False, None),
        ("yesterday", False, None),
    ],
)
def test_times_are_read_in_one_way_only(call: Any, written: str, end: bool, read: str | None) -> None:
    assert call("dates", "readMoment", written, end) == read


def test_a_strip_shows_as_many_frames_as_there_is_room_for(call: Any) -> None:
    assert call("strip", "placesAround", 0, 1_000_000, 1100) == [0, 10]
    assert call("strip", "placesAround", 500_000, 1_000_000, 1100) == [499_996, 500_006]
    assert call("strip", "placesAround", 999_999, 1_000_000, 1100) == [999_990, 1_000_000]
    assert call("strip", "placesAround", 1, 3, 1100) == [0, 3]
    assert call("strip", "placesAround", 7, 20, 0) == [7, 8]


def test_the_stretch_of_a_place_is_found(call: Any) -> None:
    stretches = [{"first": first} for first in (0, 3, 7, 9)]
    found = [call("course", "stretchAt", stretches, place) for place in (0, 2, 3, 6, 8, 9, 50)]
    assert found == [0, 0, 1, 1, 2, 3, 3]


def test_a_clip_holds_the_moment_that_is_shown(call: Any) -> None:
    assert call("scene-stage", "clipSpan", None, 1) == [0, 3]
    short, long = {"start_s": 10, "end_s": 20}, {"start_s": 10, "end_s": 600}
    assert call("scene-stage", "clipSpan", short, 15) == [8, 22]
    assert call("scene-stage", "clipSpan", long, 300) == [286, 314]
    assert call("scene-stage", "clipSpan", long, 11) == [8, 36]
    assert call("scene-stage", "clipSpan", long, 600) == [574, 602]


def test_uploads_go_in_parts_that_the_server_takes(call: Any) -> None:
    files = [{"path": name, "file": {"size": size}} for name, size in (("a", 4), ("b", 4), ("c", 4), ("d", 90))]
    parts = call("uploading", "inParts", files, 2, 100)
    assert [[one["path"] for one in part] for part in parts] == [["a", "b"], ["c", "d"]]
    parts = call("uploading", "inParts", files, 10, 10)
    assert [[one["path"] for one in part] for part in parts] == [["a", "b"], ["c"], ["d"]]
    kept = [".DS_Store", "trip/Thumbs.db", "trip/.hidden/a.jpg", "__MACOSX/a.jpg", "trip/a.jpg", "Thumbs.db.jpg"]
    found = call("uploading", "withoutHidden", [{"path": path} for path in kept])
    assert [one["path"] for one in found] == [".DS_Store", "trip/a.jpg", "Thumbs.db.jpg"], "chosen by itself"


def test_earlier_questions_are_few_and_different(call: Any) -> None:
    entries = [{"address": f"like=d%3Aa%3A0%3A{i}", "at": i} for i in range(3)]
    once_more = {"address": entries[1]["address"], "at": 9}
    assert call("earlier", "withQuestion", entries, once_more, 3) == [once_more, entries[0], entries[2]]
    new = {"address": "x", "at": 9}
    assert call("earlier", "withQuestion", entries, new, 2) == [new, entries[0]]
    words = call("earlier", "questionWords", "like=d%3Aa%3A0%3A0&like=d%3Aa%3A0%3A1&unlike=d%3Aa%3A0%3A2&camera=door")
    assert words == "2 examples, 1 marked wrong, 1 filter"
