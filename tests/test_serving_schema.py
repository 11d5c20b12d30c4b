"""The server keeps to its own OpenAPI description, asked over a socket by schemathesis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import serving
from hypothesis import HealthCheck, Phase, given, settings

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed (pip install -e '.[dev]')")

CASES = {"POST": 100, "GET": 10}
"""For each path and kind: where there is a body, and where nothing can vary.

Thousands: schemathesis run http://127.0.0.1:8000/openapi.json --max-examples 2000
"""


@pytest.fixture(scope="module")
def description() -> Iterator[Any]:
    with serving.running(texts=4, options=6, text=60, option=20) as (address, _):
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/classify", "positive"),
        ("POST", "/classify", "negative"),
        ("GET", "/health", "positive"),
        ("GET", "/models", "positive"),
        ("GET", "/metrics", "positive"),
    ],
)
def test_the_server_keeps_to_its_description(description: Any, method: str, path: str, kind: str) -> None:
    """Statuses and forms as described, no failure, and what breaks the form is refused.

    Not every request of the right form has an answer: two options may be the same words, or more than a row holds.
    """
    from schemathesis.checks import CHECKS

    mode = schemathesis.GenerationMode(kind)
    excluded = CHECKS.get_by_names(["positive_data_acceptance"])
    assert {"negative_data_rejection", "response_schema_conformance"} <= set(CHECKS.get_all_names())

    @given(description[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=CASES[method],
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    def keeps(case: Any) -> None:
        case.call_and_validate(excluded_checks=excluded)

    keeps()
