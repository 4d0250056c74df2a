"""A study killed at any moment ends like one that was never killed, and refuses to become another."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

import pytest
from scipy import stats

from sceneseek.cli import main
from sceneseek.errors import CheckpointError, DataError, RecipeError, WeightsError
from sceneseek.studies import Selection, StudyResult, parse_study, reproduce
from sceneseek.training.interruption import StopRequest
from studies.tiny_study import TEXT, list_tiny_network, log_of

pytestmark = pytest.mark.trains


class Killed(BaseException):
    """Nothing in the program listens to it, as nothing does to SIGKILL."""


RUNS = [f"{row}/seed-{seed}" for row in ("narrow", "wide") for seed in (1, 2)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StudyResult]:
    """The study run through, once."""
    out = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        list_tiny_network(patch)
        return out, reproduce(parse_study(TEXT), out)


def test_every_run_is_a_complete_recipe_with_weights_and_scores(whole):
    from sceneseek.training.recipe import read_recipe

    out, result = whole
    assert result.finished
    assert not result.failures
    for name in RUNS:
        recipe = read_recipe(out / name / "recipe.toml")
        assert recipe.training.seed == int(name[-1])
        assert recipe.model.options["dim"] == (16 if name.startswith("wide") else 4)
        assert (out / name / "model.safetensors").is_file()
        scores = json.loads((out / name / "scores.json").read_text())
        assert {"mAP", "top-1", "AP50", "recall"} <= scores["values"].keys()
        assert scores["steps"] == 6
        assert scores["training_seconds"] > 0


def test_the_table_is_what_plain_arithmetic_makes_of_the_scores(whole):
    out, _ = whole
    values = {name: json.loads((out / name / "scores.json").read_text())["values"]["mAP"] for name in RUNS}
    table = json.loads((out / "table.json").read_text())
    for row in table["rows"]:
        mine = [values[f"{row['name']}/seed-{seed}"] for seed in (1, 2)]
        found = row["scores"]["mAP"]
        half = stats.t.ppf(0.975, 1) * statistics.stdev(mine) / 2**0.5
        assert found["mean"] == pytest.approx(sum(mine) / 2)
        assert found["deviation"] == pytest.approx(statistics.stdev(mine))
        assert (found["low"], found["high"]) == pytest.approx((sum(mine) / 2 - half, sum(mine) / 2 + half))
        assert found["count"] == 2
    gaps = [values[f"wide/seed-{seed}"] - values[f"narrow/seed-{seed}"] for seed in (1, 2)]
    difference = table["rows"][1]["differences"]["mAP"]
    half = stats.t.ppf(0.975, 1) * statistics.stdev(gaps) / 2**0.5
    assert difference["mean"] == pytest.approx(sum(gaps) / 2)
    assert difference["high"] == pytest.approx(sum(gaps) / 2 + half)
    assert table["rows"][0]["differences"] == {}
    assert table["data files"]["tiny"] == json.loads((out / "data" / "tiny" / "world.json").read_text())["sha256"]
    text = (out / "table.md").read_text()
    assert f"| wide | 2 | {100 * sum(values[f'wide/seed-{s}'] for s in (1, 2)) / 2:.1f} ±" in text
    assert (out / "table.png").read_bytes()[:4] == b"\x89PNG"


def test_killed_within_a_run_it_ends_bit_for_bit_like_one_never_killed(whole, tmp_path):
    def die(done: int, total: int | None, note: str = "") -> None:
        if note.startswith("wide, seed 1") and done == 9:  # its third step, one behind its checkpoint
            raise Killed

    with pytest.raises(Killed):
        reproduce(parse_study(TEXT), tmp_path, progress=die)
    assert (tmp_path / "narrow/seed-1/scores.json").is_file()
    assert (tmp_path / "wide/seed-1/checkpoints/last.pt").is_file()
    assert not (tmp_path / "wide/seed-1/scores.json").exists()
    weights = (tmp_path / "narrow/seed-1/model.safetensors").stat().st_mtime_ns
    ended = []
    reproduce(parse_study(TEXT), tmp_path, told=lambda run, outcome: ended.append(str(run)))
    assert ended == ["wide, seed 1", "narrow, seed 2", "wide, seed 2"]
    assert (tmp_path / "narrow/seed-1/model.safetensors").stat().st_mtime_ns == weights
    out, _ = whole
    for name in RUNS:
        ours, theirs = (out / name / "model.safetensors", tmp_path / name / "model.safetensors")
        assert ours.read_bytes() == theirs.read_bytes(), name
        assert log_of(out / name) == log_of(tmp_path / name)


def test_a_finished_study_only_writes_its_table_again(whole):
    out, _ = whole
    before = (out / "table.md").read_text()
    again = reproduce(parse_study(TEXT), out, told=lambda run, outcome: pytest.fail(f"{run} was run again"))
    assert again.finished
    assert (out / "table.md").read_text() == before


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("steps = 6", "steps = 8", "base.training.steps: 6 -> 8"),
        ("dim = 16", "dim = 12", "rows.wide.set.model.options.dim: 16 -> 12"),
        ('protocol = "modern"', 'protocol = "open"', "evaluation.protocol: 'modern' -> 'open'"),
    ],
)
def test_a_changed_definition_is_refused_with_what_changed(whole, old, new, named):
    with pytest.raises(CheckpointError, match="another definition") as caught:
        reproduce(parse_study(TEXT.replace(old, new)), whole[0])
    assert named in str(caught.value)


def test_rows_seeds_and_words_may_be_added(whole):
    more = TEXT.replace("seeds = [1, 2]", "seeds = [2]").replace("Four numbers a person.", "Four numbers.")
    more += '\n[[rows]]\nname = "other"\nsentence = "Not run."\n'
    result = reproduce(parse_study(more), whole[0], selection=Selection(rows=["narrow"]))
    assert [row.name for row in result.table.rows] == ["narrow"]
    assert list(result.table.rows[0].runs) == [2]
    reproduce(parse_study(TEXT), whole[0])


def test_changed_data_are_refused(whole):
    picture = next((whole[0] / "data/tiny/test/images").iterdir())
    content = picture.read_bytes()
    try:
        picture.write_bytes(content + b"x")
        with pytest.raises(DataError, match="not those that were drawn"):
            reproduce(parse_study(TEXT), whole[0])
    finally:
        picture.write_bytes(content)
    with pytest.raises(DataError, match="holds the world"):
        reproduce(parse_study(TEXT.replace("seed = 5", "seed = 6")), whole[0])


def test_a_failed_run_is_told_and_does_not_end_the_others(tmp_path, whole):
    text = TEXT.replace("seeds = [1, 2]", "seeds = [1]")
    text += '\n[[rows]]\nname = "poisoned"\nsentence = "A loss that is no number."\nset.model.options.poison = 1\n'
    text += '\n[[rows]]\nname = "pupil"\nsentence = "Needs the poisoned one."\nset.model.init = "{stage:poisoned}"\n'
    data = whole[0] / "data"
    result = reproduce(parse_study(text), tmp_path, data=data)
    assert result.finished
    assert list(result.failures) == ["poisoned, seed 1", "pupil, seed 1"]
    assert "loss_found = nan" in (tmp_path / "poisoned/seed-1/failure.txt").read_text()
    assert "poisoned, seed 1 has no scores" in (tmp_path / "table.md").read_text()
    assert [row.name for row in result.table.rows] == ["narrow", "wide"]


def test_a_stage_is_trained_first_and_its_weights_reach_the_rows(tmp_path, whole):
    text = TEXT + '\n[[rows]]\nname = "pupil"\nsentence = "Goes on from wide."\nset.model.init = "{stage:wide}"\n'
    text += "set.model.options.dim = 16\n"
    order = []
    result = reproduce(
        parse_study(text),
        tmp_path,
        data=whole[0] / "data",
        selection=Selection(rows=["pupil"], seeds=[2]),
        told=lambda run, outcome: order.append(str(run)),
    )
    assert order == ["wide, seed 2", "pupil, seed 2"]
    assert not result.failures
    assert "/wide/seed-2/model.safetensors" in (tmp_path / "pupil/seed-2/recipe.toml").read_text()


def test_asked_to_stop_it_saves_and_goes_on(tmp_path, whole):
    stop = StopRequest()

    def ask(done: int, total: int | None, note: str = "") -> None:
        if done == 9:  # the third step of the second run
            stop.signal_number = 15

    data = whole[0] / "data"
    first = reproduce(parse_study(TEXT), tmp_path, data=data, stop=stop, progress=ask)
    assert not first.finished
    assert [list(row.runs) for row in first.table.rows] == [[1]]
    assert reproduce(parse_study(TEXT), tmp_path, data=data).finished
    weights = Path("wide/seed-1/model.safetensors")
    assert (tmp_path / weights).read_bytes() == (whole[0] / weights).read_bytes()


def test_progress_counts_the_steps_of_all_runs(tmp_path, whole):
    told = []

    def tell(done: int, total: int | None, note: str = "") -> None:
        told.append((done, total))

    reproduce(parse_study(TEXT), tmp_path, data=whole[0] / "data", progress=tell)
    assert told[-1] == (24, 24)
    assert [done for done, _ in told] == list(range(1, 25))


REAL = (
    TEXT.replace('"tiny_search_net"', '"dcinet_mobilenet_v2"')
    .replace("dim = 4\nnorm = true\ndropout = 0.2", "embedding_dim = 8\nmin_size = 64\nmax_size = 96")
    .replace("dropout = 0.0", "min_size = 64")
    .replace("dim = 16, ", "embedding_dim = 16, ")
    .replace("model.options.dropout", "model.options.min_size")
    .replace("steps = 6", "steps = 2")
    .replace(
        "loss_found = 1.0\nloss_identity = 0.5",
        "\n".join(f"loss_{name} = 1.0" for name in ("rpn_cls", "rpn_reg", "det_cls", "det_reg", "olp", "c2hep")),
    )
)


@pytest.mark.slow
def test_two_processes_come_to_what_one_does(tmp_path, whole, monkeypatch, capfd):
    study = tmp_path / "real.toml"
    study.write_text(REAL)
    arguments = [str(study), "--data", str(whole[0] / "data"), "--seeds", "1", "--device", "cpu"]

    def call(*more: str) -> int:
        monkeypatch.setattr(sys, "argv", ["sceneseek", "reproduce", *arguments, *more])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    assert call("--out", str(tmp_path / "two"), "--jobs", "2", "--json") == 0
    table = json.loads(capfd.readouterr().out)
    assert [row["name"] for row in table["rows"]] == ["narrow", "wide"]
    assert call("--out", str(tmp_path / "one"), "--rows", "wide") == 0
    assert "| wide | 1 |" in capfd.readouterr().out
    weights = Path("wide/seed-1/model.safetensors")
    assert (tmp_path / "one" / weights).read_bytes() == (tmp_path / "two" / weights).read_bytes()


def test_weights_that_are_not_here_are_named_with_the_way_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("SCENESEEK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SCENESEEK_WEIGHTS", raising=False)
    weights = '[[weights]]\nfile = "mobilenet_v2.pth"\nnames = ["mobilenet_v2_tf", "mobilenet_v2"]\n\n[base.data]'
    text = TEXT.replace("[base.data]", weights)
    with pytest.raises(WeightsError, match="sceneseek weights get mobilenet_v2'"):
        reproduce(parse_study(text), tmp_path / "out")
    other = tmp_path / "other.pth"
    other.write_bytes(b"something else")
    with pytest.raises(WeightsError, match="has sha256"):
        reproduce(parse_study(text), tmp_path / "out", weights=other)
    assert not (tmp_path / "out" / "study.json").exists()


def test_a_row_that_cannot_be_trained_is_refused_before_any_other_is(tmp_path):
    with pytest.raises(RecipeError, match=r"row 'wide'.*no option 'dimm'"):
        reproduce(parse_study(TEXT.replace("dim = 16", "dimm = 16")), tmp_path)
    assert not (tmp_path / "narrow").exists()
