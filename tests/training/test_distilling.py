"""Runs with a teacher, on a network of the zoo at tiny size: bits, state, logs and what is left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sceneseek.errors import CheckpointError, RecipeError
from sceneseek.training.checkpoint import read_checkpoint
from sceneseek.training.interruption import StopRequest
from sceneseek.training.logs import read_log
from sceneseek.training.recipe.reading import parse_recipe
from sceneseek.training.run import train
from training.forked_runs import Job, launch
from training.tiny_search_net import draw_data

pytestmark = pytest.mark.trains

STEPS = 4
PLAIN = f"""
[data]
layout = "coco"
train = "train"

[model]
name = "alignps_mobilenet_v2"
init = ""
channels_last = false

[model.options]
min_size = 48
max_size = 64
embedding_dim = 8
tower_convs = 1
tower_deformable = false
coarse_levels = false
queue_size = 16

[augmentation.horizontal_flip]
probability = 0.5

[sampler]
name = "identity_pairs"
prefer_other_camera = true

[optimiser]
name = "sgd"
lr = 0.001
momentum = 0.9
nesterov = false
weight_decay = 5e-4

[schedule]
name = "step"
warmup_steps = 0
warmup_factor = 1.0
milestones = []
gamma = 0.1

[training]
steps = {STEPS}
batch_size = 2
accumulation = 1
clip_norm = 10.0
amp = "off"
ema_decay = 0.9
seed = 3
workers = 0
prefetch = 1
log_every = 1
checkpoint_every = 100

[loss_weights]
loss_det_cls = 1.0
loss_det_ctr = 1.0
loss_det_reg = 1.0
loss_oim = 1.0
loss_triplet = 1.0

[export]
dtype = "float32"
weights = "last"
"""
TEACHING = """
[distillation]
init_from_teacher = ["detector.head.conv_cls.bias"]
warmup_steps = 2
conflict_every = 2

[distillation.teacher]
weights = "teacher.pt"
mode = "online"
scenes = "student"
table = "own"
cache = ""
cached_maps = false

[distillation.feature]
name = "mgd"
weight = 0.001
active = [0.0, 1.0]
maps = "shared"
masked = 0.5

[distillation.relation]
name = "rkd_distance"
weight = 4.0
active = [0.0, 1.0]

[distillation.response]
name = "kl"
weight = 1.0
active = [0.5, 1.0]
effective_scale = 10.0
table = "own"
rows = "auto"
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    draw_data(folder / "train")
    wide = PLAIN.replace("embedding_dim = 8", "embedding_dim = 12").replace("seed = 3", "seed = 4")
    train(parse_recipe(wide), folder / "teacher", recipe_text=wide, data_root=folder)
    (folder / "teacher.pt").write_bytes((folder / "teacher" / "checkpoints" / "last.pt").read_bytes())
    return folder


@pytest.fixture(scope="module")
def run(data):
    """Each recipe's run, made once."""
    made = {}

    def of(text, name):
        if name not in made:
            train(parse_recipe(text), data / name, recipe_text=text, data_root=data)
            made[name] = data / name
        return made[name]

    return of


def asked_beforehand(cache):
    """The recipe with a teacher that is asked once, before the first step."""
    text = (PLAIN + TEACHING).replace('mode = "online"', 'mode = "offline"').replace('cache = ""', f'cache = "{cache}"')
    text = text.replace("cached_maps = false", "cached_maps = true").replace('rows = "auto"', 'rows = "people"')
    return text.replace('table = "own"\ncache', 'table = "means"\ncache').replace('"student"', '"own"')


def state_of(folder: Path):
    return read_checkpoint(folder / "checkpoints" / "last.pt")


def assert_equal(first, second, path=""):
    if isinstance(first, dict):
        assert first.keys() == second.keys(), path
        for key in first:
            assert_equal(first[key], second[key], f"{path}.{key}")
    elif isinstance(first, list):
        for i, (a, b) in enumerate(zip(first, second, strict=True)):
            assert_equal(a, b, f"{path}[{i}]")
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second), path
    else:
        assert first == second, path


def test_with_every_weight_zero_a_run_is_the_run_without_a_teacher(run):
    weightless = TEACHING.replace("weight = 0.001", "weight = 0.0").replace("weight = 4.0", "weight = 0.0")
    weightless = weightless.replace("weight = 1.0", "weight = 0.0")
    without, with_it = state_of(run(PLAIN, "plain")), state_of(run(PLAIN + weightless, "weightless"))
    for part in ("model", "optimiser", "average", "random", "sampler", "task"):
        assert_equal(without[part], with_it[part], part)


def test_a_run_goes_on_bit_for_bit(run, data):
    whole = state_of(run(PLAIN + TEACHING, "taught"))
    stop = StopRequest()
    stop.signal_number = 15
    recipe = parse_recipe(PLAIN + TEACHING)
    assert not train(recipe, data / "cut", data_root=data, stop=stop).finished
    assert train(recipe, data / "cut", data_root=data, resume=True).finished
    cut = state_of(data / "cut")
    for part in ("model", "optimiser", "average", "random", "sampler", "task"):
        assert_equal(whole[part], cut[part], part)
    assert whole["task"]["step"] == STEPS


@pytest.mark.processes
def test_two_processes_learn_from_one_teacher(run, data):
    """Networks, and the layers of terms, are compared between the processes before anything is stored.

    Offline, the first process asks and fills the cache, the other one reads it.
    """
    recipes = {"online": PLAIN + TEACHING, "offline": asked_beforehand("shared")}
    for mode, text in recipes.items():
        (data / f"{mode}.toml").write_text(text)
    jobs = [Job(str(data / f"two {mode}"), str(data / f"{mode}.toml"), str(data), ranks=2) for mode in recipes]
    assert launch(jobs, data) == [[0, 0], [0, 0]]
    one = state_of(run(PLAIN + TEACHING, "taught"))
    for mode in recipes:
        two = state_of(data / f"two {mode}")
        assert two["task"]["step"] == STEPS
        assert two["task"]["terms"].keys() == one["task"]["terms"].keys()
        assert two["model"].keys() == one["model"].keys()
        records = [r for r in read_log(data / f"two {mode}" / "log.jsonl") if r["kind"] == "train"]
        assert all(r["raw/distil_feature"] > 0 for r in records[1:])
    assert state_of(data / "two online")["task"]["teacher"] == one["task"]["teacher"]


@pytest.mark.processes
def test_the_student_is_alone_in_what_is_left(run, data):
    """Terms' layers lie apart in the checkpoint; weights load where distillation cannot be imported."""
    folder = run(PLAIN + TEACHING, "taught")
    state, plain = state_of(folder), state_of(run(PLAIN, "plain"))
    assert state["model"].keys() == plain["model"].keys()
    assert {name.split(".")[0] for name in state["task"]["terms"]} == {"feature"}
    assert any("adapters" in name for name in state["task"]["terms"])
    assert not torch.equal(
        state["model"]["detector.head.conv_cls.weight"], plain["model"]["detector.head.conv_cls.weight"]
    )
    taught = (folder / "teacher.json").read_text()
    assert state["task"]["teacher"] in taught
    assert '"detector.head.conv_cls.bias"' in taught
    code = (
        "import sys; sys.modules['sceneseek.distillation'] = None; from sceneseek.models.weights import load_model; "
        f"net, info = load_model({str(folder / 'model.safetensors')!r}); print(net.embedding_dim, info.info['teacher'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["8", state["task"]["teacher"]]


def test_logs_hold_raw_weighted_and_shares(run):
    records = [r for r in read_log(run(PLAIN + TEACHING, "taught") / "log.jsonl") if r["kind"] == "train"]
    assert len(records) == STEPS
    # Nothing is due at the first step: terms rise from 0.
    assert not any(key.startswith(("raw/distil", "ratio")) for key in records[0])
    second, last = records[1], records[-1]
    assert second["weighted/distil_relation"] == pytest.approx(0.5 * 4.0 * second["raw/distil_relation"], rel=1e-5)
    assert "raw/distil_response" not in second
    assert "raw/distil_response" in last
    terms = [key for key in last if key.startswith("weighted/")]
    assert sum(last[key] for key in terms) == pytest.approx(last["loss"], rel=1e-4)
    own = sum(last[key] for key in terms if "distil" not in key)
    assert last["ratio/distillation"] == pytest.approx((last["loss"] - own) / own, rel=1e-3)
    looked = [r for r in records if "conflict/task" in r]
    assert [r["step"] for r in looked] == [3]
    assert -1.0 <= looked[0]["conflict/distillation"] <= 1.0
    assert looked[0]["conflict/task_share"] in (0.0, 1.0)


def test_a_run_keeps_its_teacher(run, data):
    run(PLAIN + TEACHING, "taught")
    stop = StopRequest()
    stop.signal_number = 15
    train(parse_recipe(PLAIN + TEACHING), data / "changed", data_root=data, stop=stop)
    state = read_checkpoint(data / "teacher.pt")
    state["average"]["average"]["detector.head.conv_cls.bias"] += 1.0  # a teacher is the average, where one was kept
    other = data / "other"
    other.mkdir()
    torch.save(state, other / "teacher.pt")
    (other / "train").symlink_to(data / "train")
    with pytest.raises(CheckpointError, match="begun with another teacher"):
        train(parse_recipe(PLAIN + TEACHING), data / "changed", data_root=other, resume=True)


def test_weights_out_of_proportion_are_spoken_of(data, monkeypatch):
    monkeypatch.setattr("sceneseek.training.distilling._RATIO_EVERY", 2)
    text = (PLAIN + TEACHING).replace("weight = 4.0", "weight = 4000.0").replace("warmup_steps = 2", "warmup_steps = 0")
    text = text.replace("active = [0.5, 1.0]", "active = [0.0, 1.0]")
    with pytest.warns(UserWarning, match=r"Step 2: the distillation's weighted terms are .* times the task's own"):
        train(parse_recipe(text), data / "loud", data_root=data)


def test_a_teacher_asked_beforehand(data):
    text = asked_beforehand("asked")
    assert train(parse_recipe(text), data / "offline", data_root=data).finished
    asked = data / "asked" / "answers.safetensors"
    written = asked.stat().st_mtime_ns
    assert train(parse_recipe(text), data / "offline again", data_root=data).finished
    assert asked.stat().st_mtime_ns == written
    assert_equal(state_of(data / "offline")["model"], state_of(data / "offline again")["model"])
    stale = text.replace("cached_maps = true", "cached_maps = false").replace("weight = 0.001", "weight = 0.0")
    with pytest.raises(CheckpointError, match="of another teacher, of other data"):
        train(parse_recipe(stale), data / "stale", data_root=data)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('name = "mgd"', 'name = "mdg"', r"distillation\.feature\.name = 'mdg'; expected one of .*Did you mean 'mgd'"),
        ("masked = 0.5", "mask = 0.5", r"distillation\.feature\.masked is missing.*distillation\.feature\.mask\."),
        ('mode = "online"', 'mode = "live"', r"distillation\.teacher\.mode = 'live': expected 'online' or 'offline'"),
        ("active = [0.5, 1.0]", "active = [1.0, 0.5]", r"distillation\.response\.active.*low <= high"),
        (
            'maps = "shared"',
            'maps = [["p4", "p3"]]',
            r"The student shows no map 'p4'\. Known: cls_tower, p3, reg_tower",
        ),
        ('"detector.head.conv_cls.bias"', '"dete.*"', r"nothing of the student is named 'dete\.\*'"),
        ("cached_maps = false", "cached_maps = true", r"teacher\.cached_maps is for an offline teacher"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_first_step(data, tmp_path, old, new, match):
    text = (PLAIN + TEACHING).replace(old, new)
    assert text != PLAIN + TEACHING
    with pytest.raises(RecipeError, match=match):
        train(parse_recipe(text), tmp_path, data_root=data)
