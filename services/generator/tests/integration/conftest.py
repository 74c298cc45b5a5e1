"""The generator on a real broker and store, with and without a model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import pytest_asyncio
from suture_chassis.app import Service
from suture_contracts.events import Finding, RcaAnalyzed
from suture_contracts.examples import example
from suture_contracts.target import Target
from suture_contracts.template import Template
from suture_generation.catalog import released_templates
from suture_generator.main import Settings, build
from suture_local.model_server import ModelServer
from suture_testkit.identities import Identities
from suture_testkit.wire import Wire


@pytest_asyncio.fixture
async def generator(trust: Identities, wire: Wire) -> AsyncIterator[Service]:
    """Without a model."""
    async with build(Settings(**trust.settings_for("generator"))) as service:
        yield service


@pytest.fixture
def with_model(
    trust: Identities, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Settings of a generator that asks the stand-in model."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-of-nobody")
    model = {"generator_provider": "openai", "generator_base_url": model_server.openai_url}
    return {**trust.settings_for("generator"), **model}


@pytest.fixture
def template() -> Template:
    return next(template for template in released_templates() if template.id == "missing-configuration-file")


@pytest.fixture
def target() -> Target:
    return Target(
        id="orders-host",
        kind="local",
        owner="agent-1",
        facts={
            "config_path": "/srv/orders/etc/database.conf",
            "known_good_source": "/srv/orders/known-good/database.conf",
            "health_url": "http://127.0.0.1:8080/health",
        },
    )


@pytest.fixture
def analyzed(template: Template, target: Target) -> RcaAnalyzed:
    """A finding with a template that its target's facts fill."""
    given = cast(RcaAnalyzed, example("rca.analyzed"))
    finding = Finding.model_validate({**given.finding.model_dump(), "category": "Configuration"})
    changes = {
        "finding": finding,
        "template": template,
        "predefined": None,
        "targets": (target,),
        "sequence": 0,
    }
    return given.model_copy(update=changes)


@pytest.fixture
def novel(analyzed: RcaAnalyzed) -> RcaAnalyzed:
    """A finding that no template fits."""
    return analyzed.model_copy(update={"template": None})
