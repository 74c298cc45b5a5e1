"""What runs is seen while it runs: steps and output as server-sent events."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def slow_script(program: Any) -> dict[str, Any]:
    body = (
        "#!/bin/bash\nset -euo pipefail\necho 'password=hunter2000'\necho begun\nsleep 4\n"
        f"install -m 0640 {program.known_good} {program.config}\necho done\n"
    )
    return {
        "script_type": "bash",
        "body": body,
        "verify": f"#!/bin/bash\ntest -s {program.config}\n",
        "writes": [str(program.config)],
        "targets": [program.id],
        "start": "rehearsal",
    }


def events(system: Any, id: str, **headers: str) -> list[tuple[float, str, str, dict[str, Any]]]:
    """Each event's time of arrival, name, id and data, until the end."""
    headers["Authorization"] = f"Bearer {system.stack.tokens['operator']}"
    found, name, mark = [], "", ""
    path = f"/api/remediations/{id}/events"
    with (
        httpx.Client(base_url=system.stack.api_url, timeout=60, trust_env=False) as client,
        client.stream("GET", path, headers=headers) as stream,
    ):
        assert stream.status_code == 200, stream.read()
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            key, _, value = line.partition(": ")
            name = value if key == "event" else name
            mark = value if key == "id" else mark
            if key == "data":
                found.append((time.monotonic(), name, mark, json.loads(value)))
    return found


def test_steps_and_masked_output_are_seen_while_the_body_runs(system: Any, program: Any) -> None:
    id = system.call("operator", "POST", "/api/scripts", slow_script(program)).json()["remediation_id"]
    seen = events(system, id)
    named = [(name, data.get("state") or data.get("step") or data.get("line")) for _, name, _, data in seen]
    steps = [what for name, what in named if name == "step"]
    assert steps == ["check", "rehearse", "verify"]
    lines = [what for name, what in named if name == "output"]
    assert lines == ["password=[masked]", "begun", "done"]
    assert named[-2:] == [("state", "rehearsed"), ("end", "rehearsed")]
    begun = next(at for at, _, _, data in seen if data.get("line") == "begun")
    done = next(at for at, _, _, data in seen if data.get("line") == "done")
    assert done - begun > 2, "it was shown only after it had ended"
    assert {data["target"] for _, name, _, data in seen if name == "output"} == {program.id}


def test_a_client_goes_on_from_the_last_event_that_it_had(system: Any, program: Any) -> None:
    id = system.call("operator", "POST", "/api/scripts", slow_script(program)).json()["remediation_id"]
    seen = events(system, id)
    last = seen[-2]
    again = events(system, id, **{"Last-Event-ID": last[2]})
    assert [name for _, name, _, _ in again] == ["end"]


def test_a_remediation_that_is_not_known_has_no_events(system: Any) -> None:
    path = "/api/remediations/5f0c5b4e-9d5a-5e0e-8a44-0d1d6c7a5c11/events"
    assert system.call("operator", "GET", path).status_code == 404
