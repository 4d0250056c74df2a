"""Whether published numbers may stand beside a report: only on the same test set, under the same protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sceneseek.evaluation.published import Kind, PublishedRow, published
from sceneseek.structures import SearchReport


@dataclass(frozen=True)
class Comparability:
    """Which published rows may stand beside a report, and why, or why none may.

    Attributes:
        rows: The best mAP first; empty where nothing is comparable.
        reason: One or two sentences for people.
    """

    rows: tuple[PublishedRow, ...]
    reason: str

    def place_of(self, report: SearchReport) -> int:
        """How many rows have a higher mAP than a report, as printed."""
        value = round(100 * (report.mean_ap.value or 0.0), 1)
        return sum(round(row.metrics["mAP"], 1) > value for row in self.rows)


@dataclass(frozen=True)
class _TestSet:
    """How a data set is told from others that carry its name: the genuine one has these counts."""

    dataset: str
    prefix: str
    queries: int
    images: int


_TEST_SETS = (
    _TestSet("CUHK-SYSU", "cuhk-sysu", 2900, 6978),
    _TestSet("PRW", "prw", 2057, 6112),
    _TestSet("WebTattoo", "webtattoo", 200, 355),
)
_BESIDE: tuple[Kind, ...] = ("system", "two-step", "weakly supervised", "distillation")
_PRW_MINI = 30
_USUAL_GALLERY = 100


def comparable(report: SearchReport) -> Comparability:
    """The published rows of a report's own data set and protocol; none for any other data.

    A name is not enough, because scenes of one's own can be written in a published layout: the counts of queries and
    images must be the published test set's too.

    Args:
        report: An evaluation.

    Returns:
        The rows, the best first, or none, with the reason.
    """
    data = report.provenance.data
    found = next((t for t in _TEST_SETS if data.lower() == t.prefix or data.lower().startswith(f"{t.prefix}-")), None)
    if found is None:
        return Comparability(
            (), f"{data} is not a published benchmark: no published number can be compared with these."
        )
    asked = report.num_queries + report.num_unanswerable
    mini = found.dataset == "PRW" and asked == _PRW_MINI
    if report.num_images != found.images or not (mini or asked == found.queries):
        return Comparability((), f"The data is named {data}, but has {asked:,} queries and {report.num_images:,} "
                             f"scenes; {found.dataset} has {found.queries:,} and {found.images:,}. Published rows "
                             "are not comparable.")  # fmt: skip
    protocol = "mini" if mini else _protocol(found.dataset, report.protocol)
    size = round(report.gallery_size) if found.dataset == "CUHK-SYSU" else None
    rows = _rows(found.dataset, protocol, size, report.provenance.boxes) if protocol else []
    if not rows:
        boxes = ", annotated boxes" if report.provenance.boxes == "truth" else ""
        under = f"a gallery of {size:,} images" if size else "these rules"
        return Comparability((), f"No published row of {found.dataset} under {under}{boxes} is on record: the protocol "
                             f"departs from the published one ({_said(report.protocol)}).")  # fmt: skip
    rows.sort(key=lambda row: -row.metrics["mAP"])
    under = f"gallery of {size:,} images" if size else str(protocol)
    return Comparability(tuple(rows), f"{found.dataset}, {under}: the same test set and protocol.")


def _rows(dataset: str, protocol: str, size: int | None, boxes: str) -> list[PublishedRow]:
    kinds = _BESIDE if size in (None, _USUAL_GALLERY) else (*_BESIDE, "gallery size")
    # Whole pictures as boxes are no detector's, but they are what "without detection" measures.
    free = protocol == "without detection"
    return [
        r for r in published(dataset, protocol, gallery_size=size) if r.kind in kinds and (free or r.boxes == boxes)
    ]


def _protocol(dataset: str, switches: Mapping[str, object]) -> str | None:
    """The published protocol that a report's switches amount to; which detections are ranked is the system's affair."""
    match, cameras, ap = (switches.get(*s) for s in (("match", "most_similar"), ("cameras", "all"), ("ap", "step")))
    usual = ap == "step" and cameras == "all" and switches.get("gallery_size") != "full"
    if dataset == "PRW" and match == "best_overlap":
        return "original" if (ap, cameras) == ("trapezoid", "cross") else None
    if dataset == "WebTattoo" and usual:
        return "without detection" if match == "image" else "with detection"
    if not usual or match != "most_similar":
        return None
    return {"CUHK-SYSU": "gallery", "PRW": "all cameras"}[dataset]


def _said(switches: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name} {switches[name]}" for name in ("match", "cameras", "ap", "gallery_size") if name in switches
    )
