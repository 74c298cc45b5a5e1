"""``python -m suture_testkit run -- COMMAND``: the command, with a broker and a store to itself."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from suture_testkit.servers import choose_servers

_USAGE = "usage: python -m suture_testkit run -- COMMAND [ARGUMENT ...]"


async def run(command: list[str]) -> int:
    """Starts the servers, runs the command, stops them; returns the command's exit code."""
    servers = choose_servers()
    started = time.monotonic()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    addresses = await servers.start()
    sys.stderr.write(f"broker and store are ready after {time.monotonic() - started:.1f} s\n")
    try:
        environment = os.environ | addresses.environment()
        child = await asyncio.create_subprocess_exec(*_resolved(command), env=environment)
        ended = asyncio.ensure_future(child.wait())
        interrupted = asyncio.ensure_future(stopping.wait())
        await asyncio.wait((ended, interrupted), return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            child.terminate()
        interrupted.cancel()
        return await ended
    finally:
        await servers.stop()


def _resolved(command: list[str]) -> list[str]:
    """The program beside this interpreter, where there is one: no activated environment is needed."""
    beside = Path(sys.executable).parent / command[0]
    return [str(beside) if beside.exists() else command[0], *command[1:]]


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:2] != ["run", "--"] or len(arguments) < 3:
        sys.exit(_USAGE)
    code = asyncio.run(run(arguments[2:]))
    # A command that a signal ended has a negative code here; the shell's convention is 128 and its number.
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
