import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from sceneseek.errors import ValueRefused
from sceneseek.losses import BACKGROUND, ClassCentres, FeatureDictionary


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


def test_memories_survive_a_checkpoint_exactly(tmp_path):
    dictionary, centres = FeatureDictionary(7, 4), ClassCentres(6, 4)
    for seed in range(3):
        rows, labels = unit_rows(5, seed=seed), torch.tensor([0, 3, -1, 3, -2])
        dictionary.update(rows, labels)
        centres.update(rows, labels)
    path = tmp_path / "memories.pt"
    torch.save({"dictionary": dictionary.state_dict(), "centres": centres.state_dict()}, path)
    state = torch.load(path, weights_only=True)
    again, centres_again = FeatureDictionary(7, 4), ClassCentres(6, 4)
    again.load_state_dict(state["dictionary"])
    centres_again.load_state_dict(state["centres"])
    rows, labels = unit_rows(4, seed=9), torch.tensor([2, 0, 0, -1])
    for memory in (dictionary, centres, again, centres_again):
        memory.update(rows, labels)
    for memory, other in ((dictionary, again), (centres, centres_again)):
        for key, value in memory.state_dict().items():
            assert torch.equal(value, other.state_dict()[key]), key
