"""What the identity losses remember between steps: recent embeddings, and one row per labelled identity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneseek.errors import ValueRefused
from sceneseek.losses.gathering import gather_rows
from sceneseek.structures import UNLABELED

BACKGROUND = UNLABELED - 1
"""Label of a region that holds no person. Labels of people are their identity, or ``UNLABELED``."""


class TrainingOnly(nn.Module):
    """What training needs and a network at work does not: in checkpoints, but not in weights meant for inference."""


class Memory(TrainingOnly):
    """State that survives a training step, all of it in buffers."""

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


class UnlabelledQueue(FeatureDictionary):
    """The last ``K`` embeddings of people without an identity, first in, first out: OIM's circular queue.

    Source: Xiao, Li, Wang, Lin and Wang, Joint Detection and Identification Feature Learning (2017), whose code has
    5,000 slots on CUHK-SYSU. Later codes take 500 on PRW.

    Args:
        num_slots: ``K``.
        embedding_dim: ``D``.
        stored_dims: Keep only so many leading numbers of an embedding, the others stay 0; ``None`` keeps all. The code
            of AlignPS (Yan et al., 2021) keeps 64 of 256 on CUHK-SYSU; no source says why.

    Attributes:
        filled: ``(K,)`` bool, which slots hold something.

    Example:
        >>> queue = UnlabelledQueue(num_slots=3, embedding_dim=1)
        >>> queue.update(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([UNLABELED, 7, BACKGROUND]))
        >>> queue.features.flatten().tolist(), queue.filled.tolist()
        ([1.0, 0.0, 0.0], [True, False, False])
    """

    def __init__(self, num_slots: int, embedding_dim: int, *, stored_dims: int | None = None) -> None:
        super().__init__(num_slots, embedding_dim)
        if stored_dims is not None and not 0 < stored_dims <= embedding_dim:
            raise ValueRefused(f"stored_dims must lie in 1..{embedding_dim}, or be None; it is {stored_dims}.")
        self.stored_dims = stored_dims

    @property
    def filled(self) -> Tensor:
        """Which slots hold something, ``(K,)`` bool."""
        return torch.arange(len(self.features), device=self.features.device) < self.count

    def _take_in(self, embeddings: Tensor, labels: Tensor) -> None:
        unlabelled = labels == UNLABELED
        rows = embeddings[unlabelled]
        if self.stored_dims is not None:
            rows = rows.clone()
            rows[:, self.stored_dims :] = 0.0
        super()._take_in(rows, labels[unlabelled])


class IdentityTable(Memory):
    """One row per labelled identity, a moving average of its embeddings: OIM's look-up table.

    ``v_j <- momentum * v_j + (1 - momentum) * x`` for each embedding ``x`` of identity ``j`` in turn, so that a person
    with several regions in a step moves several times. Other labels leave it alone.

    Source: Xiao, Li, Wang, Lin and Wang, Joint Detection and Identification Feature Learning (2017). Rows start as
    zeros and the momentum is 0.5 in their code.

    Args:
        num_identities: ``P``.
        embedding_dim: ``D``.
        momentum: The share of the old row that stays, in [0, 1).
        renormalise: Bring a row back to length one after each move, as the paper and nearly all later codes do; the
            authors' code does not, nor does that of AlignPS on CUHK-SYSU.

    Attributes:
        centres: ``(P, D)``, zero rows where an identity was never seen.
        seen: ``(P,)`` bool.

    Example:
        >>> table = IdentityTable(num_identities=2, embedding_dim=2, renormalise=False)
        >>> table.update(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([1, -1]))
        >>> table.centres.tolist(), table.seen.tolist()
        ([[0.0, 0.0], [0.5, 0.0]], [False, True])
    """

    centres: Tensor
    seen: Tensor

    def __init__(
        self, num_identities: int, embedding_dim: int, momentum: float = 0.5, *, renormalise: bool = True
    ) -> None:
        super().__init__()
        if num_identities < 0 or not 0.0 <= momentum < 1.0:
            raise ValueRefused(
                f"num_identities must be at least 0 and momentum in [0, 1); found {num_identities} and {momentum}."
            )
        self.momentum = momentum
        self.renormalise = renormalise
        self.register_buffer("centres", torch.zeros(num_identities, embedding_dim))
        self.register_buffer("seen", torch.zeros(num_identities, dtype=torch.bool))

    def __len__(self) -> int:
        return len(self.centres)

    def check_labels(self, labels: Tensor) -> None:
        """Refuse identities for which there is no row.

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

    @torch.no_grad()
    def update(self, embeddings: Tensor, labels: Tensor, shares: Tensor | None = None) -> None:
        """Take in one step's embeddings, see ``Memory.update``.

        Args:
            embeddings: Unit rows ``(N, D)``.
            labels: ``(N,)`` int64.
            shares: ``(N,)`` in [0, 1], how much of the new row each embedding makes up, in place of ``1 - momentum``
                (``loim.localisation_shares``). All processes give them, or none does.
        """
        if shares is None:
            shares = embeddings.new_full((len(embeddings),), 1.0 - self.momentum)
        self._move(*gather_rows(embeddings, labels, shares))

    def _move(self, embeddings: Tensor, labels: Tensor, shares: Tensor) -> None:
        self.check_labels(labels)
        labelled = labels >= 0
        rows, identities = embeddings[labelled].to(self.centres), labels[labelled]
        new = shares[labelled].to(self.centres)[:, None]
        turn = _occurrence(identities)
        # The first embedding of every identity together, then the second, ...: the same result as one row after the
        # other, because identities do not touch each other's rows.
        for now in range(int(turn.max()) + 1 if len(turn) else 0):
            this = turn == now
            at = identities[this]
            blended = (1.0 - new[this]) * self.centres[at] + new[this] * rows[this]
            self.centres[at] = F.normalize(blended, dim=1) if self.renormalise else blended
        self.seen[identities] = True


class ClassCentres(IdentityTable):
    """One unit centre per labelled identity, a moving average of its embeddings.

    ``c_j <- normalise(momentum * c_j + (1 - momentum) * x)`` for each embedding ``x`` of identity ``j`` in turn.

    Source: the class-centre dictionary of Zhang et al., Tasks Integrated Networks (2020).
    Differs from the paper: the momentum is not stated there; 0.5 is that of the look-up table of Xiao et al. (2017).
    Centres are kept at length one, which changes nothing where they enter a cosine.

    Args:
        num_identities: ``P``.
        embedding_dim: ``D``.
        momentum: The share of the old centre that stays, in [0, 1).

    Example:
        >>> centres = ClassCentres(num_identities=2, embedding_dim=2)
        >>> centres.update(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([1, -1]))
        >>> centres.centres.tolist(), centres.seen.tolist()
        ([[0.0, 0.0], [1.0, 0.0]], [False, True])
    """

    def __init__(self, num_identities: int, embedding_dim: int, momentum: float = 0.5) -> None:
        super().__init__(num_identities, embedding_dim, momentum)


class FeatureCentres(Memory):
    """The centres of the centre loss: one per identity, among features that are no unit vectors.

    With ``n_j`` rows of identity ``j`` in a step, ``c_j <- c_j - rate * sum_i (c_j - f_i) / (1 + n_j)``.

    Source: Wen, Zhang, Li and Qiao, A Discriminative Feature Learning Approach for Deep Face Recognition (2016), eq. 4,
    whose rate is 0.5.
    Differs from the paper: where the centres start is not stated there; here at zero.

    Args:
        num_identities: ``P``.
        embedding_dim: ``D``.
        rate: How far a centre moves, in (0, 1].

    Attributes:
        centres: ``(P, D)``.

    Example:
        >>> centres = FeatureCentres(num_identities=2, embedding_dim=1)
        >>> centres.update(torch.tensor([[4.0], [2.0]]), torch.tensor([1, 1]))
        >>> centres.centres.tolist()  # half of (4 + 2) / 3
        [[0.0], [1.0]]
    """

    centres: Tensor

    def __init__(self, num_identities: int, embedding_dim: int, rate: float = 0.5) -> None:
        super().__init__()
        if not 0.0 < rate <= 1.0:
            raise ValueRefused(f"the rate of feature centres must lie in (0, 1]; it is {rate}.")
        self.rate = rate
        self.register_buffer("centres", torch.zeros(num_identities, embedding_dim))

    def _take_in(self, embeddings: Tensor, labels: Tensor) -> None:
        labelled = labels >= 0
        if not bool(labelled.any()):
            return
        features, identities = embeddings[labelled].to(self.centres), labels[labelled]
        present, which = torch.unique(identities, return_inverse=True)
        members = F.one_hot(which, len(present)).to(features)
        counts = members.sum(dim=0)[:, None]
        # sum_i (c_j - f_i) = n_j c_j - sum_i f_i; a product of matrices adds in the same order on every run.
        offsets = counts * self.centres[present] - members.T @ features
        self.centres[present] -= self.rate * offsets / (1.0 + counts)


def _occurrence(identities: Tensor) -> Tensor:
    """How often each entry's value occurred before it, ``(N,)`` for ``(N,)``: [5, 7, 5] gives [0, 0, 1]."""
    same = identities[:, None] == identities[None, :]
    return torch.tril(same, diagonal=-1).sum(dim=1)
