"""A service's key is revoked while work that it signed is under way."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from suture_chassis.custody.trust import CHECK_SECONDS

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def test_a_verdict_whose_key_was_revoked_is_given_anew_and_asked_about_again(
    own_system: Any, make_program: Any, tmp_path: Path
) -> None:
    system = own_system
    program = make_program(tmp_path, "pool")
    finding = system.exhaust_pool(program)
    id = system.call("operator", "POST", "/api/findings", finding).json()["remediation_id"]
    first = system.wait(id, "awaiting_approval")

    system.stack.keys.renew("validator")
    system.stack.services["validator"].kill()  # it is started again at once, with its new key
    time.sleep(CHECK_SECONDS + 0.5)  # until the others have read the trust store again

    assert approve(system, first).status_code == 409
    assert program.config.read_text().endswith("pool_size=5\n")
    second = system.wait_until(
        id, lambda found: found["state"] == "awaiting_approval" and found["revision"] > first["revision"]
    )
    assert second["script"]["sha256"] == first["script"]["sha256"]
    assert approve(system, second).status_code == 200
    assert system.wait(id)["state"] == "succeeded"
    assert program.config.read_text() == "host=db.internal\npool_size=40\n"


def approve(system: Any, found: dict[str, Any]) -> Any:
    path = f"/api/generative-remediation/scripts/{found['script_id']}/approve"
    seen = {"revision": found["revision"], "digest": found["script"]["sha256"]}
    return system.call("supervisor", "POST", path, seen)
