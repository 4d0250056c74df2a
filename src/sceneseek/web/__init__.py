"""The gallery behind a page: an HTTP interface over a finder, and the files of the page.

``create_app`` and ``Settings`` are loaded when they are first used: the processes that decode strangers' pictures live
in this room too, and start without the rest of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sceneseek.web.app import create_app
    from sceneseek.web.settings import Limits, Role, Settings, Token

_HOMES = {
    "Limits": "sceneseek.web.settings",
    "Role": "sceneseek.web.settings",
    "Settings": "sceneseek.web.settings",
    "Token": "sceneseek.web.settings",
    "create_app": "sceneseek.web.app",
}

__all__ = ["Limits", "Role", "Settings", "Token", "create_app"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
