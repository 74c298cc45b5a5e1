"""One run in a pod: its plan, its claim, its objects, and the scripts that it may start."""

from __future__ import annotations

import os
import time

from suture_sandbox.runner.cluster import rollout, shell
from suture_sandbox.runner.cluster.api import Api
from suture_sandbox.runner.cluster.change import Item, declared, located
from suture_sandbox.runner.cluster.claim import Claim
from suture_sandbox.runner.cluster.objects import contains, digest, in_order
from suture_sandbox.runner.output import Tail
from suture_sandbox.runner.seen import seen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from suture_sandbox.runner.cluster.objects import Object
    from suture_sandbox.runner.ended import Ended

_POLL_SECONDS = 0.5
_SCRATCH = "/tmp"  # noqa: S108  (the pod's own)


class Job:
    """``plan`` is a run plan's fields with ``cluster``: namespace, objects, expects, claim, dead, seconds."""

    def __init__(self, plan: dict[str, Any], api: Api, holder: str) -> None:
        self.plan = plan
        self.api = api
        cluster = plan["cluster"]
        self.namespace: str = cluster["namespace"]
        self.dead: list[str] = cluster["dead"]
        self.claim = Claim(
            api, self.namespace, cluster["claim"], holder, cluster["lease_seconds"], self._fenced
        )
        self.is_manifest = plan["script_type"] == "kubernetes"
        self.aborted = False
        self.started = time.monotonic()
        self.tail = Tail(plan["limits"]["output_bytes"])
        self.exit_code: int | None = None
        self.snapshot: str | None = None
        self._secrets = [*plan["secrets"], api.token()]

    def items(self) -> list[Item]:
        """What may be changed, in order. Raises ``NotApplicable``."""
        if self.is_manifest:
            return [
                located(self.api, one, self.namespace) for one in in_order(self.plan["cluster"]["objects"])
            ]
        return [declared(path, self.namespace) for path in self.plan["writes"]]

    def read(self, items: list[Item]) -> dict[str, Object | None]:
        return {item.name: self.api.find(item.path) for item in items}

    def script(self, phase: str, tail: Tail) -> Ended:
        """Run the plan's text for ``phase`` with the service account's token at hand."""
        text: str = self.plan[phase]
        kind = self.plan["script_type"] if not self.is_manifest else "bash"
        path = os.path.join(_SCRATCH, f"suture-{phase}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.say(f"{phase}: started")
        ended = shell.run(
            shell.INTERPRETERS[kind], path, self._environment(phase), self.plan["limits"], tail,
            self._secrets, lambda: "aborted" if self.aborted else "",
        )  # fmt: skip
        self.say(f"{phase}: {ended.why}")
        return ended

    def verified(self, tail: Tail | None = None, seconds: float = 0.0) -> bool | None:
        """Whether the verification passes; ``None`` where the plan has none of its own.

        What manifests say must be so may be so within ``seconds``: controllers take their time.
        """
        text: str = self.plan["verify"]
        if not text.strip():
            return None
        if self.is_manifest and not text.startswith("#!"):
            until = time.monotonic() + seconds
            while not (expected := self._expected()) and time.monotonic() < until and not self.aborted:
                time.sleep(_POLL_SECONDS)
            return expected
        return self.script("verify", Tail(4_096) if tail is None else tail).passed

    def settles(self, items: list[Item]) -> str:
        """Wait until all of it works, and goes on to for as long as asked: nothing, or why it does not."""
        healthy: float = self.plan["cluster"]["healthy_seconds"]
        until = time.monotonic() + self.plan["limits"]["timeout_seconds"]
        since: float | None = None
        while not self.aborted:
            try:
                problem = self.unsettled(items)
            except rollout.Failed as failed:
                return str(failed)
            now = time.monotonic()
            if problem:
                since = None
                if now > until:
                    return f"not healthy in time: {problem}"
            else:
                since = now if since is None else since
                if now - since >= healthy:
                    return ""
            time.sleep(_POLL_SECONDS)
        return "aborted"

    def unsettled(self, items: list[Item]) -> str:
        for item in items:
            found = self.api.find(item.path)
            problem = rollout.problem(self.api, found) if found is not None else "does not exist"
            if problem:
                return f"{item.name}: {problem}"
        return ""

    def say(self, line: str) -> None:
        print(f"suture: {line}", flush=True)  # noqa: T201  (the pod's log)

    def result(
        self,
        outcome: str,
        detail: str = "",
        before: dict[str, Object | None] | None = None,
        after: dict[str, Object | None] | None = None,
        diff: str = "",
    ) -> dict[str, Any]:
        first = {name: digest(item) for name, item in (before or {}).items()}
        return {
            "run_id": self.plan["run_id"],
            "target": self.plan["target"],
            "mode": self.plan["mode"],
            "outcome": outcome,
            "exit_code": self.exit_code,
            "snapshot": f"{self.namespace}/{self.snapshot}" if self.snapshot else None,
            "before": first,
            "after": {**first, **{name: digest(item) for name, item in (after or {}).items()}},
            "output_tail": self.tail.text(self._secrets),
            "detail": detail[:4_000],
            "isolation": self.plan["cluster"]["isolation"],
            "seconds": round(time.monotonic() - self.started, 4),
            "diff": diff,
            "seen": seen(first) if self.plan["mode"] == "rehearse" else {},
        }

    def _expected(self) -> bool:
        for wanted in self.plan["cluster"]["expects"]:
            live = self.api.find(located(self.api, wanted, self.namespace).path)
            if live is None or not contains(live, wanted):
                return False
        return True

    def _environment(self, phase: str) -> dict[str, str]:
        account = "/var/run/secrets/kubernetes.io/serviceaccount"
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": _SCRATCH,
            "TMPDIR": _SCRATCH,
            "LANG": "C.UTF-8",
            "SUTURE_API": self.api.url,
            "SUTURE_TOKEN_FILE": f"{account}/token",
            "SUTURE_CA_FILE": f"{account}/ca.crt",
            "SUTURE_NAMESPACE": self.namespace,
            "SUTURE_TARGET": self.plan["target"],
            "SUTURE_EXECUTION_ID": self.plan["execution_id"],
            "SUTURE_MODE": self.plan["mode"],
            "SUTURE_PHASE": phase,
        }

    def _fenced(self) -> None:
        # Another runner holds the claim, or may: nothing of this one may go on. As the container's first
        # process it takes the script with it.
        shell.kill_all()
        os._exit(70)
