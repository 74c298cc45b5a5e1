"""Harmless rewritings of a bash text: what it does stays the same."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator

import tree_sitter
import tree_sitter_bash


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


def evaluated(text: str) -> str:
    return f"eval {shlex.quote(text)}"


def in_condition(text: str) -> str:
    return f"if true; then\n{text}\nfi"


def in_list(text: str) -> str:
    return f"true\n{text}\ntrue"


def with_wide_gaps(text: str) -> str:
    return _between_words(text, b"  \t ")


def with_continued_lines(text: str) -> str:
    return _between_words(text, b" \\\n    ")


def in_single_quotes(text: str) -> str:
    return _each_word(text, lambda word: b"'" + word + b"'")


def in_double_quotes(text: str) -> str:
    return _each_word(text, lambda word: b'"' + word + b'"')


def escaped(text: str) -> str:
    return _each_word(text, lambda word: b"\\" + word)


def escaped_in_list(text: str) -> str:
    return in_list(escaped(text))


def split_by_quotes(text: str) -> str:
    return _each_word(text, lambda word: word[:1] + b"''" + word[1:])


def over_two_lines(text: str) -> str:
    return _each_word(text, lambda word: word[:1] + b"\\\n" + word[1:])


def by_their_bytes(text: str) -> str:
    return _each_word(text, lambda word: b"$'" + b"".join(b"\\x%02x" % byte for byte in word) + b"'")


def from_variables(text: str) -> str:
    words: list[bytes] = []

    def named(word: bytes) -> bytes:
        words.append(word)
        return b'"$v%d"' % (len(words) - 1)

    rewritten = _each_word(text, named, names=False)
    return "".join(f"v{at}={word.decode()}\n" for at, word in enumerate(words)) + rewritten


def _each_word(text: str, rewrite: Callable[[bytes], bytes], *, names: bool = True) -> str:
    """Each word of a command that stands for itself, its own name too where ``names``."""
    # What is quoted is no alias and no assignment any more: there it would be another script.
    if "alias" in text:
        return text
    kinds = ("command", "command_name") if names else ("command",)
    source = text.encode()
    for node in sorted(_nodes(source, "word"), key=lambda one: -one.start_byte):
        word = node.text or b""
        if node.parent is not None and node.parent.type in kinds and re.fullmatch(rb"[\w./:@%+-]+", word):
            source = source[: node.start_byte] + rewrite(word) + source[node.end_byte :]
    return source.decode()


def _between_words(text: str, gap: bytes) -> str:
    source = text.encode()
    spaces = {
        (left.end_byte, right.start_byte)
        for command in _nodes(source, "command")
        for left, right in zip(command.children, command.children[1:], strict=False)
        if source[left.end_byte : right.start_byte] == b" "
    }
    for start, end in sorted(spaces, reverse=True):
        source = source[:start] + gap + source[end:]
    return source.decode()


def _nodes(source: bytes, kind: str) -> Iterator[tree_sitter.Node]:
    waiting = [tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language())).parse(source).root_node]
    while waiting:
        node = waiting.pop()
        if node.type == kind:
            yield node
        waiting += node.children
