"""A generated script becomes a signed verdict or a refusal, whatever the script is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from suture_chassis.app import Service
from suture_chassis.custody import unseal
from suture_contracts.base import Principal
from suture_contracts.commands import Validate
from suture_contracts.custody import VERDICT, Verdict
from suture_contracts.events import ScriptGenerated, ScriptRejected, ScriptValidated
from suture_safety.shellcheck import ShellCheck
from suture_testkit.identities import Identities
from suture_testkit.wire import Wire
from suture_validator.judge import Judge

Generated = Callable[..., ScriptGenerated]


def _asked() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "command_id": str(uuid4()),
        "principal": Principal(id="olga", role="operator"),
        "issued_at": now,
        "expires_at": now + timedelta(minutes=5),
    }


async def test_a_safe_script_is_validated_with_a_verdict_on_its_bytes(
    validator: Service, wire: Wire, trust: Identities, generated: Generated
) -> None:
    event = generated(template_proven=True)
    await wire.publish(event, as_="generator")
    validated = await wire.expect(ScriptValidated, remediation_id=event.remediation_id)
    assert validated.script == event.script
    assert validated.report.is_valid
    assert validated.ruleset == Judge(second_reader=ShellCheck.find()).ruleset
    verdict = unseal(
        validated.verdict,
        trust.store,
        signed_by="validator",
        subject_sha256=event.script.sha256,
        predicate_type=VERDICT,
        model=Verdict,
    )
    assert verdict.is_valid
    assert (verdict.script_id, verdict.revision) == (event.script.script_id, 1)
    assert verdict.reversibility == "exact"
    assert verdict.ruleset == validated.ruleset


async def test_an_unsafe_script_is_refused_with_rule_line_and_column(
    validator: Service, wire: Wire, generated: Generated
) -> None:
    event = generated("#!/bin/bash\necho a\n  rm -rf /\n", origin="novel", repairs_left=2)
    await wire.publish(event, as_="generator")
    rejected = await wire.expect(ScriptRejected, remediation_id=event.remediation_id)
    assert not rejected.final
    worst = rejected.report.findings[0]
    assert (worst.rule_id, worst.line, worst.column) == ("filesystem.remove-system-root", 3, 3)
    assert b"suture_scripts_judged_total" in validator.metrics.render()


async def test_a_refusal_with_no_attempt_left_is_final(
    validator: Service, wire: Wire, generated: Generated
) -> None:
    event = generated("mkfs.ext4 /dev/sda", repairs_left=0)
    await wire.publish(event, as_="generator")
    rejected = await wire.expect(ScriptRejected, remediation_id=event.remediation_id)
    assert rejected.final
    stored = await validator.store.documents("validations").get(f"{event.script.script_id}:1")
    assert stored is not None
    assert stored["state"] == "rejected"


@pytest.mark.parametrize("text", ["{}", "no json", '{"script_type":"bash","body":"x","surprise":1}'])
async def test_a_script_that_is_no_document_is_rejected_and_not_lost(
    validator: Service, wire: Wire, generated: Generated, text: str
) -> None:
    event = generated(text=text)
    await wire.publish(event, as_="generator")
    rejected = await wire.expect(ScriptRejected, remediation_id=event.remediation_id)
    assert [(one.rule_id, one.part) for one in rejected.report.findings] == [("document.invalid", "document")]
    assert await wire.dead_letters() == []


async def test_an_undeclared_write_is_refused(validator: Service, wire: Wire, generated: Generated) -> None:
    event = generated("#!/bin/bash\nset -eu\necho x > /srv/app/a\n", document={"writes": ["/srv/app/b"]})
    await wire.publish(event, as_="generator")
    rejected = await wire.expect(ScriptRejected, remediation_id=event.remediation_id)
    assert "document.undeclared-write" in [one.rule_id for one in rejected.report.findings]


async def test_a_message_that_comes_twice_is_judged_once(
    validator: Service, wire: Wire, generated: Generated
) -> None:
    event = generated()
    for _ in range(2):
        await wire.publish(event, as_="generator", id="same", source="suture/generator")
    await wire.expect(ScriptValidated, remediation_id=event.remediation_id)
    await asyncio.sleep(0.5)
    assert len({seen.id for seen in wire.seen(ScriptValidated, event.remediation_id)}) == 1
    assert await validator.store.collection("validations").count_documents({}) == 1


async def test_a_script_that_is_not_from_the_generator_is_judged_by_nobody(
    validator: Service, wire: Wire, generated: Generated
) -> None:
    await wire.publish(generated(), as_="approver")
    for _ in range(50):
        dead = await wire.dead_letters()
        if dead:
            break
        await asyncio.sleep(0.1)
    assert [letter.type for letter in dead] == ["script.generated"]
    assert wire.seen(ScriptValidated) == []


async def test_a_script_too_large_for_a_long_report_still_gets_its_answer(
    validator: Service, wire: Wire, generated: Generated
) -> None:
    bad = "".join(f"rm -rf /etc/x{number}\n" for number in range(300))
    body = bad + "#" + "é" * 190_000
    event = generated(body, origin="novel", document={"verify": "# " + "ü" * 199_000})
    await wire.publish(event, as_="generator")
    rejected = await wire.expect(ScriptRejected, timeout=40, remediation_id=event.remediation_id)
    assert not rejected.report.is_valid


async def test_the_newest_revision_of_a_known_script_is_told(
    validator: Service, wire: Wire, generated: Generated
) -> None:
    first = generated("rm -rf /", repairs_left=1)
    second = generated(remediation=first.remediation_id, revision=2)
    for event in (first, second):
        await wire.publish(event, as_="generator")
    await wire.expect(ScriptValidated, remediation_id=first.remediation_id)
    await wire.expect(ScriptRejected, remediation_id=first.remediation_id)
    reply = await wire.request(Validate(**_asked(), script_id=first.script.script_id))
    assert (reply.status, reply.body["revision"]) == (200, 2)
    assert reply.body["script_id"] == str(first.script.script_id)
    assert reply.body["validation"]["isValid"] is True


async def test_a_text_is_analysed_on_request(validator: Service, wire: Wire) -> None:
    reply = await wire.request(Validate(**_asked(), script_type="sql", text="DELETE FROM orders"), timeout=40)
    assert reply.status == 200
    assert reply.body["validation"]["isValid"] is False
    assert reply.body["validation"]["findings"][0]["rule_id"] == "sql.delete-all"


async def test_a_script_that_is_there_is_found_however_slow_the_store(
    validator: Service, wire: Wire, generated: Generated, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = generated()
    await wire.publish(event, as_="generator")
    await wire.expect(ScriptValidated, remediation_id=event.remediation_id)
    monkeypatch.setattr("suture_validator.service.PATIENCE_SECONDS", 0.0)
    reply = await wire.request(Validate(**_asked(), script_id=event.script.script_id))
    assert reply.status == 200


async def test_a_script_that_nobody_knows_is_not_found(validator: Service, wire: Wire) -> None:
    reply = await wire.request(Validate(**_asked(), script_id=uuid4()))
    assert reply.status == 404
    assert reply.problem is not None
    assert reply.problem.field == "script_id"


async def test_a_request_that_names_nothing_is_told_what_to_name(validator: Service, wire: Wire) -> None:
    reply = await wire.request(Validate(**_asked()))
    assert reply.status == 422
    assert reply.problem is not None
    assert reply.problem.remedy is not None
