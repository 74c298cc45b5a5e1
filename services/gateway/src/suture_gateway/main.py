"""Composition root: settings, the journal and its fold, the HTTP application."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import Field
from suture_chassis.app import Service
from suture_chassis.settings import ChassisSettings

from suture_gateway.audit import JournalReads
from suture_gateway.entries import Entries
from suture_gateway.handlers import Handlers
from suture_gateway.heads import HeadSigner
from suture_gateway.http.app import create_app
from suture_gateway.http.context import Api
from suture_gateway.idempotency import IdempotencyKeys
from suture_gateway.journal import Journal
from suture_gateway.keys import KeyRing
from suture_gateway.projection import Projection
from suture_gateway.rate import RateLimit
from suture_gateway.reads import Remediations
from suture_gateway.watchers import Watchers

_PROGRESS_CALLS = 4


class Settings(ChassisSettings):
    """The gateway's own settings."""

    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(default=8080, ge=0, le=65535, description="0 takes a free one")
    gateway_keys_file: Path = Field(description='JSON {"keys": [{"id", "role", "sha256"}]}')
    gateway_rate_per_second: float = Field(default=100, gt=0, le=100_000, description="Requests of one key")
    gateway_rate_burst: int = Field(default=200, ge=1, le=1_000_000)
    gateway_most_waiting: int = Field(
        default=500, ge=1, le=100_000, description="Requests that may wait at once"
    )
    gateway_command_timeout: float = Field(default=10, gt=0, le=60)
    gateway_head_seconds: float = Field(default=10, gt=0, le=3600, description="How often the head is signed")


def build(settings: Settings) -> Service:
    """The service, wired and not yet started."""
    service = Service("gateway", settings)
    watchers = Watchers()
    entries = Entries(service.store.collection("journal"))
    remediations = service.store.collection("remediations")
    projection = Projection(
        entries,
        remediations,
        service.store.collection("gateway_positions"),
        instance=settings.instance,
        watchers=watchers,
        log=service.log,
    )
    journal = Journal(entries, projection.add, projection.catch_up)
    signed = service.store.collection("journal_heads")
    heads = HeadSigner(
        signed,
        service.signer,
        lambda: journal.head,
        seconds=settings.gateway_head_seconds,
        log=service.log,
    )
    idempotency = IdempotencyKeys(service.store.collection("gateway_idempotency_keys"))
    for hook in (projection.open, journal.open, idempotency.open):
        service.on_start(hook)
    service.on_every_event(Handlers(journal, projection).on_event)
    service.background("journal", journal.run)
    service.background("projection", projection.run)
    service.background("position", projection.keep_position)
    service.background("heads", heads.run)
    reads = Remediations(remediations, watchers, settings.gateway_most_waiting, projection.write)
    closing = asyncio.Event()

    async def end_streams_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closing.set()

    service.background("streams", end_streams_at_the_end)
    app = create_app(_api(service, settings, reads, idempotency, JournalReads(entries, signed), closing))
    service.serve(app, settings.gateway_host, settings.gateway_port)
    return service


def _api(
    service: Service,
    settings: Settings,
    reads: Remediations,
    idempotency: IdempotencyKeys,
    journal: JournalReads,
    closing: asyncio.Event,
) -> Api:
    async def away() -> str | None:
        missing = await service.missing()
        return f"not ready: {', '.join(missing)}" if missing else None

    return Api(
        send_command=lambda command: service.send_command(command, settings.gateway_command_timeout),
        remediations=reads,
        idempotency=idempotency,
        keys=KeyRing(settings.gateway_keys_file),
        callers=RateLimit(settings.gateway_rate_per_second, settings.gateway_rate_burst),
        strangers=RateLimit(2, 20),
        letters=service.dead_letters,
        journal=journal,
        ready=away,
        progress_calls=asyncio.Semaphore(_PROGRESS_CALLS),
        closing=closing,
    )


def main() -> None:
    build(Settings()).run()
