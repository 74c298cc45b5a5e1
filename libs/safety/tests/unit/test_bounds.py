"""Hostile texts: a clear answer within the bounds, never an exception."""

from __future__ import annotations

import random
import string
import time
from typing import Literal

import pytest
from pydantic import TypeAdapter
from pydantic_core import to_json
from suture_contracts.report import Report
from suture_safety import analyse
from suture_safety.bash.analyse import analyse_bash
from suture_safety.bounds import BoundExceeded, Budget
from suture_safety.collector import Collector

TYPES: tuple[Literal["bash", "python", "kubernetes", "sql", "config"], ...] = (
    "bash",
    "python",
    "kubernetes",
    "sql",
    "config",
)
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)
HOSTILE = {
    "empty": "",
    "blank": " \n\t\n",
    "long line": "echo " + "x" * 150_000,
    "many lines": "echo x\n" * 20_000,
    "parentheses": "(" * 10_000 + ")" * 10_000,
    "open parentheses": "(" * 10_000,
    "substitutions": "$(" * 10_000 + ")" * 10_000,
    "brackets": "[" * 10_000,
    "braces": "{" * 10_000 + "}" * 10_000,
    "quotes": "'\"`" * 10_000,
    "nested ifs": "if true; then " * 2_000 + ":" + "; fi" * 2_000,
    "nested expansions": "echo " + "${a:-" * 3_000 + "}" * 3_000,
    "here-documents": "cat <<E\n" * 3_000,
    "minuses": "select " + "-" * 20_000 + "1",
    "nots": "select " + "not " * 20_000 + "1",
    "unary": "x = " + "~" * 20_000 + "1",
    "sum": "x = " + "+".join(["1"] * 20_000),
    "attributes": "x" + ".a" * 20_000,
    "yaml bomb": BOMB,
    "documents": "---\na: 1\n" * 10_000,
    "deep yaml": "".join("  " * i + "a:\n" for i in range(300)),
    "flow yaml": "a: " + "[" * 5_000 + "]" * 5_000,
    "recursive function": "f() { f; g; }; g() { f; }; f",
    "growing variable": "x=a\n" + "x=$x$x$x$x\n" * 200 + "$x",
    "nested loops": "for a in 1 2 3; do " * 40 + "echo $a" + "; done" * 40,
    "combinations": "".join(f"for v{i} in {' '.join('abcdefgh')}; do\n" for i in range(8))
    + "rm -rf $v0$v1$v2$v3$v4$v5$v6$v7\n"
    + "done\n" * 8,
    "evals": "eval " * 5_000 + "rm -rf /",
    "redirections": ("cat " + "> a " * 2_000 + "${x:-" * 100 + "y" + "}" * 100 + "\n") * 8,
    "brace expansion": "echo " + "{a,b}" * 200,
    "many findings": "".join(f"rm -rf /etc/a{i}; rm -rf / \n" for i in range(2_000)),
    "nul": "rm -rf /\x00tmp",
    "surrogate": "echo \ud800\udfff x",
    "private": "rm -rf \ue000/\ue003",
    "utf-16": "rm -rf /".encode("utf-16").decode("latin-1"),
    "diff": "--- a\n+++ b\n@@ -1,9999999 +1,1 @@\n x\n",
    "json": "[" * 5_000,
}


@pytest.mark.parametrize("script_type", TYPES)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_gets_an_answer_in_time(name: str, script_type: Literal["bash"]) -> None:
    started = time.monotonic()
    report = analyse(HOSTILE[name], script_type)
    assert time.monotonic() - started < 20
    assert 0 <= report.safety_score <= 1
    assert len(report.findings) <= 500
    assert report.is_valid == (not report.errors)
    assert TypeAdapter(Report).validate_json(to_json(report)) == report


def test_a_text_of_10_mb_is_refused_at_once() -> None:
    started = time.monotonic()
    report = analyse("echo x\n" * 1_500_000, "bash")
    assert time.monotonic() - started < 1
    assert not report.is_valid
    assert report.safety_score == 0
    assert report.findings[0].rule_id == "bounds.size"


@pytest.mark.parametrize(
    ("text", "rule", "severity"),
    [
        ("echo a\x00b", "text.nul", "error"),
        ("echo \u202ehi", "text.bidirectional", "error"),
        ("echo \ud800", "text.surrogate", "error"),
        ("echo \ue000", "text.private-character", "error"),
        ("echo a\r\necho b\r\n", "text.carriage-return", "warning"),
        ("\ufeffecho a", "text.byte-order-mark", "warning"),
        ("echo a\u200bb", "text.invisible", "warning"),
        ("ech\u043e hi", "text.homoglyph", "warning"),
        ("echo \x1b[2K", "text.control-character", "warning"),
    ],
)
def test_a_text_that_is_not_what_it_looks_like_is_a_finding(text: str, rule: str, severity: str) -> None:
    report = analyse(text, "bash")
    assert (rule, severity) in [(one.rule_id, one.severity) for one in report.findings]


def test_more_findings_than_the_bound_end_the_analysis_as_invalid() -> None:
    report = analyse("rm -rf /\n" * 3_000, "bash")
    assert "bounds.findings" in [one.rule_id for one in report.findings]
    assert len(report.findings) <= 500
    assert not report.is_valid


def test_a_spent_budget_ends_the_analysis() -> None:
    with pytest.raises(BoundExceeded, match="takes"):
        analyse_bash("echo x\n" * 1_000, Collector(), Budget(deadline=0.0))


def test_no_random_text_raises() -> None:
    choice = random.Random(7)
    pieces = [
        *string.punctuation,
        "rm ",
        "-rf ",
        "/",
        "$(",
        "${a",
        "}",
        "<<E\n",
        "E\n",
        "if ",
        "then ",
        "fi",
        "\n",
        " ",
        "'",
        '"',
        "\\",
        "é",
    ]
    for _ in range(400):
        text = "".join(choice.choice(pieces) for _ in range(choice.randint(1, 80)))
        for script_type in TYPES:
            analyse(text, script_type)
