from __future__ import annotations

import json
import time

import pytest
from suture_gateway.http.bodies import parsed
from suture_gateway.http.problems import HttpProblem
from suture_gateway.http.requests import DecisionRequest, FreeForm, GenerateRequest
from suture_gateway.http.strict_json import parse


def refused(data: bytes) -> tuple[int, str | None, str]:
    with pytest.raises(HttpProblem) as caught:
        parse(data)
    assert caught.value.problem.remedy
    return caught.value.problem.status, caught.value.problem.field, caught.value.problem.detail


def test_plain_json_is_itself() -> None:
    value = {"a": [1, 2.5, None, True, "ä\n\U0001f600"], "b": {"c": {}}}
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("data", "status", "field"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b'{"a": 1} x', 400, None),
        (b"\xff\xfe", 400, None),
        (b'{"a": "\xed\xa0\x80"}', 400, None),
        (b'{"a": NaN}', 400, None),
        (b'{"a": -Infinity}', 400, None),
        (b'{"a": 1e999}', 400, None),
        (b'{"a": ' + b"9" * 5_000 + b"}", 400, None),
        (b'{"a": 9223372036854775808}', 400, None),
        (b'{"a": -' + b"9" * 30 + b"}", 400, None),
        (b'{"a": 1, "b": 2, "a": 3}', 400, "a"),
        (b'{"o": [{"a": 1, "a": 1}]}', 400, "a"),
        (b'{"o": ["x", "a\\u0000b"]}', 422, "o.1"),
        (b'{"o": {"a\\u0000b": 1}}', 422, "o"),
        (b'{"o": "\\ud800"}', 422, "o"),
        (b'{"o": "a\x00b"}', 400, None),
        (b"[" * 40 + b"]" * 40, 422, None),
        (b"[" * 100_000, 422, None),
        (b'{"a":' * 40 + b"1" + b"}" * 40, 422, None),
    ],
)
def test_what_readers_disagree_on_is_refused(data: bytes, status: int, field: str | None) -> None:
    assert refused(data)[:2] == (status, field)


def test_thirty_levels_are_enough_for_anyone() -> None:
    assert parse(b"[" * 30 + b"]" * 30)


def test_a_body_of_a_megabyte_is_looked_through_quickly() -> None:
    started = time.process_time()
    parse(b"[" + b'"\\u0041",' * 100_000 + b"1]")
    assert time.process_time() - started < 2


def test_a_request_without_its_body_is_told_what_to_send() -> None:
    with pytest.raises(HttpProblem) as caught:
        parsed(b"", DecisionRequest)
    assert (caught.value.problem.status, caught.value.problem.detail) == (400, "there is no body")
    assert caught.value.problem.remedy == "send a JSON object with revision, digest"


def test_both_spellings_of_a_field_are_taken() -> None:
    cause = {
        "root_cause_category": "Configuration",
        "root_cause_details": "x",
        "confidence_score": "HIGH",
        "impact": "ignored",
    }
    camel = GenerateRequest.model_validate({"anomalyId": "a", "rootCauseAnalysis": cause})
    snake = GenerateRequest.model_validate({"anomaly_id": "a", "root_cause_analysis": cause})
    assert camel.finding() == snake.finding()
    assert camel.finding().start == "on_request"


def test_a_misspelt_field_of_a_decision_is_refused() -> None:
    with pytest.raises(ValueError, match="approval"):
        DecisionRequest.model_validate({"revision": 1, "digest": "0" * 64, "approval": "x"})


def test_a_templates_own_data_keeps_its_spelling() -> None:
    body = FreeForm.model_validate({"scriptType": "bash", "parameters": {"configPath": {"x-fact": "a"}}})
    assert body.fields() == {"script_type": "bash", "parameters": {"configPath": {"x-fact": "a"}}}
