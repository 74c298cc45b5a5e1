"""One script over several targets, in the real sandbox: a canary, then one by one, and back again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog
from suture_contracts.events import Run
from suture_contracts.script import Limits, ScriptDocument
from suture_contracts.target import Target
from suture_executor import domain
from suture_executor.progress import Progress
from suture_executor.runs import Runs
from suture_executor.sandboxes import Sandboxes
from suture_executor.stops import Stops
from suture_sandbox.bubblewrap import BubblewrapSandbox

ID = "7f6d3f58-6f0f-5f6c-8a3e-0c4c8f0f1a01"
NAMES = ("canary", "second", "third")


@pytest_asyncio.fixture
async def runs(tmp_path: Path) -> AsyncIterator[Runs]:
    """What asks the sandbox; the switch was never read, which blocks starts and aborts nothing."""
    sandboxes = Sandboxes([BubblewrapSandbox(tmp_path / "state")])
    log = structlog.get_logger()
    await sandboxes.open(log)
    yield Runs(sandboxes, Stops(None, None), Progress(sandboxes), tuple, log)
    await sandboxes.close()


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A file to which each target's run adds a line: the targets are of one folder, so that order shows."""
    (tmp_path / "app").mkdir()
    path = tmp_path / "app" / "lines"
    path.write_text("")
    return path


async def apply(runs: Runs, lines: Path, body: str, verify: str = "", names: Any = NAMES) -> list[Run]:
    script = ScriptDocument(
        script_type="bash",
        body=body,
        verify=verify,
        writes=(str(lines),),
        targets=names,
        limits=Limits(timeout_seconds=20),
    )
    document: dict[str, Any] = {
        "_id": ID,
        "remediation_id": ID,
        "script": script.model_dump_json(),
        "reversibility": "exact",
        "not_after": datetime.now(UTC) + timedelta(minutes=1),
    }
    return await runs.apply(document, [target(name, lines) for name in names])


def target(id: str, lines: Path) -> Target:
    return Target(id=id, kind="local", owner="me", reach={"root": str(lines.parent)})


def outcomes(done: list[Run]) -> list[tuple[str, str]]:
    return [(run.target, run.outcome) for run in done]


async def test_each_target_has_its_turn_after_the_one_before(runs, lines) -> None:
    done = await apply(runs, lines, f"wc -l < {lines} >> {lines}")
    assert outcomes(done) == [(name, "succeeded") for name in NAMES]
    assert lines.read_text().split() == ["0", "1", "2"]
    assert all(run.diff and run.undo and run.snapshot and run.isolation for run in done)


async def test_a_canary_that_fails_is_the_only_one_that_was_touched(runs, lines) -> None:
    done = await apply(runs, lines, f"echo half >> {lines}; exit 3")
    assert outcomes(done) == [("canary", "rolled_back")]
    assert lines.read_text() == ""


async def test_when_the_last_one_fails_all_are_taken_back_the_latest_first(runs, lines) -> None:
    # Each restores what it found: in another order the second run's line would be in the way.
    done = await apply(runs, lines, f"set -e; test $(wc -l < {lines}) -lt 2; echo done >> {lines}")
    assert outcomes(done) == [(name, "rolled_back") for name in NAMES]
    assert lines.read_text() == ""
    assert "third ended rolled_back" in done[0].detail
    assert [run.undo for run in done] == ["", "", ""]


async def test_what_someone_else_changes_meanwhile_on_the_canary_is_not_applied_anywhere(runs, lines) -> None:
    gate = lines.parent / "gate"
    gate.write_text("")
    waits = f"for _ in $(seq 150); do test -s {gate} && exit 0; sleep 0.1; done; exit 1"
    applying = asyncio.create_task(apply(runs, lines, f"echo ours >> {lines}; echo begun; {waits}"))
    canary, first_run = runs.sandboxes.of(target("canary", lines)), domain.run_name(ID, "canary", "apply")
    async with asyncio.timeout(30):
        while b"begun" not in await canary.progress(first_run):
            await asyncio.wait([applying], timeout=0.05)
    lines.write_text("theirs\n")
    gate.write_text("go")
    done = await applying
    assert outcomes(done) == [("canary", "not_applied")]
    assert "changed by someone else meanwhile" in done[0].detail
    assert lines.read_text() == "theirs\n"


async def test_an_abort_of_one_target_takes_back_what_is_in_place_there_and_nothing_else(
    runs, lines, tmp_path
) -> None:
    other = tmp_path / "other" / "lines"
    other.parent.mkdir()
    other.write_text("")
    applying = [
        asyncio.create_task(
            apply(runs, path, f"echo ours >> {path}", f"grep -q ours {path} && sleep 4", (name,))
        )
        for name, path in (("canary", lines), ("other", other))
    ]
    async with asyncio.timeout(30):
        while not (lines.read_text() and other.read_text()):
            await asyncio.wait(applying, timeout=0.05)
    await runs.abort("canary")
    aborted, left = [(await one)[0] for one in applying]
    assert (aborted.outcome, "aborted" in aborted.detail) == ("rolled_back", True)
    assert lines.read_text() == ""
    assert (left.outcome, other.read_text()) == ("succeeded", "ours\n")
