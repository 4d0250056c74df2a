import torch
from torchvision.models.detection.roi_heads import fastrcnn_loss
from torchvision.ops import nms

from sceneseek.losses import BACKGROUND
from sceneseek.models.heads.regions import (
    BOX_CODER,
    RegionSampler,
    Suppression,
    binary_losses,
    refine,
    region_losses,
)

TARGETS = [
    {
        "boxes": torch.tensor([[0.0, 0.0, 10.0, 20.0], [50.0, 0.0, 60.0, 20.0]]),
        "person_ids": torch.tensor([3, -1]),
        "labels": torch.ones(2, dtype=torch.int64),
    },
    {
        "boxes": torch.zeros(0, 4),
        "person_ids": torch.zeros(0, dtype=torch.int64),
        "labels": torch.zeros(0, dtype=torch.int64),
    },
]
# IoU with the first person: 0.95, 0.25; with the second: 0.9; with nobody; an image without people.
BOXES = [
    torch.tensor([[0.0, 1.0, 10.0, 20.0], [0.0, 12.0, 10.0, 32.0], [51.0, 0.0, 60.0, 20.0], [80.0, 0.0, 90.0, 9.0]]),
    torch.tensor([[5.0, 5.0, 9.0, 9.0]]),
]


def test_regions_know_whom_they_show_and_how_well():
    regions = RegionSampler(20, 0.5)(BOXES, TARGETS)
    assert regions.counts == [6, 1]
    assert regions.labels.tolist() == [3, BACKGROUND, -1, BACKGROUND, 3, -1, BACKGROUND]
    assert regions.image_indices.tolist() == [0] * 6 + [1]
    torch.testing.assert_close(regions.overlaps, torch.tensor([0.95, 0.0, 0.9, 0.0, 1.0, 1.0, 0.0]))
    person = regions.person
    assert person.tolist() == [True, False, True, False, True, True, False]
    torch.testing.assert_close(regions.wanted[person], TARGETS[0]["boxes"][[0, 1, 0, 1]])


def test_between_two_thresholds_a_box_is_neither():
    regions = RegionSampler(20, 0.5, background=0.1)(BOXES, TARGETS)
    assert regions.labels.tolist() == [3, -1, BACKGROUND, 3, -1, BACKGROUND]  # the box of IoU 0.25 is gone


def test_no_more_people_than_their_share():
    torch.manual_seed(0)
    assert RegionSampler(4, 0.25)(BOXES, TARGETS).person.sum() == 1


def test_losses_are_those_of_fast_rcnn():
    torch.manual_seed(0)
    regions = RegionSampler(20, 0.5)(BOXES, TARGETS)
    classes, codes = torch.randn(7, 2), torch.randn(7, 8)
    wanted = BOX_CODER.encode(list(regions.wanted.split(regions.counts)), regions.boxes)
    reference = fastrcnn_loss(classes, codes, [regions.person.long()], [torch.cat(wanted)])
    mine = region_losses(classes[:, 1] - classes[:, 0], codes[:, 4:], regions, 1 / 9)
    torch.testing.assert_close(mine, reference)


def test_no_regions_are_a_zero_with_a_graph():
    logits, codes = torch.zeros(0, requires_grad=True), torch.zeros(0, 4, requires_grad=True)
    losses = binary_losses(logits, codes, torch.zeros(0, dtype=torch.bool), torch.zeros(0, 4), 1.0)
    assert [value.item() for value in losses] == [0.0, 0.0]
    sum(losses).backward()


def test_codes_move_boxes_to_where_they_were_coded_from():
    regions = RegionSampler(20, 0.5)(BOXES, TARGETS)
    codes = torch.cat(BOX_CODER.encode(list(regions.wanted.split(regions.counts)), regions.boxes)).requires_grad_()
    refined = refine(regions.boxes, codes, [(100, 100), (100, 100)])
    torch.testing.assert_close(torch.cat(refined), regions.wanted, atol=1e-4, rtol=0)
    assert not refined[0].requires_grad
    assert refine([BOXES[0][:1]], torch.zeros(1, 4), [(10, 5)])[0].tolist() == [[0.0, 1.0, 5.0, 10.0]]


def test_what_suppression_leaves():
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(40, 2, generator=generator) * 30
    boxes = torch.cat([corners, corners + torch.rand(40, 2, generator=generator) * 40], dim=1)
    boxes[3, 2:] = boxes[3, :2]  # no area
    scores = torch.rand(40, generator=generator)
    scores[3] = 0.99
    kept = Suppression(0.3, 0.4, 5)(boxes, scores)
    able = [i for i in range(40) if scores[i] > 0.3 and i != 3]
    reference = torch.tensor(able)[nms(boxes[able], scores[able], 0.4)][:5]
    assert kept.tolist() == reference.tolist()
    assert len(Suppression(1.0, 0.4, 5)(boxes, scores)) == 0
