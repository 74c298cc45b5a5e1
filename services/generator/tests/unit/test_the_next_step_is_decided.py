"""Template first, then a model and its bounded repairs, then the predefined action, then a named failure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from suture_contracts.events import RcaAnalyzed
from suture_contracts.examples import example
from suture_contracts.script import ScriptDocument
from suture_contracts.target import Target
from suture_contracts.template import Template
from suture_generation.catalog import released_templates
from suture_generator.domain import Ask, Failed, History, Made, Planner, repairs_left

TEMPLATES = {template.id: template for template in released_templates()}
TEMPLATE = TEMPLATES["missing-configuration-file"]
PREDEFINED = TEMPLATE.model_copy(update={"id": "another"})
FACTS = {"config_path": "/srv/a.conf", "known_good_source": "/srv/good.conf"}
WITH_MODEL = Planner(has_model=True)
WITHOUT = Planner(has_model=False)


def analysis(
    template: Template | None = None, predefined: Template | None = None, facts: dict[str, Any] | None = None
) -> RcaAnalyzed:
    target = Target(id="t", kind="local", owner="me", facts=FACTS if facts is None else facts)
    changes = {"template": template, "predefined": predefined, "targets": (target,)}
    return cast(RcaAnalyzed, example("rca.analyzed")).model_copy(update=changes)


def written(history: History) -> Made:
    document = ScriptDocument(script_type="bash", body="echo")
    return Made(document, "novel", "exact", "high", None, history)


@pytest.mark.parametrize("planner", [WITH_MODEL, WITHOUT])
def test_a_template_that_can_be_filled_needs_no_model(planner: Planner) -> None:
    step = planner.first(analysis(TEMPLATE, PREDEFINED))
    assert isinstance(step, Made)
    assert step.origin == "template"
    assert step.document.targets == ("t",)


def test_a_template_without_its_facts_is_left_to_the_model() -> None:
    step = WITH_MODEL.first(analysis(TEMPLATE, facts={}))
    assert isinstance(step, Ask)
    assert "config_path" in step.history.tried[0]


def test_without_a_model_the_predefined_action_follows() -> None:
    step = WITHOUT.first(analysis(None, PREDEFINED))
    assert isinstance(step, Made)
    assert step.origin == "predefined"
    assert step.history.used_predefined


def test_with_nothing_left_the_failure_names_what_was_tried() -> None:
    step = WITHOUT.first(analysis(TEMPLATE, PREDEFINED, facts={}))
    assert isinstance(step, Failed)
    assert len(step.history.tried) == 2
    assert "known_good_source" in step.reason or "config_path" in step.reason


@pytest.mark.parametrize(("scripts", "expected"), [(1, Ask), (2, Ask), (3, Failed)])
def test_a_model_repairs_its_script_twice(scripts: int, expected: type) -> None:
    step = WITH_MODEL.after_refusal(analysis(), "novel", History(model_scripts=scripts))
    assert isinstance(step, expected)


def test_a_refused_template_goes_to_the_predefined_action_even_with_a_model() -> None:
    step = WITH_MODEL.after_refusal(analysis(TEMPLATE, PREDEFINED), "template", History())
    assert isinstance(step, Made)
    assert step.origin == "predefined"


def test_a_refused_predefined_action_is_the_end() -> None:
    step = WITHOUT.after_refusal(analysis(None, PREDEFINED), "predefined", History(used_predefined=True))
    assert isinstance(step, Failed)


@pytest.mark.parametrize(
    ("scripts", "has_predefined", "left"),
    [(1, True, 3), (2, True, 2), (3, True, 1), (1, False, 2), (2, False, 1), (3, False, 0)],
)
def test_repairs_left_of_a_models_script(scripts: int, has_predefined: bool, left: int) -> None:
    judged = analysis(None, PREDEFINED if has_predefined else None)
    assert repairs_left(written(History(model_scripts=scripts)), judged, True) == left


def test_repairs_left_of_templates() -> None:
    made = WITHOUT.first(analysis(TEMPLATE, PREDEFINED))
    assert isinstance(made, Made)
    assert repairs_left(made, analysis(TEMPLATE, PREDEFINED), True) == 1
    assert repairs_left(made, analysis(TEMPLATE, None), True) == 0
    spent = replace(made, origin="predefined", history=History(used_predefined=True))
    assert repairs_left(spent, analysis(TEMPLATE, PREDEFINED), True) == 0


def test_what_was_tried_is_bounded() -> None:
    history = History()
    for number in range(100):
        history = history.and_tried(f"{number} " + "x" * 1000)
    assert len(history.tried) == 20
    assert all(len(entry) <= 500 for entry in history.tried)
