"""PRW's files, written as the genuine ones are; ``prw`` reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sceneseek import boxes as box_ops
from sceneseek.data import matlab
from sceneseek.data.placing import Placement, place_picture
from sceneseek.data.prw import ANNOTATIONS, FRAMES, QUERIES, UNKNOWN_ID, FloatRows
from sceneseek.structures import UNLABELED, Progress, Query, Sample, SceneSet, silent


def write_prw(
    train: SceneSet,
    test: SceneSet,
    folder: str | Path,
    *,
    pictures: Placement = "copy",
    progress: Progress = silent,
) -> None:
    """Write two splits in PRW's layout, pictures included.

    Every query's gallery is all other test frames in this layout, whatever ``Query.gallery`` says. Boxes to ignore,
    visibility and times are not kept. Ids are written as they are (the genuine ones begin at 1).

    Args:
        train: Scenes for training.
        test: Scenes for testing, with queries.
        folder: Where to write. Frames are named ``c<camera>s1_<number>.jpg``, unless all have names of that kind and of
            their camera already: a camera called ``c3`` or ``3`` keeps its number, others are numbered in the order of
            their names. Pictures that are not JPEG are encoded anew.
        pictures: Copied, or hard links.
        progress: Told of every picture copied.

    Raises:
        DataError: A picture is missing.
        PictureError: A picture cannot be encoded anew.
    """
    folder = Path(folder)
    samples = [*train.samples, *test.samples]
    names = frame_names(samples)
    (folder / FRAMES).mkdir(parents=True, exist_ok=True)
    for done, (sample, name) in enumerate(zip(samples, names, strict=True)):
        place_picture(sample.path, folder / FRAMES / f"{name}.jpg", pictures)
        matlab.save_variables(folder / ANNOTATIONS / f"{name}.jpg.mat", box_new=_annotation_matrix(sample))
        progress(done + 1, len(samples), name)
    train_names, test_names = names[: len(train)], names[len(train) :]
    for split, scenes, own in (("train", train, train_names), ("test", test, test_names)):
        listed = {f"img_index_{split}": matlab.cell_column(own)}
        matlab.save_variables(folder / f"frame_{split}.mat", **listed)
        matlab.save_variables(folder / f"ID_{split}.mat", **{f"ID_{split}": scenes.person_ids[None].astype(np.float64)})
    frame_of = {sample.image_id: name for sample, name in zip(test.samples, test_names, strict=True)}
    lines = [_query_line(query, frame_of[query.image_id]) for query in test.queries]
    (folder / QUERIES).write_bytes("".join(lines).encode())


def frame_names(samples: Sequence[Sample]) -> list[str]:
    """Frame names without ``.jpg``: their own where all are PRW's and agree with the camera, else numbered in order."""
    own = [sample.path.stem for sample in samples]
    if len(set(own)) == len(own) and all(
        re.fullmatch(rf"{re.escape(str(sample.camera_id))}s\d+_\d+", name)
        for sample, name in zip(samples, own, strict=True)
    ):
        return own
    cameras = camera_numbers(samples)
    return [f"c{cameras[sample.camera_id]}s1_{i + 1:06d}" for i, sample in enumerate(samples)]


def camera_numbers(samples: Sequence[Sample]) -> dict[str | None, int]:
    """The number of each camera in the frames' names."""
    names = {sample.camera_id for sample in samples}
    own: dict[str | None, int] = {
        name: int(m[1]) for name in names if name is not None and (m := re.fullmatch(r"c?([1-9]\d*)", name))
    }
    if len(own) == len(names) and len(set(own.values())) == len(own):
        return own
    return {name: i + 1 for i, name in enumerate(sorted(names, key=lambda name: name or ""))}


def _annotation_matrix(sample: Sample) -> FloatRows:
    assert sample.ignore_mask is not None
    ids = np.where(sample.person_ids == UNLABELED, UNKNOWN_ID, sample.person_ids)
    xywh = box_ops.to_xywh(sample.boxes.astype(np.float64))
    matrix: FloatRows = np.concatenate([ids[:, None].astype(np.float64), xywh], axis=1)[~sample.ignore_mask]
    return matrix


def _query_line(query: Query, frame: str) -> str:
    x, y, w, h = (float(v) for v in box_ops.to_xywh([query.box.astype(np.float64)])[0])
    return f"{query.person_id} {x:.4f} {y:.4f} {w:.4f} {h:.4f} {frame}\r\n"
