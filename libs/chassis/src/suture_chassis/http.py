"""A service's own HTTP interface, by uvicorn, inside the service's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from suture_chassis.http_protocol import BoundedProtocol


class HttpServer:
    """Serves an ASGI application; ``port`` is the one in force."""

    def __init__(self, app: Any, host: str, port: int, graceful_timeout: float) -> None:
        self._config = uvicorn.Config(
            app,
            http=BoundedProtocol,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_keep_alive=20,
            timeout_graceful_shutdown=max(1, int(graceful_timeout)),
        )
        self._host = host
        self.listening = False
        self.port = port

    async def serve(self) -> None:
        """Until cancelled; requests in progress are finished first."""
        with socket.create_server((self._host, self.port), backlog=512) as listening:
            self.port = listening.getsockname()[1]
            server = _Quiet(self._config)
            task = asyncio.create_task(server.serve(sockets=[listening]))
            self.listening = True
            try:
                await asyncio.shield(task)
            finally:
                self.listening = False
                server.should_exit = True
                await task


class _Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # The service handles signals.
        yield
