"""Parts of what was made in memory, and what a caller has already: ranges and conditions of RFC 9110.

Browsers ask for a video by its bytes: Safari for the first two before it believes in the rest. Files of the page are
answered by the framework; this is for pictures and clips, which lie in no file.

One range is answered with its part (206), several with the whole (200); one that lies beyond the end is refused (416),
and one that cannot be read is ignored.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from sceneseek.web.refusals import Refusal

_ONE_RANGE = re.compile(r"bytes=[ \t]*(\d*)-(\d*)[ \t]*", re.IGNORECASE)
_MOST_DIGITS = 18


class Span(NamedTuple):
    """A part of some bytes.

    Attributes:
        start: Its first byte.
        stop: The one after its last.
    """

    start: int
    stop: int


def plain_range(header: str) -> str | None:
    """A ``Range`` header in the form that any reader takes, ``None`` where it asks for no single part.

    Example:
        >>> [plain_range(text) for text in ("Bytes= 00-1", "bytes=-500", "bytes=-", "bytes=5-2", "bytes=0-1,4-5")]
        ['bytes=0-1', 'bytes=-500', None, None, None]
    """
    match = _ONE_RANGE.fullmatch(header)
    if match is None or not any(match.groups()):
        return None
    first, last = (_number(digits) if digits else None for digits in match.groups())
    if first is not None and last is not None and first > last:
        return None
    return f"bytes={'' if first is None else first}-{'' if last is None else last}"


def span_of(header: str, size: int) -> Span | None:
    """The part that a ``Range`` header asks for.

    Args:
        header: Its value.
        size: Bytes that there are.

    Returns:
        The part; ``None`` for all of it.

    Raises:
        Refusal: (416) There is no such part.

    Example:
        >>> span_of("bytes=0-1", 10), span_of("bytes=8-", 10), span_of("bytes=-3", 10), span_of("bytes=8-99", 10)
        (Span(start=0, stop=2), Span(start=8, stop=10), Span(start=7, stop=10), Span(start=8, stop=10))
    """
    plain = plain_range(header)
    if plain is None:
        return None
    first, _, last = plain.removeprefix("bytes=").partition("-")
    if first:
        span = Span(int(first), min(size, int(last) + 1) if last else size)
    else:
        span = Span(max(0, size - int(last)), size)
    if span.start >= size:
        refusal = Refusal(416, "There is no such part.", found=header[:80], expected=f"bytes 0 to {size - 1:,}")
        refusal.headers = {"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"}
        raise refusal
    return span


def answer(request: Request, content: bytes, media_type: str) -> Response:
    """Answer with bytes, or with the part that is asked for, or that the caller has them already.

    Args:
        request: What it asks for.
        content: All of it.
        media_type: What it is.

    Raises:
        Refusal: (412) The caller wants what it was before; (416) there is no such part.
    """
    tag = f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes"}
    wanted = request.headers.getlist("if-match")
    if wanted and not {"*", tag} & _names(wanted):  # a weak name is not enough here
        refusal = Refusal(412, "It is not what it was before; ask for all of it again.")
        refusal.headers = {"ETag": tag}
        raise refusal
    if _has_it(request.headers.getlist("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    ranges = request.headers.getlist("range")
    if len(ranges) != 1 or request.headers.get("if-range", tag) != tag:
        return Response(content, media_type=media_type, headers=headers)
    span = span_of(ranges[0], len(content))
    if span is None:
        return Response(content, media_type=media_type, headers=headers)
    headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{len(content)}"
    return Response(content[span.start : span.stop], 206, headers, media_type)


def _has_it(conditions: list[str], tag: str) -> bool:
    return bool({"*", tag} & {name.removeprefix("W/") for name in _names(conditions)})


def _names(conditions: list[str]) -> set[str]:
    return {name.strip() for condition in conditions for name in condition.split(",")}


def _number(digits: str) -> int:
    """A number, and a large one for one that has too many digits to matter."""
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS
