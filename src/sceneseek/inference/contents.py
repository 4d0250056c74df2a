"""What a file is: by its name, and by its first bytes, which know better.

Recorders and web sites give endings of their own, or none. What no list of endings knows is looked into; whether it can
be read is then for the readers to say.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Literal

from sceneseek.file_kinds import is_heif, is_picture, kind_in_words
from sceneseek.inference.archives import is_archive
from sceneseek.pictures import has_picture_suffix

Kind = Literal["photo", "video", "picture not read", "archive not read", "archive", "sidecar"]

VIDEO_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".qt", ".mkv", ".mk3d", ".webm", ".avi", ".divx", ".mpg", ".mpeg", ".mpe", ".m1v", ".m2v",
    ".mpv", ".m2p", ".vob", ".mod", ".tod", ".ts", ".mts", ".m2ts", ".m2t", ".tp", ".trp", ".wmv", ".asf", ".flv",
    ".f4v", ".3gp", ".3g2", ".ogv", ".ogm", ".mxf", ".h264", ".264", ".avc", ".h265", ".265", ".hevc", ".obu", ".ivf",
    ".dav", ".dv", ".dif", ".mjpg", ".mjpeg", ".rm", ".rmvb", ".y4m", ".amv", ".insv",
})  # fmt: skip
"""File names that promise a video, in lower case."""

FOREIGN_SUFFIXES = frozenset({
    ".jp2", ".j2k", ".jpx", ".jxl", ".jxr", ".psd", ".psb", ".xcf", ".svg", ".raw", ".cr2",
    ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".srw", ".dng", ".orf", ".rw2", ".rwl", ".raf", ".pef",
    ".x3f", ".3fr", ".fff", ".iiq", ".mef", ".mos", ".mrw", ".erf", ".kdc", ".dcr", ".gpr", ".exr", ".hdr", ".tga",
    ".ico",
})  # fmt: skip
"""Pictures in formats that are not read; they are reported, since a user would miss them."""

FOREIGN_ARCHIVES = (
    ".rar", ".7z", ".zipx", ".cab", ".iso", ".dmg", ".lzh", ".lha", ".arj", ".ace", ".tar.zst", ".tzst", ".tar.lz",
    ".tar.z", ".7z.001", ".zip.001", ".z01",
)  # fmt: skip
"""Archives that are not read; they are reported, since they may hold what a user would miss."""

_PACKED = frozenset({".gz", ".bz2", ".xz", ".zst", ".lz", ".lz4", ".lzma", ".z", ".br"})
"""Single files made smaller: whether one holds media, the name before the ending says."""

_SIDECARS = frozenset({".thm", ".lrv", ".glv", ".xmp", ".aae"})
"""What cameras and editors put beside a picture or a video: a thumbnail, a smaller copy, notes."""

_SOUND = frozenset({
    ".m4a", ".m4b", ".m4r", ".mp3", ".mp2", ".aac", ".ac3", ".ogg", ".oga", ".opus", ".wma", ".wav", ".mka", ".weba",
    ".flac", ".aif", ".aiff", ".amr",
})  # fmt: skip
"""Sound, in containers of which some also hold video."""

_MOTION_JPEG = frozenset({".mjpg", ".mjpeg"})

HEAD_BYTES = 1024
"""So much of the beginning of a file is looked at."""

_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
_FOREIGN_PICTURES = (
    b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51\0", b"\0\0\0\x0cJXL \r\n\x87\n", b"8BPS\0\1", b"8BPS\0\2",
    b"FUJIFILMCCD-RAW", b"v/1\1",
)  # fmt: skip
_VIDEOS = (
    b"\x1a\x45\xdf\xa3", b"FLV\x01", bytes.fromhex("3026b2758e66cf11"), b"OggS", b"\0\0\1\xba", b"\0\0\1\xb3", b"DKIF",
    b"DHAV", b"YUV4MPEG2", bytes.fromhex("060e2b34020501"), b".RMF", b"nut/multimedia", b"IMKH",
)  # fmt: skip
_BOXES = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_FOREIGN_ARCHIVES = (b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"MSCF\0\0\0\0")
_ZIP = b"PK\x03\x04"
_APPLE_DOUBLE = b"\0\5\x16\7"
"""What macOS writes beside a file on disks of others, under the same name with ``._`` before it."""
_TS_SIZES = (188, 192, 204)
_TS_MARK, _TS_MARKS = ord("G"), 4
_SLICES = frozenset({0x67, 0x27, 0x47, 0x09, 0x40, 0x42, 0x46})
"""First bytes of H.264 and H.265 behind the start code: sets of parameters, and the mark of a new picture."""


def kind_by_name(name: str) -> Kind | None:
    """What a file's name promises; ``None`` for a name that promises none of it.

    Example:
        >>> kind_by_name("a/IMG_1.JPG"), kind_by_name("ch01.264"), kind_by_name("old.rar"), kind_by_name("notes.txt.gz")
        ('photo', 'video', 'archive not read', None)
    """
    suffix = PurePath(name).suffix.lower()
    if has_picture_suffix(name):
        return "photo"
    if suffix in VIDEO_SUFFIXES:
        return "video"
    if suffix in FOREIGN_SUFFIXES:
        return "picture not read"
    if is_archive(name):
        return "archive"
    if name.lower().endswith(FOREIGN_ARCHIVES):
        return "archive not read"
    if suffix in _PACKED and kind_by_name(PurePath(name).stem) in ("photo", "video"):
        return "archive not read"
    return "sidecar" if suffix in _SIDECARS or suffix in _SOUND else None


def kind_by_content(head: bytes) -> Kind | None:
    """What a file looks like by its first bytes; ``None`` for nothing that is known here.

    Args:
        head: The first ``HEAD_BYTES``, or all there are.
    """
    box = head[4:8]
    if box == b"ftyp":
        return _kind_by_brand(head)
    if head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "photo"
    if head.startswith(_VIDEOS) or box in _BOXES or (head[:4] == b"RIFF" and head[8:11] == b"AVI"):
        return "video"
    if head.startswith(_FOREIGN_PICTURES):
        return "picture not read"
    if head.startswith(_FOREIGN_ARCHIVES):
        return "archive not read"
    if head.startswith(_ZIP):
        return "archive"
    return "video" if _is_transmission(head) or _is_bare(head) or _is_served(head) else None


def settled(name: str, head: bytes) -> Kind | None:
    r"""What a file is taken for, by its name and its first bytes together.

    A name that promises a photograph or a video is believed unless the bytes are those of the other; sidecars and
    sound are left alone whatever they look like.

    Example:
        >>> settled("clip.jpg", b"....ftypisom"), settled("download", b"\xff\xd8\xff")
        ('video', 'photo')
        >>> settled("clip.thm", b"\xff\xd8\xff")
        'sidecar'
    """
    if head.startswith(_APPLE_DOUBLE):
        return "sidecar"
    named, found = kind_by_name(name), kind_by_content(head)
    suffix = PurePath(name).suffix.lower()
    if named is None:
        # Of other files that are zip archives inside, there are many: documents, programs.
        return found if found != "archive" or not suffix else None
    if named == "video" and suffix == ".ts" and found != "video":
        return None  # MPEG transport streams share their suffix with TypeScript
    if found in ("photo", "video") and named in ("photo", "video") and suffix not in _MOTION_JPEG:
        return found
    return named


def _kind_by_brand(head: bytes) -> Kind:
    """What a file of the ISO base media format is: phones' pictures lie in containers of videos."""
    words = kind_in_words(head)
    if words.endswith("sound file"):
        return "sidecar"
    if is_heif(head) or words.startswith("an AVIF"):
        return "photo"
    return "picture not read" if is_picture(head) else "video"


def _is_transmission(head: bytes) -> bool:
    """Whether these are packets of an MPEG transport stream, from the middle of one on perhaps."""
    starts = [place for place, byte in enumerate(head[: max(_TS_SIZES)]) if byte == _TS_MARK]
    for size in _TS_SIZES:
        for start in starts:
            marks = head[start : start + _TS_MARKS * size : size]
            if len(marks) > 1 and marks.count(_TS_MARK) == len(marks) == min(_TS_MARKS, len(head) // size):
                return True
    return False


def _is_bare(head: bytes) -> bool:
    """Whether this is H.264 or H.265 without a container."""
    start = head.find(b"\0\0\1", 0, 5)
    return start in (0, 1) and len(head) > start + 3 and head[start + 3] in _SLICES


def _is_served(head: bytes) -> bool:
    """Whether this is what a camera sends to browsers: JPEG after JPEG, each with a header in words."""
    return head[:2] == b"--" and b"image/jpeg" in head.lower()
