"""The usage examples of the patch generator, word for word but for the modules they import from."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from suture_generation import Vulnerability
from suture_local.model_server import ModelAnswer, ModelServer

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

OPENSSL = {
    "package": "openssl",
    "installed_version": "1.1.1f-1ubuntu2.19",
    "fixed_version": "1.1.1f-1ubuntu2.20",
    "distribution": "ubuntu",
    "distribution_version": "20.04",
    "severity": "critical",
    "description": "A certificate can make the library loop for ever",
    "start": "on_request",
}

GENERATING = """
import asyncio
from suture_generation import VulnerabilityAnalyzer
from suture_generation import AIPatchGenerator
from suture_generation import validate_patch
from suture_generation import Vulnerability

async def generate_patch(vulnerability: Vulnerability):
    # Analyze vulnerability
    analyzer = VulnerabilityAnalyzer()
    analysis = await analyzer.analyze(vulnerability)

    print(f"Patch Type: {analysis.patch_type.value}")
    print(f"Confidence: {analysis.confidence:.2f}")

    # Generate patch using OpenAI
    async with AIPatchGenerator(llm_provider="openai") as generator:
        result = await generator.generate_patch(vulnerability, analysis)

    print(f"Generated patch ({result.tokens_used} tokens)")
    print(f"Confidence Score: {result.confidence_score:.2f}")

    # Validate patch
    validation = validate_patch(result.patch_content)

    if validation.is_valid:
        print("✅ Patch is safe to deploy")
    else:
        print("❌ Patch has issues:")
        for error in validation.errors:
            print(f"  - {error}")

    return result

# Run
vuln = get_vulnerability_from_db()
result = asyncio.run(generate_patch(vuln))
"""

QUEUEING = """
from suture_generation.tasks import generate_patch_for_vulnerability

# Trigger patch generation (async task)
task = generate_patch_for_vulnerability.delay(
    vulnerability_id=123,
    llm_provider="openai"
)

# Check result
result = task.get(timeout=300)
print(result)
"""

ON_DEMAND = """
# Generate patch for specific vulnerability
generate_patch_for_vulnerability.delay(vulnerability_id=123)
"""

SCHEDULED = """
# Generate patches for all critical vulnerabilities (scheduled daily)
generate_patches_for_critical_vulnerabilities.delay()
"""

CHOOSING = """
# Use OpenAI GPT-4
generator = AIPatchGenerator(
    llm_provider="openai",
    llm_model="gpt-4"
)

# Use Anthropic Claude
generator = AIPatchGenerator(
    llm_provider="anthropic",
    llm_model="claude-3-sonnet-20240229"
)

# Auto-detect from environment
from suture_generation import get_llm_client
client = get_llm_client("openai")  # Uses OPENAI_API_KEY env var
"""

RETRYING = """
async def retried():
    # Automatic retry with exponential backoff
    result = await client.generate_with_retry(messages, max_retries=5)
    return result
"""


UNKNOWN = {"parameters": {}}
"""A model's answer where a template's values are asked for first, and it knows none of them."""


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, model_server: ModelServer) -> None:
    """The providers' keys, and a stand-in's address, where their SDKs look for them."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-of-nobody")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test-of-nobody")
    monkeypatch.setenv("OPENAI_BASE_URL", model_server.openai_url)


def run(example: str, **names: Any) -> dict[str, Any]:
    exec(example, names)  # noqa: S102
    return names


def generate(**changes: Any) -> Any:
    """What the example makes of a vulnerability."""
    vulnerability = Vulnerability.model_validate({"vulnerability_id": "CVE-2022-0778", **OPENSSL, **changes})
    return run(GENERATING, get_vulnerability_from_db=lambda: vulnerability)["result"]


def written(body: str) -> dict[str, Any]:
    """A model's answer: a workaround with this body."""
    return {
        "script_type": "bash",
        "body": body,
        "rollback": "#!/bin/bash\nset -euo pipefail\nsystemctl enable --now imported\n",
        "verify": "#!/bin/bash\nset -euo pipefail\n! systemctl is-active imported\n",
        "writes": [],
        "egress": [],
        "reversibility": "compensating",
        "explanation": "the service is not needed",
    }


def test_a_patch_that_a_template_covers_costs_no_tokens(
    capsys: pytest.CaptureFixture[str], model_server: ModelServer
) -> None:
    result = generate()
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Patch Type: package_update"
    assert said[2] == "Generated patch (0 tokens)"
    assert said[4:] == ["✅ Patch is safe to deploy"]
    assert 0.8 <= float(said[3].removeprefix("Confidence Score: ")) <= 1
    assert "openssl" in result.patch_content
    assert "1.1.1f-1ubuntu2.20" in result.patch_content
    assert model_server.requests == []


def test_a_patch_that_a_model_writes_says_its_tokens(
    capsys: pytest.CaptureFixture[str], model_server: ModelServer
) -> None:
    safe = "#!/bin/bash\nset -euo pipefail\nsystemctl disable --now imported\necho stopped\n"
    model_server.queue += [UNKNOWN, written(safe)]
    result = generate(fixed_version=None)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Patch Type: workaround"
    assert said[2] == "Generated patch (300 tokens)"
    assert float(said[3].removeprefix("Confidence Score: ")) < 0.8
    assert said[4:] == ["✅ Patch is safe to deploy"]
    assert result.patch_content == safe


def test_an_unsafe_patch_is_said_with_its_errors(
    capsys: pytest.CaptureFixture[str], model_server: ModelServer
) -> None:
    model_server.queue += [UNKNOWN, written("#!/bin/bash\nset -euo pipefail\nmkfs.ext4 /dev/sda1\n")]
    generate(fixed_version=None)
    said = capsys.readouterr().out.splitlines()
    assert said[4] == "❌ Patch has issues:"
    assert said[5].startswith("  - line 3, column 1: ")


def test_providers_are_chosen_and_asked_again_as_the_examples_are_written(model_server: ModelServer) -> None:
    from suture_generation import AIPatchGenerator

    names = run(CHOOSING, AIPatchGenerator=AIPatchGenerator)
    client = names["client"]
    assert client.name == "openai"
    model_server.queue += [ModelAnswer("slow down", status=429, retry_after=0.1), "Hello."]
    messages = [{"role": "user", "content": "Hello?"}]
    result = asyncio.run(run(RETRYING, client=client, messages=messages)["retried"]())
    assert (result.content, result.calls) == ("Hello.", 2)


def test_tasks_give_what_the_examples_show(
    system: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from suture_generation import tasks

    monkeypatch.setenv("SUTURE_API_URL", system.stack.api_url)
    monkeypatch.setenv("SUTURE_API_KEY", system.stack.tokens["operator"])
    reported = {**OPENSSL, "vulnerability_id": "123", "affected_systems": [f"host-{uuid4().hex[:8]}"]}
    answer = system.call("operator", "POST", "/api/vulnerabilities", reported)
    assert answer.status_code == 202, answer.text

    result = run(QUEUEING)["result"]
    assert capsys.readouterr().out == f"{result}\n"
    assert result["success"] is True
    assert result["patch_id"]
    assert 0 < result["confidence_score"] <= 1
    assert result["is_valid"] is True
    assert (result["llm_provider"], result["tokens_used"]) == ("none", 0)

    known = {name: getattr(tasks, name) for name in dir(tasks) if name.startswith("generate_")}
    run(ON_DEMAND, **known)
    run(SCHEDULED, **known)
    batch = tasks.generate_patches_for_critical_vulnerabilities.delay()
    assert result["remediation_id"] in {task.remediation_id for task in batch.tasks}
    whole = batch.get(timeout=120)
    assert whole["total"] == len(batch.tasks) >= 1
    assert whole["succeeded"] >= 1


def test_a_task_says_which_model_wrote_its_patch(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from suture_generation.tasks import generate_patch_for_vulnerability

    monkeypatch.setenv("SUTURE_API_URL", system.stack.api_url)
    monkeypatch.setenv("SUTURE_API_KEY", system.stack.tokens["operator"])
    host = f"host-{uuid4().hex[:8]}"
    answer = system.call("operator", "POST", "/api/targets", {"id": host, "kind": "host"})
    assert answer.status_code == 201, answer.text
    safe = "#!/bin/bash\nset -euo pipefail\nsystemctl disable --now imported\necho stopped\n"
    system.model_server.answering = lambda request: written(safe)
    reported = {**OPENSSL, "vulnerability_id": host, "fixed_version": None, "affected_systems": [host]}
    assert system.call("operator", "POST", "/api/vulnerabilities", reported).status_code == 202
    result = generate_patch_for_vulnerability.delay(host, llm_provider="openai").get(timeout=60)
    assert (result["success"], result["llm_provider"], result["tokens_used"]) == (True, "openai", 300)
