"""MATLAB files as CUHK-SYSU and PRW use them: nested struct arrays and cells, read to and written from plain values.

What ``scipy.io`` returns for a struct depends on how many entries it has and on which MATLAB wrote it. The functions
here take that away once: entries come as flat sequences, whatever their number.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from numpy.typing import NDArray

from sceneseek.data.problems import BadRecord, Place

ObjectArray = NDArray[np.object_]
_DAMAGED = "damaged annotation file"


def load_variables(file: str | Path) -> dict[str, NDArray[Any]]:
    """Read every variable of a MATLAB file (up to version 7.2; nothing in it is executed).

    Raises:
        DataError: The file is missing, truncated, or not a MATLAB file of a version that can be read.
    """
    file = Path(file)
    if not file.is_file():
        raise BadRecord(Place(file), "the file does not exist; check that the folder holds all annotation files.",
                        "missing annotation file")  # fmt: skip
    try:
        table = scipy.io.loadmat(file)
    except NotImplementedError as cause:
        raise BadRecord(Place(file), "this is a MATLAB 7.3 (HDF5) file; save it again with MATLAB's option '-v7'.",
                        _DAMAGED) from cause  # fmt: skip
    except (ValueError, TypeError, OSError, EOFError, KeyError, IndexError, MemoryError, zlib.error) as cause:
        raise BadRecord(Place(file), f"the file is truncated or not a MATLAB file ({cause}). Copy it again from its "
                        "source.", _DAMAGED) from cause  # fmt: skip
    except scipy.io.matlab.MatReadError as cause:
        raise BadRecord(Place(file), f"the file is empty or not a MATLAB file ({cause}). Copy it again from its "
                        "source.", _DAMAGED) from cause  # fmt: skip
    return {str(name): value for name, value in table.items() if not str(name).startswith("__")}


def load_variable(file: str | Path, name: str) -> NDArray[Any]:
    """Read one variable of a MATLAB file.

    Raises:
        DataError: The file cannot be read, or holds no variable of that name.
    """
    variables = load_variables(file)
    if name not in variables:
        raise BadRecord(Place(Path(file)), f"there is no variable '{name}'; the file holds "
                        f"{', '.join(sorted(variables)) or 'none'}.")  # fmt: skip
    return variables[name]


def flat(value: Any) -> list[Any]:
    """Entries of a cell or struct array as a list, for any shape: ``(1, n)``, ``(n, 1)``, a single one, or none."""
    return list(np.asarray(value).reshape(-1))


def field(record: Any, key: str | int, place: Place) -> NDArray[Any]:
    """One field of one struct, unpacked from the ``(1, 1)`` arrays that scipy wraps structs in.

    Args:
        record: The struct.
        key: The field's name, or its place where only that is agreed upon.
        place: Where the struct is, for the message of an error.

    Raises:
        BadRecord: There is no such field.
    """
    value = record
    while isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    names = getattr(getattr(value, "dtype", None), "names", None) or ()
    if key not in (range(len(names)) if isinstance(key, int) else names):
        wanted = f"at least {key + 1} fields" if isinstance(key, int) else f"the field '{key}'"
        found = f"the fields {', '.join(names)}" if names else "no struct"
        raise BadRecord(place, f"expected a struct with {wanted}; found {found}.")
    return np.asarray(value[key])


def text(value: Any) -> str:
    """A MATLAB string, however often it is wrapped; empty for an empty array.

    Example:
        >>> text(np.array([["s1.jpg"]], object))
        's1.jpg'
    """
    while isinstance(value, np.ndarray):
        if value.size == 0:
            return ""
        value = value.reshape(-1)[0]
    return str(value)


def struct_array(records: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> ObjectArray:
    """A MATLAB ``1 x n`` struct array with the given fields, ready for ``scipy.io.savemat``."""
    array = np.empty((1, len(records)), dtype=[(name, object) for name in fields])
    for i, record in enumerate(records):
        array[0, i] = tuple(record[name] for name in fields)
    return array


def cell_column(values: Sequence[Any]) -> ObjectArray:
    """A MATLAB ``n x 1`` cell array."""
    cells = np.empty((len(values), 1), object)
    for i, value in enumerate(values):
        cells[i, 0] = value
    return cells


def save_variables(file: str | Path, **variables: Any) -> None:
    """Write variables to a compressed MATLAB 5 file, making its folder."""
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(file, variables, do_compression=True)
