import math

import pytest
import torch

from distillation.golden import STUDENT_ROWS, TEACHER_ROWS, GoldenTests, leaf
from sceneseek.distillation import response

TARGETS = torch.arange(4)
GOLDEN = {
    "kl": (response.kl, 0.191807),
    "kl at 4": (lambda s, t: response.kl(s, t, 4.0), 0.201662),
    "dkd at 4": (lambda s, t: response.dkd(s, t, TARGETS, 4.0, alpha=1.0, beta=8.0), 1.726068),
    "dkd": (lambda s, t: response.dkd(s, t, TARGETS, 1.0, alpha=1.0, beta=0.5), 0.125979),
    "target at 4": (lambda s, t: 16 * response.dkd_parts(s, t, TARGETS, 4.0).target, 0.032038),
    "others at 4": (lambda s, t: 16 * response.dkd_parts(s, t, TARGETS, 4.0).others, 0.211754),
    "target": (lambda s, t: response.dkd_parts(s, t, TARGETS).target, 0.017990),
    "others": (lambda s, t: response.dkd_parts(s, t, TARGETS).others, 0.215978),
}
LOSSES = {
    **{name: loss for name, (loss, _) in GOLDEN.items()},
    "jensen-shannon": response.jensen_shannon,
    "embeddings": response.embedding_difference,
    "detection": lambda s, t: response.detection_kl(s.flatten(), t.flatten(), 4.0),
}


class TestResponseLosses(GoldenTests):
    golden, losses = GOLDEN, LOSSES
    nothing = 1e-9


@pytest.mark.parametrize("name", LOSSES)
def test_nobody_is_a_finite_zero(name):
    student = leaf(STUDENT_ROWS[:0])
    with_targets = {"dkd at 4", "dkd", "target at 4", "others at 4", "target", "others"}
    if name in with_targets:
        loss = response.dkd(student, TEACHER_ROWS[:0], TARGETS[:0])
    else:
        loss = LOSSES[name](student, TEACHER_ROWS[:0])
    assert loss.item() == 0.0
    loss.backward()
    assert student.grad is not None


def softmax(row):
    top = max(row)
    powers = [math.exp(z - top) for z in row]
    return [p / sum(powers) for p in powers]


def divergence(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def test_divergences_are_their_definitions():
    pairs = [(softmax(s), softmax(t)) for s, t in zip(STUDENT_ROWS.tolist(), TEACHER_ROWS.tolist(), strict=True)]
    kl = sum(divergence(t, s) for s, t in pairs) / 4
    assert response.kl(STUDENT_ROWS, TEACHER_ROWS).item() == pytest.approx(kl, rel=1e-12)
    middles = [[(a + b) / 2 for a, b in zip(s, t, strict=True)] for s, t in pairs]
    js = sum(0.5 * (divergence(s, m) + divergence(t, m)) for (s, t), m in zip(pairs, middles, strict=True)) / 4
    assert response.jensen_shannon(STUDENT_ROWS, TEACHER_ROWS).item() == pytest.approx(js, rel=1e-12)


def test_decoupling_puts_together_what_it_took_apart():
    """KD = TCKD + (1 - p_T of the target) NCKD, row by row."""
    chance = TEACHER_ROWS.softmax(dim=1)[torch.arange(4), TARGETS]
    rows = [response.dkd_parts(*(x[i : i + 1] for x in (STUDENT_ROWS, TEACHER_ROWS, TARGETS))) for i in range(4)]
    joined = sum(part.target + (1 - p) * part.others for part, p in zip(rows, chance, strict=True)) / 4
    torch.testing.assert_close(joined, response.kl(STUDENT_ROWS, TEACHER_ROWS))


def test_jensen_shannon_has_a_roof():
    far = torch.tensor([[60.0, -60.0]], dtype=torch.float64)
    assert response.jensen_shannon(far, -far).item() == pytest.approx(math.log(2))


def test_of_two_classes_decoupled_distillation_is_that_of_detection():
    ours, theirs = STUDENT_ROWS[:, 0], TEACHER_ROWS[:, 0]
    logits = [torch.stack([torch.zeros(4, dtype=torch.float64), z], dim=1) for z in (ours, theirs)]
    wanted = response.dkd(*logits, torch.ones(4, dtype=torch.int64), 4.0)
    torch.testing.assert_close(response.detection_kl(ours, theirs, 4.0), wanted)


def test_rows_that_one_table_lacks_take_no_part():
    ours, theirs = torch.eye(4)[:, :3], torch.eye(4, 5)
    ours[1] = 0.0
    assert response.seen_rows(ours, theirs).tolist() == [0, 2]


def test_identity_answers_are_scaled_cosines_and_no_gradient_reaches_a_table():
    rows, table = leaf(STUDENT_ROWS), leaf(TEACHER_ROWS)
    logits = response.identity_logits(rows, table, 10.0, torch.tensor([3, 1]))
    torch.testing.assert_close(logits[2, 0], 10.0 * STUDENT_ROWS[2] @ TEACHER_ROWS[3])
    logits.sum().backward()
    assert table.grad is None
    assert rows.grad is not None


def test_matching_a_table_wants_identities():
    labels = torch.tensor([-1, 2, 0, -1])
    wanted = -sum(math.log(softmax(STUDENT_ROWS[i].tolist())[k]) for i, k in ((1, 2), (2, 0))) / 2
    assert response.table_matching(STUDENT_ROWS, labels).item() == pytest.approx(wanted)
    assert response.table_matching(STUDENT_ROWS, torch.full((4,), -1)).item() == 0.0
