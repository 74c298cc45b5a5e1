"""A model behind its real SDK writes, is refused, repairs; a crash repeats nothing and loses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from suture_contracts import ids
from suture_contracts.events import RcaAnalyzed, ScriptGenerated, ScriptGenerationFailed, ScriptRejected
from suture_contracts.report import Report, SafetyFinding
from suture_contracts.target import Target
from suture_contracts.template import Template
from suture_generation.providers import ProviderMisconfigured
from suture_generator.books import TEXTS
from suture_generator.main import Settings, build
from suture_local.model_server import ModelAnswer, ModelServer
from suture_testkit.identities import Identities
from suture_testkit.wire import Wire


def refusal_of(generated: ScriptGenerated) -> ScriptRejected:
    finding = SafetyFinding(
        rule_id="bash-recursive-delete",
        severity="error",
        message="deletes a tree",
        line=3,
        column=1,
        remedy="delete single files",
    )
    return ScriptRejected(
        remediation_id=generated.remediation_id,
        sequence=generated.script.revision,
        causation_id="caused",
        causation_digest=ids.sha256(b""),
        script=generated.script,
        report=Report(is_valid=False, safety_score=0, errors=("deletes a tree",), findings=(finding,)),
        ruleset=ids.sha256(b"rules"),
        final=False,
    )


async def test_a_finding_that_no_template_fits_is_written_by_the_model(
    wire: Wire,
    novel: RcaAnalyzed,
    model_server: ModelServer,
    written: dict[str, Any],
    with_model: dict[str, Any],
) -> None:
    model_server.queue.append(written)
    async with build(Settings(**with_model)):
        await wire.publish(novel, as_="analyzer")
        generated = await wire.expect(ScriptGenerated)

    assert generated.origin == "novel"
    assert generated.repairs_left == 2
    assert generated.model is not None
    assert generated.model.provider == "openai"
    assert (generated.model.calls, generated.model.input_tokens) == (1, 100)
    document = generated.script.parse()
    assert document.body == written["body"]
    assert document.targets == ("orders-host",)
    request = model_server.requests[0]
    assert request.body["response_format"]["json_schema"]["strict"] is True


async def test_a_template_that_cannot_be_filled_is_adapted_by_the_model(
    wire: Wire,
    analyzed: RcaAnalyzed,
    target: Target,
    model_server: ModelServer,
    written: dict[str, Any],
    with_model: dict[str, Any],
) -> None:
    unknown = {"parameters": {"config_path": None, "known_good_source": None}}
    model_server.queue += [unknown, written]
    bare = target.model_copy(update={"facts": {}})
    async with build(Settings(**with_model)):
        await wire.publish(analyzed.model_copy(update={"targets": (bare,)}), as_="analyzer")
        generated = await wire.expect(ScriptGenerated)
    assert generated.origin == "adapted"
    assert generated.template is not None
    assert "Adapt this template" in model_server.requests[1].prompt
    assert generated.model is not None
    assert generated.model.calls == 2


async def test_a_model_fills_in_the_parameters_that_the_facts_leave_open_and_nothing_else(
    wire: Wire,
    analyzed: RcaAnalyzed,
    target: Target,
    model_server: ModelServer,
    with_model: dict[str, Any],
) -> None:
    said = {"known_good_source": "/srv/orders/release/database.conf", "config_path": "/etc/shadow"}
    model_server.queue.append({"parameters": said})
    facts = {"config_path": "/srv/orders/etc/database.conf"}
    partly = target.model_copy(update={"facts": facts})
    async with build(Settings(**with_model)):
        await wire.publish(analyzed.model_copy(update={"targets": (partly,)}), as_="analyzer")
        generated = await wire.expect(ScriptGenerated)
    assert generated.origin == "filled"
    document = generated.script.parse()
    # The target's own fact wins over what the model says besides.
    assert document.parameters["config_path"] == facts["config_path"]
    assert document.parameters["known_good_source"] == said["known_good_source"]
    assert document.writes[0] == facts["config_path"]
    assert "/etc/shadow" not in generated.script.document
    assert "# A model filled in: known_good_source\n" in document.body
    schema = model_server.requests[0].body["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]["parameters"]["properties"]) == ["known_good_source"]


async def test_a_refused_script_is_repaired_twice_and_then_replaced_by_the_predefined_action(
    wire: Wire,
    novel: RcaAnalyzed,
    template: Template,
    model_server: ModelServer,
    written: dict[str, Any],
    with_model: dict[str, Any],
) -> None:
    model_server.answering = lambda request: written
    async with build(Settings(**with_model)):
        await wire.publish(novel.model_copy(update={"predefined": template}), as_="analyzer")
        made = [await wire.expect(ScriptGenerated)]
        for _ in range(3):
            await wire.publish(refusal_of(made[-1]), as_="validator")
            made.append(await wire.expect(ScriptGenerated))

    assert [generated.origin for generated in made] == ["novel", "novel", "novel", "predefined"]
    assert [generated.repairs_left for generated in made] == [3, 2, 1, 0]
    assert [generated.script.revision for generated in made] == [1, 2, 3, 4]
    assert "bash-recursive-delete" in model_server.requests[1].prompt
    assert len(model_server.requests) == 3


async def test_a_provider_that_is_down_leaves_the_predefined_action(
    wire: Wire, novel: RcaAnalyzed, template: Template, model_server: ModelServer, with_model: dict[str, Any]
) -> None:
    model_server.answering = lambda request: ModelAnswer("no such key", status=401)
    async with build(Settings(**with_model)):
        await wire.publish(novel.model_copy(update={"predefined": template}), as_="analyzer")
        generated = await wire.expect(ScriptGenerated)
    assert generated.origin == "predefined"


async def test_a_provider_that_is_down_and_no_predefined_action_is_a_named_failure(
    wire: Wire, novel: RcaAnalyzed, model_server: ModelServer, with_model: dict[str, Any]
) -> None:
    model_server.answering = lambda request: ModelAnswer("no such key", status=401)
    async with build(Settings(**with_model)):
        await wire.publish(novel, as_="analyzer")
        failed = await wire.expect(ScriptGenerationFailed)
    assert "401" in failed.reason
    assert "sk-test" not in failed.model_dump_json()


async def test_an_answer_that_is_no_script_is_asked_for_once_more_and_then_refused(
    wire: Wire,
    novel: RcaAnalyzed,
    model_server: ModelServer,
    written: dict[str, Any],
    with_model: dict[str, Any],
) -> None:
    model_server.answering = lambda request: {**written, "writes": ["relative/path"]}
    async with build(Settings(**with_model)):
        await wire.publish(novel, as_="analyzer")
        failed = await wire.expect(ScriptGenerationFailed)
    assert "writes" in failed.reason
    assert len(model_server.requests) == 2


def test_a_provider_without_a_key_does_not_start(trust: Identities, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ProviderMisconfigured, match="OPENAI_API_KEY"):
        build(Settings(**trust.settings_for("generator"), generator_provider="openai"))


async def test_a_provider_that_refuses_the_key_does_not_start(
    model_server: ModelServer, with_model: dict[str, Any]
) -> None:
    model_server.refused_keys.add("sk-test-of-nobody")
    with pytest.raises(ProviderMisconfigured, match="API key"):
        async with build(Settings(**with_model)):
            pass


async def test_what_a_model_was_asked_and_said_is_kept_under_the_digests_that_the_event_names(
    wire: Wire,
    novel: RcaAnalyzed,
    model_server: ModelServer,
    written: dict[str, Any],
    with_model: dict[str, Any],
) -> None:
    model_server.queue.append(written)
    async with build(Settings(**with_model)) as service:
        await wire.publish(novel, as_="analyzer")
        generated = await wire.expect(ScriptGenerated)
        kept = {each["_id"]: each async for each in service.store.collection(TEXTS).find()}
    assert generated.model is not None
    assert generated.model.prompt_sha256 in kept
    answer = kept[str(generated.model.answer_sha256)]["text"]
    assert json.loads(answer) == written
    assert generated.model.answer_sha256 == ids.sha256(answer.encode())


async def test_the_days_budget_holds_over_a_restart(
    wire: Wire,
    novel: RcaAnalyzed,
    model_server: ModelServer,
    written: dict[str, Any],
    with_model: dict[str, Any],
) -> None:
    model_server.answering = lambda request: written
    settings = Settings(**with_model, generator_day_tokens=150)
    async with build(settings):
        await wire.publish(novel, as_="analyzer")
        await wire.expect(ScriptGenerated)
    async with build(settings):
        await wire.publish(novel.model_copy(update={"remediation_id": uuid4()}), as_="analyzer")
        failed = await wire.expect(ScriptGenerationFailed)
    assert "the day's budget of 150 tokens is spent" in failed.reason
    assert len(model_server.requests) == 1


async def test_a_remediations_budget_ends_its_repairs(
    wire: Wire,
    novel: RcaAnalyzed,
    model_server: ModelServer,
    written: dict[str, Any],
    with_model: dict[str, Any],
) -> None:
    model_server.answering = lambda request: written
    async with build(Settings(**with_model, generator_remediation_tokens=150)):
        await wire.publish(novel, as_="analyzer")
        await wire.publish(refusal_of(await wire.expect(ScriptGenerated)), as_="validator")
        failed = await wire.expect(ScriptGenerationFailed)
    assert any("the remediation's budget of 150 tokens is spent" in tried for tried in failed.tried)
    assert len(model_server.requests) == 1


async def test_answers_of_no_use_count_towards_the_budget(
    wire: Wire, novel: RcaAnalyzed, model_server: ModelServer, with_model: dict[str, Any]
) -> None:
    model_server.answering = lambda request: "no { json"
    settings = Settings(**with_model, generator_day_tokens=150)
    async with build(settings):
        await wire.publish(novel, as_="analyzer")
        await wire.expect(ScriptGenerationFailed, timeout=30)
        asked = len(model_server.requests)
        await wire.publish(novel.model_copy(update={"remediation_id": uuid4()}), as_="analyzer")
        await wire.expect(ScriptGenerationFailed)
    assert len(model_server.requests) == asked


async def test_templates_are_adapted_by_the_cheaper_model_and_novel_scripts_written_by_the_strong_one(
    wire: Wire,
    analyzed: RcaAnalyzed,
    novel: RcaAnalyzed,
    target: Target,
    model_server: ModelServer,
    written: dict[str, Any],
    with_model: dict[str, Any],
) -> None:
    unknown = {"parameters": {"config_path": None, "known_good_source": None}}
    model_server.queue.append(unknown)
    model_server.answering = lambda request: written
    bare = analyzed.model_copy(update={"targets": (target.model_copy(update={"facts": {}}),)})
    async with build(Settings(**with_model, generator_model="strong", generator_template_model="cheap")):
        for analysis in (bare, novel.model_copy(update={"remediation_id": uuid4()})):
            await wire.publish(analysis, as_="analyzer")
            await wire.expect(ScriptGenerated)
    assert [request.model for request in model_server.requests] == ["cheap", "cheap", "strong"]


async def test_a_killed_generator_takes_its_model_work_up_again(
    wire: Wire,
    novel: RcaAnalyzed,
    model_server: ModelServer,
    written: dict[str, Any],
    trust: Identities,
    tmp_path: Path,
) -> None:
    model_server.queue.append(ModelAnswer(written, delay=3))
    model_server.answering = lambda request: written
    environment = {
        **os.environ,
        **trust.environment("generator"),
        "SUTURE_GENERATOR_PROVIDER": "openai",
        "SUTURE_GENERATOR_BASE_URL": model_server.openai_url,
        "OPENAI_API_KEY": "sk-test-of-nobody",
    }
    with (tmp_path / "log").open("wb") as log:

        def started() -> subprocess.Popen[bytes]:
            return subprocess.Popen([sys.executable, "-m", "suture_generator"], env=environment, stderr=log)

        process = started()
        try:
            await _listening(wire)
            await wire.publish(novel, as_="analyzer")
            await _asked(model_server)
            process.send_signal(signal.SIGKILL)
            process.wait()
            process = started()
            generated = await wire.expect(ScriptGenerated, timeout=30)
        finally:
            process.kill()
            process.wait()
    assert generated.origin == "novel"
    assert len(model_server.requests) == 2
    assert len({event.id for event in wire.seen(ScriptGenerated)}) == 1


async def _asked(model_server: ModelServer) -> None:
    for _ in range(300):
        if model_server.requests:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the model was not asked")


async def _listening(wire: Wire) -> None:
    """Waits until the generator consumes: what is published before its queue is bound is lost."""
    for _ in range(300):
        probe = await wire._connection.channel()
        try:
            queue = await probe.declare_queue("generator.rca.analyzed", passive=True)
            if queue.declaration_result.consumer_count:
                return
        except Exception:
            await probe.close()
        await asyncio.sleep(0.1)
    raise AssertionError("the generator did not start")
