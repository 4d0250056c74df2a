"""Presets and terms between real networks of the zoo, tiny: what fits, what is refused, and who learns."""

import tomllib

import pytest
import torch

from distillation.tiny_networks import batch, fill_table, network
from sceneseek.distillation import gdps, terms
from sceneseek.distillation.contract import facts_of
from sceneseek.distillation.teacher import OnlineTeacher, state_fingerprint
from sceneseek.errors import ModelError, RecipeError
from sceneseek.training.recipe.distillation import DistillationTable
from sceneseek.training.recipe.teaching import build_term

TEACHER = {
    "weights": "x",
    "mode": "online",
    "scenes": "own",
    "table": "own",
    "cache": "",
    "cached_maps": False,
}


def table_of(text):
    import json

    tables = tomllib.loads(text)["distillation"]
    whole = {"teacher": TEACHER, "init_from_teacher": [], "warmup_steps": 0, "conflict_every": 0, **tables}
    return DistillationTable.model_validate_json(json.dumps(whole))


@pytest.fixture(scope="module")
def networks():
    """Students, and teachers of another width and another size of scenes."""
    return {
        "alignps": network("alignps_mobilenet_v2"),
        "alignps teacher": fill_table(network("alignps_mobilenet_v2", seed=1, embedding_dim=24)),
        "alignps twin": fill_table(network("alignps_mobilenet_v2", seed=2)),
        "dcinet": network("dcinet_mobilenet_v2"),
        "dcinet teacher": fill_table(network("dcinet_mobilenet_v2", seed=1, embedding_dim=24, min_size=96)),
        "linear": torch.nn.Linear(1, 1),
    }


def pair_of(student, teacher):
    fill_table(student)
    answers = OnlineTeacher(teacher, scenes="own", student=student)
    table = teacher.identity_table.detach()

    def own_table():
        return student.identity_table.detach()

    return answers, terms.Pair(facts_of(student), answers.facts, table, own_table)


def built(student, teacher, text):
    answers, pair = pair_of(student, teacher)
    return answers, {name: build_term(name, term, pair) for name, term in table_of(text).terms.items()}


@pytest.mark.parametrize("family", ["alignps", "dcinet"])
@pytest.mark.parametrize("preset", gdps.PRESETS)
def test_presets_teach_the_student_alone(networks, family, preset):
    student, teacher = networks[family].train(), networks[f"{family} teacher"]
    text = gdps.preset(preset)
    if preset == "detection_only" and family == "dcinet":
        text = text[text.index("[distillation.detection]") :]  # as the preset's own comment says
    before = state_fingerprint(teacher)
    answers, parts = built(student, teacher, text)
    reading = student.read(*batch())
    reading.losses()
    seen = answers.read(*batch(), reading)
    student.zero_grad()
    for name, part in parts.items():
        loss = part(reading, seen)
        assert loss.shape == ()
        assert torch.isfinite(loss)
        assert loss > 0, name
        loss.backward(retain_graph=True)
    assert any(p.grad is not None and p.grad.any() for p in student.parameters())
    assert all(p.grad is None and not p.requires_grad for p in teacher.parameters())
    assert state_fingerprint(teacher) == before
    student.update_memories()


@pytest.mark.parametrize(("student", "teacher"), [("alignps", "dcinet teacher"), ("dcinet", "alignps teacher")])
def test_across_families_by_crops_relations_and_responses(networks, student, teacher):
    text = gdps.preset("gid").split("[distillation.detection]")[0] + gdps.preset("reid_table")
    net = networks[student].train()
    answers, parts = built(net, networks[teacher], text)
    reading = net.read(*batch())
    seen = answers.read(*batch(), reading)
    losses = {name: part(reading, seen) for name, part in parts.items()}
    assert sorted(losses) == ["feature", "relation", "response"]
    assert all(torch.isfinite(loss) and loss > 0 for loss in losses.values())
    sum(losses.values()).backward()


@pytest.mark.parametrize("family", ["alignps", "dcinet"])
def test_scenes_without_people(networks, family):
    student = networks[family].train()
    answers, parts = built(student, networks[f"{family} teacher"], gdps.preset("gdps"))
    reading = student.read(*batch(people=False))
    seen = answers.read(*batch(people=False), reading)
    losses = {name: part(reading, seen) for name, part in parts.items()}
    assert losses["relation"].item() == losses["response"].item() == 0.0
    sum(losses.values()).backward()
    assert torch.isfinite(losses["feature"])


def test_a_network_that_teaches_itself_has_nothing_to_say(networks):
    student = networks["alignps twin"].eval().requires_grad_(True)
    reading = student.read(*batch())
    _, pair = pair_of(networks["alignps"], networks["alignps twin"])
    pair = terms.Pair(pair.teacher, pair.teacher, pair.table, lambda: pair.table)
    table = table_of(gdps.preset("gdps") + "\n[distillation.embedding]\nweight = 1.0\nactive = [0.0, 1.0]\n")
    student.requires_grad_(True)
    reading = student.read(*batch())
    for name, settings in table.terms.items():
        assert build_term(name, settings, pair)(reading, reading).item() == pytest.approx(0.0, abs=1e-5), name


def test_locations_answer_where_both_networks_have_the_same(networks):
    student = networks["alignps"].train()
    _, pair = pair_of(student, networks["alignps twin"])
    term = terms.IdentityTerm(pair, terms.kl, effective_scale=10.0, rows="auto")
    answers = OnlineTeacher(networks["alignps twin"], scenes="student", student=student)
    reading = student.read(*batch())
    seen = answers.read(*batch(), reading)
    ours, theirs, labels = term._rows(reading, seen)
    assert len(ours) == len(theirs) == len(labels) > len(reading.person_ids)
    small = network("alignps_mobilenet_v2", min_size=32, max_size=48).train()
    ours, _, _ = term._rows(small.read(*batch()), seen)
    assert len(ours) == len(reading.person_ids)
    strict = terms.IdentityTerm(pair, terms.kl, effective_scale=10.0, rows="locations")
    with pytest.raises(RecipeError, match='"locations" needs maps of one size'):
        strict._rows(small.read(*batch()), seen)


def test_the_teacher_reads_the_students_tensor_only_where_it_can(networks):
    student = networks["alignps"].train()
    reading = student.read(*batch())
    seen = OnlineTeacher(networks["alignps twin"], scenes="student", student=student).read(*batch(), reading)
    assert seen.sizes == reading.sizes
    other = network("alignps_mobilenet_v2", image_mean=(0.5, 0.5, 0.5))
    with pytest.raises(RecipeError, match=r"normalises pictures by .* one cannot read"):
        OnlineTeacher(other, scenes="student", student=student)


def test_facts_and_what_is_refused_before_training(networks):
    align, region = facts_of(networks["alignps"]), facts_of(networks["dcinet"])
    assert align.shared == ("p3",)
    assert sorted(align.maps) == ["cls_tower", "p3", "reg_tower"]
    assert align.maps["p3"].channels == 16
    assert (align.located, align.detects, region.located, region.detects) == (True, "locations", False, "regions")
    with pytest.raises(RecipeError, match=r"The student shows no map 'cls_towr'\. Did you mean 'cls_tower'"):
        terms.Pair(align, align).maps([("cls_towr", "p3")])
    with pytest.raises(RecipeError, match="the student detects by regions, the teacher by locations"):
        terms.DetectionTerm(terms.Pair(region, align), temperature=1.0, proposals=4)
    with pytest.raises(RecipeError, match=r'Set distillation\.teacher\.table = "means"'):
        terms.IdentityTerm(terms.Pair(align, align), terms.kl, effective_scale=10.0)
    with pytest.raises(RecipeError, match='Set it to "people"'):
        terms.IdentityTerm(
            terms.Pair(region, align, torch.eye(6), lambda: torch.eye(6)),
            terms.kl,
            effective_scale=1.0,
            rows="locations",
        )
    with pytest.raises(ModelError, match=r"The teacher, a Linear, cannot be distilled: it has no detects"):
        facts_of(networks["linear"], "teacher")
    with pytest.raises(RecipeError, match=r"no distillation preset called 'gdp'\. Did you mean 'gdps'"):
        gdps.preset("gdp")


def test_a_frozen_map_cannot_be_taught(networks):
    student = network("dcinet_mobilenet_v2", frozen_stages=2).train()
    answers, parts = built(student, networks["dcinet teacher"], gdps.preset("gdps"))
    reading = student.read(*batch())
    with pytest.raises(RecipeError, match="No gradient can reach the student's map 'stride8'"):
        parts["feature"](reading, answers.read(*batch(), reading))


def test_a_second_pass_is_not_counted_by_normalisations(networks):
    student = networks["dcinet"].train()
    reading = student.read(*batch())
    before = {key: value.clone() for key, value in student.state_dict().items()}
    assert reading.embeddings.requires_grad
    reading.region_logits(reading.boxes)
    assert all(torch.equal(value, before[key]) for key, value in student.state_dict().items())
    assert all(part.training for part in student.modules())
