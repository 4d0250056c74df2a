"""What a model's name says besides which model it is."""

from __future__ import annotations

from pathlib import Path

TILED = "-tiled"
"""Behind the name of a detector or of a person-search network: look closer (``models.tiling``)."""


def split_name(spec: str) -> tuple[str, bool]:
    """Take ``-tiled`` off a name; also say whether it was there. A file that is called so is a file.

    Example:
        >>> split_name("dcinet-synthetic-tiled"), split_name("dcinet-synthetic")
        (('dcinet-synthetic', True), ('dcinet-synthetic', False))
    """
    name = spec.removesuffix(TILED)
    return (spec, False) if Path(spec).is_file() else (name, name != spec)


def lasting_name(spec: str, name: str) -> str:
    """The name by which a gallery finds its model again, from any folder.

    Args:
        spec: What the user wrote.
        name: What the model is called: enough, but for a file of weights, which goes by its whole path.

    Example:
        >>> lasting_name("dcinet-synthetic", "dcinet-synthetic")
        'dcinet-synthetic'
    """
    file, tiled = split_name(spec)
    return f"{Path(file).absolute()}{TILED if tiled else ''}" if Path(file).is_file() else name
