import math

import pytest
import torch
import torch.nn.functional as F

from sceneseek.losses import C2HEPLoss

LABELS = torch.tensor([4, 2, -1, 4, -2, 6])
SEEN = torch.tensor([True, False, True, True, True, True, False])
POOL = torch.tensor([2, 4, 6, 5, 1])


def rows(count, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, 5, generator=generator, dtype=torch.float64), dim=1).to(dtype)


def definition(embeddings, centres, scale):
    """The formula, one row at a time, in plain Python; 6 has no centre yet and does not count."""
    pool = [j for j in POOL.tolist() if SEEN[j]]
    terms = []
    for x, y in zip(embeddings.tolist(), LABELS.tolist(), strict=True):
        if y in pool:
            exponents = {
                j: math.exp(scale * sum(a * b for a, b in zip(x, centres[j].tolist(), strict=True))) for j in pool
            }
            terms.append(-math.log(exponents[y] / sum(exponents.values())))
    assert len(terms) == 3
    return sum(terms) / len(terms)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_the_loss_is_its_definition(dtype, tolerance, scale):
    embeddings, centres = rows(6, dtype, 0), rows(7, dtype, 1)
    value = C2HEPLoss(scale)(embeddings, LABELS, POOL, centres, SEEN)
    assert value.dtype == dtype
    assert float(value) == pytest.approx(definition(embeddings, centres, scale), rel=tolerance)


def test_centres_are_constants_and_only_people_with_a_centre_learn():
    embeddings = rows(6, torch.float64, 0).requires_grad_()
    centres = rows(7, torch.float64, 1).requires_grad_()
    C2HEPLoss()(embeddings, LABELS, POOL, centres, SEEN).backward()
    assert centres.grad is None
    assert embeddings.grad.abs().sum(dim=1).gt(0).tolist() == [True, True, False, True, False, False]


def test_the_gradient_points_from_the_wrong_centres_to_the_right_one():
    """dL/dx_i = lambda (sum_j p_j c_j - c_y) / n."""
    embeddings = rows(6, torch.float64, 0).requires_grad_()
    centres = rows(7, torch.float64, 1)
    C2HEPLoss(10.0)(embeddings, LABELS, POOL, centres, SEEN).backward()
    pool = centres[[2, 4, 5]]
    p = (10.0 * embeddings.detach()[0] @ pool.T).softmax(dim=0)
    torch.testing.assert_close(embeddings.grad[0], 10.0 * (p @ pool - centres[4]) / 3)


def test_the_gradient_is_that_of_the_value():
    centres = rows(7, torch.float64, 1)
    assert torch.autograd.gradcheck(
        lambda x: C2HEPLoss(10.0)(x, LABELS, POOL, centres, SEEN), rows(6, torch.float64, 0).requires_grad_()
    )


@pytest.mark.parametrize("labels", [[], [-1, -2], [6]], ids=["nothing", "nobody known", "never seen"])
def test_nothing_to_learn_gives_a_zero_with_a_graph(labels):
    embeddings = rows(len(labels), torch.float32, 0).requires_grad_()
    labels = torch.tensor(labels, dtype=torch.int64)
    loss = C2HEPLoss()(embeddings, labels, labels[labels >= 0], rows(7, torch.float32, 1), SEEN)
    assert loss.item() == 0.0
    loss.backward()
    assert embeddings.grad.eq(0).all()
