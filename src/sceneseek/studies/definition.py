"""What a study says: one TOML file, read as strictly as a recipe, with everything that decides its table.

A study has one complete recipe, its *base*, and rows that change a few keys of it. ::

    title = "..."
    question = "..."
    seeds = [1, 2, 3]
    baseline = "oim"            # the row that the others are compared with

    [data.people]               # a synthetic world, drawn into DATA/people/train and DATA/people/test
    world = "people"
    spec = { seed = 3, num_scenes = 900 }

    [[weights]]                 # a public file that recipes start from, copied to DATA/mobilenet_v2.pth
    file = "mobilenet_v2.pth"
    names = ["mobilenet_v2_tf", "mobilenet_v2"]

    [evaluation]
    ...

    [base.data]                 # and so on: a recipe whose tables stand below [base]
    ...

    [[rows]]
    name = "seqnet"
    sentence = "SeqNet: two heads, one after the other."
    drop = ["model.options.pool_size", "loss_weights"]
    set.model.name = "seqnet_mobilenet_v2"
    set.loss_weights = { loss_rpn_cls = 1.0 }

A row first loses the keys in ``drop``, then gets those in ``set``, whose tables are merged with those that are there.
The text ``{stage:NAME}`` in a value becomes the path of the weights that the row NAME ended with, for the same seed, or
for NAME's only one: that row is trained first.
"""

from __future__ import annotations

import dataclasses
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from sceneseek.data.layouts import Layout
from sceneseek.data.synthetic import WorldSpec
from sceneseek.data.synthetic.tattoos import TattooSpec
from sceneseek.errors import RecipeError, suggest
from sceneseek.training.recipe.reading import checked, parse_tables, read_text
from sceneseek.training.recipe.values import Count, CountOrNone, Share, Table, Text

Seeds = Annotated[tuple[CountOrNone, ...], Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.+-]*$")]
"""Of a row or a world: it becomes a folder."""


class WorldTable(Table):
    """``[data.NAME]``: a synthetic world to draw.

    Attributes:
        world: What its scenes show.
        spec: Keys of its spec that are not to have their default (``WorldSpec``, ``TattooSpec``).
    """

    world: Literal["people", "tattoos"]
    spec: dict[str, Any]

    @model_validator(mode="after")
    def _known_keys(self) -> WorldTable:
        known = [field.name for field in dataclasses.fields(WorldSpec if self.world == "people" else TattooSpec)]
        for key in self.spec:
            if key not in known:
                raise ValueError(f"the spec of a world of {self.world} has no key {key!r}.{suggest(key, known)}")
        self.full_spec()
        return self

    def full_spec(self) -> WorldSpec | TattooSpec:
        """The spec with its defaults.

        Raises:
            ValueRefused: A value is impossible.
        """
        return WorldSpec(**self.spec) if self.world == "people" else TattooSpec(**self.spec)


class WeightsTable(Table):
    """``[[weights]]``: a file that recipes start from.

    Recipes whose ``model.options.weights`` is this file and that do not say ``image_mean`` and ``image_std`` themselves
    get those that the weights expect.

    Attributes:
        file: Its name in the data folder.
        names: Of the weights registry (``sceneseek weights list``); the first that is on this machine is taken.
    """

    file: Text
    names: Annotated[tuple[Text, ...], Field(min_length=1)]


class ScoringTable(Table):
    """``[evaluation]``: what the trained networks are scored on.

    Attributes:
        layout: How it lies on disk, see ``data.layouts``.
        data: Folder below the data folder; of a set that is divided the test part is read.
        protocol: One of ``evaluation.protocols.PROTOCOLS``.
        det_threshold: Detections of at least this score are ranked; the protocol's own where it is left out.
        batch_size: Images per forward pass.
    """

    layout: Layout | Literal["auto"]
    data: Text
    protocol: Text
    det_threshold: Share | None = None
    batch_size: Count


class Row(Table):
    """``[[rows]]``: one line of the table, trained once for each seed.

    Attributes:
        name: Of its folder.
        sentence: What is different, for people.
        seeds: Its own seeds in place of the study's: a network that is trained once and used by other rows.
        drop: Dotted keys of the base that the row does without.
        set: Tables as in a recipe, merged into the base.
    """

    name: Name
    sentence: Text
    seeds: Seeds | None = None
    drop: tuple[Text, ...] = ()
    set: dict[str, Any] = Field(default_factory=dict)


class Study(Table):
    """Several training runs, and the question they answer.

    Attributes:
        title: A few words.
        question: What the table is to tell.
        seeds: One run of each row for each.
        baseline: The row with which the others are compared.
        data: Worlds to draw, by name.
        weights: Files to start from.
        evaluation: How a run is scored.
        base: One complete recipe.
        rows: What is compared.
    """

    title: Text
    question: Text
    seeds: Seeds
    baseline: Name
    data: dict[Name, WorldTable] = Field(default_factory=dict)
    weights: tuple[WeightsTable, ...] = ()
    evaluation: ScoringTable
    base: dict[str, Any]
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]

    @field_validator("seeds")
    @classmethod
    def _once(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("expected each seed once")
        return seeds

    @model_validator(mode="after")
    def _names(self) -> Study:
        names = [row.name for row in self.rows]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the row {twice[0]!r} stands there twice")
        if self.baseline not in names:
            raise ValueError(f"baseline is {self.baseline!r}, which is no row.{suggest(self.baseline, names)}")
        return self

    def row(self, name: str) -> Row:
        """The row of that name.

        Raises:
            RecipeError: There is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise RecipeError(f"The study has no row {name!r}.{suggest(name, [row.name for row in self.rows])}")

    def seeds_of(self, row: Row, seeds: tuple[int, ...]) -> tuple[int, ...]:
        """The seeds of a row when ``seeds`` are asked for: its own where it names some."""
        return seeds if row.seeds is None else row.seeds


def study_names() -> list[str]:
    """The studies that come with the package, sorted."""
    return sorted(
        Path(entry.name).stem
        for entry in files("sceneseek.studies").joinpath("definitions").iterdir()
        if entry.name.endswith(".toml")
    )


def read_study(name: str) -> Study:
    """Read a study.

    Args:
        name: One of ``study_names()``, or the path of a ``.toml`` file.

    Raises:
        RecipeError: There is no such study, or its file has an unknown key, a missing key or a wrong value; the message
            names each, what was found and what is expected.
    """
    if name.endswith(".toml"):
        return parse_study(read_text(name, "study"), name)
    known = study_names()
    if name not in known:
        raise RecipeError(f"There is no study called {name!r}, and no file of that name.{suggest(name, known)}")
    text = files("sceneseek.studies").joinpath("definitions", f"{name}.toml").read_text(encoding="utf-8")
    return parse_study(text, f"study {name}")


def parse_study(text: str, name: str = "study") -> Study:
    """Read a study from its text.

    Raises:
        RecipeError: As ``read_study``.
    """
    return checked(Study, parse_tables(text, name), name)
