"""HEP, the softmax over all classes, and the sampled one, on the scores of an identity classifier."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from losses.loss_cases import PRECISIONS, assert_zero_with_a_graph, dot, ids, rows
from sceneseek.errors import ValueRefused
from sceneseek.losses import BACKGROUND, HEPLoss, IdentityClassifier, RSSLoss

LABELS = ids(4, 2, -1, 4, -2, 6, -2, 0)
POOL = ids(2, 4, 0, BACKGROUND, 5)
"""6 is not in it, so that its row does not count."""


def classifier(dtype=torch.float64, **options):
    torch.manual_seed(0)
    made = IdentityClassifier(7, 5, **options).to(dtype)
    with torch.no_grad():
        for value in made.parameters():
            value.normal_(std=2.0)
    return made


def scores(made, x, classes):
    """w_j . x + b_j for each class, in plain Python; background is the last row."""
    weight, bias = made.weight.tolist(), made.bias.tolist()
    return {j: dot(x, weight[j if j >= 0 else 7]) + bias[j if j >= 0 else 7] for j in classes}


def definition(made, features, classes_of_row, counted):
    total = 0.0
    for x, y, classes in zip(features.tolist(), LABELS.tolist(), classes_of_row, strict=True):
        if y in classes:
            z = scores(made, x, classes)
            total -= math.log(math.exp(z[y]) / sum(math.exp(value) for value in z.values()))
    return total / counted


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize(("average", "counted"), [("valid", 6), ("batch", 8)])
def test_hep_is_its_definition(dtype, tolerance, average, counted):
    made, features = classifier(dtype), rows(8, dtype, unit=False)
    value = HEPLoss(average)(made(features, POOL), LABELS, POOL)
    assert value.dtype == dtype
    assert value.item() == pytest.approx(definition(made, features, [POOL.tolist()] * 8, counted), rel=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_with_all_classes_it_is_the_plain_softmax(dtype, tolerance):
    made, features = classifier(dtype), rows(8, dtype, unit=False)
    everyone = made.classes
    value = HEPLoss()(made(features), LABELS, everyone)
    assert value.item() == pytest.approx(definition(made, features, [everyone.tolist()] * 8, 7), rel=tolerance)
    targets = torch.where(LABELS == BACKGROUND, 7, LABELS)
    torch.testing.assert_close(value, torch.nn.functional.cross_entropy(made(features), targets, ignore_index=-1))


def test_gradient_reaches_the_features_and_the_rows_of_the_pool_alone():
    """dL/dz_i = (p_i - e_{y_i}) / n, through W[P]."""
    made, features = classifier(), rows(8, unit=False).requires_grad_()
    HEPLoss()(made(features, POOL), LABELS, POOL).backward()
    assert made.weight.grad.abs().sum(dim=1).gt(0).tolist() == [True, False, True, False, True, True, False, True]
    weight = made.weight.detach()[[2, 4, 0, 7, 5]]
    p = (features.detach() @ weight.T + made.bias.detach()[[2, 4, 0, 7, 5]]).softmax(dim=1)
    position = {y: k for k, y in enumerate(POOL.tolist())}
    for i, y in enumerate(LABELS.tolist()):
        wanted = (p[i] @ weight - weight[position[y]]) / 6 if y in position else torch.zeros(5, dtype=torch.float64)
        torch.testing.assert_close(features.grad[i], wanted)


def test_the_gradient_is_that_of_the_value():
    made = classifier()
    assert torch.autograd.gradcheck(
        lambda x: HEPLoss()(made(x, POOL), LABELS, POOL), rows(8, unit=False).requires_grad_()
    )


@given(seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_and_pool_does_not_matter(seed):
    generator = torch.Generator().manual_seed(seed)
    made, features = classifier(), rows(8, unit=False)
    order, turned = torch.randperm(8, generator=generator), POOL[torch.randperm(5, generator=generator)]
    value = HEPLoss()(made(features, POOL), LABELS, POOL)
    torch.testing.assert_close(HEPLoss()(made(features[order], turned), LABELS[order], turned), value)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("policy", ["random", "top"])
@pytest.mark.parametrize(("average", "counted"), [("batch", 8), ("valid", 7)])
def test_rss_is_its_definition_over_the_classes_that_were_drawn(dtype, tolerance, policy, average, counted):
    made, features = classifier(dtype), rows(8, dtype, unit=False)
    classes, loss = made.classes, RSSLoss(4, policy=policy, average=average)
    logits = made(features)
    value = loss(logits, LABELS, classes, generator=torch.Generator().manual_seed(3))
    known = LABELS != -1
    right = LABELS[known][:, None] == classes
    drawn = iter(loss.sampled_classes(logits[known], right, classes, generator=torch.Generator().manual_seed(3)))
    sets = [classes[next(drawn)].tolist() if y != -1 else [] for y in LABELS.tolist()]
    assert value.item() == pytest.approx(definition(made, features, sets, counted), rel=tolerance)


@given(num=st.integers(2, 12), seed=st.integers(0, 99), policy=st.sampled_from(["random", "top"]))
@settings(max_examples=40, deadline=None)
def test_a_sample_holds_the_right_class_background_and_others_once(num, seed, policy):
    made = classifier()
    logits, known = made(rows(8, unit=False, seed=seed)), LABELS != -1
    right = LABELS[known][:, None] == made.classes
    generator = torch.Generator().manual_seed(seed)
    drawn = RSSLoss(num, policy=policy).sampled_classes(logits[known], right, made.classes, generator=generator)
    for y, row, z in zip(LABELS[known].tolist(), drawn.tolist(), logits[known], strict=True):
        assert len(row) == len(set(row)) == min(num, 8)
        held = {made.classes[k].item() for k in row}
        assert {y, BACKGROUND} <= held
        if policy == "top":
            free = [k for k in z.argsort(descending=True).tolist() if made.classes[k].item() not in (y, BACKGROUND)]
            others = [k for k in row if made.classes[k].item() not in (y, BACKGROUND)]
            assert set(others) == set(free[: len(others)])


def test_samples_differ_between_rows_and_repeat_with_the_generator():
    logits, classes = torch.zeros(3, 1000), torch.arange(1000)
    right = ids(7, 7, 7)[:, None] == classes
    loss = RSSLoss(5)
    drawn = [
        loss.sampled_classes(logits, right, classes, generator=torch.Generator().manual_seed(seed)).tolist()
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][0] != drawn[0][1]


def test_a_sample_of_all_classes_is_the_plain_softmax():
    made, features = classifier(), rows(8, unit=False)
    sampled = RSSLoss(100, average="valid")(made(features), LABELS, made.classes)
    torch.testing.assert_close(sampled, HEPLoss()(made(features), LABELS, made.classes))


def test_one_class_is_no_softmax():
    with pytest.raises(ValueRefused, match="num_classes is 1"):
        RSSLoss(1)


@pytest.mark.parametrize("labels", [[], [-1, -1], [6]], ids=["nothing", "nobody known", "not in the pool"])
@pytest.mark.parametrize("name", ["hep", "rss"])
def test_nothing_to_learn_gives_a_zero_with_a_graph(name, labels):
    made, features = classifier(), rows(len(labels)).requires_grad_()
    loss = (HEPLoss() if name == "hep" else RSSLoss())(made(features, POOL), ids(*labels), POOL)
    assert_zero_with_a_graph(loss, features, made.weight, made.bias)


def test_a_classifier_without_background_and_with_a_neck_is_that_of_coat():
    made = IdentityClassifier(7, 5, background=False, bias=False, neck=True)
    assert made.classes.tolist() == list(range(7))
    assert sorted(name for name, value in made.named_parameters() if value.requires_grad) == ["neck.weight", "weight"]
    features = rows(8, torch.float32)
    normalised = (features - features.mean(dim=0)) / (features.var(dim=0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(made(features), normalised @ made.weight.T)
    assert made(features[:1]).isfinite().all()
    assert made(features[:0]).shape == (0, 7)


def test_a_new_classifier_thinks_all_classes_alike():
    torch.manual_seed(0)
    fresh = IdentityClassifier(5532, 256)
    value = HEPLoss()(fresh(rows(4, torch.float32, dim=256)), ids(5, 8, -2, 0), fresh.classes)
    assert value.item() == pytest.approx(math.log(5533), rel=1e-3)
