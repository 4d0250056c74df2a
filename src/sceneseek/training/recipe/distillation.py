"""``[distillation]``: who teaches, and what. Left out, or with every weight 0, a run is the run without a teacher."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sceneseek.training.recipe.values import Count, CountOrNone, NotNegative, Positive, Share, ShareOfRun, Table, Text

MapPairs = Literal["shared"] | tuple[tuple[Text, Text], ...]


class TeacherTable(Table):
    """``[distillation.teacher]``.

    Attributes:
        weights: A checkpoint (``.pt``) or weights (``.safetensors``) below ``--data`` or absolute, or the name of
            weights that come with the package.
        mode: ``"online"``: the teacher reads every batch. ``"offline"``: it was asked beforehand.
        scenes: What an online teacher reads: the ``"student"``'s resized batch, or pictures resized as its ``"own"``.
        table: Its identity table: its ``"own"``, which checkpoints alone hold, or ``"means"`` of its embeddings.
        cache: Folder below ``--data`` or absolute for what it says of the training set, asked once; empty: asked anew.
        cached_maps: Whether shared maps are kept for an offline teacher, too; half precision, often some GB.
    """

    weights: Text
    mode: Literal["online", "offline"]
    scenes: Literal["own", "student"]
    table: Literal["own", "means"]
    cache: str
    cached_maps: bool


class TermTable(Table):
    """What every term has.

    Attributes:
        weight: 0 leaves the term out.
        active: From which share of the run to which.
    """

    weight: NotNegative
    active: ShareOfRun


class FeatureTable(TermTable):
    """``[distillation.feature]``, of maps.

    Attributes:
        maps: ``"shared"``: those that both networks share; or pairs of names, ``[["STUDENT'S", "TEACHER'S"]]``.
    """

    maps: MapPairs


class MaskedPearson(FeatureTable):
    """``name = "pkd_fgbg"``: see ``distillation.feature.masked_pearson``."""

    name: Literal["pkd_fgbg"]
    foreground: NotNegative
    background: NotNegative


class Pearson(FeatureTable):
    """``name = "pkd"``: see ``distillation.feature.pkd``."""

    name: Literal["pkd"]


class FocalGlobal(FeatureTable):
    """``name = "fgd"``: see ``distillation.terms.levels.FocalGlobal``."""

    name: Literal["fgd"]
    foreground: NotNegative
    background: NotNegative
    attention: NotNegative
    context: NotNegative
    temperature: Positive
    per_cell: bool


class MaskedGeneration(FeatureTable):
    """``name = "mgd"``: see ``distillation.terms.levels.MaskedGeneration``."""

    name: Literal["mgd"]
    masked: Share


class ChannelWise(FeatureTable):
    """``name = "cwd"``: see ``distillation.feature.cwd``."""

    name: Literal["cwd"]
    temperature: Positive


class FineGrained(FeatureTable):
    """``name = "fgfi"``: see ``distillation.feature.fgfi``."""

    name: Literal["fgfi"]
    share: Share


class Decoupled(FeatureTable):
    """``name = "defeat"``: see ``distillation.feature.defeat``."""

    name: Literal["defeat"]
    foreground: NotNegative
    background: NotNegative


class Crops(FeatureTable):
    """``name = "gid_crops"``: see ``distillation.feature.crop_difference``; grids need not agree."""

    name: Literal["gid_crops"]
    size: Count


class RowsTable(TermTable):
    """``[distillation.relation]``: see ``distillation.relation``, by name."""

    name: Literal["rkd_distance", "rkd_angle", "gram", "gram_sum", "sp", "cckd"]


class AnswersTable(TermTable):
    """What identity answers have.

    Attributes:
        effective_scale: What multiplies cosines in both networks.
        table: By which the student answers, its ``"own"`` or the ``"teacher"``'s.
        rows: Who answers; ``"auto"``: locations where both networks have the same, people elsewhere.
    """

    effective_scale: Positive
    table: Literal["own", "teacher"]
    rows: Literal["auto", "people", "locations"]


class ClassRelation(AnswersTable):
    """``name = "dist"`` of ``[distillation.relation]``: see ``distillation.relation.dist``."""

    name: Literal["dist"]


class PlainResponse(AnswersTable):
    """``[distillation.response]``: see ``distillation.response``, by name."""

    name: Literal["kl", "jensen_shannon", "table_matching"]

    @model_validator(mode="after")
    def _of_the_teacher(self) -> PlainResponse:
        if self.name == "table_matching" and self.table != "teacher":
            raise ValueError("table_matching compares with the teacher's table; expected table = 'teacher'")
        return self


class DecoupledResponse(AnswersTable):
    """``name = "dkd"``: see ``distillation.response.dkd``."""

    name: Literal["dkd"]
    alpha: NotNegative
    beta: NotNegative


class EmbeddingTable(TermTable):
    """``[distillation.embedding]``: see ``distillation.response.embedding_difference``."""


class DetectionTable(TermTable):
    """``[distillation.detection]``: see ``distillation.terms.DetectionTerm``.

    Attributes:
        temperature: Divides log-odds.
        proposals: The student's best of each image; not read where locations detect.
    """

    temperature: Positive
    proposals: CountOrNone


Feature = Annotated[
    MaskedPearson | Pearson | FocalGlobal | MaskedGeneration | ChannelWise | FineGrained | Decoupled | Crops,
    Field(discriminator="name"),
]
Relation = Annotated[RowsTable | ClassRelation, Field(discriminator="name")]
Response = Annotated[PlainResponse | DecoupledResponse, Field(discriminator="name")]


class DistillationTable(Table):
    """``[distillation]``: the student is the recipe's model.

    Attributes:
        teacher: Who teaches.
        init_from_teacher: Shell-style patterns on the student's tensors: those that match and have the teacher's
            shape begin as the teacher's.
        warmup_steps: Steps over which a term comes to its weight, from where it begins.
        conflict_every: Steps between looks at whether losses pull the shared map apart; 0 for none.
        feature: Of maps.
        relation: Among people.
        response: Of identities.
        embedding: Of people, directly.
        detection: Of the detector's scores.
    """

    teacher: TeacherTable
    init_from_teacher: tuple[Text, ...]
    warmup_steps: CountOrNone
    conflict_every: CountOrNone
    feature: Feature | None = None
    relation: Relation | None = None
    response: Response | None = None
    embedding: EmbeddingTable | None = None
    detection: DetectionTable | None = None

    @property
    def terms(self) -> dict[str, TermTable]:
        """The terms that weigh something, by name."""
        named = {name: getattr(self, name) for name in ("feature", "relation", "response", "embedding", "detection")}
        return {name: table for name, table in named.items() if table is not None and table.weight > 0.0}

    @model_validator(mode="after")
    def _keeps_what_it_reads(self) -> DistillationTable:
        if self.teacher.cached_maps and self.teacher.mode == "online":
            raise ValueError("teacher.cached_maps is for an offline teacher; expected false with mode = 'online'")
        return self
