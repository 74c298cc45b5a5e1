"""One run on a database: its plan, its connection, its claim, its result."""

from __future__ import annotations

import json
import time

from suture_sandbox.runner.database import engines
from suture_sandbox.runner.database.engines import CLAIMS, CLAIMS_TABLE, Duplicate, Lost, Refused
from suture_sandbox.runner.database.rows import shown
from suture_sandbox.runner.database.undo import by_hand
from suture_sandbox.runner.output import masked
from suture_sandbox.runner.progress import Progress
from suture_sandbox.runner.seen import seen
from suture_sandbox.runner.tree import hashed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from suture_sandbox.runner.database.rows import Kept

_PATIENCE_SECONDS = 60.0


class Aborted(Exception):
    """SIGTERM came while the change could still be dropped."""


class Job:
    """``raw`` is what the sandbox wrote to ``job.json``: the plan, and ``database`` with steps and bounds."""

    def __init__(self, raw: dict[str, Any], secret: str) -> None:
        self.plan: dict[str, Any] = raw["plan"]
        self.database: dict[str, Any] = raw["database"]
        self.isolation: list[str] = raw["isolation"]
        self.progress = Progress(raw["work"], [])
        self.claim_id = f"{self.plan['claim_id']}:{self.plan['target']}"
        self.started = time.monotonic()
        self.aborted = False
        self.interruptible = False
        self._secrets = [*self.plan["secrets"], *([secret] if secret else [])]
        self.engine = self._engine(raw["database"], secret)

    def _engine(self, database: dict[str, Any], secret: str) -> Any:
        seconds = self.plan["limits"]["timeout_seconds"]
        if database["engine"] == "sqlite":
            return engines.Sqlite(database["path"], database["lock_seconds"], seconds)
        return engines.Postgres(secret, database["lock_seconds"], seconds)

    def connect(self) -> None:
        """Wait for the database for a minute. Raises ``Lost``, ``Refused``."""
        until = time.monotonic() + _PATIENCE_SECONDS
        self.engine.close()
        while True:
            try:
                self.engine.connect()
                return
            except Lost:
                if time.monotonic() > until:
                    raise
            time.sleep(0.5)

    def make_claims(self) -> None:
        """The table of claims, where an admin has not made it."""
        if not self.engine.has_claims():
            self.engine.run(CLAIMS_TABLE)

    def claim(
        self, state: str, kept: dict[str, Any] | None = None, result: dict[str, Any] | None = None
    ) -> None:
        """Raises ``Duplicate`` where it was made before."""
        mark = self.engine.mark
        values = (
            self.claim_id, self.plan["execution_id"], self.plan["target"], state,
            json.dumps(kept) if kept else None, json.dumps(result) if result else None,
        )  # fmt: skip
        marks = ", ".join(mark(number + 1, "text") for number in range(len(values)))
        columns = "claim_id, execution_id, target, state, kept, result"
        self.engine.run(f"INSERT INTO {CLAIMS} ({columns}) VALUES ({marks})", *values)

    def keep(self, state: str, kept: dict[str, Any], result: dict[str, Any]) -> None:
        mark = self.engine.mark
        self.engine.run(
            f"UPDATE {CLAIMS} SET state = {mark(1, 'text')}, kept = {mark(2, 'text')},"
            f" result = {mark(3, 'text')} WHERE claim_id = {mark(4, 'text')}",
            state, json.dumps(kept), json.dumps(result), self.claim_id,
        )  # fmt: skip

    def claimed(self) -> tuple[str, dict[str, Any], dict[str, Any] | None] | None:
        """State, what was kept, and result of the claim, locked; ``None`` where there is none."""
        found = self.engine.run(
            f"SELECT state, kept, result FROM {CLAIMS} WHERE claim_id = {self.engine.mark(1, 'text')}"
            f"{self.engine.for_update}",
            self.claim_id,
        )
        if not found:
            return None
        state, kept, result = found[0]
        return state, json.loads(kept) if kept else {}, json.loads(result) if result else None

    def settled(self, outcome: str, detail: str) -> dict[str, Any]:
        """Record how it ended; where the lost transaction was committed after all, what that one says."""
        result = self.result(outcome, detail)
        for _ in range(5):
            try:
                self.connect()
                self.engine.begin()
                self.claim("ended", result=result)
                self.engine.commit()
                return result
            except Duplicate:
                self.engine.rollback()
                known = self.claimed()
                if known is not None and known[2] is not None:
                    return known[2]
            except Lost:
                time.sleep(1)
        raise Lost("the database does not answer: whether the change was made is not known yet")

    def verified(self) -> bool | None:
        """The first value of the verification's first row; ``None`` where the plan has none."""
        if not self.database["verify"]:
            return None
        found = self.engine.run(self.database["verify"])
        value = found[0][0] if found and len(found[0]) else None
        return value not in (None, False, 0, "", "f", "false", "0")

    def result(
        self,
        outcome: str,
        detail: str = "",
        kept: list[Kept] | None = None,
        diff: str = "",
        words: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        stays = outcome in ("succeeded", "rollback_failed") and self.plan["mode"] != "rehearse"
        before, after = {}, {}
        for number, one in enumerate(kept or []):
            if "table" in one:
                name = f"{one['table']}#{number + 1}"
                before[name], after[name] = _digest(one["before"]), _digest(one["after"])
        return {
            "run_id": self.plan["run_id"],
            "target": self.plan["target"],
            "mode": self.plan["mode"],
            "outcome": outcome,
            "exit_code": None,
            "snapshot": f"{CLAIMS}/{self.claim_id}" if kept else None,
            "before": before,
            "after": after,
            "output_tail": "",
            "detail": masked(detail, self._secrets)[:4_000],
            "isolation": self.isolation,
            "seconds": round(time.monotonic() - self.started, 4),
            "diff": masked(diff or (shown(kept) if kept else ""), self._secrets),
            "undo": by_hand(self.database, self.claim_id, kept) if kept and stays else "",
            "seen": seen(words or {}),
        }

    def refusal(self) -> str:
        """Why it must not start now, or nothing."""
        if self.aborted:
            return "aborted before it was run"
        if self.plan["not_after"] is not None and time.time() > self.plan["not_after"]:
            return "the approval has expired"
        return ""


def _digest(rows: Any) -> str:
    return hashed(json.dumps(rows, sort_keys=True).encode())


__all__ = ["Aborted", "Duplicate", "Job", "Lost", "Refused"]
