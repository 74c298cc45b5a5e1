"""What each mode does to the real files."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

GOOD = "host=db.internal\n"


async def test_a_fix_is_put_in_place_and_verified(target) -> None:
    result = await target.run(target.fix())
    assert (result.outcome, result.exit_code) == ("succeeded", 0)
    assert target.config.read_text() == GOOD
    assert result.before[str(target.config)] == "absent"
    assert "bubblewrap" in result.isolation
    assert "network: none" in result.isolation


async def test_a_success_says_what_changed_where_the_snapshot_is_and_how_to_undo_it(
    target, make_file
) -> None:
    make_file("broken\npassword=hunter2\n", 0o640)
    before = {name: (entry[0], entry[-1]) for name, entry in target.state().items()}
    new = f"{target.config.parent}/it's new"
    body = f'set -eu\necho host=db > {target.config}\nmkdir "{new}"\necho a > "{new}/file"\n'
    result = await target.run(body, writes=(str(target.config), new))
    assert result.outcome == "succeeded"
    assert "-broken\n" in result.diff
    assert "+host=db\n" in result.diff
    assert "hunter2" not in result.diff
    assert str(result.snapshot) in result.undo
    undone = await asyncio.create_subprocess_exec("bash", "-euc", result.undo)
    assert await undone.wait() == 0
    assert {name: (entry[0], entry[-1]) for name, entry in target.state().items()} == before


async def test_what_was_taken_back_has_nothing_left_to_undo(target, make_file) -> None:
    make_file("broken\n")
    result = await target.run(f"echo wrong > {target.config}")
    assert (result.outcome, result.diff, result.undo) == ("rolled_back", "", "")


async def test_what_works_already_is_left_alone(target, make_file) -> None:
    make_file(GOOD)
    before = target.state()
    result = await target.run("exit 1")
    assert result.outcome == "already_remediated"
    assert target.state() == before


async def test_a_failing_body_leaves_every_byte_as_it_was(target, make_file) -> None:
    make_file("broken\n")
    before = target.state()
    result = await target.run(f"echo half > {target.config}; exit 3")
    assert (result.outcome, result.exit_code) == ("rolled_back", 3)
    assert target.state() == before


async def test_a_failing_verification_takes_everything_back(target, make_file) -> None:
    make_file("broken\n", 0o600)
    before = target.state()
    result = await target.run(f"echo wrong > {target.config}; chmod 644 {target.config}")
    assert result.outcome == "rolled_back"
    assert "verification failed" in result.detail
    assert target.state() == before


@pytest.mark.parametrize(
    "body",
    [
        "sed -i s/broken/host=x/ {config}",
        "cp {root}/good.conf {config}.new && mv {config}.new {config}",
        "rm {config}; cat {root}/good.conf > {config}",
        "cp -a {root}/good.conf {config}",
        "install -m 0600 {root}/good.conf {config}",
    ],
)
async def test_the_usual_ways_to_replace_a_file_work(target, make_file, body: str) -> None:
    make_file("broken\n")
    result = await target.run(body.format(config=target.config, root=target.root))
    assert (result.outcome, result.detail) == ("succeeded", "")
    assert "host=" in target.config.read_text()


async def test_a_declared_file_may_be_deleted_and_comes_back_on_rollback(target, make_file) -> None:
    make_file("stale\n")
    before = target.state()
    verify = f"test ! -e {target.config}"
    result = await target.run(f"rm {target.config}", verify=verify)
    assert result.outcome == "succeeded"
    assert not target.config.exists()
    assert (await target.run("", mode="rollback")).outcome == "rolled_back"
    assert target.state() == before


async def test_a_declared_folder_may_be_changed_within_and_comes_back(target) -> None:
    folder = target.root / "data"
    (folder / "deep").mkdir()
    (folder / "deep" / "old.log").write_text("x" * 10_000)
    (folder / "link").symlink_to("kept.txt")
    before = target.state()
    body = f"cd {folder}; rm -r deep link; mkdir new; echo 1 > new/file; echo changed > kept.txt"
    result = await target.run(body, writes=(str(folder),), verify=f"test -e {folder}/new/file")
    assert result.outcome == "succeeded"
    assert not (folder / "deep").exists()
    assert (await target.run("", mode="rollback")).outcome == "rolled_back"
    assert target.state() == before


async def test_a_rehearsal_shows_the_difference_and_changes_nothing(target, make_file) -> None:
    make_file("broken\n")
    before = target.state()
    result = await target.run(target.fix(), mode="rehearse")
    assert result.outcome == "succeeded"
    assert "-broken\n+host=db.internal\n" in result.diff
    assert target.state() == before


async def test_a_rehearsal_fails_as_the_run_would(target) -> None:
    result = await target.run("exit 7", mode="rehearse")
    assert (result.outcome, result.exit_code) == ("not_applied", 7)


async def test_a_check_says_whether_the_fix_is_needed(target, make_file) -> None:
    assert (await target.run("", mode="check", name="a")).outcome == "not_applied"
    make_file(GOOD)
    assert (await target.run("", mode="check", name="b")).outcome == "already_remediated"


async def test_a_rollback_restores_only_what_is_still_as_the_run_left_it(target, make_file) -> None:
    make_file("broken\n")
    assert (await target.run(target.fix())).outcome == "succeeded"
    target.config.write_text("edited by hand\n")
    result = await target.run("", mode="rollback")
    assert result.outcome == "rollback_failed"
    assert str(target.config) in result.detail
    assert target.config.read_text() == "edited by hand\n"


async def test_a_change_by_someone_else_while_the_body_runs_is_not_overwritten(target, make_file) -> None:
    make_file("broken\n")
    plan = target.plan(f"sleep 1; cp {target.root}/good.conf {target.config}")
    await target.sandbox.start(plan)
    time.sleep(0.6)  # noqa: ASYNC251  (the body sleeps, too)
    target.config.write_text("edited by hand\n")
    result = await target.sandbox.result(plan.run_id)
    assert result.outcome == "not_applied"
    assert target.config.read_text() == "edited by hand\n"


async def test_what_is_not_as_it_was_when_the_change_was_approved_is_left_alone(target, make_file) -> None:
    make_file("edited since\n")
    result = await target.run(target.fix(), expected={str(target.config): "absent"})
    assert (result.outcome, result.exit_code) == ("not_applied", None)
    assert f"not as it was when the change was approved: {target.config}" in result.detail
    assert target.config.read_text() == "edited since\n"


async def test_a_file_that_came_into_a_declared_folder_since_the_rehearsal_stops_the_run(target) -> None:
    folder = target.root / "conf.d"
    folder.mkdir()
    (folder / "a.conf").write_text("a\n")
    body = f"echo b > {folder}/a.conf; echo host= > {folder}/b.conf"
    wanted = {"writes": (str(folder),), "verify": f"grep -q host= {folder}/b.conf"}
    seen = (await target.run(body, mode="rehearse", name="a", **wanted)).seen
    (folder / "c.conf").write_text("somebody else's\n")
    result = await target.run(body, name="b", expected=seen, **wanted)
    assert result.outcome == "not_applied"
    assert f"approved: {folder}/c.conf" in result.detail
    (folder / "c.conf").unlink()
    assert (await target.run(body, name="c", expected=seen, **wanted)).outcome == "succeeded"


async def test_an_approval_that_expired_on_the_way_runs_nothing(target) -> None:
    result = await target.run(target.fix(), not_after=time.time() - 1)
    assert (result.outcome, result.exit_code) == ("not_applied", None)
    assert not target.config.exists()


async def test_the_same_run_started_twice_runs_once(target) -> None:
    plan = target.plan(target.fix())
    await target.sandbox.start(plan)
    await target.sandbox.start(plan)
    first = await target.sandbox.result(plan.run_id)
    assert first == await target.sandbox.result(plan.run_id)
    assert first.outcome == "succeeded"


async def test_a_compensating_rollback_is_run_when_the_body_failed(target) -> None:
    result = await target.run("exit 1", rollback="echo taken back", reversibility="compensating")
    assert result.outcome == "rolled_back"
    assert "taken back" in result.output_tail


async def test_a_compensating_rollback_that_fails_is_said(target) -> None:
    result = await target.run("exit 1", rollback="exit 9", reversibility="compensating")
    assert result.outcome == "rollback_failed"
    assert "exit code 9" in result.detail


async def test_a_python_script_runs_too(target) -> None:
    body = f"import os\nos.makedirs('{target.config.parent}')\nopen('{target.config}', 'w').write('host=1')\n"
    assert (await target.run(body, script_type="python", verify="import sys; sys.exit(0)")).outcome == (
        "already_remediated"
    )
    verify = f"import os, sys; sys.exit(not os.path.exists('{target.config}'))"
    assert (await target.run(body, script_type="python", verify=verify, name="b")).outcome == "succeeded"


async def test_an_aborted_run_is_killed_and_taken_back(target, make_file) -> None:
    make_file("broken\n")
    before = target.state()
    plan = target.plan(f"echo half > {target.config}; sleep 30")
    await target.sandbox.start(plan)
    time.sleep(0.7)  # noqa: ASYNC251
    await target.sandbox.abort(plan.run_id)
    result = await target.sandbox.result(plan.run_id)
    assert result.outcome == "rolled_back"
    assert "aborted" in result.detail
    assert target.state() == before


async def test_a_script_sees_how_old_the_files_are_that_it_may_change(target, make_file) -> None:
    file = make_file("old\n")
    os.utime(file, (1_600_000_000, 1_600_000_000))
    found = f'test "$(stat -c %Y {file})" -eq 1600000000\necho host=new > {file}\n'
    result = await target.run(f"set -eu\n{found}")
    assert (result.outcome, result.detail) == ("succeeded", "")
