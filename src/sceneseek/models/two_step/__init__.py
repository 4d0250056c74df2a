"""Two-step person search: a public detector and a public embedder behind the contract of one network.

A pipeline is named ``DETECTOR+EMBEDDER``:

* detectors: ``yolox_nano``, ``yolox_tiny``, ``yolox_s`` ... (ONNX), ``fasterrcnn_resnet50_fpn`` and its relatives
  (torchvision, COCO); with ``-tiled`` behind the name the scene is also searched tile by tile, for small people;
* embedders: ``osnet_x0_25`` ... (ONNX), ``colour_histogram`` (no weights), any torchvision classifier
  (``mobilenet_v2``, ``resnet50``, ImageNet).

``NAME=PATH`` takes the weights of that half from a file of one's own: ``yolox_nano=my.onnx+colour_histogram``.
"""

from sceneseek.models.two_step.naming import create_two_step, is_two_step
from sceneseek.models.two_step.parts import Detector, Embedder, People
from sceneseek.models.two_step.pipeline import TwoStep

__all__ = ["Detector", "Embedder", "People", "TwoStep", "create_two_step", "is_two_step"]
