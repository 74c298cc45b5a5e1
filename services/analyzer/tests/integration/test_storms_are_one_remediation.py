"""A detector that repeats itself opens one remediation; the rest is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from suture_analyzer.main import Settings, build
from suture_analyzer.storms import STORMS
from suture_chassis.app import Service
from suture_contracts import ids
from suture_contracts.commands import Generate
from suture_contracts.events import RcaAnalyzed
from suture_contracts.findings import RcaReceived
from suture_testkit.identities import Identities
from suture_testkit.wire import Wire


async def analyzed(wire: Wire, *event_ids: str) -> list[RcaAnalyzed]:
    return [
        await wire.expect(RcaAnalyzed, remediation_id=ids.remediation_id("detector", event_id))
        for event_id in event_ids
    ]


async def test_equal_findings_are_one_remediation_with_a_count(
    analyzer: Service, wire: Wire, finding: RcaReceived
) -> None:
    names = [f"alarm-{number}" for number in range(6)]
    await asyncio.gather(*(wire.publish(finding, id=name, source="detector") for name in names))
    found = await analyzed(wire, *names)

    first = [each for each in found if each.outcome == "analyzed"]
    assert len(first) == 1
    repeats = [each.repeats for each in found if each.outcome == "no_action"]
    assert {each.remediation_id for each in repeats if each} == {first[0].remediation_id}
    assert max(each.count for each in repeats if each) == 6
    assert all(str(first[0].remediation_id) in each.reason for each in found if each.repeats)
    storm = await analyzer.store.collection(STORMS).find_one({})
    assert storm is not None
    assert storm["count"] == 6


async def test_a_redelivered_finding_counts_once(analyzer: Service, wire: Wire, finding: RcaReceived) -> None:
    for name in ("one", "two", "two", "one", "two"):
        await wire.publish(finding, id=name, source="detector")
    await wire.publish(
        finding.model_copy(update={"root_cause_details": "another"}), id="last", source="detector"
    )
    first, second, _ = await analyzed(wire, "one", "two", "last")
    assert (first.outcome, second.outcome) == ("analyzed", "no_action")
    storm = await analyzer.store.collection(STORMS).find_one({"_id": first.finding.fingerprint})
    assert storm is not None
    assert storm["count"] == 2


async def test_what_differs_or_is_asked_for_by_name_stands_alone(
    analyzer: Service, wire: Wire, finding: RcaReceived, asked_by: Callable[..., dict[str, Any]]
) -> None:
    await wire.publish(finding, id="one", source="detector")
    other = finding.model_copy(update={"root_cause_details": "Another configuration file is missing"})
    await wire.publish(other, id="two", source="detector")
    assert [each.outcome for each in await analyzed(wire, "one", "two")] == ["analyzed", "analyzed"]
    await wire.request(Generate(finding=finding, **asked_by("operator", "olga", "command-1")))
    asked = await wire.expect(RcaAnalyzed, remediation_id=ids.remediation_id("api:olga", "command-1"))
    assert asked.outcome == "analyzed"


async def test_after_the_window_an_equal_finding_is_remedied_again(
    trust: Identities, wire: Wire, finding: RcaReceived
) -> None:
    async with build(Settings(**trust.settings_for("analyzer"), analyzer_storm_seconds=0.5)):
        await wire.publish(finding, id="one", source="detector")
        await analyzed(wire, "one")
        await asyncio.sleep(0.6)
        await wire.publish(finding, id="two", source="detector")
        (again,) = await analyzed(wire, "two")
    assert again.outcome == "analyzed"
