"""Tables in CSV files, as programs save them: commas, semicolons or tabs, Excel's first line, decimal commas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sceneseek import text_files
from sceneseek.data.problems import BadRecord, OnProblem, Place, Problem
from sceneseek.errors import TextFileError, suggest

_DELIMITERS = ",;\t|"
_EXCEL = re.compile(r"sep=(.)", re.IGNORECASE)
"""What Excel writes, and reads, as the first line of a table whose delimiter is not that of the country."""
_DAMAGED = "damaged annotation file"


@dataclass(frozen=True)
class TableRow:
    """One line of a table.

    Attributes:
        line: Its number in the file; of an entry of several lines the last.
        cells: By column, without spaces around them; those that are missing at its end are empty.
        decimal_comma: Whether a comma inside of a number is its decimal point, as in a table that semicolons divide.
    """

    line: int
    cells: dict[str, str]
    decimal_comma: bool

    def number(self, column: str) -> float:
        """A cell as a number.

        Raises:
            ValueError: It is none.
        """
        text = self.cells[column]
        return float(text.replace(",", ".") if self.decimal_comma and "." not in text else text)


def read_rows(file: Path, columns: Sequence[str], on_problem: OnProblem) -> Iterator[TableRow]:
    """Read a table whose first line names its columns.

    Args:
        file: The CSV file.
        columns: Those that must be there, in any order and in any spelling of capitals.
        on_problem: Told of columns that are not read, and of lines that have more cells than there are columns.

    Yields:
        The lines that can be read; empty ones are passed over.

    Raises:
        BadRecord: The file is not UTF-8 text or not a table, or a column is missing or stands twice.
    """
    place = Place(file)
    try:
        text = text_files.read_text(file)
    except TextFileError as error:
        raise BadRecord(place, f"the file cannot be read: {error}.", _DAMAGED) from error
    delimiter = _delimiter(text, columns)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    try:
        for cells in reader:
            if names is None:
                if not any(cells) or (_EXCEL.fullmatch(text.split("\n", 1)[0].strip()) and reader.line_num == 1):
                    continue
                names = _checked(cells, columns, place, on_problem)
            elif any(cell.strip() for cell in cells):
                at = Place(file, f"line {reader.line_num}")
                if any(cell.strip() for cell in cells[len(names) :]):
                    message = (
                        f"there are {len(cells)} cells for {len(names)} columns; a cell that holds "
                        f"{_in_words(delimiter)} needs quotation marks."
                    )
                    on_problem(Problem("unreadable record", at, message))
                    continue
                found = dict.fromkeys(names, "") | {n: c.strip() for n, c in zip(names, cells, strict=False)}
                yield TableRow(reader.line_num, found, delimiter != ",")
    except csv.Error as error:
        raise BadRecord(Place(file, f"line {reader.line_num}"), f"the table ends or breaks here: {error}. Look for a "
                        "quotation mark without its partner.", _DAMAGED) from error  # fmt: skip
    if names is None:
        raise BadRecord(place, f"the file is empty; expected a table with the columns {','.join(columns)}.", _DAMAGED)


def _delimiter(text: str, columns: Sequence[str]) -> str:
    """The one that divides the line of names into the most columns that are wanted."""
    lines = [line for line in text.split("\n") if line.strip()]
    stated = _EXCEL.fullmatch(lines[0].strip()) if lines else None
    if stated is not None:
        return stated[1]
    head = lines[0] if lines else ""
    return max(_DELIMITERS, key=lambda d: sum(_plain(cell) in columns for cell in head.split(d)))


def _checked(cells: Sequence[str], columns: Sequence[str], place: Place, on_problem: OnProblem) -> list[str]:
    names = [_plain(cell) for cell in cells]
    for column in columns:
        if column not in names:
            raise BadRecord(place, f"there is no column '{column}'.{suggest(column, names)}")
        if names.count(column) > 1:
            raise BadRecord(place, f"the column '{column}' stands twice; one of them would be lost.")
    others = [name for name in names if name and name not in columns]
    if others:
        message = f"further columns are not read: {', '.join(others)}."
        on_problem(Problem("columns not read", place, message, "note"))
    return names


def _plain(cell: str) -> str:
    return cell.strip().strip('"').strip().casefold()


def _in_words(delimiter: str) -> str:
    return {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}.get(delimiter, repr(delimiter))
