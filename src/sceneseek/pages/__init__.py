"""What all pages that we write share: the head, the colours, and the engine that fills templates.

A page carries everything inside and leads nowhere: no script, no address outside. Its own policy says so to browsers.
"""

from __future__ import annotations

from typing import Any

from sceneseek.words import printable


def environment(*packages: str) -> Any:
    """The template engine; it escapes everything, shows what would not be seen, and misses no name in silence.

    Args:
        packages: Packages whose ``templates`` are looked through, the first one first; those of this one come last.

    Returns:
        A ``jinja2.Environment``.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, "sceneseek.pages")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _harmless(value: Any) -> Any:
    """Text of strangers as it may be shown; what is markup of ours is left alone."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return "\n".join(map(printable, value.split("\n")))
    return value
