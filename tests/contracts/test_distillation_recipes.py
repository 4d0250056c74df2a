"""Each recipe with a teacher makes two steps at tiny size, its teacher built from the recipe that would train it."""

from pathlib import Path

import pytest
import torch

from sceneseek.data.loading import Batch
from sceneseek.distillation.teacher import state_fingerprint
from sceneseek.models import zoo
from sceneseek.training.recipe import read_recipe
from sceneseek.training.recipe.building import build_optimiser
from sceneseek.training.recipe.teaching import LoadedTeacher, taught
from sceneseek.training.task import SearchTask
from thin_zoo import options_of, scenes, thin_backbones

pytestmark = pytest.mark.trains

FOLDER = Path(__file__).parents[2] / "recipes"
DISTILLED = [path for path in sorted(FOLDER.rglob("*.toml")) if read_recipe(path).distillation is not None]


def tiny(recipe, seed):
    torch.manual_seed(seed)
    options = options_of(recipe.model.name)
    chosen = {key: value for key, value in recipe.model.options.items() if not isinstance(value, (int, float, list))}
    # The stem's own frozen stages would freeze all of a thin one; a teacher is to be wider than its student.
    return zoo.create(recipe.model.name, **{**chosen, **options, "weights": None, "embedding_dim": 16 + 8 * seed})


@pytest.mark.parametrize("path", DISTILLED, ids=lambda path: path.stem)
def test_two_steps_with_a_teacher(path):
    recipe = read_recipe(path)
    maker = read_recipe(FOLDER / f"{Path(recipe.distillation.teacher.weights).stem}.toml")
    with thin_backbones():
        model, teacher = tiny(recipe, 0).train(), tiny(maker, 1).train()
    teacher(*scenes(seed=9))
    teacher.update_memories()
    loaded = LoadedTeacher(teacher.eval(), teacher.identity_table.detach(), "tiny")
    table = recipe.distillation.model_copy(update={"warmup_steps": 0})
    task = taught(table, SearchTask(model, recipe.loss_weights), loaded, None, 2, torch.device("cpu"))
    optimiser = build_optimiser(recipe.optimiser, model, task.terms)
    before, stays = [p.detach().clone() for p in model.parameters()], state_fingerprint(teacher)
    for seed in range(2):
        losses = task.losses(Batch(*scenes(seed=seed)))
        losses.total.backward()
        task.update_memories()
        optimiser.step()
        optimiser.zero_grad()
        assert torch.isfinite(losses.total)
        assert {f"distil_{name}" for name in table.terms} <= losses.weighted.keys()
    learnt = [not torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True) if p.requires_grad]
    assert sum(learnt) > 0.9 * len(learnt)
    assert state_fingerprint(teacher) == stays


def test_the_pairs_that_are_promised_have_recipes():
    pairs = {
        (read_recipe(path).model.name, Path(read_recipe(path).distillation.teacher.weights).stem) for path in DISTILLED
    }
    assert pairs >= {
        ("alignps_resnet50", "alignps_dcn-cuhk-sysu"),
        ("dcinet_resnet18", "dcinet_resnet50-cuhk-sysu"),
        ("dcinet_mobilenet_v2", "dcinet_resnet50-cuhk-sysu"),
        ("seqnet_resnet18", "seqnet-cuhk-sysu"),
        ("seqnet_mobilenet_v2", "seqnet-cuhk-sysu"),
        ("dcinet_resnet50", "alignps-cuhk-sysu"),
        ("alignps_resnet50", "dcinet_resnet50-cuhk-sysu"),
    }
