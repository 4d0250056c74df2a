"""Builders by name, for recipes, stored weights and the command line."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

from sceneseek.errors import ModelError, UnknownModelError, suggest
from sceneseek.models.options import NetworkOptions

Builder = Callable[..., nn.Module]
BuilderT = TypeVar("BuilderT", bound=Builder)

_BUILDERS: dict[str, Builder] = {}
_DEFAULTS: dict[str, NetworkOptions] = {}
_HOMES = (
    "sceneseek.models.alignps",
    "sceneseek.models.coat",
    "sceneseek.models.dcinet",
    "sceneseek.models.inet",
    "sceneseek.models.nae",
    "sceneseek.models.oim",
    "sceneseek.models.oimnetpp",
    "sceneseek.models.roi_alignps",
    "sceneseek.models.seqnet",
)
"""Modules that register builders; they are imported when a name is first asked for."""


def register(name: str, defaults: NetworkOptions | None = None) -> Callable[[BuilderT], BuilderT]:
    """List a builder under ``name``: a decorator.

    Args:
        name: Its name.
        defaults: The options it uses where none are given, for recipes to be checked against and pages to show.

    Raises:
        ModelError: The name is taken.
    """

    def add(builder: BuilderT) -> BuilderT:
        if name in _BUILDERS:
            raise ModelError(
                f"two builders are called {name!r}: {_BUILDERS[name].__module__} and {builder.__module__}."
            )
        _BUILDERS[name] = builder
        if defaults is not None:
            _DEFAULTS[name] = defaults
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


def default_options(name: str) -> NetworkOptions:
    """The options that a builder uses where none are given.

    Raises:
        UnknownModelError: No builder of that name, or it has not said.

    Example:
        >>> default_options("dcinet_mobilenet_v2").changed({"max_detections": 7}).max_detections
        7
    """
    names()
    if name not in _DEFAULTS:
        raise UnknownModelError(f"there is no network called {name!r} with options.{suggest(name, list(_DEFAULTS))}")
    return _DEFAULTS[name]


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
