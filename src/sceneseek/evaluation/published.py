"""What the literature reports: every row names its source, how it was read, and what to mind."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from sceneseek.errors import ValueRefused, suggest

Evidence = Literal["read", "quoted", "memory"]
Kind = Literal["system", "two-step", "ablation", "gallery size", "weakly supervised", "distillation"]
METRICS = ("mAP", "top-1", "top-5", "top-10", "detection-AP", "detection-recall")
PROTOCOLS: Mapping[str, tuple[str, ...]] = {
    "CUHK-SYSU": ("gallery",),
    "PRW": ("all cameras", "original", "mini", "not stated"),
    "WebTattoo": ("with detection", "without detection"),
}
"""The protocols of each data set; ``published.toml`` says what they are."""


@dataclass(frozen=True)
class PublishedRow:
    """One row of a published table.

    Attributes:
        method: As the source calls it.
        settings: Backbone, detector, losses: what tells it from the other rows of the method; may be empty.
        dataset: A key of ``PROTOCOLS``.
        protocol: One of the data set's protocols.
        gallery_size: Images per query, CUHK-SYSU only.
        boxes: ``"detector"``, or ``"truth"`` for annotated boxes.
        metrics: Scores by name (``METRICS``), in per cent, as printed.
        kind: What the table is about.
        table: The table's name here.
        title: What the table compares.
        source: The publication or repository.
        evidence: ``"read"`` in the source; ``"quoted"``: read where somebody else quotes it; ``"memory"``: looked up
            nowhere.
        caveats: What to mind, a sentence each.
    """

    method: str
    settings: str
    dataset: str
    protocol: str
    gallery_size: int | None
    boxes: str
    metrics: Mapping[str, float]
    kind: Kind
    table: str
    title: str
    source: str
    evidence: Evidence
    caveats: tuple[str, ...] = ()

    @property
    def uncertain(self) -> bool:
        """Whether the numbers were not read in the source itself."""
        return self.evidence != "read"


def published(
    dataset: str | None = None,
    protocol: str | None = None,
    *,
    gallery_size: int | None = None,
    kind: Kind | None = None,
    method: str | None = None,
) -> tuple[PublishedRow, ...]:
    """The published rows that fit, in the order of the tables.

    Args:
        dataset: ``"CUHK-SYSU"``, ``"PRW"`` or ``"WebTattoo"``; all when not given.
        protocol: See ``PROTOCOLS``.
        gallery_size: Images per query.
        kind: What the table is about.
        method: The method's name, whole, in any case.

    Raises:
        ValueRefused: No such data set, or no such protocol of it.

    Example:
        >>> [row.metrics["mAP"] for row in published("WebTattoo", "with detection")]
        [38.2, 41.7, 48.5]
        >>> published("CUHK-SYSU", method="dc-i-net", kind="system")[0].metrics["top-1"]
        85.8
    """
    if dataset is not None and dataset not in PROTOCOLS:
        raise ValueRefused(f"no published rows for {dataset!r}; expected one of {', '.join(PROTOCOLS)}."
                           f"{suggest(dataset, tuple(PROTOCOLS))}")  # fmt: skip
    known = PROTOCOLS[dataset] if dataset is not None else tuple(p for names in PROTOCOLS.values() for p in names)
    if protocol is not None and protocol not in known:
        raise ValueRefused(f"no published rows under protocol {protocol!r}; expected one of {', '.join(known)}."
                           f"{suggest(protocol, known)}")  # fmt: skip
    wanted = {"dataset": dataset, "protocol": protocol, "gallery_size": gallery_size, "kind": kind}
    return tuple(
        row
        for row in _rows()
        if all(value is None or getattr(row, name) == value for name, value in wanted.items())
        and (method is None or row.method.lower() == method.lower())
    )


@cache
def _rows() -> tuple[PublishedRow, ...]:
    content = tomllib.loads(files("sceneseek.evaluation").joinpath("published.toml").read_text(encoding="utf-8"))
    return tuple(row for table in content["table"] for row in _read_table(table, content["sources"]))


def _read_table(table: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[PublishedRow]:
    for entry in table["rows"]:
        both = {"boxes": "detector", "settings": "", "gallery_size": None, **table, **entry}
        scores = {name: float(entry[name]) for name in METRICS if name in entry}
        points = [(both["gallery_size"], scores)]
        if "mAP_at" in entry:
            points = [(n, {"mAP": float(v)}) for n, v in zip(table["sizes"], entry["mAP_at"], strict=True)]
        for size, metrics in points:
            yield PublishedRow(
                method=both["method"], settings=both["settings"], dataset=both["dataset"], protocol=both["protocol"],
                gallery_size=size, boxes=both["boxes"], metrics=metrics, kind=both["kind"], table=table["id"],
                title=table["title"], source=sources[both["source"]], evidence=both["evidence"],
                caveats=(*entry.get("caveats", ()), *table.get("caveats", ())),
            )  # fmt: skip
