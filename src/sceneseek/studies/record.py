"""What a study's folder says it was made from, and the refusal to mix it with anything else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sceneseek import text_files
from sceneseek.errors import CheckpointError
from sceneseek.studies.definition import Study
from sceneseek.studies.one_run import write_whole
from sceneseek.training.checkpoint import differences

RECORD = "study.json"
_WORDS = ("title", "question", "seeds", "baseline")
"""Of a study: they decide what is told, not what comes out of a run."""


def keep_record(study: Study, out: Path, facts: Mapping[str, Mapping[str, str]]) -> None:
    """Write down what the folder is made from, or compare it with what it was made from before.

    New rows and other seeds may be added to a study; what a finished run depends on may not change.

    Args:
        study: The definition.
        out: The study's folder.
        facts: Hashes of data and weights, by name.

    Raises:
        CheckpointError: The definition, the data or the weights are not those of the folder.
    """
    now = {**_decisive(study), **{name: dict(values) for name, values in facts.items()}}
    path = out / RECORD
    if path.is_file():
        before = _read(path)
        # Rows that are only here or only there disturb nobody.
        shared = before["rows"].keys() & now["rows"].keys()
        old, new = ({**each, "rows": {name: each["rows"][name] for name in shared}} for each in (before, now))
        changes = differences(old, new)
        if changes:
            more = f"; and {len(changes) - 5} more" if len(changes) > 5 else ""
            raise CheckpointError(
                f"{out} holds a study of another definition ({'; '.join(changes[:5])}{more}). Continue it with the "
                "definition that made it, or choose another --out."
            )
        now["rows"] = {**before["rows"], **now["rows"]}
    write_whole(path, json.dumps(now, indent=1))


def _decisive(study: Study) -> dict[str, Any]:
    table = study.model_dump(mode="json")
    rows = {row.pop("name"): row for row in table.pop("rows")}
    for row in rows.values():
        del row["sentence"], row["seeds"]
    return {**{key: value for key, value in table.items() if key not in _WORDS}, "rows": rows}


def _read(path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = text_files.read_json(path)
        record["rows"].keys()
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}). Choose another --out.") from error
    return record
