"""Where a command ends: a line that the grammar takes for more words of the one before is still read."""

from __future__ import annotations

import pytest
from suture_safety import analyse


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("ls\n\\rm -rf /\n\nrm -rf /etc\n", [2, 4]),
        ("ls # why\n\\rm -rf /\nrm -rf /etc\n", [2, 3]),
        ("ls\n\n\\\nrm -rf /\nrm -rf /etc\n", [4, 5]),
        ("a | b | c\nrm -rf / && x\nls\nrm -rf /etc\n", [2, 4]),
        ("a | b | c\nrm -rf / > x\nrm -rf /etc\n", [2, 3]),
        ("x=1 y=2\n# why\n\\rm -rf /\nrm -rf /etc\n", [3, 4]),
        ("a | b | c\nx && rm -rf /\na | b | c\nrm -rf /etc || x\n", [2, 4]),
    ],
)
def test_a_command_on_a_line_of_its_own_is_found_at_its_line(text: str, lines: list[int]) -> None:
    found = [one for one in analyse(text, "bash").findings if one.severity == "error"]
    assert [one.rule_id for one in found] == ["filesystem.remove-system-root"] * len(lines)
    assert [one.line for one in found] == lines


@pytest.mark.parametrize(
    "text",
    [
        "echo 'a\n\\rm -rf /'\n",
        "cat <<'E'\n\\rm -rf /\nE\n",
        "echo a \\\n  b \\\n\\c\n",
        "x=(a\n\\b)\n",
        "echo `date` && echo `ls \\`pwd\\``\n",
    ],
)
def test_what_is_no_command_stays_none(text: str) -> None:
    assert [one.rule_id for one in analyse(text, "bash").findings if one.severity != "info"] == []


def test_backquotes_that_the_grammar_pairs_in_another_way_are_refused() -> None:
    report = analyse("echo `ls` `rm -rf /`\n", "bash")
    assert "bash.syntax" in [one.rule_id for one in report.findings if one.severity == "error"]
