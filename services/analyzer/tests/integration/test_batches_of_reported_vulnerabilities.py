"""A batch opens one remediation a day for each vulnerability that it means, however often it is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from suture_chassis.app import Service
from suture_contracts.commands import Batch
from suture_contracts.events import RcaAnalyzed
from suture_contracts.findings import VulnerabilityReported
from suture_testkit.wire import Wire

Asked = Callable[..., dict[str, Any]]


@pytest.fixture
async def reported(analyzer: Service, wire: Wire) -> None:
    for number, severity in enumerate(("critical", "critical", "low")):
        vulnerability = VulnerabilityReported.model_validate(
            {
                "vulnerability_id": f"CVE-2024-{number}",
                "package": f"package-{number}",
                "fixed_version": "1.2-3",
                "distribution": "debian",
                "severity": severity,
            }
        )
        await wire.publish(vulnerability, id=f"scan-{number}", source="scanner")
        await wire.expect(RcaAnalyzed)


async def opened(wire: Wire, asked_by: Asked, **fields: Any) -> dict[str, Any]:
    command = Batch(**asked_by("operator"), day=date(2026, 1, 2), **fields)
    reply = await wire.request(command)
    assert reply.status == 202, reply
    return reply.body


async def test_the_same_day_and_filter_again_open_the_same(
    reported: None, wire: Wire, asked_by: Asked
) -> None:
    first = await opened(wire, asked_by)
    again = await opened(wire, asked_by)
    assert {one["vulnerability_id"] for one in first["remediations"]} == {"CVE-2024-0", "CVE-2024-1"}
    assert again == first
    judged = await wire.expect(RcaAnalyzed)
    assert judged.template is not None
    assert judged.template.id == "package-update-apt"


async def test_what_was_opened_on_that_day_otherwise_stays_as_it_was_and_says_so(
    reported: None, wire: Wire, asked_by: Asked
) -> None:
    scheduled = await opened(wire, asked_by)
    again = await opened(wire, asked_by, start="on_request")
    assert [one["start"] for one in scheduled["remediations"]] == ["automatic", "automatic"]
    assert again == scheduled
    other = await opened(wire, asked_by, start="on_request", vulnerability_id="CVE-2024-2")
    assert [one["start"] for one in other["remediations"]] == ["on_request"]


async def test_a_batch_is_taken_up_where_it_broke_off(reported: None, wire: Wire, asked_by: Asked) -> None:
    first = await opened(wire, asked_by, limit=1)
    rest = await opened(wire, asked_by, limit=1, after=first["next"])
    assert len(first["remediations"]) == len(rest["remediations"]) == 1
    assert first["remediations"] != rest["remediations"]
    assert rest["next"] is None


async def test_one_vulnerability_is_meant_by_its_id_whatever_its_severity(
    reported: None, wire: Wire, asked_by: Asked
) -> None:
    body = await opened(wire, asked_by, vulnerability_id="CVE-2024-2")
    assert [one["package"] for one in body["remediations"]] == ["package-2"]


async def judged(wire: Wire, sequence: int) -> list[RcaAnalyzed]:
    """Of both critical ones; what is opened again repeats the events before, under their ids."""
    found: dict[Any, RcaAnalyzed] = {}
    while len(found) < 2:
        each = await wire.expect(RcaAnalyzed)
        if each.sequence == sequence and each.budget:
            found[each.remediation_id] = each
    return list(found.values())


async def test_a_budget_travels_with_what_the_batch_opens_and_a_higher_one_is_published_once(
    reported: None, wire: Wire, asked_by: Asked
) -> None:
    async def bounds(sequence: int) -> set[tuple[str, float]]:
        return {(each.budget.id, each.budget.usd) for each in await judged(wire, sequence) if each.budget}

    first = await opened(wire, asked_by, max_usd=1.5)
    assert first["budget"] == {"id": "2026-01-02:critical", "tokens": 0, "usd": 1.5}
    assert await bounds(0) == {("2026-01-02:critical", 1.5)}
    raised = await opened(wire, asked_by, max_usd=3)
    assert raised["remediations"] == first["remediations"]
    assert await bounds(1) == {("2026-01-02:critical", 3.0)}
    # The same again, or without a word of it, changes nothing.
    await opened(wire, asked_by, max_usd=3)
    assert (await opened(wire, asked_by))["budget"] is None
    await opened(wire, asked_by, max_usd=4)
    assert await bounds(2) == {("2026-01-02:critical", 4.0)}


async def test_a_budget_is_raised_also_for_what_was_opened_in_another_way(
    reported: None, wire: Wire, asked_by: Asked
) -> None:
    await opened(wire, asked_by)
    await opened(wire, asked_by, start="on_request", max_tokens=500)
    assert {(each.start, each.budget.tokens) for each in await judged(wire, 1) if each.budget} == {
        ("automatic", 500)
    }
