"""What a rehearsal saw, in words that an approval can carry, and where it is otherwise by now."""

from __future__ import annotations

import json

from suture_sandbox.runner.tree import hashed

TYPE_CHECKING = False
if TYPE_CHECKING:
    Words = dict[str, str]

ALL = "everything"
"""The one name of words that were folded into one."""
_MOST_NAMES = 100
_LONGEST_NAME = 300


def seen(words: Words) -> Words:
    """A word a path, row set or object, bounded; what is not named by itself has one word together."""
    names = [name for name in sorted(words) if len(name) <= _LONGEST_NAME][:_MOST_NAMES]
    named = {name: words[name] for name in names}
    others = {name: word for name, word in words.items() if name not in named}
    return {**named, f"and {len(others)} others": _word(others)} if others else named


def folded(words: Words) -> Words:
    """The same in one word, where an approval has no room for more."""
    return {ALL: _word(words)}


def drift(expected: Words, words: Words) -> list[str]:
    """What is not as expected, by name; what came and what went counts. Without expectation nothing."""
    if not expected:
        return []
    now = seen(words)
    if set(expected) == {ALL}:
        return [] if folded(now) == expected else [f"one of {', '.join(list(now)[:20])}"]
    return sorted(name for name in expected.keys() | now.keys() if expected.get(name) != now.get(name))


def refusal(expected: Words, words: Words) -> str:
    """Why a run must not begin, or nothing."""
    drifted = drift(expected, words)
    return f"not as it was when the change was approved: {', '.join(drifted)}" if drifted else ""


def _word(words: Words) -> str:
    return hashed(json.dumps(words, sort_keys=True).encode())
