"""What can be chosen about the identity losses of a network that takes a list of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sceneseek.errors import ModelError, suggest
from sceneseek.losses.hep import ClassAverage
from sceneseek.losses.mining import HardOrder
from sceneseek.losses.rss import SamplePolicy
from sceneseek.models.options import NetworkOptions

IDENTITY_LOSSES = (
    *("olp", "c2hep", "hep", "softmax", "rss", "oim"),
    *("triplet", "table_triplet", "contrastive", "quadruplet", "centre"),
)
"""Every loss by name; a network returns it as ``loss_`` and its name."""


@dataclass(frozen=True)
class IdentityOptions(NetworkOptions):
    """Which identity losses, and their numbers; the defaults are the published ones, or guesses where there are none.

    Options of losses that are not named have no effect. Weights (``alpha`` and ``beta`` of Zhang et al., 2020) are no
    options but ``loss_weights`` of a recipe.

    Attributes:
        identity_losses: Names from ``"olp"``, ``"c2hep"``, ``"hep"``, ``"softmax"`` (all classes), ``"rss"``,
            ``"oim"``, ``"triplet"``, ``"table_triplet"`` (with identity table rows: with ``"oim"`` it makes TOIM),
            ``"contrastive"``, ``"quadruplet"`` and ``"centre"``.
        dictionary_size: Slots of the feature dictionary; 40 x 128 in Zhang et al. (2020), beside 20 and 60 x 128.
        dictionary_store: Which regions enter it: ``"all"``, ``"fg"`` (people) or ``"labelled"`` (known people); not
            stated in the paper.
        exclude_current_positives: Leave out regions that formed a positive pair in their own step; a reading of
            "without recording the positive samples" in He and Zhang (2018).
        olp_scale: Multiplies cosines in the pairing loss; 1 is the literal formula.
        olp_intra_image: Pair regions of one image too; not stated.
        olp_max_groups: Random cap on its groups; not stated.
        olp_current_negatives: Other people of the step are negatives too; not stated.
        c2hep_scale: Multiplies cosines in the class-centre softmax; not stated in the paper.
        c2hep_pool: For ``"c2hep"`` and ``"hep"``: hard classes are those of the hardest ``"dictionary"`` entries, or of
            the nearest ``"centres"``.
        pool_size: Priority classes, background counted where it is a class: 100, beside 50, 1000 and ``"all"``.
        hard_negatives: Per anchor; 20 in He and Zhang (2018).
        hard_order: ``"similar"`` or ``"dissimilar"`` negatives are the hard ones.
        centre_momentum: Share of the old class centre that stays; not stated in the paper.
        classifier_input: What ``"hep"``, ``"softmax"`` and ``"rss"`` classify: embeddings before (``"raw"``) or after
            (``"unit"``) they are made unit vectors; not stated, raw in Xiao et al. (2016), unit in COAT.
        classifier_background: Background is a class; not so in COAT.
        classifier_bias: Class scores have an offset; not so in COAT.
        classifier_neck: Batch normalisation before the class scores, as in COAT.
        class_average: Whether ``"hep"`` and ``"softmax"`` divide by rows with a class (``"valid"``) or all; not stated.
        rss_classes: Sampled classes per row; 100 in Xiao et al. (2016).
        rss_policy: ``"random"``, or ``"top"``: those that score highest.
        rss_average: As ``class_average``; ``"batch"`` in the code of Xiao et al. (2016).
        oim_scale: What multiplies cosines with the identity table: 10 in the code of Xiao et al. (2017), 30 in those of
            NAE, SeqNet and OIMNet++.
        oim_momentum: Share of the old row of the table that stays.
        oim_renormalise: Bring rows of the table back to length one, as in the paper; the authors' code does not.
        oim_empty: What never written rows are, see ``losses.OIMLoss``.
        oim_average: Over which rows the loss is a mean, as there.
        queue_size: Slots for unlabelled people: 5,000 on CUHK-SYSU, 500 on PRW in all later codes; 0 for no queue.
        oim_queue_scale: What multiplies cosines with the queue; 0 means ``oim_scale``. 10 beside 15 in AlignPS on PRW.
        oim_gamma: Focal exponent; 2 in AlignPS.
        oim_localised: Regions enter the identity table by their overlap with the person, as in OIMNet++.
        queue_dims: Leading numbers kept in the queue, 0 for all; 64 in AlignPS on CUHK-SYSU.
        triplet_margin: Not stated in Zhang et al. (2020); 0.3 in AlignPS.
        triplet_soft: The soft margin in its place.
        triplet_lone_anchors: See ``losses.TripletLoss``.
        contrastive_margin: Not stated.
        contrastive_intra_image: Regions of one image make pairs too; not stated.
        quadruplet_margins: Not stated.
        centre_rate: How far a centre of the centre loss moves; 0.5 in Wen et al. (2016).
    """

    identity_losses: tuple[str, ...] = ("olp", "c2hep")
    dictionary_size: int = 40 * 128
    dictionary_store: Literal["all", "fg", "labelled"] = "all"
    exclude_current_positives: bool = False
    olp_scale: float = 1.0
    olp_intra_image: bool = False
    olp_max_groups: int = 1024
    olp_current_negatives: bool = False
    c2hep_scale: float = 10.0
    c2hep_pool: Literal["dictionary", "centres"] = "dictionary"
    pool_size: int | Literal["all"] = 100
    hard_negatives: int = 20
    hard_order: HardOrder = "similar"
    centre_momentum: float = 0.5
    classifier_input: Literal["raw", "unit"] = "raw"
    classifier_background: bool = True
    classifier_bias: bool = True
    classifier_neck: bool = False
    class_average: ClassAverage = "valid"
    rss_classes: int = 100
    rss_policy: SamplePolicy = "random"
    rss_average: ClassAverage = "batch"
    oim_scale: float = 10.0
    oim_momentum: float = 0.5
    oim_renormalise: bool = True
    oim_empty: Literal["zero", "apart"] = "zero"
    oim_average: Literal["labelled", "people"] = "labelled"
    queue_size: int = 5000
    oim_queue_scale: float = 0.0
    oim_gamma: float = 0.0
    oim_localised: bool = False
    queue_dims: int = 0
    triplet_margin: float = 0.3
    triplet_soft: bool = False
    triplet_lone_anchors: bool = False
    contrastive_margin: float = 1.0
    contrastive_intra_image: bool = False
    quadruplet_margins: tuple[float, float] = (0.3, 0.15)
    centre_rate: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        names = self.identity_losses
        for name in names:
            if name not in IDENTITY_LOSSES:
                raise ModelError(
                    f"identity_losses of {self.network} names {name!r}.{suggest(name, list(IDENTITY_LOSSES))} "
                    f"There are {', '.join(IDENTITY_LOSSES)}."
                )
        if not names or len(set(names)) < len(names):
            raise ModelError(f"identity_losses of {self.network} must name one loss or more, each once; found {names}.")
        if isinstance(self.pool_size, str) and self.pool_size != "all":
            raise ModelError(f'pool_size of {self.network} must be a number or "all"; it is {self.pool_size!r}.')

    @property
    def identity_loss_names(self) -> tuple[str, ...]:
        """Names of the losses as a network returns them, sorted."""
        return tuple(sorted(f"loss_{name}" for name in self.identity_losses))

    @property
    def needs(self) -> frozenset[str]:
        """What the losses learn with: names of the parts of ``identity_memories.IdentityMemories``."""
        needed: set[str] = set()
        for name in self.identity_losses:
            needed |= {*_NEEDS.get(name, ())}
        if needed & {"pool"}:
            needed |= {self.c2hep_pool}
        if "queue" in needed and self.queue_size == 0:
            needed -= {"queue"}
        if "table" not in needed:
            # One row per identity is also what a student network is taught with, whatever the losses.
            needed |= {"centres"}
        return frozenset(needed - {"pool"})


_NEEDS: dict[str, tuple[str, ...]] = {
    "olp": ("dictionary",),
    "c2hep": ("centres", "pool"),
    "hep": ("classifier", "pool"),
    "softmax": ("classifier",),
    "rss": ("classifier",),
    "oim": ("table", "queue"),
    "table_triplet": ("table",),
    "centre": ("feature_centres",),
}
