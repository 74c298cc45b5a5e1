"""Bad input of every language: the result is clear, says what is wrong, and comes within the bounds."""

from __future__ import annotations

import time
from typing import get_args

import pytest
from pydantic import TypeAdapter
from pydantic_core import to_json
from suture_contracts.report import Report
from suture_safety import analyse
from suture_safety.text_types import TextType

TYPES: tuple[TextType, ...] = get_args(TextType)
MAX_CPU_SECONDS = 6.0  # three times the bound: the parsers look at the clock now and then only


def _report(text: str, script_type: TextType) -> Report:
    started = time.thread_time()
    report = analyse(text, script_type)
    assert time.thread_time() - started < MAX_CPU_SECONDS
    assert report.is_valid == (not report.errors)
    assert TypeAdapter(Report).validate_json(to_json(report)) == report
    return report


def _rules(report: Report) -> list[tuple[str, str]]:
    return [(one.rule_id, one.severity) for one in report.findings]


@pytest.mark.parametrize("script_type", TYPES)
@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "text.empty"),
        (" \r\n\t\n", "text.empty"),
        ("\ufeff", "text.empty"),
        ("x" * 10_000_000, "bounds.size"),
        ("echo " + "x" * 1_000_000, "bounds.size"),
        ("true\n" * 100_000, "bounds.size"),
        ("a: 1\x00", "text.nul"),
        (b"a: \xff\xfe\xc3(".decode("utf-8", "surrogateescape"), "text.surrogate"),
        ("rm -rf /".encode("utf-16").decode("utf-8", "surrogateescape"), "text.nul"),
        ("rm -rf /".encode("utf-16-le").decode("latin-1"), "text.nul"),
        ("a: \u202eb", "text.bidirectional"),
        ("a: \u200fb", "text.bidirectional"),
        ("a: \u2067b\u2069", "text.bidirectional"),
    ],
    ids=[
        "empty",
        "blank",
        "byte order mark alone",
        "10 MB",
        "a line of 1 MB",
        "100,000 lines",
        "NUL",
        "invalid UTF-8",
        "UTF-16 with a mark",
        "UTF-16 without one",
        "override",
        "right-to-left mark",
        "isolate",
    ],
)
def test_what_no_language_can_be_is_invalid_and_says_why(text: str, rule: str, script_type: TextType) -> None:
    report = _report(text, script_type)
    assert (rule, "error") in _rules(report)
    assert all(one.remedy for one in report.findings if one.severity == "error")


@pytest.mark.parametrize("script_type", TYPES)
@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("\ufeffa: 1\n", "text.byte-order-mark"),
        ("a: 1\r\n", "text.carriage-return"),
        ("a: 1\r", "text.carriage-return"),
        ("a: x\u200by", "text.invisible"),
        ("a: r\u043c", "text.homoglyph"),
        ("a: p\u0430ss", "text.homoglyph"),
        ("a: \u0440_m", "text.homoglyph"),
        ("a: \uff52\uff4d", "text.homoglyph"),
        ("a: \U0001d42b\U0001d426", "text.homoglyph"),
    ],
)
def test_what_reads_otherwise_than_it_runs_is_a_warning_in_every_language(
    text: str, rule: str, script_type: TextType
) -> None:
    assert (rule, "warning") in _rules(_report(text, script_type))


@pytest.mark.parametrize(
    "text",
    ["echo 'привет, мир'", "echo 'Größe: 5 µm'", "echo '完成：是'", "# Σύστημα\ntrue", "echo 'é'"],
)
def test_text_in_the_words_of_another_language_is_no_homoglyph(text: str) -> None:
    assert "text.homoglyph" not in [rule for rule, _ in _rules(_report(text, "bash"))]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_neither_line_ends_nor_a_byte_order_mark_hide_what_a_text_does(ends: str, mark: str) -> None:
    report = _report(f"{mark}true{ends}rm -rf /{ends}", "bash")
    found = next(one for one in report.findings if one.rule_id == "filesystem.remove-system-root")
    assert (found.severity, found.line) == ("error", 2)


DEEP = {
    "parentheses": "(" * 10_000 + "rm -rf /" + ")" * 10_000,
    "groups": "{ " * 10_000 + "rm -rf /" + ";}" * 10_000,
    "substitutions": "$(" * 10_000 + "rm -rf /" + ")" * 10_000,
}


@pytest.mark.parametrize("name", DEEP)
def test_depth_hides_nothing(name: str) -> None:
    report = _report(DEEP[name], "bash")
    assert not report.is_valid


@pytest.mark.parametrize("script_type", TYPES)
@pytest.mark.parametrize(
    "text", ["(" * 10_000 + ")" * 10_000, "[" * 10_000, "\n" * 99_999 + "a", " \n" * 80_000]
)
def test_depth_and_blank_lines_get_an_answer_in_every_language(text: str, script_type: TextType) -> None:
    _report(text, script_type)


YAML = {
    "bomb": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)),
    "bomb of merges": "a: &a {x: 1}\n" + "".join(f"b{i}: &b{i} {{<<: [*a, *a]}}\n" for i in range(8_000)),
    "many aliases": "a: &a [x]\nb: [" + ",".join(["*a"] * 40_000) + "]",
    "list in itself": "- &a [*a]\n",
    "mapping in itself": "- &a {shell: {x: *a}}\n",
    "documents": "---\na: 1\n" * 10_000,
    "depth": "a: " + "[" * 5_000 + "]" * 5_000,
}


@pytest.mark.parametrize("script_type", ["kubernetes", "ansible"])
@pytest.mark.parametrize("name", YAML)
def test_yaml_that_unfolds_without_end_is_refused_before_it_is_built(
    name: str, script_type: TextType
) -> None:
    assert _report(YAML[name], script_type).findings[0].rule_id.startswith("bounds.")


@pytest.mark.parametrize("name", ["bomb", "bomb of merges", "many aliases", "documents", "depth"])
def test_a_configuration_that_unfolds_without_end_is_refused_too(name: str) -> None:
    assert _report(YAML[name], "config").findings[0].rule_id.startswith("bounds.")


def test_an_alias_within_the_bounds_hides_nothing() -> None:
    manifest = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: &b {}}\nspec:\n  containers:\n"
        "  - &c {name: a, image: 'a:1', securityContext: &s {privileged: true}}\n"
        "  - {name: b, image: 'b:1', securityContext: *s}\n"
    )
    assert ("kubernetes.privileged", "error") in _rules(_report(manifest, "kubernetes"))


@pytest.mark.parametrize(
    "text", ["- - a\n", "- just words\n", "- {}\n", "a: 1\n", "- name: x\n  shell: ls\n- 7\n"]
)
def test_a_playbook_with_something_that_is_no_task_is_invalid(text: str) -> None:
    assert ("ansible.syntax", "error") in _rules(_report(text, "ansible"))


ENDLESS = {
    "function": ("bash", "f() { f; rm -rf /; }; f"),
    "two functions": ("bash", "f() { g; }; g() { f; rm -rf /; }; f"),
    "eval of itself": ("bash", 'rm -rf /; x=\'eval "$x"\'; eval "$x"'),
    "script of itself": ("bash", "rm -rf /; echo '. ./x' > x; . ./x"),
    "aliases": ("bash", "rm -rf /; alias a=b; alias b=a; a"),
    "growing value": ("bash", "x=a; while :; do x=$x$x; done; rm -rf /"),
    "braces": ("bash", "echo {1..100000000}{1..100000000}; rm -rf /"),
    "arithmetic": ("bash", "echo $((9**9**9)) $((1<<1000000000)); rm -rf /"),
    "width": ("bash", "printf '%1000000000d' 1; rm -rf /"),
    "python function": ("python", "import os\ndef f():\n    f()\n    os.system('rm -rf /')\nf()\n"),
    "python product": ("python", "import os\nx = 'a' * 10**12 * 10**12\nos.system('rm -rf /')\n"),
    "python power": ("python", "import os\nx = 9**9**9**9\nos.system('rm -rf /' + 'a' * (9**9**9))\n"),
    "powershell function": ("powershell", "function f { f; Remove-Item -Recurse -Force / }\nf\n"),
    "powershell product": ("powershell", "$x = 'a' * 1000000000\nRemove-Item -Recurse -Force /\n"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_ends_here_and_hides_nothing(name: str) -> None:
    script_type, text = ENDLESS[name]
    assert not _report(text, script_type).is_valid  # type: ignore[arg-type]
