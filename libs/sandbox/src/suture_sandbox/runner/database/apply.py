"""Apply, rehearse, check and roll back on a database: all of a change is one transaction with its claim."""

from __future__ import annotations

from suture_sandbox.runner import seen
from suture_sandbox.runner.database import rows
from suture_sandbox.runner.database.job import Aborted, Duplicate, Job, Lost, Refused
from suture_sandbox.runner.database.rows import Drift, TooMany

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Failed(Exception):
    """The transaction must not be committed; the argument says why."""


class _OtherRows(Exception):
    """The rows are not as they were when the change was approved; the argument says which."""


def apply(job: Job) -> dict[str, Any]:
    """Change and verify in one transaction; whatever goes wrong in it, nothing of it stays."""
    try:
        job.connect()
        job.make_claims()
        # First of all: a runner that was killed after its commit has changed what now verifies.
        known = job.claimed()
        if known is not None:
            return known[2] or _drop_index(job, known[1], "the runner was killed before its end; taken back")
        if job.verified():
            return job.result("already_remediated", "the verification passes already")
    except (Lost, Refused, OSError) as error:
        return job.result("not_applied", f"nothing was run: {error}")
    if refusal := job.refusal():
        return job.result("not_applied", refusal)
    if job.database["steps"][0]["kind"] == "concurrent_index":
        return _index_concurrently(job)
    try:
        return _transaction(job)
    except Duplicate as error:
        job.engine.rollback()
        known = job.claimed()
        if known is not None and known[2] is not None:
            return known[2]
        return job.settled("rolled_back", f"the change failed: {error}")
    except _OtherRows as error:
        job.engine.rollback()
        return job.settled("not_applied", str(error))
    except (Aborted, _Failed, Refused, TooMany) as error:
        job.engine.rollback()
        return job.settled("rolled_back", str(error) or "aborted")
    except Lost as lost:
        return job.settled("rolled_back", f"the connection was lost: {lost}")


def _transaction(job: Job) -> dict[str, Any]:
    engine, most = job.engine, job.database["max_rows"]
    engine.begin()
    job.claim("changed")
    job.interruptible = True
    if expected := job.plan["expected"]:
        words = rows.words(engine, job.database["steps"], most, engine.for_update)
        if refusal := seen.refusal(expected, words):
            raise _OtherRows(refusal)
    kept = _changed(job, most)
    passes = job.verified()
    job.interruptible = False
    if job.aborted:
        raise Aborted("aborted")
    if passes is False:
        raise _Failed("the verification failed after the change")
    result = job.result("succeeded", "", kept)
    job.keep("changed", {"steps": kept}, result)
    engine.commit()
    return result


def _changed(job: Job, most: int) -> list[rows.Kept]:
    kept: list[rows.Kept] = []
    left = most
    for step in job.database["steps"]:
        kept.append(rows.change(job.engine, step, left))
        left -= len(kept[-1].get("before", []))
    return kept


def roll_back(job: Job) -> dict[str, Any]:
    """Put back what a successful run changed, all of it or nothing, in one transaction."""
    steps: list[rows.Kept] = []
    try:
        job.connect()
        if not job.engine.has_claims():
            return job.result("rollback_failed", "there is nothing to take back here: no claim")
        job.engine.begin()
        known = job.claimed()
        if known is None or known[0] not in ("changed", "taken_back"):
            job.engine.rollback()
            state = known[0] if known else "no claim"
            return job.result("rollback_failed", f"there is nothing to take back here: {state}")
        state, kept, result = known
        if state == "taken_back" and result is not None:
            job.engine.rollback()
            return result
        steps = kept["steps"]
        return _put_back(job, kept)
    except Drift as drift:
        detail = f"changed by someone else since, so nothing was restored: {drift}"
    except (Refused, OSError) as error:
        detail = f"not restored: {error}; the rows as they were are in the claim"
    job.engine.rollback()
    return job.result("rollback_failed", detail, steps)


def _put_back(job: Job, kept: dict[str, Any]) -> dict[str, Any]:
    steps = kept["steps"]
    done = job.result("rolled_back", job.plan["reason"], steps)
    if steps[0]["kind"] == "concurrent_index":
        job.engine.rollback()
        job.engine.run(f"DROP INDEX CONCURRENTLY IF EXISTS {steps[0]['index']}")
        job.keep("taken_back", kept, done)
        return done
    for sql in job.database["rollback"]:
        job.engine.run(sql)
    for one in reversed(steps):
        if one["kind"] == "index" and one["index"] is not None:
            job.engine.run(f"DROP INDEX {one['index']}")
        rows.put_back(job.engine, one)
    job.keep("taken_back", kept, done)
    job.engine.commit()
    return done


def _index_concurrently(job: Job) -> dict[str, Any]:
    """Claimed first, as it takes no transaction; what a failure or a killed runner left is dropped."""
    step = job.database["steps"][0]
    try:
        index = job.engine.index_name(step["table"], step["index"])
        kept = {"steps": [{"kind": step["kind"], "index": index}]}
        if _index_state(job, index) is not None:
            return job.result("not_applied", f"there is an index {index} already; look at it first")
        job.claim("running", kept)
    except Duplicate:
        known = job.claimed()
        if known is not None and known[2] is not None:
            return known[2]
        return _drop_index(job, kept, "the runner was killed before its end; taken back")
    except (Refused, Lost) as error:
        return job.result("not_applied", f"nothing was run: {error}")
    try:
        engine, limits = job.engine, job.plan["limits"]
        engine.run(f"SET lock_timeout = {job.database['lock_seconds'] * 1000}")
        engine.run(f"SET statement_timeout = {limits['timeout_seconds'] * 1000}")
        job.interruptible = True
        engine.run(step["sql"])
        job.interruptible = False
        if _index_state(job, index) is not True:
            raise _Failed("the index was built, but is not valid")
        if job.verified() is False:
            raise _Failed("the verification failed after the change")
    except (Aborted, _Failed, Refused, Lost) as error:
        return _drop_index(job, kept, str(error) or "aborted")
    result = job.result("succeeded", "", kept["steps"])
    job.keep("changed", kept, result)
    return result


def _drop_index(job: Job, kept: dict[str, Any], detail: str) -> dict[str, Any]:
    """Drop what is left of an index; the server may be at it still, and is waited for."""
    job.interruptible = False
    for _ in range(20):
        try:
            job.connect()
            job.engine.run("SET lock_timeout = '5s'")
            job.engine.run(f"DROP INDEX CONCURRENTLY IF EXISTS {kept['steps'][0]['index']}")
            if _index_state(job, kept["steps"][0]["index"]) is None:
                result = job.result("rolled_back", detail)
                job.keep("ended", kept, result)
                return result
        except (Refused, Lost) as error:
            problem = str(error)
    return job.result("rollback_failed", f"{detail}; DROP INDEX CONCURRENTLY failed: {problem}")


def _index_state(job: Job, name: str) -> bool | None:
    """Whether the index is valid; ``None`` where there is none."""
    sql = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)"
    found = job.engine.run(sql, name)
    return bool(found[0][0]) if found else None


def check(job: Job) -> dict[str, Any]:
    """Look whether the fix is needed: ``already_remediated``, else ``not_applied``."""
    try:
        job.connect()
        passes = job.verified()
    except (Lost, Refused, OSError) as error:
        return job.result("not_applied", f"nothing was run: {error}")
    return job.result(
        "already_remediated" if passes else "not_applied", "" if passes else "the fix is needed"
    )


def rehearse(job: Job) -> dict[str, Any]:
    """SQLite: the whole change on a copy of the file. PostgreSQL: each statement planned, none run."""
    try:
        job.connect()
        if job.verified():
            return job.result("already_remediated", "the verification passes already")
        if job.database["engine"] == "postgresql":
            return _planned(job)
        most = job.database["max_rows"]
        words = rows.words(job.engine, job.database["steps"], most)
        kept = _changed(job, most)
        if job.verified() is False:
            return job.result("not_applied", "the verification fails after the change", kept, words=words)
    except (TooMany, Refused) as error:
        return job.result("not_applied", str(error))
    except (Lost, OSError) as error:
        return job.result("unknown", f"could not be rehearsed: {error}")
    return job.result("succeeded", "on a copy of the file", kept, words=words)


def _planned(job: Job) -> dict[str, Any]:
    """The server checks names, types and rights when it plans; the rows are counted by the same predicate."""
    engine, lines, most = job.engine, [], job.database["max_rows"]
    engine.run("BEGIN READ ONLY")
    words = rows.words(engine, job.database["steps"], most)
    for step in job.database["steps"]:
        if step["kind"] not in ("update", "delete", "insert"):
            lines.append(f"# not planned: {step['sql'][:200]}\n")
            continue
        engine.key(step["table"])
        engine.run(f"EXPLAIN {step['sql']}")
        if step["kind"] != "insert":
            counted = len(rows.met(engine, step, most))
            lines.append(f"# {step['kind']} {step['table']}: {counted} rows now\n")
    engine.rollback()
    return job.result("succeeded", "planned by the server, not run", diff="".join(lines), words=words)
