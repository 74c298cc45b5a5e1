"""One run as the runner knows it: its plan, its folders, and the phases that every mode is made of."""

from __future__ import annotations

import os
import time

from suture_sandbox.runner import cage, seccomp, session, together
from suture_sandbox.runner.bounds import Cage
from suture_sandbox.runner.difference import undo_by_hand
from suture_sandbox.runner.output import Tail
from suture_sandbox.runner.progress import Progress, step_of
from suture_sandbox.runner.seen import seen
from suture_sandbox.runner.tree import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from suture_sandbox.runner.ended import Ended
    from suture_sandbox.runner.stage import Stage
    from suture_sandbox.runner.tree import Entries

_MOST_PATHS = 200
_STAGE_ENTRIES = 10_000


class Job:
    """``raw`` is what the sandbox wrote to ``job.json``; ``alive_fd`` is held while a script lives."""

    def __init__(self, raw: dict[str, Any], alive_fd: int) -> None:
        self.raw = raw
        self.plan: dict[str, Any] = raw["plan"]
        self.work: str = raw["work"]
        self.claim: str = raw["claim"]
        self.tag: str = raw["tag"]
        self.direct = raw.get("sandbox") == "none"
        self.aborted = False
        self.started = time.monotonic()
        self.tail = Tail(self.plan["limits"]["output_bytes"])
        self.exit_code: int | None = None
        self.progress = Progress(self.work, self.plan["secrets"])
        self._alive_fd = alive_fd
        self._ran_body = False

    @property
    def script_user(self) -> int | None:
        """The user that owns the scratch, where it is not this process' own."""
        return Cage(self.raw, "", -1, False).uid if self.raw["identity"] == "uid" else None

    def script(self, phase: str, stage: Stage | None, *, writable: bool, network: bool, tail: Tail) -> Ended:
        """Run the plan's text for ``phase`` (``body``, ``verify``, ``rollback``) inside the sandbox."""
        path = os.path.join(self.work, phase)
        self._write(path, self.plan[phase])
        if self.direct:
            return self._on_the_machine(phase, path, tail)
        bounds = Cage(self.raw, path, self._alive_fd, network)
        bounds.environment["SUTURE_PHASE"] = phase
        if bounds.checks and self.script_user is not None:
            bounds.passwd = self._named_user(self.script_user)
        bounds.interpreter = self._interpreter(phase)
        most = (self.plan["limits"]["file_size_mb"] << 21) + (stage.use()[0] if stage else 0)

        def why_stop() -> str:
            if self.aborted:
                return "aborted"
            if stage is not None and writable:
                size, count = stage.use()
                if size > most or count > _STAGE_ENTRIES:
                    return "more written than the limits allow"
            return ""

        self._begin(phase, tail)
        try:
            return cage.run(bounds, stage.mounts(writable) if stage else [], tail, why_stop)
        finally:
            self.progress.end()

    def _interpreter(self, phase: str) -> list[str]:
        """The command that runs the phase's text; a configuration patch is verified by a shell script."""
        kind = self.plan["script_type"]
        found: list[str] = self.raw["interpreters"]["bash" if kind == "config" and phase != "body" else kind]
        return found

    def _begin(self, phase: str, tail: Tail) -> None:
        self.progress.step(step_of(phase, self._ran_body, self.plan["mode"]))
        self._ran_body = self._ran_body or phase != "verify"
        tail.watcher = self.progress.put

    def _on_the_machine(self, phase: str, path: str, tail: Tail) -> Ended:
        """In no sandbox, as the runner's own user: what the target's ``sandbox`` says."""
        self._begin(phase, tail)
        try:
            return session.run(
                [*self._interpreter(phase), path], {**self.environment, "SUTURE_PHASE": phase}, tail,
                self.plan["limits"]["timeout_seconds"], lambda: "aborted" if self.aborted else "",
                os.path.join(self.work, "session"),
            )  # fmt: skip
        finally:
            self.progress.end()

    @property
    def environment(self) -> dict[str, str]:
        """What commands on the machine itself get: the target's own variables come last."""
        common = Cage(self.raw, "", -1, False).environment
        return {**common, **self.raw.get("environment", {})}

    def _write(self, path: str, text: str) -> None:
        """Once, and readable by the user that the script runs as."""
        if not os.path.exists(path):
            with open(f"{path}.new", "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(f"{path}.new", 0o444)
            os.rename(f"{path}.new", path)

    def _named_user(self, user: int) -> str:
        """The system's users and the run's own: crontab and visudo ask who calls them."""
        path = os.path.join(self.work, "passwd")
        with open("/etc/passwd", encoding="utf-8", errors="replace") as file:
            known = file.read()
        self._write(path, f"{known.rstrip()}\nsuture-run:x:{user}:{user}::/tmp:/bin/false\n")
        return path

    def verifies(self, stage: Stage | None, *, network: bool, tail: Tail | None = None) -> bool | None:
        """Whether the verification passes, with nothing writable; ``None`` where the plan has none."""
        if not self.plan["verify"].strip():
            return None
        tail = Tail(4_096) if tail is None else tail
        return self.script("verify", stage, writable=False, network=network, tail=tail).passed

    def result(
        self,
        outcome: str,
        detail: str = "",
        before: Entries | None = None,
        after: Entries | None = None,
        diff: str = "",
    ) -> dict[str, Any]:
        """What is handed back, with digests by path; where a change stays, how to undo it by hand."""
        stays = outcome in ("succeeded", "rollback_failed") and self.plan["mode"] != "rehearse"
        first = words(before or {})
        last = {**first, **words(after or {})}
        return {
            "run_id": self.plan["run_id"],
            "target": self.plan["target"],
            "mode": self.plan["mode"],
            "outcome": outcome,
            "exit_code": self.exit_code,
            "snapshot": self.claim if before else None,
            "before": dict(list(first.items())[:_MOST_PATHS]),
            "after": dict(list(last.items())[:_MOST_PATHS]),
            "output_tail": self.tail.text(self.plan["secrets"]),
            "detail": detail[:4_000],
            "isolation": self.raw["isolation"] + self._in_force(),
            "seconds": round(time.monotonic() - self.started, 4),
            "diff": diff,
            "undo": undo_by_hand(before or {}, after or {}) if stays else "",
            "seen": seen(first) if self.plan["mode"] == "rehearse" else {},
        }

    def _in_force(self) -> list[str]:
        """What only the machine itself, or the plan, tells."""
        if self.direct:
            return ["network: the machine's own"]
        whole = (
            "of all its processes together, ten times a second" if together.available() else "of each alone"
        )
        filters = "calls that no script needs are refused" if seccomp.available() else "none on this machine"
        network = "shared, for the declared egress" if self.network else "none"
        return [f"memory: looked at {whole}", f"seccomp: {filters}", f"network: {network}"]

    @property
    def network(self) -> bool:
        return bool(self.plan["egress"]) and self.plan["mode"] != "rehearse"
