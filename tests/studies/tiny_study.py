"""A study that runs in seconds: a network of a few hundred numbers on a dozen scenes of a tiny synthetic world."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from sceneseek.models import zoo
from sceneseek.models.options import NetworkOptions
from training.tiny_search_net import TinySearchNet

TEXT = (Path(__file__).parent / "tiny.toml").read_text()


@dataclass(frozen=True)
class TinyOptions(NetworkOptions):
    network = "the tiny network"

    num_identities: int = 0
    dim: int = 8
    norm: bool = True
    dropout: float = 0.2
    poison: int = -1
    score_threshold: float = 0.0

    @property
    def losses(self) -> tuple[str, ...]:
        return ("loss_found", "loss_identity")


def tiny_search_net(score_threshold: float = 0.0, **options) -> TinySearchNet:
    return TinySearchNet(**options)


def list_tiny_network(patch: pytest.MonkeyPatch) -> None:
    zoo.names()
    patch.setitem(zoo._BUILDERS, "tiny_search_net", tiny_search_net)
    patch.setitem(zoo._DEFAULTS, "tiny_search_net", TinyOptions())


def log_of(folder: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "images_per_second"} for line in lines]
