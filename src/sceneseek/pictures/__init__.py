"""Picture files to arrays and back: whatever the file holds, the rest of the house sees upright 8-bit RGB.

Everything a camera, a scanner or a hostile stranger may have put into a file is dealt with here, once: EXIF
orientation, colour profiles, CMYK, 16 bits, grey, palettes, transparency, animation, truncation, and headers that
promise a picture too large to decode. What cannot be read raises ``PictureError`` with one sentence that says what was
found. Guesses are passed to the caller as remarks.

::

    formats   which decoder opens a file: Pillow's, and libheif's for HEIC
    exif      orientation, camera, the moment of the shot
    tones     more than 8 bits to 8: what is white
    colours   profiles, inks, Lab, transparency to sRGB
    tone_mapping   high dynamic range to that of a screen, for films too
    reading   a file to an array         writing   an array to a file
"""

from sceneseek.pictures.colours import Remark
from sceneseek.pictures.exif import GPS_IFD, ExifTags, camera_of, exif_tags, orientation_of
from sceneseek.pictures.formats import FORMATS, SUFFIXES, begins_as_picture, has_picture_suffix, suffix_of
from sceneseek.pictures.reading import MAX_PIXELS, picture_size, read_picture
from sceneseek.pictures.writing import write_picture

__all__ = [
    "FORMATS",
    "GPS_IFD",
    "MAX_PIXELS",
    "SUFFIXES",
    "ExifTags",
    "Remark",
    "begins_as_picture",
    "camera_of",
    "exif_tags",
    "has_picture_suffix",
    "orientation_of",
    "picture_size",
    "read_picture",
    "suffix_of",
    "write_picture",
]
