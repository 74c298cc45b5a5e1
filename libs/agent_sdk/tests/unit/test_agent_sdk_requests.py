from __future__ import annotations

from typing import Any

import pytest
from agent_sdk import (
    AgentSDK,
    AgentSDKError,
    BadAnswer,
    BadRequest,
    ConflictError,
    Forbidden,
    NotFound,
    Unauthorized,
    Unavailable,
    Unreachable,
)

SCRIPT = {"id": "s-1", "revision": 2, "digest": "d" * 64, "approval": {"approvalId": "a-1"}}


def test_a_request_carries_key_agent_and_an_idempotency_key(server: Any, agent: AgentSDK) -> None:
    server.answer(201, {"target": {}, "revision": 1})
    agent.register_target(root="/srv", facts={"services": ["orders"]})
    [asked] = server.asked
    assert (asked.method, asked.path) == ("POST", "/api/targets")
    assert asked.headers["Authorization"] == "Bearer the-key"
    assert "agent-1" in asked.headers["User-Agent"]
    assert asked.headers["Idempotency-Key"]
    assert asked.body == {
        "id": "agent-1",
        "kind": "local",
        "reach": {"root": "/srv"},
        "facts": {"services": ["orders"]},
    }


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_api_is_asked_again_with_the_same_key(
    server: Any, agent: AgentSDK, pauses: list[float], status: int
) -> None:
    server.answer(status, {"detail": "busy"}, Retry_After="7")
    server.answer(status, {"detail": "busy"})
    server.answer(200, {"id": "agent-1"})
    assert agent.remove_target() == {"id": "agent-1"}
    assert len({asked.headers["Idempotency-Key"] for asked in server.asked}) == 1
    assert len(server.asked) == 3
    assert pauses[0] == 7
    assert 0 < pauses[1] <= 0.5


def test_a_lost_connection_is_tried_again_with_the_same_key(
    server: Any, agent: AgentSDK, pauses: list[float]
) -> None:
    server.answers.append(None)
    server.answer(200, {"id": "s-1", "status": "SUCCESS"})
    assert agent.execute_script("s-1")["status"] == "SUCCESS"
    assert len({asked.headers["Idempotency-Key"] for asked in server.asked}) == 1


def test_retries_end(server: Any, agent: AgentSDK, pauses: list[float]) -> None:
    server.answer(503, {"detail": "the store does not answer", "remedy": "wait"})
    with pytest.raises(Unavailable, match="the store does not answer"):
        agent.list_scripts()
    assert len(server.asked) == 4
    assert len(pauses) == 3


def test_a_retry_after_without_end_is_bounded(server: Any, agent: AgentSDK, pauses: list[float]) -> None:
    server.answer(429, {}, Retry_After="99999999")
    with pytest.raises(Unavailable):
        agent.list_targets()
    assert max(pauses) <= 30


def test_nobody_there_is_unreachable() -> None:
    agent = AgentSDK("a", "k", "http://127.0.0.1:9", retries=1, sleep=lambda seconds: None)
    with pytest.raises(Unreachable) as caught:
        agent.list_targets()
    assert caught.value.status is None
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, ConflictError),
        (413, BadRequest),
        (422, BadRequest),
        (500, Unavailable),
    ],
)
def test_a_problem_is_an_exception_with_its_fields(
    server: Any, agent: AgentSDK, status: int, kind: type[AgentSDKError]
) -> None:
    body = {
        "title": "No",
        "status": status,
        "detail": "why not",
        "field": "digest",
        "remedy": "look again",
        "state": {"revision": 3},
    }
    server.answer(status, body)
    with pytest.raises(kind) as caught:
        agent.get_script("s-1")
    error = caught.value
    assert (error.status, error.field, error.remedy, error.state) == (
        status,
        "digest",
        "look again",
        {"revision": 3},
    )
    assert str(error) == f"{status} digest: why not (look again)"
    assert len(server.asked) == 1


@pytest.mark.parametrize(("status", "body"), [(200, "<html>"), (200, []), (302, "")])
def test_an_answer_of_something_else_is_named_so(
    server: Any, agent: AgentSDK, status: int, body: Any
) -> None:
    server.answer(status, body)
    with pytest.raises(BadAnswer):
        agent.get_script("s-1")


def test_a_failure_that_is_no_problem_document_is_still_an_error(server: Any, agent: AgentSDK) -> None:
    server.answer(404, "<html>")
    with pytest.raises(NotFound):
        agent.get_script("s-1")


def test_generation_is_waited_for_over_several_requests(server: Any, agent: AgentSDK) -> None:
    for status in ("received", "generated"):
        server.answer(202, {"id": "s-1", "status": status})
    server.answer(201, {"id": "s-1", "status": "approved"})
    script = agent.request_generative_remediation("anomaly-1", {"root_cause_category": "Other"})
    assert script["status"] == "approved"
    assert len({asked.headers["Idempotency-Key"] for asked in server.asked}) == 1
    assert all("wait=" in asked.path for asked in server.asked)
    assert server.asked[0].body == {
        "anomalyId": "anomaly-1",
        "rootCauseAnalysis": {"root_cause_category": "Other"},
    }


def test_a_wait_ends_with_what_there_is(server: Any, agent: AgentSDK) -> None:
    server.answer(202, {"id": "s-1", "status": "PENDING", "result": {"error": "it waits for approval"}})
    assert agent.execute_script("s-1", max_wait=0.05)["status"] == "PENDING"


def test_approving_names_what_was_read(server: Any, agent: AgentSDK) -> None:
    server.answer(200, SCRIPT)
    server.answer(200, {"status": "approved"})
    agent.approve_script("s-1", reason="looks right")
    read, approved = server.asked
    assert (read.method, approved.path) == ("GET", "/api/generative-remediation/scripts/s-1/approve")
    assert approved.body == {
        "revision": 2,
        "digest": "d" * 64,
        "reason": "looks right",
        "approvalId": "a-1",
    }


def test_denying_names_what_the_caller_saw(server: Any, agent: AgentSDK) -> None:
    server.answer(200, {"status": "denied"})
    agent.deny_script("s-1", revision=1, digest="e" * 64)
    [asked] = server.asked
    assert asked.body == {"revision": 1, "digest": "e" * 64, "reason": ""}


def test_an_id_stays_one_part_of_the_path(server: Any, agent: AgentSDK) -> None:
    server.answer(404, {})
    with pytest.raises(NotFound):
        agent.get_script("../templates?x=1")
    assert server.asked[0].path == "/api/generative-remediation/scripts/..%2Ftemplates%3Fx%3D1"


@pytest.mark.parametrize(
    ("agent_id", "key", "address"),
    [
        ("", "k", "http://h"),
        ("a b", "k", "http://h"),
        ("a\r\nX: y", "k", "http://h"),
        ("a", "", "http://h"),
        ("a", "k\r\nX: y", "http://h"),
        ("a", "schlüssel", "http://h"),
        ("a", "k", "h:80"),
        ("a", "k", "file:///etc/passwd"),
    ],
)
def test_what_cannot_work_is_refused_at_once(agent_id: str, key: str, address: str) -> None:
    with pytest.raises(ValueError, match=r"agent_id|api_key|api_base_url"):
        AgentSDK(agent_id, key, address)


def test_every_other_call_goes_to_its_path(server: Any, agent: AgentSDK) -> None:
    server.answer(200, {"templates": [], "targets": [], "id": "x"})
    agent.list_scripts(status="approved", script_type="bash", limit=5)
    agent.validate_script("s")
    agent.report_result("s", "SUCCESS", output="ok", confidence=0.5)
    agent.list_templates()
    agent.create_template({"id": "t"})
    agent.update_template("t", {"title": "x"})
    agent.delete_template("t")
    agent.list_targets()
    base = "/api/generative-remediation"
    assert [(asked.method, asked.path) for asked in server.asked] == [
        ("GET", f"{base}/scripts?status=approved&scriptType=bash&limit=5"),
        ("POST", f"{base}/scripts/s/validate"),
        ("POST", f"{base}/scripts/s/report"),
        ("GET", f"{base}/templates"),
        ("POST", f"{base}/templates"),
        ("PUT", f"{base}/templates/t"),
        ("DELETE", f"{base}/templates/t"),
        ("GET", "/api/targets"),
    ]
