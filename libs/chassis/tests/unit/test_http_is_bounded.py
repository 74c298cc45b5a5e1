from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from suture_chassis import http_protocol
from suture_chassis.http import HttpServer
from suture_testkit.waiting import eventually


async def _application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(http_protocol, "MOST_CONNECTIONS", 3)
    server = HttpServer(_application, "127.0.0.1", 0, 1)
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.listening)
    yield server.port
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def _answer(port: int, start: bytes, drip: bytes = b"") -> bytes:
    """All that comes back until the server closes, while ``drip`` is sent again and again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(start)

    async def keep_sending() -> None:
        while drip:
            await asyncio.sleep(0.05)
            writer.write(drip)

    sending = asyncio.create_task(keep_sending())
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        sending.cancel()
        writer.close()


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\n"])
@pytest.mark.parametrize("drip", [b"", b"a: b\r\n"])
async def test_a_request_whose_head_does_not_come_is_not_waited_for(
    port: int, start: bytes, drip: bytes
) -> None:
    assert await _answer(port, start, drip) == b""


async def test_a_body_that_nobody_reads_is_not_taken_for_ever(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    # It ends, whether or not the bytes that were not read cost the sender the answer.
    await _answer(port, head, b"1\r\n \r\n")


async def test_what_is_no_http_gets_a_problem(port: int) -> None:
    answer = await _answer(port, b"nonsense\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert b'"remedy"' in answer


async def test_one_connection_too_many_is_closed_and_the_others_are_served(port: int) -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    assert await _answer(port, request) == b""
    reader, writer = held[0]
    writer.write(request)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    for _, each in held:
        each.close()
