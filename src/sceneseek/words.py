"""Counts and names in words, for whoever speaks to people. Imports nothing heavy: every command does it first."""

from __future__ import annotations

import re
from pathlib import Path


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number with its noun.

    Example:
        >>> counted(1, "photograph"), counted(1234, "person", "people")
        ('1 photograph', '1,234 people')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def clock_words(seconds: float) -> str:
    """A time from the start of a video, as a stopwatch shows it.

    Example:
        >>> clock_words(65.2), clock_words(3723)
        ('1:05', '1:02:03')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def printable(text: str) -> str:
    """A text that every terminal and JSON reader takes: a file name may hold bytes that are no letters."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def short_model(name: str) -> str:
    """A model's name without the paths of its files.

    Example:
        >>> short_model("yolox_nano=/srv/weights/nano.onnx+osnet_x0_25")
        'yolox_nano+osnet_x0_25'
    """
    return "+".join(Path(part.split("=", 1)[0]).name for part in name.split("+"))


def is_address(source: str) -> bool:
    """Whether a source is the address of a camera, and not the path of a file.

    Example:
        >>> is_address("rtsp://door/stream"), is_address("/films/a.zip/x://y.jpg"), is_address("a.mp4")
        (True, False, False)
    """
    # What is absolute is a path whatever else it holds: names in archives are made by anybody.
    return "://" in source and not source.startswith(("/", "~", "."))


def without_password(source: str) -> str:
    """An address without the name and the password it may hold, before its host or among its parameters.

    Anything that is no address stays as it is.

    Example:
        >>> without_password("rtsp://anna:secret@door/stream"), without_password("/films/a@b.mp4")
        ('rtsp://door/stream', '/films/a@b.mp4')
        >>> without_password("http://door/video?usr=anna&pwd=secret&channel=2")
        'http://door/video?usr=&pwd=&channel=2'
    """
    if not is_address(source):
        return source
    scheme, _, rest = source.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in host:
        rest = rest[host.rindex("@") + 1 :]
    elif not _HOST.fullmatch(host):  # a password with a slash in it: no address that works, and still a password
        rest = rest.rpartition("@")[2]
    return f"{scheme}://{_SECRETS.sub(lambda found: found[1], rest)}"


_HOST = re.compile(r"[^:\[\]]*(:\d*)?|\[[^\[\]]*\](:\d*)?")
_SECRETS = re.compile(
    r"\b((?:user|user_?name|usr|login|pass|pass_?word|pass_?wd|pwd|psw|token|auth|secret|api_?key)=)[^&;/?#]*",
    re.IGNORECASE,
)
"""Parameters in which cameras take names and passwords, also in the path."""
