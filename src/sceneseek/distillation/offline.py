"""Teachers that were asked beforehand: what one says of every annotated person of a training set, kept in a file.

Each scene is read as it is and mirrored; a picture that the augmentation has mirrored gets the mirrored answer. The
file names the teacher's weights, its preparation of pictures and the data, and is refused where any differs: stale
answers would train on silently.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from sceneseek.distillation.contract import Facts, Reading, StudentReading, Target, facts_of, teachable
from sceneseek.distillation.shaping import rescaled
from sceneseek.distillation.teacher import state_fingerprint
from sceneseek.errors import CheckpointError, RecipeError
from sceneseek.structures import UNLABELED

_NOTE = "sceneseek teacher"
_FORMAT = 1


@dataclass(frozen=True)
class Scene:
    """A training scene as it lies on disk.

    Attributes:
        image_id: In its data set.
        image: ``(3, H, W)`` RGB in [0, 1].
        boxes: ``(N, 4)``, all annotated boxes, in the annotation's order.
    """

    image_id: int
    image: Tensor
    boxes: Tensor


@dataclass(frozen=True)
class CachedAnswers:
    """What a teacher said of a training set.

    Attributes:
        key: Of teacher and data, see ``cache_key``.
        embeddings: ``(2, N, D)`` unit rows: as annotated, and mirrored.
        first_rows: Image id to the row of its first annotated box.
        maps: By ``image_id/mirrored/name``, half precision ``(C, h, w)``; empty where they were not wanted.
        sizes: Image id to height and width of the teacher's resized picture; empty like ``maps``.
    """

    key: str
    embeddings: Tensor
    first_rows: dict[int, int]
    maps: dict[str, Tensor]
    sizes: dict[int, tuple[int, int]]

    def table(self, person_ids: Tensor, num_identities: int) -> Tensor:
        """One unit row per identity: the mean of its embeddings in both orientations, zero where there is none.

        Args:
            person_ids: ``(N,)`` training labels of the annotated boxes, ``UNLABELED`` where there is none.
            num_identities: ``P``.

        Returns:
            ``(P, D)``.
        """
        known = person_ids != UNLABELED
        sums = torch.zeros(num_identities, self.embeddings.shape[2])
        for rows in self.embeddings:
            sums.index_add_(0, person_ids[known], rows[known])
        return F.normalize(sums, dim=1)


def cache_key(network: nn.Module, data_fingerprint: str, *, maps: bool) -> str:
    """A hash of weights, preparation and data, and of what is kept of them."""
    facts = (state_fingerprint(network), teachable(network, "teacher").preparation, data_fingerprint, str(maps))
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


@torch.no_grad()
def ask_about(network: nn.Module, scenes: Iterable[Scene], *, key: str, maps: bool = False) -> CachedAnswers:
    """Let a teacher read every scene twice.

    Args:
        network: In evaluation.
        scenes: One at a time.
        key: Of ``cache_key``.
        maps: Keep the shared maps, too.
    """
    teacher = teachable(network.eval(), "teacher")
    shared = list(teacher.feature_strides)
    straight: list[Tensor] = []
    mirrored: list[Tensor] = []
    first_rows: dict[int, int] = {}
    kept: dict[str, Tensor] = {}
    sizes: dict[int, tuple[int, int]] = {}
    count = 0
    for scene in scenes:
        first_rows[scene.image_id] = count
        count += len(scene.boxes)
        turned = scene.boxes.clone()
        turned[:, [0, 2]] = scene.image.shape[-1] - scene.boxes[:, [2, 0]]
        for side, (image, boxes) in enumerate(((scene.image, scene.boxes), (scene.image.flip(-1), turned))):
            nobody = torch.full((len(boxes),), UNLABELED, device=boxes.device)
            reading = teacher.read([image], [{"boxes": boxes, "person_ids": nobody}])
            (straight, mirrored)[side].append(reading.embeddings.float().cpu())
            if maps:
                sizes[scene.image_id] = reading.sizes[0]
                for name in shared:
                    kept[f"{scene.image_id}/{side}/{name}"] = reading.map(name)[0].half().cpu().contiguous()
    if not straight:
        raise RecipeError("The training set has no scene that a teacher could be asked about.")
    return CachedAnswers(key, torch.stack([torch.cat(straight), torch.cat(mirrored)]), first_rows, kept, sizes)


def save_answers(answers: CachedAnswers, path: Path) -> None:
    """Write answers; the file appears whole or not at all."""
    note = {
        "format": _FORMAT,
        "key": answers.key,
        "first_rows": {str(image): row for image, row in answers.first_rows.items()},
        "sizes": {str(image): list(size) for image, size in answers.sizes.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        tensors = {"embeddings": answers.embeddings.contiguous(), **{f"map/{k}": v for k, v in answers.maps.items()}}
        save_file(tensors, part, metadata={_NOTE: json.dumps(note, sort_keys=True)})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load_answers(path: Path, key: str) -> CachedAnswers:
    """Read answers again.

    Raises:
        CheckpointError: The file is damaged, is something else, or holds another teacher's answers or other data's.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            note = json.loads((stored.metadata() or {})[_NOTE])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path} is damaged or holds no teacher's answers ({error}). Remove it; they will be asked for again."
        ) from error
    if note["format"] != _FORMAT or note["key"] != key:
        raise CheckpointError(
            f"{path} holds answers of another teacher, of other data or other preparation of pictures (key "
            f"{note['key'][:12]}, expected {key[:12]}). Remove it, or name another distillation.teacher.cache."
        )
    return CachedAnswers(
        key,
        tensors.pop("embeddings"),
        {int(image): int(row) for image, row in note["first_rows"].items()},
        {name.removeprefix("map/"): value for name, value in tensors.items()},
        {int(image): (int(size[0]), int(size[1])) for image, size in note["sizes"].items()},
    )


class OfflineTeacher:
    """A teacher that is not there: its answers are.

    Args:
        network: The teacher, for what it could show; it is not kept.
        answers: What it said.
    """

    def __init__(self, network: nn.Module, answers: CachedAnswers) -> None:
        facts = facts_of(network, "teacher")
        maps = {name: facts.maps[name] for name in facts.shared} if answers.maps else {}
        self.facts: Facts = replace(facts, maps=maps, shared=tuple(maps), located=False, detects="")
        self.fingerprint = answers.key
        self.answers = answers

    def read(self, images: list[Tensor], targets: list[Target], student: StudentReading) -> Reading:
        """Look up what was said of the batch's people.

        Raises:
            RecipeError: The batch's targets do not say which annotations they are.
        """
        if any("annotations" not in target for target in targets):
            raise RecipeError(
                "An offline teacher needs to know which annotation each box of a batch is, and whether the picture is "
                "mirrored; data.loading says so. Use it, or an online teacher."
            )
        return CachedReading(self.answers, self.facts, targets, student)


class CachedReading:
    """What was said of one batch.

    Args:
        answers: Of the whole set.
        facts: What can be asked.
        targets: Of the batch: ``image_id``, ``annotations`` ``(N,)`` and ``mirrored`` per image.
        student: The student's reading of it.
    """

    def __init__(self, answers: CachedAnswers, facts: Facts, targets: list[Target], student: StudentReading) -> None:
        self._answers = answers
        self._facts = facts
        self._images = [(int(target["image_id"]), int(target["mirrored"])) for target in targets]
        self._annotations = [target["annotations"].cpu() for target in targets]
        self._device = student.person_ids.device
        self.person_ids = student.person_ids
        self.sizes = [
            answers.sizes.get(image, size) for (image, _), size in zip(self._images, student.sizes, strict=True)
        ]
        self.boxes = rescaled(student.boxes, student.sizes, self.sizes)
        self.located = None

    @property
    def embeddings(self) -> Tensor:
        """One unit row per person, of the orientation in which the batch shows them."""
        rows = [
            self._answers.embeddings[side, self._answers.first_rows[image] + annotations]
            for (image, side), annotations in zip(self._images, self._annotations, strict=True)
        ]
        return torch.cat(rows).to(self._device)

    def map(self, name: str) -> Tensor:
        """A shared map, ``(B, C, h, w)``, padded to the largest of the batch."""
        self._facts.named(name, "teacher's cache")
        maps = [self._answers.maps[f"{image}/{side}/{name}"].float() for image, side in self._images]
        height, width = (max(m.shape[axis] for m in maps) for axis in (1, 2))
        padded = [F.pad(m, (0, width - m.shape[2], 0, height - m.shape[1])) for m in maps]
        return torch.stack(padded).to(self._device)

    @property
    def proposals(self) -> list[Tensor]:
        """Nothing was kept of detection: ``facts.detects`` says so, and terms refuse when they are built."""
        raise NotImplementedError

    def region_logits(self, boxes: list[Tensor]) -> Tensor:
        """As ``proposals``."""
        raise NotImplementedError

    @property
    def location_logits(self) -> Tensor:
        """As ``proposals``."""
        raise NotImplementedError
