import math

import pytest
import torch
import torch.nn.functional as F

from distillation.golden import STUDENT_ROWS, TEACHER_ROWS, GoldenTests, leaf
from sceneseek.distillation import relation


def unit(loss):
    return lambda s, t: loss(F.normalize(s, dim=1), F.normalize(t, dim=1))


GOLDEN = {
    "distances": (relation.rkd_distance, 0.340867),
    "distances of unit rows": (unit(relation.rkd_distance), 0.336093),
    "angles": (relation.rkd_angle, 0.115090),
    "angles of unit rows": (unit(relation.rkd_angle), 0.112196),
    "similarity preserving": (relation.similarity_preserving, 0.412722),
    "gram, summed": (lambda s, t: 0.01 * relation.cosine_gram_sum(s, t), 0.206269),
    "gram": (relation.cosine_gram, 1.718905),
    "dist, among classes": (lambda s, t: relation.dist(s, t, gamma=0.0), 0.522035),
    "dist, among rows": (lambda s, t: relation.dist(s, t, beta=0.0), 0.423488),
}
LOSSES = {**{name: loss for name, (loss, _) in GOLDEN.items()}, "cckd": relation.cckd}


class TestRelationLosses(GoldenTests):
    golden, losses = GOLDEN, LOSSES


@pytest.mark.parametrize("name", LOSSES)
def test_the_order_of_people_does_not_matter(name):
    order = torch.tensor([2, 0, 3, 1])
    wanted = LOSSES[name](STUDENT_ROWS, TEACHER_ROWS)
    torch.testing.assert_close(LOSSES[name](STUDENT_ROWS[order], TEACHER_ROWS[order]), wanted)


@pytest.mark.parametrize("name", ["distances", "angles", "gram", "similarity preserving", "cckd"])
def test_a_scale_of_either_drops_out(name):
    wanted = LOSSES[name](STUDENT_ROWS, TEACHER_ROWS)
    torch.testing.assert_close(LOSSES[name](5.0 * STUDENT_ROWS, TEACHER_ROWS), wanted)
    torch.testing.assert_close(LOSSES[name](STUDENT_ROWS, 0.1 * TEACHER_ROWS), wanted)


@pytest.mark.parametrize("name", [name for name in LOSSES if "dist," not in name])
def test_embeddings_may_differ_in_length(name):
    loss = LOSSES[name](STUDENT_ROWS, TEACHER_ROWS[:, :3])
    assert torch.isfinite(loss)
    assert loss > 0


def test_distances_are_their_definition():
    def relative(rows):
        apart = [[math.dist(a, b) for b in rows.tolist()] for a in rows.tolist()]
        mean = sum(map(sum, apart)) / 12
        return [[d / mean for d in row] for row in apart]

    def huber(d):
        return 0.5 * d * d if abs(d) < 1 else abs(d) - 0.5

    ours, theirs = relative(STUDENT_ROWS), relative(TEACHER_ROWS)
    wanted = sum(huber(ours[i][j] - theirs[i][j]) for i in range(4) for j in range(4) if i != j) / 12
    assert relation.rkd_distance(STUDENT_ROWS, TEACHER_ROWS).item() == pytest.approx(wanted, rel=1e-12)


def test_the_kernel_of_correlation_congruence_is_its_series():
    a, b = F.normalize(STUDENT_ROWS, dim=1), F.normalize(TEACHER_ROWS, dim=1)

    def kernel(x, y):
        c = float(x @ y)
        return math.exp(-0.8) * (1 + 0.8 * c + 0.32 * c * c)

    total = sum((kernel(a[i], a[j]) - kernel(b[i], b[j])) ** 2 for i in range(4) for j in range(4))
    assert relation.cckd(STUDENT_ROWS, TEACHER_ROWS).item() == pytest.approx(math.sqrt(total) / 16, rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("people", [0, 1])
def test_a_person_alone_has_no_relations(name, people):
    student = leaf(STUDENT_ROWS[:people])
    loss = LOSSES[name](student, TEACHER_ROWS[:people])
    assert loss.item() == pytest.approx(0.0, abs=1e-12)
    loss.backward()
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()


def test_two_people_have_one_distance_which_is_its_own_mean():
    assert relation.rkd_distance(STUDENT_ROWS[:2], TEACHER_ROWS[:2]).item() == 0.0


def test_people_who_look_exactly_alike():
    student = leaf(STUDENT_ROWS[[0, 0, 0]])
    loss = relation.rkd_distance(student, TEACHER_ROWS[:3])
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(student.grad).all()
