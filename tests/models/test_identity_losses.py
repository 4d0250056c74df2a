import pytest
import torch
import torch.nn.functional as F

from sceneseek.errors import ValueRefused
from sceneseek.models.heads.identity import IdentityLosses, IdentityOptions

LABELS = torch.tensor([0, 1, -1, 0, -2])
IMAGES = torch.tensor([0, 0, 0, 1, 1])


def rows(seed=0, count=5):
    return F.normalize(torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)), dim=1)


def losses(**changes):
    return IdentityLosses(8, 4, IdentityOptions(dictionary_size=10, **changes))


def test_the_first_step_has_nothing_to_compare_with():
    first = losses()(rows(), LABELS, IMAGES)
    assert sorted(first) == ["loss_c2hep", "loss_olp"]
    assert all(value.item() == 0.0 for value in first.values())


def test_after_an_update_both_speak():
    identity = losses()
    identity.update(rows(1), LABELS, IMAGES)
    later = identity(rows().requires_grad_(), LABELS, IMAGES)
    assert all(value.item() > 0 for value in later.values())


@pytest.mark.parametrize(
    ("store", "exclude", "kept"),
    [
        ("all", False, [0, 1, -1, 0, -2]),
        ("fg", False, [0, 1, -1, 0]),
        ("labelled", False, [0, 1, 0]),
        ("all", True, [1, -1, -2]),
    ],
)
def test_what_the_dictionary_stores(store, exclude, kept):
    identity = losses(dictionary_store=store, exclude_current_positives=exclude)
    identity.update(rows(), LABELS, IMAGES)
    assert identity.dictionary.entries()[1].tolist() == kept
    assert identity.centres.seen.nonzero().flatten().tolist() == [0, 1]


@pytest.mark.parametrize("source", ["dictionary", "centres"])
def test_hard_classes_come_from_the_chosen_memory(source):
    identity = losses(c2hep_pool=source, pool_size=3, hard_negatives=1)
    everyone = torch.eye(4)
    identity.centres.update(everyone, torch.tensor([2, 3, 4, 5]))
    identity.dictionary.update(everyone.flip(0), torch.tensor([2, 3, 4, 5]))
    # The anchor looks like the centre of 3, and like the remembered view of 4.
    pool = identity.pool_indices(everyone[1:2], torch.tensor([6]))
    assert pool[:2].tolist() == [6, 3 if source == "centres" else 4]
    assert len(pool) == 3


def test_an_identity_beyond_the_table_is_refused_before_anything_is_computed():
    with pytest.raises(ValueRefused, match="num_identities=8"):
        losses()(rows(), LABELS + 8, IMAGES)
