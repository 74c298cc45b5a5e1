"""Hostile input meets the contracts first."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from suture_contracts import ids
from suture_contracts.examples import example
from suture_contracts.findings import RcaReceived, VulnerabilityReported
from suture_contracts.script import Script, ScriptDocument


def finding(**changes: Any) -> dict[str, Any]:
    return {**example("rca.received").model_dump(mode="json"), **changes}


@pytest.mark.parametrize(
    ("given_confidence", "fraction"),
    [("HIGH", 0.9), ("medium", 0.6), ("Low", 0.3), (0.42, 0.42), (87, 0.87), (1, 1.0), (0, 0.0)],
)
def test_confidence_may_be_a_label_a_fraction_or_a_percentage(given_confidence: Any, fraction: float) -> None:
    assert RcaReceived.model_validate(finding(confidence_score=given_confidence)).confidence_score == fraction


@pytest.mark.parametrize("bad", ["VERY", -1, 101, True, None, float("nan"), float("inf"), [], {}])
def test_another_confidence_is_refused(bad: Any) -> None:
    with pytest.raises(ValidationError, match="confidence_score"):
        RcaReceived.model_validate(finding(confidence_score=bad))


@pytest.mark.parametrize("spelling", ["Configuration", "configuration", "CONFIGURATION"])
def test_a_category_is_known_in_any_case(spelling: str) -> None:
    assert (
        RcaReceived.model_validate(finding(root_cause_category=spelling)).root_cause_category
        == "Configuration"
    )


@pytest.mark.parametrize("spelling", ["resource exhaustion", "resource_exhaustion", "ResourceExhaustion"])
def test_a_category_of_two_words_is_known_however_they_are_joined(spelling: str) -> None:
    known = RcaReceived.model_validate(finding(root_cause_category=spelling))
    assert known.root_cause_category == "ResourceExhaustion"


def test_an_unknown_category_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match=r"use one of Configuration, ResourceExhaustion"):
        RcaReceived.model_validate(finding(root_cause_category="Astrology"))


@pytest.mark.parametrize(
    "bad",
    [
        {"anomaly_id": "a b"},
        {"anomaly_id": ""},
        {"anomaly_id": 7},
        {"root_cause_details": ""},
        {"root_cause_details": "x" * 20_001},
        {"root_cause_details": "a\x00b"},
        {"suggested_actions": ["x"] * 51},
        {"suggested_actions": ["x" * 1_001]},
        {"severity": "apocalyptic"},
        {"start": "now"},
        {"affected_systems": "orders-api"},
    ],
)
def test_a_field_out_of_bounds_is_named(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        RcaReceived.model_validate(finding(**bad))
    assert caught.value.errors()[0]["loc"][0] == next(iter(bad))


@pytest.mark.parametrize("bad", [True, "7.5", 10.1])
def test_a_score_is_a_number_in_its_range(bad: object) -> None:
    message = example("vulnerability.reported").model_dump(mode="json")
    for good in (7, 7.5):
        VulnerabilityReported.model_validate_json(json.dumps({**message, "cvss": good}))
    with pytest.raises(ValidationError) as caught:
        VulnerabilityReported.model_validate_json(json.dumps({**message, "cvss": bad}))
    assert caught.value.errors()[0]["loc"] == ("cvss",)


def test_a_script_whose_digest_is_not_its_documents_is_refused() -> None:
    script = Script.of(uuid4(), 1, ScriptDocument(script_type="bash", body="true"))
    with pytest.raises(ValidationError, match="not the digest of document"):
        Script.model_validate({**script.model_dump(), "document": script.document.replace("true", "evil")})


def test_a_script_document_with_an_unknown_field_is_refused() -> None:
    document = ScriptDocument(script_type="bash", body="true").canonical()
    smuggled = document[:-1] + ',"also":"this"}'
    script = Script(script_id=uuid4(), revision=1, document=smuggled, sha256=ids.sha256(smuggled.encode()))
    with pytest.raises(ValidationError, match="also"):
        script.parse()


@pytest.mark.parametrize("path", ["relative", "/", "/a/../etc", "/a//b", "/a/./b", "/a\x00b", "/a\nb", ""])
def test_a_declared_write_is_a_normal_absolute_path(path: str) -> None:
    with pytest.raises(ValidationError, match="writes"):
        ScriptDocument(script_type="bash", body="true", writes=(path,))


@given(
    body=st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=200)
)
def test_a_document_reads_back_as_it_was_written(body: str) -> None:
    document = ScriptDocument(script_type="bash", body=body)
    script = Script.of(uuid4(), 1, document)
    assert script.parse() == document
    assert script.sha256 == ids.sha256(script.document.encode())


def test_ids_repeat_for_the_same_input_and_differ_for_any_other() -> None:
    first = ids.remediation_id("detector", "1")
    assert first == ids.remediation_id("detector", "1")
    assert first != ids.remediation_id("detector1", "")
    assert ids.approval_id(ids.script_id(first), 1) != ids.approval_id(ids.script_id(first), 2)
    assert ids.event_id(first, "rca.analyzed", 0) != ids.event_id(first, "rca.analyzed", 1)
