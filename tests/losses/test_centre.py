import pytest
import torch

from losses.loss_cases import PRECISIONS, assert_zero_with_a_graph, distance, ids, rows
from sceneseek.losses import CentreLoss, FeatureCentres

LABELS = ids(4, 2, -1, 4, -2, 0)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_the_loss_is_its_definition(dtype, tolerance):
    features, centres = rows(6, dtype, unit=False), rows(7, dtype, 1, unit=False)
    terms = [
        distance(f, centres[y].tolist()) ** 2 for f, y in zip(features.tolist(), LABELS.tolist(), strict=True) if y >= 0
    ]
    value = CentreLoss()(features, LABELS, centres)
    assert value.dtype == dtype
    assert float(value) == pytest.approx(sum(terms) / (2 * len(terms)), rel=tolerance)


def test_the_gradient_is_the_published_one_and_centres_are_constants():
    """dL/df_i = (f_i - c_{y_i}) / m."""
    features, centres = rows(6, unit=False).requires_grad_(), rows(7, seed=1, unit=False).requires_grad_()
    CentreLoss()(features, LABELS, centres).backward()
    assert centres.grad is None
    known = LABELS >= 0
    torch.testing.assert_close(features.grad[known], (features - centres[LABELS.clamp(min=0)]).detach()[known] / 4)
    assert features.grad[~known].eq(0).all()
    assert torch.autograd.gradcheck(lambda f: CentreLoss()(f, LABELS, centres.detach()), features)


def test_its_own_rule_brings_centres_to_the_mean_of_still_features():
    """With n rows a step covers rate * n / (1 + n) of the way to their mean."""
    features, memory = rows(3, torch.float32, unit=False), FeatureCentres(1, 5, rate=1.0)
    for _ in range(30):
        memory.update(features, ids(0, 0, 0))
    torch.testing.assert_close(memory.centres[0], features.mean(dim=0))


@pytest.mark.parametrize("labels", [[], [-1, -2]])
def test_nothing_to_learn_gives_a_zero_with_a_graph(labels):
    features = rows(len(labels)).requires_grad_()
    assert_zero_with_a_graph(CentreLoss()(features, ids(*labels), rows(7, seed=1)), features)
