"""An equal finding gets the script that succeeded before; it is judged and approved like a new one."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from uuid import uuid4

import pytest
from suture_contracts.events import ExecutionCompleted, RcaAnalyzed, ScriptGenerated
from suture_contracts.examples import example
from suture_generator.main import Settings, build
from suture_local.model_server import ModelServer
from suture_testkit.wire import Wire


def run_of(generated: ScriptGenerated, outcome: str) -> ExecutionCompleted:
    completed = cast(ExecutionCompleted, example("execution.completed"))
    told = {
        "remediation_id": generated.remediation_id,
        "script_id": generated.script.script_id,
        "revision": generated.script.revision,
        "execution_id": uuid4(),
        "outcome": outcome,
        "template": None,
    }
    return completed.model_copy(update=told)


@pytest.mark.parametrize(("outcome", "origin"), [("succeeded", "reused"), ("rolled_back", "novel")])
async def test_only_a_script_whose_last_run_succeeded_is_used_again(
    wire: Wire,
    novel: RcaAnalyzed,
    model_server: ModelServer,
    written: dict[str, Any],
    with_model: dict[str, Any],
    outcome: str,
    origin: str,
) -> None:
    model_server.answering = lambda request: written
    async with build(Settings(**with_model)):
        await wire.publish(novel, as_="analyzer")
        first = await wire.expect(ScriptGenerated)
        await wire.publish(run_of(first, outcome), as_="executor")
        await asyncio.sleep(1.5)
        await wire.publish(novel.model_copy(update={"remediation_id": uuid4()}), as_="analyzer")
        second = await wire.expect(ScriptGenerated)
    assert second.origin == origin
    assert second.script.script_id != first.script.script_id
    assert second.script.parse().body == written["body"]
    assert len(model_server.requests) == (1 if origin == "reused" else 2)
