"""What the executor signs for an agent, and what it takes from one that signed it."""

from __future__ import annotations

from pydantic import ValidationError
from suture_chassis.custody import Signer, TrustStore, UnknownKey, seal, unseal
from suture_chassis.errors import PermanentError
from suture_contracts.custody import Envelope
from suture_contracts.leases import AGENT_RESULT, LEASE, AgentResult, Bundle, Lease
from suture_contracts.script import Script
from suture_sandbox.protocol import RunResult

from suture_executor.executions import Document


def bundle_of(document: Document, signer: Signer, seconds: float) -> Bundle:
    """The lease on a run, signed, with the script and all that was signed of it before."""
    script = Script.model_validate(document["script"])
    lease = Lease(
        run_id=document["_id"],
        token=document["token"],
        target=document["target"],
        agent=document["agent"],
        script_id=script.script_id,
        revision=script.revision,
        seconds=seconds,
        **document["plan"],
    )
    envelope = seal(
        signer,
        subject_name=str(script.script_id),
        subject_sha256=document["sha256"],
        predicate_type=LEASE,
        predicate=lease,
    )
    return Bundle(
        lease=envelope,
        script=script,
        verdict=document["verdict"],
        approval_id=document["approval_id"],
        approval=document.get("approval"),
    )


def signed_result(document: Document, envelope: Envelope, trust: TrustStore) -> RunResult:
    """The result that the run's own agent signed, for this lease. Raises ``PermanentError`` (403)."""
    try:
        said = unseal(
            envelope,
            trust,
            signed_by=document["agent"],
            subject_sha256=document["sha256"],
            predicate_type=AGENT_RESULT,
            model=AgentResult,
            kind="principal",
        )
        result = RunResult.model_validate(said.result)
    except (UnknownKey, PermanentError) as error:
        raise _forged(f"the result does not count: {error.reason}") from None
    except ValidationError:
        raise _forged("the result does not count: it is malformed") from None
    wanted = (document["_id"], document["token"], document["_id"], document["target"])
    if (said.run_id, said.token, result.run_id, result.target) != wanted:
        raise _forged("the result is of another run or lease")
    if result.mode != document["plan"]["mode"]:
        raise _forged("the result is of another mode")
    if "\\u0000" in result.model_dump_json() or not _are_paths(result.before, result.after):
        raise _forged("the result contains NUL characters, or digests of what is no path")
    return result


def _are_paths(*digests: dict[str, str]) -> bool:
    return all(name.startswith("/") for words in digests for name in words)


def _forged(reason: str) -> PermanentError:
    return PermanentError(
        reason,
        field="result",
        remedy="sign it with the agent's own key, which the trust store knows",
        status=403,
    )
