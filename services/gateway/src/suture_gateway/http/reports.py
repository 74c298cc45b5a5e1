"""A scanner's report in the body of a request: spooled to disk, read as it streams, one command a package."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import IO, Any

from fastapi import Request
from suture_contracts import commands
from suture_contracts.base import Principal, Reply
from suture_contracts.findings import VulnerabilityReported

from suture_gateway.http.bodies import MAX_BODY_BYTES
from suture_gateway.http.context import COMMAND_LIFE, api_of
from suture_gateway.http.problems import problem

MAX_REPORT_BYTES = 64 * 1_048_576
_READ_SECONDS = 120
_AT_ONCE = 16


async def spool(request: Request) -> IO[bytes]:
    """The body in a file that keeps no more than a megabyte in memory; the caller closes it."""
    spooled = tempfile.SpooledTemporaryFile(max_size=MAX_BODY_BYTES)  # noqa: SIM115 - the caller closes it
    try:
        async with asyncio.timeout(_READ_SECONDS):
            size = 0
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_REPORT_BYTES:
                    raise problem(
                        413,
                        f"the report is larger than {MAX_REPORT_BYTES} bytes",
                        remedy="split it by host",
                        headers={"Connection": "close"},
                    )
                await asyncio.to_thread(spooled.write, chunk)
    except TimeoutError:
        spooled.close()
        raise problem(
            408, f"the body did not arrive within {_READ_SECONDS} s", headers={"Connection": "close"}
        ) from None
    except BaseException:
        spooled.close()
        raise
    return spooled


def looks_like_report(body: IO[bytes]) -> bool:
    body.seek(0)
    start = body.read(65_536)
    body.seek(0)
    if b'"vulnerability_id"' in start:
        return False
    # Here, not above: most gateways never see a report, and reading one takes a library.
    from suture_generation.reports import is_report

    return is_report(start)


async def open_all(request: Request, caller: Principal, body: IO[bytes]) -> dict[str, Any]:
    """One remediation for each package of the report; the same report again opens the same ones."""
    from suture_generation.reports import ReportInvalid, read_report

    host = request.query_params.get("host")
    try:
        found = await asyncio.to_thread(lambda: list(read_report(body, host[:300] if host else None)))
    except ReportInvalid as error:
        raise problem(422, error.reason, field=error.field, remedy=error.remedy) from None
    digest = await asyncio.to_thread(_digest, body)
    free = asyncio.Semaphore(_AT_ONCE)
    opened = [item async for item in _opened(request, caller, digest, found, free)]
    refused = [item for item in opened if "remediation_id" not in item]
    return {"remediations": [item for item in opened if "remediation_id" in item], "refused": refused}


async def _opened(
    request: Request,
    caller: Principal,
    digest: str,
    found: list[VulnerabilityReported],
    free: asyncio.Semaphore,
) -> AsyncIterator[dict[str, Any]]:
    async def open_one(vulnerability: VulnerabilityReported) -> dict[str, Any]:
        said = {"package": vulnerability.package, "fixed_version": vulnerability.fixed_version}
        async with free:
            reply = await _sent(request, caller, digest, vulnerability)
        if reply.problem is not None or reply.status >= 400:
            return said | {"reason": reply.problem.detail if reply.problem else f"status {reply.status}"}
        return said | {"remediation_id": reply.body["remediation_id"]}

    for start in range(0, len(found), _AT_ONCE * 4):
        for item in await asyncio.gather(*map(open_one, found[start : start + _AT_ONCE * 4])):
            yield item


async def _sent(
    request: Request, caller: Principal, digest: str, vulnerability: VulnerabilityReported
) -> Reply:
    said = f"{caller.id}\n{digest}\n{vulnerability.model_dump_json()}"
    now = datetime.now(UTC)
    command = commands.Generate(
        command_id=f"report-{hashlib.sha256(said.encode()).hexdigest()}",
        principal=caller,
        issued_at=now,
        expires_at=now + COMMAND_LIFE,
        vulnerability=vulnerability,
        start=vulnerability.start,
    )
    return await api_of(request).send_command(command)


def _digest(body: IO[bytes]) -> str:
    body.seek(0)
    return hashlib.file_digest(body, "sha256").hexdigest()  # type: ignore[arg-type]
