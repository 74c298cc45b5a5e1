"""Both usage examples of the agent SDK, word for word."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

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
"""  # noqa: W293


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the agent's, whose configuration file is missing."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "known-good").mkdir()
    (tmp_path / "known-good" / "database.conf").write_text("host=db.internal\n")
    return tmp_path


def run_examples(system: Any, folder: Path, **facts: Any) -> None:
    """Both examples, one after the other, as an agent whose target is the folder."""
    from agent_sdk import AgentSDK

    config = folder / "etc" / "database.conf"
    agent_id, api_key, api_base_url = "agent", system.stack.tokens["agent"], system.stack.api_url
    target = {
        "id": f"agent-host-{uuid4().hex[:8]}",
        "kind": "local",
        "reach": {"root": str(folder)},
        "allowed_types": ["bash"],
        "owner": agent_id,
        "facts": {
            "config_path": str(config),
            "known_good_source": str(folder / "known-good" / "database.conf"),
            **facts,
        },
    }
    AgentSDK(agent_id, api_key, api_base_url).register(target)
    names: dict[str, Any] = {"agent_id": agent_id, "api_key": api_key, "api_base_url": api_base_url}
    try:
        exec(REQUESTING, names)  # noqa: S102
        assert not config.exists()
        exec(EXECUTING, names)  # noqa: S102
    finally:
        system.call("agent", "DELETE", f"/api/targets/{target['id']}")


def test_the_sdk_examples_run_as_they_are_written(
    system: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_examples(system, folder)
    assert capsys.readouterr().out == "Script executed successfully!\n"
    assert (folder / "etc" / "database.conf").read_text() == "host=db.internal\n"


def test_a_script_that_fails_is_taken_back_and_the_example_says_why(
    system: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_examples(system, folder, health_url="http://127.0.0.1:9/health")
    said = capsys.readouterr().out
    assert said.startswith("Script execution failed: ")
    assert "verif" in said
    assert not (folder / "etc" / "database.conf").exists()
