"""Text files as people's programs save them: one way of reading for every JSON, TOML, CSV and plain text file.

Text is UTF-8, with or without a byte order mark, with any kind of line end. Everything else is refused with words for
what was found: UTF-16 and UTF-32 (Windows programs call them "Unicode"), one-byte encodings such as Latin-1, whose
letters cannot be told apart, and files that are no text. Guessing would put wrong letters into names without a word.

JSON and TOML are read strictly where a lenient reader would lose something: a key that stands twice in one table is
refused, because one of its values would be dropped. ``NaN`` and ``Infinity``, which JSON does not have but Python and
MATLAB write, are read as the numbers they are; who needs a finite number checks for it and can name the record.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from sceneseek.errors import TextFileError
from sceneseek.file_kinds import kind_in_words

_UTF8_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_HEAD = 4096
_SHOWN = 60
"""Letters of a line that a message repeats."""

_TOML_PLACE = re.compile(r"^(?P<what>.*?) \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
_TOML_WORDS = {
    "Cannot overwrite a value": "this key stands twice",
    "Cannot declare": "this table stands twice",
    "Cannot mutate immutable": "this table was closed before",
}


def read_text(path: str | Path) -> str:
    r"""Read a text file; line ends of every kind become ``"\n"``.

    Raises:
        OSError: The file cannot be opened.
        TextFileError: It is not UTF-8 text; the message says what it is and what to do, and names no file.
    """
    return _with_plain_line_ends(decoded(Path(path).read_bytes()))


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        OSError: The file cannot be opened.
        TextFileError: It is not UTF-8 text or not JSON, or a key stands twice in one object.
    """
    return parse_json(decoded(Path(path).read_bytes()))


def decoded(data: bytes) -> str:
    r"""The text that a file holds.

    Args:
        data: All of the file.

    Raises:
        TextFileError: It is not UTF-8 text.

    Example:
        >>> decoded(b"\xef\xbb\xbfcaf\xc3\xa9")
        'café'
    """
    wide = next((name for mark, name in _WIDE_MARKS if data.startswith(mark)), None)
    if wide is not None:
        raise TextFileError(f"it is {wide} text; save it as UTF-8")
    if b"\0" in data[:_HEAD]:
        raise TextFileError(_with_nul_bytes(data[:_HEAD]))
    try:
        return data.removeprefix(_UTF8_MARK).decode("utf-8")
    except UnicodeDecodeError as error:
        kind = kind_in_words(data[:_HEAD])
        if not kind.startswith("an unknown kind") and kind != "text":
            raise TextFileError(f"it is {kind}; expected UTF-8 text") from error
        where = error.start + len(data) - len(data.removeprefix(_UTF8_MARK))
        line = data.count(b"\n", 0, where) + 1
        raise TextFileError(
            f"it is not UTF-8 text (byte {data[where]:02x} in line {line}); open it with its right encoding and save "
            "it as UTF-8"
        ) from error


def lines_of(text: str) -> list[str]:
    r"""The lines of a text, without their ends; only line feeds and carriage returns end one.

    ``str.splitlines`` would also cut at letters such as U+2028, which names of files may hold.

    Example:
        >>> lines_of("one\r\ntwo\rthree\u2028and more\n")
        ['one', 'two', 'three\u2028and more']
    """
    lines = _with_plain_line_ends(text).split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def parse_json(text: str) -> Any:
    """Read a JSON text.

    Raises:
        TextFileError: It is not JSON, or a key stands twice in one object.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_doubles)
    except TextFileError:
        raise
    except json.JSONDecodeError as error:
        raise TextFileError(f"it is not JSON: {_json_mistake(error)}") from error
    except (ValueError, RecursionError) as error:
        what = "a number has too many digits" if isinstance(error, ValueError) else "it is nested too deeply"
        raise TextFileError(f"it is not JSON that can be read: {what}") from error


def parse_toml(text: str) -> dict[str, Any]:
    """Read a TOML text.

    Raises:
        TextFileError: It is not TOML, or a key or a table stands twice.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TextFileError(f"it is not valid TOML: {_toml_mistake(str(error), text)}") from error
    except (ValueError, RecursionError) as error:  # dates such as 2026-02-30, brackets without an end
        raise TextFileError(f"it is not valid TOML: {str(error).strip() or 'it is nested too deeply'}") from error


def _with_plain_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _with_nul_bytes(head: bytes) -> str:
    """What is wrong with a file that holds NUL bytes: UTF-16 without a mark has one beside every Latin letter."""
    for first in (0, 1):
        if head[first::2].count(0) > len(head) // 4 and head[1 - first :: 2].count(0) == 0:
            return "it is UTF-16 text without a byte order mark; save it as UTF-8"
    kind = kind_in_words(head)
    return f"it is {'a file with NUL bytes' if kind == 'text' else kind}; expected UTF-8 text"


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        seen: set[str] = set()
        doubled = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        name = f" with the id {table['id']}" if isinstance(table.get("id"), int | str) and doubled != "id" else ""
        raise TextFileError(f"the key {doubled!r} stands twice in one object{name}; one of its values would be lost")
    return table


def _json_mistake(error: json.JSONDecodeError) -> str:
    text, at = error.doc, error.pos
    before, rest = text[:at].rstrip(), text[at:].lstrip()
    place = f"line {error.lineno}, column {error.colno}"
    if not text.strip():
        return "it is empty"
    if not rest or error.msg.startswith("Unterminated string"):
        return "it ends in the middle; it was cut off, or not written to its end"
    if error.msg.startswith("Extra data"):
        also = " (JSON Lines, one object a line, is not read)" if rest.startswith(("{", "[")) else ""
        return f"more follows after its end at {place}{also}; expected one object"
    # Python 3.13 points at the comma, earlier versions behind it.
    if (before.endswith(",") and rest[0] in "]}") or (rest[0] == "," and rest[1:].lstrip()[:1] in ("]", "}")):
        return f"there is a comma before a closing bracket at {place}; remove it"
    if rest.startswith(("//", "/*", "#")):
        return f"there is a comment at {place}; JSON has none"
    if rest[0] in "'“”‘’":
        return f'there is a quotation mark {rest[0]} at {place}; expected "'
    return f"{error.msg[:1].lower()}{error.msg[1:]} at {place}: {_shown(rest)}"


def _toml_mistake(message: str, text: str) -> str:
    match = _TOML_PLACE.match(message)
    if match is None:
        return message
    what = next((words for begin, words in _TOML_WORDS.items() if match["what"].startswith(begin)), match["what"])
    if match["line"] is None:
        return f"{what[:1].lower()}{what[1:]}, at its end"
    number = int(match["line"])
    lines = lines_of(text)
    line = lines[number - 1] if number <= len(lines) else ""
    return f"{what[:1].lower()}{what[1:]}, in line {number}: {_shown(line)}"


def _shown(text: str) -> str:
    line = lines_of(text.strip(" \t\r\n") or " ")[0]
    return repr(line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…")
