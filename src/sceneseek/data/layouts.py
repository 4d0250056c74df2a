"""The layouts in which annotated scenes lie on disk: their names, how each is recognised, and one way to read them all.

========== =================================================================
name        what is there
========== =================================================================
coco        ``annotations.json`` and ``images/``, for each split where there are several (``data.coco``)
cuhk_sysu   ``Image/SSM`` and ``annotation/*.mat`` (``data.cuhk_sysu``)
prw         ``frames``, ``annotations/*.mat``, ``query_info.txt`` (``data.prw``)
webtattoo   ``webtattoo.csv`` and pictures (``data.webtattoo``)
crops       cut-out people in folders, as re-identification sets have them (``data.crops``)
========== =================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sceneseek.data import coco, crops, cuhk_sysu, prw, webtattoo
from sceneseek.data.problems import OnProblem, refuse
from sceneseek.errors import DataError, suggest
from sceneseek.structures import Progress, SceneSet, silent

Layout = Literal["coco", "cuhk_sysu", "prw", "webtattoo", "crops"]
Split = Literal["train", "test"]
LAYOUTS: tuple[Layout, ...] = ("coco", "cuhk_sysu", "prw", "webtattoo", "crops")
SPLITS: tuple[Split, ...] = ("train", "test")
AUTO = "auto"
"""In place of a layout's name: look at the files."""


@dataclass(frozen=True)
class Choices:
    """What some layouts leave open.

    Attributes:
        gallery_size: CUHK-SYSU: which protocol file; ``None`` is 100 where the folder has it, else its largest.
        subset: CUHK-SYSU: ``"occlusion"`` or ``"resolution"``.
        queries: A list of queries in the form of PRW's (PRW-mini's, for one) in place of the set's own, or, for any
            layout of scenes, a folder of crops of the people to search for (``data.crops``).
    """

    gallery_size: cuhk_sysu.GallerySize | None = None
    subset: cuhk_sysu.Subset | None = None
    queries: Path | None = None


def read_scenes(
    path: str | Path,
    split: Split | None = None,
    layout: str = AUTO,
    choices: Choices | None = None,
    *,
    on_problem: OnProblem = refuse,
    progress: Progress = silent,
) -> SceneSet:
    """Read annotated scenes, however they lie on disk.

    Args:
        path: The data set: a folder, or the JSON or CSV file that describes it.
        split: ``"train"`` or ``"test"``; ``"test"`` when not given. A COCO-style folder or file that is not divided is
            read whole, whatever the split.
        layout: One of ``LAYOUTS``, or ``"auto"``.
        choices: What some layouts leave open.
        on_problem: Told of what is wrong; the default raises. What is told and not raised is left out.
        progress: Told of every picture whose size is read.

    Returns:
        The scenes.

    Raises:
        DataError: There is nothing there, its layout is not known, or it contradicts itself; the message names the
            file and the record.
        PictureError: A picture's header cannot be read.
    """
    path, choices = Path(path), choices or Choices()
    name = checked_layout(path, layout)
    scenes = _READERS[name](path, split or "test", choices, on_problem, progress)
    if choices.queries is None or (name == "prw" and choices.queries.is_file()):
        return scenes
    if not choices.queries.is_dir():
        raise DataError(f"{choices.queries} is not a folder of crops, and {name} has no lists of queries as PRW has.")
    people = crops.read_crops(choices.queries, on_problem=on_problem, progress=progress)
    return crops.with_crops_as_queries(scenes, people, on_problem=on_problem)


def checked_layout(path: str | Path, layout: str = AUTO) -> Layout:
    """The layout's name, found by looking at the files where it is ``"auto"``.

    Raises:
        DataError: There is nothing there, or no layout of that name.
    """
    if not Path(path).exists():
        raise DataError(f"{path} does not exist; expected the folder of a data set, or its JSON or CSV file.")
    if layout == AUTO:
        return guess_layout(path)
    if layout not in LAYOUTS:
        raise DataError(f"there is no layout {layout!r}.{suggest(layout, [*LAYOUTS, AUTO])}")
    return layout


def guess_layout(path: str | Path) -> Layout:
    """Recognise a data set's layout by its files.

    Raises:
        DataError: The files are of no known layout, or of several.
    """
    path = Path(path)
    if path.is_file():
        by_suffix: dict[str, Layout] = {".json": "coco", ".csv": "webtattoo"}
        if path.suffix.lower() in by_suffix:
            return by_suffix[path.suffix.lower()]
        raise DataError(f"{path}: a data set is a folder, a .json file (coco) or a .csv file (webtattoo).")
    found = [name for name, signs in _SIGNS.items() if any((path / sign).exists() for sign in signs)]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        raise DataError(f"{path} has files of several layouts ({', '.join(found)}); say which one to read.")
    if crops.is_divided(path) or crops.holds_crops(path):
        return "crops"
    signs = "; ".join(f"{name}: {', '.join(files)}" for name, files in _SIGNS.items())
    raise DataError(f"{path} is of no known layout. Looked for {signs}; crops: pictures named after people.")


def splits_of(path: str | Path, layout: Layout) -> tuple[Split | None, ...]:
    """The splits that are there; ``(None,)`` for a set that is not divided.

    A split is named when its own list of images or people is there, so that what is missing beside it is reported.
    """
    path = Path(path)
    if layout == "coco":
        return tuple(s for s in SPLITS if (path / s / coco.ANNOTATIONS).is_file()) or (None,)
    if layout == "cuhk_sysu":
        return SPLITS if (path / cuhk_sysu.PROTOCOLS / "Train.mat").exists() else ("test",)
    if layout == "prw":
        return tuple(s for s in SPLITS if (path / f"frame_{s}.mat").exists()) or SPLITS
    if layout == "webtattoo":
        there = {
            row.split for row in webtattoo.read_table(webtattoo.table_file(path), lambda problem, cause=None: None)
        }
        return tuple(s for s in SPLITS if s in there) or SPLITS
    if not crops.is_divided(path):
        return (None,)
    train = any((path / name).is_dir() for name in crops.TRAIN_FOLDERS)
    test = any((path / name).is_dir() for name in crops.GALLERY_FOLDERS)
    return tuple(split for split, there in zip(SPLITS, (train, test), strict=True) if there)


# -- one reader for each layout ----------------------------------------------------------------------------------------

_Reader = Callable[[Path, Split, Choices, OnProblem, Progress], SceneSet]


def _read_coco(path: Path, split: Split, _: Choices, on_problem: OnProblem, progress: Progress) -> SceneSet:
    divided = path.is_dir() and not (path / coco.ANNOTATIONS).is_file()
    return coco.read_coco(path / split if divided else path, on_problem=on_problem)


def _read_cuhk_sysu(path: Path, split: Split, choices: Choices, on_problem: OnProblem, progress: Progress) -> SceneSet:
    size = choices.gallery_size
    if size is None:
        there = cuhk_sysu.gallery_sizes(path)
        size = there[-1] if there and cuhk_sysu.DEFAULT_GALLERY not in there else cuhk_sysu.DEFAULT_GALLERY
    return cuhk_sysu.read_cuhk_sysu(path, split, size, subset=choices.subset, on_problem=on_problem, progress=progress)


def _read_prw(path: Path, split: Split, choices: Choices, on_problem: OnProblem, progress: Progress) -> SceneSet:
    queries = choices.queries if choices.queries is not None and choices.queries.is_file() else None
    return prw.read_prw(path, split, queries=queries, on_problem=on_problem, progress=progress)


def _read_webtattoo(path: Path, split: Split, _: Choices, on_problem: OnProblem, progress: Progress) -> SceneSet:
    return webtattoo.read_webtattoo(path, split, on_problem=on_problem, progress=progress)


def _read_crops(path: Path, split: Split, _: Choices, on_problem: OnProblem, progress: Progress) -> SceneSet:
    return crops.read_crop_set(path, split, on_problem=on_problem, progress=progress)


_READERS: Mapping[Layout, _Reader] = {
    "coco": _read_coco,
    "cuhk_sysu": _read_cuhk_sysu,
    "prw": _read_prw,
    "webtattoo": _read_webtattoo,
    "crops": _read_crops,
}
_SIGNS: Mapping[Layout, tuple[str, ...]] = {
    "coco": (coco.ANNOTATIONS, *(f"{split}/{coco.ANNOTATIONS}" for split in SPLITS)),
    "cuhk_sysu": ("annotation/Images.mat", "annotation/pool.mat", "annotation/test/train_test", "Image/SSM"),
    "prw": (prw.QUERIES, "frame_train.mat", "frame_test.mat"),
    "webtattoo": (webtattoo.TABLE,),
}
