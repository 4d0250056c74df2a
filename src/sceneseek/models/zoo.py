"""Builders by name, for recipes, stored weights and the command line."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

from sceneseek.errors import ModelError, UnknownModelError, suggest

Builder = Callable[..., nn.Module]
BuilderT = TypeVar("BuilderT", bound=Builder)

_BUILDERS: dict[str, Builder] = {}
_HOMES = ("sceneseek.models.dcinet",)
"""Modules that register builders; they are imported when a name is first asked for."""


def register(name: str) -> Callable[[BuilderT], BuilderT]:
    """List a builder under ``name``: a decorator.

    Raises:
        ModelError: The name is taken.
    """

    def add(builder: BuilderT) -> BuilderT:
        if name in _BUILDERS:
            raise ModelError(
                f"two builders are called {name!r}: {_BUILDERS[name].__module__} and {builder.__module__}."
            )
        _BUILDERS[name] = builder
        return builder

    return add


def names() -> list[str]:
    """All builders, sorted.

    Example:
        >>> "dcinet_mobilenet_v2" in names()
        True
    """
    for home in _HOMES:
        importlib.import_module(home)
    return sorted(_BUILDERS)


def create(name: str, **options: Any) -> nn.Module:
    """Build a network.

    Args:
        name: One of ``names()``.
        **options: The builder's own, see its docstring.

    Raises:
        UnknownModelError: No builder of that name.
        ModelError: An option is unknown or has a value that the builder refuses.
    """
    known = names()
    if name not in known:
        raise UnknownModelError(f"there is no network called {name!r}.{suggest(name, known)}")
    return _BUILDERS[name](**options)
