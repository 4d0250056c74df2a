"""Drawing: what must hold for any picture, box and text."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sceneseek.drawing import PALETTE, contact_sheet, crop, draw_boxes, font, jpeg_data_uri, shorten, thumbnail
from sceneseek.errors import BoxError, ValueRefused


def gradient(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows % 256, columns % 256, (rows + columns) % 256], axis=-1).astype(np.uint8)


def test_crop_returns_the_pixels_of_the_box() -> None:
    image = gradient(40, 60)
    assert np.array_equal(crop(image, (5, 10, 15, 30), margin=0), image[10:30, 5:15])


@settings(max_examples=50, deadline=None)
@given(
    st.tuples(st.floats(-30, 59), st.floats(-30, 39), st.floats(0.01, 200), st.floats(0.01, 200)), st.floats(0.0, 2.0)
)
def test_crop_is_never_empty_and_never_larger_than_the_image(box: tuple[float, ...], margin: float) -> None:
    image = gradient(40, 60)
    x, y, w, h = box
    if x + w <= 0 or y + h <= 0:
        with pytest.raises(BoxError, match="outside"):
            crop(image, (x, y, x + w, y + h), margin)
        return
    piece = crop(image, (x, y, x + w, y + h), margin)
    assert 1 <= piece.shape[0] <= 40
    assert 1 <= piece.shape[1] <= 60


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (5, 5, 2, 9), (0, 0, float("nan"), 3), (1, 2, 3)])
def test_crop_refuses_what_is_not_a_box(box: tuple[float, ...]) -> None:
    with pytest.raises(BoxError):
        crop(gradient(20, 20), box)


def test_crop_is_a_copy() -> None:
    image = gradient(20, 20)
    crop(image, (0, 0, 10, 10), 0)[:] = 0
    assert np.array_equal(image, gradient(20, 20))


def test_boxes_are_drawn_on_a_copy_with_dark_and_coloured_edges() -> None:
    image = np.full((120, 160, 3), 128, np.uint8)
    drawn = draw_boxes(image, [[40, 40, 100, 100]], colours=[PALETTE[0]], width=2)
    assert (image == 128).all()
    assert tuple(drawn[70, 40]) == PALETTE[0]
    assert drawn[70, 39].max() < 40, "a dark edge outside keeps the line visible on a background of its own colour"
    assert drawn[70, 42].max() < 40
    assert (drawn[50:90, 50:90] == 128).all(), "the person inside stays untouched"


def test_a_label_stays_inside_the_image_wherever_the_box_is() -> None:
    image = np.full((120, 160, 3), 128, np.uint8)
    for box in ([-20, -20, 30, 30], [140, 100, 300, 300], [0, 0, 160, 120], [150, 0, 159, 10]):
        plain = draw_boxes(image, [box], colours=[PALETTE[1]])
        labelled = draw_boxes(image, [box], ["rank 1"], colours=[PALETTE[1]])
        assert (plain != labelled).any(axis=-1).sum() > 150


def test_labels_and_colours_must_match_the_boxes() -> None:
    image = gradient(50, 50)
    with pytest.raises(ValueRefused, match=r"2 labels .* 1 boxes"):
        draw_boxes(image, [[1, 1, 9, 9]], ["a", "b"])
    with pytest.raises(ValueRefused, match=r"0 colours .* 1 boxes"):
        draw_boxes(image, [[1, 1, 9, 9]], colours=[])


def test_no_boxes_leave_the_image_as_it_was() -> None:
    image = gradient(50, 50)
    assert np.array_equal(draw_boxes(image, np.zeros((0, 4))), image)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 3), (300, 1, 3), (50, 80, 3)])
def test_thumbnail_keeps_the_aspect_and_never_enlarges(shape: tuple[int, int, int]) -> None:
    small = thumbnail(np.zeros(shape, np.uint8), 64)
    assert max(small.shape) <= max(64, 3)
    assert min(small.shape[:2]) >= 1
    assert thumbnail(np.zeros(shape, np.uint8), 1000).shape == shape


def test_thumbnail_refuses_no_size() -> None:
    with pytest.raises(ValueRefused, match="max_side is 0"):
        thumbnail(gradient(9, 9), 0)


def test_contact_sheet_shows_every_tile_in_reading_order() -> None:
    tiles = [np.full((30, 40, 3), shade, np.uint8) for shade in (10, 90, 170, 250)]
    sheet = contact_sheet(tiles, columns=2, padding=10)
    assert [int(sheet[y, x, 0]) for y in (25, 65) for x in (30, 80)] == [10, 90, 170, 250]


def test_contact_sheet_takes_tiles_of_any_shape_captions_and_a_title() -> None:
    tiles = [gradient(*shape) for shape in ((1, 1), (500, 20), (20, 900), (64, 64))]
    captions = ["one", "two\nwith a very long second line " * 4, "Москва/фото 1.jpg", ""]
    plain = contact_sheet(tiles, columns=3, tile_width=100, tile_height=80)
    full = contact_sheet(tiles, captions, columns=3, title="Ranked\nsecond line", tile_width=100, tile_height=80)
    assert plain.shape[1] == full.shape[1] == 3 * 100 + 4 * 16
    assert full.shape[0] > plain.shape[0]


def test_contact_sheet_refuses_nothing_and_too_few_captions() -> None:
    with pytest.raises(ValueRefused, match="at least one"):
        contact_sheet([])
    with pytest.raises(ValueRefused, match=r"1 captions .* 2 pictures"):
        contact_sheet([gradient(4, 4)] * 2, ["a"])


@given(st.text(max_size=60), st.floats(5, 300))
@settings(max_examples=60, deadline=None)
def test_shortened_text_fits(text: str, width: float) -> None:
    face = font(12)
    short = shorten(text, face, width)
    assert face.getlength(short) <= max(width, face.getlength("…"))
    assert len(short) <= len(text) or short == "…"


def test_shortened_text_keeps_both_ends() -> None:
    short = shorten("/media/archive/2024/camera 7/entrance.jpg", font(12), 160)
    assert short.startswith("/m")
    assert short.endswith("entrance.jpg")


def test_data_uri_is_a_jpeg_of_the_same_picture() -> None:
    image = np.full((16, 24, 3), (200, 40, 90), np.uint8)
    head, _, body = jpeg_data_uri(image).partition(",")
    assert head == "data:image/jpeg;base64"
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))
    assert decoded.shape == image.shape
    assert np.abs(decoded.astype(int) - image).max() < 12
