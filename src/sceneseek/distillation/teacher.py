"""Teachers: networks that are asked and never change.

A teacher is no part of the student, of the task's terms, of the optimiser or of any state that is stored; only its
fingerprint is, so that a run goes on with the teacher it began with.
"""

from __future__ import annotations

import hashlib
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from sceneseek.distillation.contract import Facts, Located, Reading, StudentReading, Target, facts_of, teachable
from sceneseek.errors import RecipeError


class Teacher(Protocol):
    """Who is asked what a student should have seen."""

    @property
    def facts(self) -> Facts:
        """What can be asked."""

    @property
    def fingerprint(self) -> str:
        """A hash of everything that decides the answers."""

    def read(self, images: list[Tensor], targets: list[Target], student: StudentReading) -> Reading:
        """Look at the batch that a student has read.

        Args:
            images: ``(3, H, W)`` RGB in [0, 1], augmented.
            targets: Its people, in these images' pixels.
            student: The student's reading.
        """


class OnlineTeacher:
    """A network that reads the very tensor its student reads.

    Args:
        network: Frozen and put into evaluation here, once and for all.
        scenes: ``"student"``: it reads the batch as the student has resized, normalised and padded it. ``"own"``: it
            resizes the same augmented pictures as it is used to; for students that look at smaller ones.
        student: Whose normalisation must be the same where ``scenes`` is ``"student"``.

    Raises:
        RecipeError: It is not.
        ModelError: A network does not keep the contract.
    """

    def __init__(self, network: nn.Module, *, scenes: Literal["own", "student"], student: nn.Module) -> None:
        self._network = teachable(network, "teacher")
        self._module = network.eval().requires_grad_(False)
        self.scenes = scenes
        wanted, given = self._network.normalisation, teachable(student, "student").normalisation
        if scenes == "student" and wanted != given:
            raise RecipeError(
                f"The teacher normalises pictures by {wanted}, the student by {given}: one cannot read what the other "
                'has prepared. Set distillation.teacher.scenes = "own", or the student\'s image_mean and image_std.'
            )
        self.facts = facts_of(network, "teacher")
        self.fingerprint = state_fingerprint(network)

    def read(self, images: list[Tensor], targets: list[Target], student: StudentReading) -> Reading:
        """Look, without a graph."""
        # Nobody may have switched it to training, through whatever module holds it.
        self._module.eval()
        with torch.no_grad():
            if self.scenes == "student":
                return Frozen(self._network.read_resized(student.scenes, student.targets))
            return Frozen(self._network.read(images, targets))


class Frozen:
    """A reading whose every answer is worked out without a graph, also those that are asked for later.

    Args:
        reading: Of a teacher.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.boxes = reading.boxes
        self.person_ids = reading.person_ids
        self.sizes = reading.sizes

    @torch.no_grad()
    def map(self, name: str) -> Tensor:
        """See ``Reading``, here and below."""
        return self._reading.map(name)

    @property
    def embeddings(self) -> Tensor:
        """One unit row per person."""
        with torch.no_grad():
            return self._reading.embeddings

    @property
    def located(self) -> Located | None:
        """What single locations say."""
        with torch.no_grad():
            return self._reading.located

    @property
    def proposals(self) -> list[Tensor]:
        """Where a person may be."""
        with torch.no_grad():
            return self._reading.proposals

    @torch.no_grad()
    def region_logits(self, boxes: list[Tensor]) -> Tensor:
        """Log-odds of boxes."""
        return self._reading.region_logits(boxes)

    @property
    def location_logits(self) -> Tensor:
        """Log-odds of locations."""
        with torch.no_grad():
            return self._reading.location_logits


def state_fingerprint(network: nn.Module) -> str:
    """A sha256 over every tensor of a network's state, memories too, by name.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> before = state_fingerprint(layer)
        >>> _ = layer.bias.data.add_(1.0)
        >>> before == state_fingerprint(layer)
        False
    """
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
