from __future__ import annotations

import hashlib
import io
import urllib.request
from email.message import Message
from pathlib import Path
from urllib.error import URLError

import pytest

from sceneseek.errors import UnknownModelError, WeightsError
from sceneseek.models import registry
from sceneseek.models.registry import WeightEntry


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCENESEEK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SCENESEEK_WEIGHTS", raising=False)
    return tmp_path / "home" / "weights"


CONTENT = b"weights" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def known(monkeypatch: pytest.MonkeyPatch, **facts: object) -> WeightEntry:
    """Put one network into the registry."""
    entry = WeightEntry(
        **{  # type: ignore[arg-type]
            "name": "net",
            "kind": "detector",
            "builder": "yolox",
            "file": "net.onnx",
            "licence": "Apache-2.0",
            "source": "somebody",
            "url": "https://example.org/net.onnx",
            **facts,
        }
    )
    monkeypatch.setattr(registry, "entries", lambda: {"net": entry})
    return entry


def answering(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    class Answer(io.BytesIO):
        headers = Message()

    def urlopen(request: urllib.request.Request, timeout: float) -> Answer:
        assert request.full_url == "https://example.org/net.onnx"
        return Answer(content)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)


def test_the_registry_is_complete() -> None:
    for name, entry in registry.entries().items():
        assert entry.name == name
        assert entry.licence
        assert entry.source
        assert entry.builder in ("yolox", "osnet", "torchvision")
        assert (entry.builder == "torchvision") == bool(entry.architecture)
        assert entry.url is None or entry.sha256, "what is downloaded is pinned"
    files = [file.file for entry in registry.entries().values() for file in entry.known_files]
    assert len(set(files)) == len(files)


def test_a_download_is_checked_and_stored(monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    known(monkeypatch, sha256=DIGEST)
    answering(monkeypatch, CONTENT)
    told: list[int] = []
    path = registry.fetch("net", progress=lambda done, total, note="": told.append(done))
    assert path == store / "net.onnx"
    assert path.read_bytes() == CONTENT
    assert told[-1] == len(CONTENT)
    assert registry.locate("net") == path
    assert [p.name for p in store.iterdir()] == ["net.onnx"]


def test_a_wrong_download_is_refused_with_both_hashes(monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    known(monkeypatch, sha256=DIGEST)
    answering(monkeypatch, b"something else")
    other = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(WeightsError, match=f"sha256 {other}, expected {DIGEST}"):
        registry.fetch("net")
    assert not list(store.iterdir())


def test_no_network_points_to_from(monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    known(monkeypatch, sha256=DIGEST)

    def urlopen(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    with pytest.raises(WeightsError, match=r"no route to host.*--from PATH"):
        registry.fetch("net")
    assert not list(store.iterdir())


def test_a_local_file_is_copied_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    known(monkeypatch, sha256=DIGEST)
    (tmp_path / "mine.onnx").write_bytes(CONTENT)
    assert registry.fetch("net", tmp_path / "mine.onnx") == store / "net.onnx"
    (tmp_path / "mine.onnx").write_bytes(CONTENT + b"!")
    with pytest.raises(WeightsError, match="Nothing was stored"):
        registry.fetch("net", tmp_path / "mine.onnx")
    assert registry.locate("net").read_bytes() == CONTENT
    with pytest.raises(WeightsError, match=r"missing\.onnx could not be copied"):
        registry.fetch("net", tmp_path / "missing.onnx")


def test_another_known_file_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    known(monkeypatch, sha256="0" * 64, also=({"file": "export.onnx", "sha256": DIGEST},))
    (tmp_path / "mine.onnx").write_bytes(CONTENT)
    assert registry.fetch("net", tmp_path / "mine.onnx") == store / "export.onnx"
    assert registry.locate("net") == store / "export.onnx"


def test_damage_after_storing_is_noticed(monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    known(monkeypatch, sha256=DIGEST)
    answering(monkeypatch, CONTENT)
    registry.fetch("net").write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(WeightsError, match=f"expected {DIGEST}"):
        registry.locate("net")


def test_without_a_pinned_hash_the_first_one_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    known(monkeypatch, url=None)
    with pytest.raises(WeightsError, match="No file with a pinned hash is published"):
        registry.fetch("net")
    (tmp_path / "mine.onnx").write_bytes(CONTENT)
    path = registry.fetch("net", tmp_path / "mine.onnx")
    assert registry.locate("net") == path
    path.write_bytes(b"changed")
    with pytest.raises(WeightsError, match=f"expected {DIGEST}"):
        registry.locate("net")


def test_a_folder_of_ones_own_comes_first_and_is_checked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    known(monkeypatch, sha256=DIGEST)
    assert not registry.is_here("net")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "net.onnx").write_bytes(CONTENT)
    monkeypatch.setenv("SCENESEEK_WEIGHTS", str(tmp_path / "own"))
    assert registry.is_here("net")
    assert registry.locate("net") == tmp_path / "own" / "net.onnx"
    (tmp_path / "own" / "net.onnx").write_bytes(b"?")
    with pytest.raises(WeightsError, match="expected"):
        registry.locate("net")


def test_what_is_missing_says_how_to_get_it() -> None:
    with pytest.raises(WeightsError, match=r"'sceneseek weights get yolox_nano' \(3\.7 MB, Apache-2\.0\)"):
        registry.locate("yolox_nano")
    with pytest.raises(WeightsError, match="sceneseek weights get osnet_x1_0 --from PATH"):
        registry.locate("osnet_x1_0")
    with pytest.raises(UnknownModelError, match="Did you mean 'yolox_tiny'"):
        registry.locate("yolox_tony")


def test_torchvisions_networks_are_known_by_their_own_names() -> None:
    entry = registry.entry("resnet18")
    assert (entry.kind, entry.builder, entry.architecture) == ("embedder", "torchvision", "resnet18")
    assert entry.url == "https://download.pytorch.org/models/resnet18-f37072fd.pth"
    assert entry.sha256_prefix == "f37072fd"
    detector = registry.entry("fasterrcnn_resnet50_fpn")
    assert (detector.kind, detector.builder) == ("detector", "fasterrcnn")


def test_a_published_beginning_of_a_hash_is_checked(monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    known(monkeypatch, sha256_prefix=DIGEST[:8])
    answering(monkeypatch, CONTENT)
    path = registry.fetch("net")
    assert path.with_name("net.onnx.sha256").read_text().strip() == DIGEST
    answering(monkeypatch, b"other")
    with pytest.raises(WeightsError, match=f"expected {DIGEST[:8]}"):
        registry.fetch("net")


def test_the_store_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCENESEEK_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.platform", "linux")
    assert registry.weights_folder() == tmp_path / "cache" / "sceneseek" / "weights"
