"""The SDK against a real gateway; its owners answer over a real broker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import pytest
from agent_sdk import AgentSDK, Forbidden, NotFound, Unauthorized
from suture_chassis.app import Service
from suture_chassis.messages import Received
from suture_chassis.settings import ChassisSettings
from suture_contracts import commands, ids
from suture_contracts.base import Event, Reply
from suture_contracts.examples import example
from suture_testkit.gateway import api as api

REMEDIATION = ids.remediation_id("detector", "anomaly-123")
SCRIPT = ids.script_id(REMEDIATION)

REQUESTING = """
from agent_sdk import AgentSDK

# Initialize the agent
agent = AgentSDK(agent_id, api_key, api_base_url)

# RCA findings
anomaly_id = "anomaly-123"
root_cause_analysis = {
    "root_cause_category": "Configuration",
    "root_cause_details": "Missing configuration file for database connection",
    "confidence_score": "HIGH",
    "suggested_actions": [
        "Create missing configuration file",
        "Verify database connection parameters"
    ]
}

# Request generative remediation
script_response = agent.request_generative_remediation(anomaly_id, root_cause_analysis)
script_id = script_response.get('id')
"""

EXECUTING = """
# Validate the script
validation_result = agent.validate_script(script_id)

if validation_result.get('validation', {}).get('isValid'):
    # Execute the script
    execution_result = agent.execute_script(script_id)
    
    if execution_result.get('status') == 'SUCCESS':
        print("Script executed successfully!")
    else:
        print(f"Script execution failed: {execution_result.get('result', {}).get('error')}")
"""  # noqa: W293 - word for word


def event(kind: str, **fields: Any) -> Event:
    made = example(kind)
    assert isinstance(made, Event)
    return made.model_copy(update=fields)


@pytest.fixture
async def owners(trust: Any, wire: Any, api: str) -> AsyncIterator[dict[str, Any]]:
    """Owners that let the remediation of the example run its course; ``outcome`` says how it ends."""
    told: dict[str, Any] = {"outcome": "succeeded", "commands": []}

    async def generate(received: Received[commands.Generate]) -> Reply:
        told["commands"].append(received.message)
        await wire.publish(event("rca.analyzed"), as_="analyzer")
        await wire.publish(event("script.generated"), as_="generator")
        await wire.publish(event("script.validated"), as_="validator")
        body = {"remediation_id": str(REMEDIATION), "script_id": str(SCRIPT)}
        return Reply(status=202, body=body)

    async def validate(received: Received[commands.Validate]) -> Reply:
        report = asdict(event("script.validated").report)  # type: ignore[attr-defined]
        return Reply(status=200, body={"validation": report, "script_id": str(SCRIPT), "revision": 1})

    async def execute(received: Received[commands.Execute]) -> Reply:
        await wire.publish(event("execution.started"), as_="executor")
        await wire.publish(event("execution.completed", outcome=told["outcome"]), as_="executor")
        execution = ids.execution_id(ids.approval_id(SCRIPT, 1))
        return Reply(status=202, body={"execution_id": str(execution), "state": "queued"})

    async def register(received: Received[commands.RegisterTarget]) -> Reply:
        target = received.message.target.model_dump(mode="json")
        return Reply(status=201, body={"target": target, "revision": 1})

    async def approve(received: Received[commands.Approve]) -> Reply:
        told["commands"].append(received.message)
        return Reply(status=200, body={"approval_id": None, "state": "approved"})

    async with contextlib.AsyncExitStack() as stack:
        for name, handlers in {
            "analyzer": {commands.Generate: generate},
            "validator": {commands.Validate: validate},
            "executor": {commands.Execute: execute, commands.RegisterTarget: register},
            "approver": {commands.Approve: approve},
        }.items():
            service = Service(name, ChassisSettings(**trust.settings_for(name), graceful_timeout=2))
            for kind, handler in handlers.items():
                service.command(kind, handler)  # type: ignore[arg-type,type-var]
            await stack.enter_async_context(service)
        yield told


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        ("succeeded", "Script executed successfully!\n"),
        ("rolled_back", "Script execution failed: the script failed and was taken back\n"),
    ],
)
async def test_the_usage_examples_run_word_for_word(
    api: str, owners: dict[str, Any], capsys: pytest.CaptureFixture[str], outcome: str, says: str
) -> None:
    owners["outcome"] = outcome
    names = {"agent_id": "agent-1", "api_key": "agent", "api_base_url": api}

    def run() -> None:
        exec(REQUESTING + EXECUTING, names)  # noqa: S102

    await asyncio.to_thread(run)
    assert capsys.readouterr().out == says
    assert names["script_id"] == str(SCRIPT)
    assert names["script_response"]["script"].startswith("#!/bin/bash")  # type: ignore[index]


async def test_an_agent_gets_its_target_and_its_facts(api: str, owners: dict[str, Any]) -> None:
    with AgentSDK("agent-1", "agent", api) as agent:
        registered = await asyncio.to_thread(
            agent.register_target, root="/srv/orders", facts={"services": ["orders-api"]}
        )
    assert registered["target"]["id"] == "agent-1"
    assert registered["target"]["owner"] == "agent"
    assert registered["target"]["facts"] == {"services": ["orders-api"]}


async def test_a_supervisor_approves_what_was_read_and_an_agent_may_not(
    api: str, owners: dict[str, Any], wire: Any
) -> None:
    with AgentSDK("agent-1", "agent", api) as agent, AgentSDK("boss", "supervisor", api) as supervisor:
        script = await asyncio.to_thread(
            agent.request_generative_remediation, "anomaly-123", owners_finding()
        )
        with pytest.raises(Forbidden):
            await asyncio.to_thread(agent.approve_script, script["id"])
        approved = await asyncio.to_thread(supervisor.approve_script, script["id"], reason="looks right")
    assert approved["status"] == "approved"
    command = owners["commands"][-1]
    assert (command.revision, command.digest) == (script["revision"], script["digest"])


def owners_finding() -> dict[str, Any]:
    return {
        "root_cause_category": "Configuration",
        "root_cause_details": "Missing configuration file for database connection",
        "confidence_score": "HIGH",
    }


async def test_what_the_gateway_refuses_is_an_exception(api: str) -> None:
    with AgentSDK("agent-1", "wrong", api) as stranger, AgentSDK("agent-1", "agent", api) as agent:
        with pytest.raises(Unauthorized) as caught:
            await asyncio.to_thread(stranger.list_scripts)
        assert caught.value.field == "Authorization"
        with pytest.raises(NotFound):
            await asyncio.to_thread(agent.get_script, str(SCRIPT))
