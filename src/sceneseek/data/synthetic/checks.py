"""What the specs of synthetic worlds refuse, in one voice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sceneseek.errors import ValueRefused


def refuse_below(spec: object, least: Mapping[str, int]) -> None:
    """Refuse a number of a spec that is too small.

    Args:
        spec: A dataclass.
        least: The least value by name of the attribute.

    Raises:
        ValueRefused: One is smaller.
    """
    for name, low in least.items():
        value = getattr(spec, name)
        if value < low:
            raise ValueRefused(f"{type(spec).__name__}: {name} is {value}; expected at least {low}.")


def refuse_no_share(spec: object, names: Sequence[str]) -> None:
    """Refuse a share of a spec that is none, or that leaves nothing.

    Raises:
        ValueRefused: One is below 0, or 1 and more.
    """
    for name in names:
        value = getattr(spec, name)
        if not 0.0 <= value < 1.0:
            raise ValueRefused(f"{type(spec).__name__}: {name} is {value}; expected a share from 0 to below 1.")
