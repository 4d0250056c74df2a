"""``sceneseek index`` with a model that needs no weights and takes its time, so that a test can interrupt it."""

from __future__ import annotations

import sys
import time
import types
from collections.abc import Sequence

from fake_predictor import ColourPredictor
from sceneseek.cli import main
from sceneseek.structures import Detections, ImageArray


class SlowPredictor(ColourPredictor):
    """Fifty pictures a second, at most."""

    def detect(self, images: Sequence[ImageArray]) -> list[Detections]:
        time.sleep(0.02 * len(images))
        return super().detect(images)


if __name__ == "__main__":
    module = types.ModuleType("sceneseek.inference.predictor")
    module.load_predictor = lambda spec, *, device="cpu": SlowPredictor()  # type: ignore[attr-defined]
    sys.modules["sceneseek.inference.predictor"] = module
    sys.argv[1:1] = ["index"]
    main()
