"""What a report means, and that it always fits into a message."""

from __future__ import annotations

import pytest
from pydantic_core import to_json
from suture_contracts.report import Report
from suture_safety import analyse
from suture_validator.domain import fitted, state_after, stored, unreadable, validation_of

SAFE = analyse("#!/bin/bash\nset -eu\necho ok\n", "bash")
UNSAFE = analyse("rm -rf /\n", "bash")


@pytest.mark.parametrize(
    ("report", "repairs_left", "state"),
    [(SAFE, 0, "validated"), (SAFE, 3, "validated"), (UNSAFE, 1, "refused"), (UNSAFE, 0, "rejected")],
)
def test_only_an_unsafe_script_with_no_attempt_left_is_rejected(
    report: Report, repairs_left: int, state: str
) -> None:
    assert state_after(report, repairs_left) == state


def test_what_cannot_be_read_is_not_valid_and_says_why() -> None:
    report = unreadable("document.invalid", "is no document", "send one")
    assert (report.is_valid, report.safety_score, report.findings[0].part) == (False, 0.0, "document")


def test_the_answer_has_the_words_of_the_http_interface() -> None:
    validation = validation_of(stored(UNSAFE))
    assert set(validation) == {"isValid", "safetyScore", "errors", "warnings", "findings", "quality"}
    assert validation["isValid"] is False
    assert validation["findings"][0]["rule_id"] == "filesystem.remove-system-root"


def test_a_long_report_is_shortened_to_its_gravest_findings() -> None:
    report = analyse(
        "".join(f"rm -rf /etc/x{number}; chmod 777 a\n" for number in range(200)) + "rm -rf /", "bash"
    )
    short = fitted(report, 30_000)
    assert len(to_json(short)) <= 30_000
    assert 0 < len(short.findings) < len(report.findings)
    assert short.findings == report.findings[: len(short.findings)]
    assert not short.is_valid


def test_a_short_report_stays_as_it_is() -> None:
    assert fitted(UNSAFE, 100_000) is UNSAFE


def test_a_script_that_leaves_no_room_for_its_report_is_not_valid() -> None:
    assert not fitted(SAFE, 100).is_valid
