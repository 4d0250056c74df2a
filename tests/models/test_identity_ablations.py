"""Every identity loss by name, alone and in the combinations that papers compare, against the losses themselves."""

import copy

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open

from sceneseek import losses
from sceneseek.errors import ModelError, ValueRefused
from sceneseek.losses.mining import priority_pool_indices
from sceneseek.losses.toim import with_table_rows
from sceneseek.models import zoo
from sceneseek.models.heads.identity import IDENTITY_LOSSES, IdentityLosses, IdentityOptions
from sceneseek.models.weights import load_model, save_model

LABELS = torch.tensor([0, 1, -1, 0, -2, 1, 3, 2])
IMAGES = torch.tensor([0, 0, 0, 1, 1, 1, 1, 0])

ABLATIONS = {
    "OLP": ("olp",),
    "C2HEP": ("c2hep",),
    "HEP": ("hep",),
    "OLP and HEP": ("olp", "hep"),
    "OLP and C2HEP": ("olp", "c2hep"),
    "triplet and HEP": ("triplet", "hep"),
    "contrastive": ("contrastive",),
    "OIM": ("oim",),
    "TOIM": ("oim", "table_triplet"),
    "OIM and softmax": ("oim", "softmax"),
    "softmax and centre": ("softmax", "centre"),
    "sampled softmax": ("rss",),
    "quadruplet": ("quadruplet",),
    "everything": IDENTITY_LOSSES,
}
every_ablation = pytest.mark.parametrize("names", ABLATIONS.values(), ids=ABLATIONS)


def features(seed=0, count=8):
    return 2.0 * torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))


def made(*names, **changes):
    torch.manual_seed(0)
    options = IdentityOptions(identity_losses=names, dictionary_size=10, queue_size=4, rss_classes=3, **changes)
    identity = IdentityLosses(8, 4, options)
    for value in identity.parameters():
        torch.nn.init.normal_(value)
    return identity


def step(identity, seed, generator_seed=0):
    raw = features(seed).requires_grad_()
    rows = F.normalize(raw, dim=1)
    generator = torch.Generator().manual_seed(generator_seed)
    return raw, identity(rows, LABELS, IMAGES, features=raw, generator=generator)


def take_in(identity, seed):
    raw = features(seed)
    identity.update(F.normalize(raw, dim=1), LABELS, IMAGES, raw, torch.full((8,), 0.8))


@every_ablation
def test_each_named_loss_is_returned_once_and_teaches(names):
    identity = made(*names)
    take_in(identity, 1)
    raw, values = step(identity, 2)
    assert list(values) == [f"loss_{name}" for name in names]
    assert sorted(values) == list(identity.options.identity_loss_names)
    for name, value in values.items():
        assert value.item() > 0, name
        (gradient,) = torch.autograd.grad(value, raw, retain_graph=True)
        assert gradient.isfinite().all(), name
        assert gradient.abs().sum() > 0, name


@every_ablation
def test_memories_change_only_in_update_and_resume_exactly(names):
    identity = made(*names, oim_localised=True)
    take_in(identity, 1)
    before = copy.deepcopy(identity.state_dict())
    _, values = step(identity, 2)
    torch.stack(list(values.values())).sum().backward()
    for key, value in identity.state_dict().items():
        assert torch.equal(value, before[key]), key

    again = made(*names, oim_localised=True)
    again.load_state_dict(before)
    for either in (identity, again):
        take_in(either, 3)
    assert any(not torch.equal(value, before[key]) for key, value in identity.state_dict().items())
    for key, value in identity.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key
    for one, other in zip(step(identity, 4)[1].values(), step(again, 4)[1].values(), strict=True):
        assert torch.equal(one, other)


@every_ablation
def test_an_empty_step_costs_nothing_and_has_a_graph(names):
    identity = made(*names)
    nothing = torch.zeros(0, 4, requires_grad=True)
    nobody = torch.zeros(0, dtype=torch.int64)
    total = torch.stack(list(identity(nothing, nobody, nobody).values())).sum()
    assert total.item() == 0.0
    total.backward()
    assert all(value.grad is not None for value in identity.parameters())
    identity.update(nothing.detach(), nobody, nobody)


def test_parts_are_made_only_where_a_loss_needs_them():
    parts = {name: sorted(name for name, _ in made(*chosen).named_children()) for name, chosen in ABLATIONS.items()}
    assert parts["OLP"] == ["centres", "dictionary"]  # centres: what a student network is taught with
    assert parts["OLP and C2HEP"] == ["centres", "dictionary"]
    assert parts["triplet and HEP"] == ["centres", "classifier", "dictionary"]
    assert parts["contrastive"] == ["centres"]
    assert parts["OIM"] == ["queue", "table"]
    assert parts["softmax and centre"] == ["centres", "classifier", "feature_centres"]
    assert sorted(name for name, _ in made("c2hep", c2hep_pool="centres").named_children()) == ["centres"]
    options = IdentityOptions(identity_losses=("oim",), queue_size=0)
    assert [name for name, _ in IdentityLosses(8, 4, options).named_children()] == ["table"]


def test_names_stand_for_the_losses_with_their_options():
    identity = made(
        *("oim", "table_triplet", "triplet", "contrastive", "quadruplet", "centre", "softmax"),
        oim_scale=15.0,
        oim_queue_scale=10.0,
        oim_gamma=2.0,
        oim_average="people",
        oim_empty="apart",
        queue_dims=2,
        triplet_soft=True,
        contrastive_margin=2.0,
        contrastive_intra_image=True,
        quadruplet_margins=(1.0, 0.5),
        classifier_input="unit",
        class_average="batch",
    )
    take_in(identity, 1)
    raw, values = step(identity, 2)
    rows, table, queue = F.normalize(raw, dim=1), identity.table, identity.queue
    assert queue.features[:, 2:].eq(0).all()
    assert queue.features[0, :2].ne(0).all()
    known = (table.centres, table.seen)
    oim = losses.OIMLoss(15.0, queue_scale=10.0, gamma=2.0, average="people", empty="apart")
    soft, classes = losses.TripletLoss(None), identity.classifier.classes
    wanted = {
        "oim": oim(rows, LABELS, *known, queue.features, queue.filled),
        "table_triplet": soft(*with_table_rows(rows, LABELS, *known)),
        "triplet": soft(rows, LABELS),
        "contrastive": losses.ContrastiveLoss(2.0, include_intra_image=True)(rows, LABELS, IMAGES),
        "quadruplet": losses.QuadrupletLoss(1.0, 0.5)(rows, LABELS),
        "centre": losses.CentreLoss()(raw, LABELS, identity.feature_centres.centres),
        "softmax": losses.HEPLoss("batch")(identity.classifier(rows), LABELS, classes),
    }
    for name, value in wanted.items():
        torch.testing.assert_close(values[f"loss_{name}"], value)


@pytest.mark.parametrize(
    ("size", "background", "places"), [(3, True, 2), (7, True, 6), (7, False, 7), (100, True, 8), ("all", True, 8)]
)
def test_hep_classifies_within_the_pool(size, background, places):
    """The pool: classes of the step, then those of the hardest negatives, then random ones; background has a place."""
    identity = made("hep", pool_size=size, classifier_background=background)
    identity.dictionary.update(torch.eye(4), torch.tensor([5, 6, -1, 7]))
    raw = features(2)
    rows, everyone = F.normalize(raw, dim=1), torch.ones(8, dtype=torch.bool)
    value = identity(rows, LABELS, IMAGES, features=raw, generator=torch.Generator().manual_seed(0))["loss_hep"]

    labelled = LABELS >= 0
    similar = rows[labelled] @ torch.eye(4)
    nearest = [(float(s), c) for row in similar for s, c in zip(row, (5, 6, -1, 7), strict=True) if c >= 0]
    hard = list(dict.fromkeys(c for _, c in sorted(nearest, reverse=True)))
    generator = torch.Generator().manual_seed(0)
    pool = priority_pool_indices(LABELS, torch.tensor(hard), everyone, size=places, generator=generator)
    assert len(pool) == max(places, 4)
    if background:
        pool = torch.cat([pool, torch.tensor([losses.BACKGROUND])])
    people = LABELS if background else LABELS[LABELS >= -1]
    scored = raw if background else raw[LABELS >= -1]
    torch.testing.assert_close(value, losses.HEPLoss()(identity.classifier(scored, pool), people, pool))


def test_a_classifier_without_background_normalises_people_alone():
    identity = made("softmax", classifier_background=False, classifier_bias=False, classifier_neck=True)
    _, values = step(identity, 2)
    changed = features(2)
    changed[LABELS == losses.BACKGROUND] = 99.0
    again = identity(F.normalize(changed, dim=1), LABELS, IMAGES, features=changed)
    assert torch.equal(again["loss_softmax"], values["loss_softmax"])


def test_the_priority_softmax_on_centres_ignores_the_dictionary():
    by_centres, by_dictionary = made("c2hep", c2hep_pool="centres", pool_size=4), made("c2hep", pool_size=4)
    assert by_centres.options.needs == {"centres"}
    assert by_dictionary.options.needs == {"centres", "dictionary"}


def test_centres_of_the_centre_loss_follow_features_that_are_no_unit_vectors():
    identity, plain = made("centre"), losses.FeatureCentres(8, 4)
    take_in(identity, 1)
    plain.update(features(1), LABELS)
    assert torch.equal(identity.feature_centres.centres, plain.centres)


def test_localised_updates_need_overlaps():
    identity = made("oim", oim_localised=True)
    rows = F.normalize(features(), dim=1)
    with pytest.raises(ValueRefused, match="oim_localised"):
        identity.update(rows, LABELS, IMAGES)
    identity.update(rows, LABELS, IMAGES, None, torch.full((8,), 0.8))
    plain = losses.IdentityTable(8, 4)
    plain.update(rows, LABELS, torch.full((8,), 0.8))
    assert torch.equal(identity.table.centres, plain.centres)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"identity_losses": ("olp", "c2heb")}, r"'c2heb'.*'c2hep'"),
        ({"identity_losses": ()}, "must name one loss or more"),
        ({"identity_losses": ("olp", "olp")}, "each once"),
        ({"pool_size": "every"}, '"all"'),
        ({"classifier_input": "squared"}, "'raw'"),
    ],
)
def test_options_that_mean_nothing_are_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        IdentityOptions(**changes)


@pytest.mark.parametrize("names", [["triplet", "hep"], ["oim", "softmax", "centre"]], ids=["hep", "oim"])
def test_a_network_learns_by_any_of_them_and_its_weights_hold_none(names, tmp_path):
    options = {"identity_losses": names, "embedding_dim": 8, "min_size": 64, "max_size": 96, "weights": None}
    torch.manual_seed(0)
    net = zoo.create("dcinet_mobilenet_v2", num_identities=5, **options).train()
    boxes = torch.tensor([[5.0, 5.0, 30.0, 60.0], [40.0, 8.0, 70.0, 62.0]])
    targets = [{"boxes": boxes, "person_ids": torch.tensor(ids)} for ids in ([0, 1], [0, 2])]
    for _ in range(2):
        returned = net([torch.rand(3, 64, 96), torch.rand(3, 64, 96)], targets)
        torch.stack(list(returned.values())).sum().backward()
        net.update_memories()
    assert {f"loss_{name}" for name in names} <= set(returned)
    assert list(zoo.default_options("dcinet_mobilenet_v2").changed(options).losses) == sorted(returned)
    assert net.identity_table[[0, 1, 2]].norm(dim=1).allclose(torch.ones(3))
    assert net.identity.classifier.weight.grad.abs().sum() > 0

    path = tmp_path / "net.safetensors"
    save_model(net, path, builder="dcinet_mobilenet_v2", options=options, dtype=torch.float32)
    with safe_open(path, framework="pt") as stored:
        assert not any(key.startswith("identity.") for key in stored.keys())  # noqa: SIM118 (not a dict)
    again, _ = load_model(path)  # for no identities at all
    assert torch.equal(again.reidentifier.project.weight, net.reidentifier.project.weight)
