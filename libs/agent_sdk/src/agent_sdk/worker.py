"""Runs what was approved for this agent's own host, on it, under a lease; one run at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from suture_chassis.custody import Signer, TrustStore, seal
from suture_chassis.errors import PermanentError, TemporaryError
from suture_contracts.custody import Envelope
from suture_contracts.leases import AGENT_RESULT, AgentResult, Bundle, Lease
from suture_sandbox.bubblewrap import BubblewrapSandbox
from suture_sandbox.kept import home
from suture_sandbox.protocol import RunLost, RunResult, SandboxUnavailable

from agent_sdk.bundles import lease_in, plan_of
from agent_sdk.errors import AgentSDKError, ConflictError
from agent_sdk.sdk import AgentSDK
from agent_sdk.telling import Telling
from agent_sdk.transport import part

_LOG = logging.getLogger("agent_sdk.worker")
_RENEWED_IN = 3
"""So many times within its life a lease is renewed."""


class Worker:
    """Takes runs for a target of kind ``host`` without ``reach``, by default the one of the agent's own id.

    ``root`` is the folder that scripts may change, ``reads`` is shown to them besides: nothing that the
    system says can widen them. ``state`` keeps claims and snapshots: it must outlive restarts, and no other
    worker may use it. ``signing_key`` is the agent's own, ``trust_store`` knows the system's keys.
    """

    def __init__(
        self,
        agent: AgentSDK,
        root: Path,
        *,
        state: Path,
        signing_key: Path,
        trust_store: Path,
        target_id: str | None = None,
        reads: Sequence[Path] = (),
        poll_seconds: float = 2.0,
    ) -> None:
        self._transport = agent.transport
        self._target = target_id or agent.agent_id
        self._root = root.resolve(strict=True)
        self._reads = tuple(str(path) for path in reads)
        self._hide = (str(signing_key.resolve()), str(trust_store.resolve()))
        self._signer = Signer.load(signing_key)
        self._trust = TrustStore.load(trust_store)
        self._sandbox = BubblewrapSandbox(state)
        self._state = state
        self._poll_seconds = poll_seconds

    async def serve(self) -> None:
        """Take one run after the other. Raises ``SandboxUnavailable`` where this machine cannot isolate.

        Cancelled or killed, it leaves what runs to its own end: the next worker on this state goes on.
        """
        await self._sandbox.open()
        place = home(self._state / "claims" / "home")
        while True:
            if not await self.serve_one(place):
                await asyncio.sleep(self._poll_seconds)

    async def serve_one(self, place: str) -> bool:
        """Ask for a run and carry it out; whether there was one."""
        path = f"/api/targets/{part(self._target)}/lease"
        try:
            answer = await self._ask(path, {"home": place})
            raw, watched = answer["bundle"], answer.get("watched") is True
            if raw is None:
                return False
            bundle = Bundle.model_validate(raw)
            lease = lease_in(bundle, self._trust, self._target)
        except (AgentSDKError, TemporaryError) as error:
            _LOG.warning("no run was taken: %s", error)
            return False
        except (PermanentError, ValidationError, KeyError) as error:
            # Nobody is told: the executor did not give it.
            _LOG.error("what came is no lease of the executor's: %s", error)
            return False
        result = await self._carried_out(bundle, lease, watched)
        if result is not None and await self._told(result, bundle, lease):
            await self._sandbox.forget(lease.run_id)
        return True

    async def _carried_out(self, bundle: Bundle, lease: Lease, watched: bool) -> RunResult | None:
        """What came of it; None where it is to be taken anew, or nobody knows."""
        begun = (self._state / "runs" / lease.run_id / "job.json").exists()
        try:
            if not begun:
                plan = plan_of(bundle, lease, self._trust, self._root, self._reads, self._hide)
                await self._sandbox.start(plan)
            # What began here goes on to its end, whatever was revoked meanwhile.
            return await self._kept(lease, Telling(self._sandbox, lease.run_id, watched))
        except TemporaryError as error:
            _LOG.warning("not run yet: %s", error.reason)
            await asyncio.sleep(self._poll_seconds)
            return None
        except (SandboxUnavailable, PermanentError) as error:
            return RunResult.not_begun(lease.run_id, lease.target, lease.mode, str(error))
        except RunLost as error:
            _LOG.error("run lost: %s", error)
            return None

    async def _kept(self, lease: Lease, telling: Telling) -> RunResult | None:
        """Renew the lease while it runs; without it, end the run. None: it is to be taken anew."""
        ended = asyncio.create_task(self._sandbox.result(lease.run_id))
        renewed, held = time.monotonic(), True
        try:
            while True:
                pause = telling.pause(lease.seconds / _RENEWED_IN)
                done, _ = await asyncio.wait({ended}, timeout=pause)
                if done and not (held and telling.watched):
                    return ended.result()
                said = await telling.next()
                if done and not said["progress"]:
                    return ended.result()
                try:
                    answer = await self._ask(_path(lease), {"token": lease.token, **said}, retries=0)
                    telling.answered(answer)
                    renewed = time.monotonic()
                    held = not answer.get("abort")
                except ConflictError as error:
                    _LOG.warning("the lease counts no more: %s", error)
                    held = False
                except AgentSDKError as error:
                    _LOG.warning("not renewed: %s", error)
                    held = time.monotonic() - renewed < lease.seconds
                    telling.watched = False
                if not held and lease.mode != "rollback":
                    await self._sandbox.abort(lease.run_id)
        finally:
            ended.cancel()
            with contextlib.suppress(asyncio.CancelledError, RunLost):
                await ended

    async def _told(self, result: RunResult, bundle: Bundle, lease: Lease) -> bool:
        try:
            statement = self._signed(_shortened(result, 20_000), bundle, lease)
        except PermanentError:
            # Output of control characters alone is six times as long as JSON.
            statement = self._signed(_shortened(result, 1_000), bundle, lease)
        body = {"token": lease.token, "result": statement.model_dump(mode="json")}
        try:
            await self._ask(f"{_path(lease)}/result", body)
        except AgentSDKError as error:
            # What is kept here says it again when the run is taken anew.
            _LOG.warning("the result of %s was not taken: %s", lease.run_id, error)
            return False
        return True

    def _signed(self, result: RunResult, bundle: Bundle, lease: Lease) -> Envelope:
        said = AgentResult(run_id=lease.run_id, token=lease.token, result=result.model_dump(mode="json"))
        return seal(
            self._signer,
            subject_name=str(lease.script_id),
            subject_sha256=bundle.script.sha256,
            predicate_type=AGENT_RESULT,
            predicate=said,
        )

    async def _ask(self, path: str, body: object, retries: int | None = None) -> dict[str, Any]:
        # One after the other: the client is for one thread at a time.
        ask = self._transport.ask
        return await asyncio.to_thread(ask, "PUT", path, body=body, keyed=False, retries=retries)


def _path(lease: Lease) -> str:
    return f"/api/leases/{part(lease.run_id)}"


def _shortened(result: RunResult, most: int) -> RunResult:
    """What a statement has room for."""
    texts = {name: getattr(result, name)[:most] for name in ("detail", "diff", "undo")}
    return result.model_copy(
        update={
            **texts,
            "output_tail": result.output_tail[-most:],
            "before": _first(result.before, most // 100),
            "after": _first(result.after, most // 100),
        }
    )


def _first(digests: dict[str, str], most: int) -> dict[str, str]:
    return {path: word for path, word in list(digests.items())[:most] if len(path) <= 300}
