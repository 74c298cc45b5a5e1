"""Findings in, analyses out: targets resolved, templates pinned, every id repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

from suture_chassis.app import Service
from suture_contracts import ids
from suture_contracts.commands import Generate
from suture_contracts.events import RcaAnalyzed, TargetRegistered, TargetRemoved, TargetUpdated
from suture_contracts.examples import example
from suture_contracts.findings import RcaReceived, VulnerabilityReported
from suture_contracts.target import Target
from suture_testkit.wire import Wire

Asked = Callable[..., dict[str, Any]]


async def register(wire: Wire, service: Service, target: Target, revision: int = 1) -> None:
    """Registers a target and waits until the analyzer keeps it."""
    model = TargetRegistered if revision == 1 else TargetUpdated
    await wire.publish(model(target=target, revision=revision), as_="executor")
    for _ in range(200):
        kept = await service.store.collection("analyzer_targets").find_one({"_id": target.id})
        if kept is not None and kept["revision"] >= revision:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{target.id} was not kept")


async def test_a_finding_gets_its_target_and_a_template_that_the_targets_facts_fill(
    analyzer: Service, wire: Wire, finding: RcaReceived, target: Target
) -> None:
    await register(wire, analyzer, target)
    await wire.publish(finding, id="anomaly-123", source="detector")

    analyzed = await wire.expect(RcaAnalyzed)

    assert analyzed.remediation_id == ids.remediation_id("detector", "anomaly-123")
    assert analyzed.outcome == "analyzed"
    assert analyzed.template is not None
    assert analyzed.template.id == "missing-configuration-file"
    assert [known.id for known in analyzed.targets] == ["orders-host"]
    assert analyzed.complexity == "low"
    assert analyzed.start == "automatic"
    assert analyzed.requested_by is None
    assert analyzed.causation_id == "anomaly-123"


async def test_the_same_cloudevent_twice_is_one_analysis_with_one_event_id(
    analyzer: Service, wire: Wire, finding: RcaReceived
) -> None:
    for _ in range(2):
        await wire.publish(finding, id="anomaly-123", source="detector")
    await wire.publish(finding, id="anomaly-124", source="detector")
    await wire.expect(RcaAnalyzed, remediation_id=ids.remediation_id("detector", "anomaly-124"))

    remediation_id = ids.remediation_id("detector", "anomaly-123")
    seen = wire.seen(RcaAnalyzed, remediation_id)
    assert len({event.id for event in seen}) == 1
    assert len({event.body for event in seen}) == 1
    assert await analyzer.store.collection("analyses").count_documents({}) == 2


async def test_a_finding_without_a_target_is_published_again_once_its_target_is_registered(
    analyzer: Service, wire: Wire, finding: RcaReceived, target: Target
) -> None:
    await wire.publish(finding, id="anomaly-123", source="detector")
    before = await wire.expect(RcaAnalyzed)
    assert before.targets == ()
    assert before.sequence == 0

    await wire.publish(TargetRegistered(target=target, revision=1), as_="executor")
    after = await wire.expect(RcaAnalyzed, remediation_id=before.remediation_id)

    assert after.sequence == 1
    assert [known.id for known in after.targets] == ["orders-host"]
    document = await analyzer.store.documents("analyses").get(str(after.remediation_id))
    assert document is not None
    assert document["needs_target"] is False


async def test_an_informational_finding_asks_for_nothing(
    analyzer: Service, wire: Wire, finding: RcaReceived
) -> None:
    await wire.publish(finding.model_copy(update={"severity": "info"}))
    analyzed = await wire.expect(RcaAnalyzed)
    assert analyzed.outcome == "no_action"
    assert "informational" in analyzed.reason


async def test_a_vulnerability_of_debian_pins_the_apt_template_and_is_kept(
    analyzer: Service, wire: Wire
) -> None:
    await wire.publish(example(VulnerabilityReported.TYPE))
    analyzed = await wire.expect(RcaAnalyzed)
    assert analyzed.template is not None
    assert analyzed.template.id == "package-update-apt"
    assert analyzed.finding.facts["package_manager"] == "apt"
    assert analyzed.targets == ()
    kept = await analyzer.store.documents("vulnerabilities").get(str(analyzed.remediation_id))
    assert kept is not None
    assert kept["package"] == "openssl"


async def test_an_agents_finding_without_systems_means_the_agents_own_targets(
    analyzer: Service, wire: Wire, finding: RcaReceived, target: Target, asked_by: Asked
) -> None:
    await register(wire, analyzer, target)
    anonymous = finding.model_copy(update={"affected_systems": ()})
    reply = await wire.request(Generate(finding=anonymous, **asked_by("agent", "agent-1", "command-1")))

    assert reply.status == 202, reply
    remediation_id = ids.remediation_id("api:agent-1", "command-1")
    assert reply.body == {
        "remediation_id": str(remediation_id),
        "script_id": str(ids.script_id(remediation_id)),
    }
    analyzed = await wire.expect(RcaAnalyzed, remediation_id=remediation_id)
    assert [known.id for known in analyzed.targets] == ["orders-host"]
    assert analyzed.start == "on_request"
    assert analyzed.requested_by is not None
    assert analyzed.requested_by.id == "agent-1"


async def test_a_repeated_generate_gets_the_same_answer_and_one_remediation(
    analyzer: Service, wire: Wire, finding: RcaReceived, asked_by: Asked
) -> None:
    first = await wire.request(Generate(finding=finding, **asked_by("operator", "olga", "command-1")))
    second = await wire.request(Generate(finding=finding, **asked_by("operator", "olga", "command-1")))
    assert first == second
    assert await analyzer.store.collection("analyses").count_documents({}) == 1


async def test_another_finding_under_a_used_command_id_is_a_conflict(
    analyzer: Service, wire: Wire, finding: RcaReceived, asked_by: Asked
) -> None:
    await wire.request(Generate(finding=finding, **asked_by("operator", "olga", "command-1")))
    other = finding.model_copy(update={"root_cause_details": "Something else"})
    reply = await wire.request(Generate(finding=other, **asked_by("operator", "olga", "command-1")))
    assert reply.status == 409
    assert reply.problem is not None
    assert reply.problem.field == "id"


async def test_an_older_revision_of_a_target_does_not_replace_a_newer_one(
    analyzer: Service, wire: Wire, finding: RcaReceived, target: Target
) -> None:
    newer = target.model_copy(update={"facts": {**target.facts, "config_path": "/srv/orders/new.conf"}})
    await register(wire, analyzer, newer, revision=2)
    await wire.publish(TargetRegistered(target=target, revision=1), as_="executor")
    await wire.publish(TargetRemoved(target_id="another", revision=1), as_="executor")
    await wire.publish(finding)
    analyzed = await wire.expect(RcaAnalyzed)
    assert analyzed.targets[0].facts["config_path"] == "/srv/orders/new.conf"


async def test_a_removed_target_is_no_longer_found(
    analyzer: Service, wire: Wire, finding: RcaReceived, target: Target
) -> None:
    await register(wire, analyzer, target)
    await wire.publish(TargetRemoved(target_id=target.id, revision=2), as_="executor")
    for _ in range(200):
        kept = await analyzer.store.collection("analyzer_targets").find_one({"_id": target.id})
        if kept is not None and kept["state"] == "removed":
            break
        await asyncio.sleep(0.05)
    await wire.publish(finding)
    assert (await wire.expect(RcaAnalyzed)).targets == ()


async def test_what_a_restart_finds_in_the_store_is_known_again(
    analyzer: Service, wire: Wire, finding: RcaReceived, target: Target, trust: Any
) -> None:
    from suture_analyzer.main import Settings, build

    await register(wire, analyzer, target)
    await analyzer.stop()
    async with build(Settings(**trust.settings_for("analyzer"))):
        await wire.publish(finding, id="after-restart", source="detector")
        expected = ids.remediation_id("detector", "after-restart")
        analyzed = await wire.expect(RcaAnalyzed, remediation_id=expected)
    assert isinstance(analyzed.remediation_id, UUID)
    assert [known.id for known in analyzed.targets] == ["orders-host"]


async def test_a_finding_of_an_unknown_category_is_dead_lettered_with_field_and_remedy(
    analyzer: Service, wire: Wire, finding: RcaReceived
) -> None:
    body = finding.model_dump_json().replace('"Configuration"', '"Astrology"').encode()
    await wire.send("rca.received", body, id="odd")
    for _ in range(100):
        letters = await wire.dead_letters()
        if letters:
            break
        await asyncio.sleep(0.1)
    assert "root_cause_category" in str(letters[0].headers)
    await wire.publish(finding)
    assert await wire.expect(RcaAnalyzed)
