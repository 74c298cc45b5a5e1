"""Words that are read from their text alone are what bash makes of them."""

from __future__ import annotations

import subprocess

import pytest
from suture_safety.bash import words
from suture_safety.bash.machine import Machine
from suture_safety.bash.trail import Trail
from suture_safety.bash.tree import read
from suture_safety.bash.word_templates import (
    assignment_template,
    command_template,
    redirection_template,
    word_template,
)
from suture_safety.bounds import Budget
from suture_safety.collector import Collector
from suture_safety.rulebook import rulebook

_VARIABLES = {"X": "a b", "Y": "", "Z9_": "/etc", "IFS": " \t\n"}
_WORDS = (
    "plain",
    "a/b.c:d=e,f@g%h+i#j",
    "--name='x y'",
    "'single  quoted $X `date`'",
    '"double  quoted"',
    '"a\nb"',
    '""',
    "''",
    "$X",
    "${X}",
    "$Y",
    '"$Y"',
    "pre$X",
    "${X}post",
    "$X$X",
    "$Z9_/$X",
    '"$X"/"$Z9_"',
    '"^$X$"',
    '"$X|$Y /"',
    '"a\\.b\\s"',
    "\\;",
    "\\\\",
    "a\\ b",
    "{}",
    "'{a,b}'",
    "'é'",
    "[^a-z]*",
)
_WITHOUT_TEMPLATE = (
    "~",
    "{a,b}",
    "$(date)",
    "`date`",
    "${X:-1}",
    "${X%b}",
    "$((1+1))",
    "$'a'",
    '"$(date)"',
    '"\\$X"',
    "$@",
    "$10",
    "a b",
    "a;b",
    "a>b",
    "'open",
    "é",
)


@pytest.fixture
def machine() -> Machine:
    budget = Budget()
    machine = Machine(*read("", budget), budget, Collector(), rulebook(), Trail())
    machine.variables = {name: (value,) for name, value in _VARIABLES.items()}
    return machine


@pytest.mark.parametrize("word", _WORDS)
def test_a_word_becomes_what_bash_makes_of_it(machine: Machine, word: str) -> None:
    template = word_template(word.encode())
    assert template is not None
    assert words.filled(machine, template) == _bash(word)


@pytest.mark.parametrize("word", _WITHOUT_TEMPLATE)
def test_what_needs_more_than_its_text_is_left_to_the_tree(word: str) -> None:
    assert word_template(word.encode()) is None


def test_a_command_is_read_up_to_its_end_or_not_at_all(machine: Machine) -> None:
    source = b"sed -i \\\n  's/a/b/' \"$Z9_/x\" \t last"
    template = command_template(source)
    assert template is not None
    found = [each for word in template for each in words.filled(machine, word)]
    assert found == _bash(source.decode())
    for more in (b"a | b", b"a; b", b"a > b", b"X=1 a", b"a # b", b"a &", b"a\nb", b"[a] b"):
        assert command_template(more) is None


def test_an_assignment_is_read_with_its_value_or_not_at_all() -> None:
    assert assignment_template(b"A=") == ("A", False, "")
    assert assignment_template(b"A+='b c'") == ("A", True, "b c")
    for more in (b"A=(b c)", b"A[1]=b", b"A=$(b)", b"A=~/b"):
        assert assignment_template(more) is None


def test_a_redirection_is_read_with_its_one_target_or_not_at_all() -> None:
    assert redirection_template(b"2>&1") == ("2", ">&", "1")
    assert redirection_template(b">> '/tmp/a b'") == ("", ">>", "/tmp/a b")
    for more in (b">&-", b"< <(a)", b"<>a", b"> a b", b"<<< a"):
        assert redirection_template(more) is None


def _bash(source: str) -> list[str]:
    """The words that bash itself makes of it."""
    # With no word at all printf still prints once: the first word here is its own.
    script = f"set -f; printf '%s\\0' first {source}"
    variables = {name: value for name, value in _VARIABLES.items() if name != "IFS"}
    done = subprocess.run(
        ["bash", "-c", script], env={"LC_ALL": "C.UTF-8", **variables}, capture_output=True, check=True
    )
    return done.stdout.decode().split("\0")[1:-1]
