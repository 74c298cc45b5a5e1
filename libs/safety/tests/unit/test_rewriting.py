"""A harmless rewriting of a dangerous text loses no finding and no severity: over every rule's examples."""

from __future__ import annotations

from functools import cache

import pytest
from suture_safety import analyse
from suture_safety.catalogue import catalogue
from suture_safety.text_types import TEXT_TYPES, TextType

from libs.safety.tests.rewriting import bash
from libs.safety.tests.rewriting import languages as other

RANK = {"info": 1, "warning": 2, "error": 3}
# What cannot be read has no other way of being written, and a mark in the text is not what it does.
DANGEROUS = {
    kind: tuple(
        dict.fromkeys(
            text
            for one in catalogue().values()
            if one.language == kind
            and not one.id.startswith("text.")
            and not one.id.endswith((".syntax", ".empty"))
            for text in one.fires
        )
    )
    for kind in TEXT_TYPES
}


@cache
def severities(text: str, kind: TextType) -> dict[str, int]:
    """The rules that block or warn, each with the worst severity it has here."""
    found: dict[str, int] = {}
    for one in analyse(text, kind).findings:
        # Only a text that holds no statement stops being one when another statement stands beside it.
        if one.severity != "info" and one.rule_id != "sql.empty":
            found[one.rule_id] = max(found.get(one.rule_id, 0), RANK[one.severity])
    return found


REWRITINGS: dict[TextType, tuple[other.Rewriting, ...]] = {
    "bash": (
        bash.spaced,
        bash.commented,
        bash.braced,
        bash.in_subshell,
        bash.in_function,
        bash.in_bash,
        bash.evaluated,
        bash.in_condition,
        bash.in_list,
        bash.with_wide_gaps,
        bash.with_continued_lines,
        bash.in_single_quotes,
        bash.in_double_quotes,
        bash.escaped,
        bash.escaped_in_list,
        bash.split_by_quotes,
        bash.over_two_lines,
        bash.by_their_bytes,
        bash.from_variables,
    ),
    "python": (
        other.around("# why\n{}\n# done\n"),
        other.around("if True:\n{}\n", "    "),
        other.around("def work():\n{}\n\n\nwork()\n", "    "),
        other.as_python_prints_it,
        other.from_names,
        other.from_added_parts,
    ),
    "powershell": (
        other.around("# why\n{}\n# done\n"),
        other.around("& {{\n{}\n}}\n"),
        other.around("if ($true) {{\n{}\n}}\n", "  "),
        other.unquoted(other.in_capitals),
        other.unquoted(other.in_small_letters),
    ),
    "sql": (
        other.around("-- why\n\n{}\n-- done\n"),
        other.around("SELECT 1;\n{}\n"),
        other.unquoted(other.in_capitals),
        other.unquoted(other.in_small_letters),
        other.unquoted(other.a_word_a_line),
        other.unquoted(other.with_comments_between),
    ),
    "kubernetes": (
        other.as_flow,
        other.in_the_order_of_keys,
        other.with_all_quoted,
        other.as_json,
        other.around("# why\n{}\n# done\n"),
    ),
    "ansible": (
        other.as_flow,
        other.in_the_order_of_keys,
        other.as_json,
        other.around("# why\n{}\n# done\n"),
    ),
}


@pytest.mark.parametrize(
    ("kind", "rewrite"),
    [
        pytest.param(kind, one, id=f"{kind}-{one.__name__}")
        for kind, forms in REWRITINGS.items()
        for one in forms
    ],
)
def test_a_harmless_rewriting_loses_no_finding_and_no_severity(
    kind: TextType, rewrite: other.Rewriting
) -> None:
    lost = {}
    for text in DANGEROUS[kind]:
        before, after = severities(text, kind), severities(rewrite(text), kind)
        if gone := {rule for rule, rank in before.items() if after.get(rule, 0) < rank}:
            lost[text] = gone
    assert lost == {}
