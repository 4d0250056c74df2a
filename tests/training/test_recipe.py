from __future__ import annotations

from pathlib import Path

import pytest

from sceneseek.errors import RecipeError
from sceneseek.training.recipe import read_recipe
from sceneseek.training.recipe.building import build_augmentation, build_schedule
from sceneseek.training.recipe.reading import parse_recipe
from sceneseek.training.schedules import CosineSchedule, StepSchedule

HERE = Path(__file__).parent
RECIPES = sorted((HERE.parents[1] / "recipes").rglob("*.toml"))
TEXT = (HERE / "tiny.toml").read_text()


def refused(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "tiny.toml")
    return str(caught.value)


def with_line(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new, 1)


def test_there_are_recipes_to_check():
    assert RECIPES


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_complete_and_say_what_they_cost(path):
    recipe = read_recipe(path)
    head = path.read_text().split("[data]")[0]
    for word in ("# command:", "# cost:", "# expected:"):
        assert word in head, f"{path.name} does not open with its {word[2:-1]}"
    assert "sceneseek train" in head
    assert recipe.model.name


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_name_the_losses_and_options_of_their_model(path):
    from sceneseek.models import zoo

    recipe = read_recipe(path)
    options = zoo.default_options(recipe.model.name).changed(recipe.model.options)
    assert tuple(sorted(recipe.loss_weights)) == options.losses


def test_every_value_arrives():
    recipe = read_recipe(HERE / "tiny.toml")
    assert recipe.optimiser.name == "sgd"
    assert recipe.optimiser.lr == 0.05
    assert [group.parameters for group in recipe.optimiser.groups] == ["*.bias", "stem.*"]
    assert recipe.training.steps == 30
    assert recipe.model.options == {"dim": 8, "norm": True, "dropout": 0.2}
    assert recipe.loss_weights == {"loss_found": 1.0, "loss_identity": 0.5}
    names = [type(transform).__name__ for transform in build_augmentation(recipe.augmentation).transforms]
    assert names[:3] == ["Zoom", "HorizontalFlip", "Erasing"]
    assert len(names) == 11
    assert build_schedule(recipe, 30) == CosineSchedule(30, 0.0, build_schedule(recipe, 30).warm_up)


def test_an_absent_transform_is_not_applied():
    table, _, rest = TEXT.partition("[augmentation.jpeg]")
    recipe = parse_recipe(table + "[sampler]" + rest.partition("[sampler]")[2])
    assert len(build_augmentation(recipe.augmentation).transforms) == 10


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("momentum = 0.9", "momentun = 0.9", ["unknown key optimiser.momentun", "Did you mean 'momentum'?"]),
        ("warmup_steps", "warm_up_steps", ["unknown key schedule.warm_up_steps", "Did you mean 'warmup_steps'"]),
        ("[augmentation.zoom]", "[augmentation.zoon]", ["unknown key augmentation.zoon", "Did you mean 'zoom'?"]),
        ("[data]", "[dada]", ["unknown key dada", "Did you mean 'data'?", "the key data is missing"]),
        ("decay_factor = 0.0", "decay = 0.0", ["unknown key optimiser.groups[0].decay.", "Known: decay_factor"]),
        ("seed = 3\n", "", ["the key training.seed is missing"]),
        ('name = "sgd"', 'name = "sdg"', ["optimiser.name = 'sdg'", "expected one of sgd, adamw", "mean 'sgd'"]),
        ('name = "sgd"\n', "", ["the key optimiser.name is missing"]),
        ("lr = 0.05", 'lr = "fast"', ["optimiser.lr = 'fast'", "expected a valid number"]),
        ("lr = 0.05", "lr = -1.0", ["optimiser.lr = -1.0", "expected greater than 0"]),
        ("lr = 0.05", "lr = nan", ["optimiser.lr", "finite number"]),
        ("batch_size = 4", "batch_size = 4.5", ["training.batch_size = 4.5", "expected a valid integer"]),
        ("batch_size = 4", "batch_size = true", ["training.batch_size = True", "expected a valid integer"]),
        ('amp = "off"', 'amp = "half"', ["training.amp = 'half'", "expected 'off', 'bf16' or 'fp16'"]),
        ("zoom = [0.7, 1.6]", "zoom = [1.6, 0.7]", ["augmentation.zoom.zoom = [1.6, 0.7]", "low <= high"]),
        ("zoom = [0.7, 1.6]", "zoom = [0.7]", ["augmentation.zoom.zoom[1] is missing"]),
        ("probability = 0.7", "probability = 1.7", ["augmentation.zoom.probability = 1.7", "less than or equal to 1"]),
        ("steps = 30", "steps = 30\nepochs = 2.0", ["training", "exactly one of steps and epochs"]),
        ("steps = 30\n", "", ["exactly one of steps and epochs"]),
        ('weights = "last"', 'weights = "best"', ["needs the table [evaluation]"]),
        ("dim = 8", "num_identities = 8", ["decided by the training set"]),
        ("loss_found = 1.0", "loss_found = -1.0", ["loss_weights.loss_found = -1.0"]),
        ("seed = 3", "seed = ", ["is not valid TOML", "line"]),
        ("seed = 3", "seed = 2020-01-01", ["training.seed = '2020-01-01'"]),
    ],
)
def test_mistakes_are_named_with_key_value_and_expectation(old, new, expected):
    message = refused(with_line(old, new))
    for part in expected:
        assert part in message, message


def test_all_mistakes_are_named_at_once():
    message = refused(with_line("lr = 0.05", "lr = 0").replace("seed = 3", "sead = 3"))
    assert "optimiser.lr = 0" in message
    assert "training.sead" in message
    assert "\n" not in message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"nowhere\.toml cannot be read"):
        read_recipe(tmp_path / "nowhere.toml")


def test_adamw_and_step_schedule():
    text = with_line(
        'name = "sgd"\nlr = 0.05\nmomentum = 0.9\nnesterov = false',
        'name = "adamw"\nlr = 1e-3\nbetas = [0.9, 0.99]\neps = 1e-8',
    )
    text = text.replace('name = "cosine"', 'name = "step"').replace(
        "final_factor = 0.0", "milestones = [10, 20]\ngamma = 0.1"
    )
    recipe = parse_recipe(text)
    assert recipe.optimiser.betas == (0.9, 0.99)
    schedule = build_schedule(recipe, 30)
    assert isinstance(schedule, StepSchedule)
    assert schedule.milestones == (10, 20)
