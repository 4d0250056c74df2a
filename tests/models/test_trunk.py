from collections import OrderedDict

import pytest
import torch
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import roi_align

from sceneseek.models.backbones import Level
from sceneseek.models.trunk import RegionPooling, SceneTransform

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)


@pytest.mark.parametrize("size", [(100, 150), (331, 207), (64, 400)])
def test_without_its_improvements_the_transform_is_torchvisions(size):
    image, boxes = torch.rand(3, *size), torch.tensor([[3.0, 5.0, 40.0, 60.0]])
    ours = SceneTransform(96, 160, MEAN, STD, antialias=False, channels_last=False).eval()
    theirs = GeneralizedRCNNTransform(96, 160, list(MEAN), list(STD)).eval()
    (mine, targets), (reference, wanted) = ours([image], [{"boxes": boxes}]), theirs([image], [{"boxes": boxes}])
    assert mine.image_sizes == reference.image_sizes
    torch.testing.assert_close(mine.tensors, reference.tensors, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(targets[0]["boxes"], wanted[0]["boxes"])


def test_a_scene_made_smaller_is_averaged():
    stripes = torch.zeros(3, 400, 400)
    stripes[:, :, ::4] = 1.0  # a quarter of the columns
    transform = SceneTransform(100, 100, (0, 0, 0), (1, 1, 1)).eval()
    small = transform([stripes])[0].tensors[..., 5:95, 5:95]
    torch.testing.assert_close(small, torch.full_like(small, 0.25), atol=0.02, rtol=0)


def test_the_memory_layout_is_as_asked():
    for wanted in (True, False):
        batch = SceneTransform(64, 64, MEAN, STD, channels_last=wanted).eval()([torch.rand(3, 64, 64)])[0].tensors
        assert batch.is_contiguous(memory_format=torch.channels_last) == wanted


def test_extreme_shapes_keep_at_least_one_pixel():
    transform = SceneTransform(96, 160, MEAN, STD).eval()
    scenes, _ = transform([torch.rand(3, 1, 5000), torch.rand(3, 1, 1)])
    assert scenes.image_sizes == [(1, 160), (96, 96)]


def test_boxes_come_back_inside_the_image():
    transform = SceneTransform(96, 160, MEAN, STD).eval()
    boxes = torch.tensor([[0.0, 0.0, 160.0, 96.0], [10.0, 10.0, 20.0, 30.0]])
    restored = transform.restore(boxes, (96, 160), (481, 799))
    assert restored[0].tolist() == [0.0, 0.0, 799.0, 481.0]
    torch.testing.assert_close(restored[1], torch.tensor([49.9375, 50.1042, 99.875, 150.3125]))


def test_regions_show_what_their_box_holds():
    ramp = torch.arange(16.0).repeat(16, 1)[None, None]  # the value of a cell is its column
    boxes = [torch.tensor([[32.0, 0.0, 64.0, 64.0]])]  # columns 4 to 8 at stride 8
    level = Level("map", 8, 1)
    centred = RegionPooling(level, (2, 4), "align_centred")({"map": ramp}, boxes)
    torch.testing.assert_close(centred[0, 0, 0], torch.tensor([4.0, 5.0, 6.0, 7.0]))
    shifted = RegionPooling(level, (2, 4), "align")({"map": ramp}, boxes)
    torch.testing.assert_close(shifted[0, 0, 0], torch.tensor([4.5, 5.5, 6.5, 7.5]))
    pooled = RegionPooling(level, (2, 2), "pool")({"map": ramp}, boxes)
    assert pooled.max() == 8.0


@pytest.mark.parametrize(
    ("operator", "samples", "aligned"), [("align", 2, False), ("align_centred", 2, True), ("align_adaptive", -1, True)]
)
def test_regions_are_cut_as_torchvision_cuts_them(operator, samples, aligned):
    torch.manual_seed(0)
    maps = OrderedDict(level=torch.rand(2, 3, 12, 20))
    boxes = [torch.tensor([[3.0, 5.0, 150.0, 90.0]]), torch.tensor([[40.0, 10.0, 60.0, 70.0], [0.0, 0.0, 9.0, 9.0]])]
    cut = RegionPooling(Level("level", 8, 3), (4, 2), operator)(maps, boxes)
    expected = roi_align(maps["level"], boxes, (4, 2), 1 / 8, sampling_ratio=samples, aligned=aligned)
    assert torch.equal(cut, expected)
