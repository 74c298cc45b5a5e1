"""What a hostile script tries from inside its pod, and what comes of it."""

from __future__ import annotations

import asyncio
import json

import pytest
from suture_contracts.script import Limits
from suture_sandbox.runner.cluster.hiding import HIDDEN
from suture_testkit.cluster import workload

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

LATE = """
sleep 12
curl -sSf --cacert "$SUTURE_CA_FILE" -H "Authorization: Bearer $(cat "$SUTURE_TOKEN_FILE")" \\
    -H "Content-Type: application/merge-patch+json" -X PATCH -o /dev/null \\
    -d "{\\"data\\":{\\"host\\":\\"late\\"}}" "$SUTURE_API/api/v1/namespaces/$SUTURE_NAMESPACE/configmaps/web"
"""
SERVER = """
import socket
with socket.create_server(("", 8080)) as server:
    while True:
        connection, _ = server.accept()
        connection.sendall(b"hello")
        connection.close()
"""
TOKENS = """
ask() {
    curl -s -o /dev/null -w '%{http_code}' --cacert "$SUTURE_CA_FILE" \\
        -H "Authorization: Bearer $(cat "$SUTURE_TOKEN_FILE")" -H 'Content-Type: application/json' "$@"
}
request='{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}'
for account in default suture-executor suture-target; do
    echo "token of $account: $(ask -d "$request" \\
        "$SUTURE_API/api/v1/namespaces/$SUTURE_NAMESPACE/serviceaccounts/$account/token")"
done
echo "secrets elsewhere: $(ask "$SUTURE_API/api/v1/namespaces/kube-system/secrets")"
echo "other pods: $(ask "$SUTURE_API/api/v1/pods")"
find / -xdev -name token -path '*serviceaccount*' 2>/dev/null | grep -v ^/proc | wc -l | sed 's/^/tokens: /'
exit 9
"""


async def test_what_a_script_tries_beyond_its_bounds_fails(shop) -> None:
    await shop.config("web", host="old")
    body = """
    timeout 4 bash -c 'exec 3<>/dev/tcp/198.51.100.1/6443' 2>/dev/null && echo NETWORK
    touch /etc/x 2>/dev/null && echo ROOT
    mount -t tmpfs none /mnt 2>/dev/null && echo MOUNT
    echo x > /suture/plan/plan.json 2>/dev/null && echo PLAN
    [ "$(id -u)" = 0 ] && echo ROOTUSER
    grep -q '^CapEff:[[:space:]]*0000000000000000' /proc/self/status || echo CAPABILITIES
    head -c 200M /dev/zero > /tmp/full 2>/dev/null && echo DISK
    python3 -c 'x = bytearray(400 << 20)' 2>/dev/null && echo MEMORY
    (n=0; while [ $n -lt 150 ]; do sleep 20 & n=$((n+1)); done; echo FORKS) 2>/dev/null
    cat "$SUTURE_TOKEN_FILE"
    exit 9
    """
    result = await shop.run(**shop.script(body))
    assert (result.outcome, result.detail[:19]) == ("rolled_back", "the script failed: ")
    words = ("NETWORK", "ROOT", "MOUNT", "PLAN", "ROOTUSER", "CAPABILITIES", "DISK", "MEMORY", "FORKS")
    assert [word for word in words if word in result.output_tail] == []
    assert "[masked]" in result.output_tail
    assert json.dumps(result.output_tail).count("eyJ") == 0


async def test_a_script_cannot_get_out_of_its_pod_nor_into_its_runner(shop) -> None:
    await shop.config("web", host="old")
    body = """
    python3 - <<'PYTHON'
    import os
    try:
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
    except ImportError:
        libc = None
    if libc and libc.unshare(0x10000000) == 0:
        print("NAMESPACE")
    if libc and libc.ptrace(16, 1, 0, 0) == 0:
        print("RUNNER ptrace")
    for name in ("mem", "environ"):
        try:
            open(f"/proc/1/{name}", "rb").read(1)
        except OSError:
            continue
        print("RUNNER", name)
    try:
        os.setuid(0)
        print("SETUID")
    except OSError:
        pass
    print("seen", len([name for name in os.listdir("/proc") if name.isdigit()]) < 20)
PYTHON
    cp /bin/bash /tmp/bash && chmod u+s /tmp/bash && /tmp/bash -p -c '[ "$EUID" = 0 ] && echo SETUIDFILE'
    kill -9 1 2>/dev/null; kill -STOP 1 2>/dev/null; echo signalled
    ln -sf /etc/passwd /tmp/suture-verify 2>/dev/null; echo x >> /etc/passwd && echo LINK
    exit 9
    """.replace("\n    ", "\n")
    result = await shop.run(**shop.script(body))
    assert (result.outcome, result.exit_code) == ("rolled_back", 9)
    assert [word for word in ("SETUID", "NAMESPACE", "LINK") if word in result.output_tail] == []
    # An image's small Python cannot hide the runner; the result says which it was.
    assert ("RUNNER" in result.output_tail) is not (HIDDEN in result.isolation)
    assert "seen True" in result.output_tail
    assert "signalled" in result.output_tail


async def test_output_without_end_and_output_that_is_no_text_are_bounded(shop) -> None:
    await shop.config("web", host="old")
    body = "head -c 1G /dev/zero | tr '\\0' 'a'; head -c 3000 /dev/urandom; echo; echo last"
    result = await shop.run(**shop.script(body))
    assert (result.outcome, result.exit_code) == ("succeeded", 0), result.detail
    assert result.output_tail.rstrip().endswith("last")
    assert len(result.output_tail) <= 65_536


async def test_what_a_script_leaves_running_dies_with_its_deadline(shop) -> None:
    await shop.config("web", host="old")
    body = f"setsid bash -c '{LATE}' & sleep 60"
    before = await shop.state(shop.path("configmaps", "web"))
    limits = Limits(timeout_seconds=4, memory_mb=128)
    result = await shop.run(**shop.script(body), limits=limits)
    assert result.outcome == "rolled_back"
    assert "deadline" in result.detail
    await asyncio.sleep(14)
    assert await shop.state(shop.path("configmaps", "web")) == before


async def test_scratch_filled_by_many_files_ends_the_run(shop) -> None:
    await shop.config("web", host="old")
    body = "for i in $(seq 400); do head -c 1M /dev/zero > /tmp/fill-$i || exit 3; done; sleep 100"
    limits = Limits(timeout_seconds=120, memory_mb=128, file_size_mb=8)
    result = await shop.run(**shop.script(body), limits=limits)
    assert result.outcome == "rolled_back"
    assert len(await shop.claims()) == 1


async def test_other_accounts_tokens_and_other_namespaces_are_out_of_reach(shop) -> None:
    await shop.config("web", host="old")
    result = await shop.run(**shop.script(TOKENS))
    for account in ("default", "suture-executor", "suture-target"):
        assert f"token of {account}: 403" in result.output_tail
    assert "secrets elsewhere: 403" in result.output_tail
    assert "other pods: 403" in result.output_tail


async def test_a_script_reaches_declared_addresses_and_no_other_pod(shop) -> None:
    """Needs a cluster whose network enforces policies."""
    await shop.make(
        "deployments", workload("server", f"python3 -c '{SERVER.replace(chr(39), chr(34))}'"), "/apis/apps/v1"
    )
    await shop.ready("server")
    pods = await shop.cluster.call("GET", shop.path("pods"), labelSelector="app=server")
    address = pods["items"][0]["status"]["podIP"]
    probe = f"timeout 5 bash -c 'head -c 5 < /dev/tcp/{address}/8080'"
    for _ in range(20):
        if reached := await _ends_well(shop, probe):
            break
    assert reached, "no pod reaches another one in this cluster: nothing was proved"
    await shop.config("web", host="old")
    body = f'[ "$({probe})" = hello ] && echo REACHED; exit 9'
    closed = await shop.run(**shop.script(body))
    assert "REACHED" not in closed.output_tail
    declared = await shop.run(**shop.script(body, egress=(f"{address}:8080",)))
    assert "REACHED" in declared.output_tail
    other = await shop.run(**shop.script(body, egress=(f"{address}:8081",)))
    assert "REACHED" not in other.output_tail


async def _ends_well(shop, command: str) -> bool:
    """Whether a pod that no policy names comes to its end with that command."""
    spec = workload("control", command)["spec"]["template"]["spec"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "control-"}}
    made = await shop.make("pods", {**pod, "spec": {**spec, "restartPolicy": "Never"}})
    async with asyncio.timeout(60):
        while True:
            found = await shop.cluster.call("GET", shop.path("pods", made["metadata"]["name"]))
            if found["status"].get("phase") in ("Succeeded", "Failed"):
                return bool(found["status"]["phase"] == "Succeeded")
            await asyncio.sleep(0.2)
