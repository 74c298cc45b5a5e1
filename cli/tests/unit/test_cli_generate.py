"""suture generate: a line of JSON for each line that comes in, in order, without any running system."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result
from suture_local.model_server import ModelServer

Suture = Callable[..., Result]
VULNERABILITY = {
    "vulnerability_id": "CVE-2022-0778",
    "package": "openssl",
    "fixed_version": "1.1.1k-1+deb11u2",
    "distribution": "debian",
    "severity": "high",
}
UNKNOWN = {
    "anomaly_id": "a-1",
    "root_cause_category": "Application",
    "root_cause_details": "Orders are numbered twice after the clock went back",
    "confidence_score": "HIGH",
    "affected_systems": ["orders-api"],
}
KEYS = {
    *("id", "outcome", "reason", "category", "script_type", "targets", "package", "version"),
    *("package_manager", "script", "rollback", "verify", "origin", "template"),
}


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_line_is_answered_in_order_whatever_it_holds(suture: Suture, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(f"{json.dumps(VULNERABILITY)}\n{{broken\n\n{json.dumps(UNKNOWN)}\n")
    fixed, broken, unknown = lines(suture("generate", "--batch", str(rows)))
    assert all(set(line) == KEYS for line in (fixed, broken, unknown))
    assert (fixed["outcome"], fixed["package_manager"], fixed["version"]) == (
        "generated",
        "apt",
        "1.1.1k-1+deb11u2",
    )
    assert fixed["rollback"]
    assert (broken["id"], broken["outcome"]) == ("line-2", "generation_failed")
    assert unknown["outcome"] in ("no_action", "generation_failed")
    assert unknown["reason"]


def test_a_model_is_asked_where_no_template_fits(
    suture: Suture, tmp_path: Path, model_server: ModelServer, written: dict[str, Any], monkeypatch: Any
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    model_server.queue.append(written)
    row = tmp_path / "row.json"
    row.write_text(json.dumps(UNKNOWN))
    (line,) = lines(
        suture("generate", str(row), "--provider", "openai", "--base-url", model_server.openai_url)
    )
    assert (line["outcome"], line["origin"], line["template"]) == ("generated", "novel", None), line["reason"]


def test_a_provider_without_its_key_is_bad_input(suture: Suture, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    row = tmp_path / "row.json"
    row.write_text(json.dumps(UNKNOWN))
    result = suture("generate", str(row), "--provider", "openai")
    assert result.exit_code == 2
    assert "OPENAI_API_KEY" in result.output
