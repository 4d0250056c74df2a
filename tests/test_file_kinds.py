from __future__ import annotations

import io

import pytest
from PIL import Image

from sceneseek.file_kinds import brands_of, is_heif, kind_in_words


def ftyp(major: str, *compatible: str) -> bytes:
    body = major.encode() + bytes(4) + "".join(compatible).encode()
    return (len(body) + 8).to_bytes(4, "big") + b"ftyp" + body + b"\0\0\0\x08mdat"


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "an empty file"),
        (ftyp("heic", "mif1", "heic"), "a HEIC picture"),
        (ftyp("mif1", "mif1", "heic"), "a HEIC picture"),
        (ftyp("mif1", "miaf"), "a HEIF picture"),
        (ftyp("msf1", "hevc"), "a HEIC picture sequence"),
        (ftyp("avif", "mif1"), "an AVIF picture"),
        (ftyp("mif1", "avif"), "an AVIF picture"),
        (ftyp("isom", "iso2", "avc1", "mp41"), "an MP4 video"),
        (ftyp("qt  ", "qt  "), "a QuickTime video"),
        (ftyp("crx ", "isom"), "a Canon CR3 raw picture"),
        (ftyp("heic")[:10], "the beginning of an MP4 video or a HEIC picture"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "a WebP picture"),
        (b"RIFF\x10\0\0\0AVI LIST", "an AVI video"),
        (b"\x1aE\xdf\xa3\x01\0\0\0", "a Matroska or WebM video"),
        (b"PK\x03\x04\x14\0", "a ZIP archive"),
        (bytes(257) + b"ustar\x0000", "a tar archive"),
        (b"P5 4 2 255\n", "a PNM picture"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"<!DOCTYPE html><title>404", "an HTML page"),
        (b'<?xml version="1.0"?><x/>', "an XML file"),
        (b"hello, I am a text", "text"),
        (b"BMW 320d;2019;grey", "text"),
        (b"BM6\0\0\0\0\0\0\0", "a BMP picture"),
        ("\ufeffname;größe\r\n".encode(), "text"),
        (("a" * 63 + "é").encode()[:64], "text"),
        ("hello".encode("utf-16"), "UTF-16 text"),
        (b"\0\x01\x02\x03\x04\x05\x06\x07\x08\x09", "an unknown kind of file (it begins with 00 01 02 03 04 05 06 07)"),
        (b"\xe9t\xe9 \xe9lev\xe9", "an unknown kind of file (it begins with e9 74 e9 20 e9 6c 65 76)"),
    ],
)
def test_kinds_are_said_in_words(head: bytes, words: str) -> None:
    assert kind_in_words(head) == words


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "PPM", "WEBP", "AVIF"])
def test_pictures_are_called_by_their_format(kind: str) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, kind)
    name = {"PPM": "PNM", "WEBP": "WebP"}.get(kind, kind)
    assert kind_in_words(stream.getvalue()[:64]).split(" ", 1)[1] == f"{name} picture"


def test_no_words_hold_a_letter_that_does_not_print() -> None:
    for first in range(256):
        for rest in (b"", bytes(12), b"\xff" * 12, b"ftyp\xff\xfe\0\1"):
            assert kind_in_words(bytes([first]) + rest).isprintable()


def test_brands_of_a_box_that_lies_about_its_size() -> None:
    assert brands_of(b"\xff\xff\xff\xffftypheic\0\0\0\0mif1") == ["heic", "mif1"]
    assert brands_of(b"\0\0\0\x00ftyp") == []
    assert is_heif(ftyp("heic"))
    assert is_heif(ftyp("mif1", "heix"))
    assert not is_heif(ftyp("avif", "mif1"))
    assert not is_heif(b"\xff\xd8\xff")
