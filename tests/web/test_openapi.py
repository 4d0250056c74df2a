"""The OpenAPI document and the server agree: whatever the document allows or forbids, sent to a real server."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gallery_server import serving
from sceneseek.web import Limits
from sceneseek.web.app import describe
from web_world import World, make_world

pytestmark = pytest.mark.processes

with warnings.catch_warnings():  # its own dependencies' deprecations
    warnings.simplefilter("ignore")
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        negative_data_rejection,
        response_schema_conformance,
        status_code_conformance,
        unsupported_method,
    )

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
EXAMPLES = 6
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "http-api.md"


@pytest.fixture(scope="module")
def served_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str]]:
    world = make_world(tmp_path_factory.mktemp("openapi"))
    limits = Limits(burst=1_000_000, requests_per_second=1e6, connections=1000)
    with serving(world.finder(), media_roots=(world.media,), limits=limits) as address:
        yield world, address


DOCUMENT = describe()
OPERATIONS = [(method, path) for path, item in DOCUMENT["paths"].items() for method in item]


def test_what_people_and_matches_share_is_described_in_both() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    match, person = (schemas[name]["properties"] for name in ("MatchView", "PersonView"))
    assert len(match.keys() & person.keys()) == 16
    assert "rank" in match
    assert "tracklet_id" in person
    for fields in (match, person):
        assert all(field["description"] for field in fields.values())
    assert (schemas["MatchView"]["description"], schemas["PersonView"]["description"]) == (
        "One ranked person.",
        "A person of the gallery.",
    )


def test_every_operation_is_described() -> None:
    assert len(OPERATIONS) >= 25
    for method, path in OPERATIONS:
        operation = DOCUMENT["paths"][path][method]
        assert operation["description"], (method, path)
        assert all(status in operation["responses"] for status in ("400", "401", "403", "422", "429", "500", "503"))
        assert all(
            parameter.get("description") or parameter["in"] == "path" for parameter in operation.get("parameters", [])
        )


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_reference_page_knows_every_operation(method: str, path: str) -> None:
    assert f"## `{method.upper()} {path}`" in REFERENCE.read_text(encoding="utf-8")


def test_every_field_of_every_document_is_described() -> None:
    documents = DOCUMENT["components"]["schemas"]
    silent = [
        f"{name}.{field}"
        for name, document in documents.items()
        for field, schema in document.get("properties", {}).items()
        if not schema.get("description") and "$ref" not in schema and not name.startswith("Body_")
    ]
    assert not silent


@pytest.fixture(scope="module")
def schema(served_world: tuple[World, str]) -> Any:
    return schemathesis.openapi.from_url(f"{served_world[1]}/api/openapi.json")


@pytest.mark.parametrize(("method", "path"), [o for o in OPERATIONS if not o[1].endswith("/events")])
def test_the_server_keeps_its_word(schema: Any, method: str, path: str) -> None:
    operation = schema[path][method]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def keeps(data: Any) -> None:
        mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
        try:
            strategy = operation.as_strategy(generation_mode=mode)
        except Exception:  # nothing to violate
            strategy = operation.as_strategy()
        data.draw(strategy).call_and_validate(checks=CHECKS)

    keeps()
