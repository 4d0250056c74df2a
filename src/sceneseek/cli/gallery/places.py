"""What a user calls a file, and what a gallery does."""

from __future__ import annotations

import os

from sceneseek.words import is_address, without_password


def place(name: str) -> str:
    """A path or an address as the gallery knows it; what is neither, a content key, stays."""
    if is_address(name):
        return without_password(name)
    looks_like_path = os.sep in name or name.startswith(("~", ".")) or os.path.exists(name)
    return os.path.abspath(os.path.expanduser(name)) if looks_like_path else name
