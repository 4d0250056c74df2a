import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from losses.loss_cases import PRECISIONS, assert_zero_with_a_graph, dot, ids, rows
from sceneseek.losses import IdentityTable, OIMLoss, UnlabelledQueue, localisation_shares
from sceneseek.losses.oim import focal_weights

LABELS = ids(4, 2, -1, 4, -2, 6, -1)
SEEN = torch.tensor([True, False, True, True, True, True, False])
FILLED = torch.tensor([True, True, False])


def memories(dtype):
    table, queue = rows(7, dtype, 1), rows(3, dtype, 2)
    return torch.where(SEEN[:, None], table, 0.0), torch.where(FILLED[:, None], queue, 0.0)


def definition(embeddings, labels, table, queue, *, scale, queue_scale, empty, gamma, average):
    """The formula, one row at a time, in plain Python."""
    terms = []
    for x, y in zip(embeddings.tolist(), labels.tolist(), strict=True):
        if y < 0:
            continue
        logits = []
        for j, v in enumerate(table.tolist()):
            unwritten = empty == "apart" and not SEEN[j]
            logits.append(scale * ((1.0 if j == y else -1.0) if unwritten else dot(x, v)))
        for k, u in enumerate(queue.tolist()):
            logits.append(queue_scale * (-1.0 if empty == "apart" and not FILLED[k] else dot(x, u)))
        p = math.exp(logits[y]) / sum(math.exp(z) for z in logits)
        terms.append(-((1 - p) ** gamma) * math.log(p))
    counted = [y for y in labels.tolist() if y >= (0 if average == "labelled" else -1)]
    return sum(terms) / len(counted)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"scale": 30.0},
        {"scale": 15.0, "queue_scale": 10.0},
        {"empty": "apart"},
        {"gamma": 2.0},
        {"average": "people"},
        {"scale": 3.0, "queue_scale": 7.0, "empty": "apart", "gamma": 2.0, "average": "people"},
    ],
    ids=["published", "later codes", "AlignPS on PRW", "GFN", "focal", "all people", "everything at once"],
)
def test_the_loss_is_its_definition(dtype, tolerance, chosen):
    embeddings, (table, queue) = rows(7, dtype), memories(dtype)
    value = OIMLoss(**chosen)(embeddings, LABELS, table, SEEN, queue, FILLED)
    options = {"scale": 10.0, "empty": "zero", "gamma": 0.0, "average": "labelled", **chosen}
    options.setdefault("queue_scale", options["scale"])
    assert value.dtype == dtype
    assert float(value) == pytest.approx(definition(embeddings, LABELS, table, queue, **options), rel=tolerance)


@pytest.mark.parametrize("queue_scale", [None, 4.0])
def test_the_gradient_is_the_published_one_and_reaches_the_embeddings_alone(queue_scale):
    """dL/dx_i = s (sum_j p_j v_j - v_y) / n + s' sum_k q_k u_k / n; nothing for memories and unknown rows."""
    embeddings = rows(7).requires_grad_()
    table, queue = (memory.requires_grad_() for memory in memories(torch.float64))
    OIMLoss(10.0, queue_scale=queue_scale)(embeddings, LABELS, table, SEEN, queue, FILLED).backward()
    assert table.grad is None
    assert queue.grad is None
    other = queue_scale or 10.0
    for i, y in enumerate(LABELS.tolist()):
        x, v, u = embeddings.detach()[i], table.detach(), queue.detach()
        p = torch.cat([10.0 * (v @ x), other * (u @ x)]).softmax(dim=0)
        wanted = (10.0 * (p[:7] @ v - v[y]) + other * (p[7:] @ u)) / 4 if y >= 0 else torch.zeros(5)
        torch.testing.assert_close(embeddings.grad[i], wanted.to(torch.float64))


@pytest.mark.parametrize("chosen", [{}, {"gamma": 2.0, "empty": "apart", "average": "people"}])
def test_the_gradient_is_that_of_the_value(chosen):
    table, queue = memories(torch.float64)
    loss = OIMLoss(**chosen)
    assert torch.autograd.gradcheck(
        lambda x: loss(x, LABELS, table, SEEN, queue, FILLED), rows(7).requires_grad_(), atol=1e-6
    )


def test_an_update_between_forward_and_backward_does_not_reach_the_gradient():
    """The published code updates inside the backward pass, after the gradient was taken with the old values."""
    gradients = []
    for disturbed in (False, True):
        table, queue = IdentityTable(7, 5), UnlabelledQueue(3, 5)
        table.update(rows(7, torch.float32, 1), LABELS)
        queue.update(rows(7, torch.float32, 1), LABELS)
        embeddings = rows(7, torch.float32).requires_grad_()
        loss = OIMLoss()(embeddings, LABELS, table.centres, table.seen, queue.features, queue.filled)
        if disturbed:
            table.update(embeddings.detach(), LABELS)
            queue.update(embeddings.detach(), LABELS)
        loss.backward()
        gradients.append(embeddings.grad)
    assert torch.equal(*gradients)


def test_the_first_loss_is_the_logarithm_of_all_rows_and_slots():
    """5,532 identities and 5,000 slots of zeros: ln 10532, as the authors' log files begin with."""
    table, queue = torch.zeros(5532, 5), torch.zeros(5000, 5)
    nothing = torch.zeros(5532, dtype=torch.bool), torch.zeros(5000, dtype=torch.bool)
    value = OIMLoss()(rows(7, torch.float32), LABELS, table, nothing[0], queue, nothing[1])
    assert float(value) == pytest.approx(math.log(10532), rel=1e-5)


@given(seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_the_order_of_identities_slots_and_rows_does_not_matter(seed):
    embeddings, (table, queue) = rows(7, seed=seed), memories(torch.float64)
    generator = torch.Generator().manual_seed(seed)
    people, slots, order = (torch.randperm(n, generator=generator) for n in (7, 3, 7))
    renamed = torch.where(LABELS >= 0, people.argsort()[LABELS.clamp(min=0)], LABELS)
    loss = OIMLoss(queue_scale=4.0, empty="apart", gamma=2.0, average="people")
    value = loss(embeddings, LABELS, table, SEEN, queue, FILLED)
    shuffled = loss(embeddings[order], renamed[order], table[people], SEEN[people], queue[slots], FILLED[slots])
    torch.testing.assert_close(value, shuffled)


@pytest.mark.parametrize("labels", [[], [-1, -2]], ids=["nothing", "nobody known"])
@pytest.mark.parametrize("average", ["labelled", "people"])
def test_nothing_to_learn_gives_a_zero_with_a_graph(labels, average):
    embeddings = rows(len(labels)).requires_grad_()
    table, queue = memories(torch.float64)
    assert_zero_with_a_graph(OIMLoss(average=average)(embeddings, ids(*labels), table, SEEN, queue, FILLED), embeddings)


def test_without_a_queue_the_table_is_all():
    embeddings, (table, _) = rows(7), memories(torch.float64)
    value = OIMLoss()(embeddings, LABELS, table, SEEN, torch.zeros(0, 5), torch.zeros(0, dtype=torch.bool))
    labelled = LABELS >= 0
    wanted = torch.nn.functional.cross_entropy(10.0 * embeddings[labelled] @ table.T, LABELS[labelled])
    torch.testing.assert_close(value, wanted)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_a_row_that_is_surely_right_has_a_finite_focal_gradient(gamma):
    certain = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (focal_weights(certain, gamma) * certain).sum().backward()
    assert torch.isfinite(certain.grad).all()


def test_localisation_decides_how_far_a_row_moves():
    overlaps = torch.tensor([0.5, 0.75, 0.95])
    shares = localisation_shares(overlaps)
    torch.testing.assert_close(shares, torch.tensor([0.7, 0.75, 0.9]))
    table, embeddings, labels = IdentityTable(3, 5), rows(3, torch.float32), ids(1, 1, 0)
    table.update(rows(1, torch.float32, 9), ids(1))
    wanted = table.centres.clone()
    table.update(embeddings, labels, shares)
    for x, j, s in zip(embeddings, labels.tolist(), (0.7, 0.75, 0.9), strict=True):
        moved = (1 - s) * wanted[j] + s * x
        wanted[j] = moved / moved.norm()
    torch.testing.assert_close(table.centres, wanted)
