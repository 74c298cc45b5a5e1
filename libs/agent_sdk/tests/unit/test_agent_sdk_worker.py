"""What a worker says of runs, and what it says nothing of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from agent_sdk import AgentSDK
from agent_sdk.worker import Worker
from suture_chassis.custody import unseal
from suture_contracts.custody import Envelope
from suture_contracts.leases import AGENT_RESULT, AgentResult


@pytest.fixture
def worker(agent: AgentSDK, trust: Any, tmp_path: Path) -> Worker:
    return Worker(
        agent,
        tmp_path,
        target_id="far",
        state=tmp_path / "state",
        signing_key=trust.ring.key_file("agent"),
        trust_store=trust.file,
    )


def told(server: Any, bundle: Any, trust: Any) -> dict[str, Any]:
    """The result that the worker handed in, whose signature counts."""
    asked = server.asked[-1]
    assert (asked.method, asked.path) == ("PUT", "/api/leases/run-1/result")
    said = unseal(
        Envelope.model_validate(asked.body["result"]),
        trust.store,
        signed_by="agent",
        subject_sha256=bundle.script.sha256,
        predicate_type=AGENT_RESULT,
        model=AgentResult,
        kind="principal",
    )
    assert (said.run_id, said.token) == ("run-1", "t")
    return said.result


async def test_what_does_not_prove_itself_is_said_to_have_run_nothing(
    worker: Worker, server: Any, trust: Any, make_bundle: Any
) -> None:
    bundle = make_bundle(approval_by="executor")
    server.answer(200, {"bundle": bundle.model_dump(mode="json")})
    server.answer(200, {"run_id": "run-1", "outcome": "not_applied"})
    await worker.serve_one("home")
    result = told(server, bundle, trust)
    assert result["outcome"] == "not_applied"
    assert "approver did not sign it" in result["detail"]


async def test_a_lease_that_the_executor_did_not_give_is_answered_by_nothing(
    worker: Worker, server: Any, make_bundle: Any
) -> None:
    server.answer(200, {"bundle": make_bundle(lease_by="gateway").model_dump(mode="json")})
    assert await worker.serve_one("home") is False
    assert [asked.path for asked in server.asked] == ["/api/targets/far/lease"]


async def test_a_run_that_ended_while_nobody_watched_is_told_however_much_it_printed(
    worker: Worker, server: Any, trust: Any, make_bundle: Any, tmp_path: Path
) -> None:
    work = tmp_path / "state" / "runs" / "run-1"
    work.mkdir(parents=True)
    result = {"run_id": "run-1", "target": "far", "mode": "apply", "outcome": "succeeded"}
    noise = "\x01" * 65_000
    done = {**result, "output_tail": noise + "end", "diff": noise, "undo": noise}
    (work / "result.json").write_text(json.dumps(done))
    (work / "job.json").write_text(json.dumps({"result": str(work / "result.json")}))
    bundle = make_bundle()
    server.answer(200, {"bundle": bundle.model_dump(mode="json")})
    server.answer(200, {"run_id": "run-1", "outcome": "succeeded"})
    await worker.serve_one("home")
    said = told(server, bundle, trust)
    assert (said["outcome"], said["output_tail"].endswith("end")) == ("succeeded", True)
    assert not work.exists()


async def test_what_a_run_printed_is_told_before_its_result_where_somebody_watches(
    worker: Worker, server: Any, make_bundle: Any, tmp_path: Path
) -> None:
    work = tmp_path / "state" / "runs" / "run-1"
    work.mkdir(parents=True)
    result = {"run_id": "run-1", "target": "far", "mode": "apply", "outcome": "succeeded"}
    (work / "result.json").write_text(json.dumps(result))
    (work / "job.json").write_text(json.dumps({"result": str(work / "result.json")}))
    lines = [json.dumps({"at": 1.0, "line": "x" * 5_000}) + "\n" for _ in range(10)]
    (work / "progress").write_text("".join(lines) + '{"at": 2.0, "li')
    server.answer(200, {"bundle": make_bundle().model_dump(mode="json"), "watched": True})
    taken = 0
    while taken < len("".join(lines)):
        taken = min(taken + 6 * len(lines[0]), len("".join(lines)))
        server.answer(200, {"run_id": "run-1", "abort": False, "watched": True, "progress_taken": taken})
    server.answer(200, {"run_id": "run-1", "outcome": "succeeded"})
    await worker.serve_one("home")
    _, *renewed, ended = server.asked
    assert ended.path == "/api/leases/run-1/result"
    assert {asked.path for asked in renewed} == {"/api/leases/run-1"}
    assert "".join(asked.body["progress"] for asked in renewed) == "".join(lines)
    assert len(renewed) == 2
