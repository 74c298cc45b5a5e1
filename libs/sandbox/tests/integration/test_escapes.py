"""What a hostile script tries, and what comes of it."""

from __future__ import annotations

import asyncio
import collections
import os
import random
import socket
import threading
import time
from pathlib import Path

import psutil
import pytest
from suture_contracts.script import Limits
from suture_sandbox.runner.bounds import run_uid


def touch_everything(target) -> str:
    """Try to write beside, above and around the declared file; say what could be written."""
    return f"""
    root={target.root}
    for path in $root/other $root/good.conf $root/data/kept.txt $root/data/new $root/../up \
        /usr/x /etc/x /etc/passwd /var/x /root/x /home/x /x /dev/x /proc/sys/kernel/hostname \
        /run/x /run/suture/script; do
      (echo x >> "$path") 2>/dev/null && echo "WROTE $path"
    done
    true
    """


async def test_nothing_but_the_declared_paths_can_be_written(target) -> None:
    before = target.state()
    result = await target.run(touch_everything(target))
    # A new file beside a declared one lands in the scratch, which fails the run; one in its /tmp ends with
    # it. Everything else is read-only.
    written = {line.split()[1] for line in result.output_tail.splitlines() if line.startswith("WROTE")}
    assert f"{target.root}/other" in written
    assert written <= {f"{target.root}/other", f"{target.root}/../up"}
    assert result.outcome == "rolled_back"
    assert not (target.root.parent / "up").exists()
    assert target.state() == before


async def test_an_undeclared_file_beside_a_declared_one_fails_the_run_and_never_appears(
    target, make_file
) -> None:
    make_file("broken\n")
    result = await target.run(
        f"cp {target.root}/good.conf {target.config}; touch {target.config.parent}/extra"
    )
    assert result.outcome == "rolled_back"
    assert f"not declared: {target.config.parent}/extra" in result.detail
    assert not (target.config.parent / "extra").exists()


async def test_other_peoples_files_cannot_be_read(target, tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("top secret")
    key = target.root / "private.key"
    key.write_text("the target's own key")
    key.chmod(0o600)
    body = f"""
    for path in {secret} /etc/shadow /root/.bashrc /root/.ssh /var/lib /var/log /home /sys/kernel \
        /run/docker.sock {target.sandbox._state} /proc/1/root/etc/shadow; do
      [ -e "$path" ] && echo "SEES $path"
    done
    cat /etc/shadow /proc/1/environ /proc/*/environ 2>/dev/null | tr '\\0' '\\n' | grep -v ^SUTURE_ | head -50
    cat {target.root}/priv* || echo denied
    exit 1
    """
    result = await target.run(body)
    assert "SEES" not in result.output_tail
    assert "top secret" not in result.output_tail
    if os.geteuid() == 0:
        assert "the target's own key" not in result.output_tail


async def test_the_executors_own_folder_is_hidden_even_inside_the_root(target) -> None:
    own = target.root / "state"
    own.mkdir()
    (own / "key").write_text("private")
    result = await target.run(f"cat {own}/key; ls {own}; exit 1", hide=(str(own),))
    assert "private" not in result.output_tail
    assert "key" not in result.output_tail.replace(f"{own}/key", "")


async def test_there_is_no_network_without_declared_egress(target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = await target.run(f"echo x > /dev/tcp/127.0.0.1/{port} && echo REACHED; exit 1")
    assert "REACHED" not in result.output_tail


async def test_a_declared_health_address_is_reached_by_body_and_verification(target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        probe = f"exec 3<>/dev/tcp/127.0.0.1/{port}"
        result = await target.run(
            f"{probe} && {target.fix()}",
            verify=f"test -e {target.config} && {probe}",
            egress=(f"127.0.0.1:{port}",),
        )
    assert result.outcome == "succeeded"
    assert "network: shared, for the declared egress" in result.isolation


async def test_a_rehearsal_has_no_network_whatever_is_declared(target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        body = f"echo x > /dev/tcp/127.0.0.1/{port} && echo REACHED"
        result = await target.run(body, mode="rehearse", egress=(f"127.0.0.1:{port}",))
    assert "REACHED" not in result.output_tail
    assert result.outcome == "not_applied"


async def test_a_fork_bomb_is_bounded_and_gone_afterwards(target) -> None:
    marker = f"bomb-{os.getpid()}"
    limits = Limits(processes=20, timeout_seconds=4)
    body = f"exec -a {marker} bash -c 'f() {{ f | f & }}; f; sleep 60'"
    running = asyncio.create_task(target.run(body, limits=limits))
    most = 0
    while not running.done():
        # Only its own are counted: the machine has other work.
        most = max(most, len(await asyncio.to_thread(called, marker)))
        await asyncio.sleep(0.05)
    result = await running
    assert result.outcome == "rolled_back"
    assert result.seconds < 50
    assert 0 < most <= 20
    assert not called(marker)


async def test_a_memory_bomb_dies_of_its_limit(target) -> None:
    body = "x = []\nwhile True:\n    x.append(bytearray(1 << 24))\n"
    limits = Limits(memory_mb=128, timeout_seconds=20)
    result = await target.run(body, script_type="python", verify="raise SystemExit(1)", limits=limits)
    assert result.outcome == "rolled_back"
    assert "MemoryError" in result.output_tail


MANY = """
import os, time, mmap
for _ in range(8):
    if os.fork() == 0:
        kept = {kept}
        kept[:] = b"x" * (40 << 20)
        time.sleep(60)
time.sleep(60)
"""


@pytest.mark.parametrize("kept", ["bytearray(40 << 20)", "mmap.mmap(-1, 40 << 20)"])
async def test_a_memory_bomb_of_many_processes_dies_of_what_they_use_together(target, kept: str) -> None:
    limits = Limits(memory_mb=128, timeout_seconds=25)
    body = MANY.format(kept=kept)
    result = await target.run(body, script_type="python", verify="raise SystemExit(1)", limits=limits)
    assert result.outcome == "rolled_back"
    assert "more memory, of all its processes together, than the limits allow" in result.detail
    assert result.seconds < 20
    assert "memory: looked at of all its processes together, ten times a second" in result.isolation


async def test_processes_that_share_their_memory_count_it_once(target, make_file) -> None:
    body = f"""
import os, shutil, time
kept = b"x" * (60 << 20)
children = []
for _ in range(6):
    if not (child := os.fork()):
        time.sleep(1)
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
os.mkdir("{target.config.parent}")
shutil.copy("{target.root}/good.conf", "{target.config}")
"""
    verify = f"raise SystemExit('host=' not in open('{target.config}').read())"
    limits = Limits(memory_mb=128, timeout_seconds=20)
    result = await target.run(body, script_type="python", verify=verify, limits=limits)
    assert (result.outcome, result.detail) == ("succeeded", ""), result.output_tail


NUMBERS = {"x86_64": (319, 29, 101, 425, 321, 272), "aarch64": (279, 194, 117, 425, 280, 97)}
CALL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for number in {numbers}:
    print(number, "POSSIBLE" if libc.syscall(number, 0, 0, 0, 0) >= 0 else os.strerror(ctypes.get_errno()))
raise SystemExit(1)
"""


async def test_system_calls_that_no_script_needs_are_refused(target) -> None:
    """Memory that belongs to no process, traces, rings, programs in the kernel, namespaces of its own."""
    numbers = NUMBERS[os.uname().machine]
    body = CALL.format(numbers=numbers)
    result = await target.run(body, script_type="python", verify="raise SystemExit(1)")
    said = [line.partition(" ")[2] for line in result.output_tail.splitlines()]
    refused, missing = "Operation not permitted", "Function not implemented"
    assert said == [missing, refused, refused, missing, refused, refused]
    assert "seccomp: calls that no script needs are refused" in result.isolation


@pytest.mark.parametrize("place", ["{config}", "/tmp/x", "/dev/shm/x"])
async def test_a_disk_filler_hits_a_limit(target, make_file, place: str) -> None:
    make_file("broken\n")
    path = place.format(config=target.config)
    limits = Limits(file_size_mb=4, timeout_seconds=20)
    body = (
        f"for i in 1 2 3; do head -c 20M /dev/zero > {path}$i || head -c 20M /dev/zero > {path}; done; exit 1"
    )
    result = await target.run(body, limits=limits)
    assert result.outcome == "rolled_back"
    assert target.config.read_text() == "broken\n"


async def test_many_small_files_are_too_many(target) -> None:
    folder = target.root / "data"
    body = f"for i in $(seq 60); do head -c 4M /dev/zero > {folder}/$i; done; sleep 30"
    result = await target.run(body, writes=(str(folder),), limits=Limits(file_size_mb=8, timeout_seconds=25))
    assert result.outcome == "rolled_back"
    assert "more written than the limits allow" in result.detail


async def test_the_deadline_kills_everything_also_what_detached_itself(target) -> None:
    marker = f"77{os.getpid()}"
    body = f"setsid nohup sleep {marker} & (trap '' TERM HUP INT; sleep {marker}) & sleep {marker}"
    result = await target.run(body, limits=Limits(timeout_seconds=1))
    assert (result.outcome, result.exit_code) == ("rolled_back", None)
    assert "deadline" in result.detail
    assert not called(marker)


async def test_what_a_finished_body_left_behind_is_dead(target) -> None:
    marker = f"78{os.getpid()}"
    result = await target.run(f"setsid nohup sleep {marker} >/dev/null 2>&1 & {target.fix()}")
    assert result.outcome == "succeeded"
    assert not called(marker)


def called(marker: str) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if marker in (process.info["cmdline"] or [])
    ]


async def test_a_gigabyte_of_output_leaves_its_end(target) -> None:
    limits = Limits(output_bytes=4_096, timeout_seconds=60)
    started = time.monotonic()
    result = await target.run("head -c 1G /dev/zero; echo; echo the end; exit 1", limits=limits)
    assert result.output_tail.endswith("the end\n")
    assert len(result.output_tail) < 5_000
    assert time.monotonic() - started < 50


async def test_binary_output_becomes_text(target) -> None:
    result = await target.run("head -c 2000 /dev/urandom; printf 'a\\0b'; exit 1")
    assert "\x00" not in result.output_tail


async def test_secrets_are_masked_in_output_and_difference(target) -> None:
    body = f"echo 'token s3cr3t-value'; echo password=hunter2; mkdir {target.config.parent}; " + (
        f"echo 'host=1 api_key: abcdef s3cr3t-value' > {target.config}"
    )
    result = await target.run(body, mode="rehearse", secrets=("s3cr3t-value",))
    for word in ("s3cr3t-value", "hunter2", "abcdef"):
        assert word not in result.output_tail + result.diff


async def test_a_declared_file_that_becomes_a_link_out_of_the_root_is_refused(target, make_file) -> None:
    make_file("broken\n")
    before = target.state()
    result = await target.run(f"rm {target.config}; ln -s /etc/passwd {target.config}")
    assert result.outcome == "rolled_back"
    assert "symbolic link that leaves" in result.detail
    assert target.state() == before


async def test_a_folder_swapped_for_a_link_while_the_body_runs_is_not_followed(
    target, make_file, tmp_path
) -> None:
    make_file("broken\n")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "db.conf").write_text("not yours\n")
    plan = target.plan(f"sleep 1; cp {target.root}/good.conf {target.config}")
    await target.sandbox.start(plan)
    await asyncio.sleep(0.6)
    target.config.parent.rename(target.root / "moved")
    target.config.parent.symlink_to(outside)
    result = await target.sandbox.result(plan.run_id)
    assert result.outcome in ("not_applied", "rolled_back")
    assert (outside / "db.conf").read_text() == "not yours\n"
    assert (target.root / "moved" / "db.conf").read_text() == "broken\n"


async def test_a_setuid_bit_is_refused(target, make_file) -> None:
    make_file("broken\n")
    result = await target.run(f"cp {target.root}/good.conf {target.config}; chmod 4755 {target.config}")
    assert result.outcome == "rolled_back"
    assert "setuid" in result.detail
    assert target.config.stat().st_mode & 0o7777 == 0o640


@pytest.mark.parametrize(
    "attempt",
    [
        "mount -t tmpfs none /tmp",
        "mount -o remount,rw /usr",
        "unshare -m true",
        "chroot / true",
        "chown 0:0 /tmp",
        "kill -9 -1 2>/dev/null && kill -0 $PPID && [ $PPID != 1 ]",
        "mknod /tmp/sda b 8 0",
        "python3 -c 'import os; os.setuid(0)'",
        "echo 1 > /proc/sys/vm/drop_caches",
        "dmesg",
    ],
)
async def test_privileged_operations_fail(target, attempt: str) -> None:
    result = await target.run(f"({attempt}) && echo POSSIBLE; exit 1")
    assert "POSSIBLE" not in result.output_tail


async def test_no_process_outside_can_be_signalled_even_one_of_its_own_user(target) -> None:
    plan = target.plan("")
    user = run_uid(plan.run_id) if os.geteuid() == 0 else None
    victim = await asyncio.create_subprocess_exec("sleep", "60", user=user, group=user)
    try:
        body = f"kill -9 {victim.pid}; kill -9 -1; kill -9 -{os.getpgid(0)} 1; sleep 0.2; true"
        result = await target.run(body)
        assert victim.returncode is None
        assert result.outcome == "rolled_back"
    finally:
        victim.kill()
        await victim.wait()


TRACE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()] + [{outside}]:
    if pid in (os.getpid(), os.getppid()):
        continue
    if libc.ptrace(16, pid, 0, 0) == 0:
        print("TRACED", pid, open(f"/proc/{{pid}}/cmdline").read())
    try:
        open(f"/proc/{{pid}}/mem", "rb").read(1)
    except FileNotFoundError:
        pass
    except OSError:
        continue
    else:
        print("READ", pid)
print("tried")
raise SystemExit(1)
"""


async def test_no_process_but_its_own_can_be_traced(target) -> None:
    result = await target.run(
        TRACE.format(outside=os.getpid()), script_type="python", verify="raise SystemExit(1)"
    )
    assert "tried" in result.output_tail
    assert "TRACED" not in result.output_tail
    assert "READ" not in result.output_tail


async def test_neither_tokens_nor_environment_of_the_executor_reach_a_script(target, monkeypatch) -> None:
    monkeypatch.setenv("SUTURE_BROKER_URL", "amqp://executor:broker-pa55@broker")
    monkeypatch.setenv("KUBECONFIG", "/somewhere/kubeconfig")
    places = "/run /var/run /run/secrets /var/run/secrets/kubernetes.io /etc/suture /root /home"
    result = await target.run(f"env; for place in {places}; do ls -A $place | sed 's/^/SAW /'; done; exit 1")
    assert "broker-pa55" not in result.output_tail
    assert "KUBECONFIG" not in result.output_tail
    seen = {line for line in result.output_tail.splitlines() if line.startswith("SAW")}
    assert seen <= {"SAW suture", "SAW systemd"}  # what it was started from, and an empty folder


@pytest.mark.chaos
@pytest.mark.timeout(400)
async def test_a_folder_that_is_swapped_for_a_link_again_and_again_never_leads_out(
    target, make_file, tmp_path, record_property
) -> None:
    """The runner checks the path and writes; somebody exchanges folder and link all the while."""
    make_file("broken\n")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "db.conf").write_text("not yours\n")
    folder, moved, link = target.config.parent, target.root / "moved", target.root / "link"
    link.symlink_to(outside)
    swaps = 0
    swapping = threading.Event()

    def swap() -> None:
        nonlocal swaps
        while not swapping.is_set():
            for there, back in ((folder, moved), (link, folder), (folder, link), (moved, folder)):
                there.rename(back)
                time.sleep(random.uniform(0, 0.004))
            swaps += 1

    swapper = threading.Thread(target=swap)
    swapper.start()
    outcomes: collections.Counter[str] = collections.Counter()
    try:
        for number in range(30):
            body = f"echo host={number} > {target.config}"
            result = await target.run(
                body, verify=f"grep -q host={number}$ {target.config}", name=f"swap-{number}"
            )
            outcomes[result.outcome] += 1
            assert (outside / "db.conf").read_text() == "not yours\n"
            assert sorted(path.name for path in outside.iterdir()) == ["db.conf"]
    finally:
        swapping.set()
        swapper.join()
    assert target.config.read_text() in ("broken\n", f"host={number}\n")
    record_property(
        "counted", f"folder and link exchanged {swaps} times in 30 runs: {dict(sorted(outcomes.items()))}"
    )


async def test_a_path_outside_the_root_is_refused_before_anything_runs(target) -> None:
    for path in ("/etc/passwd", str(target.root), f"{target.root}/../x", f"{target.root}-other/x"):
        result = await target.run("touch /tmp/ran", writes=(path,), name=f"p{abs(hash(path))}")
        assert (result.outcome, result.exit_code) == ("not_applied", None)
        assert "not below the target's root" in result.detail


async def test_a_hard_linked_or_special_file_is_refused(target, make_file) -> None:
    make_file("broken\n")
    os.link(target.config, target.root / "second-name")
    assert "hard links" in (await target.run("true", name="a")).detail
    fifo = target.root / "fifo"
    os.mkfifo(fifo)
    assert "neither a file" in (await target.run("true", writes=(str(fifo),), name="b")).detail


async def test_a_folder_with_very_many_neighbours_still_works(target, make_file) -> None:
    make_file("broken\n")
    for number in range(400):
        (Path(target.config.parent) / f"neighbour-{number:03}").write_text(str(number))
    before = target.state()
    body = (
        f"cat {target.config.parent}/neighbour-* | wc -l; rm -f {target.config.parent}/neighbour-399; exit 1"
    )
    assert (await target.run(body, name="a")).outcome == "rolled_back"
    assert target.state() == before
    assert (await target.run(target.fix(), name="b")).outcome == "succeeded"
