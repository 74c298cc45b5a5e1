"""How a target of kind ``database`` is reached, as registered."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from suture_sandbox.reach import read

_TAKES = (
    'for kind database, reach is {"engine": "postgresql"} and secret_ref is set, or reach is'
    ' {"engine": "sqlite", "path": "/a/file"}'
)


class DatabaseReach(BaseModel):
    """PostgreSQL: ``secret_ref`` names a file that holds ``postgresql://user:password@host:port/database``.

    SQLite: ``path`` is the file. ``max_rows`` bounds what one run may change, ``lock_seconds`` how long it
    waits for locks that others hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["postgresql", "sqlite"]
    path: str | None = Field(default=None, max_length=1_000, pattern=r"^/[^\x00\n]*$")
    max_rows: int = Field(default=1_000, ge=1, le=20_000)
    lock_seconds: int = Field(default=5, ge=1, le=600)

    @model_validator(mode="after")
    def _path_for_sqlite(self) -> DatabaseReach:
        if (self.engine == "sqlite") != (self.path is not None):
            raise ValueError("path is for sqlite, and only for it; for postgresql name secret_ref")
        return self


def reach_of(reach: dict[str, Any]) -> DatabaseReach:
    """Raises ``ValueError``, which names the field and the remedy."""
    return read(DatabaseReach, reach, _TAKES)
