"""A training step of every small network beside torchvision's own detector on the same backbone and scenes.

Networks with regions are compared with torchvision's Faster R-CNN on MobileNetV2 with the same anchors, proposals,
regions and input size; networks without, with torchvision's FCOS on the same maps and width. Those embed nobody. Each
step is forward, backward, optimiser and memories; CPU time in one thread, repetitions
in turn.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2
from torchvision.models.detection import FCOS, FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

from benchmarks.memory import peak_mb
from benchmarks.stored import store
from benchmarks.timing import seconds
from sceneseek.data.synthetic import PeopleWorld, WorldSpec
from sceneseek.models import zoo
from sceneseek.models.skeleton import SMALL
from sceneseek.models.trunk import PEOPLE_ANCHORS

IDENTITIES = 500
SCENES = 2
REPEATS = 3
FASTER_RCNN, FCOS_NAME = "torchvision Faster R-CNN", "torchvision FCOS"
Step = Callable[[], object]


class Map(nn.Module):
    """One map of a classification network, as torchvision's detectors want it."""

    def __init__(self, layers: nn.Module, out_channels: int) -> None:
        super().__init__()
        self.layers, self.out_channels = layers, out_channels

    def forward(self, scenes: Tensor) -> OrderedDict[str, Tensor]:
        """Compute the map."""
        return OrderedDict([("0", self.layers(scenes))])


def faster_rcnn() -> FasterRCNN:
    """torchvision's, with the numbers of our small networks; the layers behind stride 16 are the region head."""
    features = mobilenet_v2(weights=None).features
    sides, ratios = PEOPLE_ANCHORS
    head = nn.Sequential(features[14:], nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return FasterRCNN(
        Map(features[:14], 96),
        min_size=SMALL["min_size"],
        max_size=SMALL["max_size"],
        rpn_anchor_generator=AnchorGenerator((sides,), (ratios,)),
        rpn_pre_nms_top_n_train=SMALL["train_proposals"][0],
        rpn_post_nms_top_n_train=SMALL["train_proposals"][1],
        rpn_batch_size_per_image=SMALL["rpn_batch"],
        box_roi_pool=MultiScaleRoIAlign(["0"], SMALL["det_size"], 2),
        box_head=head,
        box_predictor=FastRCNNPredictor(1280, 2),
        box_batch_size_per_image=SMALL["det_regions"],
    )


def fcos() -> FCOS:
    """torchvision's, on strides 8, 16 and 32 with maps 128 wide, as our small networks without regions."""
    features = mobilenet_v2(weights=None).features[:18]
    pyramid = BackboneWithFPN(features, {"6": "0", "13": "1", "17": "2"}, [32, 96, 320], 128)
    sides = tuple((stride,) for stride in (8, 16, 32, 64))
    anchors = AnchorGenerator(sides, ((1.0,),) * len(sides))
    return FCOS(pyramid, 2, min_size=384, max_size=640, anchor_generator=anchors)


def step_of(model: nn.Module, images: list[Tensor], targets: list[dict[str, Tensor]]) -> Step:
    """One training step of a network."""
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-5, momentum=0.9)
    model.train()

    def step() -> None:
        losses = model(images, targets)
        optimiser.zero_grad(set_to_none=True)
        torch.stack([value.float() for value in losses.values()]).sum().backward()
        optimiser.step()
        if hasattr(model, "update_memories"):
            model.update_memories()

    return step


def material() -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """The scenes, with labels for either kind of network."""
    world = PeopleWorld(WorldSpec(seed=1, num_identities=60, test_share=0.1))
    rendered = [world.render(index) for index in range(SCENES)]
    images = [torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255 for image, _ in rendered]
    targets = [
        {
            "boxes": torch.tensor(sample.boxes),
            "labels": torch.ones(len(sample.boxes), dtype=torch.int64),
            "person_ids": torch.tensor(sample.person_ids),
            "image_id": torch.tensor(number),
        }
        for number, (_, sample) in enumerate(rendered)
    ]
    return images, targets


def baseline_of(name: str) -> str:
    """Which detector a network is compared with."""
    return FCOS_NAME if "alignps" in name else FASTER_RCNN


def main() -> None:
    """Print seconds, memory and ratios, and store them."""
    torch.set_num_threads(1)
    images, targets = material()
    names = [name for name in zoo.names() if name.endswith("_mobilenet_v2")]
    builders: dict[str, Callable[[], nn.Module]] = {FASTER_RCNN: faster_rcnn, FCOS_NAME: fcos}
    for name in names:
        builders[name] = lambda name=name: zoo.create(name, num_identities=IDENTITIES)
    # Memory first, from a process that has not computed yet.
    memory = {
        name: peak_mb(lambda build=build: step_of(build(), images, targets)()) for name, build in builders.items()
    }
    steps = {}
    for name, build in builders.items():
        torch.manual_seed(0)
        steps[name] = step_of(build(), images, targets)
    taken = seconds(steps, REPEATS, time.process_time)
    rows = {}
    for name in builders:
        rows[name] = {"seconds": round(taken[name], 4), "peak_mb": round(memory[name], 1)}
        if name in names:
            base = baseline_of(name)
            rows[name]["against"] = base
            rows[name]["time_ratio"] = round(taken[name] / taken[base], 3)
            rows[name]["memory_ratio"] = round(memory[name] / memory[base], 3)
    for name, row in rows.items():
        ratios = f"{row['time_ratio']:5.2f} {row['memory_ratio']:5.2f}  {row['against']}" if "against" in row else ""
        print(f"{name:28s} {row['seconds']:7.3f} s a step {row['peak_mb']:7.0f} MB  {ratios}")
    path = store(
        "training", rows, scenes=SCENES, identities=IDENTITIES, repeats=REPEATS, clock="CPU seconds, one thread"
    )
    print(f"wrote {path}")
