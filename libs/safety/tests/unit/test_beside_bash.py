"""What bash runs, the analysis sees: programs made by chance, held against bash itself."""

from __future__ import annotations

from itertools import islice
from random import Random

from suture_safety import analyse

from libs.safety.tests.beside_bash.compare import COMMAND, hidden, ran
from libs.safety.tests.beside_bash.lines import LINES


def test_no_program_runs_a_command_that_the_analysis_is_silent_about() -> None:
    running, silent = hidden(range(300))
    assert running > 250
    assert silent == []


def test_it_is_seen_whether_bash_ran_the_command() -> None:
    programs = [f"{COMMAND}\n", f"echo {COMMAND}\n", f"if false; then {COMMAND}; fi\n"]
    assert ran(programs) == [True, False, False]


def test_no_line_of_bash_hides_the_line_that_follows() -> None:
    assert [line for line in LINES if _hides(f"{line}\nreboot\n")] == []
    assert [line for line in LINES if _hides(f"if :; then\n{line}\nfi\nreboot\n")] == []
    assert [line for line in LINES if _hides(f"work() {{\n{line}\n}}\nwork\nreboot\n")] == []


def test_no_lines_together_hide_one_among_them() -> None:
    chance = Random(0)
    programs = iter(lambda: "\n".join([*chance.choices(LINES, k=2), "reboot", chance.choice(LINES), ""]), "")
    assert [text for text in islice(programs, 400) if _hides(text)] == []


def _hides(text: str) -> bool:
    """Whether neither the command is seen nor is said that the text cannot be read."""
    return not {"processes.power", "bash.syntax"} & {one.rule_id for one in analyse(text, "bash").findings}
