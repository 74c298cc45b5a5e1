"""What a sandbox costs a run: the local one over the bare script, a Job over a bare pod of the same image.

Usage: python -m bench.sandboxes [--runs 30] [--jobs 5]; jobs need KUBECONFIG. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from suture_contracts.script import Limits
from suture_sandbox.bubblewrap import BubblewrapSandbox
from suture_sandbox.protocol import RunPlan

_BODY = "set -eu\ncp {root}/good.conf {root}/app.conf\n"


async def local(runs: int) -> dict[str, float]:
    """Milliseconds at the median: the bare script with its verification twice, and the run of the same.

    Also of processor time, at the mean: what else the machine does weighs little there.
    """
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        root = Path(folder, "app")
        _prepare(root)
        sandbox = BubblewrapSandbox(Path(folder, "state"))
        await sandbox.open()
        body, verify = _BODY.format(root=root), f"grep -q host= {root}/app.conf"
        bare, whole = [], []
        bare_cpu = whole_cpu = 0.0
        for number in range(runs + 3):
            (root / "app.conf").write_text("broken\n")
            used, started = _children_cpu(), time.perf_counter()
            for text in (verify, body, verify):
                await asyncio.to_thread(subprocess.run, ["bash", "-c", text], check=False)
            bare.append(time.perf_counter() - started)
            bare_cpu += _children_cpu() - used
            (root / "app.conf").write_text("broken\n")
            plan = RunPlan(
                run_id=f"run-{number}", claim_id=f"run-{number}", execution_id=f"run-{number}", mode="apply",
                target="bench", root=str(root), script_type="bash", body=body, verify=verify,
                writes=(f"{root}/app.conf",), limits=Limits(timeout_seconds=20),
            )  # fmt: skip
            used, started = _children_cpu(), time.perf_counter()
            await sandbox.start(plan)
            result = await sandbox.result(plan.run_id)
            whole.append(time.perf_counter() - started)
            whole_cpu += _children_cpu() - used
            assert result.outcome == "succeeded", result.detail
    return {
        "local_bare_ms": _median(bare[3:]),
        "local_run_ms": _median(whole[3:]),
        "local_overhead_ms": round(_median(whole[3:]) - _median(bare[3:]), 1),
        "local_overhead_cpu_ms": round((whole_cpu - bare_cpu) / len(whole) * 1000, 1),
    }


def _children_cpu() -> float:
    """Of all processes that have ended: scripts, runners, and the sandboxes that those waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _prepare(root: Path) -> None:
    root.mkdir()
    (root / "good.conf").write_text("host=db\n")


async def jobs(count: int) -> dict[str, float]:
    """Seconds at the median: a bare pod from its creation to its end, and a run that creates one object."""
    from suture_testkit.cluster import IMAGE, new_shop

    async with new_shop(Path(tempfile.mkdtemp(dir="/var/tmp"))) as shop:
        shop.reach["healthy_seconds"] = 0
        bare, whole = [], []
        for number in range(count + 1):
            started = time.perf_counter()
            await _bare_pod(shop, f"bare-{number}", IMAGE)
            bare.append(time.perf_counter() - started)
            manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"made-{number}"}}
            started = time.perf_counter()
            result = await shop.run(json.dumps(manifest))
            whole.append(time.perf_counter() - started)
            assert result.outcome == "succeeded", result.detail
    bare_s, run_s = statistics.median(bare[1:]), statistics.median(whole[1:])
    return {
        "pod_bare_s": round(bare_s, 2),
        "job_run_s": round(run_s, 2),
        "job_overhead_s": round(run_s - bare_s, 2),
    }


async def _bare_pod(shop: Any, name: str, image: str) -> None:
    container = {
        "name": "main", "image": image, "imagePullPolicy": "Never",
        "command": ["python3", "-c", "import ssl"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }  # fmt: skip
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"restartPolicy": "Never", "securityContext": security, "containers": [container]}
    await shop.make("pods", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    while True:
        found = await shop.cluster.call("GET", shop.path("pods", name))
        if found["status"].get("phase") in ("Succeeded", "Failed"):
            return
        await asyncio.sleep(0.05)


def _median(seconds: list[float]) -> float:
    return round(statistics.median(seconds) * 1000, 1)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=5)
    options = parser.parse_args()
    figures = await local(options.runs)
    if "KUBECONFIG" in os.environ and options.jobs:
        figures |= await jobs(options.jobs)
    else:
        print("no KUBECONFIG: jobs are not measured", file=sys.stderr)
    print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main())
