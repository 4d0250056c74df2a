"""Choices made when a network is built: plain values, checked at birth, as recipes and weight files hold them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints

from sceneseek.errors import ModelError, suggest


@dataclass(frozen=True)
class NetworkOptions:
    """Options of one network, or a block of them that several share.

    A network's options are a frozen dataclass made from such blocks; every field has a default.

    Attributes:
        network: What messages call it.

    Example:
        >>> @dataclass(frozen=True)
        ... class Options(NetworkOptions):
        ...     network = "a net"
        ...     pooling: Literal["average", "max"] = "average"
        ...     size: tuple[int, int] = (7, 7)
        >>> Options().changed({"pooling": "max", "size": [14, 14]})
        Options(pooling='max', size=(14, 14))
    """

    network: ClassVar[str] = "this network"

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            if get_origin(hint) is Literal and getattr(self, name) not in get_args(hint):
                choices = ", ".join(repr(choice) for choice in get_args(hint))
                raise ModelError(
                    f"option {name} of {self.network} must be one of {choices}; it is {getattr(self, name)!r}."
                )

    def changed(self, options: dict[str, Any]) -> Self:
        """These options with some replaced; lists, as recipes and JSON hold them, become tuples.

        Raises:
            ModelError: There is no such option, or it cannot have that value.
        """
        known = [field.name for field in fields(self)]
        for name in options:
            if name not in known:
                raise ModelError(f"{self.network} has no option {name!r}.{suggest(name, known)}")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
        return replace(self, **values)

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the losses that a network with these options returns in training, sorted."""
        raise NotImplementedError
