"""What a run writes down: one JSON object per line, and the same for TensorBoard.

Each line has ``kind`` (``"train"`` or ``"evaluation"``), ``step`` and numbers. A run that is continued first drops the
lines that came after its checkpoint, so the file never says anything twice.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sceneseek import text_files
from sceneseek.errors import CheckpointError, TextFileError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

Record = dict[str, Any]


def read_log(path: Path) -> list[Record]:
    """Read a log; a last line that was cut off while it was written is left out.

    Args:
        path: The JSON-lines file; a missing one is an empty log.

    Returns:
        Its records in order.

    Raises:
        CheckpointError: A line is damaged; the message gives its number.
    """
    if not path.is_file():
        return []
    try:
        *whole, last = text_files.read_text(path).split("\n")
    except TextFileError as error:
        raise CheckpointError(f"{path} is damaged ({error}). Put back a copy of it, or remove it.") from error
    records = [_record(line, f"{path}, line {number}") for number, line in enumerate(whole, start=1) if line.strip()]
    with suppress(CheckpointError):
        records.append(_record(last, f"{path}, last line"))
    return records


def _record(line: str, place: str) -> Record:
    try:
        record = text_files.parse_json(line)
    except TextFileError as error:
        raise CheckpointError(f"{place} is damaged ({error}). Correct the line, or remove it.") from error
    if not isinstance(record, dict) or not isinstance(record.get("step"), int):
        raise CheckpointError(f"{place} is not a record of this log: it has no step. Remove the line.")
    return record


class TrainingLog:
    """Appends records to ``log.jsonl`` and to TensorBoard's event files.

    Args:
        folder: The run's folder; ``log.jsonl`` and ``tensorboard/`` are made in it.
        last_step: The step from which the run goes on; what was written about later ones is dropped.
    """

    def __init__(self, folder: Path, last_step: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "log.jsonl"
        self._board_folder = folder / "tensorboard"
        self._last_step = last_step
        self._board: SummaryWriter | None = None
        self._keep_until(last_step)
        self._file = self.path.open("a", encoding="utf-8")

    def write(self, record: Record) -> None:
        """Append one record and make it visible to readers."""
        self._file.write(json.dumps(record, allow_nan=False) + "\n")
        self._file.flush()
        board = self._tensorboard()
        for name, value in record.items():
            if isinstance(value, int | float) and name != "step":
                board.add_scalar(name if "/" in name else f"{record['kind']}/{name}", value, record["step"])
        board.flush()

    def close(self) -> None:
        """Finish both files."""
        self._file.close()
        if self._board is not None:
            self._board.close()

    def _tensorboard(self) -> SummaryWriter:
        if self._board is None:
            from torch.utils.tensorboard import SummaryWriter

            purge = self._last_step + 1 if self._last_step else None
            self._board = SummaryWriter(str(self._board_folder), purge_step=purge)
        return self._board

    def _keep_until(self, last_step: int) -> None:
        kept = [record for record in read_log(self.path) if record["step"] <= last_step]
        partial = self.path.with_name(f"{self.path.name}.partial")
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(record, allow_nan=False) + "\n" for record in kept)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)
