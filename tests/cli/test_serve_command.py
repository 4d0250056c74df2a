"""`sceneseek serve`: tokens, refusals, and a server that answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sceneseek.cli import app, main
from sceneseek.errors import ValueRefused
from sceneseek.web import Role
from sceneseek.web.listening import taken
from sceneseek.web.tokens import digest_of, read_tokens


def test_a_token_is_printed_once_and_kept_as_a_digest(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    run = CliRunner().invoke(app, ["serve", "--make-token", "anna", "--role", "keeper", "--token-file", str(path)])
    assert run.exit_code == 0, run.output
    token = run.stdout.strip().splitlines()[-1]
    (kept,) = read_tokens(path)
    assert (kept.name, kept.role, kept.sha256) == ("anna", Role.KEEPER, digest_of(token))
    assert token not in path.read_text()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "no gallery was given"),
        (["--make-token", "anna"], "needs --token-file"),
        (["--make-token", "anna", "--token-file", "t.toml", "--role", "keper"], "Did you mean 'keeper'"),
        (["--make-token", "a b", "--token-file", "t.toml"], "not a name"),
        (["--gallery", "g", "--host", "0.0.0.0"], "there are no tokens"),
        (["--gallery", "g", "--token-file", "none.toml"], "cannot be read"),
        (["--gallery", "g", "--media-root", "none"], "no folder"),
        (["--gallery", "g", "--behind-proxy", "127.0.0.1"], "add --token-file"),
        (["--gallery", "g", "--tls-key", "key.pem"], "--tls-certificate"),
    ],
)
def test_refusals(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["sceneseek", "serve", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert complaint in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_nobody_is_sent_to_an_address_that_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    """What answers there is another program, perhaps with another gallery."""
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    with socket.socket(family) as other:
        try:
            other.bind(("::1" if host == "::1" else "127.0.0.1", 0))
        except OSError:
            pytest.skip(f"this machine has no {host}")
        other.listen()
        port = other.getsockname()[1]
        arguments = ["serve", "--gallery", str(tmp_path / "g"), "--host", host, "--port", str(port)]
        monkeypatch.setattr(sys, "argv", ["sceneseek", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert f"port {port} of {host} is in use by another program" in " ".join(said.err.split())
    assert "Open" not in said.out
    assert not (tmp_path / "g").exists()


def test_an_address_of_another_machine_is_refused_in_words() -> None:
    with pytest.raises(ValueRefused, match=r"cannot listen at 192\.0\.2\.7, port 8723: "):
        taken("192.0.2.7", 8723)
    with pytest.raises(ValueRefused, match=r"cannot listen at nowhere\.invalid, port 8723: "):
        taken("nowhere.invalid", 8723)


@pytest.mark.slow
@pytest.mark.processes
def test_a_server_answers_until_it_is_interrupted(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "sceneseek", "serve", "--gallery", str(tmp_path / "new"), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ) as server:
        try:
            assert server.stdout is not None
            assert f"http://127.0.0.1:{port}/" in server.stdout.readline()
            health = None
            for _ in range(600):
                try:
                    health = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health"))
                    break
                except OSError:
                    time.sleep(0.1)
            assert health is not None
            assert health["login"] is False
            assert b"<!doctype html>" in urllib.request.urlopen(f"http://127.0.0.1:{port}/").read().lower()
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) in (0, 130, -signal.SIGINT)
    assert (tmp_path / "new" / "manifest.json").is_file()
