"""Where commands and words end: for bash, not for the grammar."""

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


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("r\\\nm -r\\\nf /e\\\ntc\n", (1, 1)),
        ("rm -rf /e\\\nt\\\nc", (1, 1)),
        ("true &\\\n& rm -rf /etc", (2, 3)),
        ('echo "$(r\\\nm -rf /etc)"', (1, 9)),
        ("$\\\n(rm -rf /etc)", (1, 3)),
        ("cat <<E\n$(r\\\nm -rf /etc)\nE\n", (2, 3)),
        ("# why\\\nrm -rf /etc", (2, 1)),
        ("echo why\\\\\nrm -rf /etc", (2, 1)),
        ("x=/e\\\ntc\nls\nrm -rf $x\n", (4, 1)),
    ],
)
def test_a_word_that_goes_on_in_the_next_line_is_one_word(text: str, place: tuple[int, int]) -> None:
    found = [one for one in analyse(text, "bash").findings if one.rule_id == "filesystem.remove-system-root"]
    assert [(one.line, one.column) for one in found] == [place]
    assert "/etc" in found[0].message


def test_text_that_goes_on_in_the_next_line_keeps_its_backslash() -> None:
    text = "echo 'r\\\nm -rf /' >> note\ncat <<'E'\nr\\\nm -rf /\nE\n"
    assert [one.rule_id for one in analyse(text, "bash").findings if one.severity != "info"] == []


def test_backquotes_that_the_grammar_pairs_in_another_way_are_refused() -> None:
    report = analyse("echo `ls` `rm -rf /`\n", "bash")
    assert "bash.syntax" in [one.rule_id for one in report.findings if one.severity == "error"]


@pytest.mark.parametrize(
    "after", [";", "; ", "; :", "; : | :", "|cat", " | cat", "&& :", ">/tmp/x", " 2>&1", " # why", ""]
)
def test_a_here_document_ends_at_its_delimiter_whatever_follows_that(after: str) -> None:
    text = f"cat <<END{after}\n$x it's\nEND\nrm -rf /etc\n: \"it's\"\n"
    found = [one for one in analyse(text, "bash").findings if one.severity == "error"]
    assert [(one.rule_id, one.line) for one in found] == [("filesystem.remove-system-root", 4)]


@pytest.mark.parametrize("start", ["(cat <<END)", "cat <<END&", "{ cat <<END; }"])
def test_a_here_document_whose_end_the_grammar_misses_is_refused(start: str) -> None:
    report = analyse(f"{start}\n$x\nEND\nrm -rf /etc\n", "bash")
    assert "bash.syntax" in [one.rule_id for one in report.findings]
