import pytest
import torch

from sceneseek.losses import BACKGROUND
from sceneseek.models.heads.protonorm import ProtoNorm, prototypes
from sceneseek.structures import UNLABELED

LABELS = torch.tensor([4, 4, 4, 2, UNLABELED, UNLABELED, BACKGROUND, BACKGROUND, BACKGROUND])


def rows(seed=0, dtype=torch.float32):
    return torch.randn(len(LABELS), 5, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 2 + 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_definition_written_as_a_loop(dtype):
    features = rows(dtype=dtype)
    groups = {}
    for i, label in enumerate(LABELS.tolist()):
        groups.setdefault(("alone", i) if label == UNLABELED else label, []).append(features[i])
    means = [torch.stack(group).mean(dim=0) for group in groups.values()]
    assert len(means) == len(prototypes(features, LABELS)) == 5
    mean = torch.stack(means).mean(dim=0)
    variance = sum((row - mean) ** 2 for row in features) / len(features)
    norm = ProtoNorm(5).to(dtype).train()
    torch.testing.assert_close(norm(features, LABELS), (features - mean) / (variance + norm.eps).sqrt())
    torch.testing.assert_close(norm.running_mean, 0.1 * mean)
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * variance * 9 / 8)
    assert int(norm.num_batches_tracked) == 1


def test_of_samples_that_are_all_their_own_prototypes_it_is_batch_normalisation():
    features, labels = rows(), torch.full((9,), UNLABELED)
    ours, theirs = ProtoNorm(5).train(), torch.nn.BatchNorm1d(5, affine=False).train()
    torch.testing.assert_close(ours(features, labels), theirs(features))
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(features), theirs.eval()(features))


def test_who_appears_more_often_does_not_decide_the_mean():
    once = torch.tensor([[1.0], [3.0]])
    often = torch.cat([once[:1].expand(50, 1), once[1:]])
    norm = ProtoNorm(1).train()
    norm(often, torch.tensor([0] * 50 + [1]))
    torch.testing.assert_close(norm.running_mean, torch.tensor([0.2]))


def test_statistics_carry_the_gradient_and_one_row_has_none_of_its_own():
    features = rows(dtype=torch.float64).requires_grad_()
    norm = ProtoNorm(5).double().train()
    assert torch.autograd.gradcheck(lambda x: norm(x, LABELS), (features,), eps=1e-6, atol=1e-5)
    before = norm.running_mean.clone()
    row = rows(dtype=torch.float64)[:1]
    torch.testing.assert_close(norm(row, LABELS[:1]), norm.eval()(row))
    assert torch.equal(norm.running_mean, before)
    assert norm.train()(row[:0], LABELS[:0]).shape == (0, 5)
