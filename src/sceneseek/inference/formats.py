"""How files are opened as video: as a recording and nothing else.

A file of any name may be a list that leads to other files or addresses (``ffconcat``, HLS, DASH, SDP), a pattern of
picture files, or a script for a decoder's own sources. Libraries follow them gladly. So only formats that hold their
pictures themselves are opened, and nothing but the file.
"""

from __future__ import annotations

from typing import Any

import av

FORMATS = (
    "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpegtsraw", "mpeg", "mpegvideo",
    "m4v", "asf", "flv", "ogg", "mxf", "gxf", "rm", "dv", "nut", "nsv", "nuv", "wtv", "gif", "apng", "yuv4mpegpipe",
    "mjpeg", "mpjpeg", "smjpeg", "h261", "h263", "h264", "hevc", "vvc", "evc", "av1", "obu", "ivf", "dirac", "vc1",
    "vc1test", "cavsvideo", "avs2", "avs3", "dhav", "hxvs", "ifv", "lvf", "pva", "ty", "vivo",
)  # fmt: skip
"""Names of libav's demuxers."""

_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)}


def open_file(path: str) -> Any:
    """Open a file as video; a ``av.container.InputContainer``.

    Raises:
        av.error.FFmpegError: It is in no format of ``FORMATS``, or damaged.
        OSError: It cannot be read.
    """
    return av.open(path, options=_OPTIONS)
