"""A name for what a gallery held at one moment, so that a report says exactly what was searched."""

from __future__ import annotations

import hashlib

from sceneseek.gallery.schema import MANIFEST, TABLES
from sceneseek.gallery.store import Gallery
from sceneseek.gallery.tables import Tables


def state_of(gallery: Gallery) -> str:
    """A digest of the gallery's manifest and the versions of its tables: equal until something is written.

    Returns:
        SHA-256, hexadecimal.
    """
    tables = Tables(gallery.path)
    digest = hashlib.sha256((gallery.path / MANIFEST).read_bytes())
    for name in TABLES:
        if name in tables:
            digest.update(f"{name} {int(tables[name].version)}\n".encode())
    return digest.hexdigest()
