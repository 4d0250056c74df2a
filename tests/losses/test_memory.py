import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from sceneseek.errors import ValueRefused
from sceneseek.losses import (
    BACKGROUND,
    ClassCentres,
    FeatureCentres,
    FeatureDictionary,
    IdentityTable,
    UnlabelledQueue,
)
from sceneseek.structures import UNLABELED


def unit_rows(count, dim=4, seed=0, dtype=torch.float32):
    return F.normalize(torch.randn(count, dim, generator=torch.Generator().manual_seed(seed), dtype=dtype), dim=1)


@given(sizes=st.lists(st.integers(0, 9), max_size=8), num_slots=st.integers(1, 7))
def test_dictionary_is_first_in_first_out(sizes, num_slots):
    dictionary = FeatureDictionary(num_slots, 1)
    slots, pointer, written = [None] * num_slots, 0, 0
    for size in sizes:
        values = torch.arange(written, written + size)
        dictionary.update(values[:, None].float(), values)
        for value in values.tolist():  # the definition: one row after the other
            slots[pointer] = value
            pointer = (pointer + 1) % num_slots
        written += size
    features, labels = dictionary.entries()
    held = [value for value in slots if value is not None]
    assert labels.tolist() == held
    assert features.flatten().tolist() == held
    assert int(dictionary.pointer) == pointer
    assert len(dictionary) == min(written, num_slots)


def test_dictionary_starts_empty_and_takes_no_gradient():
    dictionary = FeatureDictionary(3, 4)
    assert dictionary.labels.tolist() == [BACKGROUND] * 3
    assert [len(column) for column in dictionary.entries()] == [0, 0]
    dictionary.update(unit_rows(2).requires_grad_(), torch.tensor([1, -1]))
    assert not dictionary.features.requires_grad


def test_a_dictionary_without_slots_is_refused():
    with pytest.raises(ValueRefused, match="num_slots is 0"):
        FeatureDictionary(0, 4)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_centres_move_one_row_after_the_other(momentum):
    memory = ClassCentres(3, 4, momentum)
    rows, labels = unit_rows(40), torch.randint(-2, 2, (40,), generator=torch.Generator().manual_seed(1))
    centres = torch.zeros(3, 4)
    for step in (slice(0, 25), slice(25, 40)):
        memory.update(rows[step], labels[step])
        for x, j in zip(rows[step], labels[step].tolist(), strict=True):
            if j >= 0:
                centres[j] = F.normalize(momentum * centres[j] + (1 - momentum) * x, dim=0)
    torch.testing.assert_close(memory.centres, centres)
    assert memory.seen.tolist() == [True, True, False]
    assert memory.centres[2].eq(0).all()


def test_the_first_sight_of_a_person_becomes_the_centre():
    memory = ClassCentres(5, 4, 0.9)
    rows = unit_rows(1)
    memory.update(rows, torch.tensor([3]))
    torch.testing.assert_close(memory.centres[3], rows[0])


def test_an_identity_without_a_centre_is_refused():
    with pytest.raises(ValueRefused, match=r"identity 5 has no class centre.*num_identities=5"):
        ClassCentres(5, 4).update(unit_rows(1), torch.tensor([5]))


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueRefused, match="momentum"):
        ClassCentres(5, 4, 1.0)


@pytest.mark.parametrize("renormalise", [False, True])
def test_the_table_moves_one_row_after_the_other(renormalise):
    table = IdentityTable(3, 4, 0.7, renormalise=renormalise)
    rows, labels = unit_rows(40), torch.randint(-2, 2, (40,), generator=torch.Generator().manual_seed(1))
    wanted = torch.zeros(3, 4)
    for step in (slice(0, 25), slice(25, 40)):
        table.update(rows[step], labels[step])
        for x, j in zip(rows[step], labels[step].tolist(), strict=True):
            if j >= 0:
                wanted[j] = 0.7 * wanted[j] + 0.3 * x
                if renormalise:
                    wanted[j] = F.normalize(wanted[j], dim=0)
    torch.testing.assert_close(table.centres, wanted)
    assert table.seen.tolist() == [True, True, False]


@given(labels=st.lists(st.integers(-2, 2), max_size=20), cut=st.integers(0, 20))
def test_the_queue_keeps_the_last_people_without_an_identity(labels, cut):
    queue = UnlabelledQueue(4, 1)
    values, all_labels = torch.arange(1.0, len(labels) + 1)[:, None], torch.tensor(labels, dtype=torch.int64)
    queue.update(values[:cut], all_labels[:cut])
    queue.update(values[cut:], all_labels[cut:])
    slots, pointer = [0.0] * 4, 0
    for value, label in enumerate(labels, start=1):  # the definition: one row after the other
        if label == UNLABELED:
            slots[pointer] = float(value)
            pointer = (pointer + 1) % 4
    assert queue.features.flatten().tolist() == slots
    assert queue.filled.tolist() == [slot > 0 for slot in slots]
    assert int(queue.pointer) == pointer


def test_a_queue_may_keep_the_first_numbers_alone():
    queue, rows = UnlabelledQueue(2, 4, stored_dims=3), unit_rows(1)
    before = rows.clone()
    queue.update(rows, torch.tensor([UNLABELED]))
    assert torch.equal(queue.features[0, :3], rows[0, :3])
    assert queue.features[0, 3] == 0.0
    assert torch.equal(rows, before)
    with pytest.raises(ValueRefused, match=r"1\.\.4"):
        UnlabelledQueue(2, 4, stored_dims=5)


def test_feature_centres_move_as_published():
    """Delta c_j = sum_i (c_j - f_i) / (1 + n_j), eq. 4 of Wen et al."""
    memory = FeatureCentres(3, 4, rate=0.5)
    centres = torch.zeros(3, 4)
    for seed in range(3):
        features = 3.0 * torch.randn(9, 4, generator=torch.Generator().manual_seed(seed))
        labels = torch.randint(-2, 2, (9,), generator=torch.Generator().manual_seed(seed + 10))
        memory.update(features, labels)
        for j in range(3):
            own = [f for f, y in zip(features, labels.tolist(), strict=True) if y == j]
            centres[j] -= 0.5 * sum((centres[j] - f for f in own), torch.zeros(4)) / (1 + len(own))
    torch.testing.assert_close(memory.centres, centres)
    with pytest.raises(ValueRefused, match="rate"):
        FeatureCentres(3, 4, rate=0.0)


MEMORIES = {
    "dictionary": lambda: FeatureDictionary(7, 4),
    "centres": lambda: ClassCentres(6, 4),
    "table": lambda: IdentityTable(6, 4, 0.3, renormalise=False),
    "queue": lambda: UnlabelledQueue(2, 4, stored_dims=3),
    "feature centres": lambda: FeatureCentres(6, 4),
}


@pytest.mark.parametrize("make", MEMORIES.values(), ids=MEMORIES)
def test_a_memory_survives_a_checkpoint_exactly(make, tmp_path):
    memory = make()
    for seed in range(3):
        memory.update(unit_rows(5, seed=seed), torch.tensor([0, 3, -1, 3, -2]))
    path = tmp_path / "memory.pt"
    torch.save(memory.state_dict(), path)
    again = make()
    again.load_state_dict(torch.load(path, weights_only=True))
    before = {key: value.clone() for key, value in memory.state_dict().items()}
    for either in (memory, again):
        either.update(unit_rows(4, seed=9), torch.tensor([2, 0, 0, -1]))
    for key, value in memory.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key
    assert any(not torch.equal(value, before[key]) for key, value in memory.state_dict().items())
