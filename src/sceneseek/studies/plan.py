"""From a study to its runs: every row and seed as one complete recipe, in an order in which stages come first."""

from __future__ import annotations

import copy
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sceneseek.errors import RecipeError, suggest
from sceneseek.studies.definition import Row, Study
from sceneseek.studies.toml_text import toml_text
from sceneseek.training.recipe import Recipe
from sceneseek.training.recipe.reading import parse_recipe

WEIGHTS = "model.safetensors"
_STAGE = re.compile(r"\{stage:([^}]*)\}")

Tables = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One training run of a study.

    Attributes:
        row: Name of its row.
        seed: Its seed.
        recipe: What is trained.
        text: The same as TOML, with a comment.
        digest: Hash of that TOML without the comment (SHA-256).
        needs: The runs, as row and seed, whose weights it starts from.
    """

    row: str
    seed: int
    recipe: Recipe
    text: str
    digest: str
    needs: tuple[tuple[str, int], ...]

    @property
    def key(self) -> tuple[str, int]:
        """Row and seed."""
        return self.row, self.seed

    @property
    def folder(self) -> Path:
        """Where it lies below the study's folder."""
        return run_folder(self.row, self.seed)

    def __str__(self) -> str:
        return f"{self.row}, seed {self.seed}"


@dataclass(frozen=True)
class Selection:
    """A part of a study.

    Attributes:
        rows: Names of rows; ``None`` is all.
        seeds: In place of the study's; rows with seeds of their own keep them.
    """

    rows: Sequence[str] | None = None
    seeds: Sequence[int] | None = None


def run_folder(row: str, seed: int) -> Path:
    """Where a run lies below its study's folder."""
    return Path(row) / f"seed-{seed}"


def plan(
    study: Study,
    selection: Selection | None = None,
    *,
    folder_from_data: str = os.pardir,
    means: Mapping[str, Tables] | None = None,
) -> list[Run]:
    """Every run that is asked for and those it needs, each after what it needs; all rows of a seed before the next.

    Args:
        study: The study.
        selection: What is asked for; everything when not given.
        folder_from_data: Path of the study's folder as seen from its data folder, from which recipes count.
        means: ``image_mean`` and ``image_std`` for networks that start from a file of that name.

    Raises:
        RecipeError: There is no such row; rows need each other in a circle; or a row's recipe is not one.
    """
    selection = selection or Selection()
    wanted = [study.row(name) for name in selection.rows] if selection.rows is not None else list(study.rows)
    asked = tuple(selection.seeds) if selection.seeds is not None else study.seeds
    builder = _Builder(study, asked, folder_from_data, means or {})
    most = max(len(study.seeds_of(row, asked)) for row in wanted)
    for number in range(most):
        for row in wanted:
            own = study.seeds_of(row, asked)
            if number < len(own):
                builder.add(row, own[number], ())
    return list(builder.runs.values())


class _Builder:
    """Adds runs, each behind what it needs."""

    def __init__(self, study: Study, seeds: tuple[int, ...], up: str, means: Mapping[str, Tables]) -> None:
        self.study, self.seeds, self.up, self.means = study, seeds, up, means
        self.runs: dict[tuple[str, int], Run] = {}

    def add(self, row: Row, seed: int, waiting: tuple[str, ...]) -> None:
        if (row.name, seed) in self.runs:
            return
        if row.name in waiting:
            raise RecipeError(f"The rows {' -> '.join((*waiting, row.name))} each need the one behind them first.")
        tables = changed(self.study.base, row)
        needs = self._stages(row, tables, seed)
        for name, stage_seed in needs:
            self.add(self.study.row(name), stage_seed, (*waiting, row.name))
        for name, stage_seed in needs:
            path = f"{self.up}/{run_folder(name, stage_seed).as_posix()}/{WEIGHTS}"
            tables = _replaced(tables, f"{{stage:{name}}}", path)
        self._finish(tables, seed)
        name, text = f"row {row.name!r}", toml_text(tables)
        recipe = parse_recipe(text, name)
        check_options(recipe, name)
        head = f"# {row.sentence}\n# The {name} of the study {self.study.title!r}, seed {seed}.\n\n"
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.runs[row.name, seed] = Run(row.name, seed, recipe, head + text, digest, needs)

    def _stages(self, row: Row, tables: Tables, seed: int) -> tuple[tuple[str, int], ...]:
        needs = []
        for name in sorted(set(_STAGE.findall(toml_text(tables)))):
            known = [other.name for other in self.study.rows]
            if name not in known:
                raise RecipeError(f"row {row.name!r}: {{stage:{name}}} names no row.{suggest(name, known)}")
            own = self.study.seeds_of(self.study.row(name), self.seeds)
            if len(own) > 1 and seed not in own:
                raise RecipeError(
                    f"row {row.name!r}, seed {seed}: {{stage:{name}}} has the seeds {', '.join(map(str, own))}; "
                    "expected one seed, or the same."
                )
            needs.append((name, own[0] if len(own) == 1 else seed))
        return tuple(needs)

    def _finish(self, tables: Tables, seed: int) -> None:
        training, model = tables.get("training"), tables.get("model")
        if isinstance(training, dict):
            training["seed"] = seed
        options = model.get("options") if isinstance(model, dict) else None
        if isinstance(options, dict):
            for key, value in self.means.get(str(options.get("weights")), {}).items():
                options.setdefault(key, value)


def changed(base: Mapping[str, Any], row: Row) -> Tables:
    """The base's tables with what a row drops and sets.

    Raises:
        RecipeError: A key to drop is not there.
    """
    tables: Tables = copy.deepcopy(dict(base))
    for dotted in row.drop:
        *outer, last = dotted.split(".")
        inner: Any = tables
        for part in outer:
            inner = inner.get(part) if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or last not in inner:
            known = list(inner) if isinstance(inner, dict) else []
            raise RecipeError(f"row {row.name!r}: there is no key {dotted} to drop.{suggest(last, known)}")
        del inner[last]
    _merge(tables, row.set)
    return tables


def check_options(recipe: Recipe, name: str) -> None:
    """Refuse a network's options now, not after hours of other runs.

    Raises:
        RecipeError: The network is not known, refuses an option, or has other losses than the recipe weighs.
    """
    from sceneseek.errors import ModelError
    from sceneseek.models import zoo

    try:
        options = zoo.default_options(recipe.model.name).changed(dict(recipe.model.options))
    except ModelError as error:
        raise RecipeError(f"{name}: {error}") from error
    missing = [loss for loss in options.losses if loss not in recipe.loss_weights]
    if missing:
        raise RecipeError(
            f"{name}: loss_weights lacks {', '.join(missing)} of {recipe.model.name}; give each a weight."
        )


def _merge(tables: Tables, more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(tables.get(key), dict):
            _merge(tables[key], value)
        else:
            tables[key] = copy.deepcopy(value)


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(inner, old, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, old, new) for inner in value]
    return value.replace(old, new) if isinstance(value, str) else value
