import math

import pytest
import torch
import torch.nn.functional as F

from sceneseek.losses import OLPLoss

LABELS = torch.tensor([4, 2, -1, 4, 2, 4, -2, 6])
IMAGES = torch.tensor([0, 0, 0, 1, 1, 0, 1, 1])
ENTRY_LABELS = torch.tensor([4, -1, 2, 9, -2, 9, 2])


def rows(count, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, 5, generator=generator, dtype=torch.float64), dim=1).to(dtype)


def definition(embeddings, entries, scale, intra, current):
    """The formula, one group at a time, in plain Python."""
    x, d = embeddings.tolist(), entries.tolist()
    y, images, entry_labels = LABELS.tolist(), IMAGES.tolist(), ENTRY_LABELS.tolist()

    def cosine(a, b):
        return sum(p * q for p, q in zip(a, b, strict=True))

    terms = []
    for i in range(len(y)):
        for j in range(len(y)):
            if i == j or y[i] != y[j] or y[i] < 0 or (images[i] == images[j] and not intra):
                continue
            negatives = [v for v, label in zip(d, entry_labels, strict=True) if label != y[i]]
            if current:
                negatives += [v for v, label in zip(x, y, strict=True) if label >= -1 and label != y[i]]
            positive = math.exp(scale * cosine(x[i], x[j]))
            terms.append(-math.log(positive / (positive + sum(math.exp(scale * cosine(x[i], v)) for v in negatives))))
    return sum(terms) / len(terms)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("scale", [1.0, 10.0])
@pytest.mark.parametrize("intra", [False, True])
@pytest.mark.parametrize("current", [False, True])
def test_the_loss_is_its_definition(dtype, tolerance, scale, intra, current):
    embeddings, entries = rows(8, dtype, 0), rows(7, dtype, 1)
    loss = OLPLoss(scale, include_intra_image=intra, current_negatives=current)
    value = loss(embeddings, LABELS, IMAGES, entries, ENTRY_LABELS)
    assert value.dtype == dtype
    assert float(value) == pytest.approx(definition(embeddings, entries, scale, intra, current), rel=tolerance)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_the_gradient_is_the_published_one_for_the_anchor_alone(scale):
    """dL/dx_a = s ((q - 1) x_p + sum_k q_k x_nk), and nothing for the positive or the dictionary."""
    embeddings = rows(2, torch.float64, 2).requires_grad_()
    entries = rows(7, torch.float64, 3).requires_grad_()
    labels, images = torch.tensor([4, 4]), torch.tensor([0, 1])
    one_group = OLPLoss(scale, max_groups=1)
    generator = torch.Generator().manual_seed(0)
    one_group(embeddings, labels, images, entries, ENTRY_LABELS, generator=generator).backward()
    assert entries.grad is None
    anchor = int(embeddings.grad.abs().sum(dim=1).argmax())
    x = embeddings.detach()
    negatives = entries.detach()[ENTRY_LABELS != 4]
    logits = scale * torch.cat([x[1 - anchor][None] @ x[anchor], negatives @ x[anchor]])
    q = logits.softmax(dim=0)
    wanted = scale * ((q[0] - 1) * x[1 - anchor] + q[1:] @ negatives)
    torch.testing.assert_close(embeddings.grad[anchor], wanted)
    assert embeddings.grad[1 - anchor].eq(0).all()


@pytest.mark.parametrize("current", [False, True])
def test_the_gradient_is_that_of_the_value_with_all_but_the_anchors_held_still(current):
    embeddings, entries = rows(8, torch.float64, 0).requires_grad_(), rows(7, torch.float64, 1)
    still = embeddings.detach().clone()

    def with_others_still(x):
        """The formula over all groups, positives and current negatives taken from a copy."""
        terms = []
        for i, y in enumerate(LABELS.tolist()):
            negatives = entries[y != ENTRY_LABELS]
            if current:
                negatives = torch.cat([negatives, still[(LABELS >= -1) & (y != LABELS)]])
            for j, z in enumerate(LABELS.tolist()):
                if i != j and y == z >= 0 and IMAGES[i] != IMAGES[j]:
                    logits = 10.0 * torch.cat([still[j][None], negatives]) @ x[i]
                    terms.append(logits.logsumexp(dim=0) - logits[0])
        return torch.stack(terms).mean()

    assert torch.autograd.gradcheck(with_others_still, embeddings)
    (wanted,) = torch.autograd.grad(with_others_still(embeddings), embeddings)
    OLPLoss(10.0, current_negatives=current)(embeddings, LABELS, IMAGES, entries, ENTRY_LABELS).backward()
    torch.testing.assert_close(embeddings.grad, wanted)


def test_both_orders_of_a_pair_are_anchors_of_the_mean():
    embeddings = rows(2, torch.float64, 2).requires_grad_()
    entries = rows(7, torch.float64, 3)
    labels, images = torch.tensor([4, 4]), torch.tensor([0, 1])
    OLPLoss()(embeddings, labels, images, entries, ENTRY_LABELS).backward()
    x, negatives = embeddings.detach(), entries[ENTRY_LABELS != 4]
    for anchor in (0, 1):
        q = torch.cat([x[1 - anchor][None] @ x[anchor], negatives @ x[anchor]]).softmax(dim=0)
        torch.testing.assert_close(embeddings.grad[anchor], ((q[0] - 1) * x[1 - anchor] + q[1:] @ negatives) / 2)


def test_remembered_views_of_the_anchor_are_no_negatives():
    embeddings, labels, images = rows(2, torch.float64, 2), torch.tensor([4, 4]), torch.tensor([0, 1])
    entries = rows(7, torch.float64, 3)
    loss = OLPLoss()
    without = loss(embeddings, labels, images, entries[ENTRY_LABELS != 4], ENTRY_LABELS[ENTRY_LABELS != 4])
    assert float(loss(embeddings, labels, images, entries, ENTRY_LABELS)) == pytest.approx(float(without), rel=1e-12)


@pytest.mark.parametrize(
    ("labels", "entry_labels"),
    [([], [1, 2]), ([1, 2], [1, 2]), ([-1, -1], [1]), ([-2, -2], [1]), ([3, 3], []), ([3, 3], [3])],
    ids=["nothing", "no pair", "unlabelled", "background", "empty dictionary", "no stranger"],
)
def test_nothing_to_learn_gives_a_zero_with_a_graph(labels, entry_labels):
    embeddings = rows(len(labels), torch.float32, 0).requires_grad_()
    loss = OLPLoss()(
        embeddings,
        torch.tensor(labels, dtype=torch.int64),
        torch.arange(len(labels)),
        rows(len(entry_labels), torch.float32, 1),
        torch.tensor(entry_labels, dtype=torch.int64),
    )
    assert loss.item() == 0.0
    loss.backward()
    assert embeddings.grad.eq(0).all()


def test_large_scales_do_not_overflow():
    embeddings = rows(8, torch.float32, 0).requires_grad_()
    loss = OLPLoss(1000.0)(embeddings, LABELS, IMAGES, rows(7, torch.float32, 1), ENTRY_LABELS)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(embeddings.grad).all()
