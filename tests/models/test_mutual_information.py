import math

import pytest
import torch
import torch.nn.functional as F

from sceneseek.models.heads.mutual_information import MutualInformation, shared_people


def test_it_is_the_bound_as_a_loop():
    torch.manual_seed(0)
    mutual = MutualInformation((3, 2), 4)
    x, y = torch.randn(5, 3), torch.randn(5, 2)
    torch.manual_seed(7)
    loss = mutual(x, y)
    torch.manual_seed(7)
    torch.rand(())
    drawn = torch.randint(5, (5,))

    def estimate(a, b):
        return mutual.layers(torch.cat([a, b])).detach().item()

    joint = sum(estimate(x[i], y[i]) for i in range(5)) / 5
    marginal = math.log(sum(math.exp(estimate(x[i], y[int(drawn[i])])) for i in range(5)) / 5)
    assert math.isclose(loss.item(), marginal - joint, abs_tol=1e-6)


@pytest.mark.parametrize(("share", "reaches"), [(1.0, False), (0.0, True)])
def test_some_steps_leave_the_embeddings_alone(share, reaches):
    torch.manual_seed(0)
    mutual = MutualInformation((3, 2), 4, estimator_share=share)
    x, y = torch.randn(6, 3, requires_grad=True), torch.randn(6, 2, requires_grad=True)
    mutual(x, y).backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in mutual.parameters())
    assert (x.grad is not None, y.grad is not None) == (reaches, reaches)


@pytest.mark.parametrize(("related", "low", "high"), [(True, 1.0, math.inf), (False, -1.0, 0.5)])
@pytest.mark.trains
def test_the_estimator_tells_rows_that_belong_together_from_those_that_do_not(related, low, high):
    """Knowing ``y`` from ``x`` among 16 people is worth log 16 = 2.8; a new ``y`` in each step, nothing."""
    torch.manual_seed(0)
    people = F.normalize(torch.randn(16, 8), dim=1)
    mutual = MutualInformation((8, 8), 32, estimator_share=1.0)
    optimiser = torch.optim.Adam(mutual.parameters(), lr=5e-3)
    values = []
    for _ in range(150):
        loss = mutual(people, people if related else F.normalize(torch.randn(16, 8), dim=1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(-loss.item())
    assert abs(values[0]) < 0.1
    assert low < sum(values[-30:]) / 30 < high


def test_nobody_is_zero_with_a_graph():
    mutual = MutualInformation((3, 2), 4)
    loss = mutual(torch.zeros(0, 3), torch.zeros(0, 2))
    assert loss.item() == 0.0
    loss.backward()
    assert all(p.grad is not None for p in mutual.parameters())


def test_shared_people_are_means_of_those_both_have():
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    labels = torch.tensor([3, 3, 1, -1])
    others, other_labels = torch.tensor([[0.0, 2.0], [5.0, 0.0], [1.0, 1.0]]), torch.tensor([3, 8, -2])
    here, there = shared_people(rows, labels, others, other_labels)
    torch.testing.assert_close(here, torch.tensor([[0.5**0.5, 0.5**0.5]]))
    torch.testing.assert_close(there, torch.tensor([[0.0, 1.0]]))
