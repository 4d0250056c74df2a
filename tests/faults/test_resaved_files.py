"""Text files that a person may open and save again, as Windows programs save: a mark, other line ends, UTF-16."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sceneseek.errors import CheckpointError, SceneseekError
from sceneseek.evaluation.saved import FORMAT, read_report
from sceneseek.gallery.audit import AuditLog
from sceneseek.gallery.forgetting import FORGETTING, Pending
from sceneseek.gallery.journal import Journal
from sceneseek.gallery.keep_out import KEEP_OUT, Extent, KeepOut
from sceneseek.gallery.manifest import Manifest
from sceneseek.gallery.retention import RETENTION, Retention
from sceneseek.gallery.rewrites import rewrites, rewriting
from sceneseek.gallery.schema import JOURNAL, MANIFEST
from sceneseek.models.registry import KnownFile, verify
from sceneseek.studies.definition import read_study
from sceneseek.training.logs import read_log
from sceneseek.training.recipe import read_recipe
from sceneseek.web.settings import Role
from sceneseek.web.tokens import make_token, read_tokens

HERE = Path(__file__).parent.parent
Reading = tuple[Path, Callable[[], object]]
"""A text file, and what reads it to something that can be compared."""


def recipe(folder: Path) -> Reading:
    file = folder / "recipe.toml"
    file.write_bytes((HERE / "training/tiny.toml").read_bytes())
    return file, lambda: read_recipe(file)


def study(folder: Path) -> Reading:
    for name in ("tiny.toml",):
        (folder / name).write_bytes((HERE / "studies" / name).read_bytes())
    file = folder / "tiny.toml"
    return file, lambda: read_study(str(file))


def tokens(folder: Path) -> Reading:
    file = folder / "tokens.toml"
    make_token(file, "anna", Role.VIEWER)
    return file, lambda: read_tokens(file)


def manifest(folder: Path) -> Reading:
    Manifest.new("model", "f" * 64, 4).write(folder)
    return folder / MANIFEST, lambda: Manifest.read(folder)


def keep_out(folder: Path) -> Reading:
    KeepOut({"a": Extent.WHOLE}).write(folder)
    return folder / KEEP_OUT, lambda: KeepOut.read(folder).entries


def retention(folder: Path) -> Reading:
    Retention(30.0).write(folder)
    return folder / RETENTION, lambda: Retention.read(folder)


def journal(folder: Path) -> Reading:
    Journal(adding=("a",)).write(folder)
    return folder / JOURNAL, lambda: Journal.read(folder)


def forgetting(folder: Path) -> Reading:
    Pending(media=("a",)).write(folder)
    return folder / FORGETTING, lambda: Pending.read(folder)


def saved_report(folder: Path) -> Reading:
    file = folder / "report.json"
    file.write_text(json.dumps({"format": FORMAT, "models": []}, indent=1), encoding="utf-8")
    return file, lambda: read_report(file)


def training_log(folder: Path) -> Reading:
    file = folder / "log.jsonl"
    file.write_text('{"kind": "train", "step": 1}\n{"kind": "train", "step": 2}\n', encoding="utf-8")
    return file, lambda: read_log(file)


def remembered_hash(folder: Path) -> Reading:
    weights = folder / "weights.bin"
    weights.write_bytes(b"tensors")
    file = folder / "weights.bin.sha256"
    file.write_text(hashlib.sha256(b"tensors").hexdigest() + "\n", encoding="ascii")
    known = KnownFile(file="weights.bin")
    return file, lambda: verify(weights, known)


def _what_is_said(read: Callable[[], object]) -> object:
    try:
        return read()
    except SceneseekError as error:
        return str(error)


EDITABLE = [
    recipe, study, tokens, manifest, keep_out, retention, journal, forgetting, saved_report, training_log,
    remembered_hash,
]  # fmt: skip


@pytest.mark.parametrize("make", EDITABLE, ids=lambda make: make.__name__)
def test_a_byte_order_mark_and_other_line_ends_change_nothing(make: Callable[[Path], Reading], tmp_path: Path) -> None:
    file, read = make(tmp_path)
    before = read()
    text = file.read_text(encoding="utf-8")
    file.write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    assert read() == before


@pytest.mark.parametrize("make", EDITABLE, ids=lambda make: make.__name__)
def test_utf_16_is_refused_with_advice(make: Callable[[Path], Reading], tmp_path: Path) -> None:
    file, read = make(tmp_path)
    file.write_bytes(file.read_text(encoding="utf-8").encode("utf-16"))
    told = _what_is_said(read)
    assert "UTF-16 text; save it as UTF-8" in str(told)
    assert file.name in str(told) or file.stem in str(told)


def test_a_count_of_rewritings_bears_a_mark(tmp_path: Path) -> None:
    with rewriting(tmp_path):
        pass
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_text(encoding="utf-8").encode("utf-8-sig"))
    assert rewrites(tmp_path) == 2


def test_an_audit_log_that_was_saved_again_is_not_whole(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.append("anna", "searched")
    log.append("anna", "searched")
    assert log.verify().whole
    before = log.path.read_bytes()
    for changed in (b"\xef\xbb\xbf" + before, before.replace(b"\n", b"\r\n"), before.decode().encode("utf-16")):
        log.path.write_bytes(changed)
        assert not log.verify().whole


def test_a_log_of_training_with_a_damaged_line(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"step": 1}\n{"step": 2, }\n{"step": 3}\n', encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"log\.jsonl, line 2 is damaged \(it is not JSON: there is a comma"):
        read_log(file)
    file.write_text('{"step": 1}\n[2]\n', encoding="utf-8")
    with pytest.raises(CheckpointError, match="line 2 is not a record"):
        read_log(file)
    file.write_text('{"step": 1}\n\n{"step": 2}\n{"ste', encoding="utf-8")
    assert read_log(file) == [{"step": 1}, {"step": 2}]
