"""What the identity losses remember between steps: recent embeddings, and one centre per labelled identity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneseek.errors import ValueRefused
from sceneseek.losses.gathering import gather_rows
from sceneseek.structures import UNLABELED

BACKGROUND = UNLABELED - 1
"""Label of a region that holds no person. Labels of people are their identity, or ``UNLABELED``."""


class Memory(nn.Module):
    """State that survives a training step but is no part of a network at work.

    All of it lies in buffers, so that a checkpoint holds it; weights meant for inference leave it out.
    """

    @torch.no_grad()
    def update(self, embeddings: Tensor, labels: Tensor) -> None:
        """Take in one step's embeddings, those of all training processes in rank order.

        Call it exactly once per step, after the loss; every process must call it, also with no rows.

        Args:
            embeddings: Unit rows ``(N, D)``.
            labels: ``(N,)`` int64: an identity, ``UNLABELED`` or ``BACKGROUND``.
        """
        rows, row_labels = gather_rows(embeddings, labels)
        self._take_in(rows, row_labels)

    def _take_in(self, embeddings: Tensor, labels: Tensor) -> None:
        raise NotImplementedError


class FeatureDictionary(Memory):
    """The last ``K`` embeddings with their labels, first in, first out.

    Source: the feature dictionary of Zhang, He, Yang, Wang and Gao, Tasks Integrated Networks (2020), whose default is
    40 x 128 slots: the regions of the last 40 images.

    Args:
        num_slots: ``K``.
        embedding_dim: ``D``.

    Attributes:
        features: ``(K, D)``, zeros where nothing was stored yet.
        labels: ``(K,)`` int64, ``BACKGROUND`` where nothing was stored yet.
        pointer: ``()`` int64, the slot that is written next.
        count: ``()`` int64, how many slots are filled.

    Example:
        >>> dictionary = FeatureDictionary(num_slots=2, embedding_dim=1)
        >>> dictionary.update(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([10, 11, 12]))
        >>> dictionary.labels.tolist(), int(dictionary.pointer), int(dictionary.count)
        ([12, 11], 1, 2)
    """

    features: Tensor
    labels: Tensor
    pointer: Tensor
    count: Tensor

    def __init__(self, num_slots: int, embedding_dim: int) -> None:
        super().__init__()
        if num_slots < 1:
            raise ValueRefused(f"a feature dictionary needs at least one slot; num_slots is {num_slots}.")
        self.register_buffer("features", torch.zeros(num_slots, embedding_dim))
        self.register_buffer("labels", torch.full((num_slots,), BACKGROUND, dtype=torch.int64))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def __len__(self) -> int:
        return int(self.count)

    def entries(self) -> tuple[Tensor, Tensor]:
        """A copy of the filled slots: embeddings ``(count, D)`` and labels ``(count,)``, in slot order."""
        filled = len(self)
        # Autograd keeps what a loss multiplied with: a view would change under it where the update comes first.
        return self.features[:filled].clone(), self.labels[:filled].clone()

    def _take_in(self, embeddings: Tensor, labels: Tensor) -> None:
        num_slots, total = len(self.features), len(embeddings)
        # Of more rows than slots only the last would survive; writing those alone gives the same result.
        first = max(0, total - num_slots)
        slots = (self.pointer + torch.arange(first, total, device=self.features.device)) % num_slots
        self.features[slots] = embeddings[first:].to(self.features)
        self.labels[slots] = labels[first:].to(self.labels)
        self.pointer.copy_((self.pointer + total) % num_slots)
        self.count.copy_((self.count + total).clamp(max=num_slots))


class ClassCentres(Memory):
    """One unit centre per labelled identity, a moving average of its embeddings.

    ``c_j <- normalise(momentum * c_j + (1 - momentum) * x)`` for each embedding ``x`` of identity ``j`` in turn.

    Source: the class-centre dictionary of Zhang et al., Tasks Integrated Networks (2020).
    Differs from the paper: the momentum is not stated there; 0.5 is that of the look-up table of Xiao et al. (2017).
    Centres are kept at length one, which changes nothing where they enter a cosine.

    Args:
        num_identities: ``P``.
        embedding_dim: ``D``.
        momentum: The share of the old centre that stays, in [0, 1).

    Attributes:
        centres: ``(P, D)``, zero rows where an identity was never seen.
        seen: ``(P,)`` bool.

    Example:
        >>> centres = ClassCentres(num_identities=2, embedding_dim=2)
        >>> centres.update(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([1, -1]))
        >>> centres.centres.tolist(), centres.seen.tolist()
        ([[0.0, 0.0], [1.0, 0.0]], [False, True])
    """

    centres: Tensor
    seen: Tensor

    def __init__(self, num_identities: int, embedding_dim: int, momentum: float = 0.5) -> None:
        super().__init__()
        if num_identities < 0 or not 0.0 <= momentum < 1.0:
            raise ValueRefused(
                f"num_identities must be at least 0 and momentum in [0, 1); found {num_identities} and {momentum}."
            )
        self.momentum = momentum
        self.register_buffer("centres", torch.zeros(num_identities, embedding_dim))
        self.register_buffer("seen", torch.zeros(num_identities, dtype=torch.bool))

    def __len__(self) -> int:
        return len(self.centres)

    def check_labels(self, labels: Tensor) -> None:
        """Refuse identities for which there is no centre.

        Args:
            labels: ``(N,)``.

        Raises:
            ValueRefused: A label is at least ``num_identities``.
        """
        if len(labels) and int(labels.max()) >= len(self):
            raise ValueRefused(
                f"identity {int(labels.max())} has no class centre: the model was built with "
                f"num_identities={len(self)}. Number identities from 0, and build it with as many as there are."
            )

    def _take_in(self, embeddings: Tensor, labels: Tensor) -> None:
        self.check_labels(labels)
        labelled = labels >= 0
        rows, identities = embeddings[labelled].to(self.centres), labels[labelled]
        turn = _occurrence(identities)
        # The first embedding of every identity together, then the second, ...: the same result as one row after the
        # other, because identities do not touch each other's centres.
        for now in range(int(turn.max()) + 1 if len(turn) else 0):
            at = identities[turn == now]
            blended = self.momentum * self.centres[at] + (1.0 - self.momentum) * rows[turn == now]
            self.centres[at] = F.normalize(blended, dim=1)
        self.seen[identities] = True


def _occurrence(identities: Tensor) -> Tensor:
    """How often each entry's value occurred before it, ``(N,)`` for ``(N,)``: [5, 7, 5] gives [0, 0, 1]."""
    same = identities[:, None] == identities[None, :]
    return torch.tril(same, diagonal=-1).sum(dim=1)
