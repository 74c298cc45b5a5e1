"""One command as bash would run it: name, words, options, operands, redirections, standard input."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from suture_safety.bash.values import MANY, normal_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from suture_safety.bash.machine import Stream
    from suture_safety.rulebook import Program


class Redirect(NamedTuple):
    """``operator`` is one of ``< > >> >| <> >& &>``; ``target`` the file, as far as it is known."""

    operator: str
    descriptor: str
    target: str
    node: Node


_NO_VALUES: frozenset[str] = frozenset()


class Command:
    """``name`` is the base name of the program, ``arguments`` all words after it.

    Options and paths are worked out when a rule first asks: most commands meet no rule.
    """

    _options: dict[str, str] | None = None
    _operands: list[str]
    _joined: str | None = None
    _lowered: str | None = None
    _paths: list[str] | None = None
    _outputs: list[str] | None = None

    def __init__(
        self,
        name: str,
        arguments: list[str],
        node: Node,
        place: tuple[int, int],
        redirects: tuple[Redirect, ...] = (),
        stdin: Stream | None = None,
        wrappers: tuple[str, ...] = (),
        assigns: tuple[str, ...] = (),
        cwd: str | None = None,
        piped: bool = False,
        program: Program | None = None,
    ) -> None:
        """``program``: what is known of it, ``None`` where nothing is."""
        self.name = name
        self.arguments = arguments
        self.node = node
        self.place = place
        self.redirects = redirects
        self.stdin = stdin
        self.wrappers = wrappers
        self.assigns = assigns
        self.cwd = cwd
        self.piped = piped
        self.program = program

    @property
    def valued(self) -> frozenset[str]:
        """The options that take the next word as their value."""
        return self.program.valued if self.program else _NO_VALUES

    @property
    def options(self) -> dict[str, str]:
        """Every option that is set: clusters taken apart, long ones without their value, with it as value."""
        return self._parse() if self._options is None else self._options

    @property
    def operands(self) -> list[str]:
        if self._options is None:
            self._parse()
        return self._operands

    @property
    def joined(self) -> str:
        if self._joined is None:
            self._joined = " ".join(self.arguments)
        return self._joined

    @property
    def lowered(self) -> str:
        """``joined`` in lower case."""
        if self._lowered is None:
            self._lowered = self.joined.lower()
        return self._lowered

    @property
    def paths(self) -> list[str]:
        """The operands as normal paths."""
        if self._paths is None:
            self._paths = [normal_path(word, self.cwd) for word in self.operands if word != MANY]
        return self._paths

    @property
    def outputs(self) -> list[str]:
        """Where the command's output is redirected to, as normal paths."""
        if self._outputs is None:
            self._outputs = [normal_path(one.target, self.cwd) for one in self.redirects if is_output(one)]
        return self._outputs

    def has(self, *names: str) -> bool:
        """Whether any of these options is set; a beginning of a long one counts, as in GNU's programs."""
        options = self.options
        if not options:
            return False
        for name in names:
            if name in options:
                return True
        for given in options:
            if given.startswith("--") and len(given) > 4:
                for name in names:
                    if name.startswith(given):
                        return True
        return False

    def _parse(self) -> dict[str, str]:
        options: dict[str, str] = {}
        operands: list[str] = []
        valued = self.valued
        words = iter(self.arguments)
        for word in words:
            if word[:1] != "-" or word == "-":
                operands.append(word)
            elif word == "--":
                operands.extend(words)
            elif word in valued:
                options[word] = next(words, "")
            elif word.startswith("--"):
                name, _, value = word.partition("=")
                options[name] = value
            else:
                self._cluster(word, options, words, valued)
        self._options, self._operands = options, operands
        return options

    @staticmethod
    def _cluster(word: str, options: dict[str, str], words: Iterator[str], valued: frozenset[str]) -> None:
        options[word] = ""  # some programs have long options with one dash
        if len(word) == 2:
            return
        for position, letter in enumerate(word[1:], start=2):
            flag = f"-{letter}"
            if flag in valued:
                options[flag] = word[position:] or next(words, "")
                return
            options.setdefault(flag, "")


def is_output(redirect: Redirect) -> bool:
    return ">" in redirect.operator and not (
        redirect.operator == ">&" and redirect.target.rstrip("-").isdigit()
    )
