"""``sceneseek index`` with a model that needs no weights and waits in the middle, so that a test can interrupt it.

The environment variable ``GO_ON`` names a file: only when it is there, more than ``FIRST`` pictures are looked at.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Sequence
from pathlib import Path

from fake_predictor import ColourPredictor
from patience import until
from sceneseek.cli import main
from sceneseek.structures import Detections, ImageArray

FIRST = 100
"""More than are written at a time."""


class WaitingPredictor(ColourPredictor):
    """Quick with the first pictures, then it waits."""

    def detect(self, images: Sequence[ImageArray]) -> list[Detections]:
        if sum(self.batches) >= FIRST:
            until(Path(os.environ["GO_ON"]).exists)
        return super().detect(images)


if __name__ == "__main__":
    module = types.ModuleType("sceneseek.inference.predictor")
    module.load_predictor = lambda spec, *, device="cpu": WaitingPredictor()  # type: ignore[attr-defined]
    sys.modules["sceneseek.inference.predictor"] = module
    sys.argv[1:1] = ["index"]
    main()
