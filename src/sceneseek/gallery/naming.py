"""Files of a gallery under the names that people give them: content keys, any path at which they were met, folders."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from sceneseek.errors import NotInGalleryError
from sceneseek.gallery.filters import Filters
from sceneseek.gallery.records import MediaRecord


def keys_of(records: Iterable[MediaRecord], named: Iterable[str]) -> set[str]:
    """Content keys of files named by key, by path or by a folder above them.

    Raises:
        NotInGalleryError: A name stands for no file.
    """
    known = list(records)
    by_key = {record.key for record in known}
    found: set[str] = set()
    for name in named:
        if name in by_key:
            found.add(name)
            continue
        keys = {record.key for record in known if _is_met_at(record, {_without_end(name)})}
        if not keys:
            raise NotInGalleryError(f"the gallery knows no file {name!r}, by path or by content key.")
        found |= keys
    return found


def keys_at(records: Iterable[MediaRecord], places: Iterable[str]) -> set[str]:
    """Content keys of all files that were met at some paths, or in some folders."""
    wanted = set(map(_without_end, places))
    return {record.key for record in records if _is_met_at(record, wanted)}


def narrowed(filters: Filters, records: Iterable[MediaRecord], named: Sequence[str]) -> Filters:
    """Filters that let those alone pass who were seen in some files, whichever of its names a file is called by.

    Args:
        filters: Further conditions; without ``sources``.
        records: All files of the gallery.
        named: Content keys, paths, addresses and folders; nobody passes one that stands for nothing.
    """
    known = list(records)
    wanted = set(map(_without_end, named))
    # People carry one path of their file. Where that tells them, the table can look for itself.
    if not any(r.key in wanted or (_is_met_at(r, wanted) and not _lies_at(r.source, wanted)) for r in known):
        return replace(filters, sources=tuple(named))
    keys = {record.key for record in known if record.key in wanted or _is_met_at(record, wanted)}
    keys &= keys if filters.media_keys is None else set(filters.media_keys)
    return replace(filters, media_keys=tuple(sorted(keys)) or ("",), files_said=", ".join(named))


def _is_met_at(record: MediaRecord, places: Collection[str]) -> bool:
    return any(_lies_at(source, places) for source in record.sources)


def _lies_at(source: str, places: Collection[str]) -> bool:
    """Whether a path is one of some, or lies below one; as quick for many as for one."""
    end = len(source)
    while end > 0:
        if source[:end] in places:
            return True
        end = source.rfind(os.sep, 0, end)
    return end == 0 and os.sep in places


def _without_end(place: str) -> str:
    return place.rstrip(os.sep) or place[:1]
