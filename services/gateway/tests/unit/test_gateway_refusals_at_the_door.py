"""What the API refuses by itself, before it would ask an owner or the store, and how it says so."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from suture_contracts import ids

BASE = "/api/generative-remediation"
SCRIPT = ids.script_id(ids.remediation_id("detector", "anomaly-123"))
FINDING = {
    "anomaly_id": "anomaly-1",
    "root_cause_category": "Configuration",
    "root_cause_details": "A file is missing",
    "confidence_score": 0.9,
}
DECISION = {"revision": 1, "digest": "0" * 64}
JSON = {"Content-Type": "application/json"}


def problem(answer: httpx.Response, status: int, field: str | None = None) -> dict[str, Any]:
    """The problem of an answer, which has to be one, whole."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["type"]
    assert body.get("field") == field
    return body


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", "Basic YTpi", "Bearer " + "x" * 10_000]
)
async def test_nobody_gets_in_without_a_known_key(as_role: Any, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, path in (
        ("GET", "/api/remediations"),
        ("POST", "/api/findings"),
        ("GET", "/api/dead-letters"),
        ("GET", "/api/audit/entries"),
    ):
        answer = await as_role(None).request(method, path, headers=headers)
        assert problem(answer, 401, "Authorization")["remedy"]
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_key_is_refused_before_a_body_is_read(as_role: Any) -> None:
    problem(await as_role(None).post("/api/findings", content=b"{" * 100), 401, "Authorization")


@pytest.mark.parametrize(
    ("role", "method", "path"),
    [
        ("agent", "POST", f"{BASE}/scripts/{SCRIPT}/approve"),
        ("operator", "POST", f"{BASE}/scripts/{SCRIPT}/approve"),
        ("operator", "POST", f"{BASE}/scripts/{SCRIPT}/deny"),
        ("agent", "POST", f"{BASE}/templates"),
        ("operator", "PUT", f"{BASE}/templates/x"),
        ("operator", "DELETE", f"{BASE}/templates/x"),
        ("supervisor", "POST", "/api/targets"),
        ("supervisor", "DELETE", "/api/targets/x"),
        ("agent", "POST", "/api/stop"),
        ("agent", "POST", "/api/resume"),
        ("agent", "POST", f"/api/remediations/{SCRIPT}/rollback"),
        ("agent", "GET", "/api/dead-letters"),
        ("operator", "GET", "/api/audit/entries"),
        ("agent", "GET", "/api/audit/heads"),
        ("supervisor", "GET", "/api/dead-letters"),
        ("supervisor", "GET", "/api/dead-letters/x"),
        ("supervisor", "POST", "/api/dead-letters/x/replay"),
        ("supervisor", "DELETE", "/api/dead-letters/x"),
    ],
)
async def test_a_role_may_do_no_more_than_it_may(as_role: Any, role: str, method: str, path: str) -> None:
    assert role in problem(await as_role(role).request(method, path, json=DECISION), 403)["detail"]


async def test_a_method_that_a_path_does_not_take_is_named(as_role: Any) -> None:
    answer = await as_role("agent").put("/api/findings", json={})
    assert "POST" in problem(answer, 405)["remedy"]
    assert answer.headers["allow"] == "POST"
    answer = await as_role("agent").put("/api/targets", json={})
    assert "use GET, POST" in problem(answer, 405)["remedy"]
    assert answer.headers["allow"] == "GET, POST"
    assert (await as_role(None).post("/health")).headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/remediations/not-a-uuid", "remediation_id"),
        (f"{BASE}/scripts/..%2f..%2fetc", None),
        (f"{BASE}/scripts/1", "script_id"),
        ("/api/remediations?limit=0", "limit"),
        ("/api/remediations?limit=201", "limit"),
        ("/api/remediations?limit=x", "limit"),
        ("/api/remediations?state=asleep", "state"),
        ("/api/remediations?state=" + "a" * 41, "state"),
        ("/api/remediations?cursor=" + "a" * 201, "cursor"),
        ("/api/remediations?cursor=not-ours", "cursor"),
        ("/api/remediations?cursor=WyJhIiwxXQ", "cursor"),
        ("/api/remediations?cursor=W3siJGd0IjoxfSwiYSJd", "cursor"),
        ("/api/remediations?cursor=Wzk5OTk5OTk5OTk5OTk5OTk5OSwiYSJd", "cursor"),
        (f"/api/remediations/{SCRIPT}?wait=121", "wait"),
        (f"/api/remediations/{SCRIPT}?wait=-1", "wait"),
        (f"/api/remediations/{SCRIPT}?wait=NaN", "wait"),
        (f"{BASE}/scripts?scriptType=perl", "scriptType"),
        (f"{BASE}/scripts?status=$ne", "status"),
        (f"{BASE}/scripts?category[$ne]=x", "category[$ne]"),
        (f"{BASE}/scripts?anomaly_id=a", "anomaly_id"),
        ("/api/remediations?status=approved", "status"),
        ("/api/targets?limit=3", "limit"),
        ("/api/targets/" + "a" * 201, "target_id"),
        ("/api/targets/a%00b", "target_id"),
        ("/api/targets/a%0ab", None),
    ],
)
async def test_parameters_are_bounded(as_role: Any, path: str, field: str | None) -> None:
    answer = await as_role("agent").get(path)
    if field is None:
        assert answer.status_code in (404, 503)
        return
    assert problem(answer, 422, field)["remedy"]


@pytest.mark.parametrize(
    ("content", "status", "field"),
    [
        (b"", 422, "anomaly_id"),
        (b"{", 400, None),
        (b"not json", 400, None),
        (b"[]", 422, None),
        (b'"text"', 422, None),
        (b"null", 422, None),
        (b"[" * 5_000, 422, None),
        (b'{"anomaly_id": NaN}', 400, None),
        (b'{"anomaly_id": "a", "anomaly_id": "b"}', 400, "anomaly_id"),
        (b"\xff", 400, None),
        (json.dumps({**FINDING, "root_cause_details": "a\x00b"}).encode(), 422, "root_cause_details"),
        (json.dumps({**FINDING, "root_cause_details": "\ud800"}).encode(), 422, "root_cause_details"),
        (json.dumps({**FINDING, "root_cause_details": "x" * 20_001}).encode(), 422, "root_cause_details"),
        (json.dumps({**FINDING, "root_cause_category": "Weather"}).encode(), 422, "root_cause_category"),
        (json.dumps({**FINDING, "anomaly_id": "a b"}).encode(), 422, "anomaly_id"),
        (json.dumps({**FINDING, "anomaly_id": {"$gt": ""}}).encode(), 422, "anomaly_id"),
        (json.dumps({**FINDING, "confidence_score": "MAYBE"}).encode(), 422, "confidence_score"),
        (json.dumps({**FINDING, "start": "now"}).encode(), 422, "start"),
        (json.dumps({**FINDING, "suggested_actions": ["x"] * 51}).encode(), 422, "suggested_actions"),
    ],
)
async def test_a_bad_body_is_refused_by_field(
    as_role: Any, content: bytes, status: int, field: str | None
) -> None:
    answer = await as_role("agent").post("/api/findings", content=content or b"{}", headers=JSON)
    assert problem(answer, status, field)["remedy"]


async def test_a_nested_field_is_named_by_its_path(as_role: Any) -> None:
    body = {"anomalyId": "a", "rootCauseAnalysis": {**FINDING, "root_cause_category": "Weather"}}
    answer = await as_role("agent").post(f"{BASE}/generate", json=body)
    detail = problem(answer, 422, "rootCauseAnalysis.root_cause_category")["detail"]
    assert detail.startswith("unknown category 'Weather'; use one of Configuration")


async def test_a_stale_or_vague_decision_is_refused(as_role: Any) -> None:
    path = f"{BASE}/scripts/{SCRIPT}/approve"
    supervisor = as_role("supervisor")
    problem(await supervisor.post(path, json={"revision": 1}), 422, "digest")
    problem(await supervisor.post(path, json={**DECISION, "digest": "X"}), 422, "digest")
    problem(await supervisor.post(path, json={**DECISION, "yes": True}), 422, "yes")


@pytest.mark.parametrize("path", ["/api/findings", "/api/stop", f"{BASE}/templates"])
@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
async def test_a_body_that_is_not_declared_json_is_refused(as_role: Any, path: str, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    problem(await as_role("admin").post(path, content=b"{}", headers=headers), 415, "Content-Type")


async def test_an_unknown_template_field_is_named(as_role: Any) -> None:
    body = {"id": "x", "title": "x", "categories": ["Other"], "body": "true", "shell": "bash"}
    assert (
        "script_type"
        in problem(await as_role("admin").post(f"{BASE}/templates", json=body), 422, "shell")["remedy"]
    )
    body.pop("shell")
    body["title"] = ""
    problem(await as_role("admin").post(f"{BASE}/templates", json=body), 422, "title")


async def test_guessing_keys_is_held_back(as_role: Any) -> None:
    answers = [
        await as_role(None).get("/api/remediations", headers={"Authorization": f"Bearer guess-{number}"})
        for number in range(30)
    ]
    assert answers[0].status_code == 401
    problem(answers[-1], 429)
    problem(await as_role("agent").get("/api/remediations?limit=0"), 422, "limit")


async def test_the_description_is_whole_and_says_that_a_key_is_needed(as_role: Any) -> None:
    description = (await as_role(None).get("/openapi.json")).json()

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [ref for inner in value.values() for ref in references(inner)]
        return [ref for inner in value for ref in references(inner)] if isinstance(value, list) else []

    known = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    assert set(references(description)) <= known
    assert {"200", "201"} <= set(description["paths"]["/api/targets"]["post"]["responses"])
    for path, methods in description["paths"].items():
        for operation in methods.values():
            assert bool(operation.get("security")) == (path != "/health"), path
            assert operation["description"], path
