"""The abstract machine's state: variables that may have several values, functions, working directory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from suture_safety.bash.here_documents import misread_document
from suture_safety.bash.swallowed import misread_backquotes, misread_quote
from suture_safety.bash.tree import Unit, first_error, read, text_of
from suture_safety.bash.values import ANY, MANY, TOKEN, UNKNOWN, normal_path
from suture_safety.bounds import MAX_DEPTH, BoundExceeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tree_sitter import Node

    from suture_safety.bash.trail import Trail
    from suture_safety.bounds import Budget
    from suture_safety.collector import Collector
    from suture_safety.rulebook import Rulebook

    Nodes = Callable[[], list[Node]]
    """Gives the node of each word of a command, where somebody asks."""

S = TypeVar("S")
T = TypeVar("T")
MAX_VALUES = 16
_MAX_ROUNDS = 64
_SUBSTITUTION = re.compile(rb"\$\(|[<>]\(|`")
_MAX_NESTED = 8


class Stream(NamedTuple):
    """What flows through a pipe or comes from a here-document.

    ``sources``: the programs that it came through; ``place``: where its text stands;
    ``secret``: a credential in it.
    """

    text: str = ANY
    sources: tuple[str, ...] = ()
    place: tuple[int, int] | None = None
    secret: str = ""


@dataclass(slots=True)
class Scope:
    """What branches of the program may leave in different states."""

    variables: dict[str, tuple[str, ...]]
    arrays: dict[str, list[str]]
    cwd: str | None


class Machine:
    """Interprets one script (``statements.run`` walks it) and reports to the collector."""

    def __init__(
        self, unit: Unit, root: Node, budget: Budget, collector: Collector, rules: Rulebook, trail: Trail
    ) -> None:
        self.unit = unit
        self.budget = budget
        self.collector = collector
        self.rules = rules
        self.trail = trail
        self.depth = 0
        self.nested_depth = 0
        self.loop_depth = 0
        self.variables: dict[str, tuple[str, ...]] = {}
        self.arrays: dict[str, list[str]] = {}
        self.references: dict[str, str] = {}
        self.functions: dict[str, tuple[Node, Unit]] = {}
        self.called: set[str] = set()
        self.active: tuple[str, ...] = ()
        self.aliases: dict[str, str] = {}
        self.arguments: list[str] | None = None
        self.cwd: str | None = None
        self.here: Node = root
        self.guarded = False
        self.piped = False
        self.input: Stream | None = None
        self.files: dict[str, Stream] = {}
        self.inert: set[str] = set()
        self.functions_at_exit: list[str] = []
        self.process_sources: dict[str, Stream] = {}
        self._choice: dict[str, int] = {}
        self._pending: dict[str, int] = {}
        self._widened = False

    def referred(self, name: str) -> str:
        """The variable that a name stands for: another one after ``declare -n``."""
        for _ in range(_MAX_NESTED):
            name = self.references.get(name, name)
        return name

    def choose(self, key: str, options: tuple[str, ...]) -> str:
        """One of the options; ``each_round`` sees to it that each gets its turn."""
        if self._widened:
            return _joined(options)[0]
        self._pending[key] = len(options)
        return options[self._choice.get(key, 0) % len(options)]

    def each_round(self, evaluate: Callable[[], S], use: Callable[[S], T]) -> list[T]:
        """What ``use`` makes of what ``evaluate`` gives for each combination of the values that it uses."""
        outer = self._choice, self._pending, self._widened
        self._choice, self._pending, self._widened = {}, {}, False
        try:
            made = [use(evaluate())]
            if self._pending:
                made += self._further_rounds(evaluate, use)
            return made
        finally:
            self._choice, self._pending, self._widened = outer

    def _further_rounds(self, evaluate: Callable[[], S], use: Callable[[S], T]) -> Iterator[T]:
        keys, sizes = list(self._pending), list(self._pending.values())
        combinations = product(*(range(size) for size in sizes))
        for combination in islice(combinations, 1, _MAX_ROUNDS):
            self._choice = dict(zip(keys, combination, strict=True))
            yield use(evaluate())
        if next(combinations, None) is not None:
            self._widened = True
            yield use(evaluate())

    def narrow(self, name: str) -> None:
        """From here on the variable is known not to be empty."""
        values = self.variables.get(name, (ANY,))
        if name.isdigit():
            if self.arguments is None:
                self.variables[name] = (TOKEN,)
            return
        self.variables[name] = tuple(
            "\ue001" if value in (ANY, MANY) else value for value in values if value
        ) or ("\ue001",)

    def scope(self) -> Scope:
        return Scope(dict(self.variables), dict(self.arrays), self.cwd)

    def restore(self, scope: Scope) -> None:
        self.variables, self.arrays, self.cwd = dict(scope.variables), dict(scope.arrays), scope.cwd

    def changed_since(self, scope: Scope) -> bool:
        return self.variables != scope.variables or self.arrays != scope.arrays

    def join(self, scopes: list[Scope]) -> None:
        """Go on with whatever any of the branches may have left."""
        if not scopes:
            return
        self.restore(scopes[0])
        for other in scopes[1:]:
            if other.variables != self.variables:
                self._join_variables(other.variables)
            for name in other.arrays.keys() | self.arrays.keys():
                if other.arrays.get(name) != self.arrays.get(name):
                    self.arrays[name] = _joined_arrays(self.arrays.get(name), other.arrays.get(name))
            if other.cwd != self.cwd:
                self.cwd = None

    def _join_variables(self, others: dict[str, tuple[str, ...]]) -> None:
        for name in others.keys() | self.variables.keys():
            mine, theirs = self.variables.get(name), others.get(name)
            if mine != theirs:
                # Never set on one way: there it has whatever the environment gives it.
                self.variables[name] = _joined((*(mine or (ANY,)), *(theirs or (ANY,))))

    def place(self, node: Node) -> tuple[int, int]:
        return self.unit.place(node)

    def warn(self, rule: str, node: Node, message: str, remedy: str) -> None:
        self.collector.add(rule, "warning", message, remedy, self.unit.place(node))

    def substitute(self, node: Node) -> str:
        """Runs a command substitution and gives what it prints, as far as that is known."""
        from suture_safety.bash import statements  # the two halves of one interpreter call each other

        before = self.scope()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise BoundExceeded("bounds.depth", f"is nested deeper than {MAX_DEPTH} levels")
        children = [child for child in node.children if child.is_named and child.type != "comment"]
        if node.text and node.text.startswith(b"`") and b"\\`" in node.text:
            code = text_of(node)[1:-1].replace("\\`", "`").replace("\\\\", "\\")
            stream = self.run_text(code, self.place(node), exact=False)
        else:
            stream = statements.run_all(self, children, None)
        if len(children) == 1 and children[0].type == "file_redirect":
            stream = self._read_file(children[0])
        self.depth -= 1
        self.restore(before)
        return stream.text.rstrip("\n")

    def _read_file(self, redirect: Node) -> Stream:
        """What ``$(<file)`` gives."""
        from suture_safety.bash.redirects import read_redirects

        (read,) = read_redirects(self, (redirect,))
        return self.files.get(normal_path(read.target, self.cwd)) or Stream(ANY)

    def process_substitution(self, node: Node) -> str:
        """Runs ``<(…)`` or ``>(…)`` and gives the name of a pipe that remembers where it comes from."""
        from suture_safety.bash import statements

        stream = statements.run_all(self, [child for child in node.children if child.is_named], None)
        path = f"/dev/fd/{100 + len(self.process_sources)}"
        self.process_sources[path] = stream
        return path

    def visit_substitutions(self, node: Node) -> None:
        """Runs every substitution in a node whose own value does not matter."""
        if not _SUBSTITUTION.search(node.text or b""):
            return
        stack = [node]
        while stack:
            one = stack.pop()
            if one.type == "command_substitution":
                self.substitute(one)
            elif one.type == "process_substitution":
                self.process_substitution(one)
            elif one.child_count:
                stack.extend(reversed(one.children))

    def run_text(self, code: str, place: tuple[int, int], exact: bool, stdin: Stream | None = None) -> Stream:
        """Analyses text that a shell is given as code, at its own place where that is exact."""
        from suture_safety.bash import statements

        self.nested_depth += 1
        if self.nested_depth > _MAX_NESTED:
            raise BoundExceeded("bounds.depth", f"hands code to a shell more than {_MAX_NESTED} levels deep")
        outer = self.unit
        try:
            self.unit, root = read(code, self.budget, place, exact)
            self.check_syntax(root)
            return statements.run_all(self, root.children, stdin)
        finally:
            self.unit = outer
            self.nested_depth -= 1

    def check_syntax(self, root: Node) -> None:
        if root.has_error and (error := first_error(root)):
            shown = text_of(error).strip().split("\n")[0][:60]
            what = (
                f"{error.type!r} is missing" if error.is_missing else f"bash syntax is broken near {shown!r}"
            )
            self.broken(error, what)
        if self.unit.source.count(b"`") > 2 and (inner := misread_backquotes(root)):
            self.broken(inner, "which backquotes belong together cannot be told: $(…) says it")
        if b"<<" in self.unit.source and (inner := misread_document(self.unit.source, root)):
            self.broken(inner, "where this here-document ends cannot be told: it needs its delimiter alone")
        if b"\\\\'" in self.unit.source and b"$'" in self.unit.source and (inner := misread_quote(root)):
            self.broken(inner, "where this $'…' ends cannot be told: write its last backslash as \\x5c")

    def broken(self, node: Node, what: str) -> None:
        """Says that the text cannot be read as bash reads it."""
        remedy = "Fix the syntax; what cannot be read is not run."
        self.collector.add("bash.syntax", "error", what, remedy, self.place(node))


def _joined(values: tuple[str, ...]) -> tuple[str, ...]:
    distinct = tuple(dict.fromkeys(values))
    if len(distinct) <= MAX_VALUES:
        return distinct
    return (UNKNOWN.split(_shared(distinct))[0] + ANY,)


def _joined_arrays(mine: list[str] | None, theirs: list[str] | None) -> list[str]:
    if mine is None or theirs is None:
        return [MANY]
    shared = [left for left, right in zip(mine, theirs, strict=False) if left == right]
    return [*shared, MANY] if mine[: len(shared)] == shared == theirs[: len(shared)] else [MANY]


def _shared(values: tuple[str, ...]) -> str:
    """The beginning that all of them have."""
    first, last = min(values), max(values)
    length = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    return first[:length]


widened = _joined
