"""suture batch: what it opened, page by page, and what models took of its budget."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

PATH = "/api/vulnerabilities/batch"
BUDGET = {"id": "2026-01-02:critical", "tokens": 0, "usd": 1.5}


def opened(number: int, after: str | None, spent: dict[str, Any] | None = None) -> tuple[int, Any]:
    remediation = {
        "remediation_id": f"r-{number}",
        "vulnerability_id": f"CVE-2024-{number}",
        "package": "openssl",
        "start": "automatic",
    }
    return 202, {"remediations": [remediation], "next": after, "budget": {**BUDGET, "spent": spent}}


@pytest.fixture
def two_pages(running: Any) -> Any:
    running.on("POST", PATH, opened(1, "r-1"), opened(2, None, {"tokens": 9_000, "usd": 1.51, "left": 3}))
    return running


def test_what_was_left_for_want_of_budget_is_told(two_pages: Any, suture: Callable[..., Result]) -> None:
    result = suture("batch", "--day", "2026-01-02", "--max-usd", "1.5")
    assert result.exit_code == 0, result.output
    assert "2 remediations of 2026-01-02" in result.output
    assert "1.51 USD and 9000 tokens so far, of 1.5 USD; 3 left for want of it" in result.output
    assert [body["max_usd"] for body in two_pages.bodies("POST")] == [1.5, 1.5]
    assert two_pages.bodies("POST")[1]["after"] == "r-1"


def test_as_json_the_budget_is_the_last_line(two_pages: Any, suture: Callable[..., Result]) -> None:
    lines = suture("batch", "--max-usd", "1.5", "--json").output.splitlines()
    assert json.loads(lines[-1])["budget"]["spent"]["left"] == 3


def test_without_a_word_of_the_generator_the_batch_is_open_all_the_same(
    running: Any, suture: Callable[..., Result]
) -> None:
    running.on("POST", PATH, opened(1, None))
    result = suture("batch", "--max-usd", "1.5")
    assert result.exit_code == 0
    assert "could not be asked" in result.output
