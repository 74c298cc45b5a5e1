"""What the fuzzer once found stays mended."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from suture_safety import analyse
from suture_safety.bounds import MAX_FINDINGS, MAX_SECONDS
from suture_safety.text_types import TEXT_TYPES

FOUND = sorted((Path(__file__).parents[1] / "fuzz" / "found").glob("*"))


@pytest.mark.parametrize("file", FOUND, ids=lambda file: file.name)
def test_a_text_that_once_broke_a_promise_keeps_it(file: Path) -> None:
    """The first byte is the type's number, as in the fuzzer."""
    data = file.read_bytes()
    text = data[1:].decode("utf-8", "replace")
    started = time.thread_time()
    report = analyse(text, TEXT_TYPES[data[0] % len(TEXT_TYPES)])
    assert time.thread_time() - started < MAX_SECONDS + 1
    assert len(report.findings) <= MAX_FINDINGS
    assert report.is_valid == (not report.errors)
    lines = text.count("\n") + text.count("\r") + 2
    assert all(1 <= one.line <= lines and one.column >= 1 for one in report.findings)
