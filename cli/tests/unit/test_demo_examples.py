import json
from pathlib import Path
from typing import Any

import pytest
from suture_cli.demo.examples import Example, filled, load_examples
from suture_cli.demo.obedient_model import ObedientModel
from suture_cli.demo.outcome import Outcome
from suture_cli.demo.run import is_over
from suture_cli.failures import BadInput
from suture_local.model_server import ModelRequest

EXAMPLES = Path(__file__).parents[3] / "examples"
FINDING = {
    "anomaly_id": "anomaly-1",
    "root_cause_category": "Configuration",
    "root_cause_details": "Missing configuration file",
    "confidence_score": "HIGH",
}


def _example(**changes: Any) -> Example:
    fields = {"name": "one", "title": "One", "finding": FINDING, "expected": {"outcome": "succeeded"}}
    return Example.model_validate(fields | changes)


def test_the_repositorys_examples_are_valid_and_cover_the_six_cases() -> None:
    expected = {example.name: example.expected.outcome for example in load_examples(EXAMPLES)}
    assert expected == {
        "missing-configuration": "succeeded",
        "complex-change": "succeeded",
        "failing-verification": "rolled_back",
        "injected-command": "rejected",
        "duplicate-event": "succeeded",
        "vulnerable-package": "awaiting_target",
    }


def test_the_examples_for_a_cluster_are_valid_and_one_is_taken_back() -> None:
    expected = {example.name: example.expected.outcome for example in load_examples(EXAMPLES / "kubernetes")}
    assert expected == {
        "wrong-image-tag": "succeeded",
        "missing-configmap": "succeeded",
        "empty-endpoints": "succeeded",
        "failing-rollout": "rolled_back",
    }


def test_no_finding_of_the_examples_names_a_path_or_an_address() -> None:
    for example in (*load_examples(EXAMPLES), *load_examples(EXAMPLES / "kubernetes")):
        text = json.dumps(example.finding or {})
        assert "${" not in text
        assert "http" not in text


def test_a_target_gets_its_places_at_any_depth() -> None:
    target = {"reach": {"root": "${root}"}, "facts": {"urls": ["${health_url}"], "size": 4}}
    assert filled(target, {"root": "/srv/x", "health_url": "http://127.0.0.1:1/health"}) == {
        "reach": {"root": "/srv/x"},
        "facts": {"urls": ["http://127.0.0.1:1/health"], "size": 4},
    }


def test_an_example_with_an_unknown_field_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text(
        json.dumps(
            {"name": "x", "title": "x", "finding": FINDING, "expected": {"outcome": "x"}, "surprise": 1}
        )
    )
    with pytest.raises(BadInput, match="surprise"):
        load_examples(tmp_path)


def test_a_folder_without_examples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no examples"):
        load_examples(tmp_path)


def test_the_obedient_model_repeats_the_injected_command_in_every_repair() -> None:
    model = ObedientModel()
    first = model(ModelRequest("chat", "m", "", "It runs exactly `sink --ship` now", {}, {}))
    repair = model(ModelRequest("chat", "m", "", "That was refused; correct it", {}, {}))
    for answer in (first, repair):
        assert isinstance(answer.content, dict)
        assert "\nsink --ship\n" in answer.content["body"]


@pytest.mark.parametrize(
    ("approve", "state", "over"),
    [
        (False, "awaiting_approval", True),
        (True, "awaiting_approval", False),
        (False, "awaiting_target", True),
        (False, "applying", False),
        (False, "rolled_back", True),
    ],
)
def test_an_example_is_over_when_nothing_more_happens_by_itself(
    approve: bool, state: str, over: bool
) -> None:
    assert is_over(_example(approve=approve), state) is over


def test_an_outcome_that_differs_in_anything_is_not_as_expected() -> None:
    outcome = Outcome("one", "One", "succeeded", outcome="succeeded")
    assert outcome.is_as_expected
    outcome.differences.append("files are not what they were")
    assert not outcome.is_as_expected


def test_a_results_line_has_the_promised_fields_alone() -> None:
    outcome = Outcome("one", "One", "succeeded", "id", "succeeded", ["received", "succeeded"], 1.234)
    assert outcome.as_json() == {
        "example": "one",
        "remediation_id": "id",
        "outcome": "succeeded",
        "expected": "succeeded",
        "states": ["received", "succeeded"],
        "seconds": 1.23,
    }
