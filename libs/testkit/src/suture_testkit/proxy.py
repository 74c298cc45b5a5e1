"""A TCP proxy that a test takes away and brings back."""

from __future__ import annotations

import asyncio
import contextlib


class Proxy:
    """TCP, byte for byte, until it is closed with all its connections.

    ``delay``: for how many seconds it holds back whatever a client sends.
    """

    def __init__(self, host: str, port: int, delay: float = 0.0) -> None:
        self._to = (host, port)
        self._delay = delay
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self, port: int = 0) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._to)
        self._writers += [writer, back]
        with contextlib.suppress(OSError):
            await asyncio.gather(_pump(reader, back, self._delay), _pump(there, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float = 0.0) -> None:
    while data := await reader.read(65_536):
        await asyncio.sleep(delay)
        writer.write(data)
        await writer.drain()
    writer.close()
