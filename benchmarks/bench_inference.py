"""Searching one 640x384 scene: the small DC-I-Net beside torchvision's own light detector, which embeds nobody."""

from __future__ import annotations

import numpy as np
import torch
from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_fpn

from benchmarks.timing import seconds
from sceneseek.data.synthetic import PeopleWorld, WorldSpec
from sceneseek.inference.predictor import load_predictor


def main() -> None:
    """Print milliseconds a scene and the ratio."""
    scenes = [PeopleWorld(WorldSpec(seed=1)).render(i)[0] for i in range(4)]
    tensors = [torch.from_numpy(s.copy()).permute(2, 0, 1).float() / 255 for s in scenes]
    bare = fasterrcnn_mobilenet_v3_large_fpn(weights=None, weights_backbone=None, min_size=384, max_size=640).eval()
    ours = load_predictor("dcinet-synthetic", batch_size=1)
    people = np.mean([len(found) for found in ours.detect(scenes)])

    def detect_only() -> None:
        with torch.inference_mode():
            for tensor in tensors:
                bare([tensor])

    taken = seconds({"dcinet-synthetic": lambda: ours.detect(scenes), "torchvision detector": detect_only})
    for name, value in taken.items():
        print(f"{name:24s} {1000 * value / len(scenes):7.1f} ms a scene")
    print(
        f"ratio {taken['dcinet-synthetic'] / taken['torchvision detector']:.2f} ({people:.1f} people a scene embedded)"
    )
