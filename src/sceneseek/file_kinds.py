"""What a file is, by its first bytes, in words that fit into a sentence: no message shows a reader raw bytes.

The words are for messages. Whether a file can be used is decided by the decoder that opens it.
"""

from __future__ import annotations

HEAD_BYTES = 64
"""How many bytes from the beginning of a file are enough for ``kind_in_words``."""

_SHOWN_BYTES = 8
_ALSO_WORDS = 3
"""Marks of up to so many letters may begin a text as well: ``BM``, ``FLV``."""
_BRANDS_FROM, _BRAND_BYTES = 8, 4
_TAR_MARK_AT, _TAR_MARK = 257, b"ustar"

_BRANDS = {
    "avif": "an AVIF picture",
    "avis": "an AVIF animation",
    **dict.fromkeys(("heic", "heix", "heim", "heis"), "a HEIC picture"),
    **dict.fromkeys(("hevc", "hevx", "hevm", "hevs"), "a HEIC picture sequence"),
    "crx ": "a Canon CR3 raw picture",
    "jp2 ": "a JPEG 2000 picture",
    "jxl ": "a JPEG XL picture",
    "qt  ": "a QuickTime video",
    "M4A ": "an MPEG-4 sound file",
    "M4V ": "an MP4 video",
    "3gp4": "a 3GP video",
    "3gp5": "a 3GP video",
}
"""Files of the ISO base media format, by their brands; any other brand is an MP4 video."""
_HEIF_AT_LARGE = frozenset({"mif1", "mif2", "msf1"})

_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8", "a JPEG picture"),
    (b"\x89PNG", "a PNG picture"),
    (b"GIF8", "a GIF picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"II+\0", "a BigTIFF picture"),
    (b"MM\0+", "a BigTIFF picture"),
    (b"IIU\0", "a Panasonic raw picture"),
    (b"IIRO", "an Olympus raw picture"),
    (b"FUJIFILMCCD-RAW", "a Fujifilm raw picture"),
    (b"BM", "a BMP picture"),
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"v/1\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance picture"),
    (b"DDS ", "a DDS texture"),
    (b"\0\0\x01\0", "a Windows icon"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"FLV", "a Flash video"),
    (b"\0\0\x01\xba", "an MPEG video"),
    (b"\0\0\x01\xb3", "an MPEG video"),
    (b"0&\xb2u\x8ef\xcf\x11", "a Windows Media video"),
    (b"OggS", "an Ogg file"),
    (b"\x06\x0e+4", "an MXF video"),
    (b".RMF", "a RealMedia video"),
    (b"DHAV", "a Dahua video"),
    (b"\0\0\0\x01", "a raw H.264 or H.265 video"),
    (b"ID3", "an MP3 sound file"),
    (b"fLaC", "a FLAC sound file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf'\x1c", "a 7z archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"(\xb5/\xfd", "a Zstandard file"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"{\\rtf", "an RTF document"),
    (b"MATLAB ", "a MATLAB file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
)
_RIFF = {b"WEBP": "a WebP picture", b"AVI ": "an AVI video", b"WAVE": "a WAV sound file"}
_PLAIN_PICTURES = frozenset(f"P{n}".encode() for n in range(1, 8))
_TEXTS = (
    (("<svg",), "an SVG drawing"),
    (("<!doctype html", "<html"), "an HTML page"),
    (("<?xml",), "an XML file"),
    (("version https://git-lfs",), "a Git LFS pointer, not the file itself"),
)


def kind_in_words(head: bytes) -> str:
    r"""What a file is, with its article.

    Args:
        head: Its first bytes, at least ``HEAD_BYTES`` where there are as many.

    Returns:
        Words for the middle of a sentence. A file of no known kind is described by its first bytes in hexadecimal.

    Example:
        >>> kind_in_words(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")
        'a HEIC picture'
        >>> kind_in_words(b"\x00\x01\x02\x03\x04")
        'an unknown kind of file (it begins with 00 01 02 03 04)'
    """
    if not head:
        return "an empty file"
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], "a RIFF file")
    if head[_TAR_MARK_AT : _TAR_MARK_AT + len(_TAR_MARK)] == _TAR_MARK:
        return "a tar archive"
    if head[:2] in _PLAIN_PICTURES and head[2:3].isspace():
        return "a PNM picture"
    text = _text(head)
    for mark, words in _MARKS:
        if head.startswith(mark) and (text is None or len(mark) > _ALSO_WORDS):
            return words
    return text or f"an unknown kind of file (it begins with {in_hexadecimal(head[:_SHOWN_BYTES])})"


def in_hexadecimal(data: bytes) -> str:
    r"""Bytes as a person may compare them with a hex editor.

    Example:
        >>> in_hexadecimal(b"\x00\x18ft")
        '00 18 66 74'
    """
    return data.hex(" ")


def is_heif(head: bytes) -> bool:
    """Whether the first bytes are those of a HEIF file that holds pictures coded as HEVC, as phones write them."""
    return head[4:8] == b"ftyp" and _iso_media(head).startswith(("a HEIC", "a HEIF"))


def is_picture(head: bytes) -> bool:
    """Whether the first bytes are those of a picture, of a kind that is read or not: never a video, however damaged.

    A container of phones' pictures is one of videos, too, and its tiles would pass for films.
    """
    return kind_in_words(head).endswith("picture")


def _iso_media(head: bytes) -> str:
    brands = brands_of(head)
    if not brands:
        return "the beginning of an MP4 video or a HEIC picture"
    named = next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    if named is not None:
        return named
    return "a HEIF picture" if _HEIF_AT_LARGE & set(brands) else "an MP4 video"


def brands_of(head: bytes) -> list[str]:
    """The brands of a file of the ISO base media format: the major one first, then those it says it is compatible with.

    Args:
        head: Its first bytes; they begin with an ``ftyp`` box.
    """
    size = int.from_bytes(head[:4], "big")
    body = head[_BRANDS_FROM : size if _BRANDS_FROM < size <= len(head) else len(head)]
    found = [body[i : i + _BRAND_BYTES].decode("latin-1") for i in range(0, len(body) - 3, _BRAND_BYTES)]
    return found[:1] + found[2:]  # the second is a version


def _text(head: bytes) -> str | None:
    """What kind of text it is, or ``None`` where it is none."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16 text"
    text = _decoded(head)
    if text is None or any(letter < " " and letter not in "\t\n\r\f" for letter in text):
        return None
    begin = text.lstrip().lower()
    return next((words for beginnings, words in _TEXTS if begin.startswith(beginnings)), "text")


def _decoded(head: bytes) -> str | None:
    """Bytes as UTF-8 text; the last letter may have been cut."""
    for cut in range(4):
        try:
            return head[: len(head) - cut].decode("utf-8-sig")
        except UnicodeDecodeError:
            continue
    return None
