"""The daily batch fires by its cron expression, once, bounded, and goes on where it broke off."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError
from suture_analyzer.main import Settings, build
from suture_analyzer.schedule import RUNS, Schedule
from suture_analyzer.service import Analyzer
from suture_analyzer.shelf import Shelf
from suture_analyzer.storms import Storms
from suture_analyzer.targets import Targets
from suture_chassis.app import Service
from suture_contracts.events import RcaAnalyzed
from suture_contracts.findings import VulnerabilityReported
from suture_testkit.identities import Identities
from suture_testkit.wire import Wire

MORNING = datetime(2026, 1, 2, 8, 30, tzinfo=UTC)


@pytest.fixture
async def reported(analyzer: Service, wire: Wire) -> None:
    for number, severity in enumerate(("critical", "critical", "critical", "low")):
        fields = {"package": f"package-{number}", "fixed_version": "1.2-3", "distribution": "debian"}
        vulnerability = VulnerabilityReported.model_validate(
            {"vulnerability_id": f"CVE-2024-{number}", "severity": severity, **fields}
        )
        await wire.publish(vulnerability, id=f"scan-{number}", source="scanner")
        await wire.expect(RcaAnalyzed)


async def schedule_of(service: Service, now: datetime, limit: int = 100) -> Schedule:
    targets, shelf = Targets(service.store), Shelf(service.store)
    await shelf.load()
    analyzer = Analyzer(service.store, targets, shelf, Storms(service.store, 0), service.log)
    return Schedule(
        service.store,
        analyzer,
        service.log,
        cron="0 3 * * *",
        severities=("critical",),
        limit=limit,
        now=lambda: now,
    )


async def opened(service: Service) -> int:
    return await service.store.collection("analyses").count_documents({"cause.causation_id": {"$regex": ":"}})


async def runs(service: Service) -> list[dict[str, Any]]:
    return await service.store.collection(RUNS).find().sort("_id", 1).to_list(None)


async def test_a_firing_opens_each_once_and_the_next_day_anew(reported: None, analyzer: Service) -> None:
    for _ in range(2):
        await (await schedule_of(analyzer, MORNING)).catch_up()
    (run,) = await runs(analyzer)
    assert (run["_id"], run["state"], run["opened"]) == ("2026-01-02T03:00:critical", "done", 3)
    assert await opened(analyzer) == 3
    await (await schedule_of(analyzer, MORNING.replace(day=3))).catch_up()
    assert await opened(analyzer) == 6


async def test_a_firing_that_broke_off_goes_on_behind_what_it_opened(
    reported: None, analyzer: Service
) -> None:
    first = (
        await analyzer.store.collection("vulnerabilities")
        .find({"severity": "critical"})
        .sort("_id", 1)
        .to_list(1)
    )
    begun = {"_id": "2026-01-02T03:00:critical", "state": "running", "opened": 1, "after": first[0]["_id"]}
    await analyzer.store.collection(RUNS).insert_one(begun)
    await (await schedule_of(analyzer, MORNING)).catch_up()
    (run,) = await runs(analyzer)
    assert (run["state"], run["opened"]) == ("done", 3)
    assert await opened(analyzer) == 2


async def test_a_firing_opens_no_more_than_its_limit(reported: None, analyzer: Service) -> None:
    await (await schedule_of(analyzer, MORNING, limit=2)).catch_up()
    assert await opened(analyzer) == 2


async def test_the_service_fires_by_itself(
    reported: None, analyzer: Service, trust: Identities, wire: Wire
) -> None:
    batch = {"analyzer_batch_cron": "* * * * *", "analyzer_batch_usd": 2.5}
    async with build(Settings(**trust.settings_for("analyzer"), **batch)):
        found = [await wire.expect(RcaAnalyzed) for _ in range(3)]
    assert {each.budget.usd for each in found if each.budget} == {2.5}
    assert {each.finding.reference for each in found} == {"CVE-2024-0", "CVE-2024-1", "CVE-2024-2"}
    assert {each.requested_by.id for each in found if each.requested_by} == {"schedule"}


def test_a_cron_expression_that_is_none_is_named(trust: Identities) -> None:
    with pytest.raises(ValidationError, match="no cron expression"):
        Settings(**trust.settings_for("analyzer"), analyzer_batch_cron="at noon")
