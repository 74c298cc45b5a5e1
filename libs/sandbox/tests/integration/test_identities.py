"""The two ways to be nobody: a user of its own, which root can give, and a mapped one, which anyone can."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from suture_sandbox.probe import probe
from suture_sandbox.protocol import SandboxUnavailable

IDENTITIES = ("uid", "userns") if os.geteuid() == 0 else ("userns",)


@pytest.fixture(params=IDENTITIES)
def identity(request, target) -> str:
    target.sandbox._isolations = (replace(target.sandbox._isolations[0], identity=request.param),)
    return str(request.param)


@pytest.mark.parametrize("closed", ["the folder", "the source"])
async def test_what_only_its_owner_may_read_can_still_be_put_in_place(target, make_file, closed: str) -> None:
    path = make_file("broken\n", 0o600)
    source = path.with_name("known-good")
    source.write_text("host=1\n")
    (path.parent if closed == "the folder" else source).chmod(0o700)
    result = await target.run(f"cat {source} > {path}")
    assert result.outcome == "succeeded", result.output_tail
    assert path.read_text() == "host=1\n"
    assert any("mapped to nobody" in word for word in result.isolation)


async def test_what_others_may_read_is_run_by_the_least_user_there_is(target, make_file) -> None:
    path = make_file("broken\n", 0o644)
    for folder in (path.parent, target.root):
        folder.chmod(0o755)
    result = await target.run(f"echo host=1 > {path}")
    assert result.outcome == "succeeded", result.output_tail
    least = "one of its own for each run" if os.geteuid() == 0 else "mapped to nobody in a user namespace"
    assert f"user: {least}" in result.isolation


async def test_a_change_keeps_owner_and_mode_under_either(target, make_file, identity: str) -> None:
    path = make_file("broken\n", 0o600)
    before = target.state()
    assert (await target.run(f"echo host=1 > {path}")).outcome == "succeeded"
    assert (path.stat().st_mode & 0o7777, path.stat().st_uid) == (0o600, os.geteuid())
    assert (await target.run("", mode="rollback")).outcome == "rolled_back"
    assert target.state() == before


async def test_no_capability_is_left_under_either(target, identity: str) -> None:
    result = await target.run("grep -E 'Cap(Inh|Prm|Eff|Amb)|NoNewPrivs' /proc/self/status; id -u; exit 1")
    lines = result.output_tail.split("\n")
    assert all(line.endswith("0000000000000000") for line in lines if line.startswith("Cap"))
    assert "NoNewPrivs:\t1" in lines
    assert "0" not in lines


async def test_processes_are_bounded_under_either(target, identity: str) -> None:
    body = "for i in $(seq 100); do sleep 5 & done 2>&1 | tail -1; echo; exit 1"
    limits = target.plan("").limits.model_copy(update={"processes": 20, "timeout_seconds": 10})
    bounded = identity == "uid" or os.geteuid() != 0
    result = await target.run(body, limits=limits)
    # A mapped root is still root to the kernel's count of processes; then time and memory bound it.
    assert ("fork:" in result.output_tail) == bounded


async def test_a_machine_without_bubblewrap_runs_nothing(monkeypatch) -> None:
    monkeypatch.setattr("suture_sandbox.probe.PATH", "/nowhere")
    with pytest.raises(SandboxUnavailable, match="bubblewrap is not installed"):
        probe()


async def test_a_sandbox_that_was_not_opened_runs_nothing(target, tmp_path) -> None:
    closed = type(target.sandbox)(tmp_path / "closed")
    with pytest.raises(SandboxUnavailable):
        await closed.start(target.plan("true"))
