"""The detector without anchors, against torchvision's FCOS where it reduces to it."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torchvision.models.detection.fcos import FCOS, FCOSHead
from torchvision.ops import generalized_box_iou_loss

from sceneseek.models.heads.anchor_free import (
    AnchorFreeHead,
    LocationAnswers,
    LocationDetector,
    LocationSettings,
    PersonLocations,
    boxes_around,
    centreness,
    location_grid,
    location_losses,
    nearest_person,
    side_distances,
)

STRIDE = 8
SIZE = (12, 20)
CELLS = SIZE[0] * SIZE[1]


def crowd(seed, people):
    """Boxes of all sizes, some within others, some smaller than a cell."""
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(people, 2, generator=generator) * torch.tensor([140.0, 80.0])
    extent = torch.rand(people, 2, generator=generator).square() * 70 + 2
    return torch.cat([corner, corner + extent], dim=1)


def reference(targets, answers):
    """Matches ``(N,)`` per image and losses of torchvision's FCOS with anchors of one stride at our locations."""
    grid = location_grid(*SIZE, STRIDE, torch.device("cpu"))
    anchors = [torch.cat([grid - STRIDE / 2, grid + STRIDE / 2], dim=1) for _ in targets]
    head = FCOSHead(32, 1, 2, 1)
    seen = []
    compute = head.compute_loss

    def keep(targets, outputs, anchors, matched):
        seen.extend(matched)
        return compute(targets, outputs, anchors, matched)

    outputs = {
        "cls_logits": answers.logits[..., None].expand(-1, -1, 2).clone(),
        "bbox_regression": answers.distances,
        "bbox_ctrness": answers.centreness[..., None],
    }
    # Two classes, of which the second never occurs and is certain of it: its focal term vanishes.
    outputs["cls_logits"][..., 1] = -100.0
    labelled = [{"boxes": t["boxes"], "labels": torch.zeros(len(t["boxes"]), dtype=torch.int64)} for t in targets]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(head, "compute_loss", keep)
        losses = FCOS.compute_loss(
            SimpleNamespace(center_sampling_radius=1.5, head=head), labelled, outputs, anchors, [CELLS]
        )
    return seen, losses


def some_answers(images, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return LocationAnswers(
        torch.randn(images, CELLS, generator=generator, dtype=torch.float64),
        4 * torch.rand(images, CELLS, 4, generator=generator, dtype=torch.float64),
        torch.randn(images, CELLS, generator=generator, dtype=torch.float64),
    )


def some_targets(seed=0, counts=(7, 0, 12)):
    return [{"boxes": crowd(seed + i, n).double(), "person_ids": torch.arange(n) - 1} for i, n in enumerate(counts)]


@pytest.mark.parametrize("seed", range(4))
def test_locations_answer_for_whom_they_do_in_torchvision(seed):
    targets = some_targets(seed)
    matched, _ = reference(targets, some_answers(len(targets)))
    grid = location_grid(*SIZE, STRIDE, torch.device("cpu"))
    for target, expected in zip(targets, matched, strict=True):
        person = nearest_person(grid.double(), target["boxes"], 1.5 * STRIDE)
        assert torch.equal(person, expected)
        assert len(target["boxes"]) == 0 or (person >= 0).any()


def test_losses_are_torchvisions():
    targets, answers = some_targets(), some_answers(3)
    detector = LocationDetector(nn.Identity(), LocationSettings())
    people = detector.assign(SIZE, targets)
    count = len(people.cells)
    assert count > 20
    ours = location_losses(answers, [], people)
    _, theirs = reference(targets, answers)
    torch.testing.assert_close(ours["loss_det_cls"] * (count + 3), theirs["classification"] * count)
    torch.testing.assert_close(ours["loss_det_ctr"], theirs["bbox_ctrness"])
    # Torchvision weighs all locations alike, we by centre-ness: equal where there is one location.
    one = PersonLocations(*(column[5:6] for column in vars(people).values()))
    single = location_losses(answers, [], one)["loss_det_reg"]
    grid = location_grid(*SIZE, STRIDE, torch.device("cpu")).double()[one.cells]
    boxes = [boxes_around(grid, STRIDE * d) for d in (answers.distances[one.where], one.distances)]
    torch.testing.assert_close(single, generalized_box_iou_loss(*boxes).mean())
    weights = centreness(people.distances)
    all_boxes = [boxes_around(torch.zeros(count, 2), d) for d in (answers.distances[people.where], people.distances)]
    mismatch = generalized_box_iou_loss(*all_boxes)
    torch.testing.assert_close(theirs["bbox_regression"], mismatch.mean())
    torch.testing.assert_close(ours["loss_det_reg"], (weights * mismatch).sum() / weights.sum())


def test_background_counts_wherever_it_is():
    answers = some_answers(1)
    people = LocationDetector(nn.Identity(), LocationSettings()).assign(SIZE, some_targets(counts=(3,)))
    alone = location_losses(answers, [], people)["loss_det_cls"]
    sure = location_losses(answers, [torch.full((1, 30), -50.0)], people)["loss_det_cls"]
    mistaken = location_losses(answers, [torch.full((1, 30), 2.0)], people)["loss_det_cls"]
    torch.testing.assert_close(sure, alone)
    assert mistaken > alone + 1


def test_nobody_gives_zero_with_a_gradient():
    answers = LocationAnswers(*(x.requires_grad_() for x in vars(some_answers(1)).values()))
    people = LocationDetector(nn.Identity(), LocationSettings()).assign(SIZE, some_targets(counts=(0,)))
    losses = location_losses(answers, [], people)
    assert losses["loss_det_reg"].item() == losses["loss_det_ctr"].item() == 0.0
    sum(losses.values()).backward()
    assert answers.logits.grad.any()
    assert not answers.distances.grad.any()


def test_at_most_nine_locations_answer_for_a_person():
    grid = location_grid(*SIZE, STRIDE, torch.device("cpu"))
    for seed in range(20):
        box = crowd(seed, 1)
        person = nearest_person(grid, box, 12.0)
        assert int((person == 0).sum()) <= 9
    centred_on_a_location = torch.tensor([[44.0 - 30, 44.0 - 40, 44.0 + 30, 44.0 + 40]])
    assert int((nearest_person(grid, centred_on_a_location, 12.0) == 0).sum()) == 9


def test_the_smaller_of_two_people_is_answered_for():
    grid = location_grid(*SIZE, STRIDE, torch.device("cpu"))
    boxes = torch.tensor([[0.0, 0.0, 88.0, 88.0], [30.0, 30.0, 58.0, 58.0]])
    assert set(nearest_person(grid, boxes, 12.0).tolist()) == {-1, 1}


def test_boxes_and_distances_are_inverse():
    grid = location_grid(*SIZE, STRIDE, torch.device("cpu"))[:5]
    boxes = crowd(0, 5)
    torch.testing.assert_close(boxes_around(grid, side_distances(grid, boxes)), boxes)


class Fixed(nn.Module):
    """A head that says what it was told."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers

    def forward(self, maps):
        return self.answers


def told(cells, class_logit, central_logit, distances):
    """Certain background but at some cells of one image."""
    logits = torch.full((1, CELLS), -20.0)
    sides = torch.zeros(1, CELLS, 4)
    logits[0, cells] = torch.tensor(class_logit)
    sides[0, cells] = torch.tensor(distances)
    central = torch.zeros(1, CELLS)
    central[0, cells] = torch.tensor(central_logit)
    return Fixed(LocationAnswers(logits, sides, central))


def test_found_boxes_scores_and_cells():
    # The first two overlap; the second has the higher class score, but lies off the centre. The third is alone, and
    # reaches beyond the image.
    cells = [5 * 20 + 4, 5 * 20 + 5, 2 * 20 + 18]
    sides = [[1.0, 2.0, 2.0, 3.0], [2.0, 2.0, 1.0, 3.0], [1.0, 1.0, 4.0, 1.0]]
    head = told(cells, [2.0, 3.0, 0.0], [2.0, -1.0, 1.0], sides)
    found = LocationDetector(head, LocationSettings()).find(torch.zeros(1, 4, *SIZE), [(96, 150)])[0]
    assert found.cells.tolist() == [cells[0], cells[2]]
    expected = torch.tensor([2.0, 0.0]).sigmoid() * torch.tensor([2.0, 1.0]).sigmoid()
    torch.testing.assert_close(found.scores, expected)
    torch.testing.assert_close(found.boxes[0], torch.tensor([36.0 - 8, 44.0 - 16, 36.0 + 16, 44.0 + 24]))
    torch.testing.assert_close(found.boxes[1], torch.tensor([148.0 - 8, 20.0 - 8, 150.0, 20.0 + 8]))


def test_the_threshold_is_on_the_class_score_alone():
    """A class score of 0.06 passes 0.05, however low its product with the centre-ness is."""
    logit = float(torch.logit(torch.tensor(0.06)))
    head = told([45], [logit], [-3.0], [[1.0, 1.0, 1.0, 1.0]])
    settings = LocationSettings()
    assert len(LocationDetector(head, settings).find(torch.zeros(1, 4, *SIZE), [(96, 160)])[0].boxes) == 1
    assert settings.score_threshold == 0.05
    strict = LocationSettings(score_threshold=0.07)
    assert len(LocationDetector(head, strict).find(torch.zeros(1, 4, *SIZE), [(96, 160)])[0].boxes) == 0


def test_the_head_starts_by_expecting_nobody():
    torch.manual_seed(0)
    head = AnchorFreeHead(16, 2)
    answers = head(torch.randn(2, 16, *SIZE))
    assert answers.logits.shape == answers.centreness.shape == (2, CELLS)
    assert answers.distances.shape == (2, CELLS, 4)
    assert answers.distances.min() >= 0
    assert 0.005 < answers.logits.sigmoid().mean() < 0.02
    assert sum(p.numel() for p in head.cls_convs[1].conv.conv_offset.parameters()) == 27 * (16 * 9 + 1)
    torch.testing.assert_close(head.classify(torch.ones(1, 16, 4, 4)), head(torch.ones(1, 16, 4, 4)).logits)
