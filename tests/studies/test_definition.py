from __future__ import annotations

import tomllib

import pytest

from sceneseek.errors import RecipeError
from sceneseek.studies import parse_study, read_study, study_names
from sceneseek.studies.plan import Selection, changed, plan
from sceneseek.studies.toml_text import toml_text
from studies.tiny_study import TEXT


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("question", "questionn", "unknown key questionn. Did you mean 'question'?"),
        ("sentence =", "sentenc =", "unknown key rows[0].sentenc. Did you mean 'sentence'"),
        ("batch_size = 4", "batch_sise = 4", "Did you mean 'batch_size'?"),
        ("num_scenes", "num_scene", "has no key 'num_scene'. Did you mean 'num_scenes' or"),
        ("num_cameras = 2", "num_cameras = 1", "num_cameras is 1; expected at least 2"),
        ('baseline = "narrow"', 'baseline = "narow"', "baseline is 'narow', which is no row. Did you mean 'narrow'?"),
        ('name = "wide"', 'name = "narrow"', "the row 'narrow' stands there twice"),
        ('name = "wide"', 'name = "../wide"', "rows[1].name = '../wide'"),
        ("seeds = [1, 2]", "seeds = [1, 1]", "expected each seed once"),
        ("seeds = [1, 2]", "", "the key seeds is missing; a study is one complete file"),
    ],
)
def test_a_wrong_definition_is_refused_with_the_key_and_what_is_expected(old, new, message):
    assert old in TEXT
    with pytest.raises(RecipeError) as caught:
        parse_study(TEXT.replace(old, new))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"model.options.dropout"', '"model.options.dropuot"', "no key model.options.dropuot to drop. Did you mean"),
        ("steps = 6", "stepz = 6", "unknown key training.stepz. Did you mean 'steps'?"),
        ("loss_identity = 0.5", "", "loss_weights lacks loss_identity of tiny_search_net"),
    ],
)
def test_a_row_that_is_no_recipe_is_refused_by_name(old, new, message):
    with pytest.raises(RecipeError, match="row '") as caught:
        plan(parse_study(TEXT.replace(old, new)))
    assert message in str(caught.value)


def test_unknown_studies_rows_and_stages_are_refused_with_the_nearest(tmp_path):
    with pytest.raises(RecipeError, match="no study called 'zoo-comparisno'"):
        read_study("zoo-comparisno")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_study(str(tmp_path / "none.toml"))
    with pytest.raises(RecipeError, match=r"no row 'wid'. Did you mean 'wide'"):
        plan(parse_study(TEXT), Selection(rows=["wid"]))
    with pytest.raises(RecipeError, match=r"\{stage:wyde\} names no row. Did you mean 'wide'"):
        plan(parse_study(TEXT + 'set.model.init = "{stage:wyde}"\n'))
    with pytest.raises(RecipeError, match="wide -> wide each need"):
        plan(parse_study(TEXT + 'set.model.init = "{stage:wide}"\n'))


def test_rows_change_drop_and_add_tables_and_leave_the_base_alone():
    study = parse_study(TEXT)
    before = toml_text(study.base)
    tables = changed(study.base, study.rows[1])
    assert tables["model"]["options"] == {"dim": 16, "norm": True, "dropout": 0.0}
    more = study.rows[0].model_copy(update={"set": {"teacher": {"weights": "t"}}, "drop": ("augmentation",)})
    tables = changed(study.base, more)
    assert tables["teacher"] == {"weights": "t"}
    assert "augmentation" not in tables
    assert toml_text(study.base) == before


def test_runs_come_seed_by_seed_and_a_stage_of_one_seed_serves_all():
    text = TEXT + 'seeds = [7]\n\n[[rows]]\nname = "pupil"\nsentence = "x"\nset.model.init = "{stage:wide}"\n'
    runs = plan(parse_study(text))
    assert [str(run) for run in runs] == [
        "narrow, seed 1",
        "wide, seed 7",
        "pupil, seed 1",
        "narrow, seed 2",
        "pupil, seed 2",
    ]
    assert [run.recipe.training.seed for run in runs] == [1, 7, 1, 2, 2]
    assert runs[4].recipe.model.init == "../wide/seed-7/model.safetensors"
    assert runs[4].needs == (("wide", 7),)


def test_written_tables_read_back_as_they_were():
    table = {
        "text": 'quote " back \\ line\nend \x7f é',
        "numbers": [1, -2.5, 1e-8, 3e20],
        "pairs": [[1, 2], [3, 4]],
        "empty": [],
        "yes": True,
        "a b": {"inner": {"deep": "x"}},
        "rows": [{"n": 1, "t": {"k": 1}}, {"n": 2}],
    }
    assert tomllib.loads(toml_text(table)) == table


@pytest.mark.parametrize("name", study_names())
def test_every_study_of_the_package_can_be_planned(name):
    study = read_study(name)
    runs = plan(study)
    assert len(runs) == sum(len(study.seeds_of(row, study.seeds)) for row in study.rows)
    assert study.baseline in {run.row for run in runs}
