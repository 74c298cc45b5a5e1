"""An agent as a process of its own: address, key, target, root, state, signing key, trust store."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from agent_sdk import AgentSDK
from agent_sdk.worker import Worker


def main(address: str, token: str, target: str, *paths: str) -> None:
    root, state, key, trust = map(Path, paths)
    with AgentSDK(target, token, address) as agent:
        worker = Worker(agent, root, state=state, signing_key=key, trust_store=trust, poll_seconds=0.2)
        asyncio.run(worker.serve())


main(*sys.argv[1:])
