"""What holds for every text: no crash, bounds kept, nothing lost by rewriting, no better score for danger."""

from __future__ import annotations

import re
import shlex
import textwrap
import time
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from suture_safety import analyse
from suture_safety.bounds import MAX_FINDINGS, MAX_SECONDS
from suture_safety.catalogue import catalogue
from suture_safety.rulebook import rulebook
from suture_safety.text_types import TEXT_TYPES, TextType

FIRES = tuple(dict.fromkeys(example for rule in rulebook().rules for example in rule.fires))
RANK = {"info": 1, "warning": 2, "error": 3}
KNOWN = {
    kind: tuple(text for one in catalogue().values() if one.language == kind for text in one.fires)
    or ("apiVersion: v1\nkind: Pod\n", "- shell: rm -rf /\n", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n")
    for kind in TEXT_TYPES
}
steady = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
)


def mutated(examples: tuple[str, ...]) -> st.SearchStrategy[str]:
    """An example with a piece cut out and another text put in its place."""

    def cut(example: str, start: int, length: int, patch: str) -> str:
        start %= len(example) + 1
        return example[:start] + patch + example[start + length :]

    patch = st.one_of(st.text(max_size=8), st.sampled_from("'\"`$(){}[]<>|&;\\\n\t\0:-#*"))
    return st.builds(cut, st.sampled_from(examples), st.integers(0, 400), st.integers(0, 12), patch)


def severities(text: str, kind: TextType = "bash") -> dict[str, int]:
    """The rules that block or warn, each with the worst severity it has here."""
    found: dict[str, int] = {}
    for one in analyse(text, kind).findings:
        if one.severity != "info":
            found[one.rule_id] = max(found.get(one.rule_id, 0), RANK[one.severity])
    return found


as_written = cache(severities)


@pytest.mark.parametrize("kind", TEXT_TYPES)
def test_no_text_crashes_the_analysis_or_goes_over_its_bounds(kind: TextType) -> None:
    @steady
    @given(st.one_of(st.text(max_size=300), mutated(KNOWN[kind])))
    def holds(text: str) -> None:
        before = time.thread_time()
        report = analyse(text, kind)
        assert time.thread_time() - before < MAX_SECONDS + 1
        assert len(report.findings) <= MAX_FINDINGS
        assert 0 <= report.safety_score <= 1
        assert report.is_valid == (not report.errors)
        lines = len(text.splitlines()) + 1
        assert all(1 <= one.line <= lines and one.column >= 1 for one in report.findings)

    holds()


def spaced(text: str) -> str:
    return f"\n\n  \t{text}  \n\n"


def commented(text: str) -> str:
    return f"# what is done here\n{text}\n# and that was it\n"


def braced(text: str) -> str:
    return f"{{ {text}\n}}"


def in_subshell(text: str) -> str:
    return f"( {text}\n)"


def in_function(text: str) -> str:
    return f'work() {{\n{text}\n}}\nwork "$@"\n'


def in_bash(text: str) -> str:
    return f'bash -c {shlex.quote(text)} bash "$@"'


def in_condition(text: str) -> str:
    return f"if true; then\n{text}\nfi"


def in_list(text: str) -> str:
    return f"true\n{text}\ntrue"


def requoted(text: str) -> str:
    """The first plain operand between double quotes."""
    return re.sub(r"(?<= )([\w./:-]+)(?=\s|$)", r'"\1"', text, count=1) if plain(text) else text


def through_a_variable(text: str) -> str:
    """The last plain operand from a variable."""
    found = re.fullmatch(r"(.* )([\w./:-]+)", text) if plain(text) else None
    return f"value={found[2]}\n{found[1]}$value" if found else text


def plain(text: str) -> bool:
    """Whether each word stands for itself, so that one of them can be written in another way."""
    return re.fullmatch(r"[\w ./:=,@%+-]+", text) is not None


REWRITINGS = (
    spaced,
    commented,
    braced,
    in_subshell,
    in_function,
    in_bash,
    in_condition,
    in_list,
    requoted,
    through_a_variable,
)


@pytest.mark.parametrize("rewrite", REWRITINGS, ids=lambda one: one.__name__)
def test_a_harmless_rewriting_loses_no_finding_and_no_severity(
    rewrite: Callable[[str], str],
) -> None:
    lost = {}
    for text in FIRES:
        after = severities(rewrite(text))
        if gone := {rule for rule, rank in as_written(text).items() if after.get(rule, 0) < rank}:
            lost[text] = gone
    assert lost == {}


OTHERS: tuple[tuple[TextType, str, str], ...] = (
    ("python", "# why\n{}\n# done\n", ""),
    ("python", "if True:\n{}\n", "    "),
    ("python", "def work():\n{}\n\n\nwork()\n", "    "),
    ("powershell", "# why\n{}\n# done\n", ""),
    ("powershell", "& {{\n{}\n}}\n", ""),
    ("powershell", "if ($true) {{\n{}\n}}\n", "  "),
    ("sql", "-- why\n\n{}\n-- done\n", ""),
    ("sql", "SELECT 1;\n{}\n", ""),
)


@pytest.mark.parametrize(("kind", "form", "indent"), OTHERS)
def test_nor_does_one_in_another_language(kind: TextType, form: str, indent: str) -> None:
    lost = {}
    for text in KNOWN[kind]:
        after = severities(form.format(textwrap.indent(text, indent)), kind)
        # Only a text that holds no statement stops being one when another statement stands beside it.
        before = {rule: rank for rule, rank in severities(text, kind).items() if rule != "sql.empty"}
        if gone := {rule for rule, rank in before.items() if after.get(rule, 0) < rank}:
            lost[text] = gone
    assert lost == {}


@steady
@given(
    st.lists(st.sampled_from(FIRES), max_size=4).map("\n".join),
    st.sampled_from(FIRES),
)
def test_a_dangerous_line_more_never_raises_the_score(script: str, line: str) -> None:
    before = analyse(script, "bash").safety_score if script else 1.0
    assert analyse(f"{script}\n{line}\n", "bash").safety_score <= before
