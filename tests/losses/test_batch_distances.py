"""Triplet, quadruplet, contrastive and TOIM: losses on distances between the rows of a batch."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from losses.loss_cases import PRECISIONS, assert_zero_with_a_graph, distance, ids, rows
from sceneseek.losses import ContrastiveLoss, OIMLoss, QuadrupletLoss, TOIMLoss, TripletLoss
from sceneseek.losses.toim import with_table_rows

LABELS = ids(4, 2, -1, 4, 2, 4, -2, 6, 6, 1)
IMAGES = ids(0, 0, 0, 1, 1, 0, 1, 1, 1, 0)


def triplet_definition(embeddings, labels, margin, lone):
    people = [(x, y) for x, y in zip(embeddings.tolist(), labels.tolist(), strict=True) if y >= 0]
    terms = []
    for i, (x, y) in enumerate(people):
        positives = [distance(x, v) for j, (v, w) in enumerate(people) if w == y and (lone or i != j)]
        negatives = [distance(x, v) for v, w in people if w != y]
        if positives and negatives:
            excess = max(positives) - min(negatives)
            terms.append(math.log1p(math.exp(excess)) if margin is None else max(0.0, excess + margin))
    assert len(terms) == (8 if lone else 7)
    return sum(terms) / len(terms)


def quadruplet_definition(embeddings, labels, margin, second_margin):
    people = [(x, y) for x, y in zip(embeddings.tolist(), labels.tolist(), strict=True) if y >= 0]
    terms = []
    for i, (x, y) in enumerate(people):
        positives = [distance(x, v) ** 2 for j, (v, w) in enumerate(people) if w == y and i != j]
        negatives = [distance(x, v) ** 2 for v, w in people if w != y]
        strangers = [distance(v, u) ** 2 for v, w in people for u, t in people if w != t and y not in (w, t)]
        if positives:
            first = max(0.0, max(positives) - min(negatives) + margin)
            terms.append(first + max(0.0, max(positives) - min(strangers) + second_margin))
    assert len(terms) == 7
    return sum(terms) / len(terms)


def contrastive_definition(embeddings, margin, intra):
    people = [
        (x, y, image)
        for x, y, image in zip(embeddings.tolist(), LABELS.tolist(), IMAGES.tolist(), strict=True)
        if y >= 0
    ]
    positives, negatives = [], []
    for i, (x, y, image) in enumerate(people):
        for v, w, other in people[i + 1 :]:
            if image == other and not intra:
                continue
            if w == y:
                positives.append(0.5 * distance(x, v) ** 2)
            else:
                negatives.append(0.5 * max(0.0, margin - distance(x, v)) ** 2)
    return sum(positives) / len(positives) + sum(negatives) / len(negatives)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("margin", [0.3, 1.5, None], ids=["0.3", "1.5", "soft"])
@pytest.mark.parametrize("lone", [False, True])
def test_the_triplet_loss_is_its_definition(dtype, tolerance, margin, lone):
    embeddings = rows(10, dtype)
    value = TripletLoss(margin, lone_anchors=lone)(embeddings, LABELS)
    assert value.dtype == dtype
    assert float(value) == pytest.approx(triplet_definition(embeddings, LABELS, margin, lone), rel=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("margins", [(0.3, 0.15), (2.0, 3.0)])
def test_the_quadruplet_loss_is_its_definition(dtype, tolerance, margins):
    embeddings = rows(10, dtype)
    value = QuadrupletLoss(*margins)(embeddings, LABELS)
    assert value.dtype == dtype
    assert float(value) == pytest.approx(quadruplet_definition(embeddings, LABELS, *margins), rel=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("margin", [1.0, 2.0])
@pytest.mark.parametrize("intra", [False, True])
def test_the_contrastive_loss_is_its_definition(dtype, tolerance, margin, intra):
    embeddings = rows(10, dtype)
    value = ContrastiveLoss(margin, include_intra_image=intra)(embeddings, LABELS, IMAGES)
    assert value.dtype == dtype
    assert float(value) == pytest.approx(contrastive_definition(embeddings, margin, intra), rel=tolerance)


SEEN = torch.tensor([True, True, True, True, False, True, True])
QUEUE, FILLED = rows(3, seed=2), torch.tensor([True, True, False])


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_toim_is_oim_plus_the_triplet_loss_with_table_rows(dtype, tolerance):
    embeddings, table, queue = rows(10, dtype), rows(7, dtype, 1), QUEUE.to(dtype)
    value = TOIMLoss()(embeddings, LABELS, table, SEEN, queue, FILLED)
    people = [(x, y) for x, y in zip(embeddings.tolist(), LABELS.tolist(), strict=True) if y >= 0]
    people += [(table[y].tolist(), y) for _, y in people if SEEN[y]]
    terms = []
    for x, y in people:
        nearest = min(distance(x, v) for v, w in people if w != y)
        terms.append(max(0.0, max(distance(x, v) for v, w in people if w == y) - nearest + 0.3))
    matching = OIMLoss(10.0, gamma=2.0)(embeddings, LABELS, table, SEEN, queue, FILLED)
    assert float(value) == pytest.approx(float(matching) + sum(terms) / len(terms), rel=tolerance)


def test_table_rows_are_constants_once_per_labelled_row():
    embeddings, table = rows(10).requires_grad_(), rows(7, seed=1).requires_grad_()
    joined, labels = with_table_rows(embeddings, LABELS, table, SEEN)
    assert labels.tolist() == [*LABELS.tolist(), 2, 2, 6, 6, 1]  # 4 was never seen
    assert torch.equal(joined[10:], table.detach()[[2, 2, 6, 6, 1]])
    TOIMLoss()(embeddings, LABELS, table, SEEN, QUEUE, FILLED).backward()
    assert table.grad is None
    assert embeddings.grad[LABELS >= 0].abs().sum(dim=1).gt(0).all()
    assert embeddings.grad[LABELS < 0].eq(0).all()


BATCH_LOSSES = {
    "triplet": lambda x, y, images: TripletLoss(1.5)(x, y),
    "soft triplet": lambda x, y, images: TripletLoss(None)(x, y),
    "quadruplet": lambda x, y, images: QuadrupletLoss(2.0, 3.0)(x, y),
    "contrastive": ContrastiveLoss(2.0),
    "toim": lambda x, y, images: TOIMLoss()(x, y, rows(7, x.dtype, 1), SEEN, QUEUE.to(x.dtype), FILLED),
}
every_batch_loss = pytest.mark.parametrize("loss", BATCH_LOSSES.values(), ids=BATCH_LOSSES)


@every_batch_loss
def test_the_gradient_is_that_of_the_value(loss):
    assert torch.autograd.gradcheck(lambda x: loss(x, LABELS, IMAGES), rows(10).requires_grad_())


def test_the_triplet_gradient_pulls_the_positive_and_pushes_the_negative():
    """dL/da = (a - p)/|a - p| - (a - n)/|a - n| for one anchor with a positive hinge."""
    embeddings = rows(3).requires_grad_()
    TripletLoss(9.0)(embeddings, ids(4, 4, 5)).backward()
    a, p, n = embeddings.detach()
    unit = lambda v: v / v.norm()  # noqa: E731
    torch.testing.assert_close(embeddings.grad[0], (2 * unit(a - p) - unit(a - n)) / 2)
    torch.testing.assert_close(embeddings.grad[2], (unit(a - n) + unit(p - n)) / 2)


@every_batch_loss
@given(seed=st.integers(0, 999))
@settings(max_examples=10, deadline=None)
def test_rows_may_come_in_any_order_and_identities_under_any_number(loss, seed):
    generator = torch.Generator().manual_seed(seed)
    embeddings, order = rows(10, seed=seed), torch.randperm(10, generator=generator)
    value = loss(embeddings, LABELS, IMAGES)
    torch.testing.assert_close(loss(embeddings[order], LABELS[order], IMAGES[order]), value)
    if loss is not BATCH_LOSSES["toim"]:  # whose table knows people by number
        renamed = torch.where(LABELS >= 0, 100 - LABELS, LABELS)
        torch.testing.assert_close(loss(embeddings, renamed, IMAGES), value)


@every_batch_loss
@given(seed=st.integers(0, 999))
@settings(max_examples=10, deadline=None)
def test_a_rotation_of_the_space_changes_nothing(loss, seed):
    if loss is BATCH_LOSSES["toim"]:  # whose memories would have to turn too
        return
    embeddings = rows(10, seed=seed)
    rotation = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))[0]
    torch.testing.assert_close(loss(embeddings @ rotation, LABELS, IMAGES), loss(embeddings, LABELS, IMAGES))


@every_batch_loss
def test_identical_rows_have_finite_gradients(loss):
    embeddings = rows(1).expand(10, 5).clone().requires_grad_()
    value = loss(embeddings, LABELS, IMAGES)
    value.backward()
    assert value.isfinite()
    assert embeddings.grad.isfinite().all()


@pytest.mark.parametrize("labels", [[], [-1, -2, -1]], ids=["nothing", "nobody known"])
@every_batch_loss
def test_nothing_to_learn_gives_a_zero_with_a_graph(loss, labels):
    embeddings = rows(len(labels)).requires_grad_()
    assert_zero_with_a_graph(loss(embeddings, ids(*labels), torch.arange(len(labels))), embeddings)


def test_distances_need_somebody_to_compare_with():
    embeddings = rows(3).requires_grad_()
    for alone in (
        TripletLoss()(embeddings, ids(4, 4, 4)),
        TripletLoss()(embeddings, ids(4, 5, 6)),
        QuadrupletLoss()(embeddings, ids(4, 4, 5)),
        ContrastiveLoss()(embeddings, ids(4, 4, 5), ids(0, 0, 0)),
    ):
        assert alone.item() == 0.0
        assert alone.requires_grad
