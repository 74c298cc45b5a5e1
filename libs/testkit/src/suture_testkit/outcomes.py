"""What a run comes to, whatever the script's type and the target's kind: one suite that each of them passes.

A test file subclasses ``Outcomes`` and gives a fixture ``case``. ``docs/outcomes.md`` shows who does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Case:
    """A target with something to repair.

    ``run`` takes a body, and ``mode``, ``name`` and fields of the plan. ``fix`` works, ``fails`` changes
    something and then fails, ``verify`` tells one from the other, ``never`` never passes. ``state`` is all
    that must be as before, byte for byte, row for row, version for version. ``drift`` is somebody else.
    """

    run: Callable[..., Awaitable[Any]]
    fix: str
    fails: str
    verify: str
    never: str
    state: Callable[[], Any]
    drift: Callable[[], None]
    fields: dict[str, Any] = field(default_factory=dict)

    async def go(self, body: str, verify: str | None = None, **changes: Any) -> Any:
        wanted = {"verify": self.verify if verify is None else verify, **self.fields, **changes}
        return await self.run(body, **wanted)


class Outcomes:
    """Subclassed once for each kind of target."""

    async def test_a_success_is_verified_and_taken_back_exactly(self, case: Case) -> None:
        before = case.state()
        done = await case.go(case.fix, name="one")
        assert done.outcome == "succeeded", done
        assert case.state() != before
        assert done.diff, done
        back = await case.go(case.fix, name="one", mode="rollback")
        assert back.outcome == "rolled_back", back
        assert case.state() == before

    async def test_what_is_repaired_already_is_left_alone(self, case: Case) -> None:
        assert (await case.go(case.fix, name="one")).outcome == "succeeded"
        repaired = case.state()
        again = await case.go(case.fails, name="two")
        assert again.outcome == "already_remediated", again
        assert case.state() == repaired

    async def test_a_body_that_fails_leaves_nothing(self, case: Case) -> None:
        before = case.state()
        failed = await case.go(case.fails)
        assert failed.outcome == "rolled_back", failed
        assert failed.detail, failed
        assert case.state() == before

    async def test_a_verification_that_fails_takes_all_of_it_back(self, case: Case) -> None:
        before = case.state()
        failed = await case.go(case.fix, verify=case.never)
        assert (failed.outcome, "verification failed" in failed.detail) == ("rolled_back", True), failed
        assert case.state() == before

    async def test_a_rollback_that_fails_keeps_the_snapshot_and_says_how_to_do_it_by_hand(
        self, case: Case
    ) -> None:
        assert (await case.go(case.fix, name="one")).outcome == "succeeded"
        case.drift()
        drifted = case.state()
        failed = await case.go(case.fix, name="one", mode="rollback")
        assert (failed.outcome, "someone else" in failed.detail) == ("rollback_failed", True), failed
        assert failed.snapshot, failed
        assert failed.undo, failed
        assert case.state() == drifted, "nothing of somebody else's is overwritten"
