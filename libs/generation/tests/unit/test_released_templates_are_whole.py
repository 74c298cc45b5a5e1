"""Every packaged template renders, is valid bash, and passes the safety analysis with full marks."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict

import pytest
import yaml
from suture_contracts.findings import CATEGORIES
from suture_contracts.template import Template
from suture_generation.catalog import parse_template, released_templates
from suture_generation.errors import TemplateInvalid
from suture_generation.render import check_template
from suture_safety import analyse_document

TEMPLATES = {template.id: template for template in released_templates()}
# What a fix of its kind cannot do without, and the analysis warns of: an exact way back with apt is a
# downgrade, and ending an experiment removes it.
INHERENT = {"packages.force", "cluster.delete"}
# SQLite locks the whole database whatever it writes: its index cannot be built beside writers.
INHERENT_IN_SQLITE = {"sql.blocking-index", "sql.blocking-drop-index"}
# Their runners keep every object, row or file that they change, and put it back.
TAKEN_BACK_BY_THE_RUNNER = ("kubernetes", "sql", "config")


@pytest.fixture(params=sorted(TEMPLATES))
def template(request: pytest.FixtureRequest) -> Template:
    return TEMPLATES[request.param]


def test_it_has_an_example_a_rollback_and_a_verification(template: Template) -> None:
    assert template.examples
    assert template.rollback or template.script_type in TAKEN_BACK_BY_THE_RUNNER
    assert template.verify
    assert template.proven
    assert set(template.categories) <= set(CATEGORIES)
    assert set(template.predefined_for) <= set(template.categories)


def test_its_examples_render_to_valid_bash_or_manifests(template: Template) -> None:
    for document in check_template(template):
        texts = [document.body, document.rollback, document.verify]
        if template.script_type == "sql":
            continue  # what is no SQL is no valid script for the analysis
        if template.script_type == "config":
            assert json.loads(texts.pop(0))["edits"]
        if template.script_type == "kubernetes":
            objects = [one for text in texts for one in yaml.safe_load_all(text)]
            assert all(one["kind"] and one["metadata"]["name"] for one in objects)
            continue
        for text in texts:
            checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
            assert checked.returncode == 0, checked.stderr


def test_it_passes_the_safety_analysis_with_full_marks_for_quality(template: Template) -> None:
    inherent = INHERENT | (INHERENT_IN_SQLITE if template.id.startswith("sqlite-") else set())
    for document in check_template(template):
        report = analyse_document(document)
        problems = [finding for finding in report.findings if finding.severity != "info"]
        assert report.is_valid, report.errors
        assert {finding.rule_id for finding in problems} <= inherent, report.warnings
        assert all(asdict(report.quality).values()), report.quality


def test_application_and_other_have_no_template_at_all() -> None:
    for category in ("Application", "Other"):
        assert not [each.id for each in TEMPLATES.values() if category in each.categories]


def test_a_template_file_without_a_body_names_the_field() -> None:
    with pytest.raises(TemplateInvalid) as caught:
        parse_template("id: x\ntitle: X\ncategories: [Other]\n")
    assert caught.value.field == "body"


def test_yaml_aliases_which_can_grow_without_end_are_refused() -> None:
    with pytest.raises(TemplateInvalid, match="aliases"):
        parse_template("a: &a [1]\nb: [*a, *a]\n")
