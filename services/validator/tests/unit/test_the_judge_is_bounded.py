"""The judge blocks nobody, remembers, and gives up on a text that takes too long."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from suture_contracts.ids import sha256
from suture_contracts.script import ScriptDocument
from suture_safety import InvalidPolicy, read_policy
from suture_safety.shellcheck import ShellCheck
from suture_testkit.identities import Identities
from suture_validator.judge import Judge
from suture_validator.main import Settings, build


def _document(body: str) -> tuple[str, str]:
    text = ScriptDocument(script_type="bash", body=body).canonical()
    return text, sha256(text.encode())


async def test_the_same_bytes_are_analysed_once() -> None:
    judge = Judge()
    text, digest = _document("echo hi\n")
    first = await judge.document(text, digest, inline=True)
    assert await judge.document(text, digest, inline=True) is first


async def test_a_text_that_takes_too_long_is_not_valid_and_the_next_one_is_judged() -> None:
    judge = Judge(seconds=0.01)
    text, digest = _document("echo slow\n")
    slow = await judge.document(text, digest, inline=False)
    assert not slow.is_valid
    assert slow.findings[0].rule_id == "bounds.time"
    quick = await judge.document(*_document("echo quick\n"), inline=True)
    assert quick.is_valid
    judge.close()


async def test_a_slow_text_does_not_block_the_loop() -> None:
    judge = Judge()
    text, digest = _document("select " + "-" * 20_000 + "1")
    judging = asyncio.create_task(judge.document(text, digest, inline=False))
    longest, before = 0.0, time.monotonic()
    while not judging.done():
        await asyncio.sleep(0.01)
        longest, before = max(longest, time.monotonic() - before), time.monotonic()
    report = await judging
    judge.close()
    assert not report.is_valid
    assert report.findings[0].rule_id == "bounds.time"
    assert longest < 1.5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"script_type":"bash"}',
        '{"script_type":"bash","body":"x","more":1}',
        "[" * 100_000,
    ],
)
async def test_what_is_no_script_document_gets_a_finding_and_no_exception(text: str) -> None:
    report = await Judge().document(text, sha256(text.encode()), inline=len(text) < 1_000)
    assert not report.is_valid
    assert [(one.rule_id, one.part) for one in report.findings] == [("document.invalid", "document")]


async def test_what_nobody_released_is_read_by_shellcheck_too() -> None:
    judge = Judge(second_reader=ShellCheck.find())
    text, digest = _document("#!/bin/bash\nset -euo pipefail\necho $@\n")
    in_pool = await judge.document(text, digest, inline=False)
    judge.close()
    assert [one.line for one in in_pool.findings if one.rule_id == "shellcheck.error"] == [3]
    released = await Judge(second_reader=ShellCheck.find()).document(text, digest, inline=True)
    assert not [one for one in released.findings if one.rule_id == "shellcheck.error"]


async def test_the_organisations_policy_holds_in_place_and_in_the_pool_for_its_kind_of_target() -> None:
    judge = Judge(policy=read_policy("targets: {host: {commands: {forbidden: [logger]}}}"))
    for inline in (True, False):
        text, digest = _document(f"#!/bin/bash\nset -euo pipefail\nlogger {inline}\n")
        anywhere = await judge.document(text, digest, inline=inline, target_kinds=("local",))
        host = await judge.document(text, digest, inline=inline, target_kinds=("host",))
        assert anywhere.is_valid
        assert [one.rule_id for one in host.findings if one.severity == "error"] == ["policy.commands"]
    judge.close()


def test_another_policy_or_another_reader_is_another_ruleset() -> None:
    judges = (
        Judge(),
        Judge(policy=read_policy("limits: {lines: 9}")),
        Judge(second_reader=ShellCheck.find()),
    )
    assert len({judge.ruleset for judge in judges}) == 3


def test_a_policy_that_cannot_be_used_ends_the_service_and_names_file_and_field(
    tmp_path: Path, trust: Identities
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("commands: {banned: [rm]}")
    with pytest.raises(InvalidPolicy, match=r"policy\.yaml: policy\.commands: must have allowed"):
        build(Settings(**trust.settings_for("validator"), validator_policy_file=file))
