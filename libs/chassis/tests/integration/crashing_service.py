"""A service in a process of its own that kills itself, with SIGKILL, at the point that it is told."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from suture_chassis.app import Service
from suture_chassis.messages import Received
from suture_chassis.settings import ChassisSettings
from suture_contracts import ids
from suture_contracts.events import RcaAnalyzed
from suture_contracts.examples import example
from suture_contracts.findings import RcaReceived


def event(**changes: Any) -> RcaAnalyzed:
    message = example("rca.analyzed")
    assert isinstance(message, RcaAnalyzed)
    return message.model_copy(update=changes)


def die(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def main(point: str) -> None:
    service = Service("analyzer", ChassisSettings())
    analyses = service.store.documents("analyses")

    async def on_rca_received(received: Received[RcaReceived]) -> None:
        remediation = ids.remediation_id(received.source, received.id)
        if point == "before the write":
            die()
        if point == "before the publish":
            service._outbox.publish = die  # type: ignore[method-assign]
        result = event(remediation_id=remediation, **received.caused())
        await analyses.insert({"_id": str(remediation), "state": "analyzed"}, events=[result], cause=received)
        if point == "before the ack":
            die()

    async def on_timer() -> None:
        if point == "before the timer's publish":
            service._outbox.publish = die  # type: ignore[method-assign]
        if point in ("never", "before the timer's publish") and await analyses.get("timer") is None:
            result = event(remediation_id=ids.remediation_id("timer", "1"))
            await analyses.insert({"_id": "timer", "state": "analyzed"}, events=[result])

    service.on(RcaReceived, on_rca_received)
    service.background("timer", on_timer)
    service.run()


if __name__ == "__main__":
    main(sys.argv[1])
