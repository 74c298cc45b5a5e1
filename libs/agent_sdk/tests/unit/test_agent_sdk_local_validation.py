from __future__ import annotations

import subprocess
import sys

import pytest
from agent_sdk import AgentSDK

POD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
    "spec: {hostNetwork: true, containers: [{name: a, image: b}]}\n"
)


@pytest.fixture
def agent() -> AgentSDK:
    return AgentSDK("agent-1", "key", "http://127.0.0.1:9")


def test_a_dangerous_text_is_found_out_where_it_is(agent: AgentSDK) -> None:
    report = agent.validate_locally("#!/bin/bash\nset -euo pipefail\nrm -rf /\n", "bash")
    assert report["isValid"] is False
    finding = next(one for one in report["findings"] if one["severity"] == "error")
    assert (finding["line"], bool(finding["ruleId"]), bool(finding["remedy"])) == (3, True, True)


def test_a_harmless_text_is_valid(agent: AgentSDK) -> None:
    report = agent.validate_locally("#!/bin/bash\nset -euo pipefail\necho hello\n")
    assert report["isValid"] is True
    assert 0 <= report["safetyScore"] <= 1


@pytest.mark.parametrize(
    ("script_type", "broken", "dangerous"),
    [
        ("bash", "if then\n", "mkfs.ext4 /dev/sda1\n"),
        ("python", "def f(:\n", "import shutil\nshutil.rmtree('/')\n"),
        ("sql", "SELEC * FRM orders", "DROP TABLE orders"),
        ("kubernetes", "a: [1", POD),
        (
            "config",
            '{"edits": [{"path": ',
            "--- /srv/../a\n+++ /srv/../a\n@@ -1 +1 @@\n-a\n+b\n",
        ),
    ],
)
def test_every_type_is_read_in_its_own_language(
    agent: AgentSDK, script_type: str, broken: str, dangerous: str
) -> None:
    report = agent.validate_locally(broken, script_type)
    assert f"{script_type}.syntax" in {finding["ruleId"] for finding in report["findings"]}
    assert report["isValid"] is False
    assert agent.validate_locally(dangerous, script_type)["isValid"] is False


def test_an_unknown_type_is_refused(agent: AgentSDK) -> None:
    with pytest.raises(ValueError, match="use one of bash"):
        agent.validate_locally("x", "perl")


def test_the_analysers_are_imported_only_when_they_are_used() -> None:
    code = "import sys, agent_sdk; sys.exit('suture_safety' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
