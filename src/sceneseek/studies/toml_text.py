"""Tables as TOML text: the standard library reads TOML and does not write it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def toml_text(table: Mapping[str, Any]) -> str:
    """Write tables of plain values, in their order.

    Args:
        table: Strings, numbers, booleans, lists, tables, and lists of tables.

    Example:
        >>> print(toml_text({"seed": 1, "model": {"size": [24, 12], "options": {"a b": "☃"}}}), end="")
        seed = 1
        <BLANKLINE>
        [model]
        size = [24, 12]
        <BLANKLINE>
        [model.options]
        "a b" = "☃"
    """
    return "\n".join(_lines(table, "")).lstrip("\n") + "\n"


def _lines(table: Mapping[str, Any], path: str) -> Iterator[str]:
    for key, value in table.items():
        if not _is_table(value) and not _are_tables(value):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        inner = f"{path}.{_key(key)}".lstrip(".")
        if _is_table(value):
            yield f"\n[{inner}]"
            yield from _lines(value, inner)
        elif _are_tables(value):
            for row in value:
                yield f"\n[[{inner}]]"
                yield from _lines(row, inner)


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _are_tables(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 0 and all(map(_is_table, value))


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, float):
        return repr(value)  # the shortest text that reads back as the same number
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
