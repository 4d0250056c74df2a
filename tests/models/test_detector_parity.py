"""Where a network's detector reduces to torchvision's Faster R-CNN, it is torchvision's Faster R-CNN."""

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.ops import MultiScaleRoIAlign

from sceneseek.models import oim, seqnet, zoo
from sceneseek.models.backbones import resnet18


class OneLevel(nn.Module):
    def __init__(self, stem, name, out_channels):
        super().__init__()
        self.stem, self.name, self.out_channels = stem, name, out_channels

    def forward(self, x):
        return OrderedDict([("0", self.stem(x)[self.name])])


COMMON = {
    "num_identities": 5,
    "min_size": 96,
    "max_size": 160,
    "antialias": False,
    "det_level": "layer3",
    "stem_norm": "batch",
    "tail_norm": "batch",
    "anchors": "people",
    "region_operator": "align",
    "det_size": (7, 7),
    "det_regions": 16,
    "det_positive_fraction": 0.25,
    "train_proposals": (200, 50),
    "test_proposals": (100, 30),
    "box_loss_beta": 1 / 9,
    "score_threshold": 0.1,
    "max_detections": 100,
}


class JointPredictor(nn.Module):
    """The first two of a joint head's three layers, as torchvision has them."""

    def __init__(self, head):
        super().__init__()
        self.score, self.box = head.score, head.box.bbox_pred

    def forward(self, x):
        return self.score(x), self.box(x)


def dcinet():
    ours = zoo.create("dcinet_resnet18", **COMMON, reid_size=(7, 7), reid_regions=4)
    return ours, ours.detector.roi_heads.box_head, ours.detector.roi_heads.box_predictor


def one_head():
    ours = oim.build(resnet18(), oim.RESNET50.changed(COMMON))
    return ours, nn.Sequential(ours.head.tail, ours.head.spatial), JointPredictor(ours.head)


def first_stage():
    ours = seqnet.build(resnet18(), seqnet.RESNET50.changed({**COMMON, "second_regions": 4}))
    return ours, ours.detector.roi_heads.box_head, ours.detector.roi_heads.box_predictor


@pytest.fixture(scope="module", params=[dcinet, one_head, first_stage], ids=lambda build: build.__name__)
def pair(request):
    torch.manual_seed(0)
    ours, head, predictor = request.param()
    rpn = ours.proposals.rpn
    theirs = FasterRCNN(
        OneLevel(ours.stem, "layer3", 256),
        min_size=96,
        max_size=160,
        rpn_anchor_generator=rpn.anchor_generator,
        rpn_head=rpn.head,
        rpn_pre_nms_top_n_train=200,
        rpn_post_nms_top_n_train=50,
        rpn_pre_nms_top_n_test=100,
        rpn_post_nms_top_n_test=30,
        box_roi_pool=MultiScaleRoIAlign(["0"], 7, 2),
        box_head=head,
        box_predictor=predictor,
        box_score_thresh=0.1,
        box_nms_thresh=0.4,
        box_batch_size_per_image=16,
        box_positive_fraction=0.25,
    )
    return ours, theirs


def detections(network, images):
    """Boxes and scores of the network, or of its first stage where a second one moves the boxes."""
    if not isinstance(network, seqnet.SeqNet):
        return [(found["boxes"], found["scores"]) for found in network(images)]
    scenes, _ = network.transform(images)
    maps = network.stem(scenes.tensors)
    proposals, _ = network.proposals(scenes, maps, None)
    boxes, scores = network.detector.detect(maps, proposals, scenes.image_sizes)
    sizes = [(image.shape[-2], image.shape[-1]) for image in images]
    restored = [network.transform.restore(*each) for each in zip(boxes, scenes.image_sizes, sizes, strict=True)]
    return list(zip(restored, scores, strict=True))


def scenes():
    generator = torch.Generator().manual_seed(1)
    images = [torch.rand(3, 144, 240, generator=generator) for _ in range(2)]
    boxes = [torch.tensor([[10.0, 20.0, 50.0, 130.0], [90.0, 30.0, 130.0, 120.0]]), torch.zeros(0, 4)]
    return images, boxes


def test_the_four_detection_losses_are_torchvisions(pair):
    ours, theirs = pair
    ours.train()
    theirs.train()
    images, boxes = scenes()
    torch.manual_seed(3)
    mine = ours(images, [{"boxes": b, "person_ids": torch.arange(len(b))} for b in boxes])
    torch.manual_seed(3)
    reference = theirs(images, [{"boxes": b, "labels": torch.ones(len(b), dtype=torch.int64)} for b in boxes])
    names = {
        "loss_rpn_cls": "loss_objectness",
        "loss_rpn_reg": "loss_rpn_box_reg",
        "loss_det_cls": "loss_classifier",
        "loss_det_reg": "loss_box_reg",
    }
    for name, other in names.items():
        torch.testing.assert_close(mine[name], reference[other], msg=name)
    assert mine["loss_det_reg"] > 0


def test_the_detections_are_torchvisions(pair):
    ours, theirs = pair
    ours.eval()
    theirs.eval()
    images, _ = scenes()
    with torch.inference_mode():
        for (boxes, scores), reference in zip(detections(ours, images), theirs(images), strict=True):
            assert len(boxes) > 1
            torch.testing.assert_close(boxes, reference["boxes"], atol=1e-2, rtol=1e-4)
            torch.testing.assert_close(scores, reference["scores"])
