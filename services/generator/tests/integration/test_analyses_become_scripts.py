"""Analyses in, scripts out, without a model."""

from __future__ import annotations

import asyncio
from typing import Any

from suture_chassis.app import Service
from suture_contracts import ids
from suture_contracts.events import (
    RcaAnalyzed,
    ScriptGenerated,
    ScriptGenerationFailed,
    ScriptLapsed,
    ScriptRejected,
)
from suture_contracts.report import Report, SafetyFinding
from suture_contracts.script import Script
from suture_contracts.target import Target
from suture_contracts.template import Template
from suture_generator.domain import DRAFT_NOTE
from suture_testkit.wire import Wire


def refusal_of(generated: ScriptGenerated, *, final: bool = False) -> ScriptRejected:
    finding = SafetyFinding(
        rule_id="bash-recursive-delete",
        severity="error",
        message="deletes a tree",
        line=3,
        column=1,
        remedy="delete single files",
    )
    return ScriptRejected(
        remediation_id=generated.remediation_id,
        sequence=generated.script.revision,
        causation_id="caused",
        causation_digest=ids.sha256(b""),
        script=generated.script,
        report=Report(is_valid=False, safety_score=0, errors=("deletes a tree",), findings=(finding,)),
        ruleset=ids.sha256(b"rules"),
        final=final,
    )


async def eventually(service: Service, id: str, **wanted: Any) -> dict[str, Any]:
    for _ in range(200):
        document = await service.store.documents("generative_remediation_scripts").get(id)
        if document is not None and all(document[name] == value for name, value in wanted.items()):
            return document
        await asyncio.sleep(0.05)
    raise AssertionError(f"{id} did not get {wanted}")


async def test_a_template_is_rendered_without_a_model(
    generator: Service, wire: Wire, analyzed: RcaAnalyzed
) -> None:
    await wire.publish(analyzed, as_="analyzer")
    generated = await wire.expect(ScriptGenerated)

    assert generated.origin == "template"
    assert generated.script.script_id == ids.script_id(analyzed.remediation_id)
    assert generated.script.revision == 1
    assert generated.repairs_left == 0
    assert generated.confidence_parts == {
        "template_match": 1.0,
        "complexity": 1.0,
        "rca_confidence": analyzed.finding.confidence,
    }
    document = generated.script.parse()
    assert "config_path=/srv/orders/etc/database.conf" in document.body
    assert document.targets == ("orders-host",)
    assert document.egress == ("127.0.0.1:8080",)
    assert "/srv/orders/etc/database.conf" in document.writes


async def test_a_redelivery_repeats_the_same_event(
    generator: Service, wire: Wire, analyzed: RcaAnalyzed
) -> None:
    for _ in range(2):
        await wire.publish(analyzed, as_="analyzer", id="same", source="suture/analyzer")
    await wire.expect(ScriptGenerated)
    await wire.expect(ScriptGenerated)
    seen = wire.seen(ScriptGenerated)
    assert len({(event.id, event.body) for event in seen}) == 1
    assert await generator.store.collection("generative_remediation_scripts").count_documents({}) == 1


async def test_without_template_and_model_the_predefined_action_is_taken(
    generator: Service, wire: Wire, novel: RcaAnalyzed, template: Template
) -> None:
    await wire.publish(novel.model_copy(update={"predefined": template}), as_="analyzer")
    generated = await wire.expect(ScriptGenerated)
    assert generated.origin == "predefined"
    assert generated.repairs_left == 0
    assert generated.confidence_parts["template_match"] == 0.75


async def test_with_nothing_to_make_a_script_from_generation_fails_and_says_why(
    generator: Service, wire: Wire, novel: RcaAnalyzed
) -> None:
    await wire.publish(novel, as_="analyzer")
    failed = await wire.expect(ScriptGenerationFailed)
    assert failed.script_id == ids.script_id(novel.remediation_id)
    assert "no template fits" in failed.reason


async def test_a_fact_with_shell_characters_is_refused_by_name(
    generator: Service, wire: Wire, analyzed: RcaAnalyzed, target: Target
) -> None:
    hostile = {**target.facts, "config_path": "/srv/orders/$(touch /tmp/owned).conf"}
    await wire.publish(
        analyzed.model_copy(update={"targets": (target.model_copy(update={"facts": hostile}),)}),
        as_="analyzer",
    )
    failed = await wire.expect(ScriptGenerationFailed)
    assert "config_path" in failed.reason
    assert "pattern" in failed.reason


async def test_a_refused_template_is_followed_by_the_predefined_action_and_then_by_nothing(
    generator: Service, wire: Wire, analyzed: RcaAnalyzed, template: Template
) -> None:
    predefined = template.model_copy(update={"id": "another", "title": "Another"})
    await wire.publish(analyzed.model_copy(update={"predefined": predefined}), as_="analyzer")
    first = await wire.expect(ScriptGenerated)
    assert first.repairs_left == 1

    await wire.publish(refusal_of(first), as_="validator")
    second = await wire.expect(ScriptGenerated)
    assert second.origin == "predefined"
    assert second.script.script_id == first.script.script_id
    assert second.script.revision == 2
    assert second.repairs_left == 0

    await wire.publish(refusal_of(second, final=True), as_="validator")
    await wire.publish(refusal_of(first), as_="validator")
    await asyncio.sleep(1)
    assert len(wire.seen(ScriptGenerated)) == 2
    assert wire.seen(ScriptGenerationFailed) == []


async def test_a_target_registered_later_gets_the_next_revision_of_the_same_script(
    generator: Service, wire: Wire, analyzed: RcaAnalyzed, target: Target
) -> None:
    await wire.publish(analyzed.model_copy(update={"targets": ()}), as_="analyzer")
    draft = await wire.expect(ScriptGenerated)
    assert draft.script.parse().targets == ()
    assert DRAFT_NOTE in draft.script.parse().body
    await wire.publish(analyzed.model_copy(update={"sequence": 1}), as_="analyzer")
    generated = await wire.expect(ScriptGenerated)
    assert generated.script.script_id == draft.script.script_id
    assert generated.script.revision == 2
    assert DRAFT_NOTE not in generated.script.parse().body
    moved = target.model_copy(update={"facts": {**target.facts, "config_path": "/srv/orders/new.conf"}})
    await wire.publish(analyzed.model_copy(update={"sequence": 2, "targets": (moved,)}), as_="analyzer")
    again = await wire.expect(ScriptGenerated)
    assert again.script.revision == 3
    assert "config_path=/srv/orders/new.conf" in again.script.parse().body


async def test_an_analysis_that_arrives_after_a_newer_one_changes_nothing(
    generator: Service, wire: Wire, analyzed: RcaAnalyzed
) -> None:
    await wire.publish(analyzed.model_copy(update={"sequence": 1}), as_="analyzer")
    generated = await wire.expect(ScriptGenerated)
    await wire.publish(analyzed.model_copy(update={"targets": ()}), as_="analyzer")
    await asyncio.sleep(1)
    assert len(wire.seen(ScriptGenerated)) == 1
    assert wire.seen(ScriptGenerationFailed) == []
    await eventually(generator, str(generated.script.script_id), state="generated", revision=1)


async def test_an_analysis_that_asks_for_nothing_is_ignored(
    generator: Service, wire: Wire, novel: RcaAnalyzed, analyzed: RcaAnalyzed
) -> None:
    await wire.publish(novel.model_copy(update={"outcome": "no_action"}), as_="analyzer")
    other = {"remediation_id": ids.remediation_id("detector", "other")}
    await wire.publish(analyzed.model_copy(update=other), as_="analyzer")
    await wire.expect(ScriptGenerated)
    assert await generator.store.collection("generative_remediation_scripts").count_documents({}) == 1
    assert wire.seen(ScriptGenerationFailed) == []


async def test_a_refusal_of_a_script_that_nobody_made_is_left_aside(
    generator: Service, wire: Wire, analyzed: RcaAnalyzed
) -> None:
    await wire.publish(analyzed, as_="analyzer")
    generated = await wire.expect(ScriptGenerated)
    stranger = Script.of(ids.script_id(ids.remediation_id("a", "b")), 1, generated.script.parse())
    await wire.publish(refusal_of(generated).model_copy(update={"script": stranger}), as_="validator")
    await asyncio.sleep(1)
    assert len(wire.seen(ScriptGenerated)) == 1


async def test_a_script_whose_verdict_lapsed_is_issued_again_unchanged_as_the_next_revision(
    generator: Service, wire: Wire, analyzed: RcaAnalyzed
) -> None:
    await wire.publish(analyzed, as_="analyzer")
    first = await wire.expect(ScriptGenerated)
    lapsed = ScriptLapsed(
        remediation_id=first.remediation_id,
        sequence=2,
        causation_id="1",
        causation_digest=ids.sha256(b""),
        script_id=first.script.script_id,
        revision=1,
        reason="the key was revoked",
    )
    await wire.publish(lapsed, as_="approver", id="lapsed")
    second = await wire.expect(ScriptGenerated)
    assert second.script == first.script.model_copy(update={"revision": 2})
    assert second.causation_id == "lapsed"
    assert (second.origin, second.template, second.targets) == (first.origin, first.template, first.targets)
    # A lapse of a revision that is no longer the newest changes nothing.
    await wire.publish(lapsed, as_="approver", id="late")
    await wire.publish(lapsed.model_copy(update={"revision": 2}), as_="approver", id="next")
    third = await wire.expect(ScriptGenerated)
    assert (third.script.revision, third.causation_id) == (3, "next")
