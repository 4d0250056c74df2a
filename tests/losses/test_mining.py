import torch
from hypothesis import given
from hypothesis import strategies as st

from sceneseek.losses.mining import hard_classes, positive_group_indices, priority_pool_indices

LABELS = st.lists(st.integers(-2, 5), max_size=12)


@given(labels=LABELS, intra=st.booleans(), seed=st.integers(0, 99))
def test_groups_are_all_ordered_pairs_of_one_identity(labels, intra, seed):
    images = torch.randint(0, 3, (len(labels),), generator=torch.Generator().manual_seed(seed)).tolist()
    anchors, positives = positive_group_indices(
        torch.tensor(labels, dtype=torch.int64), torch.tensor(images), include_intra_image=intra
    )
    wanted = [
        (i, j)
        for i in range(len(labels))
        for j in range(len(labels))
        if i != j and labels[i] == labels[j] >= 0 and (intra or images[i] != images[j])
    ]
    assert list(zip(anchors.tolist(), positives.tolist(), strict=True)) == wanted


def test_the_cap_on_groups_is_random_and_repeatable():
    labels, images = torch.zeros(12, dtype=torch.int64), torch.arange(12)
    every = set(
        zip(*(column.tolist() for column in positive_group_indices(labels, images, max_groups=None)), strict=True)
    )
    assert len(every) == 132
    drawn = [
        positive_group_indices(labels, images, max_groups=10, generator=torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    ]
    pairs = [list(zip(a.tolist(), p.tolist(), strict=True)) for a, p in drawn]
    assert pairs[0] == pairs[1] != pairs[2]
    assert all(len(set(chosen)) == 10 and set(chosen) <= every for chosen in pairs)


def test_hard_classes_are_those_of_the_most_similar_strangers():
    similarities = torch.tensor([[0.9, 0.8, 0.7, 0.1, -0.5], [0.0, 0.2, 0.1, 0.6, 0.3]])
    anchors, entries = torch.tensor([7, 8]), torch.tensor([7, 2, -1, 3, 4])
    # Anchor 7: its own entry is no stranger; its two hardest are 2 and an unlabelled one. Anchor 8: 3 and 4.
    assert hard_classes(similarities, anchors, entries, top=2).tolist() == [2, 3, 4]
    assert hard_classes(similarities, anchors, entries, top=1).tolist() == [2, 3]
    assert hard_classes(similarities, anchors, entries, top=1, order="dissimilar").tolist() == [4, 7]


def test_hard_classes_of_nothing():
    nobody = torch.zeros(0, dtype=torch.int64)
    assert hard_classes(torch.zeros(0, 5), nobody, torch.arange(5)).tolist() == []
    assert hard_classes(torch.zeros(2, 0), torch.tensor([1, 2]), nobody).tolist() == []
    assert hard_classes(torch.zeros(1, 1), torch.tensor([1]), torch.tensor([1])).tolist() == []


@given(
    labels=st.lists(st.integers(-2, 19), max_size=12),
    hard=st.lists(st.integers(0, 19), unique=True, max_size=12),
    available=st.lists(st.booleans(), min_size=20, max_size=20),
    size=st.integers(0, 25),
    seed=st.integers(0, 9),
)
def test_the_pool_holds_present_then_hard_then_random_classes(labels, hard, available, size, seed):
    open_mask = torch.tensor(available)
    pool = priority_pool_indices(
        torch.tensor(labels, dtype=torch.int64),
        torch.tensor(hard, dtype=torch.int64),
        open_mask,
        size=size,
        generator=torch.Generator().manual_seed(seed),
    ).tolist()
    present = sorted({label for label in labels if label >= 0})
    possible = set(present) | {c for c in range(20) if available[c]}
    assert len(pool) == len(set(pool))
    assert pool[: len(present)] == present
    assert set(pool) <= possible
    assert len(pool) == max(len(present), min(size, len(possible)))
    wanted_hard = [c for c in hard if available[c] and c not in present][: max(0, size - len(present))]
    assert pool[len(present) : len(present) + len(wanted_hard)] == wanted_hard


def test_the_random_fill_is_random_and_repeatable():
    nobody = torch.zeros(0, dtype=torch.int64)
    everyone = torch.ones(1000, dtype=torch.bool)
    drawn = [
        priority_pool_indices(nobody, nobody, everyone, size=5, generator=torch.Generator().manual_seed(seed)).tolist()
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
