"""From one layout to another, pictures included: all of it, or nothing that looks like it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sceneseek.data import coco, coco_writing
from sceneseek.data.cuhk_sysu_writing import fitting_gallery_sizes, write_cuhk_sysu
from sceneseek.data.keeping import what_is_lost
from sceneseek.data.layouts import AUTO, LAYOUTS, Choices, Layout, Split, checked_layout, read_scenes, splits_of
from sceneseek.data.placing import Placement, place_picture
from sceneseek.data.problems import OnProblem, refuse
from sceneseek.data.prw_writing import write_prw
from sceneseek.data.webtattoo_writing import picture_names, write_webtattoo
from sceneseek.errors import DataError, suggest
from sceneseek.structures import Progress, Query, SceneSet, data_fingerprint, silent

WRITABLE: tuple[Layout, ...] = tuple(layout for layout in LAYOUTS if layout != "crops")
_RECORD = "conversion.json"


@dataclass(frozen=True)
class Conversion:
    """What was written.

    Attributes:
        folder: The new data set.
        layout: Its layout.
        source_layout: The old one's.
        num_images: By split.
        num_queries: By split.
        lost: What the new layout has no place for, one sentence each.
    """

    folder: Path
    layout: Layout
    source_layout: Layout
    num_images: Mapping[str, int]
    num_queries: Mapping[str, int]
    lost: tuple[str, ...]


def convert(
    source: str | Path,
    target: str | Path,
    to: str,
    *,
    layout: str = AUTO,
    choices: Choices | None = None,
    pictures: Placement = "copy",
    first_query_only: bool = False,
    on_problem: OnProblem = refuse,
    progress: Progress = silent,
) -> Conversion:
    """Write a data set in another layout.

    Everything is written to ``.<name>.partial`` beside the target, which gets its name at the very end. After an
    interruption the same call goes on with the pictures that are still missing.

    Args:
        source: The data set.
        target: A folder that does not exist yet, or is empty.
        to: One of ``WRITABLE``.
        layout: The source's layout, or ``"auto"``.
        choices: What the source's layout leaves open, such as CUHK-SYSU's gallery size.
        pictures: Copied, or hard links.
        first_query_only: Keep only the first query of each person; CUHK-SYSU's layout has room for no more.
        on_problem: Told of what is wrong with the source; the default raises.
        progress: Told of every picture written.

    Raises:
        DataError: The target is there already, the source is wrong, or the layout cannot hold the queries at all.
        PictureError: A picture cannot be read.
    """
    source, target = Path(source), Path(target)
    if to not in WRITABLE:
        raise DataError(f"nothing is written as {to!r}.{suggest(to, list(WRITABLE))}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(f"{target} is there already and is not empty; name a new folder, or remove that one first.")
    found = checked_layout(source, layout)
    sets = _read(source, found, choices, on_problem)
    if first_query_only:
        sets = {split: replace(scenes, queries=_first_queries(scenes)) for split, scenes in sets.items()}
    train, test = _divided(sets)
    lost = what_is_lost(train, test, to)
    partial = target.with_name(f".{target.name}.partial")
    record = {
        "layout": to,
        "from": {split or "all": scenes.name for split, scenes in sets.items()},
        "from_layout": found,
        "fingerprints": {split or "all": data_fingerprint(scenes) for split, scenes in sets.items()},
        "pictures": pictures,
        "lost": list(lost),
    }
    _prepare(partial, record)
    if to == "coco":
        _write_coco(sets, partial, pictures, progress)
    elif to == "cuhk_sysu":
        sizes = fitting_gallery_sizes(test) if test.queries else ()
        write_cuhk_sysu(train, test, partial, sizes, pictures=pictures, progress=progress)
    elif to == "prw":
        write_prw(train, test, partial, pictures=pictures, progress=progress)
    else:
        write_webtattoo(train, test, partial, gallery="union", pictures=pictures, progress=progress)
    if target.exists():
        target.rmdir()
    partial.rename(target)
    return Conversion(
        folder=target,
        layout=to,
        source_layout=found,
        num_images={split or "all": len(scenes) for split, scenes in sets.items()},
        num_queries={split or "all": len(scenes.queries) for split, scenes in sets.items()},
        lost=lost,
    )


def _read(source: Path, layout: Layout, choices: Choices | None, on_problem: OnProblem) -> dict[Split | None, SceneSet]:
    return {
        split: read_scenes(
            source,
            split,
            layout,
            # Crops asked for are queries of a test set.
            choices if split != "train" else replace(choices or Choices(), queries=None),
            on_problem=on_problem,
        )
        for split in splits_of(source, layout)
    }


def _divided(sets: Mapping[Split | None, SceneSet]) -> tuple[SceneSet, SceneSet]:
    """Training and test scenes; a set that is not divided is for testing where it has queries, else for training."""
    train, test = sets.get("train", SceneSet("train", ())), sets.get("test", SceneSet("test", ()))
    whole = sets.get(None)
    if whole is not None and whole.queries:
        test = whole
    elif whole is not None:
        train = whole
    return train, test


def _first_queries(scenes: SceneSet) -> tuple[Query, ...]:
    first: dict[int, Query] = {}
    for query in scenes.queries:
        first.setdefault(query.person_id, query)
    return tuple(first.values())


def _prepare(partial: Path, record: Mapping[str, object]) -> None:
    """Make the folder to write to; what another conversion left there is removed."""
    text = json.dumps(record, indent=1) + "\n"
    file = partial / _RECORD
    if partial.exists() and not (file.is_file() and file.read_bytes() == text.encode("utf-8")):
        shutil.rmtree(partial)
    partial.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode("utf-8"))


def _write_coco(sets: Mapping[Split | None, SceneSet], folder: Path, pictures: Placement, progress: Progress) -> None:
    done, total = 0, sum(len(scenes) for scenes in sets.values())
    for split, scenes in sets.items():
        own = folder / split if split else folder
        (own / coco.IMAGES).mkdir(parents=True, exist_ok=True)
        placed = []
        for sample, name in zip(scenes.samples, picture_names(scenes.samples), strict=True):
            place_picture(sample.path, own / coco.IMAGES / name, pictures)
            placed.append(replace(sample, path=own / coco.IMAGES / name))
            done += 1
            progress(done, total, name)
        coco_writing.write_coco(replace(scenes, samples=tuple(placed)), own)
