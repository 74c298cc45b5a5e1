"""The judge blocks nobody, remembers, and gives up on a text that takes too long."""

from __future__ import annotations

import asyncio
import time

import pytest
from suture_contracts.ids import sha256
from suture_contracts.script import ScriptDocument
from suture_validator.judge import Judge


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
