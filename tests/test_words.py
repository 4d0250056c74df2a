"""What is said in words: addresses without the passwords in them."""

from __future__ import annotations

import pytest

from sceneseek.words import is_address, without_password


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("rtsp://anna:secret@door/stream", "rtsp://door/stream"),
        ("RTSP://anna:se@cret@10.0.0.7:554/stream?channel=2", "RTSP://10.0.0.7:554/stream"),
        ("rtsp://anna:se/cret@door/stream", "rtsp://door/stream"),
        ("rtsp://anna:se?cret@door", "rtsp://door"),
        ("rtsp://anna:secret@[fe80::1]:554/x", "rtsp://[fe80::1]:554/x"),
        ("rtsp://anna:secret@[fe80::1", "rtsp://[fe80::1"),
        ("http://[fe80::1]:81/@anna/live", "http://[fe80::1]:81/…/live"),
        ("http://door:8080/@anna/live", "http://door:8080/…/live"),
        ("http://door/video?user=anna&password=secret&channel=2", "http://door/video"),
        ("http://door/video?TOKEN=secret#part", "http://door/video"),
        ("rtsp://door/user=anna&password=secret&channel=1.sdp", "rtsp://door/…"),
        ("rtmp://anna:secret@door/x", "rtmp://door/x"),
        ("http://door/cgi-bin/snapshot.cgi?loginuse=anna&loginpas=secret", "http://door/cgi-bin/snapshot.cgi"),
        ("http://door/x?u=a&p=b&pw=c&key=d&sig=e&sid=f&access_token=g&client_secret=h", "http://door/x"),
        ("http://door/x#access_token=secret", "http://door/x"),
        ("http://door/x;jsessionid=secret/y", "http://door/…/y"),
        ("rtsp://door/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream", "rtsp://door/…"),
        ("rtsp://door/user%3Dadmin%26password%3Dsecret", "rtsp://door/…"),
        ("rtsp://door/anna:secret/1", "rtsp://door/…/1"),
        ("rtsps://door:7441/AbCdEfGhIjKlMnOp?enableSrtp", "rtsps://door:7441/AbCd…"),
        ("rtmp://door/live/3f9a0c77e1b24d58", "rtmp://door/live/3f9a…"),
        ("rtmp://door/live/abcd-efgh-ijkl-mnop", "rtmp://door/live/abcd…"),
        ("rtmp://door/app/live_123456789012345678_AbC1", "rtmp://door/app/live…"),
        ("http://door/123e4567-e89b-12d3-a456-426614174000/video.mjpg", "http://door/123e…/video.mjpg"),
        ("http://door/qwmzkxvbnrtplkjh", "http://door/qwmz…"),
        ("http://door/" + "a1" * 40, "http://door/a1a1…"),
        # What cameras call their streams stays.
        ("rtsp://door/Streaming/Channels/101", "rtsp://door/Streaming/Channels/101"),
        ("rtsp://door/cam/realmonitor?channel=1&subtype=0", "rtsp://door/cam/realmonitor"),
        ("rtsp://door/h264Preview_01_main", "rtsp://door/h264Preview_01_main"),
        ("rtsp://door/axis-media/media.amp", "rtsp://door/axis-media/media.amp"),
        ("rtsp://door/onvif-media/MediaInput/h264/stream_1", "rtsp://door/onvif-media/MediaInput/h264/stream_1"),
        ("http://door/mjpg/video.mjpg", "http://door/mjpg/video.mjpg"),
        ("rtsp://door/live/ch00_0", "rtsp://door/live/ch00_0"),
        ("http://door/video/2026-03-02/entrance-north", "http://door/video/2026-03-02/entrance-north"),
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
