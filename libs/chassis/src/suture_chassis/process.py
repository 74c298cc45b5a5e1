"""A service as a process: signals, the watchdog, the exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import uvloop

from suture_chassis import logs

if TYPE_CHECKING:
    from suture_chassis.app import Service

_EXIT_FAILED = 1
_EXIT_HUNG = 70
_STOP_SLACK_SECONDS = 15.0


def run_until_stopped(service: Service) -> None:
    """Runs the service to its end; exits the process non-zero where it failed, for a supervisor to see."""
    logs.capture_libraries(service.log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(_live(service))
    if code:
        sys.exit(code)


async def _live(service: Service) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    living = asyncio.create_task(_start_and_watch(service))
    try:
        await asyncio.wait((stopping, living), return_when=asyncio.FIRST_COMPLETED)
    finally:
        # A library that waits for ever must not keep a dead service in the way of its successor.
        limit = threading.Timer(
            service.settings.graceful_timeout + _STOP_SLACK_SECONDS, os._exit, (_EXIT_HUNG,)
        )
        limit.daemon = True
        limit.start()
        stopping.cancel()
        living.cancel()
        result = (await asyncio.gather(living, return_exceptions=True))[0]
        await service.stop()
    if isinstance(result, Exception):
        service.log.error("service_failed", reason=str(result) or type(result).__name__, exc_info=result)
        return _EXIT_FAILED
    return 0


async def _start_and_watch(service: Service) -> None:
    """Returns never; raises when the start failed or the broker was gone for too long."""
    await service.start()
    seen = time.monotonic()
    while True:
        await asyncio.sleep(1)
        if service.broker_connected:
            seen = time.monotonic()
        elif time.monotonic() - seen > service.settings.broker_patience:
            raise ConnectionError(f"the broker was gone for {service.settings.broker_patience:g} s")
