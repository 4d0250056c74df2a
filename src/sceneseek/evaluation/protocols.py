"""The rules of the measurement: what counts as found, in how large a gallery, averaged how."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from sceneseek.errors import ValueRefused, suggest

APRule = Literal["step", "trapezoid"]
AP_RULES: tuple[APRule, ...] = ("step", "trapezoid")


@dataclass(frozen=True)
class SearchProtocol:
    """The search protocol of the person search field, with its switches.

    A query's gallery is a list of images. Detections there are ranked by their similarity to the query. In each image
    that shows the person, the most similar detection whose IoU with the person's box reaches
    ``boxes.match_threshold`` is a hit; every other detection is a wrong answer. AP is multiplied by recall, so that a
    person whom the detector missed costs their share (Xiao et al., 2017, evaluation code).

    Attributes:
        det_threshold: Detections with a lower score are not ranked. The field's public evaluators use 0.5.
        gallery_size: Images per gallery: the query's positives, then distractors in the order listed. ``None`` takes
            all.
        ap: ``"step"`` sums precision times the recall gained (scikit-learn since 0.19, all modern numbers);
            ``"trapezoid"`` joins the points by straight lines (scikit-learn before 0.19, numbers up to about 2018,
            and the original PRW protocol).
        top_k: The ranks at which to report a hit.
    """

    det_threshold: float = 0.5
    gallery_size: int | None = None
    ap: APRule = "step"
    top_k: tuple[int, ...] = (1, 5, 10)

    def __post_init__(self) -> None:
        if not 0.0 <= self.det_threshold <= 1.0:
            raise ValueRefused(f"det_threshold is {self.det_threshold}; expected a score from 0 to 1.")
        if self.gallery_size is not None and self.gallery_size < 1:
            raise ValueRefused(f"gallery_size is {self.gallery_size}; expected at least 1 image, or None for all.")
        if self.ap not in AP_RULES:
            raise ValueRefused(f"ap is {self.ap!r}; expected 'step' or 'trapezoid'.{suggest(str(self.ap), AP_RULES)}")
        object.__setattr__(self, "top_k", tuple(sorted(set(self.top_k))))
        if not self.top_k or self.top_k[0] < 1:
            raise ValueRefused(f"top_k is {self.top_k}; expected ranks of at least 1.")

    def switches(self) -> dict[str, object]:
        """The switches by name, for the record."""
        return {**asdict(self), "top_k": list(self.top_k)}
