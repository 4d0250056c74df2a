"""Tokens, sessions, roles and patience."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sceneseek.errors import ValueRefused
from sceneseek.web import Limits, Role, Settings, Token
from sceneseek.web.door import Buckets, Caller, Door, cookie_name
from sceneseek.web.refusals import Refusal
from sceneseek.web.tokens import Keyring, digest_of, make_token, read_tokens
from web_world import tokens

pytestmark = pytest.mark.processes


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_token_file_holds_digests_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    anna = make_token(path, "anna", Role.KEEPER)
    ben = make_token(path, "ben", Role.VIEWER)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert anna not in text
    assert ben not in text
    assert {t.name: (t.role, t.sha256) for t in read_tokens(path)} == {
        "anna": (Role.KEEPER, digest_of(anna)),
        "ben": (Role.VIEWER, digest_of(ben)),
    }
    again = make_token(path, "anna", Role.VIEWER)
    assert again != anna
    assert next(t for t in read_tokens(path) if t.name == "anna").sha256 == digest_of(again)


@pytest.mark.needs("file modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_token_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "tokens.toml"
    make_token(path, "anna", Role.KEEPER)
    path.chmod(mode)
    with pytest.raises(ValueRefused, match="chmod 600"):
        read_tokens(path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no token"),
        ("[anna", "not a token file"),
        ("anna = 1", "not a token file"),
        ('[anna]\nrole = "keeper"', "not a token file"),
        (f'[anna]\nrole = "keper"\nsha256 = "{"0" * 64}"', "Did you mean 'keeper'"),
        ('[anna]\nrole = "keeper"\nsha256 = "secret"', "64 hexadecimal digits"),
        (f'[anna]\nrole = "keeper"\nsha256 = "{"0" * 64}"\nexpiry = 2027-01-01', "Did you mean 'expires'"),
        (f'[anna]\nrole = "keeper"\nsha256 = "{"0" * 64}"\nexpires = 2027-01-01', "with its zone"),
        (f'[anna]\nrole = "keeper"\nsha256 = "{"0" * 64}"\nexpires = "soon"', "with its zone"),
    ],
)
def test_damaged_token_files_are_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ValueRefused, match=complaint):
        read_tokens(path)


def test_missing_token_file_and_bad_names(tmp_path: Path) -> None:
    with pytest.raises(ValueRefused, match="--make-token"):
        read_tokens(tmp_path / "none.toml")
    for name in ("", "a b", "../x", "a" * 65, "[x]"):
        with pytest.raises(ValueRefused, match="not a name"):
            make_token(tmp_path / "t.toml", name, Role.VIEWER)
    assert not (tmp_path / "t.toml").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", "10.0.0.1"])
def test_other_addresses_need_tokens(host: str) -> None:
    with pytest.raises(ValueRefused, match="--make-token"):
        Settings(host=host)
    named = Settings(host=host, tokens=tokens(), allowed_hosts=("search.example.org",))
    assert "search.example.org" in named.host_names


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_all_addresses_at_once_need_a_name(host: str) -> None:
    with pytest.raises(ValueRefused, match="--allow-host"):
        Settings(host=host, tokens=tokens())
    assert Settings(host="192.168.1.4", tokens=tokens()).host_names == {"192.168.1.4", "192.168.1.4:8723"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.1"])
def test_loopback_needs_none(host: str) -> None:
    assert "localhost:8723" in Settings(host=host).host_names


def test_media_roots_must_be_folders(tmp_path: Path) -> None:
    with pytest.raises(ValueRefused, match="no folder"):
        Settings(media_roots=(tmp_path / "none",))


def test_buckets_fill_again() -> None:
    clock = Clock()
    buckets = Buckets(rate=2.0, burst=3, clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    clock.now += 1.0
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0.5]


def test_buckets_do_not_grow_without_bound() -> None:
    buckets = Buckets(rate=1.0, burst=1)
    for i in range(20_000):
        buckets.take(str(i))
    assert len(buckets._levels) == 10_000


def test_tokens_are_recognised() -> None:
    door = Door(Settings(tokens=tokens()))
    assert door.by_token("kim-secret", "1.2.3.4") == Caller("kim", Role.KEEPER)
    with pytest.raises(Refusal) as refused:
        door.by_token("kim-secres", "1.2.3.4")
    assert refused.value.status_code == 401


def status(call: Callable[[], object]) -> int:
    with pytest.raises(Refusal) as refused:
        call()
    return refused.value.status_code


def test_wrong_tokens_are_slowed_down_and_right_ones_never() -> None:
    clock = Clock()
    told: list[str] = []
    door = Door(Settings(tokens=tokens(), limits=Limits(login_failures=3, login_seconds=60)), clock, told.append)
    statuses = [status(lambda: door.by_token("guess", "6.6.6.6")) for _ in range(6)]
    assert statuses == [401, 401, 401, 429, 429, 429]
    assert told == ["6.6.6.6"] * 6
    assert door.by_token("kim-secret", "6.6.6.6").name == "kim"
    assert door.log_in("vera-secret", "6.6.6.6")[0].name == "vera"
    assert status(lambda: door.by_token("guess", "7.7.7.7")) == 401, "other addresses are not slowed down"
    clock.now += 61
    assert status(lambda: door.by_token("guess", "6.6.6.6")) == 401


def test_right_tokens_open_after_any_number_of_addresses_failed() -> None:
    """Neither the memory for failures nor anything else fills up."""
    door = Door(Settings(tokens=tokens(), limits=Limits(login_failures=1)), Clock())
    for i in range(12_000):
        for _ in range(2):
            status(lambda i=i: door.by_token("guess", f"10.0.{i // 256}.{i % 256}"))  # type: ignore[misc]
    assert len(door._failures._levels) <= 10_000
    assert door.by_token("kim-secret", "10.0.0.1").name == "kim"
    assert status(lambda: door.by_token("guess", "10.0.46.223")) == 429, "the last ones are still slowed down"


def test_one_owner_does_not_log_the_others_out() -> None:
    door = Door(Settings(tokens=tokens(), limits=Limits(sessions=4)), Clock())
    _, secret = door.log_in("kim-secret", "a")
    for _ in range(20):
        door.log_in("vera-secret", "a")
    assert door.by_session(secret) is not None


def test_each_port_has_a_cookie_of_its_own() -> None:
    names = {cookie_name(Settings(port=port, https=https)) for port in (80, 8723) for https in (False, True)}
    assert len(names) == 4
    assert sum(name.startswith("__Host-") for name in names) == 2


def test_a_token_expires() -> None:
    today = datetime(2026, 5, 1, tzinfo=UTC)
    owner = Token("anna", Role.VIEWER, digest_of("secret"), expires=today + timedelta(days=1))
    now = [today]
    keyring = Keyring((owner,), wall_clock=lambda: now[0])
    assert keyring.by_digest(owner.sha256) == owner
    now[0] += timedelta(days=1)
    assert keyring.by_digest(owner.sha256) is None


def test_a_session_ends_with_its_token(tmp_path: Path) -> None:
    path, clock = tmp_path / "tokens.toml", Clock()
    anna, ben = make_token(path, "anna", Role.KEEPER), make_token(path, "ben", Role.VIEWER)
    door = Door(Settings(token_file=path), clock)
    assert not door.open
    secrets = [door.log_in(token, "a")[1] for token in (anna, ben)]
    tables = path.read_text().split("\n\n")
    path.write_text(next(table for table in tables if "ben" in table))
    clock.now += 2
    assert door.by_session(secrets[0]) is None
    assert status(lambda: door.by_token(anna, "a")) == 401
    assert door.by_session(secrets[1]) is not None
    path.write_text("")
    clock.now += 2
    assert not door.open, "a file without tokens lets nobody in"
    assert door.by_session(secrets[1]) is None


def test_a_new_role_counts_at_once(tmp_path: Path) -> None:
    path, clock = tmp_path / "tokens.toml", Clock()
    token = make_token(path, "anna", Role.KEEPER)
    door = Door(Settings(token_file=path), clock)
    _, secret = door.log_in(token, "a")
    path.write_text(path.read_text().replace("keeper", "viewer"))
    clock.now += 2
    session = door.by_session(secret)
    assert session is not None
    assert session.role is Role.VIEWER


@pytest.mark.parametrize("damage", ["[anna", "[anna]\nrole = 'keeper'", None])
def test_a_damaged_token_file_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str | None
) -> None:
    path, clock = tmp_path / "tokens.toml", Clock()
    token = make_token(path, "anna", Role.KEEPER)
    door = Door(Settings(token_file=path), clock)
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage)
    clock.now += 2
    for _ in range(3):
        assert door.by_token(token, "a").name == "anna"
        clock.now += 2
    assert caplog.text.count("the tokens stay as they were") == 1


def test_expiry_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    end = datetime(2027, 1, 31, 12, tzinfo=UTC)
    make_token(path, "anna", Role.KEEPER, end)
    make_token(path, "ben", Role.VIEWER)
    assert {token.name: token.expires for token in read_tokens(path)} == {"anna": end, "ben": None}


def test_sessions_end() -> None:
    clock = Clock()
    limits = Limits(session_seconds=100, sessions=2)
    door = Door(Settings(tokens=tokens(), limits=limits), clock)
    caller, secret = door.log_in("otto-secret", "a")
    assert door.by_session(secret) == caller
    clock.now += 90
    assert door.by_session(secret) == caller  # used, and so kept for longer
    clock.now += 101
    assert door.by_session(secret) is None
    first, second, third = (door.log_in("otto-secret", "a")[1] for _ in range(3))
    assert door.by_session(first) is None
    assert door.by_session(second) is not None
    door.log_out(third)
    assert door.by_session(third) is None


def test_csrf_is_checked_for_sessions_alone() -> None:
    door = Door(Settings(tokens=tokens()))
    door.check_csrf(Caller("kim", Role.KEEPER), None)
    caller, _ = door.log_in("kim-secret", "a")
    door.check_csrf(caller, caller.csrf)
    for wrong in (None, "", "x", "ü"):
        with pytest.raises(Refusal) as refused:
            door.check_csrf(caller, wrong)
        assert refused.value.status_code == 403
