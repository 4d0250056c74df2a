"""What is left alone, and how much: files of kinds that are not read, and folders that systems keep for themselves.

Storage boxes, operating systems and photo managers keep thumbnails, recycle bins and snapshots beside the files of
their owners. Nobody looks for anybody there, and each picture would be found several times.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from sceneseek.structures import PassedOver
from sceneseek.words import counted

_SYSTEM_FOLDERS = frozenset({
    "@eadir", "@__thumb", "@recycle", "@recently-snapshot", "@recentlysnapshot", "@sharebin", "@sharesnap", "@tmp",
    "@thumb", "#recycle", "#snapshot", "~snapshot", "trashbox", "_nas_recycle_", "lost+found", "files_trashbin",
    "files_versions",
    "$recycle.bin", "recycler", "recycled", "system volume information", "$extend", "config.msi", "msocache",
    "__macosx", "network trash folder", "temporary items", "thevolumesettingsfolder",
})  # fmt: skip
"""Folders of Synology, QNAP, Asustor, Buffalo, Thecus, NetApp, Nextcloud, Linux, Windows, macOS, in lower case."""

_SYSTEM_PATTERN = re.compile(r"found\.\d{3}|trash-\d+|.*\.(lrdata|lrcat-data|trickplay)|appdata_[0-9a-z]{6,}")
"""What a check of the disk has found, bins of removable disks, previews of Lightroom, Jellyfin and Nextcloud."""

_LIBRARIES = (".photoslibrary", ".photolibrary", ".migratedphotolibrary", ".aplibrary", ".migratedaplibrary")
_ORIGINALS = frozenset({"originals", "masters"})
"""Photo libraries of macOS are folders; of what they hold, only this is their owner's."""

_CLUTTER = frozenset(
    {"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", ".ds_store", ".nomedia"}
)
"""Files that systems put everywhere: they are nothing to tell."""

_NAMED = 8
"""So many endings are named, the most frequent first."""


def is_system_folder(name: str, parent: str = "") -> bool:
    """Whether a folder is hidden, or one that a system keeps for itself.

    Args:
        name: Its own name.
        parent: That of the folder it lies in.

    Example:
        >>> is_system_folder("@eaDir"), is_system_folder("$RECYCLE.BIN"), is_system_folder(".thumbnails")
        (True, True, True)
        >>> is_system_folder("2026"), is_system_folder("resources", "Pictures.photoslibrary")
        (False, True)
    """
    lower = name.lower()
    if name.startswith(".") or lower in _SYSTEM_FOLDERS or _SYSTEM_PATTERN.fullmatch(lower):
        return True
    if parent.lower() == "captureone":
        return lower == "cache"
    return parent.lower().endswith(_LIBRARIES) and lower not in _ORIGINALS


def system_part(parts: tuple[str, ...]) -> int | None:
    """Which part of a path is the first folder that a system keeps for itself; ``None`` for none.

    Args:
        parts: Of the path of a file, the last one its own name.
    """
    for place, name in enumerate(parts[:-1]):
        if is_system_folder(name, parts[place - 1] if place else ""):
            return place
    return None


@dataclass
class Tally:
    """Counts what is left alone below some paths.

    Attributes:
        files: How many files, by their ending.
        folders: How many folders, by their name.
    """

    files: Counter[str] = field(default_factory=Counter)
    folders: Counter[str] = field(default_factory=Counter)
    _met: set[str] = field(default_factory=set, repr=False)

    def leave_file(self, path: str, *, hidden: bool = False) -> None:
        """A file is left alone."""
        name = PurePath(path).name
        if name.lower() not in _CLUTTER:
            ending = _ending(name.lstrip("."))
            self.files[f"hidden {ending}".rstrip() if hidden else ending] += 1

    def leave_folder(self, path: str) -> None:
        """A folder is left alone, however often it is met."""
        if path not in self._met:
            self._met.add(path)
            self.folders[PurePath(path).name] += 1

    def note(self, source: str) -> PassedOver | None:
        """What to tell about it; ``None`` when there is nothing to tell.

        Args:
            source: Below which path.
        """
        if not self.files and not self.folders:
            return None
        return PassedOver(source, passed_over_words(self.files, self.folders), dict(self.files), dict(self.folders))


def passed_over_words(files: Mapping[str, int], folders: Mapping[str, int]) -> str:
    """What was left alone, in a sentence or two.

    Example:
        >>> passed_over_words({".rar": 2, "": 1}, {})
        '3 files of kinds that are not read: .rar 2, without an ending 1.'
        >>> passed_over_words({}, {"@eaDir": 3})
        'Left out: 3 folders that are hidden or that systems keep for themselves: @eaDir 3.'
    """
    sentences = []
    if files:
        kinds = counted(sum(files.values()), "file of a kind that is not read", "files of kinds that are not read")
        sentences.append(f"{kinds}: {_listed(files)}.")
    if folders:
        which = counted(
            sum(folders.values()),
            "folder that is hidden or that a system keeps for itself",
            "folders that are hidden or that systems keep for themselves",
        )
        sentences.append(f"Left out: {which}: {_listed(folders)}.")
    return " ".join(sentences)


def _listed(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    named = [f"{name or 'without an ending'} {count:,}" for name, count in ordered[:_NAMED]]
    rest = sum(count for _, count in ordered[_NAMED:])
    return ", ".join([*named, *([f"others {rest:,}"] if rest else [])])


def _ending(name: str) -> str:
    """A file's ending, in lower case; what is too long to be one is none."""
    ending = PurePath(name).suffix.lower()
    return ending if len(ending) <= 12 else ""
