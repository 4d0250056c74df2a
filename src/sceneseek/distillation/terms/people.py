"""Terms between embeddings of people: how they relate, and the embeddings themselves."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sceneseek.distillation import relation, response, shaping
from sceneseek.distillation.contract import Reading
from sceneseek.distillation.terms.pair import Pair, Term

RELATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "rkd_distance": relation.rkd_distance,
    "rkd_angle": relation.rkd_angle,
    "gram": relation.cosine_gram,
    "gram_sum": relation.cosine_gram_sum,
    "sp": relation.similarity_preserving,
    "cckd": relation.cckd,
}


class RelationTerm(Term):
    """A loss between what the networks think of how the batch's people relate.

    Args:
        loss: Of ``RELATIONS``.
    """

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, student: Reading, teacher: Reading) -> Tensor:
        """Compare everyone who is annotated."""
        ours, theirs = student.embeddings.float(), teacher.embeddings.float()
        with torch.autocast(ours.device.type, enabled=False):
            return self.loss(ours, theirs)


class EmbeddingTerm(Term):
    """``response.embedding_difference``, through a linear map where lengths differ.

    Args:
        pair: The two networks.
    """

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self.project = shaping.projection(pair.student.embedding_dim, pair.teacher.embedding_dim)

    def forward(self, student: Reading, teacher: Reading) -> Tensor:
        """Compare everyone who is annotated."""
        ours = nn.functional.normalize(self.project(student.embeddings.float()), dim=1)
        return response.embedding_difference(ours, teacher.embeddings.float())
