"""Pictures of a data set's records: scenes with their boxes, queries beside those they should find."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from sceneseek import drawing
from sceneseek.data.query_boxes import annotated_box
from sceneseek.errors import SceneseekError
from sceneseek.pictures import read_picture
from sceneseek.structures import UNLABELED, ImageArray, Query, Sample, SceneSet

_PAPER = 246, 247, 249
_CROP_WIDTH, _CROP_HEIGHT = 150, 260
_IN_A_ROW = 8
_TITLE = 18
"""Height of letters, in pixels."""
_CROWD = 14
"""From so many boxes in a scene labels are drawn small."""


def colour_of(person_id: int) -> drawing.Colour:
    """The same colour for the same person; grey for those without an identity."""
    return (168, 174, 184) if person_id == UNLABELED else drawing.PALETTE[person_id % len(drawing.PALETTE)]


def label_of(person_id: int) -> str:
    """What is written at a person's box."""
    return "?" if person_id == UNLABELED else str(person_id)


def scene(sample: Sample, max_side: int = 640) -> ImageArray:
    """A scene made smaller, with its boxes and identities; a grey field where the picture cannot be read."""
    picture = _read(sample)
    if picture is None:
        return _blank(sample.width, sample.height, max_side)
    small = drawing.thumbnail(picture, max_side)
    scale = np.array([small.shape[1] / picture.shape[1], small.shape[0] / picture.shape[0]] * 2)
    ids = sample.person_ids.tolist()
    assert sample.ignore_mask is not None
    labels = [
        f"{label_of(i)}{' ignored' if ignored else ''}" for i, ignored in zip(ids, sample.ignore_mask, strict=True)
    ]
    # A drawn box may stick out of the picture as an annotated one may; its label stays inside.
    return drawing.draw_boxes(
        small,
        sample.boxes * scale,
        labels,
        [colour_of(i) for i in ids],
        font_size=max(9, max_side // (46 if len(sample) < _CROWD else 66)),
    )


def person(sample: Sample, box: Sequence[float]) -> ImageArray:
    """A person cut out of a scene; a grey field where the picture cannot be read."""
    picture = _read(sample)
    if picture is None:
        return _blank(int(box[2] - box[0]), int(box[3] - box[1]), _CROP_HEIGHT)
    try:
        return drawing.thumbnail(drawing.crop(picture, box, margin=0.06), _CROP_HEIGHT)
    except SceneseekError:  # wholly outside the picture
        return _blank(_CROP_WIDTH, _CROP_HEIGHT, _CROP_HEIGHT)


def appearances(scenes: SceneSet, person_id: int, images: Sequence[int]) -> list[tuple[Sample, list[float]]]:
    """Where in some images a person is, a box at a time."""
    return [
        (scenes.by_id[i], box.tolist())
        for i in dict.fromkeys(images)
        for box in scenes.by_id[i].boxes[scenes.by_id[i].person_ids == person_id]
    ]


def query_title(scenes: SceneSet, query: Query) -> str:
    """What is asked, in a line."""
    found = appearances(scenes, query.person_id, query.gallery)
    own = scenes.by_id[query.image_id]
    odd = "" if annotated_box(query, own) is not None else "; the query's box is not one of its picture's"
    asked = f"Query {query.query_id}, person {query.person_id}"
    return f"{asked}: {len(found):,} to find in {len(query.gallery):,} images{odd}"


def query_row(scenes: SceneSet, query: Query, most: int = _IN_A_ROW) -> ImageArray:
    """A query beside the people in its gallery whom it should find, as many as there is room for."""
    found = appearances(scenes, query.person_id, query.gallery)[: most - 1]
    own = scenes.by_id[query.image_id]
    tiles = [person(own, query.box.tolist()), *(person(sample, box) for sample, box in found)]
    captions = [_caption(own, "query"), *(_caption(sample) for sample, _ in found)]
    return drawing.contact_sheet(tiles, captions, most, "", _CROP_WIDTH, _CROP_HEIGHT, padding=10)


def titled(part: ImageArray, title: str) -> ImageArray:
    """A sheet with a line of text above it."""
    face = drawing.font(_TITLE, bold=True)
    line = np.full((_TITLE * 2, max(part.shape[1], int(face.getlength(title)) + 24), 3), _PAPER, np.uint8)
    picture = Image.fromarray(line)
    ImageDraw.Draw(picture).text((12, _TITLE // 2), title, (17, 24, 32), font=face)
    return stacked([np.asarray(picture), part])


def stacked(parts: Sequence[ImageArray]) -> ImageArray:
    """Sheets one below the other, as wide as the widest."""
    width = max(part.shape[1] for part in parts)
    rows = []
    for part in parts:
        row = np.full((part.shape[0], width, 3), _PAPER, np.uint8)
        row[:, : part.shape[1]] = part
        rows.append(row)
    return np.concatenate(rows)


def scenes_sheet(samples: Sequence[Sample], title: str, columns: int = 3) -> ImageArray:
    """Scenes side by side, with their names."""
    captions = [f"{_caption(s)}\n{size_of(s)}" for s in samples]
    return titled(drawing.contact_sheet([scene(s) for s in samples], captions, columns, "", 480), title)


def person_sheet(scenes: SceneSet, person_id: int, most: int) -> ImageArray:
    """Everything that is known of one person: where they are, cut out and in the scenes."""
    found = appearances(scenes, person_id, [s.image_id for s in scenes.samples])
    cut = [person(sample, box) for sample, box in found[:most]]
    more = f", the first {most} of them" if len(found) > most else ""
    asked = [q.query_id for q in scenes.queries if q.person_id == person_id]
    queries = f"; asked for by {len(asked)} queries ({', '.join(map(str, asked[:8]))})" if asked else ""
    title = f"Person {person_id}: {len(found)} boxes{more}{queries}"
    people = drawing.contact_sheet(
        cut, [_caption(s) for s, _ in found[:most]], _IN_A_ROW, "", _CROP_WIDTH, _CROP_HEIGHT, padding=10
    )
    around = list({s.image_id: s for s, _ in found[:most]}.values())[:6]
    return stacked([titled(people, title), scenes_sheet(around, "In the scenes")])


def size_of(sample: Sample) -> str:
    """The size of a picture, and how many boxes it has."""
    return f"{sample.width}x{sample.height}, {len(sample)} box{'es' * (len(sample) != 1)}"


def spread(total: int, wanted: int, choose: Callable[[int, int], Sequence[int]]) -> list[int]:
    """Which of ``total`` records to show: all where they are few, else ``wanted`` that ``choose`` picks."""
    return list(range(total)) if total <= wanted else sorted(choose(total, wanted))


def _caption(sample: Sample, first: str = "") -> str:
    camera = f"camera {sample.camera_id}" if sample.camera_id else ""
    return ", ".join(word for word in (first, sample.path.name) if word) + (f"\n{camera}" if camera else "")


def _read(sample: Sample) -> ImageArray | None:
    try:
        return read_picture(sample.path)
    except SceneseekError:
        return None


def _blank(width: int, height: int, max_side: int) -> ImageArray:
    scale = min(1.0, max_side / max(width, height, 1))
    return np.full((max(1, round(height * scale)), max(1, round(width * scale)), 3), (214, 218, 224), np.uint8)
