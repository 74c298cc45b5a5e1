"""A service's key is revoked while messages that it signed are still under way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from suture_chassis.app import Service
from suture_chassis.custody import Signer, TrustedKey, TrustStore, sign_message
from suture_chassis.messages import Received
from suture_chassis.settings import ChassisSettings
from suture_contracts import ids
from suture_contracts.events import RcaAnalyzed
from suture_contracts.examples import example
from suture_testkit.waiting import eventually


class Generator:
    """Takes what the analyzer publishes."""

    def __init__(self, settings: ChassisSettings) -> None:
        self.service = Service("generator", settings)
        self.handled: list[Received[RcaAnalyzed]] = []
        self.service.on(RcaAnalyzed, self.on_rca_analyzed)

    async def on_rca_analyzed(self, received: Received[RcaAnalyzed]) -> None:
        self.handled.append(received)


@pytest.fixture
def make_generator(settings_for: Callable[..., ChassisSettings]) -> Callable[[], Generator]:
    """Builds one that knows the keys of that moment."""
    return lambda: Generator(settings_for("generator"))


async def test_what_was_under_way_is_named_and_comes_again_by_the_new_key(
    make_analyzer, make_generator, wire, finding, trust, one_dead_letter
) -> None:
    async with make_analyzer().service:
        await wire.publish(finding, id="1", source="detector")
        await wire.expect(RcaAnalyzed)
    old = trust.signer("analyzer").keyid
    trust.ring.renew("analyzer")
    generator = make_generator()
    async with generator.service:
        dead = await one_dead_letter()
        metrics = generator.service.metrics.render().decode()
        assert generator.handled == []
        async with make_analyzer().service:
            await eventually(lambda: bool(generator.handled))
    assert dead.headers["suture_dead_error"] == "Outlived"
    assert f"key {old} of analyzer is revoked" in dead.headers["suture_dead_reason"]
    assert "sends its events again by itself" in dead.headers["suture_dead_remedy"]
    assert 'suture_outlived_total{type="rca.analyzed"} 1.0' in metrics
    assert 'suture_forged_total{type="rca.analyzed"} 0.0' in metrics
    (received,) = generator.handled
    assert (received.id, received.body) == (dead.id, dead.body)
    assert str(received.signature).startswith(trust.signer("analyzer").keyid + ":")


async def test_a_key_that_is_revoked_long_after_its_successor_came_heals_too(
    make_analyzer, make_generator, wire, finding, trust
) -> None:
    old = trust.signer("analyzer").keyid
    async with make_analyzer().service:
        await wire.publish(finding, id="1", source="detector")
        await wire.expect(RcaAnalyzed)
    key_file = trust.ring.key_file("analyzer")
    key_file.unlink()
    TrustStore.add(trust.file, TrustedKey.of(Signer.generate(key_file, "analyzer")))
    async with make_analyzer().service:
        TrustStore.revoke(trust.file, old)
        await wire.expect(RcaAnalyzed, timeout=30)
        generator = make_generator()
        async with generator.service:
            await eventually(lambda: bool(generator.handled))


async def test_what_a_stolen_key_signs_is_never_signed_again(
    make_analyzer, make_generator, wire, trust, one_dead_letter
) -> None:
    stolen = trust.signer("analyzer")
    trust.ring.renew("analyzer")
    body = example("rca.analyzed").model_dump_json().encode()
    told = {"id": "1", "source": "suture/analyzer", "type": "rca.analyzed"}
    signature = sign_message(stolen, **told, digest=ids.sha256(body))
    analyzer, generator = make_analyzer().service, make_generator()
    marks = analyzer.store.collection("analyzer_watermarks")

    async def looked() -> bool:
        return await marks.find_one({"sent_again": stolen.keyid}) is not None

    async with analyzer, generator.service:
        headers = {"suture_signature": signature}
        await wire.send("rca.analyzed", body, id="1", source="suture/analyzer", headers=headers)
        dead = await one_dead_letter()
        await eventually(looked)
    assert dead.headers["suture_dead_error"] == "Outlived"
    assert generator.handled == []
