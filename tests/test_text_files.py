from __future__ import annotations

from pathlib import Path

import pytest

from sceneseek.errors import TextFileError
from sceneseek.text_files import decoded, lines_of, parse_json, parse_toml, read_json, read_text

TEXT = 'name = "Größe 写真"\nsize = 3\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_utf_8_is_read_with_any_mark_and_line_end(tmp_path: Path, encoding: str, line_end: str) -> None:
    file = tmp_path / "saved.toml"
    file.write_bytes(TEXT.replace("\n", line_end).encode(encoding))
    assert read_text(file) == TEXT
    assert parse_toml(read_text(file)) == {"name": "Größe 写真", "size": 3}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (TEXT.encode("utf-16"), r"^it is UTF-16 text; save it as UTF-8$"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "^it is UTF-16 text; save it as UTF-8$"),
        (TEXT.encode("utf-16-le"), "UTF-16 text without a byte order mark; save it as UTF-8"),
        ("a = 1\n".encode("utf-16-be"), "UTF-16 text without a byte order mark; save it as UTF-8"),
        (TEXT.encode("utf-32"), "^it is UTF-32 text; save it as UTF-8$"),
        ("a = 1\nb = 'Größe'\n".encode("latin-1"), r"not UTF-8 text \(byte f6 in line 2\).* save it as UTF-8$"),
        (b"\xef\xbb\xbfx\n\n\xff", r"byte ff in line 3"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "it is a gzip file; expected UTF-8 text"),
        (b"PK\x03\x04\x14\0\x06\0\x08", "it is a ZIP archive; expected UTF-8 text"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it is a PNG picture; expected UTF-8 text"),
        (b"\x89HDF\r\n\x1a\n\xff\xff", "it is an HDF5 file; expected UTF-8 text"),
        (b"one\0two", "NUL bytes|unknown kind"),
    ],
)
def test_everything_else_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(TextFileError, match=words) as caught:
        decoded(data)
    assert "\\x" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_an_empty_file_is_a_text_and_not_json(tmp_path: Path) -> None:
    (tmp_path / "empty.json").touch()
    assert read_text(tmp_path / "empty.json") == ""
    with pytest.raises(TextFileError, match="it is empty"):
        read_json(tmp_path / "empty.json")
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "missing.json")


def test_lines_end_at_line_ends_alone() -> None:
    assert lines_of("a\x0bb\x0cc\x85d\u2028e\u2029f\r\ng\n\nh") == ["a\x0bb\x0cc\x85d\u2028e\u2029f", "g", "", "h"]
    assert lines_of("") == []
    assert lines_of("\n") == [""]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1,}', "a comma before a closing bracket at line 1"),
        ("[1,\n 2,\n]", "a comma before a closing bracket at line"),
        ('{"a": 1}\n{"a": 2}\n', r"more follows after its end at line 2, column 1 \(JSON Lines"),
        ('{"a": 1}}', "more follows after its end at line 1, column 9; expected one object"),
        ('{"a": [1, 2', "ends in the middle"),
        ('{"a": "b', "ends in the middle"),
        ("{'a': 1}", "a quotation mark '"),
        ("{“a”: 1}", "a quotation mark “"),
        ('{"a": None}', "expecting value at line 1, column 7: 'None}'"),
        ('// a\n{"a": 1}', "a comment at line 1"),
        ('{"a": 1, "a": 1}', "the key 'a' stands twice in one object; one of its values would be lost"),
        ('[{"id": 7, "box": 1, "box": 2}]', "the key 'box' stands twice in one object with the id 7"),
        ('{"images": [], "x": {}, "images": [1]}', "'images' stands twice"),
        ("[" * 200_000, "nested too deeply"),
        ("9" * 10_000, "too many digits"),
        ("", "it is empty"),
        ("\ufeff{}", "BOM|expecting value"),
    ],
)
def test_mistakes_in_json_are_named(text: str, words: str) -> None:
    with pytest.raises(TextFileError, match=words):
        parse_json(text)


def test_json_of_python_and_matlab_keeps_its_special_numbers() -> None:
    values = parse_json('{"a": NaN, "b": -Infinity, "c": 1e400, "d": 18446744073709551611}')
    assert values["a"] != values["a"]
    assert values["b"] == -values["c"] == float("-inf")
    assert values["d"] == 2**64 - 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = 1\na = 2\n", "this key stands twice"),
        ("[data]\na = 1\n[data]\nb = 2\n", r"this table stands twice, in line 3: '\[data\]'"),
        ("rate = “0.1”\n", "invalid value, in line 1: 'rate = “0.1”'"),
        ("\n\nrate = \n", "in line 3"),
        ("a = 2026-02-30", "invalid date|day is out of range|day"),
        ("a = [1,", "invalid value"),
        ("\u00a0a = 1", r"invalid statement, in line 1: '\\xa0a = 1'"),
    ],
)
def test_mistakes_in_toml_are_named_with_their_line(text: str, words: str) -> None:
    with pytest.raises(TextFileError, match=words):
        parse_toml(text)
