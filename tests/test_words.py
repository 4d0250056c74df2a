"""What is said in words: addresses without the passwords in them."""

from __future__ import annotations

import pytest

from sceneseek.words import is_address, without_password


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("rtsp://anna:secret@door/stream", "rtsp://door/stream"),
        ("RTSP://anna:se@cret@10.0.0.7:554/stream?channel=2", "RTSP://10.0.0.7:554/stream?channel=2"),
        ("rtsp://anna:se/cret@door/stream", "rtsp://door/stream"),
        ("rtsp://anna:se?cret@door", "rtsp://door"),
        ("rtsp://anna:secret@[fe80::1]:554/x", "rtsp://[fe80::1]:554/x"),
        ("rtsp://anna:secret@[fe80::1", "rtsp://[fe80::1"),
        ("http://[fe80::1]:81/@anna/live", "http://[fe80::1]:81/@anna/live"),
        ("http://door:8080/@anna/live", "http://door:8080/@anna/live"),
        ("http://door/video?user=anna&password=secret&channel=2", "http://door/video?user=&password=&channel=2"),
        ("http://door/video?TOKEN=secret#part", "http://door/video?TOKEN=#part"),
        ("rtsp://door/user=anna&password=secret&channel=1.sdp", "rtsp://door/user=&password=&channel=1.sdp"),
        ("rtmp://anna:secret@door/x", "rtmp://door/x"),
        ("/films/anna:b@c.mp4", "/films/anna:b@c.mp4"),
        ("/films/x://anna:b@c.mp4", "/films/x://anna:b@c.mp4"),
        ("", ""),
    ],
)
def test_an_address_shows_no_password(given: str, shown: str) -> None:
    assert without_password(given) == shown
    assert without_password(shown) == shown


def test_what_is_absolute_is_a_path_whatever_it_holds() -> None:
    assert is_address("rtsp://door/stream")
    assert not any(map(is_address, ("/a.zip/door://x.jpg", "~/door://x", "./door://x", "a.mp4", "C:\\a.mp4")))
