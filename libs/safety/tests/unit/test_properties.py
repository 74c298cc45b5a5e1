"""What holds for every text: no crash, bounds kept, no better score for danger."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from suture_safety import analyse
from suture_safety.bounds import MAX_FINDINGS, MAX_SECONDS
from suture_safety.catalogue import catalogue
from suture_safety.rulebook import rulebook
from suture_safety.text_types import TEXT_TYPES, TextType

FIRES = tuple(dict.fromkeys(example for rule in rulebook().rules for example in rule.fires))
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


@steady
@given(
    st.lists(st.sampled_from(FIRES), max_size=4).map("\n".join),
    st.sampled_from(FIRES),
)
def test_a_dangerous_line_more_never_raises_the_score(script: str, line: str) -> None:
    before = analyse(script, "bash").safety_score if script else 1.0
    assert analyse(f"{script}\n{line}\n", "bash").safety_score <= before
