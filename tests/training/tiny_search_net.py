"""A network that follows the model contract and trains in milliseconds, and the data to train it on."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sceneseek.losses import Memory
from sceneseek.losses.gathering import gather_rows

WIDTH, HEIGHT = 64, 48


class Centres(Memory):
    """One remembered embedding per identity."""

    def __init__(self, num_identities: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.zeros(num_identities, dim))

    @torch.no_grad()
    def update(self, embeddings: Tensor, labels: Tensor) -> None:
        for embedding, label in zip(embeddings, labels, strict=True):
            self.centres[label] = F.normalize(0.5 * self.centres[label] + 0.5 * embedding, dim=0)


class TinySearchNet(nn.Module):
    """Pooled colours of boxes, embedded; a memory of centres; optionally batch normalisation and random dropout.

    The losses are means over images, so that averaging gradients over processes equals one larger batch.
    """

    def __init__(
        self, num_identities: int = 0, dim: int = 8, norm: bool = True, dropout: float = 0.2, poison: int = -1
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8) if norm else nn.Identity(), nn.ReLU()
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8, dim)
        self.objectness = nn.Linear(8, 1)
        self.unused = nn.Linear(2, 2)
        self.memory = Centres(num_identities, dim)
        self.embedding_dim = dim
        self.poison = poison
        self._pending: list[tuple[Tensor, Tensor]] = []

    def forward(self, images, targets=None):
        if not self.training:
            return [self._detect(image) for image in images]
        maps = self.stem(torch.stack([F.interpolate(i[None], (HEIGHT, WIDTH))[0] for i in images]))
        found, identity = [], []
        for features, image, target in zip(maps, images, targets, strict=True):
            scale = WIDTH / image.shape[-1]
            pooled = self._pool(features, target["boxes"] * scale)
            background = self.objectness(features.mean(dim=(1, 2)))
            found.append(F.softplus(background).mean() + F.softplus(-self.objectness(pooled)).mean())
            labelled = target["person_ids"] >= 0
            embeddings = F.normalize(self.head(self.dropout(pooled[labelled])), dim=1)
            labels = target["person_ids"][labelled]
            if len(labels):
                identity.append(F.cross_entropy(10.0 * embeddings @ self.memory.centres.T, labels))
            self._pending.append((embeddings.detach(), labels))
        loss_found = torch.stack(found).mean()
        if self.poison in [int(target["image_id"]) for target in targets]:
            loss_found = loss_found * float("nan")
        loss_identity = torch.stack(identity).sum() / len(images) if identity else maps.sum() * 0.0
        return {"loss_found": loss_found, "loss_identity": loss_identity}

    def embed(self, images, boxes):
        return [
            F.normalize(self.head(self._pool(self.stem(image[None])[0], rows)), dim=1)
            for image, rows in zip(images, boxes, strict=True)
        ]

    def update_memories(self) -> None:
        pending, self._pending = self._pending, []
        embeddings, labels = (torch.cat(column) for column in zip(*pending, strict=True))
        self.memory.update(*gather_rows(embeddings, labels))

    def _detect(self, image):
        boxes = torch.tensor([[0.0, 0.0, image.shape[2] / 2, image.shape[1]]])
        return {"boxes": boxes, "scores": torch.tensor([0.9]), "embeddings": self.embed([image], [boxes])[0]}

    @staticmethod
    def _pool(features: Tensor, boxes: Tensor) -> Tensor:
        height, width = features.shape[1:]
        rows = []
        for left, top, right, bottom in boxes.round().long().tolist():
            left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
            rows.append(features[:, top : max(bottom, top + 1), left : max(right, left + 1)].mean(dim=(1, 2)))
        return torch.stack(rows) if rows else features.new_zeros((0, len(features)))


def tiny_search_net(**options) -> TinySearchNet:
    return TinySearchNet(**options)


def draw_data(folder: Path, *, num_images: int = 12, num_people: int = 4, seed: int = 0) -> Path:
    """Coloured rectangles on noise; each person has a colour and appears in several images."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 256, (num_people, 3))
    (folder / "images").mkdir(parents=True)
    images, annotations, queries = [], [], []
    for number in range(num_images):
        pixels = rng.integers(90, 160, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        name = f"{number:03d}.png"
        images.append(
            {"id": 100 + number, "file_name": name, "width": WIDTH, "height": HEIGHT, "camera": f"c{number % 2}"}
        )
        for place in range(3):
            person = int(rng.integers(-1, num_people)) if place else number % num_people
            x, y = 2 + 20 * place + int(rng.integers(3)), 4 + int(rng.integers(8))
            w, h = 12 + int(rng.integers(4)), 26 + int(rng.integers(6))
            pixels[y : y + h, x : x + w] = colours[person] if person >= 0 else rng.integers(0, 256, 3)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": 100 + number,
                    "bbox": [x, y, w, h],
                    "category_id": 1,
                    "person_id": 1000 + 7 * person if person >= 0 else -1,
                }
            )
        cv2.imwrite(str(folder / "images" / name), pixels)
    for number in range(min(num_people, num_images)):
        asked = next(a for a in annotations if a["image_id"] == 100 + number)
        others = [image["id"] for image in images if image["id"] != 100 + number]
        queries.append(
            {
                "id": number,
                "image_id": 100 + number,
                "bbox": asked["bbox"],
                "person_id": asked["person_id"],
                "gallery": others,
            }
        )
    table = {
        "info": {"name": folder.name},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}],
        "queries": queries,
    }
    (folder / "annotations.json").write_text(json.dumps(table))
    return folder
