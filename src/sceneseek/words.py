"""Counts and names in words, for whoever speaks to people. Imports nothing heavy: every command does it first."""

from __future__ import annotations

import itertools
import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number with its noun.

    Example:
        >>> counted(1, "photograph"), counted(1234, "person", "people")
        ('1 photograph', '1,234 people')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def printable(text: str) -> str:
    r"""A text of strangers, such as a file's name, as it may be shown: it cannot act, hide, or look like another one.

    Control letters move cursors and clear screens, marks of direction turn names around, letters without width make two
    names look alike, line breaks end a line of ours, and bytes that are not text cannot be written at all. Each of
    them is shown by its number.

    Example:
        >>> print(printable("a\x1b[2J\n\u202egpj.exe"), printable("Zürich 東京.jpg"))
        a\x1b[2J\x0a\u202egpj.exe Zürich 東京.jpg
    """
    return text if text.isascii() and text.isprintable() else "".join(map(_shown, text))


def plain(text: str) -> str:
    r"""A name given by strangers without the letters that ``printable`` shows by number: for names that are kept.

    Example:
        >>> plain("Canon\x1b[2J EOS\x00")
        'Canon[2J EOS'
    """
    return text if text.isascii() and text.isprintable() else "".join(letter for letter in text if not _acts(letter))


def escaped_json(document: str) -> str:
    r"""A JSON document whose letters cannot act on a terminal; it means the same.

    Bytes that are not text become U+FFFD: many readers refuse them.

    Example:
        >>> print(escaped_json('["\x9b31m", "\u202e"]'))
        ["\u009b31m", "\u202e"]
    """
    return "".join(_escaped(letter) if _acts(letter) and letter != "\n" else letter for letter in document)


def _acts(letter: str) -> bool:
    return unicodedata.category(letter) in _ACTING or letter in _EMPTY


def _shown(letter: str) -> str:
    if not _acts(letter):
        return letter
    number = ord(letter)
    return f"\\x{number:02x}" if number < 1 << 8 else f"\\u{number:04x}" if number < 1 << 16 else f"\\U{number:08x}"


def _escaped(letter: str) -> str:
    if unicodedata.category(letter) == "Cs":
        return "\\ufffd"
    units = letter.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control letters, marks that format, halves of letters, and ends of lines and paragraphs (Unicode's categories)."""
_EMPTY = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters of other categories that show nothing."""


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
    """The address of a camera as it may be shown: scheme, host and path, without anything that opens the camera.

    Names and passwords stand before the host, in parameters of a hundred names, and in paths. Parameters go altogether;
    a part of the path that holds some, or that looks like a key, is shortened. Anything that is not an address stays as
    it is.

    Example:
        >>> without_password("rtsp://anna:secret@door/stream?token=1"), without_password("/films/a@b.mp4")
        ('rtsp://door/stream', '/films/a@b.mp4')
        >>> without_password("rtmp://door/live/3f9a0c77e1b24d58")
        'rtmp://door/live/3f9a…'
    """
    if not is_address(source):
        return source
    scheme, _, rest = source.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in host:
        rest = rest[host.rindex("@") + 1 :]
    elif not _HOST.fullmatch(host):  # a password with a slash in it: no address that works, and still a password
        rest = rest.rpartition("@")[2]
    host, *parts = re.split(r"[?#]", rest, maxsplit=1)[0].split("/")
    return f"{scheme}://{'/'.join([host, *map(_without_key, parts)])}"


def without_passwords(text: str) -> str:
    """A text with the addresses in it as ``without_password`` shows them.

    Example:
        >>> without_passwords("Connection to tcp://a:b@door:80?timeout=5 failed: 'http://door/?pw=x'.")
        "Connection to tcp://door:80 failed: 'http://door/'."
    """
    return _ADDRESS.sub(lambda found: without_password(found[0]), text) if "://" in text else text


def _without_key(part: str) -> str:
    """A part of a path that does not open anything."""
    plainly = unquote(part)
    if re.search(r"[=&;@:]", plainly):
        return "…"
    looks_random = _UUID.search(plainly) or _GROUPS.fullmatch(plainly)
    if looks_random or any(map(_is_random, re.split(r"[-_.~+, ]", plainly))):
        return plainly[:_SHOWN_OF_KEYS] + "…"
    return part


def _is_random(word: str) -> bool:
    """Whether nobody would call anything so: long, and of letters and digits in turns, or without vowels."""
    if len(word) < _LEAST_KEY:
        return False
    if word.isdigit() or len(word) >= 2 * _LEAST_KEY:
        return len(word) >= _LONG_NUMBER
    kinds = ["digit" if c.isdigit() else "upper" if c.isupper() else "lower" for c in word]
    changes = sum(one != other for one, other in itertools.pairwise(kinds))
    vowels = sum(letter in "aeiouyAEIOUY" for letter in word)
    return changes >= len(word) / 3 or vowels < len(word) / 8


_LEAST_KEY, _LONG_NUMBER, _SHOWN_OF_KEYS = 12, 16, 4
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_GROUPS = re.compile(r"(?:[0-9a-z]{4}-){3,}[0-9a-z]{4}", re.IGNORECASE)
"""Keys of video platforms: ``abcd-efgh-ijkl-mnop``."""
_HOST = re.compile(r"[^:\[\]]*(:\d*)?|\[[^\[\]]*\](:\d*)?")
_ADDRESS = re.compile(r"(?<![A-Za-z0-9+./-])[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]*[^\s'\"<>.,;:!?)\]}]")
