"""A batch whose budget models have spent: what is left says so, and the same batch with more takes it up."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def written(program: Any) -> dict[str, Any]:
    """What the stand-in model answers for a program."""
    return {
        "script_type": "bash",
        "body": f"#!/bin/bash\nset -euo pipefail\ninstall -m 0640 {program.known_good} {program.config}\n",
        "rollback": f"#!/bin/bash\nset -euo pipefail\nrm -f {program.config}\n",
        "verify": f"#!/bin/bash\nset -euo pipefail\ntest -s {program.config}\n",
        "writes": [str(program.config)],
        "egress": [],
        "reversibility": "exact",
        "explanation": "configures the program so that it cannot be reached",
    }


def report(system: Any, vulnerability: str, program: Any) -> None:
    body = {
        "vulnerability_id": vulnerability,
        "package": "acme",
        "severity": "critical",
        "affected_systems": [program.id],
        "description": "Its listener takes commands from everybody",
    }
    answer = system.call("operator", "POST", "/api/vulnerabilities", body)
    assert answer.status_code == 202, answer.text
    system.wait(answer.json()["remediation_id"], "awaiting_approval")


def batch(system: Any, vulnerability: str, tokens: int, **page: Any) -> dict[str, Any]:
    body = {"vulnerability_id": vulnerability, "day": "2026-01-02", "max_tokens": tokens, **page}
    answer = system.call("operator", "POST", "/api/vulnerabilities/batch", body)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def test_a_spent_budget_is_shown_and_a_higher_one_goes_on(
    system: Any, make_program: Any, tmp_path: Path
) -> None:
    vulnerability = f"CVE-2026-{uuid4().int % 1_000_000}"
    programs = [system.register(make_program(tmp_path, f"{name}-{uuid4().hex[:8]}")) for name in "ab"]
    system.model_server.answering = lambda request: written(
        next(program for program in programs if str(program.config) in request.prompt)
    )
    for program in programs:
        report(system, vulnerability, program)

    first = batch(system, vulnerability, 1, limit=1)
    opened = first["remediations"]
    system.wait(opened[0]["remediation_id"], "awaiting_approval")
    opened += batch(system, vulnerability, 1, after=first["next"])["remediations"]
    left = system.wait(opened[1]["remediation_id"])
    assert left["state"] == "generation_failed"
    assert "the batch's budget of 1 tokens is spent" in left["error"]
    spent = batch(system, vulnerability, 1)["budget"]["spent"]
    assert (spent["tokens"], spent["left"]) == (150, 1)

    assert batch(system, vulnerability, 1_000)["remediations"] == opened
    assert system.wait(left["remediation_id"], "awaiting_approval")["script"]["origin"] == "novel"
    deadline = time.monotonic() + 20
    while (spent := batch(system, vulnerability, 1_000)["budget"]["spent"])["left"]:
        assert time.monotonic() < deadline, spent
        time.sleep(0.2)
    assert spent["tokens"] == 300
