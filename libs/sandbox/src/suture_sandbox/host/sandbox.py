"""Other machines as a sandbox; see ``Sandbox``. What runs there goes on when the connection is lost."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

from suture_contracts.target import Target, TargetKind

from suture_sandbox.archives import config_archive, host_archive
from suture_sandbox.host.connection import Connection, Failed, Unreachable
from suture_sandbox.host.reach import HostReach, reach_of
from suture_sandbox.kept import home
from suture_sandbox.protocol import (
    MOST_PROGRESS,
    Reached,
    RunLost,
    RunPlan,
    RunResult,
    SandboxUnavailable,
)
from suture_sandbox.reach import reloads_of
from suture_sandbox.runner import progress
from suture_sandbox.runner.bounds import PATH
from suture_sandbox.secrets import Secrets

_ATTEMPTS = 6
_START_SECONDS = 2.0
_POLL_SECONDS = 0.3
_SLOWEST_POLL = 3.0
_LOOK = (
    # What a script sees of the host are the system's programs.
    f"PATH={PATH}; "
    "id -u; command -v bwrap || true; command -v python3 || true; command -v bash || true;"
    " command -v flock || true; test ! -d {root} || echo root"
)


class HostSandbox:
    """Runs on targets of kind ``host``; ``state`` keeps what was started, each host its own claims."""

    name = "host"
    kinds: frozenset[TargetKind] = frozenset({"host"})
    script_types = frozenset({"bash", "python", "config"})

    def __init__(self, state: Path, secrets: Secrets) -> None:
        self._folder = state.resolve() / "hosts"
        self._secrets = secrets
        self._home = ""

    async def open(self) -> tuple[str, ...]:
        self._home = await asyncio.to_thread(home, self._folder / "home")
        return ("host: bubblewrap on the host itself, reached by SSH with a pinned key",)

    async def close(self) -> None:
        """There is nothing to let go of: each question is a connection of its own."""

    def identity(self) -> dict[str, Any]:
        return {"sandbox": self.name, "home": self._home}

    async def start(self, plan: RunPlan) -> None:
        """See ``Sandbox.start``. A run that may have begun is adopted, however long its host is away."""
        path = self._path(plan.run_id)
        if path.exists():
            return
        reach, connection = self._connection(plan)
        try:
            job = await self._job(plan, reach, connection)
            await self._bring(connection, reach, plan.run_id, job)
        except (Unreachable, Failed) as error:
            raise SandboxUnavailable(f"{reach.address}: {error}") from None
        # From here on it may run there: it is never brought anew, only asked for.
        path.touch(mode=0o600)
        path.write_text(plan.model_dump_json())
        await self._begin(connection, reach, f"{reach.state}/runs/{plan.run_id}")

    async def result(self, run_id: str) -> RunResult:
        """See ``Sandbox.result``. A runner that died is followed by one that takes its run back."""
        plan = self._plan(run_id)
        reach, connection = self._connection(plan)
        work = f"{reach.state}/runs/{run_id}"
        starts, pause = 0, _POLL_SECONDS
        while True:
            try:
                text = await connection.ask(_follow(work))
            except Unreachable:
                await asyncio.sleep(_SLOWEST_POLL)
                continue
            except Failed as error:
                raise RunLost(f"run {run_id}: its folder on {reach.address} is gone: {error}") from None
            word, _, rest = text.decode(errors="replace").partition("\n")
            if word == "result":
                return RunResult.model_validate_json(rest)
            if word == "idle":
                starts += 1
                if starts > _ATTEMPTS:
                    raise RunLost(f"run {run_id}: {_ATTEMPTS} runners ended without a result: {rest[-500:]}")
                await self._begin(connection, reach, work)
                await asyncio.sleep(_START_SECONDS)
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, _SLOWEST_POLL)

    async def abort(self, run_id: str) -> None:
        """A mark for a runner that has not begun, SIGTERM for the one that has the run in hand."""
        plan = self._plan(run_id)
        reach, connection = self._connection(plan)
        work = shlex.quote(f"{reach.state}/runs/{run_id}")
        try:
            await connection.ask(
                f"cd {work} && touch abort && {{ flock -n lock true || kill -TERM $(cat lock); }}"
            )
        except (Unreachable, Failed):
            return  # its deadline ends it

    async def progress(self, run_id: str) -> bytes:
        """See ``Sandbox.progress``."""
        try:
            reach, connection = self._connection(self._plan(run_id))
            path = shlex.quote(f"{reach.state}/runs/{run_id}/{progress.FILE}")
            return await connection.ask(f"head -c {MOST_PROGRESS} {path} 2>/dev/null || true")
        except (SandboxUnavailable, Unreachable, Failed, RunLost):
            return b""

    async def forget(self, run_id: str) -> None:
        path = self._path(run_id)
        if not path.exists():
            return
        reach, connection = self._connection(self._plan(run_id))
        try:
            await connection.ask(f"rm -rf {shlex.quote(f'{reach.state}/runs/{run_id}')}")
        except (Unreachable, Failed):
            return  # the record stays, and says what is left there
        path.unlink()

    async def check(self, target: Target) -> Reached:
        """See ``Sandbox.check``."""
        plan = RunPlan(
            run_id="check", claim_id="check", execution_id="check", mode="check", target=target.id,
            kind="host", reach=target.reach, secret_ref=target.secret_ref, script_type="bash", body="",
        )  # fmt: skip
        try:
            reach, connection = self._connection(plan)
            found = await self._found(connection, reach)
        except (SandboxUnavailable, Unreachable, Failed) as error:
            return Reached(reachable=False, detail=str(error))
        return Reached(
            reachable=True,
            isolation=tuple(_isolation(found["identity"], reach.user)),
            rights=_rights(reach),
        )

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.json"

    def _plan(self, run_id: str) -> RunPlan:
        try:
            return RunPlan.model_validate_json(self._path(run_id).read_bytes())
        except FileNotFoundError:
            raise RunLost(f"run {run_id} was never started here, or its record was removed") from None

    def _connection(self, plan: RunPlan) -> tuple[HostReach, Connection]:
        try:
            reach = reach_of(plan.reach)
        except ValueError as error:
            raise SandboxUnavailable(str(error)) from None
        if plan.secret_ref is None:
            raise SandboxUnavailable("target.secret_ref: names the file that holds the private key")
        folder = self._folder / "keys" / hashlib.sha256(plan.target.encode()).hexdigest()[:16]
        return reach, Connection(reach, self._secrets.read(plan.secret_ref), folder)

    async def _found(self, connection: Connection, reach: HostReach) -> dict[str, str]:
        """What the host has. Raises ``Failed`` with what it lacks."""
        lines = (await connection.ask(_LOOK.format(root=shlex.quote(reach.root)))).decode().split("\n")
        found = {Path(line).name: line for line in lines[1:] if line.startswith("/")}
        needed = ["bwrap"] if reach.sandbox == "bubblewrap" else []
        missing = [name for name in (*needed, "python3", "bash", "flock") if name not in found]
        if missing:
            raise Failed(
                f"has no {', '.join(missing)}; install bubblewrap, python3, bash and util-linux there"
            )
        if "root" not in lines:
            raise Failed(f"{reach.root}: no such folder there")
        if reach.sandbox == "none":
            return {**found, "bwrap": "", "identity": "none"}
        return {**found, "identity": "uid" if lines[0].strip() == "0" else "userns"}

    async def _job(self, plan: RunPlan, reach: HostReach, connection: Connection) -> dict[str, Any]:
        found = await self._found(connection, reach)
        claim = (
            f"{reach.state}/claims/{hashlib.sha256(plan.target.encode()).hexdigest()[:16]}/{plan.claim_id}"
        )
        work = f"{reach.state}/runs/{plan.run_id}"
        results = {"apply": f"{claim}/apply.json", "rollback": f"{claim}/rollback.json"}
        patcher = f"{reach.state}/tools/config-{config_archive()[1][:16]}.pyz"
        python = [found["python3"], "-I", "-B"]
        raw = plan.model_dump(mode="json")
        raw |= {"root": reach.root, "reads": list(reach.reads), "hide": [reach.state]}
        return {
            "plan": raw,
            "work": work,
            "claim": claim,
            "tag": hashlib.sha256(plan.claim_id.encode()).hexdigest()[:12],
            "result": results.get(plan.mode, f"{work}/result.json"),
            "bwrap": found["bwrap"],
            "identity": found["identity"],
            "isolation": _isolation(found["identity"], reach.user),
            "interpreters": {
                "bash": [found["bash"], "--noprofile", "--norc"],
                "python": python,
                "config": [*python, patcher],
            },
            "binds": [patcher] if plan.script_type == "config" else [],
            "sandbox": reach.sandbox,
            "environment": reach.environment,
            "reload": reloads_of(plan.reach),
        }

    async def _bring(
        self, connection: Connection, reach: HostReach, run_id: str, job: dict[str, Any]
    ) -> None:
        state = shlex.quote(reach.state)
        folders = " ".join(f"{state}/{name}" for name in ("runs", "claims", "tools", f"runs/{run_id}"))
        await connection.ask(f"umask 077; mkdir -p {folders}; ls {state}/tools")
        for name, (data, digest) in (("runner", host_archive()), ("config", config_archive())):
            place = f"{state}/tools/{name}-{digest[:16]}.pyz"
            keep = f"{{ cat > {place}.$$ && chmod 444 {place}.$$ && mv {place}.$$ {place}; }}"
            await connection.ask(f"test -e {place} && cat >/dev/null || {keep}", data)
        text = json.dumps(job).encode()
        target = f"{state}/runs/{run_id}/job.json"
        await connection.ask(f"umask 077; cat > {target}.new && sync && mv {target}.new {target}", text)

    async def _begin(self, connection: Connection, reach: HostReach, work: str) -> None:
        """A session of its own: neither the connection nor its end reaches the runner."""
        runner = f"{reach.state}/tools/runner-{host_archive()[1][:16]}.pyz"
        command = f"python3 -I -S -B {shlex.quote(runner)} {shlex.quote(work)}"
        try:
            await connection.ask(f"cd / && setsid -f {command} </dev/null >>{shlex.quote(work)}/log 2>&1")
        except (Unreachable, Failed):
            return  # the next look tells whether it began


def _follow(work: str) -> str:
    """Its result, or whether a runner has it in hand."""
    place = shlex.quote(work)
    named = 'import json; print(json.load(open("job.json"))["result"])'
    return (
        f"cd {place} && result=$(python3 -c {shlex.quote(named)}) && "
        'if test -e "$result"; then echo result; cat "$result"; '
        "elif test -e lock && ! flock -n lock true; then echo busy; "
        "else echo idle; tail -c 500 log 2>/dev/null || true; fi"
    )


def _rights(reach: HostReach) -> tuple[str, ...]:
    if reach.sandbox == "none":
        return (f"as {reach.user}: whatever that user may do there",)
    return (f"as {reach.user}: read {reach.root}", "write what a script declares below it")


def _isolation(identity: str, user: str) -> list[str]:
    if identity == "none":
        return [f"none: scripts run on the host as {user}", "limits: time, output"]
    whom = (
        "user: one of its own for each run"
        if identity == "uid"
        else "user: mapped to nobody in a user namespace"
    )
    return [
        "bubblewrap on the host itself",
        "read-only or hidden: all but a scratch copy of the declared writes",
        "capabilities: none, no new privileges",
        "limits: memory, cpu, file size, processes, open files, time, output, scratch space",
        whom,
    ]
