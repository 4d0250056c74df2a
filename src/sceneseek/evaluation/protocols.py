"""The rules of the measurement: what counts as found, in how large a gallery, averaged how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from sceneseek.errors import ValueRefused, suggest

APRule = Literal["step", "trapezoid"]
DuplicateRule = Literal["double", "seqnet", "dedup"]
QueryFeature = Literal["gt_roi", "matched_detection"]
CameraRule = Literal["all", "cross", "same"]
MatchRule = Literal["most_similar", "best_overlap", "image"]
GallerySize = int | Literal["full"] | None

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "ap": get_args(APRule),
    "duplicates": get_args(DuplicateRule),
    "query_feature": get_args(QueryFeature),
    "cameras": get_args(CameraRule),
    "match": get_args(MatchRule),
}


@dataclass(frozen=True)
class SearchProtocol:
    """The search protocol of the person search field, with its switches.

    A query's gallery is a list of images. Detections there are ranked by their similarity to the query. In each image
    that shows the person, the most similar detection whose IoU with the person's box reaches
    ``boxes.match_threshold`` is a hit; every other detection is a wrong answer. AP is multiplied by recall, so that a
    person whom the detector missed costs their share (Xiao et al., 2017, evaluation code). The defaults are today's
    practice; ``PROTOCOLS`` holds the named variants, and ``docs/explanation/protocols.md`` says who uses which.

    Attributes:
        det_threshold: Detections with a lower score are not ranked. The field's public evaluators use 0.5.
        gallery_size: Images per gallery: the query's positives, then distractors in the order listed. ``None`` takes
            all that are listed; ``"full"`` adds every other scene of the set except the query's own.
        ap: ``"step"`` sums precision times the recall gained (scikit-learn since 0.19, all modern numbers);
            ``"trapezoid"`` joins the points by straight lines (scikit-learn before 0.19, numbers up to about 2018,
            and the original PRW protocol).
        top_k: The ranks at which to report a hit.
        duplicates: A gallery may list an image twice (four queries of CUHK-SYSU do). ``"seqnet"`` counts its person
            twice and ranks its detections once, so that recall stays below one; ``"double"`` also ranks them twice,
            the second time against the person's second box in that image where there is one; ``"dedup"`` drops the
            second entry.
        query_feature: ``"gt_roi"``: the query is the model's embedding of the annotated box.
            ``"matched_detection"``: the embedding of the detection that overlaps the annotated box most, however
            little, at any score (models without a region head). Where nothing was detected the query ranks nothing.
        cameras: Which images stay in a gallery: ``"all"``, those of other cameras than the query's (``"cross"``), or
            of the query's own (``"same"``).
        confidence_weighted: Rank by cosine times the detection's score (Chen et al., 2020: class weighted similarity).
        match: Which detections are the person. ``"most_similar"`` is described above. ``"best_overlap"`` is the
            original PRW protocol: see ``matching.assigned_sightings``. ``"image"``: any detection in an image that
            shows the person, for retrieval of whole images.
        own_scene: The query's own scene belongs to the gallery even if it is not listed.
        skip_empty_scenes: With ``"best_overlap"``: people in scenes without any detection are not missed (a quirk of
            the original code of PRW).
        last_rank: Hits at worse ranks count for nothing; ``None`` takes all.
        cmc_ranks: Length of the cumulative match curve.
        name: The name of the variant, for the record.
    """

    det_threshold: float = 0.5
    gallery_size: GallerySize = None
    ap: APRule = "step"
    top_k: tuple[int, ...] = (1, 5, 10)
    duplicates: DuplicateRule = "seqnet"
    query_feature: QueryFeature = "gt_roi"
    cameras: CameraRule = "all"
    confidence_weighted: bool = False
    match: MatchRule = "most_similar"
    own_scene: bool = False
    skip_empty_scenes: bool = False
    last_rank: int | None = None
    cmc_ranks: int = 50
    name: str = "modern"

    def __post_init__(self) -> None:
        if not 0.0 <= self.det_threshold <= 1.0:
            raise ValueRefused(f"det_threshold is {self.det_threshold}; expected a score from 0 to 1.")
        if isinstance(self.gallery_size, str) and self.gallery_size != "full":
            raise ValueRefused(f"gallery_size is {self.gallery_size!r}; expected a number of images, 'full', or None.")
        if isinstance(self.gallery_size, int) and self.gallery_size < 1:
            raise ValueRefused(
                f"gallery_size is {self.gallery_size}; expected at least 1 image, 'full', or None for all listed."
            )
        for switch, choices in _CHOICES.items():
            value = getattr(self, switch)
            if value not in choices:
                expected = ", ".join(map(repr, choices))
                raise ValueRefused(f"{switch} is {value!r}; expected one of {expected}.{suggest(str(value), choices)}")
        object.__setattr__(self, "top_k", tuple(sorted(set(self.top_k))))
        if not self.top_k or self.top_k[0] < 1:
            raise ValueRefused(f"top_k is {self.top_k}; expected ranks of at least 1.")
        for switch in ("last_rank", "cmc_ranks"):
            value = getattr(self, switch)
            if value is not None and value < 1:
                raise ValueRefused(f"{switch} is {value}; expected at least 1.")
        if self.match == "best_overlap" and self.duplicates == "double":
            raise ValueRefused("match='best_overlap' gives each detection one identity; duplicates cannot be 'double'.")

    def switches(self) -> dict[str, object]:
        """The switches by name, for the record."""
        return {**asdict(self), "top_k": list(self.top_k)}


_PRW = SearchProtocol(name="prw")
PROTOCOLS: Mapping[str, SearchProtocol] = {
    p.name: p
    for p in (
        SearchProtocol(),
        SearchProtocol(name="cuhk_sysu"),
        _PRW,
        replace(_PRW, name="prw_cross_camera", cameras="cross"),
        replace(_PRW, name="prw_same_camera", cameras="same"),
        replace(_PRW, name="prw_mini"),
        SearchProtocol(
            name="prw_original",
            det_threshold=0.0,
            ap="trapezoid",
            top_k=(1, 5, 10, 20),
            duplicates="dedup",
            cameras="cross",
            match="best_overlap",
            own_scene=True,
            skip_empty_scenes=True,
            last_rank=1000,
            cmc_ranks=1000,
        ),
        SearchProtocol(name="webtattoo"),
        SearchProtocol(name="webtattoo_no_detection", det_threshold=0.0, match="image"),
        SearchProtocol(name="open", duplicates="dedup"),
    )
}
"""The named variants. ``modern`` is what the field does today. ``cuhk_sysu`` and ``prw`` are the same rules: the
readers make the difference (listed galleries; all frames but the query's own). ``prw_mini`` is ``prw`` on its 30
queries, which the reader chooses. ``open`` is for data of one's own."""


def named_protocol(name: str, **switches: Any) -> SearchProtocol:
    """A named variant, with some of its switches set otherwise.

    Args:
        name: A key of ``PROTOCOLS``.
        switches: Attributes of ``SearchProtocol``.

    Returns:
        The protocol; where a switch differs from the variant, its name says which.

    Raises:
        ValueRefused: There is no such variant, no such switch, or an impossible value.

    Example:
        >>> named_protocol("prw", cameras="cross").name
        'prw, cameras=cross'
    """
    if name not in PROTOCOLS:
        raise ValueRefused(
            f"there is no protocol {name!r}; expected one of {', '.join(PROTOCOLS)}.{suggest(name, tuple(PROTOCOLS))}"
        )
    return varied(PROTOCOLS[name], **switches)


def varied(protocol: SearchProtocol, **switches: Any) -> SearchProtocol:
    """A protocol with some of its switches set otherwise; its name then says which.

    Raises:
        ValueRefused: There is no such switch, or an impossible value.
    """
    known = [s for s in protocol.switches() if s != "name"]
    for switch in switches:
        if switch not in known:
            raise ValueRefused(
                f"a protocol has no switch {switch!r}; expected one of {', '.join(known)}.{suggest(switch, known)}"
            )
    changed = {k: v for k, v in switches.items() if v != getattr(protocol, k)}
    name = ", ".join([protocol.name, *(f"{k}={v}" for k, v in changed.items())])
    return replace(protocol, name=name, **changed)
