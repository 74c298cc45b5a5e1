"""One command as bash would run it: name, words, options, operands, redirections, standard input."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from suture_safety.bash.values import MANY, normal_path

if TYPE_CHECKING:
    from tree_sitter import Node

    from suture_safety.bash.machine import Stream


class Redirect(NamedTuple):
    """``operator`` is one of ``< > >> >| <> >& &>``; ``target`` the file, as far as it is known."""

    operator: str
    descriptor: str
    target: str
    node: Node


NO_VALUES: frozenset[str] = frozenset()


@dataclass
class Command:
    """``name`` is the base name of the program, ``arguments`` all words after it."""

    name: str
    arguments: list[str]
    node: Node
    place: tuple[int, int]
    redirects: tuple[Redirect, ...] = ()
    stdin: Stream | None = None
    wrappers: tuple[str, ...] = ()
    assigns: tuple[str, ...] = ()
    cwd: str | None = None
    piped: bool = False
    valued: frozenset[str] = field(default=NO_VALUES)
    """The options of this program that take the next word as their value."""

    @cached_property
    def _parsed(self) -> tuple[dict[str, str], list[str]]:
        options: dict[str, str] = {}
        operands: list[str] = []
        words = iter(self.arguments)
        for word in words:
            if len(word) < 2 or word[0] not in "-" or word == "-":
                operands.append(word)
            elif word == "--":
                operands.extend(words)
            elif word in self.valued:
                options[word] = next(words, "")
            elif word.startswith("--"):
                name, _, value = word.partition("=")
                options[name] = value
            else:
                self._cluster(word, options, words)
        return options, operands

    def _cluster(self, word: str, options: dict[str, str], words: object) -> None:
        options[word] = ""  # some programs have long options with one dash
        for position, letter in enumerate(word[1:], start=2):
            flag = f"-{letter}"
            if flag in self.valued:
                options[flag] = word[position:] or next(words, "")  # type: ignore[call-overload]
                return
            options.setdefault(flag, "")

    @property
    def options(self) -> dict[str, str]:
        """Every option that is set: clusters taken apart, long ones without their value, with it as value."""
        return self._parsed[0]

    @property
    def operands(self) -> list[str]:
        return self._parsed[1]

    @cached_property
    def joined(self) -> str:
        return " ".join(self.arguments)

    @cached_property
    def paths(self) -> list[str]:
        """The operands as normal paths."""
        return [normal_path(word, self.cwd) for word in self.operands if word != MANY]

    @cached_property
    def outputs(self) -> list[str]:
        """Where the command's output is redirected to, as normal paths."""
        return [normal_path(one.target, self.cwd) for one in self.redirects if is_output(one)]

    def has(self, *names: str) -> bool:
        """Whether any of these options is set; an unambiguous beginning of a long one counts, as in GNU's."""
        options = self.options
        return any(name in options for name in names) or any(
            given.startswith("--") and len(given) > 4 and name.startswith(given)
            for given in options
            for name in names
            if name.startswith("--")
        )


def is_output(redirect: Redirect) -> bool:
    return ">" in redirect.operator and not (
        redirect.operator == ">&" and redirect.target.rstrip("-").isdigit()
    )
