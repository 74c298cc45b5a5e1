"""What this executor knows of its runs in clusters, written before each is started: none is started twice."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from suture_sandbox.kept import write_whole
from suture_sandbox.protocol import RunPlan, RunResult


class Record(BaseModel):
    """``created`` says that the API server has confirmed the Job of this ``attempt``."""

    model_config = ConfigDict(extra="forbid")

    plan: RunPlan
    attempt: int = 0
    created: bool = False
    aborted: bool = False
    dead: list[str] = []
    rights: tuple[str, ...] = ()
    result: RunResult | None = None


class Records:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, run_id: str) -> Record | None:
        try:
            return Record.model_validate_json(self._path(run_id).read_bytes())
        except FileNotFoundError:
            return None

    def keep(self, record: Record) -> None:
        """Replace it whole, durably."""
        text = json.dumps(record.model_dump(mode="json"))
        write_whole(self._path(record.plan.run_id), text)

    def drop(self, run_id: str) -> None:
        self._path(run_id).unlink(missing_ok=True)

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.json"
