"""What the API answers when all is well: commands to their owners, reads from the fold."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any
from uuid import UUID

import pytest
from suture_contracts import commands, ids
from suture_contracts.base import Event, Reply
from suture_contracts.examples import example

BASE = "/api/generative-remediation"
REMEDIATION = ids.remediation_id("detector", "anomaly-123")
SCRIPT = ids.script_id(REMEDIATION)
CAUSE = {
    "root_cause_category": "Configuration",
    "root_cause_details": "Missing configuration file for database connection",
    "confidence_score": "HIGH",
    "suggested_actions": ["Create missing configuration file"],
}
GENERATE = {"anomalyId": "anomaly-123", "rootCauseAnalysis": CAUSE}
OPENED = Reply(status=202, body={"remediation_id": str(REMEDIATION), "script_id": str(SCRIPT)})


def event(kind: str, **fields: Any) -> Event:
    made = example(kind)
    assert isinstance(made, Event)
    return made.model_copy(update=fields)


async def generated(wire: Any) -> None:
    await wire.publish(event("rca.analyzed"), as_="analyzer")
    await wire.publish(event("script.generated"), as_="generator")


async def validated(wire: Any) -> None:
    await generated(wire)
    await wire.publish(event("script.validated"), as_="validator")


async def test_health_and_the_description_are_open_to_anyone(as_role: Any) -> None:
    anyone = as_role(None)
    health = await anyone.get("/health")
    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    description = (await anyone.get("/openapi.json")).json()
    assert description["openapi"].startswith("3.")
    assert set(description["paths"][f"{BASE}/scripts/{{script_id}}/approve"]["post"]) >= {"requestBody"}
    paths = {
        f"{BASE}/{path}"
        for path in (
            "generate",
            "scripts",
            "scripts/{script_id}",
            "scripts/{script_id}/validate",
            "scripts/{script_id}/approve",
            "scripts/{script_id}/execute",
            "templates",
            "templates/{template_id}",
        )
    }
    assert paths <= set(description["paths"])
    for page in ("/docs", "/redoc"):
        assert (await anyone.get(page)).status_code == 404


async def test_generate_is_accepted_at_once_and_starts_nothing_by_itself(as_role: Any, owners: Any) -> None:
    got = await owners("analyzer", {commands.Generate: OPENED})
    answer = await as_role("agent").post(f"{BASE}/generate", json=GENERATE)
    assert answer.status_code == 202
    assert answer.json() == {"id": str(SCRIPT), "remediationId": str(REMEDIATION), "status": "received"}
    assert answer.headers["location"] == f"{BASE}/scripts/{SCRIPT}"
    [command] = got
    assert (command.start, command.finding.start) == ("on_request", "on_request")
    assert (command.principal.id, command.principal.role) == ("agent", "agent")
    assert command.finding.confidence_score == 0.9


async def test_generate_waits_until_the_script_is_validated(as_role: Any, owners: Any, wire: Any) -> None:
    await owners("analyzer", {commands.Generate: OPENED})
    asking = asyncio.create_task(as_role("agent").post(f"{BASE}/generate?wait=20", json=GENERATE))
    await generated(wire)
    await asyncio.sleep(0.5)
    assert not asking.done()
    await wire.publish(event("script.validated"), as_="validator")
    answer = await asking
    assert answer.status_code == 201
    assert answer.json()["id"] == str(SCRIPT)
    assert answer.json()["status"] == "validated"
    assert answer.json()["validation"]["isValid"] is True


async def test_generate_shows_the_script_that_there_is_when_the_wait_ends(
    as_role: Any, owners: Any, wire: Any
) -> None:
    await owners("analyzer", {commands.Generate: OPENED})
    await generated(wire)
    answer = await as_role("agent").post(f"{BASE}/generate?wait=1", json=GENERATE)
    assert (answer.status_code, answer.json()["status"]) == (201, "generated")


async def test_generate_says_when_no_script_will_come(as_role: Any, owners: Any, wire: Any) -> None:
    await owners("analyzer", {commands.Generate: OPENED})
    failed = event("script.generation_failed", reason="no template and no model")
    await wire.publish(failed, as_="generator")
    answer = await as_role("agent").post(f"{BASE}/generate?wait=20", json=GENERATE)
    assert answer.status_code == 200
    assert answer.json()["status"] == "generation_failed"
    assert "no template and no model" in answer.json()["error"]


async def test_scripts_are_listed_filtered_and_paged(as_role: Any, wire: Any, eventually: Any) -> None:
    for number in range(5):
        remediation = ids.remediation_id("detector", f"page-{number}")
        script = event("script.generated").script.model_copy(  # type: ignore[attr-defined]
            update={"script_id": ids.script_id(remediation)}
        )
        await wire.publish(
            event("script.generated", remediation_id=remediation, script=script), as_="generator"
        )
    agent = as_role("agent")

    async def all_there() -> bool:
        return bool((await agent.get(f"{BASE}/scripts")).json()["total"] == 5)

    await eventually(all_there)
    seen: list[str] = []
    cursor = None
    for expected in (2, 2, 1):
        parameters = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await agent.get(f"{BASE}/scripts", params=parameters)).json()
        assert len(page["scripts"]) == expected
        seen += [script["id"] for script in page["scripts"]]
        cursor = page["nextCursor"]
    assert cursor is None
    assert len(set(seen)) == 5
    for query, count in (
        ({"status": "generated"}, 5),
        ({"status": "succeeded"}, 0),
        ({"category": "Configuration", "scriptType": "bash"}, 5),
        ({"category": "Network"}, 0),
        ({"scriptType": "sql"}, 0),
        ({"anomalyId": event("script.generated").finding.reference}, 5),  # type: ignore[attr-defined]
        ({"anomalyId": "another"}, 0),
    ):
        assert (await agent.get(f"{BASE}/scripts", params=query)).json()["total"] == count
    assert (await agent.get(f"{BASE}/scripts/{seen[0]}")).json()["id"] == seen[0]


async def test_a_script_is_validated_by_its_owner_anew(as_role: Any, owners: Any) -> None:
    report = asdict(event("script.validated").report)  # type: ignore[attr-defined]
    body = {"validation": report, "script_id": str(SCRIPT), "revision": 1}
    got = await owners("validator", {commands.Validate: Reply(status=200, body=body)})
    answer = await as_role("agent").post(f"{BASE}/scripts/{SCRIPT}/validate")
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["revision"]) == (str(SCRIPT), 1)
    assert answer.json()["validation"]["isValid"] is True
    assert got[0].script_id == SCRIPT
    text = {"scriptType": "bash", "text": "true"}
    assert (await as_role("agent").post(f"{BASE}/validate", json=text)).status_code == 200


async def test_a_supervisor_approves_and_denies_what_they_saw(as_role: Any, owners: Any) -> None:
    approval = ids.approval_id(SCRIPT, 1)
    body = {"approval_id": str(approval), "state": "approved", "approvals": 1, "approvers_required": 1}
    answers = {
        commands.Approve: Reply(status=200, body=body),
        commands.Deny: Reply(status=200, body={**body, "state": "denied"}),
    }
    got = await owners("approver", answers)
    seen = {"revision": 1, "digest": "0" * 64, "approvalId": str(approval), "reason": "fine"}
    approved = await as_role("supervisor").post(f"{BASE}/scripts/{SCRIPT}/approve", json=seen)
    assert approved.json() == {
        "id": str(SCRIPT),
        "approvalId": str(approval),
        "status": "approved",
        "approvals": 1,
        "approversRequired": 1,
    }
    denied = await as_role("admin").post(f"{BASE}/scripts/{SCRIPT}/deny", json=seen)
    assert denied.json()["status"] == "denied"
    assert [(one.TYPE, one.principal.id, one.revision) for one in got] == [
        ("approve", "supervisor", 1),
        ("deny", "admin", 1),
    ]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("succeeded", "SUCCESS"),
        ("already_remediated", "SUCCESS"),
        ("rolled_back", "ROLLED_BACK"),
        ("unknown", "UNKNOWN"),
        ("not_applied", "FAILED"),
        ("rollback_failed", "FAILED"),
    ],
)
async def test_execute_waits_for_the_outcome_and_names_it(
    as_role: Any, owners: Any, wire: Any, outcome: str, status: str
) -> None:
    execution = ids.execution_id(ids.approval_id(SCRIPT, 1))
    reply = Reply(status=202, body={"execution_id": str(execution), "state": "queued"})
    await owners("executor", {commands.Execute: reply})
    await validated(wire)
    asking = asyncio.create_task(as_role("agent").post(f"{BASE}/scripts/{SCRIPT}/execute?wait=20"))
    await wire.publish(event("execution.started"), as_="executor")
    await wire.publish(event("execution.completed", outcome=outcome), as_="executor")
    answer = await asking
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["executionId"]) == (status, str(execution))
    assert answer.json()["result"]["outcome"] == outcome
    assert bool(answer.json()["result"]["error"]) == (status != "SUCCESS")
    assert answer.json()["result"]["runs"][0]["target"] == "orders-host"


async def test_execute_of_a_script_that_waits_for_approval_is_pending(
    as_role: Any, owners: Any, wire: Any
) -> None:
    reply = Reply(status=202, body={"execution_id": None, "state": "awaiting_approval"})
    await owners("executor", {commands.Execute: reply})
    await validated(wire)
    await wire.publish(event("approval.requested", notify_only=False, approvers_required=1), as_="approver")
    answer = await as_role("agent").post(f"{BASE}/scripts/{SCRIPT}/execute?wait=1.5")
    assert (answer.status_code, answer.json()["status"]) == (202, "PENDING")
    assert "1 approver" in answer.json()["result"]["error"]


async def test_an_agent_reports_what_it_saw(as_role: Any, owners: Any) -> None:
    got = await owners("executor", {commands.ReportResult: Reply(status=200, body={"script_id": "x"})})
    body = {"status": "SUCCESS", "output": "ok", "durationSeconds": 1.5, "confidence": 0.5}
    answer = await as_role("agent").post(f"{BASE}/scripts/{SCRIPT}/report", json=body)
    assert answer.json() == {"id": str(SCRIPT), "scriptId": "x"}
    assert (got[0].status, got[0].duration_seconds) == ("SUCCESS", 1.5)


async def test_templates_are_listed_created_changed_and_removed(as_role: Any, owners: Any) -> None:
    template = example("create-template").template.model_dump(mode="json")  # type: ignore[attr-defined]
    got = await owners(
        "analyzer",
        {
            commands.ListTemplates: Reply(status=200, body={"templates": [template]}),
            commands.CreateTemplate: Reply(status=201, body=template),
            commands.UpdateTemplate: Reply(status=200, body={**template, "revision": 2}),
            commands.DeleteTemplate: Reply(status=200, body={"id": template["id"]}),
        },
    )
    path = f"{BASE}/templates"
    listed = (await as_role("agent").get(path)).json()["templates"]
    assert listed[0]["scriptType"] == "bash"
    assert listed[0]["parameters"] == template["parameters"]
    created = await as_role("supervisor").post(path, json=listed[0])
    assert (created.status_code, created.json()["id"]) == (201, template["id"])
    assert (got[1].template.origin, got[1].template.proven) == ("edited", False)
    changes = {"title": "Better", "scriptType": "bash", "revision": 1, "proven": True}
    updated = await as_role("supervisor").put(f"{path}/{template['id']}", json=changes)
    assert updated.json()["revision"] == 2
    assert (got[2].changes, got[2].revision) == ({"title": "Better", "script_type": "bash"}, 1)
    removed = await as_role("admin").delete(f"{path}/{template['id']}")
    assert removed.json() == {"id": template["id"]}


async def test_a_finding_and_a_vulnerability_are_taken(as_role: Any, owners: Any) -> None:
    got = await owners("analyzer", {commands.Generate: OPENED})
    rca = example("rca.received").model_dump(mode="json")
    answer = await as_role("operator").post("/api/findings", json=rca)
    assert (answer.status_code, answer.json()) == (202, OPENED.body)
    assert answer.headers["location"] == f"/api/remediations/{REMEDIATION}"
    vulnerability = {**example("vulnerability.reported").model_dump(mode="json"), "start": "on_request"}
    assert (await as_role("agent").post("/api/vulnerabilities", json=vulnerability)).status_code == 202
    assert [command.start for command in got] == ["automatic", "on_request"]


async def test_remediations_are_listed_shown_and_waited_for(as_role: Any, wire: Any, eventually: Any) -> None:
    agent = as_role("agent")
    await wire.publish(event("rca.received"), id="anomaly-123", source="detector")
    await validated(wire)
    path = f"/api/remediations/{REMEDIATION}"

    async def is_validated() -> bool:
        return bool((await agent.get(path)).json().get("state") == "validated")

    await eventually(is_validated)
    view = (await agent.get(path)).json()
    assert [entry["state"] for entry in view["states"]] == ["received", "analyzed", "generated", "validated"]
    assert (view["script_id"], view["revision"]) == (str(SCRIPT), 1)
    assert view["report"]["is_valid"] is True
    listed = (await agent.get("/api/remediations", params={"state": "validated"})).json()
    assert [entry["remediation_id"] for entry in listed["remediations"]] == [str(REMEDIATION)]
    assert (await agent.get("/api/remediations?state=denied")).json() == {
        "remediations": [],
        "next_cursor": None,
    }
    waiting = asyncio.create_task(agent.get(path, params={"wait": 20, "since": "validated"}))
    await asyncio.sleep(0.3)
    await wire.publish(event("approval.requested", notify_only=False), as_="approver")
    assert (await waiting).json()["state"] == "awaiting_approval"


async def test_an_execution_is_taken_back_on_request(
    as_role: Any, owners: Any, wire: Any, eventually: Any
) -> None:
    execution = str(event("execution.completed").execution_id)  # type: ignore[attr-defined]
    reply = Reply(status=202, body={"execution_id": execution})
    got = await owners("approver", {commands.RequestRollback: reply})
    await validated(wire)
    operator = as_role("operator")
    path = f"/api/remediations/{REMEDIATION}"

    async def known() -> bool:
        return (await operator.get(path)).status_code == 200

    await eventually(known)
    early = await operator.post(f"{path}/rollback", json={"reason": "x"})
    assert early.status_code == 409
    assert "state" in early.json()["state"]
    await wire.publish(event("execution.completed"), as_="executor")
    await operator.get(path, params={"wait": 10})
    answer = await operator.post(f"{path}/rollback", json={"reason": "it made things worse"})
    assert (answer.status_code, answer.json()["execution_id"]) == (202, execution)
    assert (got[0].execution_id, got[0].reason) == (UUID(execution), "it made things worse")


async def test_targets_are_registered_listed_and_removed(as_role: Any, owners: Any) -> None:
    target = {"id": "mine", "kind": "local", "reach": {"root": "/srv"}, "facts": {"services": ["a"]}}
    entry = {"target": {**target, "owner": "agent"}, "revision": 1}
    got = await owners(
        "executor",
        {
            commands.RegisterTarget: Reply(status=201, body=entry),
            commands.ListTargets: Reply(status=200, body={"targets": [entry]}),
            commands.RemoveTarget: Reply(status=200, body={"id": "mine"}),
        },
    )
    registered = await as_role("agent").post("/api/targets", json=target)
    assert (registered.status_code, registered.json()) == (201, entry)
    assert got[0].target.owner == "agent"
    assert (await as_role("agent").get("/api/targets")).json() == {"targets": [entry]}
    assert (await as_role("agent").get("/api/targets/mine")).json() == entry
    assert (await as_role("agent").get("/api/targets/other")).status_code == 404
    assert (await as_role("operator").delete("/api/targets/mine")).json() == {"id": "mine"}
    foreign = await as_role("agent").post("/api/targets", json={**target, "owner": "someone"})
    assert (foreign.status_code, foreign.json()["field"]) == (403, "owner")


async def test_everything_is_stopped_and_resumed(as_role: Any, owners: Any) -> None:
    got = await owners(
        "executor",
        {
            commands.Stop: Reply(status=200, body={"stop": "pause"}),
            commands.Resume: Reply(status=200, body={"stop": None}),
        },
    )
    assert (await as_role("operator").post("/api/stop")).json() == {"stop": "pause"}
    one = {"target_id": "mine", "mode": "abort", "reason": "smoke"}
    assert (await as_role("supervisor").post("/api/stop", json=one)).status_code == 200
    assert (await as_role("operator").post("/api/resume", json={"target_id": "mine"})).status_code == 200
    assert [(one.target_id, getattr(one, "mode", None)) for one in got] == [
        (None, "pause"),
        ("mine", "abort"),
        ("mine", None),
    ]


async def test_dead_letters_are_listed_shown_replayed_and_dropped(
    as_role: Any, wire: Any, eventually: Any
) -> None:
    admin = as_role("admin")
    for name in ("first", "second"):
        await wire.send("rca.received", b'{"anomaly_id": 1}', id=name)

    async def both() -> Any:
        letters = (await admin.get("/api/dead-letters")).json()["dead_letters"]
        return letters if len(letters) == 2 else None

    letters = await eventually(both)
    assert letters[0]["origin"] == "gateway.journal"
    assert letters[0]["reason"]
    shown = (await admin.get(f"/api/dead-letters/{letters[0]['id']}")).json()
    assert shown["body"] == '{"anomaly_id": 1}'
    replayed = await admin.post(f"/api/dead-letters/{letters[0]['id']}/replay")
    assert replayed.status_code == 202

    async def died_again() -> bool:
        return bool(await both() and letters[0]["id"] not in {letter["id"] for letter in await both()})

    await eventually(died_again)
    assert (await admin.delete(f"/api/dead-letters/{letters[1]['id']}")).status_code == 200
    missing = await admin.get(f"/api/dead-letters/{letters[1]['id']}")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
