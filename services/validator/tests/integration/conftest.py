"""The validator, running on a real broker and store, and what the generator would send it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from suture_chassis.app import Service
from suture_contracts import ids
from suture_contracts.events import Finding, ScriptGenerated
from suture_contracts.script import Script, ScriptDocument
from suture_testkit.identities import Identities
from suture_testkit.wire import Wire
from suture_validator.main import Settings, build

SAFE = "#!/bin/bash\nset -euo pipefail\necho restored\n"


@pytest_asyncio.fixture
async def validator(trust: Identities, wire: Wire) -> AsyncIterator[Service]:
    async with build(Settings(**trust.settings_for("validator"))) as service:
        yield service


@pytest.fixture
def generated() -> Callable[..., ScriptGenerated]:
    """What the generator publishes: a script of this body, or of these very document bytes."""

    def generated(
        body: str = SAFE,
        *,
        remediation: UUID | None = None,
        revision: int = 1,
        text: str | None = None,
        document: dict[str, Any] | None = None,
        **fields: Any,
    ) -> ScriptGenerated:
        remediation = remediation or uuid4()
        script_id = ids.script_id(remediation)
        made = ScriptDocument.model_validate({"script_type": "bash", "body": body, **(document or {})})
        script = Script.of(script_id, revision, made)
        if text is not None:
            script = Script(
                script_id=script_id, revision=revision, document=text, sha256=ids.sha256(text.encode())
            )
        finding = Finding(
            kind="rca", reference="a-1", category="Configuration", details="d", severity="high",
            confidence=0.9, fingerprint="a" * 64,
        )  # fmt: skip
        given: dict[str, Any] = {
            "sequence": revision,
            "causation_id": "cause",
            "causation_digest": "c" * 64,
            "origin": "template",
            "reversibility": "exact",
            "confidence_parts": {"template_match": 1.0},
            "repairs_left": 0,
        }
        return ScriptGenerated(
            remediation_id=remediation, script=script, finding=finding, **{**given, **fields}
        )

    return generated
