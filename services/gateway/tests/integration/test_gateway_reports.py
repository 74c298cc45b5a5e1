"""A scanner's report over HTTP: one command a package, the same report again the same commands."""

from __future__ import annotations

import json
from typing import Any

from suture_contracts import commands, ids
from suture_contracts.base import Reply

OPENED = Reply(status=202, body={"remediation_id": str(ids.remediation_id("scanner", "1"))})


def report(packages: int, advisories: int, filler: str = "") -> bytes:
    found = [
        {
            "VulnerabilityID": f"CVE-2024-{package}{advisory}",
            "PkgName": f"package-{package}",
            "FixedVersion": f"1.{advisory}-1",
            "Description": filler,
        }
        for package in range(packages)
        for advisory in range(advisories)
    ]
    whole = {"SchemaVersion": 2, "ArtifactName": "web-1", "Results": [{"Vulnerabilities": found}]}
    return json.dumps(whole).encode()


async def post(client: Any, body: bytes) -> Any:
    return await client.post(
        "/api/vulnerabilities", content=body, headers={"Content-Type": "application/json"}
    )


async def test_a_report_larger_than_other_bodies_opens_one_remediation_a_package(
    as_role: Any, owners: Any
) -> None:
    received = await owners("analyzer", {commands.Generate: OPENED})
    body = report(packages=5, advisories=100, filler="x" * 3_000)
    assert len(body) > 1_048_576
    answer = await post(as_role("agent"), body)
    assert answer.status_code == 202
    assert len(answer.json()["remediations"]) == 5
    assert answer.json()["refused"] == []
    asked = [command.vulnerability for command in received]
    assert {(found.package, found.fixed_version) for found in asked} == {
        (f"package-{number}", "1.99-1") for number in range(5)
    }
    assert all(found.affected_systems == ("web-1",) for found in asked)


async def test_the_same_report_again_asks_under_the_same_ids(as_role: Any, owners: Any) -> None:
    received = await owners("analyzer", {commands.Generate: OPENED})
    for _ in range(2):
        assert (await post(as_role("agent"), report(3, 2))).status_code == 202
    assert len({command.command_id for command in received}) == 3


async def test_a_report_that_breaks_off_is_refused_by_name(as_role: Any, owners: Any) -> None:
    received = await owners("analyzer", {commands.Generate: OPENED})
    answer = await post(as_role("agent"), report(3, 2)[:-5])
    assert answer.status_code == 422
    assert "whole" in answer.json()["detail"] + answer.json()["remedy"]
    assert received == []
