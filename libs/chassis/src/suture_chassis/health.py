"""A small HTTP server for probes and scrapes: a framework would cost every service megabytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Answer = tuple[int, str, bytes]
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}
_MAX_REQUEST = 8_192
_REQUEST_SECONDS = 5.0
_MAX_CONNECTIONS = 32
JSON = "application/json"
METRICS = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Probes:
    """What the server asks. ``missing`` names what is not ready; empty is ready."""

    service: str
    missing: Callable[[], Awaitable[list[str]]]
    metrics: Callable[[], bytes]
    asyncapi: Callable[[], bytes]


class HealthServer:
    """``/health/live``, ``/health/ready``, ``/metrics``, ``/asyncapi.json``; one request a connection."""

    def __init__(self, probes: Probes) -> None:
        self._probes = probes
        self._server: asyncio.Server | None = None
        self._open = 0
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, host, port, limit=_MAX_REQUEST)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= _MAX_CONNECTIONS:
                async with asyncio.timeout(_REQUEST_SECONDS):
                    status, kind, body = await self._answer(await reader.readuntil(b"\r\n\r\n"))
                    writer.write(_response(status, kind, body))
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, request: bytes) -> Answer:
        parts = request.split(b"\r\n", 1)[0].split()
        if len(parts) != 3:
            return _json(400, {"status": "bad request"})
        method, path = parts[0], parts[1].split(b"?", 1)[0]
        if method != b"GET":
            return _json(405, {"status": "only GET is answered"})
        if path == b"/health/live":
            return _json(200, {"status": "live", "service": self._probes.service})
        if path == b"/health/ready":
            missing = await self._probes.missing()
            status = "unready" if missing else "ready"
            return _json(
                503 if missing else 200,
                {"status": status, "service": self._probes.service, "missing": missing},
            )
        if path == b"/metrics":
            return 200, METRICS, self._probes.metrics()
        if path == b"/asyncapi.json":
            return 200, JSON, self._probes.asyncapi()
        return _json(404, {"status": "not found"})


def _json(status: int, content: dict[str, object]) -> Answer:
    return status, JSON, json.dumps(content).encode()


def _response(status: int, kind: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
