"""What bash runs, the analysis sees: programs made by chance, held against bash itself."""

from __future__ import annotations

from libs.safety.tests.beside_bash.compare import COMMAND, hidden, ran


def test_no_program_runs_a_command_that_the_analysis_is_silent_about() -> None:
    running, silent = hidden(range(300))
    assert running > 250
    assert silent == []


def test_it_is_seen_whether_bash_ran_the_command() -> None:
    programs = [f"{COMMAND}\n", f"echo {COMMAND}\n", f"if false; then {COMMAND}; fi\n"]
    assert ran(programs) == [True, False, False]
