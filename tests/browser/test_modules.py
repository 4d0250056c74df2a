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
        ("fileName", ["/a/b/door.mp4"], "door.mp4"),
        ("fileName", ["C:\\pictures\\who.jpg"], "who.jpg"),
        ("rateWords", [None], "How often a stranger scores this high is not known"),
        ("rateWords", [0.6], "Most strangers score this high"),
        ("rateWords", [1 / 2412], "1 in 2,400 strangers scores this high"),
        ("rateWords", [0], "Fewer than 1 in 1,000,000 strangers scores this high"),
        ("rateShort", [1e-3], "1 in 1,000 strangers this high"),
        ("expectedWords", [1e-9, 50], "Chance alone would hardly ever put a stranger this high among the 50 searched"),
        ("expectedWords", [2e-3, 50], "The chance that a stranger is this high among the 50 searched is about 10 %"),
        ("expectedWords", [1e-2, 1000], "Expect about 10 strangers this high among the 1,000 searched"),
        ("strength", [1e-3], 3),
        ("strength", [0], 5),
        ("strength", [0.9], 0),
        ("strength", [None], None),
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
        ],
        "counterExamples": [{"detection_id": "5ce1a:13:1"}],
        "scene": "5ce1a:13:1",
        "filters": {
            "cameras": ["2", "a&b=c"], "sources": ["/media/ä ö.mp4"], "after": "2026-05-04T12:00", "before": "",
            "since_s": 0, "until_s": 90.5, "min_score": 0.5, "exclude_flags": ["small"],
        },
        "ranking": {"top": 100, "by": "detection", "rerank": "cbgm"},
    }  # fmt: skip
    assert call("address", "fromAddress", call("address", "toAddress", state)) == state


@pytest.mark.parametrize(
    "hostile",
    [
        "view=nowhere&top=1e9&score=NaN&like=x",
        "like=d:../../etc&scene=<script>",
        "like=b:abc:5,5,1,1&after=yesterday&by=all",
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
