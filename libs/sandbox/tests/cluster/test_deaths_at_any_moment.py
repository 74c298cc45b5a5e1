"""Pods, Jobs, the API server taken away at many moments of a run: one claim, no body twice, a known end."""

from __future__ import annotations

import asyncio
import collections
from typing import Any

import pytest
from suture_sandbox.kubernetes.cluster import Refused
from suture_sandbox.kubernetes.job import claim_name, job_name
from suture_sandbox.kubernetes.sandbox import KubernetesSandbox
from suture_sandbox.protocol import RunLost, SandboxUnavailable

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

STAGES = ("job", "pod", "claim", "body", "half", "db")
MOMENTS = 2 * len(STAGES)
LATER_SECONDS = 0.7
APART_SECONDS = 0.7
# What it makes besides is never taken back: one for each time that the body was started.
BODY = """
set -eu
call() {
    curl -sSf --cacert "$SUTURE_CA_FILE" -o /dev/null \\
        -H "Authorization: Bearer $(cat "$SUTURE_TOKEN_FILE")" \\
        "$@"
}
maps=$SUTURE_API/api/v1/namespaces/$SUTURE_NAMESPACE/configmaps
call -H 'Content-Type: application/json' -d '{"metadata":{"generateName":"ran-@ITEM@-"}}' "$maps"
call -X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"data":{"host":"half"}}' "$maps/@ITEM@"
sleep 2
call -X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"data":{"host":"db"}}' "$maps/@ITEM@"
"""
VERIFY = """
curl -sSf --cacert "$SUTURE_CA_FILE" -H "Authorization: Bearer $(cat "$SUTURE_TOKEN_FILE")" \\
    "$SUTURE_API/api/v1/namespaces/$SUTURE_NAMESPACE/configmaps/@ITEM@" | grep -q '"host": *"db"'
"""


class Crowd:
    """Runs side by side, each on an object of its own; what is done to one of them differs in its moment."""

    def __init__(self, shop, sandbox: KubernetesSandbox, **fields: object) -> None:
        self.shop = shop
        self.sandbox = sandbox
        self.names = [f"web-{number}" for number in range(MOMENTS)]
        self.plans = {name: self._plan(name, **fields) for name in self.names}
        self.outcomes: dict[str, str] = {}

    def _plan(self, name: str, **fields: object):
        return self.shop.plan(
            BODY.replace("@ITEM@", name), name=name, target=name, script_type="bash",
            verify=VERIFY.replace("@ITEM@", name),
            writes=(self.shop.path("configmaps", name),), **fields,
        )  # fmt: skip

    async def go(self, harm=None, apart: float = 0.0) -> None:
        """Start them so many seconds ``apart``; ``harm(plan)`` comes to each later after its start."""
        for name in self.names:
            await self.shop.config(name, host="old")
        await asyncio.gather(*(self._one(number, harm, apart) for number in range(MOMENTS)))

    async def _one(self, number: int, harm, apart: float) -> None:
        name = self.names[number]
        plan = self.plans[name]
        await asyncio.sleep(number * apart)
        try:
            await self.sandbox.start(plan)
        except SandboxUnavailable:
            self.outcomes[name] = "not_applied"
            return
        harming = asyncio.create_task(self._harmed(number, harm, plan))
        try:
            self.outcomes[name] = (await self.sandbox.result(plan.run_id)).outcome
        except RunLost:
            self.outcomes[name] = "unknown"
        await harming

    async def _harmed(self, number: int, harm, plan) -> None:
        """Two runs are harmed when they have come to each stage, at once and a little later."""
        if harm is None:
            return
        stage = STAGES[number // 2]
        while plan.target not in self.outcomes and not await self._has_come_to(stage, plan):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        await asyncio.sleep(number % 2 * LATER_SECONDS)
        await harm(plan)

    async def _has_come_to(self, stage: str, plan) -> bool:
        shop, name = self.shop, plan.target
        if stage == "pod":
            return any(pod["status"].get("phase") != "Pending" for pod in await _pods(shop, plan))
        if stage == "claim":
            path = shop.path("leases", claim_name(plan), "/apis/coordination.k8s.io/v1")
            return await shop.cluster.find(path) is not None
        if stage == "body":
            found = await shop.cluster.call("GET", shop.path("configmaps"))
            return any(one["metadata"].get("generateName") == f"ran-{name}-" for one in found["items"])
        host = (await shop.cluster.call("GET", shop.path("configmaps", name)))["data"]["host"]
        return stage in ("job", host)

    async def judge(self, what: str, record_property) -> None:
        maps = (await self.shop.cluster.call("GET", self.shop.path("configmaps")))["items"]
        data = {one["metadata"]["name"]: (one.get("data") or {}).get("host") for one in maps}
        bodies = collections.Counter(
            one["metadata"]["generateName"][4:-1] for one in maps if "generateName" in one["metadata"]
        )
        claims = collections.Counter(
            one["metadata"]["annotations"]["suture.dev/target"] for one in await self.shop.claims()
        )
        ends = collections.Counter(self.outcomes.values())
        record_property(
            "counted",
            f"{what} at {MOMENTS} moments: {len(claims)} claims, {sum(bodies.values())} bodies,"
            f" {dict(sorted(ends.items()))}",
        )
        for name, outcome in self.outcomes.items():
            assert bodies[name] <= 1, (name, outcome)
            assert claims[name] <= 1, (name, outcome)
            wanted = {"succeeded": "db", "rolled_back": "old", "not_applied": "old"}
            assert outcome in (*wanted, "unknown"), (name, outcome)
            assert data[name] == wanted.get(outcome, data[name]), (name, outcome)
            assert outcome != "not_applied" or not bodies[name]


async def _gone(shop, path: str, **query: str) -> None:
    try:
        await shop.cluster.call("DELETE", path, **query)
    except Refused as refused:
        if refused.status != 404:
            raise


async def _pods(shop, plan) -> list[dict[str, Any]]:
    selector = f"suture.dev/run={job_name(plan, 0)}"
    found = await shop.cluster.call("GET", shop.path("pods"), labelSelector=selector)
    return list(found["items"])


async def _delete_pods(shop, plan) -> None:
    for pod in await _pods(shop, plan):
        await _gone(shop, shop.path("pods", pod["metadata"]["name"]), gracePeriodSeconds="0")


async def test_pods_deleted_by_force_at_any_moment(shop, record_property) -> None:
    crowd = Crowd(shop, shop.sandbox)
    await crowd.go(lambda plan: _delete_pods(shop, plan))
    await crowd.judge("pods deleted by force", record_property)
    assert "unknown" not in crowd.outcomes.values()


@pytest.mark.parametrize("propagation", ["Background", "Orphan"])
async def test_jobs_deleted_at_any_moment(shop, propagation: str, record_property) -> None:
    async def harm(plan) -> None:
        path = shop.path("jobs", job_name(plan, 0), "/apis/batch/v1")
        await _gone(shop, path, propagationPolicy=propagation)
        if propagation == "Orphan":
            await _delete_pods(shop, plan)

    crowd = Crowd(shop, shop.sandbox)
    await crowd.go(harm)
    await crowd.judge(f"jobs deleted ({propagation})", record_property)
    # Where the pods live on for a while, what they could still say counts.
    assert propagation == "Background" or "unknown" in crowd.outcomes.values()


async def test_an_api_server_away_for_30_seconds_from_any_moment_on(shop, distant, record_property) -> None:
    """The executor reaches it by a proxy, which goes away while its runs are at different steps."""
    crowd = Crowd(shop, distant.sandbox, secret_ref="shop")
    going = asyncio.create_task(crowd.go(None, apart=APART_SECONDS))
    await asyncio.sleep(MOMENTS * APART_SECONDS * 0.9)
    await distant.leave()
    await asyncio.sleep(30)
    assert not going.done()
    await distant.come_back()
    await going
    await crowd.judge("the API server away for 30 s", record_property)
    assert set(crowd.outcomes.values()) <= {"succeeded", "not_applied"}
