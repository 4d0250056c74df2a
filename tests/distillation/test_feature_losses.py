import math

import pytest
import torch

from distillation.golden import BOXES, GRID, STRIDE, STUDENT_MAP, TEACHER_MAP, GoldenTests, leaf
from sceneseek.distillation import feature, regions

PEOPLE = regions.people_mask(BOXES, STRIDE, GRID)
EVERYWHERE = torch.ones_like(PEOPLE)
SHARES = regions.foreground_shares(BOXES, STRIDE, GRID)
AROUND = regions.background_shares(~PEOPLE)
GOLDEN = {
    "pkd": (feature.pkd, 0.852033),
    "pearson, whole map": (lambda s, t: feature.pearson_distance(s, t, EVERYWHERE), 0.889080),
    "pearson, people": (lambda s, t: feature.pearson_distance(s, t, PEOPLE), 0.858790),
    "pearson, background": (lambda s, t: feature.pearson_distance(s, t, ~PEOPLE), 0.823939),
    "masked pearson": (lambda s, t: feature.masked_pearson(s, t, PEOPLE, ~PEOPLE), (0.858790 + 0.823939) / 2),
    "cwd": (feature.cwd, 0.753805),
    "fgd, people": (lambda s, t: feature.fgd(s, t, SHARES, AROUND, 0.5).foreground, 0.675937),
    "fgd, background": (lambda s, t: feature.fgd(s, t, SHARES, AROUND, 0.5).background, 13.760323),
    "fgd, attention": (lambda s, t: feature.fgd(s, t, SHARES, AROUND, 0.5).attention, 14.739079),
}
LOSSES = {
    **{name: loss for name, (loss, _) in GOLDEN.items()},
    "fgfi": lambda s, t: feature.fgfi(s, t, PEOPLE),
    "defeat": lambda s, t: feature.defeat(s, t, PEOPLE, ~PEOPLE),
    "per image": feature.per_image_difference,
    "crops": feature.crop_difference,
}


class TestFeatureLosses(GoldenTests):
    golden, losses = GOLDEN, LOSSES
    student, teacher, nothing = STUDENT_MAP, TEACHER_MAP, 1e-6


@pytest.mark.parametrize("name", ["pkd", "pearson, people", "masked pearson"])
def test_scale_and_offset_of_either_map_drop_out(name):
    loss = LOSSES[name]
    wanted = loss(STUDENT_MAP, TEACHER_MAP).item()
    assert loss(3.0 * STUDENT_MAP + 7.0, TEACHER_MAP).item() == pytest.approx(wanted, rel=1e-5)
    assert loss(STUDENT_MAP, 40.0 * TEACHER_MAP - 2.0).item() == pytest.approx(wanted, rel=1e-5)


def test_pearson_is_its_definition():
    """As in a book on statistics, channel by channel."""
    distances = []
    for channel in range(2):
        pairs = [
            (STUDENT_MAP[n, channel, h, w].item(), TEACHER_MAP[n, channel, h, w].item())
            for n in range(2)
            for h in range(3)
            for w in range(4)
            if PEOPLE[n, 0, h, w]
        ]
        mean_s, mean_t = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
        over = sum((s - mean_s) * (t - mean_t) for s, t in pairs)
        under = math.sqrt(sum((s - mean_s) ** 2 for s, _ in pairs) * sum((t - mean_t) ** 2 for _, t in pairs))
        distances.append(1 - over / under)
    assert feature.pearson_distance(STUDENT_MAP, TEACHER_MAP, PEOPLE).item() == pytest.approx(sum(distances) / 2)


def test_imitation_near_people_is_its_definition():
    total = sum(
        (STUDENT_MAP[n, c, h, w] - TEACHER_MAP[n, c, h, w]).item() ** 2
        for n in range(2)
        for c in range(2)
        for h in (0, 1)
        for w in (1, 2)
    )
    assert feature.fgfi(STUDENT_MAP, TEACHER_MAP, PEOPLE).item() == pytest.approx(total / (2 * 8))
    assert feature.crop_difference(STUDENT_MAP, TEACHER_MAP).item() == pytest.approx(
        (STUDENT_MAP - TEACHER_MAP).square().sum().item() / (2 * 3 * 4)
    )


def test_channels_that_a_teacher_does_not_use_say_nothing():
    teacher = TEACHER_MAP.clone()
    teacher[:, 1] = 4.0
    alone = feature.pearson_distance(STUDENT_MAP[:, :1], TEACHER_MAP[:, :1], EVERYWHERE)
    torch.testing.assert_close(feature.pearson_distance(STUDENT_MAP, teacher, EVERYWHERE), alone)


@pytest.mark.parametrize("name", ["pearson, people", "fgd, people", "fgfi", "masked pearson"])
def test_pictures_without_people(name):
    nobody = torch.zeros_like(PEOPLE)
    losses = {
        "pearson, people": lambda s, t: feature.pearson_distance(s, t, nobody),
        "fgd, people": lambda s, t: feature.fgd(s, t, nobody.float(), AROUND).foreground,
        "fgfi": lambda s, t: feature.fgfi(s, t, nobody),
        "masked pearson": lambda s, t: feature.masked_pearson(s, t, nobody, nobody),
    }
    student = leaf(STUDENT_MAP)
    loss = losses[name](student, TEACHER_MAP)
    assert loss.item() == 0.0
    loss.backward()
    assert torch.isfinite(student.grad).all()


def test_a_student_that_has_collapsed_gets_a_finite_gradient():
    student = leaf(torch.ones_like(STUDENT_MAP))
    feature.masked_pearson(student, TEACHER_MAP, PEOPLE, ~PEOPLE).backward()
    assert torch.isfinite(student.grad).all()
