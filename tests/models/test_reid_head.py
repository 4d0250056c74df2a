import pytest
import torch

from sceneseek.errors import ValueRefused
from sceneseek.losses import BACKGROUND
from sceneseek.models.backbones import Level, Tail
from sceneseek.models.heads.reid import GeMPool, NeckNorm, RegionLabeller, Reidentifier
from sceneseek.models.trunk import RegionPooling

TARGETS = [
    {"boxes": torch.tensor([[0.0, 0.0, 10.0, 20.0], [50.0, 0.0, 60.0, 20.0]]), "person_ids": torch.tensor([3, -1])},
    {"boxes": torch.zeros(0, 4), "person_ids": torch.zeros(0, dtype=torch.int64)},
]
REFINED = [
    torch.tensor([[0.0, 1.0, 10.0, 20.0], [51.0, 0.0, 60.0, 20.0], [0.0, 12.0, 10.0, 30.0], [80.0, 0.0, 90.0, 9.0]]),
    torch.tensor([[5.0, 5.0, 9.0, 9.0]]),
]


def test_refined_boxes_are_matched_again_and_the_annotated_ones_added():
    regions = RegionLabeller(10, 0.5)(REFINED, TARGETS)
    assert [len(b) for b in regions.boxes] == [6, 1]
    assert regions.labels.tolist() == [3, -1, BACKGROUND, BACKGROUND, 3, -1, BACKGROUND]
    assert regions.image_indices.tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert torch.equal(regions.boxes[0][4:], TARGETS[0]["boxes"])


def test_people_alone_or_a_share_of_them():
    regions = RegionLabeller(10, 1.0)(REFINED, TARGETS)
    assert regions.labels.tolist() == [3, -1, 3, -1]
    assert [len(b) for b in regions.boxes] == [4, 0]
    regions = RegionLabeller(4, 0.25)(REFINED, TARGETS)
    assert (regions.labels[:3] != BACKGROUND).sum() == 1
    with pytest.raises(ValueRefused, match="positive_fraction"):
        RegionLabeller(4, 0.0)


def test_the_choice_among_many_is_torchs_random_state():
    many = [torch.rand(200, 4).cumsum(dim=1) * 20 + torch.tensor([0.0, 0.0, 5.0, 5.0]), REFINED[1]]
    chosen = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        chosen.append(RegionLabeller(16, 0.5)(many, TARGETS).boxes[0])
    assert torch.equal(chosen[0], chosen[1])
    assert not torch.equal(chosen[0], chosen[2])


def test_gem_lies_between_average_and_maximum():
    regions = torch.rand(2, 3, 4, 4) + 0.1
    torch.testing.assert_close(GeMPool(1.0)(regions), regions.mean(dim=(2, 3)))
    torch.testing.assert_close(GeMPool(200.0)(regions), regions.amax(dim=(2, 3)), atol=0.02, rtol=0.02)
    torch.testing.assert_close(GeMPool(3.0)(regions), regions.pow(3).mean(dim=(2, 3)).pow(1 / 3))


@pytest.mark.parametrize("spatial", ["average", "gem", "max"])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_any_number_of_boxes_is_embedded_and_learns(spatial, count):
    torch.manual_seed(0)
    tail = Tail(torch.nn.Sequential(torch.nn.Conv2d(4, 8, 3, padding=1), torch.nn.BatchNorm2d(8)), 8)
    head = Reidentifier(RegionPooling(Level("map", 8, 4), (4, 2)), tail, 5, spatial=spatial, dropout=0.1, neck=True)
    maps = {"map": torch.rand(1, 4, 8, 8, requires_grad=True)}
    boxes = torch.tensor([[0.0, 0.0, 30.0, 60.0]]).repeat(count, 1)
    embeddings = head.train()(maps, [boxes])
    assert embeddings.shape == (count, 5)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(count))
    embeddings.sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in head.parameters() if p.requires_grad)


def test_the_neck_starts_with_what_it_sees_first_and_then_moves_slowly():
    neck = NeckNorm(3, slowest=0.25).train()
    first, second = torch.rand(8, 3), torch.rand(8, 3) + 1.0
    torch.testing.assert_close(neck(first), torch.nn.BatchNorm1d(3)(first))
    neck(second)
    torch.testing.assert_close(neck.running_mean, 0.5 * first.mean(0) + 0.5 * second.mean(0))
    for _ in range(3):
        before = neck.running_mean.clone()
        neck(second)
    torch.testing.assert_close(neck.running_mean, 0.75 * before + 0.25 * second.mean(0))


def test_what_the_neck_gives_one_person_does_not_depend_on_one_row_of_company():
    neck = NeckNorm(3).train()
    neck(torch.rand(8, 3))
    seen = neck.running_mean.clone()
    one = torch.rand(1, 3)
    torch.testing.assert_close(neck(one), neck.eval()(one))
    assert torch.equal(neck.running_mean, seen)
    assert not neck.bias.requires_grad
