"""What a run says while it runs: whole lines, masked, bounded."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from suture_sandbox.kubernetes.progress import as_progress
from suture_sandbox.runner.cluster.shell import Echo
from suture_sandbox.runner.progress import FILE, MOST_BYTES, Progress


def said(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


def test_lines_are_whole_and_masked_however_they_come(tmp_path: Path) -> None:
    progress = Progress(str(tmp_path), ["swordfish-1"])
    progress.step("apply")
    for part in (b"the word is sword", b"fish-1\nand\0 ", b"\xff more\nlast"):
        progress.put(part)
    progress.end()
    assert [entry.get("step") or entry["line"] for entry in said(tmp_path)] == [
        "apply", "the word is [masked]", "and\ufffd \ufffd more", "last",
    ]  # fmt: skip


def test_nothing_of_a_private_key_or_a_secret_of_several_lines_is_shown(tmp_path: Path) -> None:
    progress = Progress(str(tmp_path), ["first-part-1\nsecond-part-2"])
    key = "-----BEGIN PRIVATE KEY-----\nMIIabcdef\n-----END PRIVATE KEY-----\n"
    progress.put(f"{key}after\nfirst-part-1\nsecond-part-2\n".encode())
    lines = [entry["line"] for entry in said(tmp_path)]
    assert lines == ["[masked]", "[masked]", "[masked]", "after", "[masked]", "[masked]"]


def test_a_flood_ends_at_the_bound_and_steps_still_follow(tmp_path: Path) -> None:
    progress = Progress(str(tmp_path), [])
    for _ in range(200):
        progress.put(b"y" * 1_000 + b"\n")
    progress.put(b"x" * (1 << 20))
    progress.step("verify")
    entries = said(tmp_path)
    assert (tmp_path / FILE).stat().st_size < 2 * MOST_BYTES
    assert "not shown while it runs" in entries[-2]["line"]
    assert entries[-1]["step"] == "verify"


def test_of_a_line_without_end_nothing_is_shown(tmp_path: Path) -> None:
    progress = Progress(str(tmp_path), ["secret-of-mine"])
    progress.put(b"x" * 9_000 + b"secret-")
    progress.put(b"of-mine\nnext\n")
    assert [entry["line"] for entry in said(tmp_path)][1:] == ["next"]
    assert "left out" in said(tmp_path)[0]["line"]


def test_a_pods_log_becomes_steps_and_lines() -> None:
    log = (
        "2026-01-01T00:00:00.123456789Z suture: verify: started\n"
        "2026-01-01T00:00:01.0Z suture: verify: exit code 1\n"
        "2026-01-01T00:00:02.0Z suture: body: started\n"
        "2026-01-01T00:00:03.0Z hello\n"
        '2026-01-01T00:00:04.0Z suture-result: {"outcome": "succeeded"}\n'
    )
    entries = [json.loads(line) for line in as_progress(log).splitlines()]
    assert [entry.get("step") or entry["line"] for entry in entries] == ["check", "apply", "hello"]
    assert entries[0]["at"] == 1767225600.123


KEY = "-----BEGIN PRIVATE KEY-----\nMIIabcdefghij\n-----END PRIVATE KEY-----\n"
PRINTED = f"a swordfish-1 b\nline-one-of-it\nline-two-of-it\n{KEY}" + "x" * 20_000 + "swordfish-1\nend\n"


@pytest.mark.parametrize("size", [1, 7, 1_000, 1 << 17])
def test_a_pods_log_has_no_secret_wherever_the_output_was_cut(tmp_path: Path, size: int) -> None:
    with (tmp_path / "log").open("w+b") as log:
        echo = Echo(65_536, ["swordfish-1", "line-one-of-it\nline-two-of-it"], log.fileno())
        for at in range(0, len(PRINTED), size):
            echo.put(PRINTED[at : at + size].encode())
        echo.end()
        lines = os.pread(log.fileno(), 1 << 20, 0).decode().splitlines()
    assert [line for line in lines if "left out" not in line] == [
        "a [masked] b", "[masked]", "[masked]", "[masked]", "[masked]", "[masked]", "end",
    ]  # fmt: skip


def test_a_pods_log_ends_with_a_whole_line_where_its_bound_is(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+b") as log:
        echo = Echo(20, ["swordfish-1"], log.fileno())
        echo.put(b"0123456789\nthe sword")
        echo.put(b"fish-1 is long\nshort\n")
        echo.end()
        assert os.pread(log.fileno(), 100, 0) == b"0123456789\n"
