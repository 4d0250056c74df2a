"""What passes the guard: names, origins, sizes, roles; and what every answer carries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

import own_loop
from large_bodies import Sender
from sceneseek.errors import GalleryError
from sceneseek.web import Limits
from sceneseek.web.door import CSRF_HEADER, SESSION_COOKIE
from sceneseek.web.guard import LARGE
from web_world import ADDRESS, Serve, TestClient, World, ask_with, bearer, client_of, tokens

pytestmark = pytest.mark.processes

OPEN_TO_ALL = {("GET", "/api/health"), ("POST", "/api/login")}
NEEDS_OPERATOR = {
    ("POST", "/api/index"),
    ("POST", "/api/uploads"),
    ("DELETE", "/api/jobs/{job_id}"),
    ("POST", "/api/reports"),
    ("POST", "/api/cameras"),
}
NEEDS_KEEPER = {("POST", "/api/forget"), ("GET", "/api/audit")}


@pytest.fixture(scope="module")
def guarded(world: World) -> Iterator[TestClient]:
    """A server with tokens."""
    with client_of(world, media_roots=(world.media,), tokens=tokens()) as client:
        yield client


def routes(client: TestClient) -> list[tuple[str, str]]:
    schema = client.app.openapi()  # type: ignore[attr-defined]
    return [(method.upper(), path) for path, item in schema["paths"].items() for method in item]


def call(client: TestClient, method: str, path: str, **options: Any) -> Any:
    address = path.replace("{detection_id}", "a:0:0").replace("{media_key}", "a").replace("{frame_index}", "0")
    address = address.replace("{tracklet_id}", "a:t0").replace("{query_id}", "x" * 22).replace("{job_id}", "x" * 22)
    if method == "POST" and path.endswith(("queries", "uploads")):
        field = "picture" if path.endswith("queries") else "files"
        options["files"] = {field: ("x.png", b"no picture")}
    elif method == "POST":
        options["json"] = {}
    return client.request(method, address, **options)


def test_every_route_needs_a_token_unless_it_is_open(guarded: TestClient) -> None:
    known = routes(guarded)
    assert len(known) > 20
    for method, path in known:
        status = call(guarded, method, path).status_code
        assert (status == 401) == ((method, path) not in OPEN_TO_ALL), (method, path, status)


@pytest.mark.parametrize(
    ("name", "forbidden"), [("vera", NEEDS_OPERATOR | NEEDS_KEEPER), ("otto", NEEDS_KEEPER), ("kim", set())]
)
def test_roles(guarded: TestClient, name: str, forbidden: set[tuple[str, str]]) -> None:
    refused = {
        (method, path)
        for method, path in routes(guarded)
        if path != "/api/login" and call(guarded, method, path, headers=bearer(name)).status_code == 403
    }
    assert refused == forbidden


def test_no_route_is_outside_of_the_document(guarded: TestClient) -> None:
    def paths(routes: Any) -> Iterator[str]:
        for route in routes:
            if isinstance(route, APIRoute):
                yield route.path
            yield from paths(getattr(route, "routes", None) or [])

    undocumented = set(paths(guarded.app.routes)) - {path for _, path in routes(guarded)}  # type: ignore[attr-defined]
    assert undocumented == {"/"}


def test_session_with_cookie_and_csrf(world: World, serve: Serve) -> None:
    client = serve(world, tokens=tokens())
    assert client.post("/api/login", json={"token": "wrong"}).status_code == 401
    answer = client.post("/api/login", json={"token": "vera-secret"})
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"].lower()
    assert SESSION_COOKIE in cookie
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    csrf = answer.json()["csrf"]
    assert answer.json() == {"name": "vera", "role": "viewer", "csrf": csrf}
    assert client.get("/api/gallery").json()["caller"] == answer.json()
    asked = {"examples": [{"detection_id": "a:0:0"}]}
    assert client.post("/api/search", json=asked).status_code == 403
    assert client.post("/api/search", json=asked, headers={CSRF_HEADER: "guess"}).status_code == 403
    assert client.post("/api/search", json=asked, headers={CSRF_HEADER: csrf}).status_code == 404
    assert client.post("/api/logout", headers={CSRF_HEADER: csrf}).status_code == 204
    assert client.get("/api/gallery").status_code == 401


def test_https_makes_the_cookie_secure(world: World, serve: Serve) -> None:
    client = serve(world, tokens=tokens(), https=True)
    answer = client.post("/api/login", json={"token": "vera-secret"})
    assert "secure" in answer.headers["set-cookie"].lower()
    assert answer.headers["strict-transport-security"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1:9999", "localhost.evil.example:8723", "127.0.0.1:8723.evil.example", ""]
)
def test_foreign_host_names_are_refused(client: TestClient, host: str) -> None:
    answer = client.get("/api/health", headers={"host": host})
    assert answer.status_code == 400
    assert "Host" in answer.json()["error"]["message"]


@pytest.mark.parametrize("host", ["localhost:8723", "LOCALHOST:8723", "[::1]:8723", "127.0.0.1"])
def test_own_host_names_are_served(client: TestClient, host: str) -> None:
    assert client.get("/api/health", headers={"host": host}).status_code == 200


def test_a_name_can_be_allowed(world: World, serve: Serve) -> None:
    client = serve(world, allowed_hosts=("Search.example.org",))
    assert client.get("/api/health", headers={"host": "search.example.org"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_what_another_sites_page_sends_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    # Without tokens everybody on this machine is a keeper, and so is each page in its browser: this stops them.
    answer = client.post("/api/forget", json={"media_keys": ["a"], "dry_run": False}, headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.json()["error"]["message"]
    assert client.get("/api/health", headers=headers).status_code == 200


def test_our_own_pages_requests_are_served(client: TestClient, world: World) -> None:
    headers = {"origin": ADDRESS, "sec-fetch-site": "same-origin"}
    assert ask_with(client, world.query, headers=headers)["people"]


@pytest.mark.parametrize("path", ["/api/health", "/api/nothing", "/api/gallery", "/static/none.js", "/nothing"])
def test_headers_of_every_answer(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-store" if path.startswith("/api/") else "no-cache")


def test_refusals_carry_the_headers_too(client: TestClient) -> None:
    headers = client.get("/api/health", headers={"host": "evil.example"}).headers
    assert headers["x-content-type-options"] == "nosniff"


def test_errors_have_one_shape(client: TestClient) -> None:
    answers = [
        client.get("/api/nothing"),
        client.put("/api/gallery"),
        client.post("/api/search", content=b"{", headers={"content-type": "application/json"}),
        client.post("/api/search", json={"examples": []}),
        client.post("/api/search", json={"examples": [{"detection_id": "a:0:0"}], "colour": "red"}),
        client.get("/api/media", params={"page": "x"}),
    ]
    assert [a.status_code for a in answers] == [404, 405, 422, 422, 422, 422]
    for answer in answers:
        assert set(answer.json()) == {"error"}
        assert set(answer.json()["error"]) == {"message", "found", "expected"}
    assert answers[4].json()["error"]["message"].startswith("colour:")


def test_too_large_bodies_are_refused(world: World, serve: Serve) -> None:
    limits = Limits(json_bytes=1000, picture_bytes=5000, upload_bytes=20_000)
    client = serve(world, limits=limits)
    big = {"examples": [{"detection_id": "a:0:0"}], "sources": ["x" * 2000]}
    answer = client.post("/api/search", json=big)
    assert answer.status_code == 413
    assert answer.json()["error"]["expected"] == "at most 1,000 bytes"
    picture = client.post("/api/queries", files={"picture": ("x.png", b"x" * 100_000)})
    assert picture.status_code == 413
    inside_the_form = client.post("/api/queries", files={"picture": ("x.png", b"x" * 6000)})
    assert inside_the_form.status_code == 413


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/uploads", {}, 401),
        ("/api/queries", {}, 401),
        ("/api/queries", {"Authorization": "Bearer wrong"}, 401),
        ("/api/queries", {"Cookie": f"{SESSION_COOKIE}=wrong"}, 401),
        ("/api/uploads", bearer("vera"), 403),
    ],
)
def test_nothing_is_taken_of_a_body_whose_sender_may_not_send_it(
    world: World, serve: Serve, path: str, headers: dict[str, str], status: int
) -> None:
    client = serve(world, tokens=tokens())
    sender = Sender(path, 100, headers)
    own_loop.run(client.app(sender.scope, sender.receive, sender.send))  # type: ignore[arg-type]
    assert (sender.status, sender.taken) == (status, 0)


def test_the_guard_asks_for_the_roles_of_the_routes(client: TestClient) -> None:
    paths = client.app.openapi()["paths"]  # type: ignore[attr-defined]
    forms = {
        path: item["post"]["x-role"]
        for path, item in paths.items()
        if "multipart/form-data" in item.get("post", {}).get("requestBody", {}).get("content", {})
    }
    assert forms == LARGE


def test_a_wrong_token_counts_once_however_it_is_sent(world: World, serve: Serve) -> None:
    client = serve(world, tokens=tokens(), limits=Limits(login_failures=3, login_seconds=3600))
    wrong = {"headers": {"Authorization": "Bearer wrong"}}
    statuses = [call(client, "POST", "/api/queries", **wrong).status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]


@pytest.mark.parametrize(("path", "field"), [("/api/queries", "picture"), ("/api/uploads", "files")])
def test_parts_of_forms_are_counted(world: World, serve: Serve, path: str, field: str) -> None:
    client = serve(world, limits=Limits(upload_files=2))
    many_files = client.post(path, files=[(field, ("x.png", b"x"))] * 3)
    assert many_files.status_code == 400
    assert "files" in many_files.json()["error"]["found"]
    one = {field: ("x.png", b"x")}
    assert client.post(path, files=one, data={f"f{i}": "x" for i in range(20)}).status_code == 400
    assert client.post(path, files=one, data={"f": "x" * 20_000}).status_code == 400


def test_bodies_without_a_length_are_counted_as_they_come(world: World, serve: Serve) -> None:
    client = serve(world, limits=Limits(json_bytes=1000))
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(10_000):
            sent += 1000
            yield b" " * 1000

    headers = {"content-type": "application/json"}
    assert client.post("/api/search", content=endless(), headers=headers).status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e9", "ten", "9" * 30, ""])
def test_lengths_that_are_no_numbers(client: TestClient, length: str) -> None:
    assert client.post("/api/login", content=b"{}", headers={"content-length": length}).status_code == 400


def test_too_many_requests_have_to_wait(world: World, serve: Serve) -> None:
    client = serve(world, limits=Limits(burst=5, requests_per_second=1e-4))
    statuses = [client.get("/api/health").status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    assert int(client.get("/api/health").headers["retry-after"]) > 50


def test_each_caller_has_a_bucket(world: World, serve: Serve) -> None:
    client = serve(world, tokens=tokens(), limits=Limits(burst=8, requests_per_second=1e-4))
    statuses = [client.get("/api/jobs", headers=bearer("vera")).status_code for _ in range(9)]
    assert statuses[:8] == [200] * 8
    assert statuses[8] == 429


TRAVERSALS = [
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e",
    "a:0:0/../../x",
    "a%00b",
    "a:0:0'--",
    "%ff",
]


@pytest.mark.parametrize("name", TRAVERSALS)
@pytest.mark.parametrize(
    "address",
    [
        "/api/detections/{}",
        "/api/detections/{}/crop",
        "/api/detections/{}/scene",
        "/api/tracklets/{}",
        "/api/frames/{}/0",
        "/api/frames/{}/0/picture",
        "/api/frames/{}/0/around",
        "/api/media/{}/clip?start_s=0&end_s=1",
        "/api/queries/{}/picture",
        "/api/jobs/{}",
        "/api/jobs/{}/events",
        "/static/{}",
        "/{}",
    ],
)
def test_no_name_leads_out(client: TestClient, address: str, name: str) -> None:
    answer = client.get(address.format(name))
    assert answer.status_code in (400, 404, 422), answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    "path", ["/etc", "..", "media/../..", "../media", "/", "", "media/../../etc", "other/door", "~"]
)
def test_nothing_outside_the_media_roots_is_indexed(client: TestClient, path: str) -> None:
    answer = client.post("/api/index", json={"paths": [path]})
    assert answer.status_code == 403, answer.text


def test_links_out_of_a_media_root_are_not_followed(own_world: World, serve: Serve, tmp_path: Path) -> None:
    (own_world.media / "out").symlink_to("/etc")
    (own_world.media / "loop").symlink_to(own_world.media / "loop")
    client = serve(own_world)
    assert client.post("/api/index", json={"paths": ["media/out"]}).status_code == 403
    assert client.post("/api/index", json={"paths": ["media/loop"]}).status_code == 404
    assert client.post("/api/index", json={"paths": ["media/none"]}).status_code == 404


def test_without_media_roots_nothing_is_taken(world: World, serve: Serve) -> None:
    client = serve(world, media_roots=())
    assert client.post("/api/index", json={"paths": ["media"]}).status_code == 403
    assert client.post("/api/uploads", files={"files": ("x.png", b"x")}).status_code == 403


def test_viewers_see_no_folders(guarded: TestClient, world: World) -> None:
    """Neither in answers nor in errors."""
    vera = {"headers": bearer("vera")}
    query = ask_with(guarded, world.query, **vera)
    asked = {"examples": [{"query_id": query["query_id"], "person": 0}]}
    answers = [guarded.post("/api/search", json=asked, **vera)]
    match = answers[0].json()["matches"][0]
    answers += [
        guarded.get(path, **vera)
        for path in (
            "/api/gallery",
            "/api/media",
            "/api/jobs",
            f"/api/detections/{match['detection_id']}",
            f"/api/frames/{match['media_key']}/0",
            f"/api/frames/{match['media_key']}/0/around",
            f"/api/media/{match['media_key']}/clip?start_s=500&end_s=501",
            f"/api/frames/{match['media_key']}/77/picture",
        )
    ]
    for answer in answers:
        assert str(world.folder) not in answer.text, answer.url
    assert match["source"].startswith("media/")
    otto = guarded.get("/api/media", headers=bearer("otto")).json()["media"][0]
    assert otto["source"].startswith(str(world.media))


def test_query_pictures_are_their_owners(guarded: TestClient, world: World) -> None:
    query = ask_with(guarded, world.query, headers=bearer("vera"))
    address = f"/api/queries/{query['query_id']}/picture"
    assert guarded.get(address, headers=bearer("vera")).status_code == 200
    assert guarded.get(address, headers=bearer("kim")).status_code == 404


def test_a_flood_of_wrong_tokens_locks_nobody_out(world: World, serve: Serve) -> None:
    """Neither by the count of failures nor by that of requests: all come from one address."""
    limits = Limits(login_failures=2, requests_per_second=0.001, burst=20)
    client = serve(world, tokens=tokens(), limits=limits)
    wrong = {"Authorization": "Bearer guess"}
    statuses = [client.get("/api/gallery", headers=wrong).status_code for _ in range(30)]
    assert set(statuses) == {401, 429}
    assert client.post("/api/login", json={"token": "guess"}).status_code == 429
    assert client.get("/api/gallery", headers=bearer("vera")).status_code == 200
    assert client.post("/api/login", json={"token": "vera-secret"}).status_code == 200
    assert client.get("/api/gallery").status_code == 200, "with the session's cookie"


def test_an_upload_is_refused_while_it_arrives(world: World, serve: Serve) -> None:
    client = serve(world, tokens=tokens(), limits=Limits(arriving_bytes=200_000))
    picture = {"picture": ("a.jpg", b"x" * 150_000)}
    answer = client.post("/api/queries", files=picture, headers=bearer("vera"))
    assert answer.status_code == 503
    assert answer.headers["connection"] == "close"
    assert client.post("/api/queries", files={"picture": ("a.jpg", b"x")}, headers=bearer("vera")).status_code == 415


def test_each_caller_has_requests_of_their_own(world: World, serve: Serve) -> None:
    client = serve(world, tokens=tokens(), limits=Limits(requests_per_second=0.001, burst=5))
    assert [client.get("/api/jobs", headers=bearer("vera")).status_code for _ in range(6)] == [200] * 5 + [429]
    assert client.get("/api/jobs", headers=bearer("kim")).status_code == 200


def test_one_caller_does_not_hold_all_event_streams(world: World, serve: Serve) -> None:
    client = serve(world, tokens=tokens(), limits=Limits(listeners=2))
    seats = client.app.state.service.jobs._listeners  # type: ignore[attr-defined]
    with seats.taken("caller vera"), seats.taken("caller vera"):
        job_id = "x" * 22
        client.app.state.service.jobs.get = lambda name: None  # type: ignore[attr-defined]
        greedy = client.get(f"/api/jobs/{job_id}/events", headers=bearer("vera"))
        assert greedy.status_code == 503
        seats.check_room("caller kim")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Long": "a" * 40_000}, 431),
        ({f"X-{i}": "a" * 1000 for i in range(40)}, 431),
        ({"Cookie": "a" * 33_000}, 431),
        ({"Content-Length": "0", "Transfer-Encoding": "chunked"}, 400),
    ],
)
def test_requests_that_are_too_long_or_ambiguous(client: TestClient, headers: dict[str, str], status: int) -> None:
    answer = client.get("/api/health", headers=headers)
    assert answer.status_code == status
    assert answer.headers["connection"] == "close"
    assert answer.json()["error"]["expected"]


def test_addresses_that_are_too_long(client: TestClient) -> None:
    assert client.get(f"/api/media?text={'a' * 40_000}").status_code == 431


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/api/gallery", "/api/media/a/clip?start_s=0&end_s=1", "/api/detections/a:0:0/crop"])
def test_another_sites_page_makes_us_work_for_nothing(client: TestClient, path: str, site: str) -> None:
    assert client.get(path, headers={"sec-fetch-site": site}).status_code == 403
    assert client.get("/", headers={"sec-fetch-site": site}).status_code == 200, "a link to the page may be followed"


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_page_and_the_address_bar_are_served(client: TestClient, site: str) -> None:
    assert client.get("/api/gallery", headers={"sec-fetch-site": site}).status_code == 200


def test_strangers_learn_neither_version_nor_addresses(guarded: TestClient) -> None:
    guarded.cookies.clear()
    assert guarded.get("/api/openapi.json").status_code == 401
    assert guarded.get("/api/health").json() == {"status": "ok", "version": "", "login": True, "decoders": ""}
    assert guarded.get("/api/openapi.json", headers=bearer("vera")).status_code == 200
    told = guarded.get("/api/health", headers=bearer("vera")).json()
    assert told["version"]
    assert "confined" in told["decoders"]


def test_a_search_says_why_it_is_made(own_world: World, serve: Serve) -> None:
    client = serve(own_world, tokens=tokens(), reasons=True)
    assert client.get("/api/gallery", headers=bearer("vera")).json()["reasons"] is True
    query = ask_with(client, own_world.query, headers=bearer("otto"))
    asked: dict[str, Any] = {"examples": [{"query_id": query["query_id"], "person": 0}]}
    empty = ("", "  ", None, "\u200b\u202e", "\u3164", "\x1b", "\u2800", ". -", "\u00a0")
    for missing in ({}, *({"reason": reason} for reason in empty)):
        answer = client.post("/api/search", json={**asked, **missing}, headers=bearer("otto"))
        assert answer.status_code == 422
        assert "why" in answer.json()["error"]["message"]
    asked["reason"] = " the missing bicycle "
    assert client.post("/api/search", json=asked, headers=bearer("otto")).status_code == 200
    report = client.post("/api/reports", json={"search": asked, "format": "html"}, headers=bearer("otto"))
    assert "the missing bicycle" in report.text
    entries = client.get("/api/audit", headers=bearer("kim")).json()["entries"]
    assert [(e["action"], e["details"]["reason"]) for e in entries if e["action"] in ("search", "export")] == [
        ("export", "the missing bicycle"),
        ("search", "the missing bicycle"),
    ]


def test_coming_and_going_is_written_into_the_audit_log(own_world: World, serve: Serve) -> None:
    client = serve(own_world, tokens=tokens())
    for _ in range(30):
        client.get("/api/gallery", headers={"Authorization": "Bearer guess"})
    csrf = client.post("/api/login", json={"token": "vera-secret"}).json()["csrf"]
    client.post("/api/logout", headers={CSRF_HEADER: csrf})
    entries = client.get("/api/audit", headers=bearer("kim")).json()["entries"]
    told = [(entry["who"], entry["action"], entry["details"].get("addresses")) for entry in entries]
    assert told == [
        ("sceneseek", "wrong-token", {"testclient": 30}),
        ("vera", "logout", None),
        ("vera", "login", None),
    ]


def test_looking_is_written_into_the_audit_log(own_world: World, serve: Serve) -> None:
    client = serve(own_world, tokens=tokens())
    media = client.get("/api/media", headers=bearer("vera")).json()["media"]
    keys = {medium["name"]: medium["media_key"] for medium in media}
    looks = [
        f"/api/frames/{keys['1.png']}/0/picture",
        f"/api/detections/{keys['1.png']}:0:0/scene",
        f"/api/detections/{keys['1.png']}:0:0/crop",
        f"/api/detections/{keys['2.png']}:0:1/crop",
        f"/api/media/{keys['walk.mp4']}/clip?start_s=0&end_s=1",
    ]
    for address in looks:
        assert client.get(address, headers=bearer("vera")).status_code == 200, address
    entries = client.get("/api/audit", headers=bearer("kim")).json()["entries"]
    seen = [entry["details"] for entry in entries if (entry["who"], entry["action"]) == ("vera", "look")][::-1]
    assert sum(details["looks"] for details in seen) == len(looks)
    told = {kind: {name for details in seen for name in details.get(kind, ())} for kind in ("scenes", "crops", "clips")}
    assert told == {
        "scenes": {f"{keys['1.png']}:0"},
        "crops": {f"{keys['1.png']}:0:0", f"{keys['2.png']}:0:1"},
        "clips": {f"{keys['walk.mp4']}:0-1"},
    }


def test_nobody_looks_where_the_log_cannot_be_written(
    own_world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(own_world)
    key = client.get("/api/media").json()["media"][0]["media_key"]
    address = f"/api/detections/{key}:0:0/crop"

    def full(*words: object, **facts: object) -> None:
        raise GalleryError("the disk is full")

    log = client.app.state.service.looking  # type: ignore[attr-defined]
    monkeypatch.setattr(log, "_write", full)
    assert [client.get(address).status_code for _ in range(2)] == [503, 503]
    monkeypatch.undo()
    assert client.get(address).status_code == 200


def test_a_viewer_sees_so_many_pictures_and_an_operator_more(world: World, serve: Serve) -> None:
    client = serve(world, tokens=tokens(), limits=Limits(looks_per_second=0.001, looks_at_once=3))
    key = client.get("/api/media", headers=bearer("vera")).json()["media"][0]["media_key"]
    address = f"/api/detections/{key}:0:0/crop"
    statuses = {
        who: [client.get(address, headers=bearer(who)).status_code for _ in range(5)] for who in ("vera", "otto")
    }
    assert statuses == {"vera": [200, 200, 200, 429, 429], "otto": [200] * 5}


def test_searches_are_written_into_the_audit_log(own_world: World, serve: Serve) -> None:
    client = serve(own_world, tokens=tokens())
    query = ask_with(client, own_world.query, headers=bearer("vera"))
    asked = {"examples": [{"query_id": query["query_id"], "person": 0}], "cameras": ["door"]}
    assert client.post("/api/search", json=asked, headers=bearer("vera")).status_code == 200
    log = client.get("/api/audit", headers=bearer("kim")).json()
    assert log["intact"]
    newest = log["entries"][0]
    assert (newest["who"], newest["action"]) == ("vera", "search")
    assert newest["details"]["asked"] == {"cameras": ["door"]}
    assert len(newest["details"]["examples"][0]["picture_sha256"]) == 64
    lines = (own_world.folder / "people" / "audit.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["actor"] == "vera"
    (own_world.folder / "people" / "audit.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    tampered = client.get("/api/audit", headers=bearer("kim")).json()
    assert not tampered["intact"]
    assert tampered["problem"]
