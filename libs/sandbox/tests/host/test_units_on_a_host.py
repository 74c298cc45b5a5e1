"""What systemd runs and starts at boot is as before after a rollback: a real one, with units of its own."""

from __future__ import annotations

import pytest
from suture_testkit.systemd import needs_systemd

pytestmark = needs_systemd


def states(systemd) -> dict[str, tuple[str, str]]:
    return {
        name: (systemd.control("is-active", name), systemd.control("is-enabled", name))
        for name in ("web", "spare")
    }


SWAP = "set -e; systemctl disable --now web; systemctl enable --now spare"
BACK = "set -e; systemctl disable --now spare; systemctl enable --now web"


async def test_a_rollback_proves_that_services_do_what_they_did_now_and_at_boot(host, systemd) -> None:
    before = states(systemd)
    assert before["web"] == ("active", "enabled")
    failed = await host.run(SWAP, rollback=BACK, verify="false", writes=())
    assert (failed.outcome, failed.detail) == ("rolled_back", "the verification failed after the change")
    assert failed.before == {
        "unit web.service": "running, enabled",
        "unit spare.service": "stopped, disabled",
    }
    assert failed.after == failed.before
    assert states(systemd) == before


async def test_a_success_tells_what_services_do_now_and_is_taken_back(host, systemd) -> None:
    before = states(systemd)
    fields = {"rollback": BACK, "verify": "systemctl is-active spare", "writes": (), "name": "swap"}
    done = await host.run(SWAP, **fields)
    assert (done.outcome, done.detail) == ("succeeded", ""), done.output_tail
    assert "# unit web.service: running, enabled -> stopped, disabled\n" in done.diff
    assert done.after["unit spare.service"] == "running, enabled"
    assert "systemctl enable -- web.service\nsystemctl start -- web.service" in done.undo
    # That the new one ended since is no reason to leave it so.
    systemd.control("stop", "spare")
    back = await host.run(SWAP, **fields, mode="rollback")
    assert (back.outcome, back.detail) == ("rolled_back", ""), back.output_tail
    assert states(systemd) == before


@pytest.mark.parametrize(
    ("rollback", "said", "by_hand"),
    [
        ("systemctl enable web", "web.service (running, enabled, now stopped, enabled)", "start"),
        ("systemctl start web", "web.service (running, enabled, now running, disabled)", "enable"),
    ],
)
async def test_a_rollback_that_leaves_a_service_otherwise_is_not_called_one(
    host, systemd, rollback: str, said: str, by_hand: str
) -> None:
    failed = await host.run(
        "systemctl disable --now web", rollback=rollback, verify="false", writes=(), name="half"
    )
    assert (failed.outcome, said in failed.detail) == ("rollback_failed", True), failed
    assert f"systemctl {by_hand} -- web.service" in failed.undo


async def test_a_service_that_was_broken_may_run_after_a_rollback(host, systemd) -> None:
    """A restart that helped has no inverse that anybody would want."""
    systemd.control("stop", "web")
    failed = await host.run("systemctl start web", verify="false", writes=())
    assert (failed.outcome, failed.before["unit web.service"]) == ("rolled_back", "stopped, enabled")
    assert systemd.control("is-active", "web") == "active"


async def test_what_someone_else_said_of_a_service_since_is_not_overwritten(host, systemd) -> None:
    fields = {"rollback": BACK, "verify": "systemctl is-active spare", "writes": (), "name": "swap"}
    assert (await host.run(SWAP, **fields)).outcome == "succeeded"
    systemd.control("enable", "web")
    since = states(systemd)
    failed = await host.run(SWAP, **fields, mode="rollback")
    assert (failed.outcome, "someone else since" in failed.detail) == ("rollback_failed", True), failed
    assert "unit web.service" in failed.detail
    assert states(systemd) == since
