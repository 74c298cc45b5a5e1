"""What models take for a batch is bounded by its own budget; what is left says so, and goes on with more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from suture_contracts.base import Principal
from suture_contracts.commands import ShowSpending
from suture_contracts.events import Budget, RcaAnalyzed, ScriptGenerated, ScriptGenerationFailed
from suture_contracts.template import Template
from suture_generator.main import Settings, build
from suture_local.model_server import ModelServer
from suture_testkit.wire import Wire

BATCH = "2026-01-02:critical"
"""The stand-in model takes 150 tokens a call."""


def of_batch(analysis: RcaAnalyzed, tokens: int, id: str = BATCH) -> RcaAnalyzed:
    change = {"remediation_id": uuid4(), "budget": Budget(id=id, tokens=tokens)}
    return analysis.model_copy(update=change)


def with_more(analysis: RcaAnalyzed, tokens: int) -> RcaAnalyzed:
    change = {"sequence": analysis.sequence + 1, "budget": Budget(id=BATCH, tokens=tokens)}
    return analysis.model_copy(update=change)


async def spending(wire: Wire, id: str = BATCH) -> tuple[int, int]:
    """The tokens that were taken, and what was left."""
    now = datetime.now(UTC)
    command = ShowSpending(
        command_id=str(uuid4()),
        principal=Principal(id="olga", role="operator"),
        issued_at=now,
        expires_at=now + timedelta(minutes=5),
        budget_id=id,
    )
    reply = await wire.request(command)
    assert reply.status == 200, reply
    assert reply.body["usd"] > 0
    return reply.body["tokens"], reply.body["left"]


async def test_a_spent_budget_leaves_the_rest_over_a_restart_and_more_of_it_goes_on(
    wire: Wire,
    novel: RcaAnalyzed,
    model_server: ModelServer,
    written: dict[str, Any],
    with_model: dict[str, Any],
) -> None:
    model_server.answering = lambda request: written
    first, second = of_batch(novel, 150), of_batch(novel, 150)
    async with build(Settings(**with_model)):
        await wire.publish(first, as_="analyzer")
        await wire.expect(ScriptGenerated)
    async with build(Settings(**with_model)):
        await wire.publish(second, as_="analyzer")
        failed = await wire.expect(ScriptGenerationFailed)
        assert "the batch's budget of 150 tokens is spent" in failed.reason
        assert "a higher one takes this up again" in failed.reason
        assert await spending(wire) == (150, 1)
        assert len(model_server.requests) == 1

        for analysis in (first, second):
            await wire.publish(with_more(analysis, 1_000), as_="analyzer")
        resumed = await wire.expect(ScriptGenerated)
        assert resumed.remediation_id == second.remediation_id
        assert await spending(wire) == (300, 0)
    # What had its script keeps it: nothing was asked for it again.
    assert len(model_server.requests) == 2
    assert len(wire.seen(ScriptGenerated, first.remediation_id)) == 1


async def test_another_batch_and_what_needs_no_model_go_on(
    wire: Wire,
    analyzed: RcaAnalyzed,
    novel: RcaAnalyzed,
    template: Template,
    model_server: ModelServer,
    written: dict[str, Any],
    with_model: dict[str, Any],
) -> None:
    model_server.answering = lambda request: written
    async with build(Settings(**with_model)):
        await wire.publish(of_batch(novel, 150), as_="analyzer")
        await wire.expect(ScriptGenerated)
        predefined = of_batch(novel.model_copy(update={"predefined": template}), 150)
        for analysis in (of_batch(analyzed, 150), predefined, of_batch(novel, 150, "2026-01-03:critical")):
            await wire.publish(analysis, as_="analyzer")
        made = {(await wire.expect(ScriptGenerated)).origin for _ in range(3)}
        assert made == {"template", "predefined", "novel"}
        assert await spending(wire) == (150, 0)
    assert len(model_server.requests) == 2
