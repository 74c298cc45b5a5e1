"""What every service is told by its environment; the prefix is ``SUTURE_``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ChassisSettings(BaseSettings):
    """A service's own settings inherit from these. Times are seconds."""

    model_config = SettingsConfigDict(env_prefix="SUTURE_", extra="ignore", frozen=True)

    broker_url: SecretStr
    store_url: SecretStr
    store_database: str = Field(default="suture", min_length=1, max_length=60)
    signing_key_file: Path
    trust_store_file: Path
    instance: str = Field(
        default="0",
        pattern=r"^[\w.-]{1,60}$",
        description="Stable over restarts, never two processes at once; names its outbox watermark",
    )
    retired_after: float = Field(
        default=60.0,
        ge=1,
        le=86_400,
        description="Without a sign of life for so long, what an instance left is published by the others",
    )
    health_host: str = "127.0.0.1"
    health_port: int = Field(default=0, ge=0, le=65535, description="0 takes a free one")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    otlp_endpoint: str | None = Field(default=None, description="Traces are exported only where this is set")
    trace_ratio: float = Field(default=0.0, ge=0, le=1)
    graceful_timeout: float = Field(default=10.0, gt=0, le=600)
    broker_patience: float = Field(
        default=60.0, gt=0, le=3600, description="How long the broker may be gone before the process exits"
    )
